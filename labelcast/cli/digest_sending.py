"""``labelcast digests pause``, ``resume`` and ``send``: a digest held back, or sent beside its slots."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli.digest_options import Slug
from labelcast.cli.errors import UsageProblem
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from digests.planning.estimating import Estimate

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def pause(context: typer.Context, slug: Slug) -> None:
    """Let nothing of a digest come due until it is resumed. Nothing is lost by it."""
    from digests.planning.calling import pause_digest
    from digests.store import get_digest

    with opened(context) as wiring, wiring.database.write() as connection:
        was = get_digest(connection, slug).paused_at
        pause_digest(connection, slug, now=moment(None))
    say(f"digest {slug}: {'paused' if was is None else 'was paused already'}")


def resume(context: typer.Context, slug: Slug) -> None:
    """Let a paused digest come due again."""
    from digests.planning.calling import resume_digest
    from digests.store import get_digest

    with opened(context) as wiring, wiring.database.write() as connection:
        was = get_digest(connection, slug).paused_at
        resume_digest(connection, slug)
    say(f"digest {slug}: {'was not paused' if was is None else 'resumed'}")


def send(context: typer.Context, slug: Slug, *, yes: Yes = False) -> None:
    """Send what waits in a digest now, beside its slots. The next tick mails it to each of its readers."""
    from digests.planning.calling import send_now
    from digests.planning.estimating import estimate
    from digests.store import get_digest

    now = moment(None)
    with opened(context) as wiring:
        with wiring.database.read() as connection:
            its = get_digest(connection, slug)
            found = estimate(connection, its, now=now)
        for line in _lines(found):
            answer(line)
        if not yes and not sys.stdin.isatty():
            raise UsageProblem(f"digest {slug}: this sends mail: say so with --yes")
        if not yes and not typer.confirm(f"Send {slug} now?", err=True):
            say(f"digest {slug}: not sent")
            return
        with wiring.database.write() as connection:
            send_now(connection, slug, last=its.send_at, now=moment(None))
    say(f"digest {slug}: goes out at the next tick")


def _lines(found: "Estimate") -> "Iterator[str]":
    """What sending now comes to."""
    if not found.is_all:
        yield f"of {found.readers} readers who were looked at (there are more):"
    for posts, readers in found.mailed.items():
        yield f"{readers} would get {posts} post{'s' if posts > 1 else ''}"
    for readers, why in (
        (found.nothing_new, "have nothing new"),
        (found.too_few, "wait for more posts"),
        (found.paused, "have paused"),
    ):
        if readers:
            yield f"{readers} would get nothing: they {why}"
    if not found.readers:
        yield "it has no reader"
