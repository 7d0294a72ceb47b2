"""Moments as feeds write them: in UTC."""

from datetime import UTC, datetime
from zlib import crc32

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def whole_seconds(moment: datetime) -> datetime:
    """The moment in UTC, its fraction of a second cut off."""
    return moment.astimezone(UTC).replace(microsecond=0)


def rfc3339(moment: datetime) -> bytes:
    """The moment in whole seconds, as Atom and JSON Feed write it."""
    return _in_utc(moment).isoformat(timespec="seconds").encode()


def rfc822(moment: datetime) -> bytes:
    """The moment in whole seconds, as RSS and OPML write it; the process' locale has no say in it."""
    utc = _in_utc(moment)
    day, month = _DAYS[utc.weekday()], _MONTHS[utc.month - 1]
    clock = f"{utc.hour:02d}:{utc.minute:02d}:{utc.second:02d}"
    return f"{day}, {utc.day:02d} {month} {utc.year:04d} {clock} +0000".encode()


def told_apart(moment: datetime, uri: str) -> datetime:
    """The moment in UTC with a fraction of a second: its own, or else one that grows from the id.

    Sources often tell the day or the minute only. Two entries of one feed that were updated at the same
    instant look like one entry twice to a validator, and in no order to a reader.
    """
    utc = _in_utc(moment)
    return (
        utc
        if utc.microsecond
        else utc.replace(microsecond=1 + crc32(uri.encode("utf-8", "replace")) % 999_999)
    )


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
