"""``labelcast subscribers``: who reads by email."""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer, answer_bytes, answer_json, answer_table, say
from labelcast.cli.rules import warn_of_unknown

if TYPE_CHECKING:
    from subscribers.model import Subscriber, Subscription

app = typer.Typer(help="List readers; add, import, export and erase them.", rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
DigestOption = Annotated[str, typer.Option("--digest", metavar="D", help="The slug of the digest.")]
Confirmed = Annotated[
    bool, typer.Option("--confirmed", help="They agreed, and you vouch for it; else nothing is sent yet.")
]


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_subscribers(context, as_json=as_json)


@app.command("list")
def list_subscribers(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all readers with their subscriptions."""
    from subscribers import store

    with opened(context) as wiring, wiring.database.read() as connection:
        found = store.list_subscribers(connection)
    if as_json:
        answer_json([_document(reader) for reader in found])
    else:
        answer_table(
            ("email", "state", "subscriptions"),
            [(reader.email, reader.state, [_brief(one) for one in reader.subscriptions]) for reader in found],
        )


@app.command("add")
def add(
    context: typer.Context,
    email: Annotated[str, typer.Argument(metavar="E", help="The address.")],
    *,
    digest: DigestOption,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="L", help="Only posts with this label; can be given more than once."),
    ] = None,
    cadence: Annotated[
        str | None, typer.Option("--cadence", metavar="C", help="instant, daily, weekly or monthly.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="Z", help="The reader's timezone.")
    ] = None,
    confirmed: Confirmed = False,
) -> None:
    """Subscribe a reader to a digest. A reader who is subscribed already gets what is chosen now."""
    from digests.store import get_digest
    from labelcast.readers import Choice, add_reader, unknown_choices

    with opened(context) as wiring, wiring.database.write() as connection:
        warn_of_unknown(connection, unknown_choices(connection, labels or ()))
        reader = add_reader(
            connection,
            email,
            get_digest(connection, digest),
            Choice(labels or (), cadence, timezone),
            confirmed=confirmed,
            renew=confirmed,
            origin="command",
            now=moment(None),
        )
    say(f"{reader.email}: subscribed to {digest}; {reader.state}")


@app.command("import")
def import_csv(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="CSV", help="A CSV file with a column `email`; - for stdin.")
    ],
    *,
    digest: DigestOption,
    confirmed: Confirmed = False,
) -> None:
    """Subscribe the readers of a CSV file: columns email, labels (apart by ;), cadence and timezone.

    A line that cannot be taken is skipped and listed; a file that is no CSV changes nothing.
    """
    from digests.store import get_digest
    from labelcast.readers import import_readers
    from subscribers.csvfile import read_csv

    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    with opened(context) as wiring, wiring.database.write() as connection:
        report = import_readers(
            connection,
            read_csv(io.BytesIO(content)),
            get_digest(connection, digest),
            confirmed=confirmed,
            origin=f"csv:{Path(file).name}",
            now=moment(None),
        )
    answer(f"{report.subscribed} subscribed, {len(report.skipped)} skipped")
    for bad in report.skipped:
        answer(f"skipped line {bad.line}: {bad.reason}")


@app.command("export")
def export(context: typer.Context) -> None:
    """Print all readers as CSV, a line for each subscription."""
    from subscribers.csvfile import write_csv
    from subscribers.store import iterate_subscribers

    text = io.StringIO(newline="")
    with opened(context) as wiring, wiring.database.read() as connection:
        write_csv(text, iterate_subscribers(connection))
    answer_bytes(text.getvalue().encode())


@app.command("erase")
def erase(
    context: typer.Context,
    email: Annotated[str, typer.Argument(metavar="E", help="The address.")],
) -> None:
    """Forget who a reader is, as they wished; only they themselves can come back."""
    from labelcast.readers import erase_reader

    with opened(context) as wiring, wiring.database.write() as connection:
        done = erase_reader(connection, email, now=moment(None))
    say(f"{email}: {'erased' if done else 'was erased before'}")


def _document(reader: "Subscriber") -> dict[str, object]:
    return {
        "email": reader.email,
        "state": reader.state,
        "subscriptions": [
            {
                "digest": one.digest,
                "state": one.state,
                "labels": one.labels,
                "cadence": one.cadence,
                "timezone": one.timezone,
                "window_start": one.window_start,
                "next_slot": one.next_slot,
            }
            for one in reader.subscriptions
        ],
    }


def _brief(one: "Subscription") -> str:
    words = [one.digest, *([one.cadence] if one.cadence else []), *one.labels]
    return " ".join(words) if one.state == "active" else f"{one.digest} ({one.state})"
