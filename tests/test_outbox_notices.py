"""Mail that is no digest: nothing is lost, what is in doubt comes as the same mail, and nothing stays."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import Connection, select, text

from database import Database, open_database, upgrade
from outbox.dkim import Signer
from outbox.dkimkeys import new_key
from outbox.model import Notice, notice
from outbox.noticequeue import without_addresses
from outbox.notices import BACKOFF, GIVE_UP_AFTER, LEASE, Letter, Notices, drop_waiting, enqueue
from outbox.outcome import Outcome, TransportError
from outbox.ways import server_of
from tests.examples import often
from tests.smtp_faults import SmtpFaults

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
DONE = {"sent", "failed", "needless"}


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Clock:
    """A clock that is put forward by hand."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Server:
    """What mail goes to: it answers as it is told, once each, else ``sent``."""

    answers: list[str] = field(default_factory=list)
    # Recipient, and the message's octets, of each that arrived.
    got: list[tuple[str, bytes]] = field(default_factory=list)
    usable = True
    broke = False

    async def open(self) -> None:
        if self.answers[:1] == ["closed"]:
            self.answers.pop(0)
            raise TransportError("smtp://mail.example: nobody answers")

    async def close(self) -> None: ...

    async def send(
        self,
        sender: str,
        recipient: str,
        data: bytes,
        *,
        may_send: Callable[[], Awaitable[bool]],
        fence: Callable[[], bool],
    ) -> Outcome:
        assert sender == "news@blog.example"
        assert await may_send()
        if not fence():
            return Outcome("withheld", "the leave to send was taken back")
        kind: Any = self.answers.pop(0) if self.answers else "sent"
        if kind == "killed before":
            raise Killed
        if kind in {"sent", "in_doubt", "killed after"}:
            self.got.append((recipient, data))
        if kind == "killed after":
            raise Killed
        return Outcome(kind, f"250 ok, says it of <{recipient}>")


def compose(_connection: Connection, its: Notice) -> Letter | None:
    """A mail of the payload's words, unless there are none; another one each time it is asked."""
    words = its.payload["words"]
    if words == "boom":
        raise ValueError(f"no words for {its.payload['address']}")
    if not words:
        return None
    letter = f"Message-ID: <{its.id}.{its.attempt}@blog.example>\r\n\r\n.{words}\r\n".encode()
    return Letter(its.payload["address"], letter, f"<{its.id}.{its.attempt}@blog.example>")


def notices_of(database: Database, server: Server, clock: Callable[[], datetime] | None = None) -> Notices:
    return Notices(
        database,
        {"word": compose},
        connect=lambda: server,
        sender="news@blog.example",
        clock=clock or Clock(),
    )


def ask(
    database: Database, name: str, words: str = "Hello", *, kind: str = "word", now: datetime = NOW
) -> bool:
    payload = {"address": f"{name}@example.org", "words": words}
    with database.write() as connection:
        return enqueue(connection, kind, payload, key=f"{kind}:{name}", now=now)


def rows(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(select(notice).order_by(notice.c.id)))


def states(database: Database) -> list[str]:
    return [row.state for row in rows(database)]


def test_a_mail_leaves_and_nothing_of_its_reader_stays(database: Database) -> None:
    server = Server()
    notices = notices_of(database, server)
    assert not notices.is_due(NOW)
    assert ask(database, "ann")
    assert notices.is_due(NOW)
    assert str(notices.drain(NOW)) == "1 sent"
    assert server.got == [
        ("ann@example.org", b"Message-ID: <1.1@blog.example>\r\n\r\n..Hello\r\n"),
    ]
    (row,) = rows(database)
    assert (row.state, row.done_at, row.attempt) == ("sent", NOW, 1)
    assert "ann" not in repr(tuple(row))
    with database.read() as connection:
        # Not a JSON null, which is a value.
        assert connection.execute(text("SELECT count(*) FROM notice WHERE payload IS NULL")).scalar_one() == 1
    assert not notices.is_due(NOW)
    assert str(notices.drain(NOW)) == ""


def test_the_same_key_waits_once_until_it_is_done(database: Database) -> None:
    notices = notices_of(database, Server())
    assert [ask(database, "ann"), ask(database, "ann", "Other words"), ask(database, "bob")] == [
        True,
        False,
        True,
    ]
    notices.drain(NOW)
    assert ask(database, "ann")
    assert states(database) == ["sent", "sent", "queued"]


def test_a_burst_from_many_threads_is_one_mail(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(lambda _: ask(database, "ann"), range(200)))
    assert sum(asked) == 1
    server = Server()
    # However many drain at once.
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: notices_of(database, server).drain(NOW), range(4)))
    assert sum(sum(one.states.values()) for one in done) == 1
    assert len(server.got) == 1


