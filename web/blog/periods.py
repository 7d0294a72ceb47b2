"""Years, months and days of a timezone as parts of a list of posts: ``2026``, ``2026-03``, ``2026-03-17``.

A list is cut into periods by its dates alone, so that the address of a part stays when posts come and go: a
year where its posts are few enough to read, else its months, else their days. All pure.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import chain, groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from posts.months import month_bounds
from posts.walking import Step

_WRITTEN = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
# There are parts by the ten thousand, and each keeps its own.
DIGEST_BYTES = 12


class Period(NamedTuple):
    """A year, a month or a day; the parts that it does not have are 0. Periods sort as they follow."""

    year: int
    month: int = 0
    day: int = 0

    def __str__(self) -> str:
        if not self.month:
            return f"{self.year:04}"
        return f"{self.year:04}-{self.month:02}" + (f"-{self.day:02}" if self.day else "")

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.month or 1, self.day or 1)

    @property
    def parent(self) -> "Period | None":
        """The month of a day, the year of a month; a year has none."""
        if self.day:
            return Period(self.year, self.month)
        return Period(self.year) if self.month else None

    def bounds(self, timezone: str) -> tuple[datetime, datetime | None]:
        """The instants it begins and ends at; None: after the last there is."""
        if self.day:
            return _begin(self.first, timezone), _next_day(self.first, timezone)
        last = date(self.year, self.month or 12, 1)
        return month_bounds(self.first, timezone=timezone)[0], month_bounds(last, timezone=timezone)[1]

    def like(self, day: "Period") -> "Period":
        """The period of its own length that a day lies in."""
        return Period(day.year, day.month if self.month else 0, day.day if self.day else 0)


def read_period(text: str) -> Period | None:
    """The period that an address names; None when it names none."""
    found = _WRITTEN.fullmatch(text)
    if found is None or not text.isascii():
        return None
    period = Period(*(int(part or 0) for part in found.groups()))
    if (period.day == 0 and found[3]) or (period.month == 0 and found[2]):
        return None
    try:
        _ = period.first
    except ValueError:
        return None
    return period


def day_of(moment: datetime, timezone: str) -> Period:
    """The day that an instant is in. A day that clocks are put back into has ended all the same."""
    try:
        local = moment.astimezone(ZoneInfo(timezone)).date()
    except OverflowError:
        local = moment.date()
    end = _next_day(local, timezone)
    if end is not None and moment >= end:
        local += timedelta(days=1)
    return Period(local.year, local.month, local.day)


def _begin(day: date, timezone: str) -> datetime:
    try:
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    except OverflowError:
        return _EARLIEST if day.year == 1 else _LATEST


def _next_day(day: date, timezone: str) -> datetime | None:
    return None if day == date.max else _begin(day + timedelta(days=1), timezone)


@dataclass(frozen=True, slots=True)
class Part:
    """A period with how many posts are in it, and a digest that changes whenever one of them does.

    ``parts`` are the shorter periods that it is cut into, newest first. Where it is shown whole there are
    none, and ``ids`` are its posts, newest first.
    """

    period: Period
    count: int
    digest: bytes
    ids: "array[int]"
    parts: tuple["Part", ...] = ()

    def leaves(self) -> Iterator["Part"]:
        """What is shown whole of it, newest first."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def all(self) -> Iterator["Part"]:
        """Itself and all that it is cut into."""
        yield self
        for part in self.parts:
            yield from part.all()


def cut(steps: Iterable[Step], *, timezone: str, most: int) -> tuple[Part, ...]:
    """The years of posts that come newest first, each cut until no part of several days is over ``most``."""
    return _joined(_days(steps, timezone), most, lambda period: Period(period.year, period.month))


def _days(steps: Iterable[Step], timezone: str) -> list[Part]:
    days: list[Part] = []
    some: list[Step] = []
    begin = _LATEST
    for step in steps:
        if some and step.published < begin:
            days.append(_day(some, timezone))
            some = []
        if not some:
            begin = _begin(day_of(step.published, timezone).first, timezone)
        some.append(step)
    return [*days, _day(some, timezone)] if some else days


def _day(steps: Sequence[Step], timezone: str) -> Part:
    ids = array("q", (step.id for step in steps))
    told = " ".join(f"{step.id}.{step.revision}" for step in steps)
    day = day_of(steps[0].published, timezone)
    return Part(day, len(steps), sha256(told.encode()).digest()[:DIGEST_BYTES], ids)


def _joined(parts: Iterable[Part], most: int, longer: Callable[[Period], Period]) -> tuple[Part, ...]:
    """Parts put together into longer ones: days into months, these into years."""
    whole = []
    for period, group in groupby(parts, key=lambda part: longer(part.period)):
        some = tuple(group)
        count = sum(part.count for part in some)
        told = sha256(b"".join(part.digest for part in some)).digest()[:DIGEST_BYTES]
        if count > most:
            whole.append(Part(period, count, told, array("q"), some))
        else:
            ids = array("q", chain.from_iterable(part.ids for part in some))
            whole.append(Part(period, count, told, ids))
    if whole and whole[0].period.month:
        return _joined(whole, most, lambda period: Period(period.year))
    return tuple(whole)
