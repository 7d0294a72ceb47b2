"""The date headings of a Blogger page: reading one, and telling them from dates that a post quotes."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKDAY = r"(?:(?P<weekday>[A-Z][a-z]{2,8})\.?(?P<comma>,?) )?"
_MONTH = r"(?P<month>[A-Z][a-z]{2,8})\.?"
_FORMS = (
    ("month first", re.compile(rf"{_WEEKDAY}{_MONTH} (?P<day>\d{{1,2}}), ?(?P<year>\d{{4}})")),
    ("day first", re.compile(rf"{_WEEKDAY}(?P<day>\d{{1,2}})\.? {_MONTH},? (?P<year>\d{{4}})")),
    ("ISO 8601", re.compile(r"(?P<year>\d{4})(?P<comma>[-/])(?P<number>\d{2})[-/](?P<day>\d{2})")),
)
KNOWN_FORMS = "“Friday, November 13, 2020”, “Friday, 13 November 2020” or “2020-11-13”"


@dataclass(frozen=True, slots=True)
class DateHeading:
    """A line that holds a date and nothing else: its index, the day, and how it is written."""

    line: int
    day: date
    form: tuple[str, ...]


def parse_date_heading(text: str, *, line: int = 0) -> DateHeading | None:
    """Read a line as Blogger writes a date heading; None when it is none, or names the wrong weekday."""
    flat = " ".join(text.split())
    for name, pattern in _FORMS:
        if found := pattern.fullmatch(flat):
            return _heading(name, found.groupdict(), line)
    return None


def _heading(name: str, parts: dict[str, str | None], line: int) -> DateHeading | None:
    month = int(parts["number"] or 0) if "number" in parts else _index(_MONTHS, parts["month"]) + 1
    try:
        day = date(int(parts["year"] or 0), month, int(parts["day"] or 0))
    except ValueError:
        return None
    weekday = parts.get("weekday")
    if weekday and _index(_WEEKDAYS, weekday) != day.weekday():
        return None
    short = "short" if weekday and weekday not in _WEEKDAYS else "long"
    return DateHeading(line, day, (name, "weekday" if weekday else "bare", short, parts.get("comma") or ""))


def _index(names: Sequence[str], written: str | None) -> int:
    """Which of the names is meant, also by its first three letters or more; -1 for none."""
    matching = [number for number, name in enumerate(names) if written and name.startswith(written)]
    return matching[0] if matching else -1


def find_date_headings(lines: Sequence[str]) -> list[DateHeading]:
    """The date headings among a page's lines, in order.

    A post may quote a date on a line of its own. What tells a heading: it is written just as the page's
    first one, stands apart as that one does, and, since a page lists its posts from the newest to the
    oldest with one heading a day, is older than all headings before it. Where some of them cannot all be
    headings, the longest run that can is taken, and of two the newer date: an article that is quoted is
    older than the post.
    """
    found: list[DateHeading] = []
    for number, text in enumerate(lines):
        # A long line is never a date, and most lines are long.
        heading = parse_date_heading(text, line=number) if len(text) <= 60 else None
        if heading and (number == 0 or not lines[number - 1].strip()):
            found.append(heading)
    if not found:
        return []
    first = found[0]
    apart = _is_blank(lines, first.line + 1)
    alike = [
        heading
        for heading in found[1:]
        if heading.form == first.form
        and heading.day < first.day
        and (not apart or _is_blank(lines, heading.line + 1))
    ]
    return [first, *_longest_descent(alike)]


def _is_blank(lines: Sequence[str], number: int) -> bool:
    return number >= len(lines) or not lines[number].strip()


def _longest_descent(headings: Sequence[DateHeading]) -> list[DateHeading]:
    """The longest run of ever older headings; where two are as long, the one with the newer dates."""
    # ends[n] is where the best run of n + 1 headings ends: the newer its last day, the more can follow it.
    ends: list[int] = []
    keys: list[int] = []
    before: list[int] = []
    for number, heading in enumerate(headings):
        place = bisect_left(keys, -heading.day.toordinal())
        before.append(ends[place - 1] if place else -1)
        if place == len(ends):
            ends.append(number)
            keys.append(-heading.day.toordinal())
        elif headings[ends[place]].day < heading.day:
            ends[place] = number
            keys[place] = -heading.day.toordinal()
    run: list[DateHeading] = []
    number = ends[-1] if ends else -1
    while number != -1:
        run.append(headings[number])
        number = before[number]
    return run[::-1]
