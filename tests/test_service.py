"""What the running service does of itself when something changes under it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from feeds.readership import readers
from feeds.selection import add_feed, remove_feed
from labelcast.settings import load_settings
from labelcast.wiring import Wiring
from posts.rules import parse
from scheduler import Scheduler

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


@pytest.fixture
def wiring(command: Callable[..., Any], blog: Path) -> Iterator[Wiring]:
    """The application over a new blog in the working directory."""
    made = Wiring(load_settings(blog / "labelcast.toml"))
    yield made
    made.close()


def published(scheduler: Scheduler, blog: Path) -> set[str]:
    """The feeds in the folder after a tick."""
    assert not [done.error for done in scheduler.tick(NOW) if done.error]
    return {file.name for file in (blog / "public" / "feeds").glob("*.atom")}


def test_a_feed_configured_while_it_runs_is_published_and_goes_again(wiring: Wiring, blog: Path) -> None:
    scheduler = wiring.scheduler()
    assert published(scheduler, blog) == {"all.atom"}
    with wiring.database.write() as connection:
        add_feed(connection, slug="boats", rule=parse("Boats"), now=NOW)
    assert published(scheduler, blog) == {"all.atom", "boats.atom"}
    with wiring.database.write() as connection:
        add_feed(connection, slug="boats", rule=parse("Boats"), title="All boats", now=NOW, replace=True)
    published(scheduler, blog)
    assert "All boats" in (blog / "public" / "feeds" / "boats.atom").read_text(encoding="utf-8")
    with wiring.database.write() as connection:
        remove_feed(connection, "boats", now=NOW)
    assert published(scheduler, blog) == {"all.atom"}


def test_it_serves_feeds_as_the_settings_say(
    wiring: Wiring, blog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELCAST_FEEDS__ALIASES", "MyBlog=all.rss")
    monkeypatch.setenv("LABELCAST_FEEDS__POLLS_AN_HOUR", "40")
    served = Wiring(load_settings(blog / "labelcast.toml"))
    client = TestClient(served.app())
    assert client.get("/MyBlog").headers["content-type"] == "application/rss+xml; charset=utf-8"
    assert [client.get("/feeds/all.atom").status_code for _ in range(11)] == [200] * 10 + [429]
    served.close()


def test_who_reads_feeds_is_counted(wiring: Wiring) -> None:
    client = TestClient(wiring.app())
    for agent in ("newsboat", "newsboat", "NetNewsWire"):
        client.get("/feeds/all.atom", headers={"User-Agent": agent})
    now = datetime.now(UTC)
    wiring.readership.flush(now)
    with wiring.database.read() as connection:
        (counted,) = readers(connection, now=now).values()
    assert counted.clients == 2
