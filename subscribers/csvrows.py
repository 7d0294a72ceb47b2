"""A line of a list of readers, as what it says: who, in which state, with which choices and consent."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CsvError(ValueError):
    """A file that is no CSV of subscribers: one line says where and why."""


class Status(StrEnum):
    """How a reader stands in the list that a line is of."""

    SUBSCRIBED = "subscribed"
    PENDING = "pending"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a CSV: an address to be added as it is kept, and what the list says of it, unchecked as yet.

    ``status`` with ``since`` (when it became so) and ``why`` (the list's own word for it); ``ended``: the
    reader has that status, and unsubscribed from this digest. ``agreed_at`` and ``agreed_from`` (an IP
    address, or where else) are the consent that the list claims. ``source`` is the service that wrote it.
    ``guessed``: language and timezone are the service's guesses, to be dropped where they are none. ``tags``
    are the service's, which may be labels or not.
    """

    line: int
    email: str
    labels: tuple[str, ...] = ()
    cadence: str | None = None
    timezone: str | None = None
    status: Status = Status.SUBSCRIBED
    why: str = ""
    since: datetime | None = None
    ended: bool = False
    agreed_at: datetime | None = None
    agreed_from: str | None = None
    source: str | None = None
    guessed: bool = False
    tags: tuple[str, ...] = ()
    at: str | None = None
    hour: str | None = None
    weekday: str | None = None
    monthday: str | None = None
    content: str | None = None
    form: str | None = None
    language: str | None = None
    digest: str | None = None
    digest_language: str | None = None
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that cannot be taken, and why."""

    line: int
    reason: str
