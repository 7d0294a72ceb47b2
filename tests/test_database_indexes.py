"""Queries over tables that grow for years: what they look for is found by an index, on both databases."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint, Table, UniqueConstraint, event

import feeds.model  # noqa: F401 - its table too refers to posts
from database import Database, metadata
from digests.engine import unrendered
from digests.past import archive_state
from digests.planning.editions import Planner
from digests.sending.leases import Leases
from digests.sending.ledger import Ledger
from digests.standing import failing_editions
from digests.store import add_digest
from posts.blog import create_blog

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)

# Of these there are many, and they are removed one by one or by the thousand.
MANY = {"post", "label", "subscriber", "subscription", "edition"}


def references() -> list[ForeignKey]:
    found = [key for table in metadata.sorted_tables for key in table.foreign_keys]
    return sorted((key for key in found if key.column.table.name in MANY), key=lambda key: str(key.parent))


@pytest.mark.parametrize("key", references(), ids=lambda key: str(key.parent))
def test_removing_a_row_finds_what_refers_to_it_by_an_index(key: ForeignKey) -> None:
    assert key.parent.name in leading_columns(key.parent.table)


def leading_columns(table: Table) -> set[str]:
    keyed = [one for one in table.constraints if isinstance(one, PrimaryKeyConstraint | UniqueConstraint)]
    indexed: list[Index | PrimaryKeyConstraint | UniqueConstraint] = [*table.indexes, *keyed]
    return {next(iter(one.columns)).name for one in indexed if len(one.columns)}


@contextmanager
def explained(database: Database) -> Iterator[list[str]]:
    """The lines of SQLite's plans of what is asked meanwhile."""
    plans: list[str] = []

    def explain(
        _connection: Any, cursor: Any, statement: str, values: Any, _context: Any, many: bool
    ) -> None:
        if not many and statement.startswith(("SELECT", "UPDATE")):
            cursor.execute("EXPLAIN QUERY PLAN " + statement, values)
            plans.extend(row[-1] for row in cursor.fetchall())

    event.listen(database.engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(database.engine, "before_cursor_execute", explain)


@pytest.mark.parametrize(
    "ask",
    [
        lambda ledger: ledger.has_due(NOW),
        lambda ledger: ledger.due(NOW, after=(0, 5)),
        lambda ledger: ledger.due(NOW, after=(1, 5), only="example.org"),
        lambda ledger: ledger.due(NOW, after=(1, 5), without={"example.org"}),
        lambda ledger: ledger.skip_departed(NOW),
        lambda ledger: ledger.leases.recover(NOW),
    ],
    ids=["has_due", "due", "due only", "due without", "skip_departed", "recover"],
)
def test_the_ledger_looks_at_what_is_open_only(
    sqlite_database: Database, ask: Callable[[Ledger], object]
) -> None:
    ledger = Ledger(sqlite_database, Leases(sqlite_database, clock=lambda: NOW), resend_doubtful=True)
    with explained(sqlite_database) as plans:
        ask(ledger)
    of_delivery = [line for line in plans if " delivery" in line]
    assert any("INDEX ix_delivery_open" in line for line in of_delivery)
    assert all(
        "INDEX ix_delivery_open" in line or "INTEGER PRIMARY KEY (rowid=?)" in line for line in of_delivery
    )
    # Or else each page of what is due would cost as much as all of it.
    assert not any("TEMP B-TREE" in line for line in plans)


def test_what_is_due_is_found_from_where_it_was_left(sqlite_database: Database) -> None:
    """Or else what is passed over (a slow domain's thousands) is gone through again for each page."""
    ledger = Ledger(sqlite_database, Leases(sqlite_database, clock=lambda: NOW), resend_doubtful=True)
    with explained(sqlite_database) as plans:
        ledger.due(NOW, after=(1, 5), without={"example.org"})
    assert any("INDEX ix_delivery_open (priority=? AND id>?)" in line for line in plans)


def test_editions_without_a_message_are_found_by_an_index(sqlite_database: Database) -> None:
    with explained(sqlite_database) as plans, sqlite_database.read() as connection:
        connection.execute(unrendered(NOW)).all()
    assert any("INDEX ix_edition_unrendered" in line for line in plans)


def test_what_a_digests_archive_holds_is_known_without_going_through_it(sqlite_database: Database) -> None:
    with sqlite_database.write() as connection:
        its = add_digest(connection, "weekly", rule="all", now=NOW)
    with explained(sqlite_database) as plans, sqlite_database.read() as connection:
        archive_state(connection, its)
    assert "SCAN edition USING INDEX ix_edition_unrendered" in plans
    # The other two are the ends of indexes.
    assert sum("edition" in line for line in plans) == 3


def test_of_what_failed_in_years_only_the_last_editions_are_looked_at(sqlite_database: Database) -> None:
    with explained(sqlite_database) as plans, sqlite_database.read() as connection:
        failing_editions(connection, share=0.1, since=NOW, limit=9)
    assert any("INDEX ix_delivery_failed (edition_id>?)" in line for line in plans)


def test_due_subscriptions_are_found_by_their_slots(
    sqlite_database: Database, store_post: Callable[..., int]
) -> None:
    planner = Planner(sqlite_database, mail_domain="example.org")
    with sqlite_database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
        store_post(connection, "news", published=NOW)
    with explained(sqlite_database) as plans:
        planner.is_due(NOW)
        planner.plan(NOW)
    found = [line for line in plans if line.startswith(("SEARCH subscription", "SCAN subscription"))]
    # Who is new, whose rhythm changed, whose slot has come, and for whom there may be instant news, with and
    # without a slot: each asked once, then read.
    assert len(found) == 10
    assert all("INDEX ix_subscription_due (state=? AND next_slot" in line for line in found)
    # However many have no slot: only those whose window is older than the news are looked at.
    assert sum("next_slot=? AND window_start<?" in line for line in found) == 2
    assert not any("FOR ORDER BY" in line for line in plans)
