"""What is due, in the order of its turn: instant mail first, then the rest, each by number."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    or_,
    select,
    tuple_,
)

from digests.model import IS_OPEN, DeliveryState, delivery, edition
from subscribers.model import SubscriberState, SubscriptionState, subscriber, subscription

# A place in the order: priority and number. Everything comes after the first.
Turn = tuple[int, int]
FIRST: Turn = (-1, 0)

STAYS = and_(
    subscription.c.state == SubscriptionState.ACTIVE, subscriber.c.state == SubscriberState.CONFIRMED
)

# Whether a reader stays and the message is there is asked as columns: asked as conditions, SQLite would begin
# with all the readers who stay.
_WANTED = (
    select(
        delivery.c.id,
        delivery.c.attempt,
        delivery.c.edition_id,
        delivery.c.subscription_id,
        subscriber.c.email,
        delivery.c.message_id,
        delivery.c.tried_at,
        delivery.c.priority,
        delivery.c.domain,
        and_(STAYS, edition.c.message.is_not(None)).label("is_ready"),
    )
    .join(edition, edition.c.id == delivery.c.edition_id)
    .outerjoin(subscription, subscription.c.id == delivery.c.subscription_id)
    .outerjoin(subscriber, subscriber.c.id == subscription.c.subscriber_id)
    .where(delivery.c.id.in_(bindparam("numbers", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class Pending:
    """A delivery that is due: what is needed to send it, and the attempt it stands at.

    ``tried_at`` is when it was begun for the first time, None: never. ``domain`` is the recipient's.
    """

    id: int
    attempt: int
    edition_id: int
    subscription_id: int
    email: str
    message_id: str
    tried_at: datetime | None = None
    priority: int = 1
    domain: str = ""

    @property
    def turn(self) -> Turn:
        """Its place in the order."""
        return self.priority, self.id


def due_in_turn(
    connection: Connection,
    now: datetime,
    may_be_sent: ColumnElement[bool],
    *,
    after: Turn,
    limit: int,
    only: str | None = None,
    without: Collection[str] = (),
) -> list[Pending]:
    """Deliveries that are due at ``now`` and come after a turn; if none, there are none left.

    Of ``only`` one domain, or of all ``without`` some. Passed over are editions that are not rendered, and
    readers who left meanwhile.
    """
    query = _turns(now, may_be_sent, only, without).limit(limit)
    while turns := connection.execute(query.where(_AFTER), _place(after)).all():
        numbers = [row.id for row in turns]
        found = [_pending(row) for row in connection.execute(_WANTED, {"numbers": numbers}) if row.is_ready]
        if found:
            return sorted(found, key=lambda one: one.turn)
        after = turns[-1].priority, turns[-1].id
    return []


# One range of ix_delivery_open: no join, no sort.
_AFTER = tuple_(delivery.c.priority, delivery.c.id) > tuple_(bindparam("priority"), bindparam("number"))


def _place(turn: Turn) -> dict[str, int]:
    return {"priority": turn[0], "number": turn[1]}


def _turns(
    now: datetime, may_be_sent: ColumnElement[bool], only: str | None, without: Collection[str]
) -> Select[Any]:
    query = select(delivery.c.priority, delivery.c.id).where(IS_OPEN, may_be_sent, delivery.c.due_at <= now)
    if only is not None:
        query = query.where(delivery.c.domain == only)
    if without:
        kept = delivery.c.domain.not_in(sorted(without))
        query = query.where(or_(delivery.c.domain.is_(None), kept))
    return query.order_by(delivery.c.priority, delivery.c.id)


def _pending(row: Any) -> Pending:
    number, attempt, edition_id, subscription_id, email, message_id, tried_at, priority, domain, _ = row
    return Pending(
        number,
        attempt,
        edition_id,
        subscription_id,
        email,
        message_id,
        tried_at,
        priority,
        domain or domain_of(email),
    )


def domain_of(email: str) -> str:
    """The domain of an address, as the ledger keeps it."""
    return email.rpartition("@")[2].casefold()


def open_with(most_doubts: "int | ColumnElement[int]") -> ColumnElement[bool]:
    """Whether a delivery may be taken up: in doubt only when that was so fewer than so many times."""
    return or_(
        delivery.c.state == DeliveryState.QUEUED,
        delivery.c.state == DeliveryState.DEFERRED,
        and_(delivery.c.state == DeliveryState.IN_DOUBT, delivery.c.doubts < most_doubts),
    )
