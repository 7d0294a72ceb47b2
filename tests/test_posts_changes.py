"""What is remembered of changes: in which revision of the blog readers last saw one, and where none leaks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from database import Database
from posts.batch import PostContent, post_contents
from posts.blog import create_blog, get_blog
from posts.curation import LabelError, delete_label, merge_labels, rename_label
from posts.intake import release_scheduled, store_posts
from posts.model import Enclosure, PostState, SourcePost, label, post, post_label
from posts.reading import get_posts
from posts.rules import parse
from posts.store import find_label, labels, newest, rule_revision
from posts.withdrawals import withdrawn
from tests.examples import often

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PUBLISHED = NOW - timedelta(days=3)


@pytest.fixture
def blog_database(database: Database) -> Database:
    """A database, once of each kind, with its blog."""
    with database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
    return database


def said(number: int = 1, **changes: Any) -> SourcePost:
    """A post as a source tells it."""
    values: dict[str, Any] = {
        "uri": f"tag:blog.example,2026:{number}",
        "url": f"https://blog.example/{number}",
        "title": f"Post {number}",
        "html": "<p>Some text.</p>",
        "published": PUBLISHED,
        "updated": PUBLISHED,
        "labels": ("MEK",),
        "authors": ("Ann",),
    }
    return SourcePost(**(values | changes))


def store(database: Database, *items: SourcePost, now: datetime = NOW) -> tuple[int, int, int]:
    """Import some posts: how many were new, updated, unchanged."""
    report = store_posts(database, items, now=now)
    assert not report.skipped
    return report.new, report.updated, report.unchanged


def remembered(database: Database, number: int = 1) -> tuple[int, int, datetime | None, datetime | None]:
    """A post's revision, ``changed_in``, ``edited_at`` and ``withdrawn_at``."""
    query = select(post.c.revision, post.c.changed_in, post.c.edited_at, post.c.withdrawn_at)
    with database.read() as connection:
        row = connection.execute(query.where(post.c.uri == f"tag:blog.example,2026:{number}")).one()
    return row[0], row[1], row[2], row[3]


def blog_revision(database: Database) -> int:
    """Where the blog stands."""
    with database.read() as connection:
        return get_blog(connection).revision


def test_what_is_with_a_post_is_stored_and_read_back(blog_database: Database) -> None:
    files = (
        Enclosure("https://blog.example/1.mp3", "audio/mpeg", 2**40),
        Enclosure("https://blog.example/2", "application/octet-stream"),
    )
    first = said(enclosures=files, picture="https://blog.example/ü.png", language="zh-Hant")
    assert store(blog_database, first, said(2, html='<img src="/2.png">')) == (2, 0, 0)
    expected = [(files, first.picture, "zh-Hant"), ((), "https://blog.example/2.png", None)]
    with blog_database.read() as connection:
        whole, contents = get_posts(connection, [1, 2]), post_contents(connection, [1, 2])
    assert [(one.enclosures, one.picture, one.language) for one in whole] == expected
    contents.sort(key=lambda one: one.id)
    assert [(one.enclosures, one.picture, one.language) for one in contents] == expected
    assert store(blog_database, first) == (0, 0, 1)
    # Both are seen to change, and neither is told as updated.
    assert store(blog_database, said(updated=NOW), said(2, html="<p></p>", updated=NOW)) == (0, 2, 0)
    with blog_database.read() as connection:
        changed = get_posts(connection, [1, 2])
    assert [(one.enclosures, one.picture, one.updated) for one in changed] == [((), None, PUBLISHED)] * 2


