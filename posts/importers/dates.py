"""Dates as sources write them: ISO 8601 and RFC 822.

Not by feedparser: what is missing in a date it takes from the present, so that it means another day tomorrow.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from email.utils import parsedate_to_datetime

from posts.importers.errors import one_line

NAIVE_NOTE = "a date without a timezone was taken as UTC"
_LONGEST = 64
_MINUTE = timedelta(minutes=1)


class NoDate(ValueError):
    """A text stands where a date should, and is none."""


def parse_iso(text: str) -> tuple[datetime, bool]:
    """Read an ISO 8601 date or instant; tell also whether it named its timezone (else it is taken as UTC).

    The result is in UTC. Raises ``NoDate``.
    """
    try:
        parsed = datetime.fromisoformat(_short(text))
        if parsed.tzinfo is None:
            return parsed.replace(tzinfo=UTC), False
        return parsed.astimezone(UTC), True
    except (ValueError, OverflowError) as error:
        raise NoDate(f"{one_line(text, limit=_LONGEST)!r} is no ISO 8601 date") from error


def parse_any(text: str) -> datetime:
    """Read a date as feeds write it: ISO 8601 or RFC 822. In UTC; raises ``NoDate``."""
    for reader in (_iso, _rfc822):
        try:
            return reader(_short(text))
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
    raise NoDate(f"{one_line(text, limit=_LONGEST)!r} is no date")


def midday(day: date, zone: tzinfo, *, above: datetime | None) -> datetime:
    """What stands for a day of which no time is told, in UTC: noon in the zone, the same day in most others.

    ``above`` is when the post above it on the page was published. Where that was the same day this one comes
    a minute earlier, so that the page's order stays, though not before the day begins.
    """
    noon, begins = at(day, time(12), zone), at(day, time(), zone)
    if above is None or above < begins:
        return noon
    return min(noon, max(above, begins + _MINUTE) - _MINUTE)


def at(day: date, clock: time, zone: tzinfo) -> datetime:
    """A day and a wall clock's time in a zone, in UTC; a zone's gap may push it out of what UTC can say."""
    local = datetime.combine(day, clock, zone)
    try:
        return local.astimezone(UTC)
    except OverflowError:
        return local.replace(tzinfo=UTC)


def _short(text: str) -> str:
    stripped = text.strip()
    if len(stripped) > _LONGEST:
        raise NoDate(f"{one_line(stripped, limit=_LONGEST)!r} is no date")
    return stripped


def _iso(text: str) -> datetime:
    return parse_iso(text)[0]


def _rfc822(text: str) -> datetime:
    parsed = parsedate_to_datetime(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
