"""The short way: answers from memory, no query for them, one build of each, none waits for another's."""

import asyncio
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from database import Database, DatabaseUnavailable
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import open_client, web_app
from web.app import FeedServing, Site
from web.feeds.answers import Answer
from web.feeds.asked import Asked
from web.feeds.freshness import Freshness
from web.feeds.polling import Polling
from web.feeds.resolving import Addresses
from web.feeds.shortway import ShortWay
from web.security import SECURITY

PATH = "/feeds/mek.atom"
LONG = "<p>" + "A word and another. " * 100 + "</p>"


@dataclass
class Clock:
    """A clock that goes on when it is told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What is said to the database meanwhile."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


@pytest.fixture
def stored(feed_blog: FeedsBlog) -> FeedsBlog:
    """Two posts of MEK and one of Iran."""
    feed_blog.store_all([post(1, "MEK", html=LONG), post(2, "MEK", "Iran"), post(3, "Iran")])
    return feed_blog


def kept(blog: FeedsBlog, clock: Clock, **options: Any) -> TestClient:
    """A client of an application whose answers are good for a second."""
    return open_client(blog, serving=FeedServing(fresh_seconds=1.0, clock=clock, **options))


def settled(client: TestClient) -> None:
    """Let what is asked of the database beside a request be answered."""
    app = client.app
    assert isinstance(app, Site)
    asking = app.short_way._freshness._asking
    assert asking is not None
    asking.result(timeout=30)


def test_a_feed_costs_no_query_when_nothing_changed_in_the_last_second(stored: FeedsBlog) -> None:
    clock = Clock()
    client = kept(stored, clock)
    paths = [f"/feeds/mek.{suffix}" for suffix in ("atom", "rss", "json")] + ["/feeds/iran+mek.atom"]
    with statements(stored.database) as said:
        tags = {path: client.get(path).headers["etag"] for path in paths}
        assert said
        said.clear()
        clock.now += 0.9
        for path in paths:
            for coding in ("identity", "gzip", "br", "zstd"):
                assert client.get(path, headers={"Accept-Encoding": coding}).status_code == 200
            assert client.get(path, headers={"If-None-Match": tags[path]}).status_code == 304
            assert client.head(path).status_code == 200
        assert said == []


def test_under_steady_requests_the_database_is_asked_once_a_second_and_nobody_waits(
    stored: FeedsBlog,
) -> None:
    clock = Clock()
    client = kept(stored, clock)
    client.get(PATH)
    with statements(stored.database) as said:
        for _ in range(3):
            said.clear()
            for _ in range(10):
                clock.now += 0.11
                client.get(PATH)
                settled(client)
            # What changed is one question; the feed, not built anew, is none.
            assert 1 <= len([one for one in said if "BEGIN" not in one]) <= 3


def test_a_change_is_seen_within_two_seconds_and_one_elsewhere_changes_nothing(stored: FeedsBlog) -> None:
    clock = Clock()
    client = kept(stored, clock)
    mek, iran = client.get(PATH), client.get("/feeds/iran.atom")
    stored.store(4, "MEK")
    assert client.get(PATH).headers["etag"] == mek.headers["etag"]
    clock.now += 1.5
    client.get(PATH)
    settled(client)
    assert "Post 4" in client.get(PATH).text
    assert client.get("/feeds/iran.atom").headers["etag"] == iran.headers["etag"]
    stored.store(5, "MEK")
    clock.now += 2
    assert "Post 5" in client.get(PATH).text


def test_what_was_compressed_stays_so_when_something_else_changes(stored: FeedsBlog) -> None:
    app = web_app(stored, serving=FeedServing(fresh_seconds=0))
    assert isinstance(app, Site)
    client = TestClient(app, headers={"Accept-Encoding": "gzip"})
    client.get(PATH)
    before = app.short_way._slots[next(iter(app.short_way._slots))].answer
    stored.store(9, "Other")
    client.get(PATH)
    after = app.short_way._slots[next(iter(app.short_way._slots))].answer
    assert before is after
    assert after is not None
    assert after.whole("gzip") is not None


def test_a_feed_that_comes_and_goes_is_missed_and_found(stored: FeedsBlog) -> None:
    clock = Clock()
    client = kept(stored, clock)
    assert client.get("/feeds/new.atom").status_code == 404
    stored.store(7, "New")
    clock.now += 2
    assert client.get("/feeds/new.atom").status_code == 200


def test_who_polls_too_often_is_told_when_to_come_back(stored: FeedsBlog) -> None:
    clock = Clock()
    client = kept(stored, clock, polls_an_hour=60)
    tag = client.get(PATH).headers["etag"]
    known = {"If-None-Match": tag}
    assert [client.get(PATH, headers=known).status_code for _ in range(14)] == [304] * 14
    # A header that anyone can write makes no other client, and a needless parameter no other feed.
    for again in (
        client.get(PATH, headers=known),
        client.get(PATH, headers=known | {"X-Forwarded-For": "10.0.0.1", "Forwarded": "for=10.0.0.1"}),
        client.get(f"{PATH}?x=1", headers=known),
        client.head(PATH),
    ):
        assert again.status_code == 429
        assert again.headers["retry-after"] == "60"
        assert again.headers["cache-control"] == "no-store"
        assert all(again.headers[name] == value for name, value in SECURITY.items())
    assert client.get("/feeds/iran.atom").status_code == 200
    assert client.get(PATH, headers={"User-Agent": "another"}).status_code == 200
    assert client.get("/").status_code == 200
    clock.now += 60
    assert client.get(PATH, headers=known).status_code == 304


def test_the_long_way_is_no_way_round_that(stored: FeedsBlog) -> None:
    client = kept(stored, Clock(), polls_an_hour=1)
    statuses = [client.get("/feeds/IRAN.atom").status_code for _ in range(11)]
    assert statuses == [301] * 10 + [429]


def test_who_reads_which_feed_is_told_once_for_each_get(stored: FeedsBlog) -> None:
    told: list[tuple[str, str, str, str]] = []
    client = kept(stored, Clock(), note=lambda *about: told.append(about))
    built = stored.builder().build("mek")
    assert built is not None
    agent = {"User-Agent": "Feedbin; 7 subscribers"}
    tag = client.get(PATH, headers=agent).headers["etag"]
    client.get(PATH, headers=agent | {"If-None-Match": tag})
    client.get(PATH, headers=agent | {"If-None-Match": '"old"', "A-IM": "feed"})
    client.head(PATH, headers=agent)
    client.get("/feeds/MEK.atom", headers=agent)
    client.get("/feeds/none.atom", headers=agent)
    # Of these there is no end.
    client.get("/feeds/iran+mek.atom", headers=agent)
    client.get(f"{PATH}?q=text", headers=agent)
    assert told == [(built.spec.uri, "testclient", "Feedbin; 7 subscribers", PATH)] * 3


# The parts on their own, on one event loop.


def scope(path: str = PATH, headers: tuple[tuple[bytes, bytes], ...] = ()) -> MutableMapping[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": list(headers),
        "client": ("127.0.0.1", 1),
    }


@dataclass
class Bench:
    """A short way whose builds can be held up, and may fail; what changed is a number here."""

    blog: FeedsBlog
    memory: int = 1024 * 1024
    built: list[str] = field(default_factory=list)
    change: int = 0
    failing: bool = False
    held: dict[str, Event] = field(default_factory=dict)
    begun: dict[str, Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        builder = self.blog.builder()

        def prepare(asked: Asked) -> Answer | None:
            name = asked.name or ""
            self.built.append(name)
            if name in self.held:
                self.begun[name].set()
                assert self.held[name].wait(timeout=30)
            if self.failing:
                raise DatabaseUnavailable("gone")
            built = builder.build(name, asked.suffix)
            return None if built is None else Answer(built, extra={})

        self.way = ShortWay(
            Addresses(),
            prepare,
            lambda _answer, _tags, _coding: None,
            freshness=Freshness(lambda: str(self.change), seconds=0),
            polling=Polling(0),
            note=lambda *_: None,
            clock=lambda: 0.0,
            extra={},
            memory=self.memory,
        )

    def hold(self, name: str) -> None:
        """Let the builds of a feed wait until ``release``."""
        self.held[name], self.begun[name] = Event(), Event()

    def release(self, name: str) -> None:
        """Let them go on."""
        self.held[name].set()

    async def get(self, path: str = PATH) -> bytes | None:
        """The body; None when it is to go the long way."""
        sent: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        if not await self.way.answer(scope(path), send):
            assert not sent
            return None
        assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
        body: bytes = sent[1]["body"]
        return body


@pytest.fixture
def bench(sqlite_feed_blog: FeedsBlog) -> Bench:
    """Over a blog with posts of MEK and Iran."""
    sqlite_feed_blog.store_all([post(1, "MEK", html=LONG), post(2, "Iran")])
    return Bench(sqlite_feed_blog)


async def _until(begun: Event) -> None:
    assert await asyncio.to_thread(begun.wait, 30)


def test_many_who_ask_at_once_wait_for_one_build(bench: Bench) -> None:
    async def story() -> None:
        bench.hold("mek")
        waiting = [asyncio.create_task(bench.get()) for _ in range(20)]
        await _until(bench.begun["mek"])
        bench.release("mek")
        bodies = await asyncio.gather(*waiting)
        assert len(set(bodies)) == 1
        assert bodies[0] is not None
        assert bench.built == ["mek"]

    asyncio.run(story())


def test_a_slow_build_holds_up_no_other_feed(bench: Bench) -> None:
    async def story() -> None:
        bench.hold("mek")
        slow = asyncio.create_task(bench.get())
        await _until(bench.begun["mek"])
        assert b"Post 2" in (await bench.get("/feeds/iran.atom") or b"")
        assert not slow.done()
        bench.release("mek")
        assert b"Post 1" in (await slow or b"")

    asyncio.run(story())


def test_who_goes_away_takes_the_build_from_nobody(bench: Bench) -> None:
    async def story() -> None:
        bench.hold("mek")
        first, second = (asyncio.create_task(bench.get()) for _ in range(2))
        await _until(bench.begun["mek"])
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        bench.release("mek")
        assert await second is not None
        assert bench.built == ["mek"]

    asyncio.run(story())


def test_who_asks_after_a_change_gets_no_build_from_before_it(bench: Bench) -> None:
    async def story() -> None:
        bench.hold("mek")
        early = asyncio.create_task(bench.get())
        await _until(bench.begun["mek"])
        bench.change += 1
        late = asyncio.create_task(bench.get())
        bench.release("mek")
        assert await early == await late
        assert bench.built == ["mek", "mek"]
        # And what is as of this change is not built again.
        await bench.get()
        assert len(bench.built) == 2

    asyncio.run(story())


def test_what_cannot_be_built_goes_the_long_way_and_is_tried_again(bench: Bench) -> None:
    async def story() -> None:
        bench.failing = True
        assert await bench.get() is None
        bench.failing = False
        assert await bench.get() is not None
        assert await bench.get("/feeds/none.atom") is None
        assert await bench.get("/labels/mek") is None

    asyncio.run(story())


def test_memory_is_bounded_and_what_was_asked_for_last_stays(sqlite_feed_blog: FeedsBlog) -> None:
    names = [f"label{number}" for number in range(30)]
    sqlite_feed_blog.store_all([post(number, name, html=LONG) for number, name in enumerate(names)])
    bench = Bench(sqlite_feed_blog, memory=100_000)

    async def story() -> None:
        for name in names:
            assert await bench.get(f"/feeds/{name}.atom") is not None
            assert await bench.get("/feeds/label0.atom") is not None
            assert bench.way._held <= 100_000
        assert bench.way._held == sum(slot.size for slot in bench.way._slots.values())
        assert bench.built.count("label0") == 1
        assert len(bench.way._slots) < len(names)
        assert await bench.get("/feeds/label1.atom") is not None
        assert bench.built.count("label1") == 2

    asyncio.run(story())


def test_addresses_without_end_are_not_remembered_without_end(bench: Bench) -> None:
    async def story() -> None:
        for number in range(9000):
            bench.way._asked(scope(f"/feeds/none{number}.atom"))
        assert len(bench.way._addresses._known) <= 8192
        assert await bench.get("/feeds/" + "x" * 5000 + ".atom") is None
        assert not bench.built

    asyncio.run(story())
