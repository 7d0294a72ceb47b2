"""The archive that stands on a page: years and the months in them, each with how many posts it has."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from web.blog.periods import Part, Period


@dataclass(frozen=True, slots=True)
class ArchiveLine:
    """A period, how many posts are in it, and the address of its page."""

    period: Period
    count: int
    href: str
    is_shown: bool = False


@dataclass(frozen=True, slots=True)
class ArchiveYear:
    """A year with its months; one without them is a line of its own. ``is_open``: its months are seen."""

    line: ArchiveLine
    months: tuple[ArchiveLine, ...] = ()
    is_open: bool = False


def archive_of_months(
    months: Iterable[tuple[date, int]], shown: Period | None, page: Callable[[Period], str]
) -> list[ArchiveYear]:
    """The archive of months newest first; the year of what is ``shown`` is open, else the newest."""
    years: list[ArchiveYear] = []
    for year, group in groupby(months, key=lambda found: found[0].year):
        lines = [_line(Period(year, month.month), count, shown, page) for month, count in group]
        whole = _line(Period(year), sum(line.count for line in lines), shown, page)
        is_open = shown.year == year if shown else not years
        years.append(ArchiveYear(whole, tuple(lines), is_open))
    return years


def archive_of_parts(parts: Sequence[Part], page: Callable[[Period], str]) -> list[ArchiveYear]:
    """The archive of posts cut into years, and these into months where they are."""
    years: list[ArchiveYear] = []
    for part in parts:
        lines = tuple(_line(month.period, month.count, None, page) for month in part.parts)
        years.append(ArchiveYear(_line(part.period, part.count, None, page), lines, not years))
    return years


def lines_of(parts: Sequence[Part], page: Callable[[Period], str]) -> list[ArchiveLine]:
    """The parts of a period that is not shown whole."""
    return [_line(part.period, part.count, None, page) for part in parts]


def _line(period: Period, count: int, shown: Period | None, page: Callable[[Period], str]) -> ArchiveLine:
    return ArchiveLine(period, count, page(period), period == shown)
