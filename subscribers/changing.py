"""A reader wants their mail elsewhere: asked for by a link in their mail, and agreed to at both ends.

Both must agree. The old end, because links stand in old mails, and these are passed on: who holds one is not
yet the reader. The new end, because nobody is to be sent what they did not ask for.

An address that another reader has is never taken from them, nor are the two made one: whoever asked holds
links that would then lead to all that the other reads, and could end it. That such a change comes to nothing
is told by mail to the new address alone; the pages say the same as ever.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from subscribers.address import address_key, normalize
from subscribers.model import IS_OPEN, SubscriberState, address_change, subscriber
from subscribers.store import forget_person
from subscribers.subscribing import SubscriberError
from subscribers.suppression import find_suppression

# How often one reader may ask for it.
PER_DAY = 3
_DAY = timedelta(days=1)


class End(StrEnum):
    """Who agrees: who reads the old address, or who reads the new one."""

    OLD = "old"
    NEW = "new"

    @property
    def purpose(self) -> str:
        """What the token in its link is for."""
        return f"address-{self}"


class Stage(StrEnum):
    """Where a change stands; ``OVER`` it is when one end refused, it grew too old, or another was asked."""

    WAITS = "waits"
    AGREED = "agreed"
    OVER = "over"


class TooManyChanges(SubscriberError):
    """A reader asked for too many changes in a day."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of address that was asked for; ``email`` is None once it is settled, either way."""

    id: int
    subscriber_id: int
    email: str | None
    asked_at: datetime
    old_agreed_at: datetime | None = None
    new_agreed_at: datetime | None = None
    settled_at: datetime | None = None

    def stage(self, now: datetime, lasts: timedelta) -> Stage:
        """Where it stands; one that nobody settled lasts so long."""
        if self.old_agreed_at is not None and self.new_agreed_at is not None:
            return Stage.AGREED
        is_open = self.settled_at is None and now < self.asked_at + lasts
        return Stage.WAITS if is_open else Stage.OVER

    def agreed(self, end: End) -> datetime | None:
        """When an end agreed."""
        return self.old_agreed_at if end is End.OLD else self.new_agreed_at


@dataclass(frozen=True, slots=True)
class Asked:
    """A change that was asked for; ``is_new`` unless the very same is open already, and was mailed about."""

    change: Change
    is_new: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """That both ends have agreed just now: ``old`` is where mail went, ``new`` where it was to go.

    ``moved``: it goes there now. Else nothing has changed, for it may not be written to, or is another's.
    """

    old: str
    new: str
    moved: bool


def ask_change(
    connection: Connection, subscriber_id: int, email: str, *, now: datetime, lasts: timedelta
) -> Asked | None:
    """A reader asks that their mail go to another address; an open change to a different one gives way.

    Whether anybody has the address, or it is suppressed, makes no difference here: who asks learns nothing.
    None when this reader gets no mail. Raises ``AddressError`` when it is no address, ``TooManyChanges``.
    """
    address = normalize(email)
    if _email_of(connection, subscriber_id) is None:
        return None
    mine = address_change.c.subscriber_id == subscriber_id
    for row in connection.execute(select(address_change).where(mine, address_change.c.settled_at.is_(None))):
        known = _change(row)
        is_open = known.stage(now, lasts) is Stage.WAITS
        if is_open and known.email is not None and address_key(known.email) == address.key:
            return Asked(known, is_new=False)
    today = select(func.count()).where(mine, address_change.c.asked_at > now - _DAY)
    if connection.execute(today).scalar_one() >= PER_DAY:
        raise TooManyChanges(f"another address was asked for {PER_DAY} times in a day: try again tomorrow")
    _settle(connection, mine, now=now)
    values = {"subscriber_id": subscriber_id, "email": address.email, "asked_at": now}
    made = insert(address_change).values(values).returning(address_change)
    return Asked(_change(connection.execute(made).one()), is_new=True)


def find_change(connection: Connection, number: int) -> Change | None:
    """The change of that number, or None."""
    row = connection.execute(select(address_change).where(address_change.c.id == number)).first()
    return None if row is None else _change(row)