def test_many_drains_share_what_waits(database: Database) -> None:
    for number in range(40):
        ask(database, f"reader{number}")
    server = Server()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: notices_of(database, server).drain(NOW), range(4)))
    assert sorted(to for to, _ in server.got) == sorted(f"reader{n}@example.org" for n in range(40))
    assert set(states(database)) == {"sent"}


@pytest.mark.parametrize("answer", ["deferred", "in_doubt", "closed"])
def test_what_did_not_arrive_is_tried_again_as_the_same_message(database: Database, answer: str) -> None:
    server = Server([answer])
    notices = notices_of(database, server)
    ask(database, "ann")
    drained = notices.drain(NOW)
    assert str(drained) == "1 queued"
    assert (drained.trouble is not None) == (answer == "closed")
    assert not notices.is_due(NOW + BACKOFF[0] - timedelta(seconds=1))
    assert str(notices.drain(NOW + BACKOFF[0])) == "1 sent"
    # Composed once: at its second attempt the composer would have made another.
    assert {data for _, data in server.got} == {b"Message-ID: <1.1@blog.example>\r\n\r\n..Hello\r\n"}


def test_over_smtp_what_was_cut_off_comes_again_signed_as_it_was(
    sqlite_database: Database, smtp_faults: SmtpFaults
) -> None:
    smtp_faults.set_fault(r"^ann@", "dot", "keep-drop", times=1)
    server = server_of(smtp_faults.url)
    clock = Clock()

    def composed(connection: Connection, its: Notice) -> Letter | None:
        letter = compose(connection, its)
        return letter and replace(letter, message=b"From: news@blog.example\r\n" + letter.message)

    notices = Notices(
        sqlite_database,
        {"word": composed},
        connect=server.make,
        sender="news@blog.example",
        clock=clock,
        signers=[Signer("blog.example", "s", new_key("ed25519"))],
    )
    ask(sqlite_database, "ann")
    assert str(notices.drain(NOW)) == "1 queued"
    clock.at += BACKOFF[0]
    assert str(notices.drain(clock.at)) == "1 sent"
    first, second = smtp_faults.messages
    assert first == second
    assert first.recipients == ("ann@example.org",)
    assert b"DKIM-Signature:" in first.data


def test_where_no_server_is_reached_the_others_are_left_alone(database: Database) -> None:
    server = Server(["closed"] * 8)
    for number in range(9):
        ask(database, f"reader{number}")
    assert str(notices_of(database, server).drain(NOW)) == "8 queued"
    assert [row.attempt for row in rows(database)] == [1] * 8 + [0]


def test_it_is_given_up_after_a_day_and_at_once_when_refused(database: Database) -> None:
    notices = notices_of(database, Server(["deferred"] * 99))
    ask(database, "ann")
    now = NOW
    while states(database) == ["queued"]:
        now = max(now, rows(database)[0].due_at)
        notices.drain(now)
    (row,) = rows(database)
    assert (row.state, row.recipient, row.key) == ("failed", None, None)
    assert NOW + GIVE_UP_AFTER - BACKOFF[-1] <= now <= NOW + GIVE_UP_AFTER
    assert row.reply == "250 ok, says it of <(address)>"
    ask(database, "bob")
    assert str(notices_of(database, Server(["failed"])).drain(NOW)) == "1 failed"


def test_one_that_waited_for_days_is_tried_all_the_same(database: Database) -> None:
    ask(database, "ann")
    assert str(notices_of(database, Server()).drain(NOW + timedelta(days=9))) == "1 sent"


def test_no_address_stays_in_what_was_said_however_long_that_is() -> None:
    said = "550 5.1.1 <ann@example.org>: no such user (bob@example.org), @home or at@"
    assert without_addresses(said) == "550 5.1.1 <(address)>: no such user ((address)), @home or at@"
    # Looked at again from each of its letters this would take all day.
    assert without_addresses("a" * 1_000_000) == "a" * 1_000_000


def test_what_cannot_be_written_fails_alone_in_one_line_without_the_address(database: Database) -> None:
    for name, words in (("ann", "Hello"), ("eve", "boom"), ("nil", ""), ("bob", "Hello")):
        ask(database, name, words)
    with structlog.testing.capture_logs() as logs:
        drained = notices_of(database, Server()).drain(NOW)
    assert str(drained) == "1 failed, 1 needless, 2 sent"
    assert states(database) == ["sent", "failed", "needless", "sent"]
    assert [(one["event"], one["error"]) for one in logs] == [
        ("notice cannot be written", "ValueError: no words for (address)")
    ]
    assert all("example.org" not in repr(tuple(row)) for row in rows(database))