def test_a_posts_last_change_stands_with_the_blogs_revision(blog_database: Database) -> None:
    store(blog_database, said(), said(2))
    assert blog_revision(blog_database) == 1
    assert remembered(blog_database) == remembered(blog_database, 2) == (1, 1, None, None)
    store(blog_database, said(language="en"), now=NOW + HOUR)
    assert remembered(blog_database) == (2, 2, None, None)
    store(blog_database, said(language="en", updated=NOW), now=NOW + 2 * HOUR)
    assert (remembered(blog_database), blog_revision(blog_database)) == ((2, 2, None, None), 2)
    store(blog_database, said(title="Edited"), now=NOW + 3 * HOUR)
    assert remembered(blog_database) == (3, 3, NOW + 3 * HOUR, None)
    store(blog_database, said(title="Edited", state=PostState.DELETED), now=NOW + 4 * HOUR)
    assert remembered(blog_database) == (4, 4, NOW + 3 * HOUR, NOW + 4 * HOUR)
    store(blog_database, said(title="Edited"), now=NOW + 5 * HOUR)
    assert remembered(blog_database) == (5, 5, NOW + 3 * HOUR, None)
    assert (remembered(blog_database, 2), blog_revision(blog_database)) == ((1, 1, None, None), 5)


def test_labels_renamed_merged_and_deleted_change_their_posts(blog_database: Database) -> None:
    store(blog_database, said(1, labels=("a", "b")), said(2, labels=("c",)), said(3, labels=()))
    with blog_database.write() as connection:
        rename_label(connection, "a", "A and more", now=NOW)
    assert [remembered(blog_database, number)[:2] for number in (1, 2, 3)] == [(2, 2), (1, 1), (1, 1)]
    with blog_database.write() as connection:
        merge_labels(connection, "c", "b", now=NOW)
    assert [remembered(blog_database, number)[:2] for number in (1, 2, 3)] == [(2, 2), (2, 3), (1, 1)]
    with blog_database.write() as connection:
        delete_label(connection, "b", now=NOW)
    assert [remembered(blog_database, number)[:2] for number in (1, 2, 3)] == [(3, 4), (3, 4), (1, 1)]
    assert blog_revision(blog_database) == 4


def test_a_name_that_posts_vote_for_changes_all_posts_of_the_label(blog_database: Database) -> None:
    store(blog_database, said(1, labels=("mek",)))
    store(blog_database, said(2, labels=("MEK",)), said(3, labels=("MEK",)))
    assert [remembered(blog_database, number)[1] for number in (1, 2, 3)] == [2, 2, 2]


def test_a_scheduled_post_leaks_nowhere_before_its_time_and_is_everywhere_at_it(
    blog_database: Database,
) -> None:
    due = NOW + 5 * HOUR
    store(blog_database, said(1, labels=("open",)))

    def seen() -> list[Any]:
        """All that anybody can see, and what tells a cache that something changed."""
        with blog_database.read() as connection:
            rules = [rule_revision(connection, parse(rule)) for rule in ("all", "open", "not open")]
            shown = newest(connection, parse("all"), limit=None)
            known = [one for one in labels(connection) if one.posts]
            gone = withdrawn(connection, since=None, limit=10)
            return [get_blog(connection), rules, post_contents(connection, shown), known, gone]

    before = seen()
    ahead = said(2, labels=("open", "secret"), title="Secret", published=due, updated=None)
    store(blog_database, ahead, said(3, labels=("secret",), state=PostState.DRAFT), now=NOW + HOUR)
    store(blog_database, replace(ahead, title="More secret"), now=NOW + 2 * HOUR)
    with blog_database.write() as connection:
        assert release_scheduled(connection, now=due - timedelta(microseconds=1)) == 0
    assert seen() == before
    with blog_database.read() as connection:
        found = find_label(connection, "secret")
        assert found is not None
        assert (found.posts, found.is_met) == (0, False)
    with blog_database.write() as connection:
        assert release_scheduled(connection, now=due) == 1
    whole, rules, shown, known, gone = seen()
    assert (whole.revision, whole.changed_at) == (2, due)
    assert [rule.changed_at for rule in rules] == [due, due, due]
    assert [one.title for one in sorted(shown, key=lambda one: one.id)] == ["Post 1", "More secret"]
    assert [(one.name, one.posts) for one in known] == [("open", 2), ("secret", 1)]
    assert (gone, remembered(blog_database, 2)[1:]) == ([], (2, None, None))
    with blog_database.read() as connection:
        (released,) = (one for one in get_posts(connection, [1, 2]) if one.title == "More secret")
    assert (released.published, released.updated) == (due, due)


