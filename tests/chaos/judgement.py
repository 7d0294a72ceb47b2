"""What has to be true after a trial, whatever happened in it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select

from database import Database
from digests.model import IS_OPEN, DeliveryState, delivery, edition
from subscribers.model import subscriber
from tests.chaos.server import ChaosServer

_ROWS = (
    select(
        subscriber.c.email,
        delivery.c.edition_id,
        delivery.c.state,
        delivery.c.attempt,
        delivery.c.message_id,
        delivery.c.reply,
    )
    .join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
    .order_by(delivery.c.id)
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a trial ended: deliveries by state, messages that came again, and how many of those may."""

    states: Counter[str]
    editions: int
    repeats: int
    most_repeats: int
    faults: tuple[str, ...]
    said: tuple[str, ...]

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        events = Counter(self.said)
        told = ", ".join(f"{count} x {name}" for name, count in sorted(events.items()))
        return (
            f"{self.editions} editions: {states}; {self.repeats} came again ({self.most_repeats} may); {told}"
        )


def has_open(database: Database, readers: int) -> bool:
    """Whether anything is still to be sent, or the second edition not planned yet."""
    with database.read() as connection:
        waits = connection.execute(select(func.count()).select_from(delivery).where(IS_OPEN)).scalar_one()
        all_ = connection.execute(select(func.count(delivery.c.subscriber_id.distinct()))).scalar_one()
    return bool(waits) or all_ < readers


def judge(database: Database, server: ChaosServer, *, most_repeats: int, said: tuple[str, ...]) -> Verdict:
    """Compare the ledger with what the server kept."""
    with database.read() as connection:
        rows = connection.execute(_ROWS).all()
        numbers = connection.execute(select(edition.c.id)).scalars().all()
        everybody = connection.execute(select(subscriber.c.email)).scalars().all()
    kept = server.record.kept
    faults = [*_missed(everybody, rows, numbers, server), *_unexplained(rows, server)]
    faults += _strangers(rows, kept)
    distinct = {(email, number) for email, its in kept.items() for number in its}
    repeats = sum(map(len, kept.values())) - len(distinct)
    allowed = most_repeats + server.record.unacknowledged
    if repeats > allowed:
        faults.append(f"{repeats} messages came again, and at most {allowed} may")
    states = Counter(row.state for row in rows)
    return Verdict(states, len(numbers), repeats, allowed, tuple(faults), said)


def _missed(
    everybody: Sequence[str],
    rows: Sequence[Row[*tuple[Any, ...]]],
    numbers: Sequence[int],
    server: ChaosServer,
) -> list[str]:
    """Readers who have no delivery of an edition, or whose message never came though it was sent."""
    entered = Counter((row.email, row.edition_id) for row in rows)
    faults = [f"{key} stands {count} times in the ledger" for key, count in entered.items() if count > 1]
    for email in everybody:
        if server.is_refused(email):
            # Refused for good once, they may be left out later.
            continue
        faults += [f"{email} was missed by edition {n}" for n in numbers if (email, n) not in entered]
    for row in rows:
        came = row.message_id in server.record.kept.get(row.email, [])
        if not server.is_refused(row.email) and not came:
            faults.append(f"{row.email} never got {row.message_id}: {row.state}, {row.reply}")
        if came and row.state != DeliveryState.SENT:
            faults.append(f"{row.email} got {row.message_id}, and the ledger says {row.state}, {row.reply}")
    return faults


def _unexplained(rows: Sequence[Row[*tuple[Any, ...]]], server: ChaosServer) -> list[str]:
    """Deliveries that are not at an end, or at one that nothing explains."""
    faults = []
    for row in rows:
        match row.state:
            case DeliveryState.SENT:
                is_explained = row.reply is not None and row.attempt >= 1
            case DeliveryState.FAILED:
                is_explained = server.is_refused(row.email) and (row.reply or "").startswith("55")
            case DeliveryState.SKIPPED:
                is_explained = server.is_refused(row.email) and bool(row.reply)
            case _:
                is_explained = False
        if not is_explained:
            faults.append(f"{row.email}: {row.state} after {row.attempt} attempts: {row.reply}")
    return faults


def _strangers(rows: Sequence[Row[*tuple[Any, ...]]], kept: dict[str, list[str]]) -> list[str]:
    """Messages that came to someone under an id that is not theirs: one delivery has one Message-ID."""
    theirs = {(row.email, row.message_id) for row in rows}
    return [
        f"{email} got {number}, which is not in the ledger"
        for email, its in kept.items()
        for number in set(its)
        if (email, number) not in theirs
    ]
