"""The operator's view of the ledger: what went to whom, and sending again what failed or is in doubt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, tuple_, update

from digests.model import IS_UNSENT, UNSENT, WAITING, DeliveryState, bounce, delivery, digest, edition
from digests.sending.due import domain_of
from subscribers.model import subscriber


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivery as listed. ``email`` is None once the reader was erased; ``reply`` is the last one."""

    id: int
    email: str | None
    digest: str
    edition: int
    state: DeliveryState
    attempts: int
    doubts: int
    message_id: str
    due_at: datetime
    reply: str | None
    updated_at: datetime
    subscriber: int


def list_deliveries(
    connection: Connection,
    *,
    state: DeliveryState | None = None,
    number: int | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> Iterator[Delivered]:
    """Deliveries, newest first, of one state or one edition where asked; an edition's by readers' numbers.

    Those in a state by their editions. ``before`` is the number of one to go on behind, of which nothing is
    listed once it is gone. Each list is in the order of an index.
    """
    place = _place(state, number)
    query: Select[Any] = (
        select(
            delivery.c.id,
            subscriber.c.email,
            digest.c.slug.label("digest"),
            delivery.c.edition_id.label("edition"),
            delivery.c.state,
            delivery.c.attempt.label("attempts"),
            delivery.c.doubts,
            delivery.c.message_id,
            delivery.c.due_at,
            delivery.c.reply,
            delivery.c.updated_at,
            delivery.c.subscriber_id.label("subscriber"),
        )
        .join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
        .join(edition, edition.c.id == delivery.c.edition_id)
        .join(digest, digest.c.id == edition.c.digest_id)
        .order_by(*(column.desc() for column in place))
    )
    if state is not None:
        query = query.where(delivery.c.state == state)
    if state is not None and state is not DeliveryState.SENT:
        # Most were sent: of the rest there is an index.
        query = query.where(IS_UNSENT)
    if number is not None:
        query = query.where(delivery.c.edition_id == number)
    if before is not None:
        query = query.where(tuple_(*place) < select(*place).where(delivery.c.id == before).scalar_subquery())
    for row in connection.execute(query.limit(limit)):
        yield Delivered(**{**row._mapping, "state": DeliveryState(row.state)})  # noqa: SLF001 - the row as a mapping


def _place(state: DeliveryState | None, number: int | None) -> tuple[ColumnElement[int], ...]:
    """The columns that a list is ordered by, as the index has them that it is read by."""
    if state is not None and state is not DeliveryState.SENT:
        return delivery.c.edition_id, delivery.c.id
    return (delivery.c.id,) if number is None else (delivery.c.subscriber_id,)


def count_states(connection: Connection) -> dict[DeliveryState, int]:
    """How many deliveries stand in each state.

    All are counted by the smallest index there is, and those that were not sent by theirs: what is left was
    sent, and no row of it is read.
    """
    query = select(delivery.c.state, func.count()).where(IS_UNSENT, delivery.c.state.in_(UNSENT))
    rows = connection.execute(query.group_by(delivery.c.state))
    found = {DeliveryState(state): count for state, count in rows}
    total: int = connection.execute(select(func.count()).select_from(delivery)).scalar_one()
    sent = total - sum(found.values())
    return found | ({DeliveryState.SENT: sent} if sent > 0 else {})


def requeue(
    connection: Connection,
    state: DeliveryState,
    *,
    number: int | None = None,
    only: Sequence[int] | None = None,
    now: datetime,
) -> int:
    """Queue again what failed (``deliveries retry``) or is in doubt (``release``); return how many.

    They keep their Message-ID, and the days until they are given up start anew. Of all, or of one edition;
    ``only`` those of these numbers.
    """
    if state not in {DeliveryState.FAILED, DeliveryState.IN_DOUBT}:
        raise ValueError(f"only what failed or is in doubt is sent again, not what is {state}")
    step = update(delivery).where(IS_UNSENT, delivery.c.state == state)
    if only is not None:
        step = step.where(delivery.c.id.in_(only))
    if number is not None:
        step = step.where(delivery.c.edition_id == number)
    # Due since it was entered, so that the next tick takes it up, whatever instant that is told.
    values = {"state": DeliveryState.QUEUED, "due_at": delivery.c.created_at, "tried_at": None}
    return connection.execute(step.values(**values, updated_at=now)).rowcount


def redirect_reader(connection: Connection, subscriber_id: int, email: str) -> None:
    """What waits for a reader goes to another address now: it falls under the limits of that one's domain."""
    waits = (delivery.c.subscriber_id == subscriber_id) & delivery.c.state.in_(WAITING)
    connection.execute(update(delivery).where(waits).values(domain=domain_of(email)))


def forget_reader(connection: Connection, subscriber_id: int, *, now: datetime) -> None:
    """Skip what waits for an erased reader, and forget what servers said of them: it may hold the address."""
    theirs = update(delivery).where(delivery.c.subscriber_id == subscriber_id)
    connection.execute(theirs.values(reply=None, domain=None))
    bounced = update(bounce).where(bounce.c.subscriber_id == subscriber_id)
    connection.execute(bounced.values(diagnostic=None))
    skipped = theirs.where(delivery.c.state.in_(WAITING))
    connection.execute(
        skipped.values(state=DeliveryState.SKIPPED, reply="the reader was erased", updated_at=now)
    )
