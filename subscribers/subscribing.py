"""A reader's subscriptions to digests: begun, changed, ended."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update

from database.upsert import insert_new
from subscribers.model import CHANGED, SubscriptionState, subscriber, subscription

# What a reader may choose instead of the digest's own: when it comes, and how.
RHYTHM = ("cadence", "minute", "weekday", "monthday", "timezone")
CHOICES = (*RHYTHM, "content", "form", "language")

# Whether it never began, and waits for its reader to agree.
WAITS = and_(
    subscription.c.state == SubscriptionState.ENDED, subscription.c.ended_at == subscription.c.created_at
)
_WAITING = {"state": SubscriptionState.ENDED, "window_start": None, "next_slot": None}


class SubscriberError(ValueError):
    """A reader who may not be added or subscribed, or is not there: one line says who, why, what to do."""


def subscribe(
    connection: Connection,
    *,
    subscriber_id: int,
    digest_id: int,
    now: datetime,
    labels: Collection[str] = (),
    cadence: str | None = None,
    minute: int | None = None,
    weekday: int | None = None,
    monthday: int | None = None,
    timezone: str | None = None,
    content: str | None = None,
    form: str | None = None,
    language: str | None = None,
    window_start: datetime | None = None,
    next_slot: datetime | None = None,
    renew: bool = False,
    waits: bool = False,
) -> int:
    """Subscribe a reader to a digest; return the subscription's number.

    ``labels`` are slugs (none: all), the rest is what the reader chose instead of the digest's own. Without
    ``window_start`` and ``next_slot`` the next tick gives them. One who is subscribed already stays so: what
    is given here replaces what they chose, what is not given stays, and their window goes on. One who
    unsubscribed is subscribed again only if ``renew`` says that they agreed anew: otherwise it raises
    ``SubscriberError``, for a list imported twice must not undo an unsubscription. ``waits``: nothing begins
    before the reader agrees, which is ``renew``; it is for one who gets other mail already.
    """
    chosen: dict[str, Any] = {
        "labels": sorted(set(labels)),
        "cadence": cadence,
        "minute": minute,
        "weekday": weekday,
        "monthday": monthday,
        "timezone": timezone,
        "content": content,
        "form": form,
        "language": language,
    }
    window = {"window_start": window_start, "next_slot": next_slot}
    fresh = {"state": SubscriptionState.ACTIVE, "ended_at": None, "paused_until": None, **chosen, **window}
    made = {**fresh, "created_at": now} | (_WAITING | {"ended_at": now} if waits else {})
    ids = {"subscriber_id": subscriber_id, "digest_id": digest_id}
    number: int | None = insert_new(connection, subscription, {**ids, **made}, returning=subscription.c.id)
    if number is not None:
        return number
    old = connection.execute(select(subscription).filter_by(**ids)).mappings().one()
    ended, is_waiting = old["state"] == SubscriptionState.ENDED, old["ended_at"] == old["created_at"]
    if ended and not renew and not waits and not is_waiting:
        raise SubscriberError(
            f"{_named(connection, subscriber_id)} unsubscribed on {old['ended_at']:%Y-%m-%d}: "
            "subscribe them again only if they agreed anew, and say so (--confirmed)"
        )
    if ended and renew:
        # It begins now: what came while they were away is no news to them.
        changes = {**fresh, "created_at": now}
    else:
        changes = {name: value for name, value in chosen.items() if value or value == 0}
        if any(changes.get(name, old[name]) != old[name] for name in RHYTHM):
            changes["next_slot"] = next_slot or CHANGED
    if changes:
        connection.execute(update(subscription).where(subscription.c.id == old["id"]).values(changes))
    kept: int = old["id"]
    return kept


def begin(connection: Connection, subscription_id: int, *, now: datetime) -> bool:
    """Begin a subscription as it was chosen, now that its reader agreed; tell whether it had not begun."""
    ended = (subscription.c.id == subscription_id) & (subscription.c.state == SubscriptionState.ENDED)
    fresh = {"state": SubscriptionState.ACTIVE, "ended_at": None, "paused_until": None, "created_at": now}
    begun = update(subscription).where(ended).values(**fresh, window_start=None, next_slot=None)
    return connection.execute(begun).rowcount > 0


def hold_others(connection: Connection, subscriber_id: int, *, but: int) -> int:
    """Let a reader's subscriptions wait, but for that to the digest ``but``; return how many had begun.

    For a pending reader who agrees to one digest: nobody knows yet whether they want the others.
    """
    theirs = (subscription.c.subscriber_id == subscriber_id) & (subscription.c.digest_id != but)
    waiting = {**_WAITING, "ended_at": subscription.c.created_at}
    active = subscription.c.state == SubscriptionState.ACTIVE
    return connection.execute(update(subscription).where(theirs, active).values(waiting)).rowcount


def change(connection: Connection, subscription_id: int, changes: Mapping[str, Any]) -> None:
    """Change what a reader chose: ``labels``, ``paused_until`` or any of ``CHOICES``; None: the digest's own.

    Another rhythm loses the next slot: the next tick gives one of the new rhythm. The window goes on.
    """
    unknown = set(changes) - {*CHOICES, "labels", "paused_until"}
    if unknown:
        raise ValueError(f"no choices of a reader: {', '.join(sorted(unknown))}")
    values = dict(changes)
    if "labels" in values:
        values["labels"] = sorted(set(values["labels"] or ()))
    mine = subscription.c.id == subscription_id
    old = connection.execute(select(subscription).where(mine)).mappings().one()
    if any(values.get(name, old[name]) != old[name] for name in RHYTHM):
        values["next_slot"] = CHANGED
    if values:
        connection.execute(update(subscription).where(mine).values(values))


def unsubscribe(connection: Connection, subscription_id: int, *, now: datetime) -> bool:
    """End a subscription; tell whether it was active. Doing it twice does no harm."""
    return _end(connection, subscription.c.id == subscription_id, now) > 0


def unsubscribe_all(connection: Connection, subscriber_id: int, *, now: datetime) -> int:
    """End all of a subscriber's subscriptions; return how many were active.

    One that waits for their yes waits no more, so that no list says it for them.
    """
    mine = subscription.c.subscriber_id == subscriber_id
    connection.execute(update(subscription).where(mine, WAITS).values(ended_at=now))
    return _end(connection, mine, now)


def _end(connection: Connection, which: ColumnElement[bool], now: datetime) -> int:
    active = subscription.c.state == SubscriptionState.ACTIVE
    ended = update(subscription).where(which, active).values(state=SubscriptionState.ENDED, ended_at=now)
    return connection.execute(ended).rowcount


def _named(connection: Connection, subscriber_id: int) -> str:
    query = select(subscriber.c.email).where(subscriber.c.id == subscriber_id)
    return connection.execute(query).scalar_one_or_none() or f"subscriber {subscriber_id}"
