"""What a service's list is to us: the headings it is known by, and how one of its lines is read."""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from subscribers.csvrows import BadRow, Row

EMAIL_HEADINGS = ("email", "email_address", "e_mail", "e_mail_address", "mail")
_LONGEST_JSON = 20_000


@dataclass(frozen=True, slots=True)
class Cells:
    """A line: its number, its address, and its cells by heading (``heading``); a missing one is empty."""

    line: int
    email: str
    values: Mapping[str, str]

    def get(self, *names: str) -> str:
        """The first cell of these headings that holds something."""
        return next((self.values[name] for name in names if self.values.get(name)), "")

    def has(self, name: str) -> bool:
        """Whether the list has such a column."""
        return name in self.values


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """A list of one service.

    ``name`` is as it is typed, ``title`` as people write it. A list with the headings of one of ``marks`` is
    of that service; with ``only``, if it has no others than these.
    """

    name: str
    title: str
    marks: tuple[frozenset[str], ...]
    read: Callable[[Cells], Row | BadRow]
    only: frozenset[str] | None = None

    def fits(self, headings: Sequence[str]) -> bool:
        """Whether a list with these headings is of this service."""
        there = set(headings)
        if self.only is not None and not there <= self.only:
            return False
        return any(mark <= there for mark in self.marks)


def heading(text: str) -> str:
    """A heading as it is compared: ``E-Mail Address`` is ``e_mail_address``."""
    return re.sub(r"[\s_-]+", "_", text.strip().casefold())


def is_true(text: str) -> bool:
    """Whether a cell says yes."""
    return text.strip().casefold() in {"true", "t", "1", "yes", "y"}


def listed(text: str) -> tuple[str, ...]:
    """Names in a cell: by commas, each perhaps in quotation marks, or a JSON list."""
    names: Sequence[object] = ()
    if text.startswith("["):
        names = _json(text, list) or ()
    else:
        try:
            names = next(csv.reader([text], skipinitialspace=True), [])
        except csv.Error:
            names = text.split(",")
    return tuple(name.strip() for name in names if isinstance(name, str) and name.strip())


def attribute(text: str, *names: str) -> str | None:
    """A text in a cell that holds a JSON object, under the first of these names that it has."""
    found = _json(text, dict) or {}
    return next((found[name] for name in names if isinstance(found.get(name), str) and found[name]), None)


def _json(text: str, kind: type) -> Any:
    if not text or len(text) > _LONGEST_JSON:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, kind) else None
