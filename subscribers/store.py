"""Subscribers in the database: added, subscribed, unsubscribed, erased.

Who may come back: one who unsubscribed, by a new consent; one whose address bounced, complained or was
suppressed by hand, not before the publisher lifts that; one who was erased, only by asking anew themselves,
never by a publisher's list.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select, update

from database.upsert import insert_new
from subscribers.address import Address, address_key, normalize
from subscribers.consent import blank_consents
from subscribers.listing import (
    find,
    get_subscriber,
    get_subscribers,
    iterate_subscribers,
    list_subscribers,
)
from subscribers.model import (
    IS_OPEN,
    Subscriber,
    SubscriberState,
    address_change,
    subscriber,
    subscription,
    suppression,
)
from subscribers.subscribing import CHOICES, SubscriberError, subscribe, unsubscribe, unsubscribe_all
from subscribers.suppression import SuppressionReason, address_hash, find_suppression, lift_key

__all__ = [
    "SubscriberError",
    "add_subscriber",
    "confirm",
    "erase",
    "find",
    "forget_person",
    "get_subscriber",
    "get_subscribers",
    "iterate_subscribers",
    "list_subscribers",
    "subscribe",
    "unsubscribe",
    "unsubscribe_all",
]


def add_subscriber(
    connection: Connection,
    email: str,
    *,
    confirmed: bool,
    now: datetime,
    salt: str,
    language: str | None = None,
    asked_anew: bool = False,
) -> Subscriber:
    """Add a subscriber, or find the one who has the address; a pending one is confirmed if ``confirmed``.

    ``salt`` is the one of suppressed addresses. ``asked_anew``: the reader signed up in person, which takes
    back their own erasure once they are confirmed. Raises ``AddressError`` when it is no address, and
    ``SubscriberError`` when it is suppressed, or was erased and not asked anew.
    """
    address = normalize(email)
    erased = _check_suppression(connection, address, salt=salt, asked_anew=asked_anew)
    state = SubscriberState.CONFIRMED if confirmed else SubscriberState.PENDING
    values = {"email": address.email, "email_key": address.key, "state": state, "language": language}
    dates = {"created_at": now, "confirmed_at": now if confirmed else None}
    number = insert_new(connection, subscriber, values | dates, returning=subscriber.c.id)
    if erased and confirmed:
        lift_key(connection, address.key, salt=salt)
    if number is not None:
        return Subscriber(number, address.email, state, language, now)
    return _again(connection, address, confirmed=confirmed, now=now, language=language)


def confirm(connection: Connection, subscriber_id: int, *, now: datetime, salt: str) -> bool:
    """A pending subscriber has confirmed; tell whether they were pending.

    An erasure of the same address, which they asked anew after, is taken back.
    """
    mine = (subscriber.c.id == subscriber_id) & (subscriber.c.state == SubscriberState.PENDING)
    confirmed = update(subscriber).where(mine).values(state=SubscriberState.CONFIRMED, confirmed_at=now)
    key = connection.execute(confirmed.returning(subscriber.c.email_key)).scalar_one_or_none()
    if key is None:
        return False
    known = find_suppression(connection, key, salt=salt)
    if known is not None and known.reason is SuppressionReason.ERASED:
        lift_key(connection, key, salt=salt)
    return True


def erase(connection: Connection, email: str, *, now: datetime, salt: str) -> bool:
    """Forget who a subscriber is, as they wished; False when that was done before.

    Their address and what they chose go, also from the record of consent; a row without an address stays for
    the ledger, and a salted hash so that no list brings them back. What is queued for them is the ledger's to
    stop. Raises ``AddressError`` when it is no address, ``SubscriberError`` when nobody has it.
    """
    address = normalize(email)
    row = connection.execute(
        select(subscriber.c.id, subscriber.c.email).where(subscriber.c.email_key == address.key)
    ).first()
    known = find_suppression(connection, address.key, salt=salt)
    if row is None:
        if _forget_typed(connection, {address.key}, now=now):
            return True
        if known is not None and known.reason is SuppressionReason.ERASED:
            return False
        raise SubscriberError(f"no subscriber has the address {address.email}: nothing to erase")
    values = {"hash": address_hash(address.key, salt=salt), "reason": SuppressionReason.ERASED, "at": now}
    insert_new(connection, suppression, values, returning=suppression.c.hash)
    forget_person(connection, row.id, addresses=(email.strip(), row.email, address.key), now=now)
    return True


def forget_person(
    connection: Connection, subscriber_id: int, *, addresses: tuple[str, ...], now: datetime
) -> None:
    """Take a person out of what is kept here: a row without an address stays.

    ``addresses`` are all spellings of theirs: they are taken out of the words of consents, too, and of what
    others asked to be changed to them.
    """
    blank_consents(connection, subscriber_id, addresses=addresses)
    unsubscribe_all(connection, subscriber_id, now=now)
    nothing = dict.fromkeys((*CHOICES, "paused_until")) | {"labels": []}
    theirs = subscription.c.subscriber_id == subscriber_id
    connection.execute(update(subscription).where(theirs).values(nothing))
    _forget_typed(connection, {address_key(one) for one in addresses}, now=now, subscriber_id=subscriber_id)
    nobody = {"email": None, "email_key": None, "language": None, "state": SubscriberState.ERASED}
    connection.execute(update(subscriber).where(subscriber.c.id == subscriber_id).values(nobody))


def _forget_typed(
    connection: Connection, keys: Collection[str], *, now: datetime, subscriber_id: int | None = None
) -> int:
    """Settle the changes to these addresses that somebody asked for, and a reader's own; how many."""
    change = address_change.c
    waiting = connection.execute(select(change.id, change.subscriber_id, change.email).where(IS_OPEN))
    theirs = [
        one.id for one in waiting if one.subscriber_id == subscriber_id or address_key(one.email) in keys
    ]
    if theirs:
        settled = update(address_change).where(change.id.in_(theirs))
        connection.execute(settled.values(email=None, settled_at=now))
    return len(theirs)


def _check_suppression(connection: Connection, address: Address, *, salt: str, asked_anew: bool) -> bool:
    """Whether the address was erased and its reader is back; raises ``SubscriberError`` unless it is free."""
    known = find_suppression(connection, address.key, salt=salt)
    if known is None:
        return False
    if known.reason is SuppressionReason.ERASED:
        if asked_anew:
            return True
        raise SubscriberError(
            f"{address.email} was erased on {known.at:%Y-%m-%d}, as its reader wished: "
            "only they can come back, by signing up themselves"
        )
    raise SubscriberError(
        f"{address.email} is suppressed ({known.reason}, {known.at:%Y-%m-%d}): nothing is sent there any more"
    )


def _again(
    connection: Connection, address: Address, *, confirmed: bool, now: datetime, language: str | None
) -> Subscriber:
    """The subscriber who has the address already, brought up to what is now known of them."""
    mine = subscriber.c.email_key == address.key
    if confirmed:
        pending = mine & (subscriber.c.state == SubscriberState.PENDING)
        values = {"state": SubscriberState.CONFIRMED, "confirmed_at": now}
        connection.execute(update(subscriber).where(pending).values(values))
    if language is not None:
        connection.execute(update(subscriber).where(mine).values(language=language))
    found = find(connection, address.email)
    if found is None or found.state is SubscriberState.SUPPRESSED:
        raise SubscriberError(f"{address.email} is suppressed: nothing is sent there any more")
    return found
