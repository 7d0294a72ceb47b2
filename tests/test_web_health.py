"""Whether the service lives, and whether it is ready: what a supervisor asks."""

from pathlib import Path

from database import open_database
from tests.feeds_blog import FeedsBlog
from tests.web_client import open_client


def test_a_service_with_all_it_needs_is_alive_and_ready(sqlite_feed_blog: FeedsBlog) -> None:
    client = open_client(sqlite_feed_blog)
    for address, said in (("/healthz", "ok\n"), ("/readyz", "ready\n")):
        answer = client.get(address)
        assert (answer.status_code, answer.text) == (200, said)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"


def test_without_its_database_it_lives_and_is_not_ready() -> None:
    lost = FeedsBlog(open_database("sqlite:////nonexistent/folder/labelcast.db"))
    client = open_client(lost)
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "database: cannot be reached\n")


def test_an_address_of_a_database_is_not_told_to_whoever_asks() -> None:
    url = "postgresql+psycopg://someone:secret@127.0.0.1:1/nowhere"
    answer = open_client(FeedsBlog(open_database(url))).get("/readyz")
    assert answer.status_code == 503
    assert "127.0.0.1" not in answer.text
    assert "secret" not in answer.text


def test_a_database_without_tables_is_not_ready_and_says_what_to_do(tmp_path: Path) -> None:
    empty = FeedsBlog(open_database(f"sqlite:///{tmp_path / 'empty.db'}"))
    answer = open_client(empty).get("/readyz")
    assert answer.status_code == 503
    assert answer.text.startswith("database: ")
    assert "labelcast init" in answer.text
    empty.database.dispose()


def test_a_scheduler_in_trouble_is_not_ready(sqlite_feed_blog: FeedsBlog) -> None:
    troubles = ["scheduler: no tick for 90 seconds", None]
    client = open_client(sqlite_feed_blog, trouble=lambda: troubles.pop(0))
    first, second = client.get("/readyz"), client.get("/readyz")
    assert (first.status_code, first.text) == (503, "scheduler: no tick for 90 seconds\n")
    assert (second.status_code, second.text) == (200, "ready\n")


def test_each_thing_that_is_wrong_has_a_line() -> None:
    lost = FeedsBlog(open_database("sqlite:////nonexistent/folder/labelcast.db"))
    answer = open_client(lost, trouble=lambda: "scheduler: stopped").get("/readyz")
    assert answer.text == "database: cannot be reached\nscheduler: stopped\n"
