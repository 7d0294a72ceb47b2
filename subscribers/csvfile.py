"""Subscribers from and to CSV (RFC 4180), as spreadsheets and other mailing services write it."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, TextIO

from subscribers.address import AddressError, normalize
from subscribers.model import Subscriber, SubscriberState, Subscription

COLUMNS = ("email", "state", "language", "digest", "subscription", "labels", "cadence", "timezone")

_EMAIL_HEADINGS = {"email", "e-mail", "email address", "e-mail address", "email_address", "mail"}
_LABEL_HEADINGS = {"labels", "label"}
_DELIMITERS = ",;\t"
_ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

# What makes a spreadsheet take a cell for a formula, at its start: the signs, full-width ones too, and the
# white space that it skips before them. The apostrophe stops it.
_FORMULA = "=+-@＝＋－＠\t\r\n"
_GUARD = "'"


class CsvError(ValueError):
    """A file that is no CSV of subscribers: one line says where and why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a CSV: an address to be added as it is kept, and what the reader chose, unchecked as yet."""

    line: int
    email: str
    labels: tuple[str, ...] = ()
    cadence: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that cannot be taken, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Columns:
    email: int
    labels: int | None = None
    cadence: int | None = None
    timezone: int | None = None


def read_csv(stream: BinaryIO | TextIO) -> Iterator[Row | BadRow]:
    """Read subscribers line by line.

    The first line names the columns: ``email``, and if wanted ``labels`` (separated by ``;``), ``cadence``
    and ``timezone``; others are passed over. Without such a line, one column of addresses will do. Commas,
    semicolons or tabs separate; UTF-8 or (with its mark) UTF-16. Raises ``CsvError`` where the file stops
    being one: rows read before that should not be kept.
    """
    try:
        yield from _rows(_text(stream))
    except UnicodeError as error:
        raise CsvError("the CSV is not in UTF-8: save it as `CSV UTF-8`") from error


def write_csv(stream: TextIO, subscribers: Iterable[Subscriber]) -> int:
    """Write a line for each subscription, and for each subscriber without; return how many.

    Those erased are left out. A cell that a spreadsheet would run as a formula begins with an apostrophe,
    which ``read_csv`` takes off again. Open the stream with ``newline=""``.
    """
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    count = 0
    for reader in subscribers:
        if reader.email is None or reader.state is SubscriberState.ERASED:
            continue
        for one in reader.subscriptions or (None,):
            writer.writerow([_guarded(cell) for cell in _cells(reader, one)])
            count += 1
    return count


def _cells(reader: Subscriber, one: Subscription | None) -> Sequence[str]:
    its = [reader.email or "", reader.state, reader.language or ""]
    if one is None:
        return [*its, "", "", "", "", ""]
    return [*its, one.digest, one.state, ";".join(one.labels), one.cadence or "", one.timezone or ""]


def _text(stream: BinaryIO | TextIO) -> TextIO:
    """The stream as text, by its byte order mark."""
    if isinstance(stream, io.TextIOBase):
        return stream
    buffered = io.BufferedReader(stream)  # type: ignore[type-var] # a BinaryIO is as good as a raw stream here
    encoding = _ENCODINGS.get(buffered.peek(2)[:2], "utf-8-sig")
    return io.TextIOWrapper(buffered, encoding=encoding, newline="")


def _rows(text: TextIO) -> Iterator[Row | BadRow]:
    first = text.readline().removeprefix("\ufeff")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(_lines(first, text), delimiter=delimiter, skipinitialspace=True, strict=True)
    columns: _Columns | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise CsvError(f"line {line}: no CSV: {error}") from error
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns = _columns(cells, line)
            if columns is not None:
                continue
            columns = _Columns(email=0)
        yield _row(cells, columns, line)


def _lines(first: str, text: TextIO) -> Iterator[str]:
    yield first
    yield from text


def _columns(cells: Sequence[str], line: int) -> _Columns | None:
    """Where the columns stand; None when the line is no heading but one address; raises ``CsvError``."""
    headings = [cell.strip().casefold() for cell in cells]
    email = next((place for place, name in enumerate(headings) if name in _EMAIL_HEADINGS), None)
    if email is not None:
        labels = next((place for place, name in enumerate(headings) if name in _LABEL_HEADINGS), None)
        named = {name: headings.index(name) for name in ("cadence", "timezone") if name in headings}
        return _Columns(email, labels, named.get("cadence"), named.get("timezone"))
    if "@" in cells[0] and not any(cells[1:]):
        return None
    raise CsvError(f"line {line}: no column is named `email`: name the columns in the first line")


def _row(cells: Sequence[str], columns: _Columns, line: int) -> Row | BadRow:
    def cell(place: int | None) -> str:
        return _unguarded(cells[place]).strip() if place is not None and place < len(cells) else ""

    given = cell(columns.email)
    if not given:
        return BadRow(line, "no address")
    try:
        email = normalize(given).email
    except AddressError as error:
        return BadRow(line, str(error))
    labels = tuple(filter(None, (name.strip() for name in cell(columns.labels).split(";"))))
    return Row(line, email, labels, cell(columns.cadence) or None, cell(columns.timezone) or None)


def _guarded(cell: str) -> str:
    return _GUARD + cell if cell and cell[0] in _FORMULA + _GUARD else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == _GUARD and cell[1:2] and cell[1] in _FORMULA + _GUARD else cell
