"""A server that suddenly knows nobody is not believed at once; one that goes on saying so is."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select, update

from digests.model import delivery, digest, edition
from digests.returns.braking import is_to_be_held
from digests.returns.consequences import SoftLimits, Taken, note_refusals, take_back
from outbox.bounces.reading import message_key, read_reports
from subscribers.model import SubscriberState, subscriber, subscription
from subscribers.returnpath import ReturnPaths
from subscribers.tokens import TokenSigner
from tests.returned_mail import dsn

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIGNER = TokenSigner(["a secret of the first year"])
PATHS = ReturnPaths(SIGNER, "bounces@example.org")
READERS = 100
UNKNOWN = "550 5.1.1 no such user"


def _edition(connection: Connection, number: int, *, sent: datetime, state: str = "sent") -> None:
    """An edition to all readers: delivery ``number * 1000 + reader``; every second one is at big.example."""
    window = {"window_start": sent, "window_end": sent, "labels": "", "language": "en"}
    connection.execute(
        insert(edition).values(
            id=number, digest_id=1, folded=False, created_at=sent, message=b"m", template="digest", **window
        )
    )
    shared = {"edition_id": number, "state": state, "attempt": 1, "doubts": 0, "due_at": sent}
    rows = [
        {
            **shared,
            "id": number * 1000 + reader,
            "subscriber_id": reader,
            "subscription_id": reader,
            "message_id": f"<{number}.{reader}@example.org>",
            "domain": _domain(reader),
            "created_at": sent,
            "updated_at": sent,
        }
        for reader in range(1, READERS + 1)
    ]
    connection.execute(insert(delivery), rows)


def _domain(reader: int) -> str:
    return "big.example" if reader % 2 else "small.example"


@pytest.fixture
def ledger(connection: Connection) -> Connection:
    """A hundred readers, half of them at each of two providers, and an edition that was sent to all."""
    numbers = {"minute": 480, "weekday": 0, "monthday": 1, "max_age_seconds": 1, "max_lateness_seconds": 1}
    words = {"slug": "weekly", "title": "Weekly", "rule": "all", "template": "digest", "language": "en"}
    when = {"cadence": "weekly", "cadences": ["weekly"], "timezone": "UTC", "created_at": NOW}
    connection.execute(insert(digest).values(id=1, **numbers, **words, **when))
    people = [(one, f"reader{one}@{_domain(one)}") for one in range(1, READERS + 1)]
    known = {"state": "confirmed", "created_at": NOW, "confirmed_at": NOW}
    connection.execute(
        insert(subscriber),
        [{"id": one, "email": email, "email_key": email, **known} for one, email in people],
    )
    kept = {"digest_id": 1, "state": "active", "labels": [], "created_at": NOW}
    connection.execute(insert(subscription), [{"id": one, "subscriber_id": one, **kept} for one, _ in people])
    _edition(connection, 1, sent=NOW)
    return connection


def _refuse(connection: Connection, number: int, readers: Iterable[int], *, reply: str = UNKNOWN) -> int:
    """The server refuses an edition to some readers, one after the other; return how many that suppressed."""
    suppressed = 0
    for reader in readers:
        its = number * 1000 + reader
        connection.execute(update(delivery).where(delivery.c.id == its).values(state="failed", reply=reply))
        suppressed += note_refusals(connection, [(its, reply)], NOW)
    return suppressed


def _suppressed(connection: Connection) -> list[int]:
    query = select(subscriber.c.id).where(subscriber.c.state == SubscriberState.SUPPRESSED)
    return list(connection.execute(query.order_by(subscriber.c.id)).scalars())


def test_a_provider_that_knows_nobody_suppresses_few_of_its_readers(ledger: Connection) -> None:
    assert _refuse(ledger, 1, range(1, READERS, 2)) == len(_suppressed(ledger)) <= 10


def test_single_readers_who_are_gone_are_suppressed_beside_a_domain_that_is_not_believed(
    ledger: Connection,
) -> None:
    _refuse(ledger, 1, range(1, READERS, 2))
    assert _refuse(ledger, 1, [20, 40, 60, 80, 100]) == 5


def test_a_few_who_are_gone_among_many_are_believed(ledger: Connection) -> None:
    assert _refuse(ledger, 1, range(1, READERS, 12)) == 9


def test_what_is_said_again_a_week_later_is_believed(ledger: Connection) -> None:
    _refuse(ledger, 1, range(1, READERS, 2))
    held = sorted(set(range(1, READERS, 2)) - set(_suppressed(ledger)))
    for number, days, more in ((2, 1, 0), (3, 7, len(held))):
        _edition(ledger, number, sent=NOW + timedelta(days=days), state="failed")
        assert _refuse(ledger, number, held) == more


def test_what_arrived_between_begins_it_anew(ledger: Connection) -> None:
    _refuse(ledger, 1, range(1, READERS, 2))
    before = _suppressed(ledger)
    _edition(ledger, 2, sent=NOW + timedelta(days=3))
    _edition(ledger, 3, sent=NOW + timedelta(days=7), state="failed")
    assert _refuse(ledger, 3, [97, 99]) == 0
    assert _suppressed(ledger) == before


def test_reports_by_mail_are_held_alike_and_told_as_such(ledger: Connection) -> None:
    found = []
    for reader in range(1, READERS, 2):
        data = dsn(f"reader{reader}@big.example", to=PATHS.address(1000 + reader), own_id=f"<{reader}@mx>")
        found += take_back(
            ledger, message_key(data), read_reports(data), signer=SIGNER, limits=SoftLimits(), now=NOW
        )
    assert [one.taken for one in found if one.held] == [Taken.SOFT] * sum(one.held for one in found)
    assert len(_suppressed(ledger)) == sum(one.taken is Taken.HARD for one in found) <= 10
    assert sum(one.held for one in found) >= 40


@pytest.mark.parametrize("connection", ["sqlite"], indirect=True)
def test_looking_at_what_was_sent_before_reads_a_range_of_the_ledger(ledger: Connection) -> None:
    """Not all that was sent to the domain, nor all of the edition. (PostgreSQL reads so few rows whole.)"""
    asked: list[tuple[str, Any]] = []
    listen = event.listens_for(ledger, "before_cursor_execute")
    listen(lambda _c, _cursor, statement, given, _context, _many: asked.append((statement, given)))
    is_to_be_held(ledger, 1, 1099)
    ((statement, given),) = [one for one in asked if "BETWEEN" in one[0]]
    plan = str(ledger.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all())
    assert "SEARCH delivery USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plan
    assert "SCAN delivery" not in plan
