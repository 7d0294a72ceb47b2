"""What is due, in the order of its turn: instant mail first, then the rest, each by number."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    false,
    func,
    or_,
    select,
)

from database import UtcDateTime
from digests.model import IS_OPEN, DeliveryState, delivery, edition
from subscribers.model import SubscriberState, SubscriptionState, subscriber, subscription

# A place in the order: priority and number. Everything comes after the first.
Turn = tuple[int, int]
FIRST: Turn = (0, 0)
LAST_PRIORITY = 1

STAYS = and_(
    subscription.c.state == SubscriptionState.ACTIVE, subscriber.c.state == SubscriberState.CONFIRMED
)
# Who pauses is sent nothing meanwhile, also not what was queued before.
PAUSES = func.coalesce(subscription.c.paused_until > bindparam("now", type_=UtcDateTime), false())


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
    *,
    after: Turn,
    limit: int,
    most_doubts: int,
    only: str | None = None,
    without: Collection[str] = (),
) -> list[Pending]:
    """Deliveries that are due at ``now`` and come after a turn; if none, there are none left.

    Of ``only`` one domain, or of all ``without`` some; in doubt fewer than ``most_doubts`` times. Passed over
    are editions that are not rendered, and readers who left or paused meanwhile.
    """
    wanted = _wanted(has_only=only is not None, has_without=bool(without))
    given = {"now": now, "most": most_doubts, "only": only, "without": sorted(without)}
    priority, number = after
    found: list[Pending] = []
    while priority <= LAST_PRIORITY:
        room = limit - len(found)
        place = {"its_priority": priority, "its_number": number, "limit": room}
        rows = connection.execute(wanted, given | place).all()
        found += sorted((_pending(row) for row in rows if row.is_ready), key=_number_of)
        if len(rows) < room:
            priority, number = priority + 1, 0
        elif found:
            break
        else:
            # A page of readers who left or paused, or of editions without a message.
            number = max(row.id for row in rows)
    return found


def _turns(*, has_only: bool, has_without: bool) -> Select[Any]:
    """The numbers of what comes next in one priority: one range of ix_delivery_open, no join, no sort."""
    query = select(delivery.c.id).where(
        IS_OPEN,
        open_with(bindparam("most", type_=Integer)),
        delivery.c.due_at <= bindparam("now"),
        # Not compared as a pair: SQLite would take the pair's first alone for the range.
        delivery.c.priority == bindparam("its_priority"),
        delivery.c.id > bindparam("its_number"),
    )
    if has_only:
        query = query.where(delivery.c.domain == bindparam("only"))
    if has_without:
        kept = delivery.c.domain.not_in(bindparam("without", expanding=True))
        query = query.where(or_(delivery.c.domain.is_(None), kept))
    return query.order_by(delivery.c.id).limit(bindparam("limit", type_=Integer))


@cache
def _wanted(*, has_only: bool, has_without: bool) -> Select[Any]:
    """What is needed to send them; made once, since making it takes as long as asking it.

    Whether a reader stays and does not pause, and the message is there, is asked as columns: asked as
    conditions, SQLite would begin with all the readers who stay.
    """
    turns = _turns(has_only=has_only, has_without=has_without).subquery()
    return (
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
            and_(STAYS, ~PAUSES, edition.c.message.is_not(None)).label("is_ready"),
        )
        .select_from(turns)
        .join(delivery, delivery.c.id == turns.c.id)
        .join(edition, edition.c.id == delivery.c.edition_id)
        .outerjoin(subscription, subscription.c.id == delivery.c.subscription_id)
        .outerjoin(subscriber, subscriber.c.id == subscription.c.subscriber_id)
    )


def _number_of(one: Pending) -> int:
    return one.id


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
