"""What is due: subscriptions whose slot has come, or (instant) for whom there may be news.

They are read as groups of readers who are alike in all that planning looks at: the database makes the groups,
so that a million readers who chose among a few hundred things cost a few hundred decisions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, case, cast, func, or_, select

from digests.cadence import Cadence, Decision, Rhythm, decide, previous_slot
from digests.model import Digest, digest
from posts.store import latest_visible_at
from subscribers.model import SubscriberState, SubscriptionState, subscriber, subscription

_INSTANT = timedelta(microseconds=1)
# What this reader chose, or else the digest's own.
_CADENCE = func.coalesce(subscription.c.cadence, digest.c.cadence)
IS_INSTANT: ColumnElement[bool] = _CADENCE == Cadence.INSTANT
RHYTHM = (
    _CADENCE.label("cadence"),
    func.coalesce(subscription.c.minute, digest.c.minute).label("minute"),
    func.coalesce(subscription.c.weekday, digest.c.weekday).label("weekday"),
    func.coalesce(subscription.c.monthday, digest.c.monthday).label("monthday"),
    func.coalesce(subscription.c.timezone, digest.c.timezone).label("timezone"),
)
# A subscription is given its first slot when it has none; the instant cadence has none ever, but a window.
IS_UNARMED = and_(subscription.c.next_slot.is_(None), or_(subscription.c.window_start.is_(None), ~IS_INSTANT))
# A pause that ended before the window began is of no more account: its readers are as the others.
_PAUSED_UNTIL = case((subscription.c.paused_until > subscription.c.window_start, subscription.c.paused_until))
_ALIKE = (
    subscription.c.digest_id,
    subscription.c.labels,
    subscription.c.window_start,
    subscription.c.next_slot,
    _PAUSED_UNTIL.label("paused_until"),
    *RHYTHM,
    func.coalesce(subscription.c.language, subscriber.c.language, digest.c.language).label("language"),
    func.coalesce(subscription.c.content, digest.c.content).label("content"),
    func.coalesce(subscription.c.form, "html").label("form"),
)


@dataclass(frozen=True, slots=True)
class Due:
    """Subscriptions that are due and alike, and what was decided for them.

    ``members`` are their numbers, joined by commas; ``readers`` tells how many. ``labels`` are as chosen.
    """

    digest_id: int
    labels: tuple[str, ...]
    language: str
    content: str
    form: str
    rhythm: Rhythm
    window_start: datetime
    decision: Decision
    members: str
    readers: int


@dataclass(frozen=True, slots=True)
class Place:
    """How far the reading of what is due has come: in which way of being due, after which subscription."""

    way: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of what is due, of how many readers, and where to go on; None: that was all."""

    groups: tuple[Due, ...] = ()
    readers: int = 0
    then: Place | None = None


def is_anything_due(connection: Connection, now: datetime) -> bool:
    """Whether a subscription waits for its first window, has reached its slot, or may have instant news.

    Each is a question of its own: a range of the index of slots, however many subscriptions there are.
    """
    ways = _ways(now, latest_visible_at(connection, until=now))
    questions = [subscriptions(subscription.c.id).where(IS_UNARMED), *(way.query() for way in ways)]
    return any(connection.execute(query.limit(1)).first() is not None for query in questions)


def due_batch(
    connection: Connection, now: datetime, *, digests: Mapping[int, Digest], place: Place, limit: int
) -> Batch:
    """The next due subscriptions from a place on, locked where rows can be locked: ``limit`` or fewer.

    They have to be moved on before the next are asked for: what was due and is no more is not met again.
    """
    newest = latest_visible_at(connection, until=now)
    groups: list[Due] = []
    readers, after = 0, place.after
    for number, way in enumerate(_ways(now, newest)):
        if number < place.way:
            continue
        rows = connection.execute(_alike(way.query(after, *_ALIKE).limit(limit - readers))).all()
        groups += [_decided(connection, row, now, newest, digests[row.digest_id]) for row in rows]
        readers += sum(row.readers for row in rows)
        if readers == limit:
            return Batch(tuple(groups), readers, Place(number, max(row.last for row in rows)))
        after = 0
    return Batch(tuple(groups), readers)


