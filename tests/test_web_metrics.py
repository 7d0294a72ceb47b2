"""``/metrics``: what is told to Prometheus, what is kept from it, and what it costs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, insert
from starlette.testclient import TestClient

from database import Database, open_database
from feeds.model import ping
from feeds.readership import Readership
from feeds.selection import add_feed, current_feed
from posts.model import PostState
from posts.rules import parse
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import open_client
from web.operations.counting import Counting, Counts
from web.operations.metrics import FRESH_SECONDS, MAX_SLUGS, OTHERS, Metrics

NOW = datetime.now(UTC)
Sample = tuple[str, tuple[tuple[str, str], ...]]


def samples(text: str) -> dict[Sample, float]:
    """Each number by its name and labels."""
    return {
        (sample.name.removeprefix("labelcast_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def asked(client: TestClient) -> dict[Sample, float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    return samples(answer.text)


def labelled(found: dict[Sample, float], name: str, label: str) -> dict[str, float]:
    """One metric's numbers by the value of its one label."""
    return {dict(labels)[label]: value for (of, labels), value in found.items() if of == name}


def poll(blog: FeedsBlog, name: str, *clients: str, agent: str = "newsboat") -> None:
    """Some clients ask for a feed."""
    readership = Readership(blog.database)
    with blog.database.read() as connection:
        state = current_feed(connection, blog.site, name)
        assert state is not None
    for client in clients:
        readership.note(state.spec.uri, client, agent, NOW)
    readership.flush(NOW)


