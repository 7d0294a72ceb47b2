"""WebSub: each topic that changed is told to each hub, again until it took it, and in nobody's way."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Row, select

from database import open_database
from feeds.configured import configured_feeds
from feeds.hubs.pinging import Pinger
from feeds.hubs.websub import LEASE, TRIES, claim, difference, has_due, note, topics, wait
from feeds.lasting import hubs_of
from feeds.model import ping
from feeds.selection import FeedState, add_feed, current_feed
from posts.curation import delete_label, rename_label
from posts.rules import parse
from tests.feeds_blog import FeedsBlog, post
from tests.websub_hub import PATIENCE, Hub

HUB = "https://hub.example/"


@dataclass
class Publisher:
    """A blog and what tells its hubs; ``tick`` does what the scheduler's duty does and waits for the end."""

    blog: FeedsBlog
    hubs: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.blog.site = replace(self.blog.site, hubs=self.hubs)
        defaults: dict[str, Any] = {"settle_seconds": 0, "jitter": lambda: 0.5}
        self.pinger = Pinger(self.blog.database, self.hubs, **defaults | self.options)

    def states(self, connection: Connection) -> list[FeedState]:
        return self.blog.builder().states(connection)

    def notice(self) -> None:
        """Write down what changed."""
        with self.blog.database.write() as connection:
            private = [row.slug for row in configured_feeds(connection) if row.is_private]
            wanted = topics(self.blog.site, self.states(connection), private=private)
            note(connection, difference(connection, self.hubs, wanted), now=self.blog.now)

    def tick(self, after: timedelta = timedelta()) -> None:
        self.blog.now += after
        self.notice()
        self.pinger.begin(self.blog.now)
        self.finish()

    def finish(self) -> None:
        self.pinger.finish(PATIENCE)
        assert not self.pinger.is_busy()

    def rows(self) -> dict[str, Row[Any]]:
        """What is known of each topic, by what stands behind ``/feeds/``; of the first hub."""
        with self.blog.database.read() as connection:
            rows = connection.execute(select(ping).where(ping.c.hub == self.hubs[0])).all()
        return {row.topic.rpartition("/feeds/")[2]: row for row in rows}


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()
    with made.open():
        yield made
        # Whoever waits may go.
        made.held.set()
    assert made.errors == []


def names(told: list[str]) -> set[str]:
    """Topics by what stands behind ``/feeds/``."""
    assert len(set(told)) == len(told), "told twice"
    return {topic.rpartition("/feeds/")[2] for topic in told}


def of(*slugs: str) -> set[str]:
    return {f"{slug}.{suffix}" for slug in slugs for suffix in ("atom", "rss", "json")}


# What is to be told.


def test_what_is_new_to_us_is_written_down_and_not_told(feed_blog: FeedsBlog, hub: Hub) -> None:
    feed_blog.store_all(post(number, f"label {number}") for number in range(1, 30))
    publisher = Publisher(feed_blog, (hub.url,))
    publisher.tick()
    assert hub.told == []
    # Those of all posts, of 29 labels and of their author.
    assert len(publisher.rows()) == 3 * 31
    assert all(row.told is None and row.due_at is None for row in publisher.rows().values())


def test_each_topic_that_changed_is_told_once(feed_blog: FeedsBlog, hub: Hub) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b"), post(3, "c")])
    publisher = Publisher(feed_blog, (hub.url,))
    publisher.tick()
    feed_blog.store(4, "a", "new")
    publisher.tick()
    changed = {name for name in names(hub.topics) if not name.startswith("authors/")}
    assert changed == of("all", "a")
    assert all(topic.startswith("https://blog.example/feeds/") for topic in hub.topics)
    assert all(len(topics) == 1 for topics in hub.told)
    hub.told.clear()
    publisher.tick()
    assert hub.told == []
    feed_blog.store(5, "new")
    publisher.tick()
    assert names(hub.topics) >= of("all", "new")
    assert not names(hub.topics) & of("a", "b", "c")
    assert all(row.told == row.token for row in publisher.rows().values() if row.told)


def test_each_hub_is_told(feed_blog: FeedsBlog, hub: Hub) -> None:
    second = Hub()
    with second.open():
        publisher = Publisher(feed_blog, (hub.url, second.url))
        feed_blog.store(1, "a")
        publisher.tick()
        feed_blog.store(2, "a")
        publisher.tick()
    assert names(hub.topics) == names(second.topics) >= of("all", "a")


