"""An edition's window in words."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from templates.languages import Language

_TICK = timedelta(microseconds=1)


def window_days(start: datetime, end: datetime, timezone: str) -> tuple[date, date]:
    """The first and the last day of the window ``(start, end]`` in a timezone.

    A window that ends at midnight ends on the day before.
    """
    zone = ZoneInfo(timezone)
    first = start.astimezone(zone).date()
    return first, max((end - _TICK).astimezone(zone).date(), first)


def in_words(start: datetime, end: datetime, timezone: str, spoken: Language) -> str:
    """The days of a window as a language tells them, what two dates share said once."""
    return spoken.span(*window_days(start, end, timezone))