def _alike(found: Select[Any]) -> Select[Any]:
    """The subscriptions that a query finds, locked, in groups."""
    locked = found.with_for_update(of=subscription, skip_locked=True).subquery("due")
    alike = [locked.c[column.name] for column in _ALIKE]
    return select(
        *alike,
        func.aggregate_strings(cast(locked.c.id, Text), ",").label("members"),
        func.count().label("readers"),
        func.max(locked.c.id).label("last"),
    ).group_by(*alike)


def count_readers(connection: Connection) -> dict[int, int]:
    """How many readers each digest has, by its number; one without readers is left out."""
    query = subscriptions(subscription.c.digest_id, func.count().label("readers"))
    query = query.group_by(subscription.c.digest_id)
    return {row.digest_id: row.readers for row in connection.execute(query)}


def subscriptions(*columns: ColumnElement[Any]) -> Select[Any]:
    """Of active subscriptions of confirmed readers, each with its digest."""
    return (
        select(*columns)
        .select_from(subscription)
        .join(subscriber, subscriber.c.id == subscription.c.subscriber_id)
        .join(digest, digest.c.id == subscription.c.digest_id)
        .where(
            subscription.c.state == SubscriptionState.ACTIVE, subscriber.c.state == SubscriberState.CONFIRMED
        )
    )


def rhythm_of(row: Any) -> Rhythm:
    """The rhythm in a row with the columns ``RHYTHM``."""
    return Rhythm(Cadence(row.cadence), row.minute, row.weekday, row.monthday, row.timezone)


@dataclass(frozen=True, slots=True)
class _Way:
    """A way of being due: by its order an index finds it, also the first few of a million."""

    condition: ColumnElement[bool]
    is_by_slot: bool

    def query(self, after: int = 0, *columns: ColumnElement[Any]) -> Select[Any]:
        found = subscriptions(subscription.c.id, *columns).where(self.condition)
        if self.is_by_slot:
            # Who is moved on has left this range.
            return found.order_by(subscription.c.next_slot)
        return found.where(subscription.c.id > after).order_by(subscription.c.id)


def _ways(now: datetime, newest: datetime | None) -> Iterator[_Way]:
    """The ways to be due; of these one or none holds for a subscription.

    For the instant cadence ``next_slot`` tells up to where the news was found too few to be sent.
    """
    yield _Way(and_(subscription.c.next_slot <= now, ~IS_INSTANT), is_by_slot=True)
    if newest is not None:
        is_news = and_(IS_INSTANT, subscription.c.window_start < newest)
        yield _Way(and_(subscription.c.next_slot.is_(None), is_news), is_by_slot=False)
        yield _Way(and_(subscription.c.next_slot < newest, is_news), is_by_slot=True)


def _decided(connection: Connection, row: Any, now: datetime, newest: datetime | None, its: Digest) -> Due:
    """The decision for a group; an instant window ends at the newest news, so that readers share editions."""
    rhythm = rhythm_of(row)
    until, paused_until = now, row.paused_until
    if rhythm.cadence is Cadence.INSTANT:
        until = newest or now
        if paused_until is not None:
            paused_until = _since_news(connection, paused_until)
    start = row.window_start or previous_slot(rhythm, row.next_slot - _INSTANT)
    decision = decide(
        rhythm,
        window_start=start,
        next_slot=row.next_slot,
        now=until,
        max_lateness=its.max_lateness,
        paused_until=paused_until,
    )
    alike = (row.digest_id, tuple(row.labels), row.language, row.content, row.form)
    return Due(*alike, rhythm, start, decision, row.members, row.readers)


def _since_news(connection: Connection, paused_until: datetime) -> datetime:
    """A pause's end moved back to just after the last news before it, where the others' windows start too."""
    last = latest_visible_at(connection, until=paused_until - _INSTANT)
    return paused_until if last is None else last + _INSTANT