def test_several_topics_go_in_one_request_where_hubs_take_it(feed_blog: FeedsBlog, hub: Hub) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b")])
    publisher = Publisher(feed_blog, (hub.url,), {"topics_a_request": 4})
    publisher.tick()
    feed_blog.store(3, "a", "b")
    # A topic that the hub does not take holds no other back.
    hub.refuses = {"https://blog.example/feeds/a.rss"}
    publisher.tick()
    assert max(map(len, hub.told)) == 4
    refused = [name for name, row in publisher.rows().items() if row.attempts]
    assert refused == ["a.rss"]
    assert {name for name, row in publisher.rows().items() if row.told} >= of("all", "a", "b") - {"a.rss"}


def test_a_private_feed_is_never_told_of(feed_blog: FeedsBlog, hub: Hub) -> None:
    with feed_blog.database.write() as connection:
        add_feed(connection, slug="board", rule=parse("a"), is_private=True, now=feed_blog.now)
    publisher = Publisher(feed_blog, (hub.url,))
    for number in (1, 2, 3):
        feed_blog.store(number, *("a", "b")[number % 2 :])
        publisher.tick()
    assert hub.topics
    assert not [name for name in publisher.rows() if "board" in name]
    assert not [name for name in hub.topics if "board" in name]


def test_a_feed_that_becomes_private_is_forgotten_without_a_word(feed_blog: FeedsBlog, hub: Hub) -> None:
    with feed_blog.database.write() as connection:
        add_feed(connection, slug="board", rule=parse("a"), now=feed_blog.now)
    publisher = Publisher(feed_blog, (hub.url,))
    for number in (1, 2):
        feed_blog.store(number, "a")
        publisher.tick()
    assert names(hub.topics) >= of("board")
    hub.told.clear()
    with feed_blog.database.write() as connection:
        add_feed(connection, slug="board", rule=parse("a"), is_private=True, replace=True, now=feed_blog.now)
    publisher.tick()
    assert not names(hub.topics) & of("board")
    assert not [name for name in publisher.rows() if "board" in name]


def test_a_feed_that_moved_or_went_is_told_of_once_more(feed_blog: FeedsBlog, hub: Hub) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b"), post(3, "c")])
    publisher = Publisher(feed_blog, (hub.url,))
    publisher.tick()
    for number in (1, 2):
        feed_blog.store(number, "a", "b", html="<p>new</p>")
    publisher.tick()
    hub.told.clear()
    with feed_blog.database.write() as connection:
        rename_label(connection, "a", "renamed", now=feed_blog.now)
        delete_label(connection, "b", now=feed_blog.now)
        # Of this one the hub never heard.
        delete_label(connection, "c", now=feed_blog.now)
    publisher.tick()
    assert names(hub.topics) & of("a", "b", "c", "renamed") == of("a", "b")
    assert set(publisher.rows()) >= of("renamed")
    assert not set(publisher.rows()) & of("a", "b", "c")
    hub.told.clear()
    publisher.tick()
    assert hub.told == []


def test_a_hub_that_is_set_no_more_is_forgotten(feed_blog: FeedsBlog, hub: Hub) -> None:
    publisher = Publisher(feed_blog, (hub.url,))
    hub.statuses.extend([503])
    for number in (1, 2):
        feed_blog.store(number, "a")
        publisher.tick()
    assert publisher.rows()
    without = Publisher(feed_blog, ())
    without.tick()
    assert publisher.rows() == {}


