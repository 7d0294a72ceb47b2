"""``labelcast feeds``: which there are, configuring some, and building them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from labelcast.cli.errors import CommandFailed
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer_bytes, answer_json, answer_table, progress, say
from labelcast.cli.rules import read_rule

app = typer.Typer(help="List feeds; configure, show and build them.", rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="A feed's slug.")]


class FeedFormat(StrEnum):
    """A format of feeds, as it is typed."""

    ATOM = "atom"


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_feeds(context, as_json=as_json)


@app.command("list")
def list_feeds(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List every feed: all, the configured ones, and each label's own."""
    from feeds.selection import all_feeds

    with opened(context) as wiring, wiring.database.read() as connection:
        found = all_feeds(connection, wiring.site)
    if as_json:
        answer_json(
            [
                {
                    "slug": feed.slug,
                    "title": feed.title,
                    "rule": str(feed.rule),
                    "entries": feed.entries,
                    "id": feed.uri,
                    "url": feed.self_url,
                }
                for feed in found
            ]
        )
    else:
        columns = ("slug", "rule", "title", "entries", "url")
        answer_table(columns, [(f.slug, f.rule, f.title, f.entries, f.self_url) for f in found])


@app.command("add")
def add(
    context: typer.Context,
    slug: Slug,
    *,
    rule: Annotated[str, typer.Option("--rule", metavar="R", help="Which posts: a rule of labels.")],
    title: Annotated[str | None, typer.Option("--title", metavar="T", help="Its title.")] = None,
    subtitle: Annotated[str | None, typer.Option("--subtitle", metavar="T", help="Its subtitle.")] = None,
    entries: Annotated[
        int | None,
        typer.Option(
            "--entries", min=1, max=1000, metavar="N", help="How many posts, else as in the settings."
        ),
    ] = None,
) -> None:
    """Configure a feed. Each label has one without."""
    from feeds.selection import add_feed

    with opened(context) as wiring, wiring.database.write() as connection:
        parsed = read_rule(connection, rule)
        add_feed(
            connection,
            slug=slug,
            rule=parsed,
            now=moment(None),
            title=title,
            subtitle=subtitle,
            entries=entries,
        )
    say(f"feed {slug}: added, with the rule {parsed}")


@app.command("remove")
def remove(context: typer.Context, slug: Slug) -> None:
    """Forget a configured feed; the posts stay."""
    from feeds.selection import remove_feed

    with opened(context) as wiring, wiring.database.write() as connection:
        there = remove_feed(connection, slug)
    if not there:
        raise CommandFailed(
            f"feed {slug}: there is no such configured feed; `labelcast feeds list` has them all"
        )
    say(f"feed {slug}: removed")


@app.command("show")
def show(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="A feed's slug, or a label.")],
    *,
    form: Annotated[FeedFormat, typer.Option("--format", help="In which format.")] = FeedFormat.ATOM,
) -> None:
    """Print a feed's bytes, as they are served."""
    from posts.lookup import nearest_labels

    del form  # Atom is the one there is
    with opened(context) as wiring:
        built = wiring.builder.build(slug)
        if built is None:
            with wiring.database.read() as connection:
                nearest = nearest_labels(connection, slug)
            hint = f"; the nearest labels: {', '.join(nearest)}" if nearest else ""
            raise CommandFailed(f"feed {slug}: there is no such feed and no such label{hint}")
    answer_bytes(built.body)


@app.command("build")
def build(
    context: typer.Context,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where to, else feeds.public_dir of the settings."),
    ] = None,
    forms: Annotated[
        list[FeedFormat] | None,
        typer.Option("--format", help="In which format; can be given more than once."),
    ] = None,
) -> None:
    """Write every feed into a folder; what has not changed is not touched, what is gone goes."""
    from feeds.publish import publish

    del forms  # Atom is the one there is
    with opened(context) as wiring, progress("feeds") as advance:
        folder = out or Path(wiring.settings.feeds.public_dir)
        report = publish(wiring.builder, folder, progress=advance)
    written, removed = len(report.written), len(report.removed)
    say(f"{folder}: {written} written, {report.unchanged} unchanged, {removed} removed")
