"""Dates as sources write them: ISO 8601, RFC 822, and what only feedparser still knows."""

import io
from calendar import timegm
from datetime import UTC, date, datetime, time, tzinfo
from email.utils import parsedate_to_datetime
from html import escape

import feedparser

from posts.importers.errors import one_line

NAIVE_NOTE = "a date without a timezone was taken as UTC"
_LONGEST = 64


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
    """Read a date as feeds write it: ISO 8601, RFC 822 and more. In UTC; raises ``NoDate``."""
    for reader in (_iso, _rfc822, _odd):
        try:
            found = reader(_short(text))
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
        if found is not None:
            return found
    raise NoDate(f"{one_line(text, limit=_LONGEST)!r} is no date")


def midnight(day: date, zone: tzinfo) -> datetime:
    """The first instant of a day in a zone, in UTC."""
    return at(day, time(), zone)


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


def _odd(text: str) -> datetime | None:
    # feedparser reads Greek, Korean and Hungarian dates and more, but only inside a feed.
    item = f"<rss version='2.0'><channel><item><pubDate>{escape(text)}</pubDate></item></channel></rss>"
    entries = feedparser.parse(io.BytesIO(item.encode("utf-8", "replace"))).entries
    parsed = dict.get(entries[0], "published_parsed") if entries else None
    return datetime.fromtimestamp(timegm(parsed), UTC) if parsed else None
