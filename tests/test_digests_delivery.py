"""Sending: everybody once, in lanes, whatever the other side does."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert, select

from database import Database, DatabaseUnavailable
from digests.deliveries import list_deliveries
from digests.model import DeliveryState, delivery, digest, edition
from digests.sending.delivery import MOST_BREAKS, Delivery, DeliveryReport, Letters
from digests.sending.leases import Leases
from digests.sending.ledger import Ledger, Pending, Result, Taken
from digests.sending.letters import EditionLetters
from digests.sending.limits import UNLIMITED, Limits
from digests.store import remove_digest
from outbox.marks import MessageError
from outbox.outcome import Outcome, TransportError
from outbox.servers import Servers
from outbox.ways import server_of
from subscribers.model import subscriber, subscription
from subscribers.tokens import TokenSigner
from tests.smtp_faults import SmtpFaults

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


@dataclass
class FakeServer:
    """A server told beforehand what to do with each recipient; it keeps what it accepted."""

    accepted: list[str] = field(default_factory=list)
    verdicts: dict[str, list[str]] = field(default_factory=dict)
    open: int = 0
    most_open: int = 0
    refuses: int = 0
    before_data: Callable[[str], None] = lambda _recipient: None
    # Recipients whose messages are not answered before so many others were accepted.
    slow: Callable[[str], bool] = lambda _recipient: False
    after: int = 0
    hangs_up: bool = False
    accepts: asyncio.Event = field(default_factory=asyncio.Event)

    def connect(self) -> "FakeConnection":
        return FakeConnection(self)

    def told(self, recipient: str) -> str:
        verdicts = self.verdicts.get(recipient)
        return verdicts.pop(0) if verdicts else "sent"


@dataclass
class FakeConnection:
    """A connection to it, which breaks where a connection would."""

    server: FakeServer
    usable: bool = True
    broke: bool = False

    async def open(self) -> None:
        await asyncio.sleep(0)
        if self.server.refuses:
            self.server.refuses -= 1
            raise TransportError("smtp://127.0.0.1:25: connection refused: is the server running?")
        self.server.open += 1
        self.server.most_open = max(self.server.most_open, self.server.open)

    async def send(
        self,
        sender: str,
        recipient: str,
        data: bytes,
        *,
        may_send: Callable[[], Awaitable[bool]],
        fence: Callable[[], bool],
    ) -> Outcome:
        assert data == f"to {recipient} from {sender}".encode()
        verdict = self.server.told(recipient)
        self.usable = not self.server.hangs_up
        if verdict == "lost before data":
            self.usable, self.broke = False, True
            return Outcome("deferred", "the connection was lost")
        if not await may_send():
            return Outcome("withheld", "another worker has it")
        self.server.before_data(recipient)
        if not fence():
            self.usable, self.broke = False, True
            return Outcome("withheld", "the lease is over")
        if verdict == "cut":
            self.usable, self.broke = False, True
            self.server.accepted.append(recipient)
            return Outcome("in_doubt", "the connection was lost after the final dot")
        if verdict == "sent":
            async with asyncio.timeout(60):
                while self.server.slow(recipient) and len(self.server.accepted) < self.server.after:
                    await self.server.accepts.wait()
            self.server.accepted.append(recipient)
            if len(self.server.accepted) >= self.server.after:
                self.server.accepts.set()
            return Outcome("sent", "250 2.0.0 Ok")
        return Outcome("deferred" if verdict.startswith("4") else "failed", verdict)

    async def close(self) -> None:
        self.server.open -= 1


class FakeLetters:
    """Messages that say whom they are for."""

    def __init__(self, fails: Mapping[str, Exception] | None = None) -> None:
        self._fails = dict(fails or {})

    def sender(self, pending: Pending) -> str:
        return f"bounces+{pending.id}@example.org"

    def data(self, pending: Pending) -> bytes:
        if pending.email in self._fails:
            raise self._fails.pop(pending.email)
        return f"to {pending.email} from {self.sender(pending)}".encode()


def fill(database: Database, readers: int) -> None:
    everything = {
        "slug": "weekly",
        "title": "Weekly",
        "rule": "all",
        "template": "digest",
        "language": "en",
        "cadence": "weekly",
        "cadences": ["weekly"],
        "minute": 480,
        "weekday": 0,
        "monthday": 1,
        "timezone": "UTC",
        "max_age_seconds": 1,
        "max_lateness_seconds": 1,
        "created_at": NOW,
    }
    window = {"window_start": NOW, "window_end": NOW, "labels": "", "language": "en", "template": "digest"}
    people = [
        {"id": n, "email": f"r{n}@example.org", "email_key": f"r{n}", "state": "confirmed", "created_at": NOW}
        for n in range(1, readers + 1)
    ]
    numbers = [person["id"] for person in people]
    with database.write() as connection:
        connection.execute(insert(digest).values(id=1, **everything))
        connection.execute(
            insert(edition).values(id=1, digest_id=1, folded=False, created_at=NOW, message=b"m", **window)
        )
        connection.execute(insert(subscriber), people)
        common = {"digest_id": 1, "state": "active", "labels": [], "created_at": NOW}
        connection.execute(insert(subscription), [{"id": n, "subscriber_id": n, **common} for n in numbers])
        queued = {"state": "queued", "attempt": 0, "doubts": 0, "due_at": NOW}
        stamps = {"created_at": NOW, "updated_at": NOW}
        connection.execute(
            insert(delivery),
            [
                {
                    "edition_id": 1,
                    "subscriber_id": n,
                    "subscription_id": n,
                    "message_id": f"<{n}@example.org>",
                }
                | queued
                | stamps
                for n in numbers
            ],
        )


def ledger_of(database: Database, *, resend: bool = True, limits: Limits = UNLIMITED) -> Ledger:
    leases = Leases(database, clock=lambda: datetime.now(UTC))
    return Ledger(database, leases, resend_doubtful=resend, limits=limits)


def send(
    database: Database,
    server: FakeServer,
    *,
    now: datetime = NOW,
    connections: int = 4,
    resend: bool = True,
    enough: Callable[[], bool] = lambda: False,
    letters: Letters | None = None,
    limits: Limits = UNLIMITED,
    threads: int = 0,
) -> DeliveryReport:
    ledger = ledger_of(database, resend=resend, limits=limits)
    run = Delivery(
        ledger,
        letters or FakeLetters(),
        server.connect,
        connections=connections,
        threads=threads,
        enough=enough,
    )
    return asyncio.run(run.run(now))


def counts(database: Database) -> Counter[str]:
    with database.read() as connection:
        return Counter(connection.execute(select(delivery.c.state)).scalars())


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


def test_everybody_gets_it_once(database: Database, server: FakeServer) -> None:
    fill(database, 1200)
    report = send(database, server)
    assert report.states == {DeliveryState.SENT: 1200}
    assert sorted(server.accepted) == sorted(f"r{n}@example.org" for n in range(1, 1201))
    assert counts(database) == {"sent": 1200}
    assert server.most_open == 4
    assert server.open == 0


def test_a_second_run_sends_nothing(database: Database, server: FakeServer) -> None:
    fill(database, 5)
    send(database, server)
    assert str(send(database, server)) == ""
    assert len(server.accepted) == 5


def test_what_the_server_says_is_recorded_and_the_rest_is_sent(
    database: Database, server: FakeServer
) -> None:
    fill(database, 10)
    server.verdicts = {
        "r2@example.org": ["451 4.7.1 later"],
        "r3@example.org": ["550 5.1.1 no such user"],
        "r4@example.org": ["cut"],
        "r5@example.org": ["lost before data"],
    }
    report = send(database, server)
    assert str(report) == "2 deferred, 1 failed, 1 in doubt, 6 sent"
    with database.read() as connection:
        told = {one.email: (one.state, one.reply) for one in list_deliveries(connection)}
    assert told["r2@example.org"] == ("deferred", "451 4.7.1 later")
    assert told["r3@example.org"] == ("failed", "550 5.1.1 no such user")
    assert told["r4@example.org"][0] == "in_doubt"
    assert told["r5@example.org"] == ("deferred", "the connection was lost")


def test_a_later_run_retries_what_waits_and_leaves_what_failed(
    database: Database, server: FakeServer
) -> None:
    fill(database, 4)
    server.verdicts = {
        "r2@example.org": ["451 later"],
        "r3@example.org": ["550 no"],
        "r4@example.org": ["cut"],
    }
    send(database, server)
    server.accepted.clear()
    assert str(send(database, server)) == ""  # too early
    send(database, server, now=NOW + timedelta(minutes=2))
    assert sorted(server.accepted) == ["r2@example.org", "r4@example.org"]
    assert counts(database) == {"sent": 3, "failed": 1}


def test_what_is_in_doubt_can_be_held(database: Database, server: FakeServer) -> None:
    fill(database, 1)
    server.verdicts = {"r1@example.org": ["cut"]}
    send(database, server, resend=False)
    send(database, server, resend=False, now=NOW + timedelta(days=1))
    assert server.accepted == ["r1@example.org"]
    assert counts(database) == {"in_doubt": 1}


def test_a_server_that_is_down_is_told_of_and_nothing_is_recorded(
    database: Database, server: FakeServer
) -> None:
    fill(database, 6)
    server.refuses = 99
    report = send(database, server)
    assert report.trouble == "smtp://127.0.0.1:25: connection refused: is the server running?"
    assert counts(database) == {"queued": 6}


def test_one_connection_that_is_refused_does_not_stop_the_others(
    database: Database, server: FakeServer
) -> None:
    fill(database, 40)
    server.refuses = 2
    send(database, server)
    assert counts(database) == {"sent": 40}


def test_enough_finishes_what_is_in_hand_and_leaves_the_rest(database: Database, server: FakeServer) -> None:
    fill(database, 100)
    send(database, server, enough=lambda: len(server.accepted) >= 10)
    sent = len(server.accepted)
    assert 10 <= sent <= 13  # at most one more per lane
    assert counts(database) == {"sent": sent, "queued": 100 - sent}


def test_data_is_sent_only_once_its_intent_is_durable(database: Database, server: FakeServer) -> None:
    """At the moment of DATA another reader of the database sees the delivery as being sent."""
    fill(database, 30)
    seen: list[str] = []

    def look(recipient: str) -> None:
        with database.read() as connection:
            (one,) = [one for one in list_deliveries(connection) if one.email == recipient]
        seen.append(one.state)

    server.before_data = look
    send(database, server)
    assert seen == ["sending"] * 30


def test_results_and_intents_of_all_lanes_share_commits(
    sqlite_database: Database, server: FakeServer
) -> None:
    fill(sqlite_database, 400)
    commits: list[object] = []
    event.listen(sqlite_database.engine, "commit", commits.append)
    send(sqlite_database, server, connections=20)
    assert len(commits) < 100


def test_two_workers_at_once_send_to_everybody_once(database: Database, server: FakeServer) -> None:
    fill(database, 300)

    async def both() -> None:
        runs = []
        for name in ("one/0/1/1/1", "two/0/1/1/1"):
            leases = Leases(database, clock=lambda: datetime.now(UTC))
            leases.worker = name
            ledger = Ledger(database, leases, resend_doubtful=True)
            runs.append(Delivery(ledger, FakeLetters(), server.connect, connections=3).run(NOW))
        await asyncio.gather(*runs)

    asyncio.run(both())
    assert sorted(server.accepted) == sorted(f"r{n}@example.org" for n in range(1, 301))
    assert counts(database) == {"sent": 300}


def test_a_run_that_breaks_off_leaves_at_most_one_message_per_lane_in_doubt(
    database: Database, server: FakeServer
) -> None:
    """An error nobody expected, in the middle: the next run finds what was in hand and everybody gets it."""
    fill(database, 50)

    def break_off(_recipient: str) -> None:
        if len(server.accepted) == 20:
            raise AssertionError("the house is on fire")

    server.before_data = break_off
    with pytest.raises(AssertionError, match="on fire"):
        send(database, server)
    assert counts(database)["sending"] <= 4
    server.before_data = lambda _recipient: None
    send(database, server)
    assert counts(database) == {"sent": 50}
    twice = [one for one, times in Counter(server.accepted).items() if times > 1]
    assert len(twice) <= 4


def test_an_error_in_one_lane_interrupts_no_message_of_another(
    database: Database, server: FakeServer
) -> None:
    """What is in hand elsewhere would else be in doubt, and sent a second time."""
    fill(database, 50)
    letters = FakeLetters({"r20@example.org": RuntimeError("the house is on fire")})
    with pytest.raises(RuntimeError, match="on fire"):
        send(database, server, letters=letters)
    assert counts(database) == {"sent": 49, "sending": 1}
    assert str(send(database, server)) == "1 sent, 1 found in doubt"
    assert sorted(server.accepted) == sorted(f"r{n}@example.org" for n in range(1, 51))


@pytest.mark.parametrize("threads", [0, 2])
def test_a_message_that_cannot_be_made_just_now_is_deferred(
    database: Database, server: FakeServer, threads: int
) -> None:
    """Also where letters are made in threads; one that never can be made has failed."""
    fill(database, 25)
    letters = FakeLetters(
        {
            "r2@example.org": DatabaseUnavailable("database sqlite:///it: disk I/O error"),
            "r9@example.org": MessageError("no such mark"),
        }
    )
    send(database, server, letters=letters, threads=threads)
    assert counts(database) == {"sent": 23, "deferred": 1, "failed": 1}


class LedgerThatGoes(Ledger):
    """Its database is gone for some steps."""

    gone = 0

    def step(self, results: Sequence[Result], wanted: Sequence[Pending], *, now: datetime) -> Taken:
        if results and self.gone:
            self.gone -= 1
            raise DatabaseUnavailable("database sqlite:///it: disk I/O error")
        return super().step(results, wanted, now=now)


def test_what_was_sent_is_recorded_when_the_database_is_back_though_its_time_is_up(
    database: Database, server: FakeServer
) -> None:
    fill(database, 5)
    ledger = LedgerThatGoes(database, Leases(database, clock=lambda: datetime.now(UTC)), resend_doubtful=True)
    ledger.gone = 2
    told: list[str | None] = []
    run = Delivery(
        ledger,
        FakeLetters(),
        server.connect,
        connections=1,
        enough=lambda: bool(server.accepted),
        waits=told.append,
    )
    asyncio.run(run.run(NOW))
    assert counts(database) == {"sent": 1, "queued": 4}
    assert [why for why in told if why] == [DatabaseUnavailable.public] * 2
    assert told[-1] is None


def test_a_digest_removed_while_its_mail_waits_stops_no_other(database: Database, server: FakeServer) -> None:
    fill(database, 20)
    letters = EditionLetters(database, sender="digest@example.org", signer=TokenSigner(["secret"]))
    (pending,) = ledger_of(database).due(NOW, limit=1)
    with database.write() as connection:
        remove_digest(connection, "weekly", force=True)
    with pytest.raises(MessageError, match="edition 1 is gone"):
        letters.data(pending)
    assert str(send(database, server, letters=letters)) == ""


def test_the_fence_falls_when_the_lease_is_over(database: Database, server: FakeServer) -> None:
    """As for a process that was frozen between its commit and DATA: what it wakes up to is not sent."""
    fill(database, 3)
    leases = Leases(database, clock=lambda: datetime.now(UTC), length=timedelta(0))
    run = Delivery(
        Ledger(database, leases, resend_doubtful=True), FakeLetters(), server.connect, connections=1
    )
    asyncio.run(run.run(NOW))
    assert server.accepted == []
    assert counts(database) == {"deferred": 3}


def test_a_connection_that_is_used_up_after_a_deferral_did_not_break(
    sqlite_database: Database, smtp_faults: SmtpFaults
) -> None:
    smtp_faults.set_fault("", "rcpt", "450 4.2.0 not now")
    readers = 3 * MOST_BREAKS
    fill(sqlite_database, readers)
    way = server_of(f"{smtp_faults.url}?max_messages=1")
    servers = Servers([way], clock=lambda: 0.0)
    run = Delivery(ledger_of(sqlite_database), FakeLetters(), servers.connection, connections=1)
    assert str(asyncio.run(run.run(NOW))) == f"{readers} deferred"
    assert (smtp_faults.connections, way.failures) == (readers, 0)
