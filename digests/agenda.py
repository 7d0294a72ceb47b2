"""What is due: subscriptions whose slot has come, or (instant) for whom there may be news."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select, update

from digests.cadence import Cadence, Fold, Rhythm, Send, Wait, decide, first_window
from digests.model import Digest, digest
from posts.revisions import batched
from posts.store import latest_visible_at
from subscribers.model import SubscriberState, SubscriptionState, subscriber, subscription

_TICK = timedelta(microseconds=1)
# What this reader chose, or else the digest's own.
_CADENCE = func.coalesce(subscription.c.cadence, digest.c.cadence)
_IS_INSTANT: ColumnElement[bool] = _CADENCE == Cadence.INSTANT


@dataclass(frozen=True, slots=True)
class Due:
    """A subscription that is due, and what was decided: the window to send, or None when it folds."""

    subscription_id: int
    subscriber_id: int
    digest_id: int
    labels: tuple[str, ...]
    language: str
    window_start: datetime
    window_end: datetime | None
    folded: bool
    next_slot: datetime | None


def is_anything_due(connection: Connection, now: datetime) -> bool:
    """Whether a subscription waits for its first window, has reached its slot, or may have instant news."""
    asked = or_(_is_unarmed(), _is_due(now, latest_visible_at(connection, until=now)))
    return connection.execute(_subscriptions(subscription.c.id).where(asked).limit(1)).first() is not None


def arm(connection: Connection, now: datetime) -> int:
    """Give new subscriptions, and those whose cadence has slots only now, their window and slot.

    A subscription begins when it was made, or later, when its reader confirmed. A tick told an instant before
    that (a rehearsal) counts it as made just before.
    """
    query = _subscriptions(*_COLUMNS).where(_is_unarmed()).with_for_update(of=subscription, skip_locked=True)
    armed = []
    for row in connection.execute(query):
        begun = max(row.created_at, row.confirmed_at or row.created_at)
        start = first_window(_rhythm(row), min(begun, now - _TICK))
        window_start = row.window_start or start.window_start
        armed.append({"its_id": row.id, "start": window_start, "slot": start.next_slot})
    _move(connection, armed)
    return len(armed)


def due_subscriptions(
    connection: Connection, now: datetime, *, digests: Mapping[int, Digest], limit: int
) -> list[Due]:
    """The first ``limit`` due subscriptions, locked where rows can be locked, each with its decision."""
    newest = latest_visible_at(connection, until=now)
    query = (
        _subscriptions(*_COLUMNS)
        .where(_is_due(now, newest))
        .order_by(subscription.c.id)
        .limit(limit)
        .with_for_update(of=subscription, skip_locked=True)
    )
    return [_decided(row, now, newest, digests[row.digest_id]) for row in connection.execute(query)]


def move_on(connection: Connection, decided: Iterable[Due]) -> None:
    """Move subscriptions on: a sent window's end begins the next; a folded one's start stays."""
    moves = []
    for one in decided:
        start = one.window_end or one.window_start
        moves.append({"its_id": one.subscription_id, "start": start, "slot": one.next_slot})
    _move(connection, moves)


def _move(connection: Connection, moves: Sequence[Mapping[str, Any]]) -> None:
    """Set windows and slots; most subscriptions of a digest go on alike, so a statement serves many."""
    together: dict[tuple[datetime, datetime | None], list[int]] = {}
    for one in moves:
        together.setdefault((one["start"], one["slot"]), []).append(one["its_id"])
    for (start, slot), numbers in together.items():
        for some in batched(numbers):
            step = update(subscription).where(subscription.c.id.in_(some))
            connection.execute(step.values(window_start=start, next_slot=slot))


def _subscriptions(*columns: ColumnElement[Any]) -> Select[Any]:
    return (
        select(*columns)
        .select_from(subscription)
        .join(subscriber, subscriber.c.id == subscription.c.subscriber_id)
        .join(digest, digest.c.id == subscription.c.digest_id)
        .where(
            subscription.c.state == SubscriptionState.ACTIVE, subscriber.c.state == SubscriberState.CONFIRMED
        )
    )


def _is_unarmed() -> ColumnElement[bool]:
    return or_(subscription.c.window_start.is_(None), and_(subscription.c.next_slot.is_(None), ~_IS_INSTANT))


def _is_due(now: datetime, newest: datetime | None) -> ColumnElement[bool]:
    slot_came = subscription.c.next_slot <= now
    if newest is None:
        return slot_came
    return or_(slot_came, and_(_IS_INSTANT, subscription.c.window_start < newest))


def _rhythm(row: Row[Any]) -> Rhythm:
    return Rhythm(Cadence(row.cadence), row.minute, row.weekday, row.monthday, row.timezone)


def _decided(row: Row[Any], now: datetime, newest: datetime | None, its: Digest) -> Due:
    """The decision for one row; an instant window ends at the newest news, so that readers share editions."""
    rhythm = _rhythm(row)
    until = (newest or now) if rhythm.cadence is Cadence.INSTANT else now
    decision = decide(
        rhythm,
        window_start=row.window_start,
        next_slot=row.next_slot,
        now=until,
        max_lateness=its.max_lateness,
    )
    end, folded, slot = None, False, None
    match decision:
        case Send():
            end, folded, slot = decision.window_end, decision.folded, decision.next_slot
        case Fold():
            slot = decision.next_slot
        case Wait():
            # An instant subscription that once had a slot: nothing is new, the slot is of no more use.
            pass
    return Due(
        row.id,
        row.subscriber_id,
        row.digest_id,
        tuple(row.labels),
        row.language,
        row.window_start,
        end,
        folded,
        slot,
    )


_COLUMNS = (
    subscription.c.id,
    subscription.c.subscriber_id,
    subscription.c.digest_id,
    subscription.c.labels,
    subscription.c.window_start,
    subscription.c.next_slot,
    subscription.c.created_at,
    subscriber.c.confirmed_at,
    _CADENCE.label("cadence"),
    func.coalesce(subscription.c.minute, digest.c.minute).label("minute"),
    func.coalesce(subscription.c.weekday, digest.c.weekday).label("weekday"),
    func.coalesce(subscription.c.monthday, digest.c.monthday).label("monthday"),
    func.coalesce(subscription.c.timezone, digest.c.timezone).label("timezone"),
    func.coalesce(subscriber.c.language, digest.c.language).label("language"),
)
