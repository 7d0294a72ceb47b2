"""``labelcast import``: posts into the database."""

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer, answer_json, progress, say

if TYPE_CHECKING:
    from posts.intake import ImportReport
    from posts.model import SkippedPost


class SourceFormat(StrEnum):
    """A format of sources, as it is typed."""

    AUTO = "auto"
    BLOGGER = "blogger"
    LABEL_PAGE = "label-page"
    FEED = "feed"
    JSONL = "jsonl"


def command(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="A file, a folder, - for standard input, or an http(s) URL."),
    ],
    *,
    form: Annotated[SourceFormat, typer.Option("--format", help="What it is.")] = SourceFormat.AUTO,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label", metavar="L", help="Give every post this label too; can be given more than once."
        ),
    ] = None,
    blog_url: Annotated[
        str | None,
        typer.Option(
            "--blog-url", metavar="URL", help="The blog's address, for a Takeout, which leaves it out."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but store.")] = False,
    now: Annotated[
        str | None, typer.Option("--now", metavar="ISO", help="As if it were this instant: for rehearsals.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Import posts: all of a source or nothing of it. One bad post among good ones is skipped and listed.

    The same import again changes nothing.
    """
    from labelcast.importing import Import, import_posts

    with opened(context) as wiring:
        timezone = wiring.settings.timezone
        at = moment(now, timezone=timezone)
        asked = Import(
            source,
            form=form.value,
            labels=labels or (),
            blog_url=blog_url,
            dry_run=dry_run,
            # Whoever types an address may reach their own network, but where it redirects to is not theirs.
            may_be_private=True,
        )
        with progress("posts") as advance:
            done = import_posts(wiring.database, asked, timezone=timezone, now=at, progress=advance)
    if done.is_unchanged:
        say(f"{source}: has not changed since it was fetched last")
    _tell(done.report, dry_run=dry_run, as_json=as_json)


def _tell(report: "ImportReport", *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        counts = {"new": report.new, "updated": report.updated, "unchanged": report.unchanged}
        skipped = [{"id": skip.id, "reason": skip.reason, "where": skip.where} for skip in report.skipped]
        answer_json({**counts, "skipped": skipped})
    else:
        skips = len(report.skipped)
        answer(f"{report.new} new, {report.updated} updated, {report.unchanged} unchanged, {skips} skipped")
        for line in _skips(report.skipped):
            answer(line)
    if report.notes:
        seen = "" if dry_run else "; `labelcast posts --json` has what, under notes"
        say(f"something was cleaned or mended in {report.notes} of them{seen}")
    if dry_run:
        say("nothing was stored: this was a dry run")


def _skips(skipped: "tuple[SkippedPost, ...]") -> Iterator[str]:
    for skip in skipped:
        where = f" ({skip.where})" if skip.where else ""
        yield f"skipped {skip.id or 'a post without an id'}{where}: {skip.reason}"
