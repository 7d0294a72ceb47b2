"""Several servers: their shares, what becomes of those that fail, and connections that are recycled."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelcast.settings import Settings
from labelcast.wiring import Wiring
from outbox.outcome import Outcome, TransportError
from outbox.servers import FIRST_REST, LONGEST_REST, Server, Servers
from outbox.smtp import SmtpConnection, SmtpSettings
from outbox.ways import server_of
from tests.examples import often
from tests.smtp_faults import SmtpFaults, serve_faults

SENDER = "news@example.org"
READER = "reader@example.net"
MESSAGE = b"From: news@example.org\r\nSubject: News\r\n\r\nHello\r\n"


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def yes() -> bool:
    return True


class Fake:
    """A server that lets in, and takes or breaks, as it is told; it counts what was opened."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_down = False
        self.outcome = Outcome("sent", "250 ok")
        self.opened = 0

    def make(self) -> "FakeConnection":
        return FakeConnection(self)


class FakeConnection:
    def __init__(self, server: Fake) -> None:
        self.server = server
        self.usable, self.broke = False, True

    async def open(self) -> None:
        self.server.opened += 1
        if self.server.is_down:
            raise TransportError(f"{self.server.name}: nobody there")
        self.usable, self.broke = True, False

    async def send(
        self, _sender: str, _recipient: str, _data: bytes, *, may_send: Any, fence: Callable[[], bool]
    ) -> Outcome:
        assert await may_send()
        assert fence()
        self.usable = self.server.outcome.kind in {"sent", "failed"}
        self.broke = not self.usable
        return self.server.outcome

    async def close(self) -> None:
        self.usable, self.broke = False, True


def group(clock: Clock, **weights: int) -> tuple[Servers, dict[str, Fake]]:
    fakes = {name: Fake(name) for name in weights}
    servers = [Server(name, weight, fakes[name].make) for name, weight in weights.items()]
    return Servers(servers, clock=clock), fakes


async def send_over(servers: Servers) -> Outcome:
    connection = servers.connection()
    await connection.open()
    return await connection.send(SENDER, READER, MESSAGE, may_send=yes, fence=lambda: True)


async def open_many(servers: Servers, count: int) -> None:
    for _ in range(count):
        await servers.connection().open()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any), st.integers(0, 50))
@settings(deadline=None, max_examples=often(60))
def test_each_server_has_exactly_its_share_of_the_connections(weights: list[int], start: int) -> None:
    servers = [Server(str(number), weight, Fake("").make) for number, weight in enumerate(weights)]
    choosing = Servers(servers, clock=Clock(), start=start)
    chosen = Counter(one.name for _ in range(sum(weights)) if (one := choosing.choose(())) is not None)
    assert [chosen[str(number)] for number in range(len(weights))] == weights


def test_another_is_taken_at_once_and_the_failed_one_left_alone_longer_each_time() -> None:
    clock = Clock()
    servers, fakes = group(clock, big=3, small=1)
    fakes["big"].is_down = True
    rest, tried = FIRST_REST, 1
    asyncio.run(open_many(servers, 8))
    assert (fakes["big"].opened, fakes["small"].opened) == (tried, 8)
    for _ in range(12):
        clock.now += rest - 0.01
        asyncio.run(open_many(servers, 4))
        assert fakes["big"].opened == tried
        clock.now += 0.02
        asyncio.run(open_many(servers, 4))
        tried += 1
        assert fakes["big"].opened == tried
        rest = min(rest * 2, LONGEST_REST)
    fakes["big"].is_down = False
    clock.now += rest
    before = fakes["small"].opened
    assert asyncio.run(send_over(servers)).kind == "sent"
    asyncio.run(open_many(servers, 7))
    assert fakes["small"].opened - before == 2


def test_a_backup_is_used_only_while_the_others_are_down() -> None:
    clock = Clock()
    servers, fakes = group(clock, usual=1, backup=0)
    asyncio.run(open_many(servers, 5))
    assert fakes["backup"].opened == 0
    fakes["usual"].is_down = True
    asyncio.run(open_many(servers, 5))
    assert fakes["backup"].opened == 5
    fakes["usual"].is_down = False
    clock.now += LONGEST_REST
    asyncio.run(open_many(servers, 5))
    assert fakes["backup"].opened == 5


