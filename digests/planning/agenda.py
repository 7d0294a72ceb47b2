"""What is due: subscriptions whose slot has come, or (instant) for whom there may be news.

They are read as groups of readers who are alike in all that planning looks at: the database makes the groups,
so that a million readers who chose among a few hundred things cost a few hundred decisions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, and_, case, cast, func, select

from digests.cadence import MOMENT, Cadence, Decision, Rhythm, decide, previous_slot
from digests.model import Digest, digest
from posts.store import latest_visible_at
from subscribers.model import CHANGED, SubscriberState, SubscriptionState, subscriber, subscription

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
# A subscription is given a window and a slot when it is new, and another slot when its rhythm has changed.
IS_NEW = and_(subscription.c.next_slot.is_(None), subscription.c.window_start.is_(None))
IS_CHANGED = subscription.c.next_slot == CHANGED
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
class Batch:
    """Some of what is due, of how many readers, and the way of being due to go on with; None: no more."""

    groups: tuple[Due, ...] = ()
    readers: int = 0
    then: int | None = None


def is_anything_due(connection: Connection, now: datetime) -> bool:
    """Whether a subscription waits for its first window, has reached its slot, or may have instant news.

    Each is a question of its own: a range of the index of slots, however many subscriptions there are.
    """
    ways = _ways(now, latest_visible_at(connection, until=now))
    unarmed = (subscriptions(subscription.c.id).where(one) for one in (IS_NEW, IS_CHANGED))
    questions = [*unarmed, *(way.query() for way in ways)]
    return any(connection.execute(query.limit(1)).first() is not None for query in questions)


def due_batch(
    connection: Connection, now: datetime, *, digests: Mapping[int, Digest], way: int, limit: int
) -> Batch:
    """The next due subscriptions, from a way of being due on, locked where rows can be locked.

    ``limit`` or fewer. They have to be moved on before the next are asked for: what was due and is no more is
    not met again.
    """
    newest = latest_visible_at(connection, until=now)
    groups: list[Due] = []
    readers = 0
    for number, one in enumerate(_ways(now, newest)):
        if number < way:
            continue
        found = one.query(*_ALIKE).limit(limit - readers)
        rows = connection.execute(_alike(found.with_for_update(of=subscription, skip_locked=True))).all()
        groups += [_decided(connection, row, now, newest, digests[row.digest_id]) for row in rows]
        readers += sum(row.readers for row in rows)
        if readers == limit:
            return Batch(tuple(groups), readers, number)
    return Batch(tuple(groups), readers)


def readers_alike(connection: Connection, its: Digest, *, limit: int) -> Sequence[Row[Any]]:
    """So many readers of a digest at most, in groups with the columns of ``Due``, whether due or not."""
    query = subscriptions(subscription.c.id, *_ALIKE).where(subscription.c.digest_id == its.id)
    return connection.execute(_alike(query.order_by(subscription.c.subscriber_id).limit(limit))).all()


def _alike(found: Select[Any]) -> Select[Any]:
    """The subscriptions that a query finds, in groups."""
    due = found.subquery("due")
    alike = [due.c[column.name] for column in _ALIKE]
    return select(
        *alike,
        func.aggregate_strings(cast(due.c.id, Text), ",").label("members"),
        func.count().label("readers"),
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
    """A way of being due: a range of an index in its order, which who is moved on has left."""

    condition: ColumnElement[bool]
    order: ColumnElement[datetime]

    def query(self, *columns: ColumnElement[Any]) -> Select[Any]:
        return subscriptions(subscription.c.id, *columns).where(self.condition).order_by(self.order)


def _ways(now: datetime, newest: datetime | None) -> Iterator[_Way]:
    """The ways to be due; of these one or none holds for a subscription.

    For the instant cadence ``next_slot`` tells up to where the news was found too few to be sent.
    """
    slot, window_start = subscription.c.next_slot, subscription.c.window_start
    yield _Way(and_(slot <= now, ~IS_INSTANT), slot)
    if newest is not None:
        is_news = and_(IS_INSTANT, window_start < newest)
        yield _Way(and_(slot.is_(None), is_news), window_start)
        yield _Way(and_(slot < newest, is_news), slot)


def _decided(connection: Connection, row: Any, now: datetime, newest: datetime | None, its: Digest) -> Due:
    """The decision for a group; an instant window ends at the newest news, so that readers share editions."""
    rhythm = rhythm_of(row)
    until, paused_until = now, row.paused_until
    if rhythm.cadence is Cadence.INSTANT:
        until = newest or now
        if paused_until is not None:
            paused_until = _since_news(connection, paused_until)
    start = row.window_start or previous_slot(rhythm, row.next_slot - MOMENT)
    decision = decide(
        rhythm,
        window_start=start,
        next_slot=row.next_slot,
        now=until,
        max_lateness=its.max_lateness,
        paused_until=paused_until,
        extra=its.send_at,
        held=its.paused_at is not None,
    )
    alike = (row.digest_id, tuple(row.labels), row.language, row.content, row.form)
    return Due(*alike, rhythm, start, decision, row.members, row.readers)


def _since_news(connection: Connection, paused_until: datetime) -> datetime:
    """A pause's end moved back to just after the last news before it, where the others' windows start too."""
    last = latest_visible_at(connection, until=paused_until - MOMENT)
    return paused_until if last is None else last + MOMENT
