"""Months of a timezone: where they begin and end, and how many instants lie in each. All pure."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

_EARLIEST = datetime.min.replace(tzinfo=UTC)


def month_bounds(month: date, *, timezone: str) -> tuple[datetime, datetime | None]:
    """The instants a month begins and ends at in a timezone; None: after the last there is."""
    zone = ZoneInfo(timezone)
    return _begin(month.year, month.month, zone) or _EARLIEST, _end(month, zone)


def count_months(
    moments: Sequence[Any],
    *,
    timezone: str,
    read: Callable[[Any], datetime],
    write: Callable[[datetime], Any],
) -> Iterator[tuple[date, int]]:
    """The first day of each month that has some of the moments, and how many; newest first.

    ``moments`` come in ascending order, as a database writes them: ``read`` and ``write`` are how it does.
    """
    zone = ZoneInfo(timezone)
    left = len(moments)
    while left:
        month = _month(read(moments[left - 1]), zone)
        begin = _begin(month.year, month.month, zone)
        older = 0 if begin is None else bisect_left(moments, write(begin), 0, left - 1)
        yield month, left - older
        left = older


def _month(moment: datetime, zone: ZoneInfo) -> date:
    """The first day of the month that an instant is in."""
    try:
        local = moment.astimezone(zone)
    except OverflowError:
        local = moment
    month = local.date().replace(day=1)
    # Clocks that are put back over midnight show the old month once more: it has ended all the same.
    end = _end(month, zone)
    return month if end is None or moment < end else _next(month)


def _end(month: date, zone: ZoneInfo) -> datetime | None:
    if (month.year, month.month) == (9999, 12):
        return None
    following = _next(month)
    return _begin(following.year, following.month, zone)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _begin(year: int, month: int, zone: ZoneInfo) -> datetime | None:
    """When a month begins; None when that is before all instants there are, as it is in the first month.

    West of Greenwich that one has instants before its own midnight: there is no month to put them in.
    """
    if (year, month) == (1, 1):
        return None
    try:
        return datetime(year, month, 1, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return None
