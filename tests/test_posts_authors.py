"""Authors: found by name and address, counted, and told what changed, as posts come and go."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid5

import pytest
from sqlalchemy import Connection, delete, select

from database import open_database, upgrade
from posts.authors import Author, author, authors, find_author, post_author
from posts.backfill import complete
from posts.blog import get_blog
from posts.curation import delete_label, merge_labels, rename_label
from posts.intake import release_scheduled
from posts.model import PostState
from posts.privacy import set_private_rule
from posts.rules import parse
from posts.scope import Scope, newest_in
from posts.withdrawals import withdrawn, withdrawn_author

StorePost = Callable[..., int]
START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=1)


def listed(connection: Connection) -> list[tuple[str, str, int]]:
    return [(one.name, one.slug, one.posts) for one in authors(connection)]


def revisions(connection: Connection) -> dict[str, int]:
    return {one.name: one.revision for one in authors(connection)}


def must_find(connection: Connection, name: str) -> Author:
    found = find_author(connection, name)
    assert found is not None
    return found


@pytest.fixture
def blog(connection: Connection, store_post: StorePost) -> Connection:
    """``one`` by Ann Lee and Bob under x, ``two`` by Ann Lee under y, ``three`` a draft by Cem under x."""
    store_post(connection, "one", authors=["Ann Lee", "Bob"], labels=["x"])
    store_post(connection, "two", authors=["ann  LEE"], labels=["y"])
    store_post(connection, "three", authors=["Cem"], labels=["x"], state=PostState.DRAFT)
    return connection


def test_authors_come_by_name_with_their_live_posts(blog: Connection) -> None:
    assert listed(blog) == [("Ann Lee", "ann-lee", 2), ("Bob", "bob", 1)]


def test_an_author_is_found_by_slug_and_by_name_in_any_case(blog: Connection) -> None:
    ann = must_find(blog, "Ann Lee")
    for name in ("ann-lee", "ANN-LEE", "ann lee", " Ann\tLee"):
        assert find_author(blog, name) == ann
    assert ann.posts == 2
    assert ann.feed_uri == f"urn:uuid:{uuid5(get_blog(blog).feed_namespace, 'author:ann-lee')}"
    assert find_author(blog, "Nobody") is None
    assert find_author(blog, "") is None


def test_an_address_is_before_a_name(connection: Connection, store_post: StorePost) -> None:
    store_post(connection, "p", authors=["J. Doe", "J Doe", "j-doe-2"])
    assert {one.name: one.slug for one in authors(connection)} == {
        "J. Doe": "j-doe",
        "J Doe": "j-doe-2",
        "j-doe-2": "j-doe-2-2",
    }
    for one in authors(connection):
        assert must_find(connection, one.slug) == one


def test_nobody_is_told_of_who_has_written_drafts_only(blog: Connection, store_post: StorePost) -> None:
    assert find_author(blog, "cem") is None
    store_post(blog, "three", authors=["Cem"], labels=["x"])
    assert must_find(blog, "cem").posts == 1
    store_post(blog, "three", authors=["Cem"], state=PostState.DELETED)
    # Readers may still have the feed.
    assert must_find(blog, "cem").posts == 0
    assert ("Cem", "cem", 0) in listed(blog)


def test_names_without_anything_readable_are_no_authors(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "p", authors=["", "\u200b", "🎉"])
    assert [one.slug for one in authors(connection)] == ["party-popper"]


def test_each_change_of_a_live_post_counts_for_its_authors(blog: Connection, store_post: StorePost) -> None:
    def counted(**values: object) -> dict[str, int]:
        before = revisions(blog)
        store_post(blog, now=LATER, **values)
        after = revisions(blog)
        assert all(
            must_find(blog, name).changed_at == LATER for name in after if after[name] != before.get(name)
        )
        return {
            name: number - before.get(name, 0) for name, number in after.items() if number != before.get(name)
        }

    assert counted(uri="one", authors=["Ann Lee", "Bob"], labels=["x"], title="Mended") == {
        "Ann Lee": 1,
        "Bob": 1,
    }
    assert counted(uri="one", authors=["Ann Lee", "Bob"], labels=["x"], title="Mended") == {}
    assert counted(uri="one", authors=["Bob", "Dee"], labels=["x"]) == {"Ann Lee": 1, "Bob": 1, "Dee": 1}
    assert counted(uri="one", authors=["Bob", "Dee"], labels=["y"]) == {"Bob": 1, "Dee": 1}
    assert counted(uri="three", authors=["Cem", "Bob"], state=PostState.DRAFT) == {}
    assert counted(uri="three", authors=["Cem", "Bob"]) == {"Cem": 1, "Bob": 1}
    assert counted(uri="one", authors=["Dee"], state=PostState.DELETED) == {"Bob": 1, "Dee": 1}


def test_a_withdrawn_post_keeps_its_authors_and_shows_under_none(
    blog: Connection, store_post: StorePost
) -> None:
    post_id = store_post(blog, "one", authors=["Zoe"], state=PostState.DELETED)
    ties = select(author.c.name, post_author.c.live).join(author, author.c.id == post_author.c.author_id)
    assert sorted(tuple(row) for row in blog.execute(ties.where(post_author.c.post_id == post_id))) == [
        ("Ann Lee", False),
        ("Bob", False),
    ]
    assert listed(blog) == [("Ann Lee", "ann-lee", 1), ("Bob", "bob", 0)]


def test_a_released_post_counts_for_its_author(connection: Connection, store_post: StorePost) -> None:
    store_post(connection, "p", authors=["Ann"], published=LATER, now=START)
    assert listed(connection) == []
    assert release_scheduled(connection, now=LATER) == 1
    assert listed(connection) == [("Ann", "ann", 1)]
    assert must_find(connection, "Ann").changed_at == LATER


def test_an_author_of_private_posts_only_is_not_told_of(
    connection: Connection, store_post: StorePost
) -> None:
    set_private_rule(connection, "members", parse("secret"), now=START)
    store_post(connection, "p", authors=["Ann", "Bob"], labels=["secret"])
    store_post(connection, "q", authors=["Bob"])
    assert listed(connection) == [("Bob", "bob", 1)]
    assert find_author(connection, "Ann") is None
    set_private_rule(connection, "members", None, now=LATER)
    assert listed(connection) == [("Ann", "ann", 1), ("Bob", "bob", 2)]
    set_private_rule(connection, "members", parse("secret"), now=LATER)
    assert listed(connection) == [("Ann", "ann", 0), ("Bob", "bob", 1)]


@pytest.mark.parametrize(
    "curate",
    [
        lambda connection: rename_label(connection, "x", "z", now=LATER),
        lambda connection: merge_labels(connection, "x", "y", now=LATER),
        lambda connection: delete_label(connection, "x", now=LATER),
    ],
    ids=["rename", "merge", "delete"],
)
def test_a_label_curated_counts_for_the_authors_whose_posts_show_it(
    connection: Connection, store_post: StorePost, curate: Callable[[Connection], object]
) -> None:
    store_post(connection, "one", authors=["Ann"], labels=["x"])
    store_post(connection, "two", authors=["Bob"], labels=["y"])
    store_post(connection, "three", authors=["Cem"], labels=["x"])
    store_post(connection, "three", authors=["Cem"], labels=["x"], state=PostState.DELETED)
    before = revisions(connection)
    curate(connection)
    assert revisions(connection) == before | {"Ann": before["Ann"] + 1}


def test_a_name_that_posts_vote_for_counts_for_the_authors_too(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "one", authors=["Ann"], labels=["x"])
    before = must_find(connection, "Ann").revision
    store_post(connection, "two", authors=["Bob"], labels=["X"])
    assert must_find(connection, "Ann").revision == before + 1


def test_an_author_is_named_as_the_first_live_post_does(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "one", authors=["ANN"], state=PostState.DRAFT)
    store_post(connection, "two", authors=["Ann"])
    store_post(connection, "three", authors=["aNN"])
    assert [(one.name, one.slug, one.posts) for one in authors(connection)] == [("Ann", "ann", 2)]


def test_posts_withdrawn_before_there_were_authors_are_told_as_gone_by_theirs(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "one", authors=["Ann"])
    store_post(connection, "one", authors=["Ann"], state=PostState.DELETED)
    for table in (withdrawn_author, post_author, author):
        connection.execute(delete(table))
    complete(connection)
    number = connection.execute(select(author.c.id)).scalar_one()
    assert [one.uri for one in withdrawn(connection, author_id=number, since=None, limit=9)] == ["one"]


def test_posts_stored_before_there_were_authors_get_theirs(
    connection: Connection, store_post: StorePost
) -> None:
    ids = [
        store_post(connection, "one", authors=["Ann", "Bob"], title="Found again"),
        store_post(connection, "two", authors=[]),
    ]
    store_post(connection, "three", authors=["Cem"], state=PostState.DRAFT)
    before = [(one.name, one.slug, one.feed_uri, one.posts) for one in authors(connection)]
    connection.execute(delete(post_author))
    connection.execute(delete(author))
    connection.exec_driver_sql("DELETE FROM post_search")
    complete(connection)
    after = authors(connection)
    assert [(one.name, one.slug, one.feed_uri, one.posts) for one in after] == before
    assert find_author(connection, "Cem") is None
    found = newest_in(
        connection, Scope(parse("all"), author_id=must_find(connection, "bob").id, query="found"), limit=9
    )
    assert found == [ids[0]]
    complete(connection)
    assert authors(connection) == after


def test_completing_an_empty_database_asks_for_no_blog(database_url: str) -> None:
    opened = open_database(database_url)
    assert upgrade(opened, then=complete)
    assert not upgrade(opened, then=complete)
    opened.dispose()
