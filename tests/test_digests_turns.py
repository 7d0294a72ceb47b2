"""Sending in turn and within limits: instant mail first, no domain in others' way, no faster than allowed."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import event, select, update

from database import Database
from digests.model import delivery
from digests.sending.delivery import Delivery
from digests.sending.leases import Leases
from digests.sending.ledger import Ledger, Pending
from digests.sending.limits import Limits
from tests.test_digests_delivery import NOW, FakeLetters, FakeServer, counts, fill, ledger_of, send


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


def move(database: Database, numbers: Sequence[int], **values: Any) -> None:
    """Change some deliveries."""
    with database.write() as connection:
        connection.execute(update(delivery).where(delivery.c.id.in_(numbers)).values(values))


def test_instant_mail_goes_before_digests(database: Database, server: FakeServer) -> None:
    fill(database, 700)
    move(database, [650, 660], priority=0)
    send(database, server, connections=1)
    assert server.accepted[:3] == ["r650@example.org", "r660@example.org", "r1@example.org"]
    assert counts(database) == {"sent": 700}


class LedgerThatCounts(Ledger):
    """It counts what was taken out of it into memory."""

    fetched = 0

    def due(self, *arguments: Any, **options: Any) -> list[Pending]:
        found = super().due(*arguments, **options)
        self.fetched += len(found)
        return found


def test_a_slow_domain_at_the_front_does_not_hold_up_the_others(
    sqlite_database: Database, server: FakeServer
) -> None:
    """Its server answers only once all the others were sent to, and thousands wait for it before them."""
    readers, others = 3000, 200
    fill(sqlite_database, readers)
    move(sqlite_database, range(1, readers + 1), domain="slow.example")
    move(sqlite_database, range(readers - others + 1, readers + 1), domain="quick.example")
    server.slow = lambda recipient: int(recipient[1:].partition("@")[0]) <= readers - others
    server.after = others
    leases = Leases(sqlite_database, clock=lambda: datetime.now(UTC))
    ledger = LedgerThatCounts(sqlite_database, leases, resend_doubtful=True)
    fetched: list[int] = []

    def note(_count: int) -> None:
        if len(server.accepted) == others:
            fetched.append(ledger.fetched)

    run = Delivery(ledger, FakeLetters(), server.connect, connections=4, progress=note)
    asyncio.run(run.run(NOW))
    assert counts(sqlite_database) == {"sent": readers}
    assert len(set(server.accepted)) == readers
    # What waited for the slow one was not all in memory.
    assert min(fetched) < others + 1500


def test_a_day_s_cap_ends_the_run_and_says_until_when(database: Database, server: FakeServer) -> None:
    fill(database, 10)
    limits = Limits(daily_cap=4)
    report = send(database, server, limits=limits)
    assert str(report) == "4 sent, the rest is held back until 2026-03-03T00:00Z"
    assert counts(database) == {"sent": 4, "queued": 6}
    assert str(send(database, server, limits=limits)) == "the rest is held back until 2026-03-03T00:00Z"
    assert server.open == 0
    send(database, server, limits=limits, now=NOW + timedelta(days=1))
    assert counts(database) == {"sent": 8, "queued": 2}


def test_nothing_is_sent_in_quiet_hours(database: Database, server: FakeServer) -> None:
    fill(database, 3)
    assert str(send(database, server, limits=Limits(quiet="12:00-15:00"))).endswith("2026-03-02T15:00Z")
    assert (server.accepted, server.most_open) == ([], 0)
    send(database, server, limits=Limits(quiet="15:00-12:00"))
    assert counts(database) == {"sent": 3}


def test_quiet_hours_that_begin_end_the_run(database: Database, server: FakeServer) -> None:
    """A tenth of a second after the run; at the rate it would go on for a quarter of a minute."""
    fill(database, 300)
    tomorrow = NOW + timedelta(days=1)
    limits = Limits(quiet="14:00-15:00", per_second=20)
    report = send(database, server, now=tomorrow - timedelta(seconds=0.1), limits=limits)
    assert str(report).endswith("the rest is held back until 2026-03-03T15:00Z")
    assert counts(database).keys() <= {"sent", "queued"}
    assert counts(database)["queued"] > 0


def test_a_rate_is_waited_for_without_a_rush_on_the_database(
    sqlite_database: Database, server: FakeServer
) -> None:
    fill(sqlite_database, 12)
    commits: list[object] = []
    event.listen(sqlite_database.engine, "commit", commits.append)
    send(sqlite_database, server, limits=Limits(per_second=40))
    assert counts(sqlite_database) == {"sent": 12}
    assert len(commits) < 100


def test_lanes_that_a_rate_has_no_use_for_leave_the_rest_to_the_others(
    sqlite_database: Database, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of eight lanes some would wait for longer than a run is patient: the run goes on with the others."""
    monkeypatch.setattr("digests.sending.lane.PATIENCE_SECONDS", 0.12)
    fill(sqlite_database, 14)
    report = send(sqlite_database, server, connections=8, limits=Limits(per_second=20))
    assert str(report) == "14 sent"


def test_a_domain_s_rate_holds_back_that_domain_only(database: Database, server: FakeServer) -> None:
    """What waits for longer than a run is patient is left, as it was, to a later one."""
    fill(database, 30)
    move(database, range(1, 21), domain="a.example")
    move(database, range(21, 31), domain="b.example")
    send(database, server, limits=Limits(per_domain_second=0.001))
    assert server.accepted == ["r1@example.org", "r21@example.org"]
    assert counts(database) == {"sent": 2, "queued": 28}
    assert {one.attempt for one in ledger_of(database).due(NOW)} == {0}


def test_connections_to_one_domain_are_no_more_than_allowed(database: Database, server: FakeServer) -> None:
    fill(database, 40)
    move(database, range(1, 41), domain="a.example")
    send(database, server, limits=Limits(per_domain=1))
    assert counts(database) == {"sent": 40}
    assert server.most_open == 1


def test_a_server_that_breaks_every_connection_is_left_alone(database: Database, server: FakeServer) -> None:
    """It is not the messages: but for a handful none is charged with an attempt."""
    fill(database, 100)
    server.verdicts = {f"r{number}@example.org": ["lost before data"] * 9 for number in range(1, 101)}
    report = send(database, server, connections=2)
    assert report.trouble == "one connection after another broke: the connection was lost"
    assert counts(database)["queued"] >= 100 - 6


def test_a_server_that_defers_each_message_and_hangs_up_is_asked_for_all(
    database: Database, server: FakeServer
) -> None:
    fill(database, 30)
    server.verdicts = {f"r{number}@example.org": ["451 later"] for number in range(1, 31)}
    server.hangs_up = True
    assert str(send(database, server, connections=2)) == "30 deferred"


def test_what_failed_is_noted_in_the_step_that_records_it(database: Database, server: FakeServer) -> None:
    fill(database, 4)
    server.verdicts = {"r2@example.org": ["550 5.1.1 no"], "r3@example.org": ["451 later"]}
    noted: list[tuple[int, str, str]] = []

    def note(connection: DatabaseConnection, failed: Sequence[tuple[int, str]], _now: datetime) -> None:
        for number, reply in failed:
            query = select(delivery.c.state).where(delivery.c.id == number)
            noted.append((number, reply, connection.execute(query).scalar_one()))

    leases = Leases(database, clock=lambda: datetime.now(UTC))
    ledger = Ledger(database, leases, resend_doubtful=True, note_refusals=note)
    asyncio.run(Delivery(ledger, FakeLetters(), server.connect, connections=2).run(NOW))
    assert noted == [(2, "550 5.1.1 no", "failed")]
