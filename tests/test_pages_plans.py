"""Every page, on SQLite: no statement of it goes through a large table from end to end.

The publication is small, but its plans are those of a large one, for SQLite makes them without statistics.
What is left to be mended, or cannot be, stands in ``BUT`` with its reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select, text
from starlette.testclient import TestClient

from benchmarks.filling import Size
from benchmarks.pagelist import Asked, asked_pages
from benchmarks.pages import SETTINGS
from benchmarks.publication import add_more, make_publication, render_editions
from benchmarks.visiting import log_in, next_page, sent_for
from digests.model import IS_UNSENT, delivery
from labelcast.settings import load_settings
from labelcast.wiring import Wiring
from posts.model import post
from subscribers.model import subscriber
from tests.query_plans import Scan, Watch, watched

SIZE = Size(posts=3_000, labels=300, readers=4_000, deliveries=12_000, editions=120, digests=12, feeds=60)
LARGE = frozenset(
    {"post", "post_label", "post_search", "subscriber", "subscription", "consent", "suppression"}
    | {"delivery", "edition", "edition_post", "bounce", "audit_entry"}
)


@dataclass(frozen=True, slots=True)
class But:
    """A statement that may, and why."""

    table: str
    statement: str
    why: str

    def holds(self, scan: Scan) -> bool:
        """Whether it is this one."""
        return self.table == scan.table and self.statement == scan.statement


_COUNTED = "metrics are counted at most every fifteen seconds, and the seldomer the longer that takes"
BUT = (
    But("post", "SELECT post.state, count(*) AS count_1 FROM post GROUP BY post.state", _COUNTED),
    But("delivery", "SELECT count(*) AS count_1 FROM delivery", _COUNTED),
)


@dataclass(frozen=True, slots=True)
class Visited:
    """The application, and who may see all of it."""

    wiring: Wiring
    headers: dict[str, str]
    client: TestClient
    watch: Watch

    def ask(self, asked: Asked) -> tuple[bytes, list[Scan]]:
        """A page, and what it went through."""
        self.watch.take()
        answer = self.client.get(asked.path, headers=sent_for(asked, self.headers), follow_redirects=False)
        assert answer.status_code == asked.status, asked.path
        return answer.content, self.watch.take()


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    folder = tmp_path_factory.mktemp("publication")
    settings = folder / "labelcast.toml"
    url = f"sqlite:///{folder / 'blog.db'}"
    settings.write_text(SETTINGS.format(url=url, port=8000), encoding="utf-8")
    wiring = Wiring(load_settings(settings))
    make_publication(wiring.database, SIZE)
    add_more(wiring.database)
    render_editions(wiring)
    headers = log_in(wiring)
    with (
        watched(wiring.database, LARGE) as watch,
        TestClient(wiring.app(), base_url="https://bench.example") as client,
    ):
        yield Visited(wiring, headers, client, watch)
    wiring.database.dispose()


def test_no_page_goes_through_a_large_table(visited: Visited) -> None:
    wrong: list[str] = []
    used: set[But] = set()
    for asked in asked_pages(visited.wiring):
        body, scans = visited.ask(asked)
        there = next_page(asked, body)
        if there is not None:
            scans += visited.ask(there)[1]
        for scan in scans:
            allowed = {one for one in BUT if one.holds(scan)}
            used |= allowed
            if not allowed:
                wrong.append(f"{asked.name} ({asked.path}): {scan.plan}\n    {scan.statement}")
    assert not wrong, "\n".join(dict.fromkeys(wrong))
    # What was mended is taken off the list.
    assert used == set(BUT)


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        (select(post.c.id).where(post.c.title == "none"), "post"),
        (select(post.c.id).where(post.c.title == "none").limit(5), "post"),
        (select(post.c.id).order_by(post.c.title).limit(5), "post"),
        (select(func.count()).select_from(delivery), "delivery"),
        (select(delivery.alias().c.domain).distinct(), "delivery"),
        (text("SELECT 1 FROM delivery AS d JOIN post AS p ON p.title = d.reply"), "delivery"),
        (text("SELECT count(*) FROM post_search"), "post_search"),
    ],
    ids=str,
)
def test_what_goes_through_a_large_table_is_seen(visited: Visited, statement: Any, table: str) -> None:
    assert table in {scan.table for scan in _asked(visited, statement)}


@pytest.mark.parametrize(
    "statement",
    [
        select(post.c.id).order_by(post.c.id.desc()).limit(5),
        select(post.c.id).where(post.c.state == "live").order_by(post.c.id.desc()).limit(5),
        select(delivery.c.id).where(delivery.c.edition_id == 3),
        select(func.count()).where(IS_UNSENT, delivery.c.state == "failed"),
        text("SELECT rowid FROM post_search WHERE post_search MATCH 'water'"),
    ],
    ids=str,
)
def test_what_an_index_finds_is_taken_for_none(visited: Visited, statement: Any) -> None:
    assert _asked(visited, statement) == []


def test_a_page_that_lost_its_index_is_seen(visited: Visited) -> None:
    page = Asked("readers", "/admin/readers?state=suppressed")
    assert visited.ask(page)[1] == []
    (index,) = (one for one in subscriber.indexes if one.name == "ix_subscriber_state")
    with visited.wiring.database.write() as connection:
        index.drop(connection)
    try:
        assert {scan.table for scan in visited.ask(page)[1]} == {"subscriber"}
    finally:
        with visited.wiring.database.write() as connection:
            index.create(connection)


def _asked(visited: Visited, statement: Any) -> list[Scan]:
    visited.watch.take()
    with visited.wiring.database.read() as connection:
        connection.execute(statement).all()
    return visited.watch.take()
