"""The blog's row, the ids that grow from it, and two writers at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from sqlalchemy import Connection

from database import Database
from posts.blog import BlogMissing, close_news, create_blog, get_blog, news_from
from posts.labelbook import LabelBook
from posts.store import labels

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_without_a_blog_a_person_is_told_what_to_do(database: Database) -> None:
    with database.write() as connection:
        with pytest.raises(BlogMissing, match="run `labelcast init`"):
            get_blog(connection)
        with pytest.raises(BlogMissing):
            LabelBook(connection, now=NOW)


def test_ids_grow_from_the_first_address_and_never_change(database: Database) -> None:
    with database.write() as connection:
        create_blog(connection, site_url="https://blog.example/", now=NOW)
        first = get_blog(connection)
        create_blog(connection, site_url="https://moved.example", now=NOW + SECOND)
        assert get_blog(connection) == first
    assert first.feed_namespace == uuid5(NAMESPACE_URL, "https://blog.example")
    uris = {first.feed_uri, first.label_feed_uri("mek"), first.label_feed_uri("all")}
    assert len(uris) == 3
    assert all(uri == UUID(uri.removeprefix("urn:uuid:")).urn for uri in uris)


def test_another_blog_has_other_ids(sqlite_database: Database, sqlite_connection: Connection) -> None:
    with sqlite_database.write() as other:
        create_blog(other, site_url="https://other.example", now=NOW)
        assert get_blog(other).feed_uri != get_blog(sqlite_connection).feed_uri
        assert get_blog(other).label_feed_uri("a") != get_blog(sqlite_connection).label_feed_uri("a")


def test_a_change_of_any_post_counts_for_the_blog(
    connection: Connection, store_post: Callable[..., int]
) -> None:
    before = get_blog(connection)
    store_post(connection, "p", published=NOW)
    after = get_blog(connection)
    assert (after.revision, after.changed_at) == (before.revision + 1, NOW)


def test_two_writers_of_one_new_label_make_it_once(database: Database) -> None:
    with database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
    barrier = Barrier(4)

    def make() -> int | None:
        barrier.wait(timeout=30)
        with database.write() as connection:
            book = LabelBook(connection, now=NOW)
            made = book.label_id("Same")
            book.finish()
            return made

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(make) for _ in range(4)]
        assert len({future.result(timeout=60) for future in futures}) == 1
    with database.read() as connection:
        assert [one.name for one in labels(connection)] == ["Same"]


def test_what_is_stored_after_a_window_closed_is_news_after_it(connection: Connection) -> None:
    assert news_from(connection, now=NOW) == NOW
    close_news(connection, until=NOW)
    close_news(connection, until=NOW - SECOND)
    assert news_from(connection, now=NOW - SECOND) > NOW
    assert news_from(connection, now=NOW + SECOND) == NOW + SECOND
