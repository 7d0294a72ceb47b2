"""Readers from a list, stored many at a time: a few statements for a thousand lines."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from database.upsert import insert_all_new
from subscribers.intake import Decision, Held, Known, Move, Wanted, decide
from subscribers.model import (
    ConsentKind,
    SubscriberState,
    SubscriptionState,
    consent,
    subscriber,
    subscription,
    suppression,
)
from subscribers.subscribing import CHOICES, WAITS
from subscribers.suppression import Suppression, SuppressionReason, address_hash

# How many lines are taken together: a statement may name no more than 32,766 values on SQLite.
BATCH = 1000
_MOMENT = timedelta(microseconds=1)

_Decided = Sequence[tuple[Wanted, Decision]]


def take_lines(
    connection: Connection, lines: Sequence[Wanted], *, vouched: bool, now: datetime, salt: str
) -> list[Decision]:
    """Decide each of at most ``BATCH`` lines and store what follows; return the decisions, in order."""
    hashes = {one.key: address_hash(one.key, salt=salt) for one in lines}
    known = _known(connection, hashes)
    before = {key: (person.state, dict(person.held)) for key, person in known.items()}
    decisions = []
    for one in lines:
        decision = decide(one, known[one.key], vouched=vouched)
        known[one.key].reckon(one, decision, now=now)
        decisions.append(decision)
    decided = list(zip(lines, decisions, strict=True))
    _add_readers(connection, decided, known, now=now)
    _confirm(connection, [one for key, one in known.items() if _agreed(one, before[key][0])], now=now)
    _move_held(connection, [(before[key][1], one.held) for key, one in known.items()], now=now)
    _add_subscriptions(connection, decided, known, now=now)
    _add_consents(connection, decided, known)
    _suppress(connection, decided, known, hashes, now=now)
    return decisions


def _known(connection: Connection, hashes: dict[str, str]) -> dict[str, Known]:
    known = {key: Known(key) for key in hashes}
    readers = select(subscriber.c.id, subscriber.c.email_key, subscriber.c.state)
    by_number = {}
    for number, key, state in connection.execute(readers.where(subscriber.c.email_key.in_(hashes))):
        known[key].number, known[key].state = number, SubscriberState(state)
        by_number[number] = known[key]
    held = select(subscription).where(subscription.c.subscriber_id.in_(by_number))
    for row in connection.execute(held):
        waits = row.state == SubscriptionState.ENDED and row.ended_at == row.created_at
        one = Held(row.id, SubscriptionState(row.state), waits, row.ended_at)
        by_number[row.subscriber_id].held[row.digest_id] = one
    keys = {its_hash: key for key, its_hash in hashes.items()}
    for row in connection.execute(select(suppression).where(suppression.c.hash.in_(keys))):
        known[keys[row.hash]].suppression = Suppression(SuppressionReason(row.reason), row.at)
    return known


def _agreed(one: Known, before: SubscriberState | None) -> bool:
    return before is SubscriberState.PENDING and one.state is SubscriberState.CONFIRMED


def _add_readers(
    connection: Connection,
    decided: _Decided,
    known: dict[str, Known],
    *,
    now: datetime,
) -> None:
    """Those who are new; on PostgreSQL somebody may have signed up meanwhile, who is taken as they are."""
    rows: dict[str, dict[str, Any]] = {}
    for one, decision in decided:
        person = known[one.key]
        if person.number is None and person.state is not None and decision.suppress_for is None:
            is_confirmed = person.state is SubscriberState.CONFIRMED
            rows.setdefault(
                one.key,
                {
                    "email": one.row.email,
                    "email_key": one.key,
                    "state": person.state,
                    "language": one.row.language,
                    "created_at": now,
                    "confirmed_at": now if is_confirmed else None,
                },
            )
    if not rows:
        return
    insert_all_new(connection, subscriber, list(rows.values()), returning=subscriber.c.id)
    numbers = select(subscriber.c.id, subscriber.c.email_key).where(subscriber.c.email_key.in_(rows))
    for number, key in connection.execute(numbers):
        known[key].number = number


def _confirm(connection: Connection, agreed: Sequence[Known], *, now: datetime) -> None:
    numbers = [one.number for one in agreed]
    values = {"state": SubscriberState.CONFIRMED, "confirmed_at": now}
    if numbers:
        connection.execute(update(subscriber).where(subscriber.c.id.in_(numbers)).values(values))


def _move_held(
    connection: Connection, changes: Iterable[tuple[dict[int, Held], dict[int, Held]]], *, now: datetime
) -> None:
    """Begin the subscriptions that waited and need not any more; let those wait that must."""
    begun, waiting = [], []
    for before, after in changes:
        for digest_id, old in before.items():
            if old.waits and not after[digest_id].waits:
                begun.append(old.number)
            elif after[digest_id].waits and not old.waits:
                waiting.append(old.number)
    window = {"window_start": None, "next_slot": None}
    if begun:
        fresh = {"state": SubscriptionState.ACTIVE, "created_at": now, "ended_at": None, **window}
        connection.execute(update(subscription).where(subscription.c.id.in_(begun)).values(fresh))
    if waiting:
        held = {"state": SubscriptionState.ENDED, "ended_at": subscription.c.created_at, **window}
        connection.execute(update(subscription).where(subscription.c.id.in_(waiting)).values(held))


def _add_subscriptions(
    connection: Connection,
    decided: _Decided,
    known: dict[str, Known],
    *,
    now: datetime,
) -> None:
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    nothing = {"labels": (), "paused_until": None, **dict.fromkeys(CHOICES)}
    for one, decision in decided:
        if decision.move not in {Move.BEGIN, Move.WAIT, Move.ENDED} or one.digest_id is None:
            continue
        held = known[one.key].held[one.digest_id]
        ids = {"subscriber_id": known[one.key].number, "digest_id": one.digest_id}
        chosen = {**nothing, **one.choices}
        chosen["labels"] = list(chosen["labels"])
        rows[one.key, one.digest_id] = {**ids, **chosen, **_times(held, now)}
    if rows:
        insert_all_new(connection, subscription, list(rows.values()), returning=subscription.c.id)


def _times(held: Held, now: datetime) -> dict[str, Any]:
    """How a new subscription stands. One that ended elsewhere began before it did, whatever its list says."""
    times: dict[str, Any] = {"state": held.state, "created_at": now, "ended_at": None}
    if held.waits:
        times["ended_at"] = now
    elif held.state is SubscriptionState.ENDED:
        times["ended_at"] = min(held.ended_at or now, now)
        times["created_at"] = times["ended_at"] - _MOMENT
    return times


def _add_consents(connection: Connection, decided: _Decided, known: dict[str, Known]) -> None:
    rows = [
        {
            "subscriber_id": known[one.key].number,
            "digest_id": one.digest_id,
            "at": one.agreed_at,
            "origin": one.origin,
            "wording": one.wording,
            "kind": ConsentKind.CLAIMED,
        }
        for one, decision in decided
        if decision.keeps
    ]
    if rows:
        connection.execute(insert(consent), rows)


def _suppress(
    connection: Connection,
    decided: _Decided,
    known: dict[str, Known],
    hashes: dict[str, str],
    *,
    now: datetime,
) -> None:
    which = [(one, decision) for one, decision in decided if decision.suppress_for is not None]
    if not which:
        return
    rows = [
        {"hash": hashes[one.key], "reason": decision.suppress_for, "at": min(one.row.since or now, now)}
        for one, decision in which
    ]
    insert_all_new(connection, suppression, rows, returning=suppression.c.hash)
    numbers = [known[one.key].number for one, _ in which if known[one.key].number is not None]
    if numbers:
        theirs = subscription.c.subscriber_id.in_(numbers)
        open_ = or_(subscription.c.state == SubscriptionState.ACTIVE, WAITS)
        ended = {"state": SubscriptionState.ENDED, "ended_at": now}
        connection.execute(update(subscription).where(theirs, open_).values(ended))
        mine = subscriber.c.id.in_(numbers)
        connection.execute(update(subscriber).where(mine).values(state=SubscriberState.SUPPRESSED))
