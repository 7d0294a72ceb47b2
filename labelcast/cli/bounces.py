"""``labelcast bounces``: mail that came back is read, and what follows from it."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from labelcast.cli.errors import UsageProblem
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer, answer_json, answer_table, progress, say

if TYPE_CHECKING:
    from labelcast.bounces import BouncesReport


class _ReadsByDefault(TyperGroup):
    """Takes ``bounces SOURCE`` for ``bounces read SOURCE``; a source named like a command is ``./list``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in where there is none."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["read", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    help="Read mail that came back: bounces and complaints.", rich_markup_mode=None, cls=_ReadsByDefault
)


class Kind(StrEnum):
    """A kind of bounce, as it is typed."""

    HARD = "hard"
    SOFT = "soft"
    POLICY = "policy"
    COMPLAINT = "complaint"


AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command("read")
def read(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]",
            help="A Maildir, an mbox, a message, - for standard input, or imaps:// or pop3s://…; if not "
            "given, that of the settings.",
        ),
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but store.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read a mailbox of bounces and complaints. Who is gone is suppressed, who complained unsubscribed.

    `labelcast bounces SOURCE` is the same. What was read is marked as seen; the same message again changes
    nothing.
    """
    with opened(context) as wiring:
        mailbox = source or wiring.settings.bounces.mailbox
        if not mailbox:
            raise UsageProblem("no mailbox is set: name a source, or set bounces.mailbox in labelcast.toml")
        with progress("messages") as advance:
            report = wiring.bounces.read(
                mailbox,
                now=moment(None),
                stdin=sys.stdin.buffer if source == "-" else None,
                dry_run=dry_run,
                progress=advance,
            )
    _tell(report, as_json=as_json)
    if dry_run:
        say("nothing was stored: this was a dry run")


@app.command("list")
def list_(
    context: typer.Context,
    *,
    kind: Annotated[Kind | None, typer.Option("--kind", help="Only those of this kind.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, max=10**9, help="At most so many.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what came back, newest first. Each tells whose mail it was, and what their server said."""
    from digests.returns.bounced import list_bounces
    from outbox.bounces.report import ReportKind

    with opened(context) as wiring, wiring.database.read() as connection:
        wanted = None if kind is None else ReportKind(kind.value)
        found = list(list_bounces(connection, kind=wanted, limit=limit))
    names = ("id", "at", "kind", "status", "diagnostic", "email", "delivery", "digest")
    if as_json:
        answer_json([{name: getattr(one, name) for name in names} for one in found])
        return
    columns = ("at", "kind", "status", "email", "digest", "diagnostic")
    answer_table(columns, [[getattr(one, name) for name in columns] for one in found])


def _tell(report: "BouncesReport", *, as_json: bool) -> None:
    from digests.returns.consequences import Taken
    from labelcast.bounces import MOST_TOLD

    if as_json:
        names = {Taken.COMPLAINT: "complaints", Taken.NONE: "no_bounce", Taken.KNOWN: "read_before"}
        counts = {names.get(kind, kind.value): report.counts[kind] for kind in Taken}
        answer_json({**counts, "suppressed": report.suppressed, "held": report.held.total()})
    else:
        answer(str(report))
    for domain, count in report.held.items():
        say(f"{domain} says of too many readers that they are gone: {count} are counted, not suppressed")
    for one in report.policy[:MOST_TOLD]:
        say(f"refused for policy: {one.email}: {one.diagnostic}")
    if len(report.policy) > MOST_TOLD:
        say(f"and {len(report.policy) - MOST_TOLD} more: `labelcast bounces list --kind policy`")
