"""What is told as gone: posts that were live, under the label, the author or the rule they were known by."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select, update

from database import Database
from posts.authors import author
from posts.blog import create_blog
from posts.curation import delete_label, merge_labels, rename_label
from posts.intake import store_posts
from posts.model import PostState, SourcePost, post, post_label
from posts.rules import parse
from posts.store import find_label
from posts.withdrawals import Withdrawn, note_withdrawal, withdrawn, withdrawn_author

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
StorePost = Callable[..., int]


def gone(connection: Connection, **asked: Any) -> list[tuple[str, float]]:
    """The posts that are told as gone, each with its hour."""
    values: dict[str, Any] = {"since": None, "limit": 50} | asked
    return [(one.uri, (one.when - NOW) / HOUR) for one in withdrawn(connection, **values)]


def label_id(connection: Connection, name: str) -> int:
    """The number of the label of this name."""
    found = find_label(connection, name)
    assert found is not None
    return found.id


@pytest.fixture
def seven(connection: Connection, store_post: StorePost) -> Connection:
    """``a`` and ``b`` on 1 to 3, ``b`` on 4 and 5; 1 deleted, 2 a draft, 4 put off, an hour between each.

    3 is live still, 5 was and is again, 6 was never live and is deleted, 7 never live and scheduled.
    """
    for number in range(1, 6):
        labels = ["a", "b"] if number < 4 else ["b"]
        store_post(connection, f"p{number}", labels=labels, published=NOW, now=NOW)
    store_post(connection, "p6", labels=["a"], published=NOW, state=PostState.DRAFT)
    store_post(connection, "p6", labels=["a"], published=NOW, state=PostState.DELETED)
    store_post(connection, "p7", labels=["a"], published=NOW + 99 * HOUR, now=NOW)
    for hour, number, state in ((1, 1, PostState.DELETED), (2, 2, PostState.DRAFT), (4, 5, PostState.DRAFT)):
        store_post(connection, f"p{number}", published=NOW, state=state, now=NOW + hour * HOUR)
    store_post(connection, "p4", labels=["b"], published=NOW + 99 * HOUR, now=NOW + 3 * HOUR)
    store_post(connection, "p5", labels=["b"], published=NOW, now=NOW + 5 * HOUR)
    return connection


def test_what_is_gone_is_told_newest_first(seven: Connection) -> None:
    assert withdrawn(seven, since=None, limit=50) == [
        Withdrawn("p4", NOW + 3 * HOUR),
        Withdrawn("p2", NOW + 2 * HOUR),
        Withdrawn("p1", NOW + 1 * HOUR),
    ]
    assert gone(seven, since=NOW + 2 * HOUR) == [("p4", 3), ("p2", 2)]
    assert gone(seven, limit=1) == [("p4", 3)]


def test_deleted_posts_and_drafts_keep_the_labels_that_readers_knew(seven: Connection) -> None:
    """The drafts here came without any label."""
    assert gone(seven, label_id=label_id(seven, "a")) == [("p2", 2), ("p1", 1)]
    assert gone(seven, label_id=label_id(seven, "b")) == [("p4", 3), ("p2", 2), ("p1", 1)]
    assert gone(seven, label_id=label_id(seven, "a"), since=NOW + 2 * HOUR, limit=1) == [("p2", 2)]


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("all", ["p4", "p2", "p1"]),
        ("a", ["p2", "p1"]),
        ("b and not a", ["p4"]),
        ("not b", []),
        ("nobody", []),
        ("not nobody", ["p4", "p2", "p1"]),
        ("a or nobody", ["p2", "p1"]),
    ],
)
def test_a_rule_tells_of_what_was_under_it(seven: Connection, rule: str, found: list[str]) -> None:
    assert [uri for uri, _ in gone(seven, rule=parse(rule))] == found


def test_a_draft_takes_on_labels_and_is_told_as_gone_from_those_it_had_until_it_is_live_again(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "p", labels=["a"], now=NOW)
    store_post(connection, "p", labels=["b"], now=NOW, state=PostState.DRAFT)
    assert gone(connection, rule=parse("a and not b")) == [("p", 0)]
    assert gone(connection, label_id=label_id(connection, "b")) == []
    store_post(connection, "p", labels=["b"], now=NOW)
    ties = select(post_label.c.label_id)
    assert connection.execute(ties).scalars().all() == [label_id(connection, "b")]
    assert gone(connection) == []


def test_labels_that_move_take_what_is_gone_with_them(seven: Connection) -> None:
    rename_label(seven, "a", "Other", now=NOW + 9 * HOUR)
    assert gone(seven, rule=parse("Other")) == [("p2", 2), ("p1", 1)]
    merge_labels(seven, "Other", "b", now=NOW + 9 * HOUR)
    assert gone(seven, label_id=label_id(seven, "b")) == [("p4", 3), ("p2", 2), ("p1", 1)]
    delete_label(seven, "b", now=NOW + 9 * HOUR)
    assert gone(seven, rule=parse("b")) == []
    assert len(gone(seven)) == 3


def test_an_authors_posts_are_told_by_the_author(seven: Connection) -> None:
    # By hand: whom posts are tied to when they are stored is another test's.
    seven.execute(withdrawn_author.delete())
    row = {"feed_uri": "urn:x", "revision": 1, "changed_at": NOW}
    seven.execute(insert(author).values(id=5, name="Bea", key="bea", slug="bea", **row))
    numbers = seven.execute(select(post.c.id).where(post.c.uri.in_(["p1", "p3"]))).scalars()
    ties = [{"post_id": number, "author_id": 5} for number in numbers.all()]
    seven.execute(insert(withdrawn_author), ties)
    assert gone(seven, author_id=5) == [("p1", 1)]
    assert gone(seven, author_id=6) == []
    assert gone(seven, author_id=5, label_id=label_id(seven, "b"), rule=parse("not a")) == []


def test_what_became_private_is_gone_for_everybody_and_not_for_its_own_readers(seven: Connection) -> None:
    hidden = {"state": PostState.PRIVATE.value, "was_withdrawn": True, "withdrawn_at": NOW + 7 * HOUR}
    number = seven.execute(select(post.c.id).where(post.c.uri == "p3")).scalar_one()
    note_withdrawal(seven, [number])
    seven.execute(update(post).where(post.c.id == number).values(hidden))
    assert gone(seven, label_id=label_id(seven, "a")) == [("p3", 7), ("p2", 2), ("p1", 1)]
    assert gone(seven, label_id=label_id(seven, "a"), private=True) == [("p2", 2), ("p1", 1)]


@pytest.fixture
def plans(sqlite_database: Database) -> Iterator[list[str]]:
    """SQLite's plans of what is asked."""
    lines: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if "ORDER BY post.withdrawn_at" in statement:
            cursor.execute("EXPLAIN QUERY PLAN " + statement, values)
            lines.extend(row[-1] for row in cursor.fetchall())

    event.listen(sqlite_database.engine, "before_cursor_execute", explain)
    yield lines
    event.remove(sqlite_database.engine, "before_cursor_execute", explain)


@pytest.mark.parametrize("since", [None, NOW])
def test_only_what_is_gone_is_looked_at(
    sqlite_database: Database, plans: list[str], since: datetime | None
) -> None:
    with sqlite_database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
    items = [SourcePost("a:1", None, "One", "", NOW, None, labels=("a",))]
    store_posts(sqlite_database, items, now=NOW)
    with sqlite_database.read() as connection:
        withdrawn(connection, label_id=1, author_id=1, rule=parse("not a"), since=since, limit=10)
    assert "INDEX ix_post_withdrawn_at" in plans[0]
    assert not any("TEMP B-TREE" in line or line.startswith("SCAN post") for line in plans)
