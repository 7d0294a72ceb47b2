"""What a command says: answers on stdout (a table, or one JSON document), messages and progress on stderr."""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

PATIENCE_SECONDS = 1.0


class Advance(Protocol):
    """Told how many are done, and how many there are where that is known."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Move the bar."""


def _unseen(done: int, total: int | None = None) -> None:
    del done, total


def say(message: str) -> None:
    """A message to the person, on stderr."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def answer(line: str) -> None:
    """A line of the answer, on stdout."""
    sys.stdout.write(f"{line}\n")


def answer_json(document: object) -> None:
    """The whole answer as one JSON document, in UTF-8, on stdout."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=_plain)
    answer_bytes(text.encode() + b"\n")


def answer_bytes(body: bytes) -> None:
    """The answer as the bytes it is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


def answer_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table: aligned on a terminal; elsewhere one line a row, columns apart by tabs, without headings."""
    texts = [[_cell(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for row in texts:
            answer("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in texts:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def instant(moment: datetime | None) -> str | None:
    """An instant as it is written in JSON and in tables: ``2026-11-23T14:00:00Z``; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@contextmanager
def progress(what: str) -> Iterator[Advance]:
    """A progress bar on stderr for what takes longer than a second; none where that is no terminal.

    Gives a function to call with how many are done and how many there are (None: nobody knows).
    """
    if not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=None)
    began = time.monotonic()

    def advance(done: int, total: int | None = None) -> None:
        bar.update(task, completed=done, total=total)
        if not bar.live.is_started and time.monotonic() - began > PATIENCE_SECONDS:
            bar.start()

    try:
        yield advance
    finally:
        bar.stop()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return instant(value) or ""
    if isinstance(value, (tuple, list)):
        return ", ".join(_cell(item) for item in value)
    return " ".join(str(value).split())
