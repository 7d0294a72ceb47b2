"""``labelcast feeds``: which there are, configuring some, and building them."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli import feed_keys
from labelcast.cli.errors import CommandFailed
from labelcast.cli.feed_options import AsJson, FeedContent, FeedFormat, Form, Slug
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer_bytes, answer_json, answer_table, progress, say
from labelcast.cli.rules import read_rule

if TYPE_CHECKING:
    from sqlalchemy import Connection

app = typer.Typer(help="List feeds; configure, show and build them.", rich_markup_mode=None)
app.command("grant")(feed_keys.grant)
app.command("revoke")(feed_keys.revoke)
app.command("grants")(feed_keys.grants)


class FeedOrder(StrEnum):
    """What the posts of a feed are ordered by, as it is typed."""

    PUBLISHED = "published"
    UPDATED = "updated"


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_feeds(context, as_json=as_json)


@app.command("list")
def list_feeds(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List every feed. There is all, the configured ones, each label's and each author's."""
    from feeds.readership import Readers, readers
    from feeds.selection import all_feeds

    with opened(context) as wiring, wiring.database.read() as connection:
        found = all_feeds(connection, wiring.site)
        counted = readers(connection, now=moment(None))
    nobody = Readers()
    urls = {feed.slug: wiring.site.feed_url(feed.slug, "atom", feed.params) for feed in found}
    if as_json:
        answer_json(
            [
                {
                    "slug": feed.slug,
                    "title": feed.title,
                    "rule": None if feed.author_id else str(feed.rule),
                    "entries": feed.entries,
                    "content": feed.content,
                    "order": feed.ordering,
                    "language": feed.language,
                    "private": feed.is_private,
                    "id": feed.uri,
                    "url": urls[feed.slug],
                    "readers": counted.get(feed.uri, nobody).total,
                }
                for feed in found
            ]
        )
        return
    columns = ("slug", "rule", "title", "entries", "private", "readers", "url")
    rows = [
        (
            feed.slug,
            None if feed.author_id else feed.rule,
            feed.title,
            feed.entries,
            "private" if feed.is_private else "",
            counted.get(feed.uri, nobody).total,
            urls[feed.slug],
        )
        for feed in found
    ]
    answer_table(columns, rows)


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
    content: Annotated[
        FeedContent | None, typer.Option("--content", help="How much of each post, else as in the settings.")
    ] = None,
    order: Annotated[
        FeedOrder | None, typer.Option("--order", help="What comes first: the newest, or the last updated.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", metavar="L", help="Its language, else as in the settings.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Only for whom `feeds grant` gives a key; so are its posts.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Configure it anew, if there is such a feed already.")
    ] = False,
) -> None:
    """Configure a feed. Each label has one without."""
    from feeds.configured import add_feed, configured_feed

    with opened(context) as wiring, wiring.database.write() as connection:
        parsed = read_rule(connection, rule)
        before = configured_feed(connection, slug)
        add_feed(
            connection,
            slug=slug,
            rule=parsed,
            now=moment(None),
            title=title,
            subtitle=subtitle,
            entries=entries,
            content=None if content is None else content.value,
            ordering=None if order is None else order.value,
            language=language,
            is_private=private,
            replace=replace,
        )
    kind = "private feed" if private else "feed"
    opened_up = "; it is public now" if before is not None and before.is_private and not private else ""
    say(f"{kind} {slug}: {'added' if before is None else 'changed'}, with the rule {parsed}{opened_up}")


@app.command("remove")
def remove(context: typer.Context, slug: Slug) -> None:
    """Remove a configured feed. Its posts stay, and those that were private for it alone are public."""
    from feeds.selection import remove_feed

    with opened(context) as wiring, wiring.database.write() as connection:
        there = remove_feed(connection, slug, now=moment(None))
    if not there:
        raise CommandFailed(
            f"feed {slug}: there is no such configured feed; `labelcast feeds list` has them all"
        )
    say(f"feed {slug}: removed")


@app.command("show")
def show(
    context: typer.Context,
    slug: Annotated[
        str,
        typer.Argument(metavar="SLUG", help="A feed's slug, a label, authors/NAME, or a rule like a+b,-c."),
    ],
    *,
    form: Form = FeedFormat.ATOM,
    content: Annotated[
        FeedContent | None, typer.Option("--content", help="How much of each post, else as in the feed.")
    ] = None,
) -> None:
    """Print a feed's bytes, as they are served."""
    with opened(context) as wiring:
        built = wiring.builder.build(slug, form.value, content=None if content is None else content.value)
        if built is None:
            with wiring.database.read() as connection:
                raise CommandFailed(f"feed {slug}: {_why_none(connection, slug)}")
    answer_bytes(built.body)


def _why_none(connection: "Connection", slug: str) -> str:
    from feeds.selection import is_gone, unknown_in
    from posts.lookup import nearest_labels

    if is_gone(connection, slug):
        return "its label was deleted"
    unknown = unknown_in(connection, slug)
    nearest = [name for part in unknown for name in nearest_labels(connection, part)]
    hint = f"; the nearest labels: {', '.join(dict.fromkeys(nearest))}" if nearest else ""
    return f"there is no such feed and no such label{hint}"


@app.command("build")
def build(
    context: typer.Context,
    *,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", metavar="DIR", help="A folder or a URL (s3://…), else feeds.public_dir of the settings."
        ),
    ] = None,
    forms: Annotated[
        list[FeedFormat] | None,
        typer.Option("--format", help="In which format, else in all; can be given more than once."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish all feeds and pages as files. What has not changed is not touched, what is gone goes."""
    from feeds.publishing.places import named
    from labelcast.logs import configure_logs

    configure_logs()
    with opened(context) as wiring, progress("documents") as advance:
        wiring.economise()
        suffixes = tuple(form.value for form in FeedFormat if not forms or form in forms)
        site = wiring.publishing(out, suffixes=suffixes)
        report = site.publish(progress=advance)
    place = named(site.place)
    if report.left:
        say(f"{place}: files of others stand in the place of ours and stay: {', '.join(report.left)}")
    written, removed = len(report.written), len(report.removed)
    if as_json:
        answer_json(
            {
                "place": place,
                "written": written,
                "unchanged": report.unchanged,
                "removed": removed,
                "documents_written": report.written,
                "documents_removed": report.removed,
                "documents_left": report.left,
            }
        )
        return
    documents = "document" if written == 1 else "documents"
    say(f"{place}: {written} {documents} written, {report.unchanged} unchanged, {removed} removed")
