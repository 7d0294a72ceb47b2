"""Who reads a digest, in numbers: all of them where there are few, else the newest five thousand; and how
its last edition went.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, literal, select, union_all

from digests.model import DeliveryState, Digest, edition
from digests.offer import reader_rhythm
from digests.planning.agenda import subscriptions
from digests.rhythm import Rhythm, describe
from digests.standing import count_by_edition
from subscribers.model import subscription

MOST = 5_000
# So many of a digest's editions are looked at for those of its last window.
NEWEST = 20
_CHOSEN = (
    subscription.c.cadence,
    subscription.c.minute,
    subscription.c.weekday,
    subscription.c.monthday,
    subscription.c.timezone,
)

# What a reader chose of the rhythm: cadence, minute, weekday, monthday and timezone, each or None.
Chosen = tuple[str | None, int | None, int | None, int | None, str | None]


@dataclass(frozen=True, slots=True)
class Following:
    """Of ``readers``, the newest, how many chose what of the rhythm. ``is_all``: there are no more."""

    readers: int
    is_all: bool
    chosen: Mapping[Chosen, int] = field(default_factory=dict)

    def cadences(self, its: Digest) -> Counter[str]:
        """How many get it how often."""
        return self._by(lambda chosen: chosen[0] or its.cadence)

    def zones(self, its: Digest) -> Counter[str]:
        """How many are in which timezone."""
        return self._by(lambda chosen: chosen[4] or its.timezone)

    def chose(self, cadence: str) -> int:
        """How many chose a cadence themselves."""
        return sum(number for chosen, number in self.chosen.items() if chosen[0] == cadence)

    def moved(self, old: Digest, new: Digest) -> int:
        """How many get it at other times when a digest is changed."""
        return sum(
            number
            for chosen, number in self.chosen.items()
            if describe(_rhythm(old, chosen)) != describe(_rhythm(new, chosen))
        )

    def _by(self, name: Any) -> Counter[str]:
        found: Counter[str] = Counter()
        for chosen, number in self.chosen.items():
            found[name(chosen)] += number
        return found


def following(connection: Connection, its: Digest, *, most: int = MOST) -> Following:
    """Who reads a digest, as far as ``most`` readers tell."""
    mine = subscriptions(*_CHOSEN).where(subscription.c.digest_id == its.id)
    some = mine.order_by(subscription.c.subscriber_id.desc()).limit(most).subquery()
    rows = connection.execute(select(*some.c, func.count()).group_by(*some.c)).all()
    chosen: dict[Chosen, int] = {(row[0], row[1], row[2], row[3], row[4]): row[5] for row in rows}
    readers = sum(chosen.values())
    return Following(readers, readers < most, chosen)


def count_some(connection: Connection, digests: Sequence[Digest], *, most: int) -> dict[int, int]:
    """How many readers each digest has, by its number, counted up to ``most`` in one query for all."""
    counted = [
        select(literal(its.id).label("digest"), func.count().label("readers")).select_from(
            subscriptions(subscription.c.id).where(subscription.c.digest_id == its.id).limit(most).subquery()
        )
        for its in digests
    ]
    rows = connection.execute(union_all(*counted)) if counted else ()
    return {row.digest: row.readers for row in rows}


@dataclass(frozen=True, slots=True)
class LastTime:
    """When windows of a digest ended last, of how many readers, and how their mail stands.

    No state at all: there was nothing to mail.
    """

    window_end: datetime
    readers: int
    states: Mapping[DeliveryState, int]


def last_times(connection: Connection, digests: Sequence[Digest]) -> dict[int, LastTime]:
    """How the last editions of each digest went, by its number, as far as its twenty newest tell.

    One that has none is left out. All are read together, in three queries.
    """
    newest = [
        select(
            select(edition.c.id)
            .where(edition.c.digest_id == its.id)
            .order_by(edition.c.window_end.desc())
            .limit(NEWEST)
            .subquery()
        )
        for its in digests
    ]
    numbers = connection.execute(union_all(*newest)).scalars().all() if newest else ()
    asked = (edition.c.id, edition.c.digest_id, edition.c.window_end, edition.c.reason, edition.c.readers)
    found: dict[int, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in connection.execute(select(*asked).where(edition.c.id.in_(numbers))) if numbers else ():
        found[row.digest_id].append(row)
    last = {its: [row for row in rows if row.window_end == _end(rows)] for its, rows in found.items()}
    mailed = {row.id: row.readers for rows in last.values() for row in rows if row.reason is None}
    counted = count_by_edition(connection, mailed)
    return {its: _last(rows, counted) for its, rows in last.items()}


def _end(rows: Sequence[Row[*tuple[Any, ...]]]) -> datetime:
    end: datetime = max(row.window_end for row in rows)
    return end


def _last(
    rows: Sequence[Row[*tuple[Any, ...]]], counted: Mapping[int, Mapping[DeliveryState, int]]
) -> LastTime:
    states: Counter[DeliveryState] = Counter()
    for row in rows:
        states.update(counted.get(row.id, {}))
    return LastTime(_end(rows), sum(row.readers for row in rows), states)


def _rhythm(its: Digest, chosen: Chosen) -> Rhythm:
    cadence, minute, weekday, monthday, timezone = chosen
    return reader_rhythm(
        its, cadence=cadence, minute=minute, weekday=weekday, monthday=monthday, timezone=timezone
    )
