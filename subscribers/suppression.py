"""Addresses that are never written to, kept as salted hashes: they outlive their subscribers' erasure."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import Connection, bindparam, delete, select, update

from database.upsert import insert_new
from subscribers.address import normalize
from subscribers.model import SubscriberState, subscriber, suppression
from subscribers.subscribing import SubscriberError, unsubscribe_all

_SUPPRESSION = select(suppression.c.reason, suppression.c.at).where(
    suppression.c.hash == bindparam("its_hash")
)


class SuppressionReason(StrEnum):
    """Why nothing is sent to an address. Only ``ERASED`` is lifted by the reader's own new consent."""

    ERASED = "erased"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why and since when an address is suppressed."""

    reason: SuppressionReason
    at: datetime


def address_hash(key: str, *, salt: str) -> str:
    """The salted SHA-256 (HMAC, RFC 2104) of an address's key, in 64 hexadecimal digits.

    ``salt`` must be the same for good: under another one no suppressed address is known any more.
    """
    if not salt:
        raise ValueError("a suppressed address is hashed with a salt, and the salt is empty")
    return hmac.new(salt.encode(), key.encode(), sha256).hexdigest()


def suppress(
    connection: Connection, email: str, *, reason: SuppressionReason, now: datetime, salt: str
) -> bool:
    """Never write to an address again, whether a subscriber has it or not; tell whether that is new.

    A subscriber who has it becomes suppressed and their subscriptions end. An erasure gives way to the other
    reasons; they stay as they are. Raises ``AddressError`` when it is no address.
    """
    key = normalize(email).key
    known = find_suppression(connection, key, salt=salt)
    if known is None:
        values = {"hash": address_hash(key, salt=salt), "reason": reason, "at": now}
        insert_new(connection, suppression, values, returning=suppression.c.hash)
    elif known.reason is SuppressionReason.ERASED:
        mine = suppression.c.hash == address_hash(key, salt=salt)
        connection.execute(update(suppression).where(mine).values(reason=reason, at=now))
    _end(connection, key, now)
    return known is None


def is_suppressed(connection: Connection, email: str, *, salt: str) -> bool:
    """Whether nothing may be sent to an address; raises ``AddressError`` when it is none."""
    return find_suppression_of(connection, email, salt=salt) is not None


def find_suppression_of(connection: Connection, email: str, *, salt: str) -> Suppression | None:
    """Why an address is suppressed; None when it is not. Raises ``AddressError`` when it is none."""
    return find_suppression(connection, normalize(email).key, salt=salt)


def find_suppression(connection: Connection, key: str, *, salt: str) -> Suppression | None:
    """Why an address, by its key, is suppressed; None when it is not."""
    row = connection.execute(_SUPPRESSION, {"its_hash": address_hash(key, salt=salt)}).first()
    return None if row is None else Suppression(SuppressionReason(row.reason), row.at)


def lift(connection: Connection, email: str, *, salt: str) -> bool:
    """Let an address be written to again, and tell whether it was suppressed.

    Its subscriber, if it has one still, is what they were before, without subscriptions: they end with the
    suppression and are taken up only by a new consent. Raises ``AddressError`` when it is no address, and
    ``SubscriberError`` when its reader was erased: that is theirs to take back.
    """
    key = normalize(email).key
    known = find_suppression(connection, key, salt=salt)
    if known is not None and known.reason is SuppressionReason.ERASED:
        raise SubscriberError(
            f"{email} was erased on {known.at:%Y-%m-%d}, as its reader wished: "
            "only they can come back, by signing up themselves"
        )
    lifted = lift_key(connection, key, salt=salt)
    confirmed = subscriber.c.confirmed_at.is_not(None)
    mine = (subscriber.c.email_key == key) & (subscriber.c.state == SubscriberState.SUPPRESSED)
    for which, state in ((confirmed, SubscriberState.CONFIRMED), (~confirmed, SubscriberState.PENDING)):
        connection.execute(update(subscriber).where(mine, which).values(state=state))
    return lifted


def lift_key(connection: Connection, key: str, *, salt: str) -> bool:
    """Forget that an address, by its key, was suppressed; tell whether it was."""
    mine = suppression.c.hash == address_hash(key, salt=salt)
    return connection.execute(delete(suppression).where(mine)).rowcount > 0


def _end(connection: Connection, key: str, now: datetime) -> None:
    mine = update(subscriber).where(subscriber.c.email_key == key).values(state=SubscriberState.SUPPRESSED)
    number = connection.execute(mine.returning(subscriber.c.id)).scalar_one_or_none()
    if number is not None:
        unsubscribe_all(connection, number, now=now)
