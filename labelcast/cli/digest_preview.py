"""``labelcast digests preview`` and ``test``: a digest's mail, to be looked at before readers do."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli.digest_options import Slug
from labelcast.cli.errors import CommandFailed
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer_bytes, say

if TYPE_CHECKING:
    from labelcast.preview import When

Subscriber = Annotated[
    str | None, typer.Option("--subscriber", metavar="E", help="As this reader would get it.")
]
AtInstant = Annotated[
    str | None,
    typer.Option("--at", metavar="ISO", help="At this instant, past or to come; a day: the slot on it."),
]


class PreviewFormat(StrEnum):
    """How a preview is shown."""

    HTML = "html"
    TEXT = "text"
    EML = "eml"


def preview(
    context: typer.Context,
    slug: Slug,
    *,
    subscriber: Subscriber = None,
    at: AtInstant = None,
    form: Annotated[PreviewFormat, typer.Option("--format", help="What to see of it.")] = PreviewFormat.TEXT,
) -> None:
    """Print a digest as it would be sent, or as it was. Sends and stores nothing.

    Where there is no news, the newest posts stand in for them.
    """
    from labelcast.preview import preview_digest

    with opened(context) as wiring:
        found = preview_digest(wiring, slug, _when(at, wiring.settings.timezone), email=subscriber)
    if found is None:
        raise CommandFailed(f"digest {slug}: no post is under its rule yet, so there is nothing to show")
    if found.remark:
        say(found.remark)
    answer_bytes(found.part(form.value))


def send(
    context: typer.Context,
    slug: Slug,
    *,
    to: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Whom to send it to.")],
    subscriber: Subscriber = None,
    at: AtInstant = None,
) -> None:
    """Send a digest's mail to one address, as a test. It goes by the way of all mail; nothing is stored."""
    from labelcast.preview import send_test

    with opened(context) as wiring:
        reply = send_test(wiring, slug, _when(at, wiring.settings.timezone), email=subscriber, to=to)
    say(f"digest {slug}: sent to {to}: {reply}")


def _when(at: str | None, timezone: str) -> "When":
    from labelcast.preview import When

    instant = moment(at, timezone=timezone, option="--at")
    try:
        day = None if at is None else datetime.strptime(at, "%Y-%m-%d").date()  # noqa: DTZ007 - a day alone
    except ValueError:
        day = None
    return When(moment(None), instant, day)