def test_when_all_are_down_one_line_names_each_and_they_are_not_hammered() -> None:
    clock = Clock()
    servers, fakes = group(clock, first=2, second=1, backup=0)
    for fake in fakes.values():
        fake.is_down = True
    for _ in range(3):
        with pytest.raises(TransportError) as caught:
            asyncio.run(open_many(servers, 1))
        for name in fakes:
            assert f"{name}: nobody there" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert [fake.opened for fake in fakes.values()] == [1, 1, 1]
    # One that is back is found before its rest is over.
    fakes["second"].is_down = False
    clock.now += 1
    asyncio.run(open_many(servers, 1))


@pytest.mark.parametrize("kind", ["deferred", "in_doubt"])
def test_a_server_that_breaks_before_it_took_a_message_counts_as_down_and_the_message_stays_its_own(
    kind: Any,
) -> None:
    servers, fakes = group(Clock(), bad=5, good=1)
    fakes["bad"].outcome = Outcome(kind, "421 going down")
    assert asyncio.run(send_over(servers)) == fakes["bad"].outcome
    assert fakes["good"].opened == 0
    asyncio.run(open_many(servers, 4))
    assert (fakes["bad"].opened, fakes["good"].opened) == (1, 4)


def test_one_server_alone_is_tried_each_time() -> None:
    servers, fakes = group(Clock(), only=1)
    fakes["only"].is_down = True
    for _ in range(3):
        with pytest.raises(TransportError, match=r"^only: nobody there$"):
            asyncio.run(open_many(servers, 1))
    assert fakes["only"].opened == 3


@pytest.fixture
def two() -> Iterator[tuple[SmtpFaults, SmtpFaults]]:
    """Two servers."""
    with serve_faults() as first, serve_faults() as second:
        yield first, second


def wired(*transports: str) -> Wiring:
    return Wiring(Settings(secret_key="0123456789abcdef", mail={"transport": transports}))  # type: ignore[arg-type]


def test_the_lanes_of_a_process_share_the_servers_of_its_settings(two: tuple[SmtpFaults, SmtpFaults]) -> None:
    first, second = two
    wiring = wired(f"{first.url}?weight=3", second.url)

    async def lanes(count: int) -> list[str]:
        connections = [wiring.connect() for _ in range(count)]
        await asyncio.gather(*(connection.open() for connection in connections))
        sends = [c.send(SENDER, READER, MESSAGE, may_send=yes, fence=lambda: True) for c in connections]
        outcomes = await asyncio.gather(*sends)
        await asyncio.gather(*(connection.close() for connection in connections))
        return [outcome.kind for outcome in outcomes]

    assert asyncio.run(lanes(8)) == ["sent"] * 8
    assert (len(first.messages), len(second.messages)) == (6, 2)
    first.set_fault("", "connect", "421 4.3.2 too busy")
    assert asyncio.run(lanes(4)) == ["sent"] * 4
    assert (len(first.messages), len(second.messages)) == (6, 6)


def test_a_connection_is_recycled_after_so_many_messages_or_so_long(smtp_faults: SmtpFaults) -> None:
    clock = Clock()

    async def sends(connection: SmtpConnection, count: int) -> int:
        opened = 0
        for _ in range(count):
            if not connection.usable:
                await connection.close()
                await connection.open()
                opened += 1
            assert (await connection.send(SENDER, READER, MESSAGE, may_send=yes)).kind == "sent"
        return opened

    async def story() -> tuple[int, int]:
        url = f"{smtp_faults.url}?max_messages=3&max_age=60"
        connection = SmtpConnection(SmtpSettings.parse(url), clock=clock)
        by_count = await sends(connection, 7)
        clock.now += 59
        same = await sends(connection, 1)
        clock.now += 1
        by_age = await sends(connection, 1)
        await connection.close()
        return by_count + same, by_age

    assert asyncio.run(story()) == (3, 1)
    assert (smtp_faults.connections, smtp_faults.lines.count("QUIT")) == (4, 4)
    assert len(smtp_faults.messages) == 9


def test_a_connection_that_was_not_opened_defers() -> None:
    async def story(leave: Callable[[], Awaitable[bool]]) -> str:
        connection = Servers([server_of("maildir:/nowhere")], clock=Clock()).connection()
        await connection.close()
        assert not connection.usable
        sent = await connection.send(SENDER, READER, MESSAGE, may_send=leave, fence=lambda: True)
        return sent.kind

    async def no() -> bool:
        return False

    assert (asyncio.run(story(yes)), asyncio.run(story(no))) == ("deferred", "withheld")
