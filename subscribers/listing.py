"""Reading subscribers with their subscriptions: one, all, or a stream of them, in few queries."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, column, func, literal, select, table

from database import UtcDateTime
from subscribers.address import normalize
from subscribers.model import (
    CHANGED,
    Subscriber,
    SubscriberState,
    Subscription,
    SubscriptionState,
    subscriber,
    subscription,
)

BATCH = 1000

# The digest's own table stands on a floor above; of it only the slug is shown here.
_DIGEST = table("digest", column("id"), column("slug"))

_READER = (
    subscriber.c.id,
    subscriber.c.email,
    subscriber.c.state,
    subscriber.c.language,
    subscriber.c.created_at,
)
_SUBSCRIPTION = (
    subscription.c.subscriber_id,
    subscription.c.id,
    _DIGEST.c.slug,
    subscription.c.state,
    subscription.c.labels,
    subscription.c.cadence,
    subscription.c.minute,
    subscription.c.weekday,
    subscription.c.monthday,
    subscription.c.timezone,
    subscription.c.window_start,
    # One that is yet to be given is none.
    func.nullif(subscription.c.next_slot, literal(CHANGED, UtcDateTime()), type_=UtcDateTime()).label(
        "next_slot"
    ),
    subscription.c.content,
    subscription.c.form,
    subscription.c.language,
    subscription.c.paused_until,
    subscription.c.created_at,
    subscription.c.ended_at,
)


def find(connection: Connection, email: str) -> Subscriber | None:
    """The subscriber with an address, in any case; None when nobody has it.

    Raises ``AddressError`` when it is no address.
    """
    return _one(connection, subscriber.c.email_key == normalize(email).key)


def get_subscriber(connection: Connection, subscriber_id: int) -> Subscriber | None:
    """The subscriber of that number, or None."""
    return _one(connection, subscriber.c.id == subscriber_id)


def get_subscribers(connection: Connection, numbers: Sequence[int]) -> list[Subscriber]:
    """The subscribers of these numbers, in their order; a few hundred at most."""
    rows = connection.execute(select(*_READER).where(subscriber.c.id.in_(numbers))).all()
    theirs = _subscriptions(connection, subscription.c.subscriber_id.in_(numbers))
    found = {row.id: _subscriber(row, theirs) for row in rows}
    return [found[number] for number in numbers if number in found]


def list_subscribers(connection: Connection, *, state: SubscriberState | None = None) -> list[Subscriber]:
    """All subscribers (of one state, if given), in the order they came."""
    return list(iterate_subscribers(connection, state=state))


def iterate_subscribers(
    connection: Connection, *, state: SubscriberState | None = None, after: int = -1, batch: int = BATCH
) -> Iterator[Subscriber]:
    """All subscribers (of one state, if given), in the order they came, so many in memory at a time.

    ``after`` is the number of one whom they come after.
    """
    query = select(*_READER).order_by(subscriber.c.id).limit(batch)
    if state is not None:
        query = query.where(subscriber.c.state == state)
    last = after
    while readers := connection.execute(query.where(subscriber.c.id > last)).all():
        last = readers[-1].id
        its = subscription.c.subscriber_id
        # Of few among many a range would hold all the others too.
        mine = its.between(readers[0].id, last) if state is None else its.in_([row.id for row in readers])
        theirs = _subscriptions(connection, mine)
        yield from (_subscriber(row, theirs) for row in readers)


def _one(connection: Connection, where: ColumnElement[bool]) -> Subscriber | None:
    row = connection.execute(select(*_READER).where(where)).first()
    if row is None:
        return None
    return _subscriber(row, _subscriptions(connection, subscription.c.subscriber_id == row.id))


def _subscriptions(
    connection: Connection, where: ColumnElement[bool]
) -> Mapping[int, Sequence[Subscription]]:
    """Subscriptions by their subscriber's number, each in the order of the digests' slugs."""
    query = select(*_SUBSCRIPTION).join(_DIGEST, _DIGEST.c.id == subscription.c.digest_id)
    found: dict[int, list[Subscription]] = defaultdict(list)
    for reader, number, slug, state, labels, *rest in connection.execute(
        query.where(where).order_by(_DIGEST.c.slug)
    ):
        found[reader].append(Subscription(number, slug, SubscriptionState(state), tuple(labels), *rest))
    return found


def _subscriber(
    row: Row[*tuple[Any, ...]], subscriptions: Mapping[int, Sequence[Subscription]]
) -> Subscriber:
    return Subscriber(
        id=row.id,
        email=row.email,
        state=SubscriberState(row.state),
        language=row.language,
        created_at=row.created_at,
        subscriptions=tuple(subscriptions.get(row.id, ())),
    )
