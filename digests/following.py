"""Who reads a digest, in numbers: all of them where there are few, else the newest five thousand; and how
its last edition went.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from digests.model import DeliveryState, Digest, edition
from digests.offer import reader_rhythm
from digests.planning.agenda import subscriptions
from digests.rhythm import Rhythm, describe
from digests.standing import count_by_edition
from subscribers.model import subscription

MOST = 5_000
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


def count_some(connection: Connection, its: Digest, *, most: int) -> int:
    """How many readers a digest has, counted up to ``most``."""
    mine = subscriptions(subscription.c.id).where(subscription.c.digest_id == its.id).limit(most)
    number: int = connection.execute(select(func.count()).select_from(mine.subquery())).scalar_one()
    return number


@dataclass(frozen=True, slots=True)
class LastTime:
    """When windows of a digest ended last, of how many readers, and how their mail stands.

    No state at all: there was nothing to mail.
    """

    window_end: datetime
    readers: int
    states: Mapping[DeliveryState, int]


def last_time(connection: Connection, its: Digest) -> LastTime | None:
    """How the last editions of a digest went, as far as the twenty newest tell; None: there was none."""
    newest = select(edition.c.id).where(edition.c.digest_id == its.id)
    numbers = connection.execute(newest.order_by(edition.c.window_end.desc()).limit(20)).scalars().all()
    asked = select(edition.c.id, edition.c.window_end, edition.c.reason, edition.c.readers)
    rows = connection.execute(asked.where(edition.c.id.in_(numbers))).all()
    if not rows:
        return None
    end = max(row.window_end for row in rows)
    last = [row for row in rows if row.window_end == end]
    mailed = {row.id: row.readers for row in last if row.reason is None}
    states: Counter[DeliveryState] = Counter()
    for counted in count_by_edition(connection, mailed).values():
        states.update(counted)
    return LastTime(end, sum(row.readers for row in last), states)


def _rhythm(its: Digest, chosen: Chosen) -> Rhythm:
    cadence, minute, weekday, monthday, timezone = chosen
    return reader_rhythm(
        its, cadence=cadence, minute=minute, weekday=weekday, monthday=monthday, timezone=timezone
    )
