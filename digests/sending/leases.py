"""Leases: how long a worker's word is taken for what it is sending, and what follows when it is gone."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select, update

from database import Database
from digests.model import IS_OPEN, DeliveryState, delivery
from digests.sending.workers import is_gone, new_worker

LEASE = timedelta(minutes=2)


class Leases:
    """The leases of one sending run, under a worker's name of its own.

    ``clock`` gives the real time: a rehearsal's ``now`` says nothing of how long a worker has been silent.
    """

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime], length: timedelta = LEASE
    ) -> None:
        self._database = database
        self.clock = clock
        self.length = length
        self.worker = new_worker()

    def until(self) -> datetime:
        """When a lease taken now ends."""
        return self.clock() + self.length

    def recover(self, now: datetime) -> int:
        """Put in doubt what a worker that is gone, or silent past its lease, was sending; tell how many."""
        columns = (delivery.c.id, delivery.c.attempt, delivery.c.worker, delivery.c.lease_until)
        query = select(*columns).where(IS_OPEN, delivery.c.state == DeliveryState.SENDING)
        with self._database.read() as connection:
            sending = connection.execute(query).all()
        real = self.clock()
        lost = [
            (row.id, row.attempt)
            for row in sending
            if row.worker is None
            or row.lease_until is None
            or row.lease_until < real
            or is_gone(row.worker, current=self.worker)
        ]
        if not lost:
            return 0
        rows = [{"its_id": number, "its_attempt": attempt, "now": now} for number, attempt in lost]
        with self._database.write() as connection:
            return connection.execute(_PUT_IN_DOUBT, rows).rowcount

    def renew(self, open_intents: Iterable[tuple[int, int]]) -> set[int]:
        """Prolong the leases of what is being sent; return the numbers that are still this worker's."""
        attempts = list(open_intents)
        rows = [
            {"its_id": number, "its_attempt": attempt, "its_worker": self.worker, "until": self.until()}
            for number, attempt in attempts
        ]
        with self._database.write() as connection:
            connection.execute(_RENEW, rows)
            return taken_by(connection, self.worker, attempts)


def taken_by(connection: Connection, worker: str, attempts: Sequence[tuple[int, int]]) -> set[int]:
    """Which of these attempts (delivery and attempt) a worker is sending right now."""
    query = select(delivery.c.id, delivery.c.attempt).where(
        delivery.c.id.in_([number for number, _ in attempts]),
        delivery.c.worker == worker,
        delivery.c.state == DeliveryState.SENDING,
    )
    return {number for number, _ in set(map(tuple, connection.execute(query))) & set(attempts)}


_PUT_IN_DOUBT = (
    update(delivery)
    .where(
        delivery.c.id == bindparam("its_id"),
        delivery.c.attempt == bindparam("its_attempt"),
        delivery.c.state == DeliveryState.SENDING,
    )
    .values(
        state=DeliveryState.IN_DOUBT,
        doubts=delivery.c.doubts + 1,
        reply="the sender was gone before the server's reply was recorded",
        due_at=bindparam("now"),
        worker=None,
        lease_until=None,
        updated_at=bindparam("now"),
    )
)

_RENEW = (
    update(delivery)
    .where(
        delivery.c.id == bindparam("its_id"),
        delivery.c.attempt == bindparam("its_attempt"),
        delivery.c.state == DeliveryState.SENDING,
        delivery.c.worker == bindparam("its_worker"),
    )
    .values(lease_until=bindparam("until"))
)
