"""An edition's window in plain words."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from templates.environment import day

_TICK = timedelta(microseconds=1)


def in_words(start: datetime, end: datetime, timezone: str) -> str:
    """The days of the window ``(start, end]`` in a timezone: ``Posts from 2 to 9 November 2026``.

    What two dates share is said once. A window that ends at midnight ends on the day before.
    """
    zone = ZoneInfo(timezone)
    first = start.astimezone(zone).date()
    last = max((end - _TICK).astimezone(zone).date(), first)
    if first == last:
        return f"Posts of {day(last)}"
    if first.year != last.year:
        return f"Posts from {day(first)} to {day(last)}"
    if first.month != last.month:
        return f"Posts from {day(first).removesuffix(f' {first.year}')} to {day(last)}"
    return f"Posts from {first.day} to {day(last)}"
