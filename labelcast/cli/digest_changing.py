"""``labelcast digests set`` and ``introduce``: a digest that is offered already, changed."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from labelcast.cli.digest_options import (
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
from labelcast.cli.errors import UsageProblem
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import say
from labelcast.cli.rules import read_rule


def change(
    context: typer.Context,
    slug: Slug,
    *,
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="R", help="Which posts: a rule of labels.")
    ] = None,
    cadence: Annotated[
        str | None, typer.Option("--cadence", metavar="C", help="instant, daily, weekly or monthly.")
    ] = None,
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
    """Change what is given of a digest. What was sent stays as it was; readers' windows go on."""
    from digests import store
    from digests.cadence import describe

    with opened(context) as wiring, wiring.database.write() as connection:
        old = store.get_digest(connection, slug)
        changes = said(
            rule=None if rule is None else str(read_rule(connection, rule)),
            cadence=cadence,
            cadences=offered(cadence or old.cadence, offer),
            at=at,
            timezone=timezone,
            title=title,
            language=language,
            template=template,
            max_age=max_age,
            max_lateness=max_lateness,
            content=content,
            min_posts=min_posts,
            max_posts=max_posts,
            sort=order,
            grouping=group_by,
        )
        if not changes:
            raise UsageProblem(f"digest {slug}: nothing to change is given: `labelcast digests set --help`")
        new = store.update_digest(connection, slug, **changes)
        warn_of_missing(wiring, template)
    did = "unchanged" if new == old else "changed"
    say(f"digest {slug}: {did}, {describe(store.reader_rhythm(new))}, with the rule {new.rule}")


def introduce(
    context: typer.Context,
    slug: Slug,
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="HTML or plain text; - for stdin.")
    ] = None,
    *,
    text: Annotated[str | None, typer.Option("--text", metavar="T", help="The words themselves.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take the introduction away.")] = False,
) -> None:
    """Pin an introduction to a digest. It stands in each reader's next edition, once."""
    from digests.planning.introducing import introduce

    if sum((file is not None, text is not None, clear)) != 1:
        raise UsageProblem(f"digest {slug}: give one of FILE, --text and --clear")
    words = None if clear else _read(file) if file is not None else text
    with opened(context) as wiring, wiring.database.write() as connection:
        introduce(connection, slug, words, now=moment(None), base=wiring.settings.site_url)
    did = "no introduction any more" if clear else "its introduction stands in each reader's next edition"
    say(f"digest {slug}: {did}")


def _read(file: str) -> str:
    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageProblem(f"{file}: is no text in UTF-8: {error.reason} at byte {error.start}") from error
