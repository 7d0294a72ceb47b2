"""A reader's subscriptions to digests: begun, changed, ended."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from database.upsert import insert_new
from subscribers.model import SubscriptionState, subscriber, subscription

# What a reader may choose instead of the digest's own.
CHOICES = ("cadence", "minute", "weekday", "monthday", "timezone")


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
    window_start: datetime | None = None,
    next_slot: datetime | None = None,
    renew: bool = False,
) -> int:
    """Subscribe a reader to a digest; return the subscription's number.

    ``labels`` are slugs (none: all), the rest is what the reader chose instead of the digest's own. Without
    ``window_start`` and ``next_slot`` the next tick gives them. One who is subscribed already stays so: what
    is given here replaces what they chose, what is not given stays, and their window goes on. One who
    unsubscribed is subscribed again only if ``renew`` says that they agreed anew: otherwise it raises
    ``SubscriberError``, for a list imported twice must not undo an unsubscription.
    """
    chosen: dict[str, Any] = {
        "labels": sorted(set(labels)),
        "cadence": cadence,
        "minute": minute,
        "weekday": weekday,
        "monthday": monthday,
        "timezone": timezone,
    }
    window = {"window_start": window_start, "next_slot": next_slot}
    fresh = {"state": SubscriptionState.ACTIVE, "ended_at": None, **chosen, **window}
    ids = {"subscriber_id": subscriber_id, "digest_id": digest_id}
    number: int | None = insert_new(
        connection, subscription, {**ids, **fresh, "created_at": now}, returning=subscription.c.id
    )
    if number is not None:
        return number
    old = connection.execute(select(subscription).filter_by(**ids)).mappings().one()
    if old["state"] == SubscriptionState.ENDED and not renew:
        raise SubscriberError(
            f"{_named(connection, subscriber_id)} unsubscribed on {old['ended_at']:%Y-%m-%d}: "
            "subscribe them again only if they agreed anew, and say so (--confirmed)"
        )
    # It begins now: what came while they were away is no news to them.
    changes = {**fresh, "created_at": now}
    if old["state"] == SubscriptionState.ACTIVE:
        changes = {name: value for name, value in chosen.items() if value or value == 0}
        if any(changes.get(name, old[name]) != old[name] for name in CHOICES):
            changes["next_slot"] = next_slot
    if changes:
        connection.execute(update(subscription).where(subscription.c.id == old["id"]).values(changes))
    kept: int = old["id"]
    return kept


def unsubscribe(connection: Connection, subscription_id: int, *, now: datetime) -> bool:
    """End a subscription; tell whether it was active. Doing it twice does no harm."""
    return _end(connection, subscription.c.id == subscription_id, now) > 0


def unsubscribe_all(connection: Connection, subscriber_id: int, *, now: datetime) -> int:
    """End all of a subscriber's subscriptions; return how many were active."""
    return _end(connection, subscription.c.subscriber_id == subscriber_id, now)


def _end(connection: Connection, which: ColumnElement[bool], now: datetime) -> int:
    active = subscription.c.state == SubscriptionState.ACTIVE
    ended = update(subscription).where(which, active).values(state=SubscriptionState.ENDED, ended_at=now)
    return connection.execute(ended).rowcount


def _named(connection: Connection, subscriber_id: int) -> str:
    query = select(subscriber.c.email).where(subscriber.c.id == subscriber_id)
    return connection.execute(query).scalar_one_or_none() or f"subscriber {subscriber_id}"