def test_only_feeds_that_are_told_of_may_name_hubs(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.store(1, "a", "b")
    site = replace(sqlite_feed_blog.site, hubs=(HUB,))
    with sqlite_feed_blog.database.read() as connection:
        states = {name: current_feed(connection, site, name) for name in ("all", "a")}
    for state in states.values():
        assert state is not None
        assert hubs_of(site, state.spec) == (HUB,)
        for other in (
            replace(state.spec, is_private=True),
            replace(state.spec, params=(("content", "summary"),)),
            replace(state.spec, query="word", params=(("q", "word"),)),
            *(replace(state.spec, slug=slug) for slug in ("a+b", "a,b", "-a")),
        ):
            assert hubs_of(site, other) == ()


# A hub with trouble.


@given(st.lists(st.floats(0, 1), min_size=TRIES - 1, max_size=TRIES - 1))
def test_a_hub_is_tried_for_about_a_day_later_and_later(jitters: list[float]) -> None:
    waits = [wait(attempts, jitter) for attempts, jitter in enumerate(jitters)]
    assert timedelta(hours=20) < sum(waits, timedelta()) < timedelta(hours=28)
    assert timedelta(seconds=54) <= waits[0] <= timedelta(seconds=66)
    assert max(waits) <= timedelta(hours=4.4)


def changed_blog(blog: FeedsBlog, hub: Hub, **options: Any) -> Publisher:
    """A blog whose feeds ``all`` and ``a`` have changed, and the hub is not told yet."""
    blog.store(1, "a")
    publisher = Publisher(blog, (hub.url,), options)
    publisher.tick()
    blog.store(2, "a")
    return publisher


@pytest.mark.parametrize("status", [500, 503, 429, 408, 301, 307])
def test_a_hub_with_trouble_is_asked_once_and_again_later(
    sqlite_feed_blog: FeedsBlog, hub: Hub, status: int
) -> None:
    publisher = changed_blog(sqlite_feed_blog, hub)
    hub.statuses.append(status)
    publisher.tick()
    waiting = {name for name, row in publisher.rows().items() if row.due_at}
    assert len(hub.told) == 1
    assert waiting >= of("all", "a")
    for row in publisher.rows().values():
        if row.due_at:
            assert row.due_at == sqlite_feed_blog.now + wait(0, 0.5)
            assert (row.attempts, row.told) == (1, None)
            assert str(status) in row.error
    publisher.tick(wait(0, 0.5) - timedelta(seconds=1))
    assert len(hub.told) == 1
    publisher.tick(timedelta(seconds=1))
    assert names(hub.topics[1:]) == waiting
    assert all((row.attempts, row.error) == (0, None) for row in publisher.rows().values())


def test_a_refused_topic_waits_and_the_others_are_told(sqlite_feed_blog: FeedsBlog, hub: Hub) -> None:
    publisher = changed_blog(sqlite_feed_blog, hub)
    hub.refuses = {"https://blog.example/feeds/a.atom"}
    publisher.tick()
    rows = publisher.rows()
    assert (rows["a.atom"].attempts, rows["a.atom"].error) == (1, "it answers 400")
    assert all(rows[name].told for name in of("all", "a") - {"a.atom"})


def test_a_change_meanwhile_waits_with_the_first_and_is_told_with_it(feed_blog: FeedsBlog, hub: Hub) -> None:
    publisher = changed_blog(feed_blog, hub)
    hub.statuses.append(503)
    publisher.tick()
    before = feed_blog.now
    feed_blog.store(3, "a")
    feed_blog.now = before
    publisher.tick()
    assert len(hub.told) == 1
    publisher.tick(wait(0, 1))
    assert names(hub.topics[1:]) >= of("all", "a")
    assert all(row.told == row.token for row in publisher.rows().values() if row.told)
    assert not [row for row in publisher.rows().values() if row.due_at]


def test_after_a_day_in_vain_it_is_given_up_until_the_next_change(
    sqlite_feed_blog: FeedsBlog, hub: Hub
) -> None:
    publisher = changed_blog(sqlite_feed_blog, hub)
    begun = sqlite_feed_blog.now
    hub.statuses.extend([503] * TRIES)
    with structlog.testing.capture_logs() as logs:
        while any(row.due_at for row in publisher.rows().values()) or not hub.told:
            due = [row.due_at for row in publisher.rows().values() if row.due_at]
            publisher.tick(min(due) - sqlite_feed_blog.now if due else timedelta())
    assert len(hub.told) == TRIES
    assert timedelta(hours=20) < sqlite_feed_blog.now - begun < timedelta(hours=28)
    given_up = [entry for entry in logs if entry["log_level"] == "warning"]
    assert len(given_up) == 1
    assert given_up[0]["hub"] == hub.url
    assert given_up[0]["error"] == "it answers 503"
    assert publisher.rows()["a.atom"].error == "it answers 503"
    publisher.tick(timedelta(days=3))
    assert len(hub.told) == TRIES
    sqlite_feed_blog.store(9, "a")
    publisher.tick()
    assert names(hub.topics[TRIES:]) >= of("all", "a")


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/", "nonsense", "https://", "http://[::1", "ftp://hub.example/", ""]
)
def test_a_hub_that_is_not_there_is_no_error(sqlite_feed_blog: FeedsBlog, address: str) -> None:
    publisher = Publisher(sqlite_feed_blog, (address,))
    for number in (1, 2):
        sqlite_feed_blog.store(number, "a")
        publisher.tick()
    row = publisher.rows()["a.atom"]
    assert row.attempts == 1
    assert row.error.startswith("no answer: ")
    assert "\n" not in row.error


def test_a_dead_hub_is_not_in_the_others_way(sqlite_feed_blog: FeedsBlog, hub: Hub) -> None:
    publisher = Publisher(sqlite_feed_blog, ("http://127.0.0.1:1/", hub.url))
    for number in (1, 2):
        sqlite_feed_blog.store(number, "a")
        publisher.tick()
    assert names(hub.topics) >= of("all", "a")