def test_a_kind_that_nobody_here_knows_waits_for_a_process_that_does(database: Database) -> None:
    ask(database, "ann", kind="newer")
    assert str(notices_of(database, Server()).drain(NOW)) == ""
    assert states(database) == ["queued"]


def test_a_process_that_comes_back_too_late_sends_nothing(database: Database) -> None:
    clock, server = Clock(), Server()
    slow = notices_of(database, server, clock)
    ask(database, "ann")
    real_open = server.open

    async def frozen() -> None:
        # Meanwhile its lease ends, and another process does its work.
        server.open = real_open  # type: ignore[method-assign]
        clock.at += LEASE + timedelta(seconds=1)
        with ThreadPoolExecutor(1) as other:
            assert str(other.submit(notices_of(database, server, clock).drain, NOW).result()) == "1 sent"

    server.open = frozen  # type: ignore[method-assign]
    assert str(slow.drain(NOW)) == ""
    assert len(server.got) == 1
    assert states(database) == ["sent"]


def test_what_was_done_a_month_ago_is_forgotten(database: Database) -> None:
    notices = notices_of(database, Server())
    ask(database, "ann")
    notices.drain(NOW)
    later = NOW + timedelta(days=30, hours=1)
    ask(database, "bob", now=later)
    assert notices.is_due(later)
    notices.drain(later)
    assert len(rows(database)) == 1
    assert not notices.is_due(later + timedelta(hours=2))


def test_what_waits_for_somebody_is_dropped_whatever_its_state(database: Database) -> None:
    for name in ("ann", "bob"):
        ask(database, name)
        ask(database, name, kind="newer")
    notices_of(database, Server(["deferred", "deferred"])).drain(NOW)
    with database.write() as connection:
        assert drop_waiting(connection, lambda address: address == "ann@example.org") == 2
    assert [row.kind for row in rows(database)] == ["word", "newer"]
    assert "ann" not in repr([tuple(row) for row in rows(database)])


class Queue(RuleBasedStateMachine):
    """Mails asked for, servers that answer anything, processes killed at any step, time that goes on."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self.database = open_database(f"sqlite:///{Path(self._folder.name) / 'it.db'}")
        upgrade(self.database)
        self.clock, self.server = Clock(), Server()
        self.asked = 0
        self.kills = 0

    def teardown(self) -> None:
        # In the end all are sent or were given up, and who was sent nothing was not forgotten.
        self.server.answers.clear()
        for _ in range(3):
            self.clock.at += timedelta(days=2)
            self.drain()
        assert set(states(self.database)) <= DONE
        arrived = {to for to, _ in self.server.got}
        for row in rows(self.database):
            if row.state == "sent":
                assert f"r{row.id}@example.org" in arrived
        self.database.dispose()
        self._folder.cleanup()

    def drain(self) -> None:
        notices_of(self.database, self.server, self.clock).drain(self.clock.at)

    @rule(words=st.sampled_from(["Hello", "Hello", "", "boom"]))
    def asks(self, words: str) -> None:
        self.asked += 1
        assert ask(self.database, f"r{self.asked}", words, now=self.clock.at)

    @rule(
        answers=st.lists(
            st.sampled_from(
                ["sent", "deferred", "failed", "in_doubt", "closed", "killed before", "killed after"]
            ),
            max_size=4,
        )
    )
    def drains(self, answers: list[str]) -> None:
        self.server.answers[:] = answers
        try:
            self.drain()
        except Killed:
            self.kills += 1
        self.server.answers.clear()

    @rule(minutes=st.sampled_from([1, 13, 60, 700]))
    def waits(self, minutes: int) -> None:
        self.clock.at += timedelta(minutes=minutes)

    @invariant()
    def every_notice_is_there_and_tells_where_it_stands(self) -> None:
        found = rows(self.database)
        assert [row.id for row in found] == list(range(1, self.asked + 1))
        for row in found:
            is_done = row.state in DONE
            assert is_done == (row.done_at is not None)
            assert is_done == (row.key is None)
            assert is_done == (row.payload is None)
            assert row.message is None or not is_done

    @invariant()
    def whoever_got_it_twice_got_the_same(self) -> None:
        for to in {to for to, _ in self.server.got}:
            assert len({data for other, data in self.server.got if other == to}) == 1


TestQueue = Queue.TestCase
TestQueue.settings = settings(
    max_examples=often(8), stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