def test_a_live_post_that_is_put_off_is_withdrawn_until_it_is_released(blog_database: Database) -> None:
    store(blog_database, said())
    store(blog_database, said(published=NOW + 2 * HOUR), now=NOW + HOUR)
    assert remembered(blog_database)[1:] == (2, None, NOW + HOUR)
    with blog_database.write() as connection:
        assert release_scheduled(connection, now=NOW + 2 * HOUR) == 1
    assert remembered(blog_database)[1:] == (3, None, None)


def test_a_post_whose_label_is_named_anew_by_it_changes_once(blog_database: Database) -> None:
    store(blog_database, said(labels=()), said(2), said(3, labels=("mek",)))
    store(blog_database, said(labels=("mek",)), now=NOW + HOUR)
    with blog_database.read() as connection:
        assert [one.name for one in labels(connection) if one.posts] == ["mek"]
        revisions = connection.execute(select(post.c.revision).order_by(post.c.uri)).scalars().all()
    assert revisions == [2, 2, 2]


NAMES = ["MEK", "mek", "iran", "C", "C++"]
POSTS = st.builds(
    lambda number, names, state, ahead, title, language: said(
        number,
        labels=tuple(names),
        state=state,
        published=NOW + 3 * HOUR if ahead else PUBLISHED,
        title=title,
        language=language,
    ),
    st.integers(1, 4),
    st.lists(st.sampled_from(NAMES), max_size=3),
    st.sampled_from([PostState.LIVE] * 4 + [PostState.DRAFT, PostState.DELETED]),
    st.booleans(),
    st.sampled_from(["One", "Two"]),
    st.sampled_from([None, "en"]),
)
IMPORTS = st.lists(POSTS, min_size=1, max_size=3, unique_by=lambda one: one.uri)
STEPS = st.one_of(
    IMPORTS,
    st.just(None),
    st.tuples(st.sampled_from([rename_label, merge_labels]), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.tuples(st.just(delete_label), st.sampled_from(NAMES)),
)


def take(database: Database, step: Any, *, now: datetime) -> None:
    """One step of a blog's history: an import, what is due goes live, or something done to a label."""
    if isinstance(step, list):
        store(database, *step, now=now)
        return
    with database.write() as connection:
        if step is None:
            release_scheduled(connection, now=now)
            return
        try:
            step[0](connection, *step[1:], now=now)
        except LabelError:
            connection.rollback()


def live(connection: Connection) -> dict[int, tuple[PostContent, int, int]]:
    """What readers see of each post, with its revision and ``changed_in``."""
    ids = newest(connection, parse("all"), limit=None)
    known = connection.execute(select(post.c.id, post.c.revision, post.c.changed_in)).all()
    revisions = {row.id: (row.revision, row.changed_in) for row in known}
    return {one.id: (replace(one, revision=0), *revisions[one.id]) for one in post_contents(connection, ids)}


@given(steps=st.lists(STEPS, max_size=8))
@settings(max_examples=often(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_post_was_changed_in_the_revision_in_which_readers_last_saw_it_change(
    sqlite_database: Database, steps: list[Any]
) -> None:
    with sqlite_database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
        for table in (post_label, label, post):
            connection.execute(table.delete())
    for number, step in enumerate(steps):
        with sqlite_database.read() as connection:
            before, was_at = live(connection), get_blog(connection).revision
        take(sqlite_database, step, now=NOW + number * HOUR)
        with sqlite_database.read() as connection:
            after, is_at = live(connection), get_blog(connection).revision
            rows = connection.execute(select(post.c.id, post.c.changed_in))
            changed_in = {row.id: row.changed_in for row in rows}
        assert is_at in {was_at, was_at + 1}
        for post_id in before.keys() | after.keys():
            if post_id in before and post_id in after and before[post_id][0] == after[post_id][0]:
                assert before[post_id] == after[post_id]
            else:
                assert changed_in[post_id] == is_at == was_at + 1
                if post_id in before and post_id in after:
                    assert after[post_id][1] == before[post_id][1] + 1
        # One range tells what has changed since a revision.
        assert {number for number, revision in changed_in.items() if revision > was_at} >= {
            post_id for post_id in before.keys() | after.keys() if before.get(post_id) != after.get(post_id)
        }