def agree(
    connection: Connection, number: int, end: End, *, now: datetime, lasts: timedelta, salt: str
) -> Settled | None:
    """One end agrees to a change that waits; ``Settled`` when that was the last of the two.

    Agreeing twice, or to what is over, does nothing. The reader's number and subscriptions stay.
    """
    change = _locked(connection, number)
    if change is None or change.stage(now, lasts) is not Stage.WAITS or change.agreed(end) is not None:
        return None
    agreed = {f"{end}_agreed_at": now}
    mine = address_change.c.id == number
    row = connection.execute(update(address_change).where(mine).values(agreed).returning(address_change))
    change = _change(row.one())
    old, new = _email_of(connection, change.subscriber_id), change.email
    if old is None or new is None:
        _settle(connection, mine, now=now)
        return None
    if change.stage(now, lasts) is not Stage.AGREED:
        return None
    moved = _move(connection, change.subscriber_id, new, now=now, salt=salt)
    _settle(connection, mine, now=now)
    return Settled(old, new, moved)


def refuse(connection: Connection, number: int, *, now: datetime) -> bool:
    """One end says that it was not them, or that they do not want it; whether that settled it just now."""
    change = _locked(connection, number)
    if change is None or change.settled_at is not None:
        return False
    _settle(connection, address_change.c.id == number, now=now)
    return True


def drop_old_changes(connection: Connection, *, now: datetime, lasts: timedelta) -> int:
    """Settle what nobody answered in time, so that no address stays that led to nothing; how many."""
    return _settle(connection, IS_OPEN & (address_change.c.asked_at <= now - lasts), now=now)


def has_old_changes(connection: Connection, *, now: datetime, lasts: timedelta) -> bool:
    """Whether there is one that nobody answered in time."""
    old = select(address_change.c.id).where(IS_OPEN, address_change.c.asked_at <= now - lasts)
    return connection.execute(old.limit(1)).first() is not None


def moved_since(connection: Connection, subscriber_id: int, at: datetime) -> bool:
    """Whether both ends agreed to a change of this reader's after an instant."""
    both = and_(address_change.c.old_agreed_at.is_not(None), address_change.c.new_agreed_at.is_not(None))
    mine = (address_change.c.subscriber_id == subscriber_id) & (address_change.c.settled_at > at)
    return connection.execute(select(address_change.c.id).where(mine, both).limit(1)).first() is not None


def list_changes(connection: Connection, subscriber_id: int) -> list[Change]:
    """A reader's changes, oldest first."""
    query = select(address_change).where(address_change.c.subscriber_id == subscriber_id)
    return [_change(row) for row in connection.execute(query.order_by(address_change.c.id))]


def _move(connection: Connection, subscriber_id: int, email: str, *, now: datetime, salt: str) -> bool:
    """Give a reader another address, unless it may not be written to or another reader has it."""
    address = normalize(email)
    if find_suppression(connection, address.key, salt=salt) is not None:
        return False
    query = select(subscriber.c.id, subscriber.c.email, subscriber.c.state).where(
        subscriber.c.email_key == address.key, subscriber.c.id != subscriber_id
    )
    other = connection.execute(query).first()
    if other is not None:
        if other.state != SubscriberState.PENDING:
            return False
        # Somebody typed the address into a form and nobody agreed: that must not stand in its reader's way.
        forget_person(connection, other.id, addresses=(other.email, address.key), now=now)
    values = {"email": address.email, "email_key": address.key}
    try:
        with connection.begin_nested():
            connection.execute(update(subscriber).where(subscriber.c.id == subscriber_id).values(values))
    except IntegrityError:
        # Somebody signed up with it at this very moment.
        return False
    return True


def _locked(connection: Connection, number: int) -> Change | None:
    """A change that nobody else can settle meanwhile; its reader is locked first, as by ``ask_change``."""
    known = find_change(connection, number)
    if known is None:
        return None
    _email_of(connection, known.subscriber_id)
    return find_change(connection, number)


def _email_of(connection: Connection, subscriber_id: int) -> str | None:
    """Where a reader's mail goes; None when none does. Nobody changes that until the transaction ends."""
    query = select(subscriber.c.email).where(
        subscriber.c.id == subscriber_id, subscriber.c.state == SubscriberState.CONFIRMED
    )
    email: str | None = connection.execute(query.with_for_update()).scalar_one_or_none()
    return email


def _settle(connection: Connection, which: Any, *, now: datetime) -> int:
    is_open = or_(address_change.c.settled_at.is_(None), address_change.c.email.is_not(None))
    settled = update(address_change).where(which, is_open).values(email=None, settled_at=now)
    return connection.execute(settled).rowcount


def _change(row: Row[Any]) -> Change:
    return Change(
        row.id,
        row.subscriber_id,
        row.email,
        row.asked_at,
        row.old_agreed_at,
        row.new_agreed_at,
        row.settled_at,
    )
