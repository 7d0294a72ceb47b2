"""``labelcast digests``: what is offered by email."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli import digest_preview, digest_sending
from labelcast.cli.digest_changing import change, introduce
from labelcast.cli.digest_options import (
    AsJson,
    At,
    Content,
    Grouping,
    Language,
    MaxAge,
    MaxLateness,
    MaxPosts,
    MinPosts,
    Offer,
    Order,
    Slug,
    Template,
    Timezone,
    Title,
    offered,
    said,
    warn_of_missing,
)
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer_json, answer_table, progress, say
from labelcast.cli.rules import read_rule

if TYPE_CHECKING:
    from digests.model import Digest

app = typer.Typer(help="List digests; add, change, remove and preview them.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_digests(context, as_json=as_json)


@app.command("list")
def list_digests(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all digests: when each comes next, and how many read it."""
    from digests import store
    from digests.cadence import describe
    from digests.planning.agenda import count_readers

    now = moment(None)
    with opened(context) as wiring, wiring.database.read() as connection:
        found = store.list_digests(connection)
        readers = count_readers(connection)
    if as_json:
        answer_json([_document(its, now, readers.get(its.id, 0)) for its in found])
        return
    answer_table(
        ("slug", "title", "rule", "when", "next", "readers"),
        [
            (
                its.slug,
                its.title,
                its.rule,
                describe(store.reader_rhythm(its)),
                _next(its, now),
                readers.get(its.id, 0),
            )
            for its in found
        ],
    )


@app.command("add")
def add(
    context: typer.Context,
    slug: Slug,
    *,
    rule: Annotated[str, typer.Option("--rule", metavar="R", help="Which posts: a rule of labels.")],
    cadence: Annotated[
        str, typer.Option("--cadence", metavar="C", help="instant, daily, weekly or monthly.")
    ] = "weekly",
    at: At = None,
    timezone: Timezone = None,
    title: Title = None,
    language: Language = None,
    offer: Offer = None,
    template: Template = None,
    max_age: MaxAge = None,
    max_lateness: MaxLateness = None,
    content: Content = None,
    min_posts: MinPosts = None,
    max_posts: MaxPosts = None,
    order: Order = None,
    group_by: Grouping = None,
) -> None:
    """Offer a digest."""
    from digests import store
    from digests.cadence import describe

    with opened(context) as wiring, wiring.database.write() as connection:
        options = said(
            at=at,
            timezone=timezone or wiring.settings.timezone,
            title=title,
            language=language or wiring.settings.language,
            cadences=offered(cadence, offer),
            template=template,
            max_age=max_age,
            max_lateness=max_lateness,
            content=content,
            min_posts=min_posts,
            max_posts=max_posts,
            sort=order,
            grouping=group_by,
        )
        found = str(read_rule(connection, rule))
        digest = store.add_digest(connection, slug, rule=found, cadence=cadence, now=moment(None), **options)
        warn_of_missing(wiring, template)
    say(f"digest {slug}: added, {describe(store.reader_rhythm(digest))}, with the rule {digest.rule}")


@app.command("remove")
def remove(
    context: typer.Context,
    slug: Slug,
    *,
    force: Annotated[bool, typer.Option("--force", help="Also when readers are subscribed to it.")] = False,
) -> None:
    """Remove a digest. Its subscriptions and what is recorded of its mail go too."""
    from digests.removing import empty_and_remove, remove_or_mark
    from digests.store import check_unread, count_subscriptions, get_digest

    with opened(context) as wiring:
        with wiring.database.write() as connection:
            its = get_digest(connection, slug)
            if not force:
                check_unread(connection, its)
            ended = count_subscriptions(connection, its)
            is_gone = remove_or_mark(connection, its, now=moment(None))
        if not is_gone:
            with progress("rows") as advance:
                empty_and_remove(wiring.database, its, progress=advance)
    say(f"digest {slug}: removed, with {ended} subscriptions")


def _next(its: "Digest", now: datetime) -> datetime | None:
    """The next slot of a digest's own rhythm; None: it comes whenever there is news, or is paused."""
    from digests.cadence import Cadence, next_slot
    from digests.store import reader_rhythm

    has_none = its.cadence == Cadence.INSTANT or its.paused_at is not None
    return None if has_none else next_slot(reader_rhythm(its), now)


def _document(its: "Digest", now: datetime, readers: int) -> dict[str, object]:
    from digests.store import digest_at

    return {
        "slug": its.slug,
        "title": its.title,
        "rule": its.rule,
        "cadence": its.cadence,
        "at": digest_at(its),
        "timezone": its.timezone,
        "cadences": its.cadences,
        "language": its.language,
        "template": its.template,
        "max_age_days": its.max_age / timedelta(days=1),
        "max_lateness_hours": its.max_lateness / timedelta(hours=1),
        "content": its.content,
        "min_posts": its.min_posts,
        "max_posts": its.max_posts,
        "order": its.sort,
        "group_by": its.grouping,
        "introduction": its.introduction,
        "introduced_at": its.introduced_at,
        "paused_at": its.paused_at,
        "next_slot": _next(its, now),
        "readers": readers,
    }


app.command("set")(change)
app.command("introduce")(introduce)
app.command("preview")(digest_preview.preview)
app.command("test")(digest_preview.send)
app.command("pause")(digest_sending.pause)
app.command("resume")(digest_sending.resume)
app.command("send")(digest_sending.send)
