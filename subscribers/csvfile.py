"""Subscribers from CSV (RFC 4180), as spreadsheets and mailing services write it."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO

from subscribers.address import AddressError, normalize
from subscribers.csvformats import AUTO, find_format
from subscribers.csvformats.own import PLAIN
from subscribers.csvformats.shape import EMAIL_HEADINGS, Cells, CsvFormat, heading
from subscribers.csvguard import unguarded
from subscribers.csvrows import BadRow, CsvError, Row, Status

__all__ = ["BadRow", "CsvError", "Row", "Status", "read_csv"]

_DELIMITERS = ",;\t"
# What no cell needs, and no database's text may hold; in an address it is an error.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
# What Excel writes, and heeds, in a line before the first.
_SEPARATOR = re.compile(r"sep=([,;\t])?", re.IGNORECASE)
_ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_csv(stream: BinaryIO | TextIO, *, form: str = AUTO) -> Iterator[Row | BadRow]:
    """Read subscribers line by line.

    The first line names the columns, by which the list is known to be Mailchimp's, our own, or one of the
    others in ``subscribers/csvformats/``; ``form`` names one of these. Any list will do that has a column
    ``email``; without a first line of names, one column of addresses. Commas, semicolons or tabs separate,
    as Excel's line ``sep=;`` says where there is one; UTF-8 or (with its mark) UTF-16.
    Raises ``CsvError`` where the file stops being one: rows read before that
    should not be kept.
    """
    try:
        with _text(stream) as text:
            yield from _rows(text, form)
    except UnicodeError as error:
        raise CsvError("the CSV is not in UTF-8: save it as `CSV UTF-8`") from error


@contextmanager
def _text(stream: BinaryIO | TextIO) -> Iterator[TextIO]:
    """The stream as text, by its byte order mark; it stays the caller's to close."""
    if isinstance(stream, io.TextIOBase):
        yield stream
        return
    buffered = io.BufferedReader(stream)  # type: ignore[type-var] # a BinaryIO is as good as a raw stream here
    encoding = _ENCODINGS.get(buffered.peek(2)[:2], "utf-8-sig")
    text = io.TextIOWrapper(buffered, encoding=encoding, newline="")
    try:
        yield text
    finally:
        # The caller may have closed it before.
        with suppress(ValueError):
            text.detach()
            buffered.detach()


def _rows(text: TextIO, form: str) -> Iterator[Row | BadRow]:
    first, before, delimiter = _begun(text)
    reader = csv.reader(_lines(first, text), delimiter=delimiter, skipinitialspace=True, strict=True)
    columns: _Columns | None = None
    while True:
        line = before + reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise CsvError(f"line {line}: no CSV: {error}") from error
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns, is_heading = _first(cells, line, form)
            if is_heading:
                continue
        yield columns.read(cells, line)


def _begun(text: TextIO) -> tuple[str, int, str]:
    """The first line that holds something, how many came before it, and what separates its cells."""
    first, before = text.readline().removeprefix("\ufeff"), 0
    said: str | None = None
    while first:
        found = _SEPARATOR.fullmatch(first.strip())
        if first.strip() and found is None:
            break
        said = found[1] if found else said
        first, before = text.readline(), before + 1
    return first, before, said or max(_DELIMITERS, key=first.count)


def _lines(first: str, text: TextIO) -> Iterator[str]:
    yield first
    # `yield from` would close the text, which is not ours.
    for line in text:  # noqa: UP028
        yield line


class _Columns:
    """Which format a list is in, and where its columns stand; of two of one name the first that is filled."""

    def __init__(self, form: CsvFormat, headings: Sequence[str]) -> None:
        self._form = form
        self._headings = headings
        self._email = next((name for name in EMAIL_HEADINGS if name in headings), headings[0])

    def read(self, cells: Sequence[str], line: int) -> Row | BadRow:
        """What one line says."""
        values = dict.fromkeys(self._headings, "")
        given = ""
        for name, cell in zip(self._headings, cells, strict=False):
            if name == self._email:
                given = given or unguarded(cell).strip()
            values[name] = values[name] or _CONTROLS.sub(" ", unguarded(cell)).strip()
        if not given:
            return BadRow(line, "no address")
        try:
            email = normalize(given).email
        except AddressError as error:
            return BadRow(line, str(error))
        return self._form.read(Cells(line, email, values))


def _first(cells: Sequence[str], line: int, form: str) -> tuple[_Columns, bool]:
    """What the first line tells of the columns, and whether it is a heading; raises ``CsvError``."""
    headings = [heading(cell) for cell in cells]
    if "@" in cells[0] and not any(cells[1:]) and form in {AUTO, PLAIN.name}:
        return _Columns(PLAIN, ["email"]), False
    try:
        found = find_format(form, headings)
    except CsvError as error:
        raise CsvError(f"line {line}: {error}") from error
    if found is None or (found is PLAIN and not found.fits(headings)):
        raise CsvError(f"line {line}: no column is named `email`: name the columns in the first line")
    return _Columns(found, headings), True
