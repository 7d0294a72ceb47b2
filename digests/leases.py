"""Leases: how long a worker's word is taken for what it is sending, and what follows when it is gone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Update, select, tuple_, update

from database import Database
from digests.model import DeliveryState, delivery
from digests.workers import is_gone, new_worker

LEASE = timedelta(minutes=2)


class Leases:
    """The leases of one sending run, under a worker's name of its own.

    ``clock`` gives the real time: a rehearsal's ``now`` says nothing of how long a worker has been silent.
    """

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime], length: timedelta = LEASE
    ) -> None:
        self._database = database
        self._clock = clock
        self.length = length
        self.worker = new_worker()

    def until(self) -> datetime:
        """When a lease taken now ends."""
        return self._clock() + self.length

    def recover(self, now: datetime) -> int:
        """Put in doubt what a worker that is gone, or silent past its lease, was sending; tell how many."""
        columns = (delivery.c.id, delivery.c.attempt, delivery.c.worker, delivery.c.lease_until)
        query = select(*columns).where(delivery.c.state == DeliveryState.SENDING)
        with self._database.read() as connection:
            sending = connection.execute(query).all()
        real = self._clock()
        lost = [
            (row.id, row.attempt)
            for row in sending
            if row.worker is None
            or row.lease_until is None
            or row.lease_until < real
            or is_gone(row.worker, current=self.worker)
        ]
        recovered = 0
        for part in _parts(lost):
            with self._database.write() as connection:
                recovered += connection.execute(_put_in_doubt(part, now)).rowcount
        return recovered

    def renew(self, open_intents: Iterable[tuple[int, int]]) -> set[int]:
        """Prolong the leases of what is being sent; return the numbers that are still this worker's."""
        kept: set[int] = set()
        for part in _parts(list(open_intents)):
            step = (
                update(delivery)
                .where(
                    tuple_(delivery.c.id, delivery.c.attempt).in_(part),
                    delivery.c.state == DeliveryState.SENDING,
                    delivery.c.worker == self.worker,
                )
                .values(lease_until=self.until())
                .returning(delivery.c.id)
            )
            with self._database.write() as connection:
                kept |= set(connection.execute(step).scalars())
        return kept


def _put_in_doubt(lost: Sequence[tuple[int, int]], now: datetime) -> Update:
    return (
        update(delivery)
        .where(tuple_(delivery.c.id, delivery.c.attempt).in_(lost), delivery.c.state == DeliveryState.SENDING)
        .values(
            state=DeliveryState.IN_DOUBT,
            doubts=delivery.c.doubts + 1,
            reply="the sender was gone before the server's reply was recorded",
            due_at=now,
            worker=None,
            lease_until=None,
            updated_at=now,
        )
    )


def _parts(whole: Sequence[tuple[int, int]], size: int = 400) -> Iterator[Sequence[tuple[int, int]]]:
    """Slices that stay under the databases' limits on parameters."""
    for start in range(0, len(whole), size):
        yield whole[start : start + size]
