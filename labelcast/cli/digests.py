"""``labelcast digests``: what is offered by email."""

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli.errors import CommandFailed
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer_bytes, answer_json, answer_table, say
from labelcast.cli.rules import read_rule

if TYPE_CHECKING:
    from digests.model import Digest

app = typer.Typer(help="List digests; add, remove and preview them.", rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The digest's slug.")]


class PreviewFormat(StrEnum):
    """What to see of a digest, as it is typed."""

    HTML = "html"
    TEXT = "text"
    EML = "eml"


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_digests(context, as_json=as_json)


@app.command("list")
def list_digests(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all digests."""
    from digests import store
    from digests.cadence import describe

    with opened(context) as wiring, wiring.database.read() as connection:
        found = store.list_digests(connection)
    if as_json:
        answer_json([_document(digest) for digest in found])
    else:
        columns = ("slug", "title", "rule", "when")
        answer_table(columns, [(d.slug, d.title, d.rule, describe(store.reader_rhythm(d))) for d in found])


@app.command("add")
def add(
    context: typer.Context,
    slug: Slug,
    *,
    rule: Annotated[str, typer.Option("--rule", metavar="R", help="Which posts: a rule of labels.")],
    cadence: Annotated[
        str, typer.Option("--cadence", metavar="C", help="instant, daily, weekly or monthly.")
    ] = "weekly",
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="AT", help="When: 08:00, 'mon 08:00', '15 08:00', 'last 08:00'."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="Z", help="Where it is then, else as in the settings.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", metavar="T", help="Its title.")] = None,
    language: Annotated[
        str | None, typer.Option("--language", metavar="TAG", help="Its language, else as in the settings.")
    ] = None,
    offer: Annotated[
        list[str] | None,
        typer.Option(
            "--offer", metavar="C", help="A cadence that readers may choose; else they may choose any."
        ),
    ] = None,
    template: Annotated[
        str, typer.Option("--template", metavar="NAME", help="The folder of its templates.")
    ] = "digest",
    max_age: Annotated[
        float | None,
        typer.Option("--max-age", min=0, max=3660, metavar="DAYS", help="A post older than this is no news."),
    ] = None,
    max_lateness: Annotated[
        float | None,
        typer.Option(
            "--max-lateness",
            min=1,
            max=87840,
            metavar="HOURS",
            help="Later than this, it comes with the next one.",
        ),
    ] = None,
) -> None:
    """Offer a digest."""
    from digests import store
    from digests.cadence import describe
    from digests.offer import MAX_AGE

    with opened(context) as wiring, wiring.database.write() as connection:
        digest = store.add_digest(
            connection,
            slug,
            rule=str(read_rule(connection, rule)),
            now=moment(None),
            title=title,
            cadence=cadence,
            cadences=[cadence, *offer] if offer else None,
            at=at,
            timezone=timezone or wiring.settings.timezone,
            language=language or wiring.settings.language,
            template=template,
            max_age=MAX_AGE if max_age is None else timedelta(days=max_age),
            max_lateness=None if max_lateness is None else timedelta(hours=max_lateness),
        )
    say(f"digest {slug}: added, {describe(store.reader_rhythm(digest))}, with the rule {digest.rule}")


@app.command("remove")
def remove(
    context: typer.Context,
    slug: Slug,
    *,
    force: Annotated[bool, typer.Option("--force", help="Also when readers are subscribed to it.")] = False,
) -> None:
    """Remove a digest, with its subscriptions and what is recorded of its mail."""
    from digests.store import remove_digest

    with opened(context) as wiring, wiring.database.write() as connection:
        ended = remove_digest(connection, slug, force=force)
    say(f"digest {slug}: removed, with {ended} subscriptions")


@app.command("preview")
def preview(
    context: typer.Context,
    slug: Slug,
    *,
    subscriber: Annotated[
        str | None, typer.Option("--subscriber", metavar="E", help="As this reader would get it.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="ISO", help="As it would be at this instant.")
    ] = None,
    form: Annotated[PreviewFormat, typer.Option("--format", help="What to see of it.")] = PreviewFormat.TEXT,
) -> None:
    """Print a digest as it would be sent. Sends and stores nothing.

    Where there is no news, the newest posts stand in for them.
    """
    from labelcast.preview import preview_digest

    with opened(context) as wiring:
        instant = moment(at, timezone=wiring.settings.timezone, option="--at")
        body, is_news = preview_digest(wiring, slug, at=instant, email=subscriber, form=form.value)
    if body is None:
        raise CommandFailed(f"digest {slug}: no post is under its rule yet, so there is nothing to show")
    if not is_news:
        say("there is no news at that instant, and nothing would be sent; these are the newest posts")
    answer_bytes(body)


def _document(digest: "Digest") -> dict[str, object]:
    from digests.store import digest_at

    return {
        "slug": digest.slug,
        "title": digest.title,
        "rule": digest.rule,
        "cadence": digest.cadence,
        "at": digest_at(digest),
        "timezone": digest.timezone,
        "cadences": digest.cadences,
        "language": digest.language,
        "template": digest.template,
        "max_age_days": digest.max_age / timedelta(days=1),
        "max_lateness_hours": digest.max_lateness / timedelta(hours=1),
    }
