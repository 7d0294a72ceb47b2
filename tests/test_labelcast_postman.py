"""Mail that is asked for leaves at once, and what is in hand is finished before the process ends."""

import threading
from datetime import UTC, datetime

import pytest
import structlog

from database import Database, DatabaseUnavailable
from labelcast.postman import Postman, draining
from outbox.notices import Drained, Notices, enqueue
from tests.test_outbox_notices import Server, compose

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
ENOUGH_SECONDS = 60


class Queue(Notices):
    """Counts drains, and fails as it is told."""

    def __init__(self, database: Database, server: Server) -> None:
        super().__init__(
            database,
            {"word": compose},
            connect=lambda: server,
            sender="news@blog.example",
            clock=lambda: NOW,
        )
        self.drained = threading.Semaphore(0)
        self.fails: list[Exception] = []

    def drain(self, now: datetime, **options: object) -> Drained:
        try:
            if self.fails:
                raise self.fails.pop()
            return super().drain(now, **options)  # type: ignore[arg-type]
        finally:
            self.drained.release()

    def wait(self) -> None:
        assert self.drained.acquire(timeout=ENOUGH_SECONDS)


def ask(database: Database, name: str) -> None:
    with database.write() as connection:
        payload = {"address": f"{name}@example.org", "words": "Hello"}
        assert enqueue(connection, "word", payload, key=name, now=NOW)


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_mail_leaves_when_somebody_says_so_and_again(sqlite_database: Database, server: Server) -> None:
    queue = Queue(sqlite_database, server)
    postman = Postman(queue, clock=lambda: NOW)
    for count, name in enumerate(("ann", "bob"), 1):
        ask(sqlite_database, name)
        postman.wake()
        while len(server.got) < count:
            queue.wait()
    postman.stop()
    assert [to for to, _ in server.got] == ["ann@example.org", "bob@example.org"]
    # Nothing begins any more.
    postman.wake()
    assert not [one for one in threading.enumerate() if one.name == "postman"]


def test_what_fails_is_logged_in_a_line_and_the_next_is_sent(
    sqlite_database: Database, server: Server
) -> None:
    queue = Queue(sqlite_database, server)
    postman = Postman(queue, clock=lambda: NOW)
    queue.fails.append(DatabaseUnavailable("gone\nfor now"))
    with structlog.testing.capture_logs() as logs:
        postman.wake()
        queue.wait()
        ask(sqlite_database, "ann")
        postman.wake()
        while not server.got:
            queue.wait()
        postman.stop()
    assert [one["error"] for one in logs] == ["gone for now"]


def test_one_that_was_never_woken_stops_at_once(sqlite_database: Database, server: Server) -> None:
    Postman(Queue(sqlite_database, server), clock=lambda: NOW).stop()


def test_the_scheduler_sends_what_was_left_and_tells_of_trouble(
    sqlite_database: Database, server: Server
) -> None:
    duty = draining(Queue(sqlite_database, server), stopping=lambda: False)
    assert not duty.is_due(NOW)
    ask(sqlite_database, "ann")
    assert duty.is_due(NOW)
    assert duty.do(NOW) == "1 sent"
    ask(sqlite_database, "bob")
    server.answers.append("closed")
    with pytest.raises(ConnectionError, match="nobody answers"):
        duty.do(NOW)
    # Not when it is about to end.
    ask(sqlite_database, "eve")
    assert draining(Queue(sqlite_database, server), stopping=lambda: True).do(NOW) is None