def test_what_the_database_holds_is_told(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a", "b"), post(2, "a"), post(3, "c", state=PostState.DRAFT)])
    with feed_blog.database.write() as connection:
        add_feed(connection, slug="boats", rule=parse("a and b"), now=NOW)
        for number, (due, error) in enumerate([(NOW, None), (NOW, "down"), (None, "given up"), (None, None)]):
            row = {
                "hub": "h",
                "topic": str(number),
                "token": "x",
                "attempts": 0,
                "due_at": due,
                "error": error,
            }
            connection.execute(insert(ping).values(row))
    found = asked(open_client(feed_blog))
    assert found["database_up", ()] == 1
    feeds = labelled(found, "feeds", "kind")
    assert feeds["all"] == feeds["configured"] == feeds["author"] == 1
    assert (feeds["label"] >= 2, feeds["private"]) == (True, 0)
    assert labelled(found, "posts", "state") == {"live": 2, "draft": 1}
    assert labelled(found, "pings", "state") == {"due": 2, "failed": 2}
    assert found["digests", ()] == 0
    assert labelled(found, "deliveries", "state") == {}


def test_readers_are_told_by_feed(feed_blog: FeedsBlog) -> None:
    feed_blog.store(1, "Über uns", "b")
    poll(feed_blog, "Über uns", "192.0.2.1", "192.0.2.2")
    poll(feed_blog, "all", "192.0.2.3", agent="Feedbin feed-id:1 - 40 subscribers")
    found = asked(open_client(feed_blog))
    told = {labels: value for (name, labels), value in found.items() if name == "feed_readers"}
    assert told == {
        (("kind", "client"), ("slug", "über-uns")): 2,
        (("kind", "reported"), ("slug", "über-uns")): 0,
        (("kind", "client"), ("slug", "all")): 0,
        (("kind", "reported"), ("slug", "all")): 40,
    }


def test_a_private_feed_is_counted_and_not_named(feed_blog: FeedsBlog) -> None:
    with feed_blog.database.write() as connection:
        add_feed(connection, slug="board", rule=parse("vorstand"), is_private=True, now=NOW)
    feed_blog.store_all([post(1, "vorstand"), post(2, "a")])
    poll(feed_blog, "board", "192.0.2.1")
    answer = open_client(feed_blog).get("/metrics").text
    assert labelled(samples(answer), "feeds", "kind")["private"] == 1
    assert labelled(samples(answer), "posts", "state") == {"live": 1, "private": 1}
    assert "board" not in answer
    assert "vorstand" not in answer
    assert not [name for name, _ in samples(answer) if name == "feed_readers"]


def test_no_more_than_so_many_feeds_are_named(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.store_all(post(number, f"label {number}") for number in range(6))
    for number in range(6):
        poll(sqlite_feed_blog, f"label {number}", *(f"192.0.2.{client}" for client in range(number + 1)))
    metrics = Metrics(sqlite_feed_blog.builder(), Counting(), now=lambda: NOW, clock=lambda: 0.0, max_slugs=2)
    told = {
        dict(labels)["slug"]: value
        for (name, labels), value in samples(shown(metrics)).items()
        if name == "feed_readers" and ("kind", "client") in labels
    }
    assert told == {"label-5": 6, "label-4": 5, OTHERS: 4 + 3 + 2 + 1}
    assert MAX_SLUGS > 2


def shown(metrics: Metrics) -> str:
    return bytes(metrics.show(None).body).decode()  # type: ignore[arg-type] # nothing of a request is looked at


def test_every_answer_to_a_request_for_a_feed_is_counted(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.store(1, "a")
    client = open_client(sqlite_feed_blog)
    etag = client.get("/feeds/a.atom").headers["etag"]
    client.get("/feeds/a.atom", headers={"If-None-Match": etag})
    client.get("/feeds/a.atom", headers={"If-None-Match": etag})
    client.head("/feeds/a.rss")
    client.get("/feeds/A.atom")
    client.get("/feeds/nothing.atom")
    client.get("/feeds/a.atom?content=half")
    client.post("/feeds/a.atom")
    # These are no feeds.
    client.get("/labels/a")
    client.get("/nowhere")
    found = labelled(asked(client), "feed_answers_total", "status")
    assert found == {"200": 2, "304": 2, "301": 1, "404": 1, "400": 1, "405": 1}
    client.get("/feeds/a.atom")
    assert labelled(asked(client), "feed_answers_total", "status")["200"] == 3


def test_what_was_built_is_counted() -> None:
    counting = Counting()
    counting.built(7)
    counting.built(0)
    database = open_database("sqlite:////nonexistent/folder/labelcast.db")
    metrics = Metrics(FeedsBlog(database).builder(), counting, now=lambda: NOW, clock=lambda: 0.0)
    found = samples(shown(metrics))
    assert found["builds_total", ()] == 2
    assert found["documents_written_total", ()] == 7


def test_counts_of_many_threads_add_up() -> None:
    counting = Counting()

    def count(_: int) -> None:
        for _ in range(2000):
            counting.answered(200)
            counting.built(1)

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(count, range(8)))
    assert counting.now() == Counts({200: 16000}, 16000, 16000)


def test_without_its_database_the_process_still_tells_of_itself() -> None:
    lost = FeedsBlog(open_database("sqlite:////nonexistent/folder/labelcast.db"))
    counting = Counting()
    counting.answered(503)
    found = asked(open_client(lost, counting=counting))
    assert found == {
        ("database_up", ()): 0,
        ("feed_answers_total", (("status", "503"),)): 1,
        ("builds_total", ()): 0,
        ("documents_written_total", ()): 0,
    }


def statements(database: Database) -> list[str]:
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    return said


def test_it_asks_little_and_not_at_every_turn(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.store_all(post(number, f"label {number}") for number in range(40))
    moment = 100.0
    metrics = Metrics(sqlite_feed_blog.builder(), Counting(), now=lambda: NOW, clock=lambda: moment)
    shown(metrics)
    said = statements(sqlite_feed_blog.database)
    moment += FRESH_SECONDS - 1
    first = shown(metrics)
    assert said == []
    sqlite_feed_blog.store(99, "new")
    said.clear()
    moment += 1
    assert shown(metrics) != first
    # Beginning; configured feeds twice, labels, the new one, the blog, authors; readers twice, hubs, posts,
    # digests, deliveries.
    assert len(said) <= 16, said


def test_where_asking_takes_long_it_is_asked_seldom(sqlite_feed_blog: FeedsBlog) -> None:
    ticks = iter([0.0, 10.0, 209.0, 210.0, 211.0])
    metrics = Metrics(sqlite_feed_blog.builder(), Counting(), now=lambda: NOW, clock=lambda: next(ticks))
    shown(metrics)
    said = statements(sqlite_feed_blog.database)
    shown(metrics)
    assert said == []
    shown(metrics)
    assert said != []


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "line\nbreak", "x" * 300, "<b>"])
def test_whatever_a_label_is_called_the_text_can_be_read(sqlite_feed_blog: FeedsBlog, name: str) -> None:
    sqlite_feed_blog.store(1, name)
    with sqlite_feed_blog.database.read() as connection:
        states = sqlite_feed_blog.builder().states(connection)
    readership = Readership(sqlite_feed_blog.database)
    for state in states:
        readership.note(state.spec.uri, "192.0.2.1", "newsboat", NOW)
    readership.flush(NOW)
    slugs = {dict(labels).get("slug") for _, labels in asked(open_client(sqlite_feed_blog))}
    assert slugs - {None} == {state.spec.slug for state in states}


def test_readers_of_days_ago_are_no_readers(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.store(1, "a")
    poll(sqlite_feed_blog, "a", "192.0.2.1")
    later = NOW + timedelta(days=2)
    metrics = Metrics(sqlite_feed_blog.builder(), Counting(), now=lambda: later, clock=lambda: 0.0)
    assert not [name for name, _ in samples(shown(metrics)) if name == "feed_readers"]
