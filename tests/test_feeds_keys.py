"""Keys of private feeds: one per reader, stored as a hash, revocable one by one."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Connection, insert, select, update

from database import Database
from feeds.keys import Grant, GrantError, grant, grants, may_read, private_url, revoke
from feeds.model import feed, feed_key
from feeds.selection import FeedSpec, add_feed, remove_feed
from feeds.site import FeedSite
from posts.rules import HasLabel, parse
from tests.feeds_blog import FeedsBlog

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def make_feed(connection: Connection, slug: str, *, is_private: bool = True) -> None:
    """A configured feed; what makes it private is another room's business."""
    connection.execute(
        insert(feed).values(slug=slug, uri=f"urn:x:{slug}", rule="a", is_private=is_private, created_at=NOW)
    )


@pytest.fixture
def board(connection: Connection) -> Connection:
    """A connection to a blog with two private feeds, ``board`` and ``staff``, and a public one."""
    make_feed(connection, "board")
    make_feed(connection, "staff")
    make_feed(connection, "news", is_private=False)
    return connection


def test_a_key_opens_its_own_feed_only(board: Connection) -> None:
    key = grant(board, "board", "ann@example.org", now=NOW)
    assert may_read(board, "board", key)
    assert not may_read(board, "staff", key)
    assert not may_read(board, "news", key)
    assert not may_read(board, "nowhere", key)


def test_a_key_is_long_and_fit_for_an_address_and_never_the_same(board: Connection) -> None:
    keys = {grant(board, "board", f"reader {number}", now=NOW) for number in range(50)}
    assert len(keys) == 50
    # 32 characters of 6 bits each.
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", key) for key in keys)


def test_only_the_hash_is_stored(board: Connection) -> None:
    key = grant(board, "board", "ann", now=NOW)
    row = board.execute(select(feed_key)).one()
    assert key not in str(row)
    assert re.fullmatch(r"[0-9a-f]{64}", row.digest)
    assert not may_read(board, "board", row.digest)


@pytest.mark.parametrize("key", ["", "x", "A" * 32, "A" * 100_000, "%00", "\x00", "\ud800", "é"])
def test_what_is_no_key_opens_nothing(board: Connection, key: str) -> None:
    grant(board, "board", "ann", now=NOW)
    assert not may_read(board, "board", key)


def test_granted_again_the_old_key_is_good_no_more(board: Connection) -> None:
    old = grant(board, "board", "ann", now=NOW)
    other = grant(board, "board", "ben", now=NOW)
    new = grant(board, "board", " ann ", now=LATER)
    assert [may_read(board, "board", key) for key in (old, new, other)] == [False, True, True]
    assert grants(board, "board") == [Grant("ann", LATER, None), Grant("ben", NOW, None)]


def test_a_revoked_key_opens_nothing_and_the_others_do(board: Connection) -> None:
    keys = {reader: grant(board, "board", reader, now=NOW) for reader in ("ann", "ben")}
    assert revoke(board, "board", "ann", now=LATER)
    assert not may_read(board, "board", keys["ann"])
    assert may_read(board, "board", keys["ben"])
    assert grants(board, "board") == [Grant("ann", NOW, LATER), Grant("ben", NOW, None)]
    assert not revoke(board, "board", "ann", now=LATER + timedelta(days=1))
    assert not revoke(board, "board", "nobody", now=LATER)
    assert grants(board, "board")[0].revoked_at == LATER


def test_who_was_revoked_can_be_granted_a_key_again(board: Connection) -> None:
    old = grant(board, "board", "ann", now=NOW)
    revoke(board, "board", "ann", now=NOW)
    new = grant(board, "board", "ann", now=LATER)
    assert grants(board, "board") == [Grant("ann", LATER, None)]
    assert [may_read(board, "board", key) for key in (old, new)] == [False, True]


def test_a_reader_may_have_keys_of_several_feeds(board: Connection) -> None:
    first, second = (grant(board, slug, "ann", now=NOW) for slug in ("board", "staff"))
    revoke(board, "board", "ann", now=NOW)
    assert not may_read(board, "board", first)
    assert may_read(board, "staff", second)


@pytest.mark.parametrize("slug", ["news", "nowhere", "", "all"])
def test_there_are_no_keys_of_what_is_no_private_feed(board: Connection, slug: str) -> None:
    for attempt in (
        lambda: grant(board, slug, "ann", now=NOW),
        lambda: revoke(board, slug, "ann", now=NOW),
        lambda: grants(board, slug),
    ):
        with pytest.raises(GrantError, match=rf"^feed {slug}: [^\n]+$"):
            attempt()
    assert board.execute(select(feed_key)).all() == []


@pytest.mark.parametrize("reader", ["", "  ", "two\nlines", "a\x00b", "x" * 400])
def test_a_reader_is_named_in_one_line(board: Connection, reader: str) -> None:
    with pytest.raises(GrantError, match=r"^feed board: reader [^\n]+$"):
        grant(board, "board", reader, now=NOW)
    with pytest.raises(GrantError, match=r"^feed board: reader [^\n]+$"):
        revoke(board, "board", reader, now=NOW)


def test_keys_go_with_their_feed(feed_blog: FeedsBlog) -> None:
    with feed_blog.database.write() as connection:
        add_feed(connection, slug="board", rule=parse("board"), now=NOW)
        connection.execute(update(feed).values(is_private=True))
        key = grant(connection, "board", "ann", now=NOW)
    with feed_blog.database.write() as connection:
        remove_feed(connection, "board", now=NOW)
        add_feed(connection, slug="board", rule=parse("board"), now=NOW)
        connection.execute(update(feed).values(is_private=True))
        assert not may_read(connection, "board", key)
        assert grants(connection, "board") == []


def test_two_grants_at_once_leave_one_good_key(postgres_database: Database) -> None:
    with postgres_database.write() as connection:
        make_feed(connection, "board")

    def one(_: int) -> str:
        with postgres_database.write() as connection:
            return grant(connection, "board", "ann", now=NOW)

    with ThreadPoolExecutor(max_workers=4) as pool:
        keys = list(pool.map(one, range(8)))
    with postgres_database.read() as connection:
        assert len(grants(connection, "board")) == 1
        assert sum(may_read(connection, "board", key) for key in keys) == 1


def test_the_key_is_nowhere_in_the_file(sqlite_database: Database, tmp_path: Path) -> None:
    with sqlite_database.write() as connection:
        make_feed(connection, "board")
        key = grant(connection, "board", "ann", now=NOW)
    written = b"".join(path.read_bytes() for path in tmp_path.glob("labelcast.db*"))
    assert b"board" in written
    assert key.encode() not in written


def test_the_private_address_is_the_feeds_own_with_the_key() -> None:
    site = FeedSite(url="https://blog.example/news", title="The Blog")
    spec = FeedSpec(
        "vorstand-ä", "urn:x", HasLabel("a"), "Board", None, 25, "https://blog.example/", is_private=True
    )
    address = private_url(site, spec, "rss", "k-_9")
    assert address == "https://blog.example/news/feeds/vorstand-%C3%A4.rss?key=k-_9"
    summary = private_url(site, replace(spec, params=(("content", "summary"),)), "rss", "k")
    assert parse_qs(urlsplit(summary).query) == {"content": ["summary"], "key": ["k"]}
