"""A PostgreSQL database that is lent again is as new."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from database import open_database
from posts.blog import create_blog
from tests.conftest import _address
from tests.postgres_pool import PostgresPool

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture
def pool(postgres_server: str, _migrated_template: str) -> Iterator[PostgresPool]:
    """One of the test's own."""
    made = PostgresPool(postgres_server, _migrated_template)
    yield made
    made.close()


def test_of_what_was_written_nothing_is_left(pool: PostgresPool, store_post: Callable[..., int]) -> None:
    seen, opened = [], []
    for _ in range(3):
        with pool.lent() as name:
            seen.append((name, _tables(pool, name)))
            # Its connections are left open: whoever borrows it next finds none.
            opened.append(open_database(_address(pool.server, name)))
            with opened[-1].write() as connection:
                create_blog(connection, site_url="https://blog.example", now=NOW)
                ids = [store_post(connection, f"post-{number}", html="x" * 900) for number in range(60)]
            assert ids == list(range(1, 61))
            assert _tables(pool, name) != seen[0][1]
    assert seen == [seen[0]] * 3
    for database in opened:
        database.dispose()


@pytest.mark.parametrize(
    "deed",
    [
        "ALTER TABLE post ADD COLUMN more int",
        "DROP INDEX",
        "CREATE TABLE another (id int)",
        "ANALYZE",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
def test_one_that_is_not_as_it_was_is_not_lent_again(pool: PostgresPool, deed: str) -> None:
    with pool.lent() as first, psycopg.connect(f"{pool.server}/{first}", autocommit=True) as connection:
        if deed == "DROP INDEX":
            (deed,) = connection.execute(
                "SELECT 'DROP INDEX ' || indexrelid::regclass FROM pg_index WHERE NOT indisunique"
                " AND indrelid = 'post'::regclass LIMIT 1"
            ).fetchone() or ("",)
        if deed == "ANALYZE":
            connection.execute(
                "INSERT INTO label (name, key, slug, feed_uri, name_is_chosen, is_contested, revision,"
                " changed_at) VALUES ('a', 'a', 'a', 'a', false, false, 1, now())"
            )
        connection.execute(deed.encode())
    with pool.lent() as second:
        assert second != first


def _tables(pool: PostgresPool, name: str) -> list[tuple[object, ...]]:
    """How many rows each table has, and where each counter is."""
    with psycopg.connect(f"{pool.server}/{name}") as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        found: list[tuple[object, ...]] = []
        for (table,) in sorted(names.fetchall()):
            found += [(table, *row) for row in connection.execute(f'SELECT count(*) FROM "{table}"'.encode())]
        found += sorted(connection.execute("SELECT sequencename, last_value FROM pg_sequences").fetchall())
        return found
