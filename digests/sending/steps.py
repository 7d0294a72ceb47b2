"""The two steps that every message makes in the ledger: taken up, and its result recorded; many at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, func, or_, select, update

from database import ManyRows
from digests.model import DeliveryState, delivery
from digests.sending.due import Pending, open_with
from digests.sending.leases import Leases, taken_by
from subscribers.model import SubscriberState, subscriber


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the attempt ``attempt`` of a delivery."""

    id: int
    attempt: int
    state: DeliveryState
    reply: str
    due_at: datetime


def record(connection: Connection, results: Sequence[Result], *, now: datetime) -> None:
    """Record results, each only where its attempt is still the last.

    What a server said of a reader who was erased while their message was under way is not kept.
    """
    for due_at, some in _by_due(results).items():
        _RECORD.run(connection, {"due_at": due_at, "updated_at": now}, map(_recorded, some))
    if telling := [result.id for result in results if "@" in result.reply]:
        erased = select(subscriber.c.id).where(
            subscriber.c.id == delivery.c.subscriber_id, subscriber.c.state == SubscriberState.ERASED
        )
        forgotten = update(delivery).where(delivery.c.id.in_(telling), erased.exists()).values(reply=None)
        connection.execute(forgotten)


def take_up(
    connection: Connection, intents: Sequence[Pending], leases: Leases, *, now: datetime, most_doubts: int
) -> Collection[int]:
    """Move the intents to ``sending``; the numbers of those that were where they were seen."""
    shared = {"worker": leases.worker, "lease_until": leases.until(), "updated_at": now, "most": most_doubts}
    # In one order for all workers: two that want the same would else wait for each other.
    wanted = sorted(intents, key=lambda one: one.id)
    rows = [{"its_id": one.id, "its_attempt": one.attempt} for one in wanted]
    if _TAKE_UP.run(connection, shared, rows) == len(rows):
        return {one.id for one in intents}
    return taken_by(connection, leases.worker, [(one.id, one.attempt + 1) for one in intents])


def _by_due(results: Sequence[Result]) -> Mapping[datetime, list[Result]]:
    """Results by when they are due again, which nearly all of a round share."""
    found: dict[datetime, list[Result]] = {}
    for result in results:
        found.setdefault(result.due_at, []).append(result)
    return found


def _recorded(result: Result) -> dict[str, Any]:
    return {
        "its_id": result.id,
        "its_attempt": result.attempt,
        "state": result.state.value,
        "reply": result.reply,
        "doubt": int(result.state is DeliveryState.IN_DOUBT),
    }


# One row at a time by its key, many at once: made once, since making them takes longer than running them.
_TAKE_UP = ManyRows(
    update(delivery)
    .where(
        delivery.c.id == bindparam("its_id"),
        delivery.c.attempt == bindparam("its_attempt"),
        open_with(bindparam("most", type_=Integer)),
    )
    .values(
        state=DeliveryState.SENDING,
        attempt=delivery.c.attempt + 1,
        tried_at=func.coalesce(delivery.c.tried_at, bindparam("updated_at")),
        worker=bindparam("worker"),
        lease_until=bindparam("lease_until"),
        updated_at=bindparam("updated_at"),
    )
)

# A result may also settle what was put in doubt meanwhile, as long as nobody has begun the next attempt.
_RECORD = ManyRows(
    update(delivery)
    .where(
        delivery.c.id == bindparam("its_id"),
        delivery.c.attempt == bindparam("its_attempt"),
        or_(delivery.c.state == DeliveryState.SENDING, delivery.c.state == DeliveryState.IN_DOUBT),
    )
    .values(
        state=bindparam("state"),
        reply=bindparam("reply"),
        due_at=bindparam("due_at"),
        doubts=delivery.c.doubts + bindparam("doubt"),
        worker=None,
        lease_until=None,
        updated_at=bindparam("updated_at"),
    )
)
