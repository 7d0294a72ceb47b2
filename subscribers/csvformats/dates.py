"""Dates as mailing services write them into their lists."""

import re
from datetime import UTC, datetime, timedelta, timezone

# What a date can be of people who read by email; another is a slip, and no consent's.
_FIRST_YEAR, _LAST_YEAR = 1990, 2200

# listmonk's: 2024-05-01 10:11:12.123456 +0530 IST
_GO = re.compile(
    r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d{1,9})? ([+-])(\d\d)(\d\d)(?: [A-Z]{1,5}| [+-]\d\d(?:\d\d)?)?"
)
# FeedBurner's, and what a spreadsheet makes of Mailchimp's: 06/17/2009 09:52
_AMERICAN = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}|\d\d)(?: (\d{1,2}):(\d\d)(?::(\d\d))?(?: ([AaPp])[Mm])?)?"
)
_NOON = 12


def read_date(text: str) -> datetime | None:
    """The instant that a service wrote, in UTC; None where it wrote none, or nothing that is one.

    Read are ISO 8601, the form of Go's ``Time.String``, and month/day/year. Without an offset it is UTC.
    """
    written = text.strip()
    if not written:
        return None
    try:
        found = _go(written) or _american(written) or datetime.fromisoformat(written)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if _FIRST_YEAR <= found.year <= _LAST_YEAR else None


def _go(text: str) -> datetime | None:
    found = _GO.fullmatch(text)
    if found is None:
        return None
    day, clock, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    zone = timezone(-offset if sign == "-" else offset)
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone)


def _american(text: str) -> datetime | None:
    found = _AMERICAN.fullmatch(text)
    if found is None:
        return None
    month, day, year, hour, minute, second, half = found.groups(default="0")
    hours = int(hour)
    if half in "AaPp":
        hours = hours % _NOON + (_NOON if half in "Pp" else 0)
    century = 2000 if len(year) == len("09") else 0
    return datetime(century + int(year), int(month), int(day), hours, int(minute), int(second), tzinfo=UTC)
