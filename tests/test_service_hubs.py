"""The service and the world: hubs and their subscribers hear of a new post, readers are counted."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.testclient import TestClient

from feeds.hubs.pinging import Pinger
from feeds.readership import Readers, readers
from labelcast.settings import load_settings
from labelcast.wiring import Wiring
from tests.websub_hub import PATIENCE, Hub, Subscriber, discover
from web.app import Site
from web.feeds.wire import protocol_for

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


def post(number: int) -> str:
    return json.dumps(
        {
            "id": f"tag:blog.example,2026:{number}",
            "title": f"Post {number}",
            "html": f"<p>Words of post {number}</p>",
            "published": f"2026-11-{number:02}T10:00:00Z",
            "labels": ["Boats"],
        }
    )


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()
    with made.open():
        yield made
        made.held.set()
    assert made.errors == []


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    made = Subscriber()
    with made.open():
        yield made
    assert made.errors == []


@contextmanager
def served(wiring: Wiring, on: socket.socket) -> Iterator[None]:
    """The site, as the service serves it."""
    app = wiring.app()
    assert isinstance(app, Site)
    config = uvicorn.Config(app, http=protocol_for(app.short_way), log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [on]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def test_from_a_stored_post_to_those_who_subscribed_at_a_hub(
    command: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hub: Hub,
    subscriber: Subscriber,
) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    site = f"http://127.0.0.1:{listening.getsockname()[1]}"
    monkeypatch.setenv("LABELCAST_FEEDS__HUBS", hub.url)
    assert command("init", "--site-url", site).code == 0
    wiring = Wiring(load_settings(tmp_path / "labelcast.toml"))
    (tmp_path / "posts.jsonl").write_text(post(1))
    assert command("import", "posts.jsonl").code == 0
    assert command("tick").code == 0
    assert hub.told == []
    with served(wiring, listening):
        for suffix in ("atom", "rss", "json"):
            links = discover(httpx2.get(f"{site}/feeds/boats.{suffix}", trust_env=False))
            assert [url for url, relation in links if relation == "hub"] == [hub.url]
            (topic,) = [url for url, relation in links if relation == "self"]
            subscriber.subscribe(hub, topic)
        (tmp_path / "posts.jsonl").write_text(post(2))
        assert command("import", "posts.jsonl").code == 0
        ticked = command("tick")
        assert "hubs: 6 topics changed" in ticked.err
        delivered = [subscriber.delivered.get(timeout=PATIENCE) for _ in range(3)]
    wiring.close()
    assert {one.topic.removeprefix(f"{site}/feeds/"): one.content_type for one in delivered} == {
        "boats.atom": "application/atom+xml; charset=utf-8",
        "boats.rss": "application/rss+xml; charset=utf-8",
        "boats.json": "application/feed+json",
    }
    for one in delivered:
        assert b"Words of post 2" in one.body
        assert b"Words of post 1" in one.body
    assert sorted(hub.topics) == sorted(
        f"{site}/feeds/{slug}.{suffix}" for slug in ("all", "boats") for suffix in ("atom", "rss", "json")
    )
    assert command("tick").code == 0
    assert len(hub.topics) == 6


def test_while_a_hub_hangs_feeds_are_built_and_digests_sent(
    command: Callable[..., Any], blog: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub
) -> None:
    monkeypatch.setenv("LABELCAST_FEEDS__HUBS", hub.url)
    patient = partial(Pinger, settle_seconds=0, timeout=httpx2.Timeout(10 * PATIENCE))
    monkeypatch.setattr("feeds.hubs.pinging.Pinger", patient)
    command("digests", "add", "daily", "--rule", "all", "--cadence", "daily", "--at", "08:00")
    command("subscribers", "add", "reader@example.org", "--digest", "daily", "--confirmed")
    wiring = Wiring(load_settings(blog / "labelcast.toml"))
    scheduler = wiring.scheduler()
    hub.held.clear()
    for day in (20, 21):
        (blog / "posts.jsonl").write_text(post(day))
        assert command("import", "posts.jsonl", "--now", f"2026-11-{day}T12:00:00Z").code == 0
        assert not [done for done in scheduler.tick(NOW - timedelta(days=23 - day)) if done.error]
    assert hub.asked.wait(PATIENCE)
    (blog / "posts.jsonl").write_text(post(22))
    assert command("import", "posts.jsonl", "--now", "2026-11-22T12:00:00Z").code == 0
    assert not [done for done in scheduler.tick(NOW) if done.error]
    # The hub still holds the first request, and nothing has waited for it.
    (pinger,) = wiring.pingers
    assert pinger.is_busy()
    assert len(hub.told) == 1
    assert "Words of post 22" in (blog / "public" / "feeds" / "boats.atom").read_text(encoding="utf-8")
    sent = [file.read_bytes() for file in (blog / "outbox" / "new").iterdir()]
    assert sum(b"Words of post 22" in mail for mail in sent) == 1
    hub.held.set()
    scheduler.stop()
    wiring.close()
    assert not pinger.is_busy()


def test_what_was_counted_is_stored_by_a_tick_and_in_the_end(command: Callable[..., Any], blog: Path) -> None:
    del command
    wiring = Wiring(load_settings(blog / "labelcast.toml"))
    now = datetime.now(UTC)
    for scheduler, client in ((wiring.web_scheduler(), "192.0.2.1"), (wiring.scheduler(), "192.0.2.2")):
        wiring.readership.note("urn:uuid:a", client, "newsboat", now)
        assert not [done for done in scheduler.tick(now) if done.error]
        now += timedelta(minutes=1)
    assert not wiring.readership.waits()
    wiring.readership.note("urn:uuid:a", "192.0.2.3", "newsboat", now)
    wiring.close()
    after = Wiring(wiring.settings)
    with after.database.read() as connection:
        assert readers(connection, now=now) == {"urn:uuid:a": Readers(3, 0)}
    after.close()


def test_what_the_service_built_and_answered_is_told_to_prometheus(
    command: Callable[..., Any], blog: Path
) -> None:
    del command
    wiring = Wiring(load_settings(blog / "labelcast.toml"))
    client = TestClient(wiring.app())
    assert not [done for done in wiring.scheduler().tick(NOW) if done.error]
    client.get("/feeds/all.atom")
    told = client.get("/metrics").text.splitlines()
    assert "labelcast_builds_total 1.0" in told
    assert 'labelcast_feed_answers_total{status="200"} 1.0' in told
    assert any(re.fullmatch(r"labelcast_documents_written_total [1-9]\d*\.0", line) for line in told)
    wiring.close()
