"""``labelcast subscribers``: who reads by email."""

import io
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli import subscriber_choices, subscriber_standing
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer, answer_bytes, answer_json, answer_table, progress, say
from labelcast.cli.subscriber_choices import Confirmed
from labelcast.cli.subscriber_standing import AsJson

if TYPE_CHECKING:
    from labelcast.reader_lists import ReadersReport
    from subscribers.model import Subscriber, Subscription

app = typer.Typer(help="List readers; add, change, import, export and erase them.", rich_markup_mode=None)


class ListFormat(StrEnum):
    """A service's list, as it is typed."""

    AUTO = "auto"
    LABELCAST = "labelcast"
    MAILCHIMP = "mailchimp"
    LISTMONK = "listmonk"
    GHOST = "ghost"
    SUBSTACK = "substack"
    BUTTONDOWN = "buttondown"
    FEEDBURNER = "feedburner"
    PLAIN = "plain"


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_subscribers(context, as_json=as_json)


@app.command("list")
def list_subscribers(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all readers with their subscriptions."""
    from labelcast.reader_export import subscription_document
    from subscribers import store

    with opened(context) as wiring, wiring.database.read() as connection:
        found = store.list_subscribers(connection)
    if as_json:
        answer_json(
            [
                {
                    "email": reader.email,
                    "state": reader.state,
                    "subscriptions": [subscription_document(one) for one in reader.subscriptions],
                }
                for reader in found
            ]
        )
    else:
        answer_table(("email", "state", "subscriptions"), [_row(reader) for reader in found])


app.command("add")(subscriber_choices.add)
app.command("set")(subscriber_choices.change)
app.command("pause")(subscriber_choices.pause)
app.command("resume")(subscriber_choices.resume)
app.command("unsubscribe")(subscriber_choices.unsubscribe)
app.command("show")(subscriber_standing.show)


@app.command("import")
def import_csv(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="CSV", help="A CSV file with a column `email`; - for stdin.")
    ],
    *,
    digest: Annotated[
        str | None,
        typer.Option(
            "--digest", metavar="D", help="The digest; else each line names its own, as exports do."
        ),
    ] = None,
    form: Annotated[ListFormat, typer.Option("--format", help="Whose list it is.")] = ListFormat.AUTO,
    confirmed: Confirmed = False,
    tags_as_labels: Annotated[
        bool, typer.Option("--tags-as-labels", help="Tags that are labels here are the labels they chose.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but store.")] = False,
    as_json: AsJson = False,
) -> None:
    """Subscribe the readers of a list. It is our own export, another service's, or any CSV with addresses.

    A line that cannot be taken is skipped and listed; a file that is no CSV changes nothing. The same list
    again changes nothing.
    """
    from digests.store import get_digest
    from labelcast.reader_lists import import_readers
    from subscribers.csvfile import CsvError, read_csv

    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    total = content.count(b"\n")
    with (
        opened(context) as wiring,
        progress("readers") as advance,
        wiring.database.write() as connection,
        connection.begin_nested() as trial,
    ):
        try:
            report = import_readers(
                connection,
                read_csv(io.BytesIO(content), form=form.value),
                None if digest is None else get_digest(connection, digest),
                vouched=confirmed,
                file=Path(file).name,
                now=moment(None),
                tags_as_labels=tags_as_labels,
                advance=lambda done: advance(done, total),
            )
        except CsvError as error:
            raise CsvError(f"{file}: {error}") from error
        if dry_run:
            trial.rollback()
    _tell(report, dry_run=dry_run, as_json=as_json)


@app.command("export")
def export(context: typer.Context) -> None:
    """Print all readers as CSV. Each subscription is a line, with all they chose."""
    from labelcast.reader_export import export_readers

    text = io.StringIO(newline="")
    with opened(context) as wiring, wiring.database.read() as connection:
        export_readers(connection, text)
    answer_bytes(text.getvalue().encode())


app.command("suppress")(subscriber_standing.suppress)
app.command("lift")(subscriber_standing.lift)
app.command("erase")(subscriber_standing.erase)


def _tell(report: "ReadersReport", *, dry_run: bool, as_json: bool) -> None:
    counts = {
        "subscribed": report.subscribed,
        "already": report.already,
        "suppressed": len(report.suppressed),
    }
    if as_json:
        reasons = {
            name: [{"line": bad.line, "reason": bad.reason} for bad in bads]
            for name, bads in (("skipped", report.skipped), ("suppressed_lines", report.suppressed))
        }
        answer_json({**counts, "pending": report.pending, **reasons})
    else:
        told = [f"{count} {name}" for name, count in counts.items()]
        answer(", ".join([*told, f"{len(report.skipped)} skipped"]))
        for bad in report.suppressed:
            answer(f"suppressed line {bad.line}: {bad.reason}")
        for bad in report.skipped:
            answer(f"skipped line {bad.line}: {bad.reason}")
    if report.pending:
        say(f"{report.pending} of them get nothing before they agree (--confirmed: they did)")
    if dry_run:
        say("nothing was stored: this was a dry run")


def _row(reader: "Subscriber") -> tuple[object, ...]:
    return reader.email, reader.state, [_brief(one) for one in reader.subscriptions]


def _brief(one: "Subscription") -> str:
    words = [one.digest, *([one.cadence] if one.cadence else []), *one.labels]
    if one.paused_until is not None:
        words.append(f"(paused until {one.paused_until:%Y-%m-%d})")
    if one.state == "active":
        return " ".join(words)
    return f"{one.digest} ({'asked' if one.waits else one.state})"
