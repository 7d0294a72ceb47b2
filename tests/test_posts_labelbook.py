"""Labels while posts are being stored."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, event, insert

from posts.labelbook import LabelBook
from posts.model import PostState, post, post_label
from posts.rules import parse
from posts.store import (
    find_label,
    get_posts,
    labels,
    newest,
    rule_revision,
)

StorePost = Callable[..., int]
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def written(connection: Connection, store_post: StorePost, *forms: str, name: str = "mek") -> str:
    """The label's name once a post each has written these forms."""
    for number, form in enumerate(forms):
        store_post(connection, f"{form}-{number}", labels=[form])
    found = find_label(connection, name)
    assert found is not None
    return found.name


@pytest.mark.parametrize(
    ("forms", "name"),
    [
        (["mek", "MEK", "MEK"], "MEK"),
        (["MEK", "mek", " mek "], "mek"),
        (["mek", "MEK"], "MEK"),
        (["MEK", "mek"], "MEK"),
        (["Mek"], "Mek"),
    ],
)
def test_a_label_is_named_as_most_posts_write_it(
    connection: Connection, store_post: StorePost, forms: list[str], name: str
) -> None:
    assert written(connection, store_post, *forms) == name
    assert [one.slug for one in labels(connection)] == ["mek"]


def test_drafts_have_no_vote_and_lost_votes_count_no_more(
    connection: Connection, store_post: StorePost
) -> None:
    assert written(connection, store_post, "MEK", "MEK", "mek") == "MEK"
    for number in range(5):
        store_post(connection, f"draft{number}", labels=["mek"], state=PostState.DRAFT)
    assert written(connection, store_post) == "MEK"
    store_post(connection, "MEK-0", labels=[])
    store_post(connection, "MEK-1", labels=["MEK"], state=PostState.DELETED)
    assert written(connection, store_post) == "mek"


def test_a_new_name_shows_in_each_post_and_each_feed_that_shows_them(
    connection: Connection, store_post: StorePost
) -> None:
    both = store_post(connection, "both", labels=["mek", "other"])
    alone = store_post(connection, "alone", labels=["third"])
    before = {one.slug: one.revision for one in labels(connection)}
    store_post(connection, "p", labels=["MEK"])
    after = {one.slug: one.revision for one in labels(connection)}
    assert {slug for slug in after if after[slug] != before[slug]} == {"mek", "other"}
    assert [one.revision for one in get_posts(connection, [both, alone])] == [2, 1]


def test_a_book_that_nothing_was_written_in_changes_nothing(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "p", labels=["a", "A"])
    before = (labels(connection), rule_revision(connection, parse("all")))
    book = LabelBook(connection, now=START + DAY)
    assert book.label_id("A") == book.label_id(" a ") == before[0][0].id
    assert book.label_id(" \x00") is None
    book.finish()
    assert (labels(connection), rule_revision(connection, parse("all"))) == before


def test_a_label_without_posts_stays(connection: Connection, store_post: StorePost) -> None:
    store_post(connection, "p", labels=["a"])
    before = labels(connection)[0]
    store_post(connection, "p", labels=[])
    after = labels(connection)[0]
    assert (after.id, after.feed_uri, after.posts) == (before.id, before.feed_uri, 0)
    store_post(connection, "p", labels=["A"])
    assert [one.id for one in labels(connection)] == [before.id]


def test_ten_thousand_posts_take_few_statements(sqlite_connection: Connection) -> None:
    statements: list[str] = []
    book = LabelBook(sqlite_connection, now=START)
    row = {
        "title": "t",
        "html": "",
        "authors": [],
        "published": START,
        "updated": START,
        "first_stored": START,
    }
    row |= {"visible_at": START, "state": "live", "source_hash": "", "revision": 1, "notes": []}
    sqlite_connection.execute(insert(post), [row | {"uri": f"u{number}"} for number in range(10_000)])
    ids = newest(sqlite_connection, parse("all"), limit=None)
    event.listen(sqlite_connection, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
    ties = []
    for number, post_id in enumerate(ids):
        form = f"Label {number % 200}" if number % 3 else f"LABEL {number % 200}"
        label_id = book.label_id(form)
        assert label_id is not None
        ties.append(
            {"post_id": post_id, "label_id": label_id, "written": form, "live": True, "published": START}
        )
        book.touch([label_id])
    sqlite_connection.execute(insert(post_label), ties)
    book.finish()
    assert len(labels(sqlite_connection)) == 200
    assert len(statements) < 200 + 20