def test_while_a_hub_hangs_all_else_goes_on(feed_blog: FeedsBlog, hub: Hub) -> None:
    publisher = changed_blog(feed_blog, hub)
    hub.held.clear()
    publisher.notice()
    publisher.pinger.begin(feed_blog.now)
    assert hub.asked.wait(PATIENCE)
    # It is back though the hub has not answered; and the database is free.
    assert publisher.pinger.is_busy()
    feed_blog.store(3, "a")
    publisher.notice()
    publisher.pinger.begin(feed_blog.now)
    assert len(hub.told) == 1
    hub.held.set()
    publisher.finish()
    # What changed while it was told is told again.
    publisher.tick()
    assert set(hub.topics) >= {f"https://blog.example/feeds/{name}" for name in of("all", "a")}
    assert hub.topics.count(hub.topics[0]) == 2
    assert all(row.told == row.token for row in publisher.rows().values() if row.told)
    assert not [row for row in publisher.rows().values() if row.due_at]


def test_a_hub_that_never_answers_is_let_go_of(sqlite_feed_blog: FeedsBlog, hub: Hub) -> None:
    publisher = changed_blog(sqlite_feed_blog, hub, timeout=httpx2.Timeout(0.05))
    hub.held.clear()
    publisher.tick()
    assert len(hub.told) == 1
    assert publisher.rows()["a.atom"].error.startswith("no answer: ")


# A process that ends.


def test_told_to_stop_it_ends_between_two_requests_and_gives_back_the_rest(
    sqlite_feed_blog: FeedsBlog, hub: Hub
) -> None:
    stop = threading.Event()
    publisher = changed_blog(sqlite_feed_blog, hub, stop=stop)
    hub.held.clear()
    publisher.notice()
    publisher.pinger.begin(sqlite_feed_blog.now)
    assert hub.asked.wait(PATIENCE)
    stop.set()
    hub.held.set()
    publisher.finish()
    assert len(hub.told) == 1
    first = names(hub.topics)
    after = Publisher(sqlite_feed_blog, (hub.url,))
    assert has_work(sqlite_feed_blog)
    after.tick()
    assert names(hub.topics) >= of("all", "a")
    assert not names(hub.topics[1:]) & first


def test_stopped_before_it_began_it_tells_nothing(sqlite_feed_blog: FeedsBlog, hub: Hub) -> None:
    publisher = changed_blog(sqlite_feed_blog, hub)
    stop = threading.Event()
    publisher.pinger = Pinger(sqlite_feed_blog.database, (hub.url,), stop=stop, settle_seconds=3600)
    publisher.notice()
    publisher.pinger.begin(sqlite_feed_blog.now)
    stop.set()
    publisher.finish()
    assert hub.told == []
    assert has_work(sqlite_feed_blog)


def test_killed_between_request_and_record_it_is_told_again(feed_blog: FeedsBlog, hub: Hub) -> None:
    publisher = changed_blog(feed_blog, hub)
    publisher.notice()
    with feed_blog.database.write() as connection:
        # It was taken up, perhaps told of; then nobody came back.
        taken = claim(connection, hub.url, now=feed_blog.now)
    assert {one.topic for one in taken} >= {f"https://blog.example/feeds/{name}" for name in of("all", "a")}
    publisher.tick()
    assert hub.told == []
    publisher.tick(LEASE)
    assert set(hub.topics) == {one.topic for one in taken}


def test_two_schedulers_do_not_tell_twice(feed_blog: FeedsBlog, hub: Hub) -> None:
    publisher = changed_blog(feed_blog, hub)
    publisher.notice()
    publisher.notice()
    others = [Publisher(feed_blog, (hub.url,)) for _ in range(3)]
    for one in others:
        one.pinger.begin(feed_blog.now)
    for one in others:
        one.finish()
    assert names(hub.topics) >= of("all", "a")


def test_a_database_that_went_away_is_a_line_in_the_log(sqlite_feed_blog: FeedsBlog, hub: Hub) -> None:
    gone = open_database("sqlite:////nonexistent/folder/labelcast.db")
    pinger = Pinger(gone, (hub.url,), settle_seconds=0)
    with structlog.testing.capture_logs() as logs:
        pinger.begin(sqlite_feed_blog.now)
        pinger.finish(PATIENCE)
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["hubs not told"]


def has_work(blog: FeedsBlog) -> bool:
    with blog.database.read() as connection:
        return has_due(connection, now=blog.now)
