"""Posts go into the database whole or not at all, once each, and are news once."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from database import Database
from posts.blog import close_news, create_blog, get_blog
from posts.curation import delete_label, rename_label
from posts.intake import ImportReport, has_scheduled, release_scheduled, store_posts
from posts.labels import label_key
from posts.model import Post, PostState, SkippedPost, SourcePost, label, post, post_label
from posts.rules import HasLabel
from posts.sanitize import source_hash
from posts.store import find_label, labels, list_posts, newest, news
from tests.examples import often

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PUBLISHED = NOW - 3 * DAY


@pytest.fixture
def blog_database(database: Database) -> Database:
    """A database, once of each kind, with its blog."""
    with database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW - 100 * DAY)
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
        "where": f"line {number}",
    }
    return SourcePost(**(values | changes))


def store(
    database: Database, *items: SourcePost | SkippedPost, now: datetime = NOW, **more: Any
) -> ImportReport:
    """Import some posts."""
    return store_posts(database, items, now=now, **more)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    """New, updated, unchanged, skipped."""
    return report.new, report.updated, report.unchanged, len(report.skipped)


def only(database: Database) -> Post:
    """The one post there is, in whatever state."""
    with database.read() as connection:
        (found,) = list_posts(connection)
    return found


def everything(database: Database) -> list[Any]:
    """All rows that an import could touch."""
    with database.read() as connection:
        rows: list[Any] = [get_blog(connection)]
        for table in (post, label, post_label):
            rows += connection.execute(select(table).order_by(*table.primary_key.columns)).all()
    return rows


def revisions(database: Database) -> dict[str, int]:
    """The revision of each label, and of the blog as ''."""
    with database.read() as connection:
        return {one.name: one.revision for one in labels(connection)} | {"": get_blog(connection).revision}


def moved(database: Database, before: dict[str, int]) -> set[str]:
    """The labels whose revision is another than before."""
    return {name for name, revision in revisions(database).items() if before.get(name) != revision}


def news_between(connection: Connection, after: datetime, until: datetime) -> list[int]:
    """The ids of what is news in a window."""
    return [one.id for one in news(connection, HasLabel("MEK"), after=after, until=until, max_age=30 * DAY)]


def test_a_new_post_is_stored_as_the_source_says(blog_database: Database) -> None:
    report = store(blog_database, said(labels=("MEK", "iran")))
    assert counts(report) == (1, 0, 0, 0)
    found = only(blog_database)
    assert (found.uri, found.url, found.title) == (
        "tag:blog.example,2026:1",
        "https://blog.example/1",
        "Post 1",
    )
    assert (found.html, found.authors, found.labels) == ("<p>Some text.</p>", ("Ann",), ("iran", "MEK"))
    assert (found.published, found.updated) == (PUBLISHED, PUBLISHED)
    assert (found.first_stored, found.visible_at, found.state) == (NOW, NOW, PostState.LIVE)


def test_the_same_import_again_touches_no_row(blog_database: Database) -> None:
    items = (
        said(1, labels=("MEK", "iran")),
        said(2, published=None, updated=None),
        said(3, published=NOW + DAY, updated=None),
        said(4, state=PostState.DRAFT),
        said(5, state=PostState.DELETED),
        said(6, title=None, html="<p onclick=x>a&#1;<script>1</script></p>"),
        SkippedPost("7", "no date", "line 7"),
    )
    assert counts(store(blog_database, *items)) == (6, 0, 0, 1)
    before = everything(blog_database)
    again = store(blog_database, *items, now=NOW + 9 * DAY)
    assert counts(again) == (0, 0, 6, 1)
    assert again.skipped == (SkippedPost("7", "no date", "line 7"),)
    assert everything(blog_database) == before


def test_an_edit_moves_what_readers_see_and_is_no_news(blog_database: Database) -> None:
    store(blog_database, said())
    first = only(blog_database)
    edited = said(html="<p>Other text.</p>", updated=NOW)
    assert counts(store(blog_database, edited, now=NOW + DAY)) == (0, 1, 0, 0)
    found = only(blog_database)
    assert (found.html, found.updated, found.revision) == ("<p>Other text.</p>", NOW, first.revision + 1)
    assert (found.id, found.first_stored, found.visible_at) == (first.id, NOW, NOW)


@pytest.mark.parametrize(
    ("changes", "updated"),
    [
        ({"title": "Other", "updated": NOW}, NOW),
        ({"html": "<p>Some other text.</p>", "updated": None}, NOW + DAY),
        ({"html": "<p>Some other text.</p>"}, PUBLISHED),
        ({"html": "<div>Some\n  text.</div>", "updated": NOW}, PUBLISHED),
        ({"labels": ("other",), "updated": NOW}, PUBLISHED),
        ({"authors": ("Bob",), "updated": NOW}, PUBLISHED),
        ({"published": NOW - DAY, "updated": NOW}, NOW - DAY),
    ],
)
def test_updated_moves_on_a_significant_edit_only(
    blog_database: Database, changes: dict[str, Any], updated: datetime
) -> None:
    store(blog_database, said())
    assert counts(store(blog_database, said(**changes), now=NOW + DAY)) == (0, 1, 0, 0)
    assert only(blog_database).updated == updated


def test_what_no_reader_sees_bumps_no_revision(blog_database: Database) -> None:
    store(blog_database, said())
    before, known = only(blog_database), revisions(blog_database)
    changed = said(updated=NOW, html="<p onclick='x()'>Some text.</p>")
    assert counts(store(blog_database, changed)) == (0, 0, 1, 0)
    after = only(blog_database)
    assert replace(after, notes=before.notes) == before
    assert after.notes == ("removed 1 event handler",)
    assert moved(blog_database, known) == set()
    with blog_database.read() as connection:
        assert connection.execute(select(post.c.source_hash)).scalar_one() == source_hash(changed)


def test_a_changed_set_of_labels_touches_old_and_new_ones(blog_database: Database) -> None:
    store(blog_database, said(1, labels=("kept", "lost")), said(2, labels=("apart",)))
    store(blog_database, said(3, labels=("gained",)))
    before, known = only_uri(blog_database, 1), revisions(blog_database)
    assert counts(store(blog_database, said(1, labels=("kept", "gained")))) == (0, 1, 0, 0)
    assert moved(blog_database, known) == {"kept", "lost", "gained", ""}
    after = only_uri(blog_database, 1)
    assert (after.labels, after.revision) == (("gained", "kept"), before.revision + 1)
    with blog_database.read() as connection:
        assert newest(connection, HasLabel("lost"), limit=5) == []


def only_uri(database: Database, number: int) -> Post:
    """The post of a number."""
    with database.read() as connection:
        return next(one for one in list_posts(connection) if one.uri.endswith(f":{number}"))


def test_extra_labels_count_as_the_sources_own(blog_database: Database) -> None:
    store(blog_database, said(), labels=("imported", "mek"))
    assert only(blog_database).labels == ("imported", "MEK")
    assert counts(store(blog_database, said(), labels=("imported", "mek"))) == (0, 0, 1, 0)
    assert counts(store(blog_database, said())) == (0, 1, 0, 0)
    assert only(blog_database).labels == ("MEK",)


def test_a_post_keeps_to_labels_that_were_renamed_or_deleted(blog_database: Database) -> None:
    store(blog_database, said(labels=("old", "gone")))
    with blog_database.write() as connection:
        rename_label(connection, "old", "new", now=NOW)
        delete_label(connection, "gone", now=NOW)
    store(blog_database, said(labels=("old", "gone"), title="Edited"))
    assert only(blog_database).labels == ("new",)


def test_drafts_and_deleted_posts_are_stored_and_shown_nowhere(blog_database: Database) -> None:
    store(blog_database, said(1, state=PostState.DRAFT), said(2, state=PostState.DELETED))
    with blog_database.read() as connection:
        assert [one.state for one in list_posts(connection)] == [PostState.DELETED, PostState.DRAFT]
        assert newest(connection, HasLabel("MEK"), limit=5) == []
        assert news_between(connection, NOW - 10 * DAY, NOW + 10 * DAY) == []


def test_a_draft_that_goes_live_is_news_then_and_once(blog_database: Database) -> None:
    store(blog_database, said(state=PostState.DRAFT, published=None, updated=None))
    later = NOW + 5 * DAY
    assert counts(store(blog_database, said(published=None, updated=None), now=later)) == (0, 1, 0, 0)
    found = only(blog_database)
    assert (found.published, found.visible_at, found.updated) == (later, later, later)
    assert found.first_stored == NOW
    with blog_database.read() as connection:
        assert news_between(connection, later - DAY, later) == [found.id]
    # Withdrawn and shown again, it is no news.
    store(blog_database, said(state=PostState.DRAFT), now=later + DAY)
    store(blog_database, said(), now=later + 2 * DAY)
    assert (only(blog_database).state, only(blog_database).visible_at) == (PostState.LIVE, later)


def test_a_post_deleted_at_the_source_goes_and_keeps_what_it_was(blog_database: Database) -> None:
    store(blog_database, said())
    known = revisions(blog_database)
    tombstone = said(state=PostState.DELETED, title=None, html="", labels=(), authors=())
    assert counts(store(blog_database, tombstone)) == (0, 1, 0, 0)
    found = only(blog_database)
    assert (found.state, found.title, found.html, found.labels) == (
        PostState.DELETED,
        "Post 1",
        "<p>Some text.</p>",
        ("MEK",),
    )
    assert moved(blog_database, known) == {"MEK", ""}
    with blog_database.read() as connection:
        assert newest(connection, HasLabel("MEK"), limit=5) == []
    assert counts(store(blog_database, tombstone)) == (0, 0, 1, 0)
    store(blog_database, said(), now=NOW + DAY)
    assert (only(blog_database).state, only(blog_database).visible_at) == (PostState.LIVE, NOW)


def test_a_post_dated_ahead_waits_until_it_is_released(blog_database: Database) -> None:
    due = NOW + 2 * DAY
    store(blog_database, said(published=due, updated=None))
    waiting = only(blog_database)
    assert (waiting.state, waiting.visible_at) == (PostState.SCHEDULED, due)
    known = revisions(blog_database)
    with blog_database.write() as connection:
        assert newest(connection, HasLabel("MEK"), limit=5) == []
        assert not has_scheduled(connection, now=due - timedelta(microseconds=1))
        assert release_scheduled(connection, now=due - timedelta(microseconds=1)) == 0
    assert moved(blog_database, known) == set()
    with blog_database.write() as connection:
        assert has_scheduled(connection, now=due)
        assert release_scheduled(connection, now=due) == 1
        assert release_scheduled(connection, now=due) == 0
        assert newest(connection, HasLabel("MEK"), limit=5) == [waiting.id]
        assert news_between(connection, NOW, due) == [waiting.id]
    found = only(blog_database)
    assert found == replace(waiting, state=PostState.LIVE, revision=waiting.revision + 1)
    assert moved(blog_database, known) == {"MEK", ""}
    assert counts(store(blog_database, said(published=due, updated=None), now=due)) == (0, 0, 1, 0)


def test_a_scheduled_post_can_be_put_off_and_brought_forward(blog_database: Database) -> None:
    store(blog_database, said(published=NOW + DAY))
    store(blog_database, said(published=NOW + 9 * DAY))
    assert only(blog_database).visible_at == NOW + 9 * DAY
    store(blog_database, said(published=PUBLISHED), now=NOW + 2 * DAY)
    found = only(blog_database)
    assert (found.state, found.published, found.visible_at) == (PostState.LIVE, PUBLISHED, NOW + 2 * DAY)


def test_a_live_post_put_off_comes_back_and_is_no_news(blog_database: Database) -> None:
    store(blog_database, said())
    store(blog_database, said(published=NOW + DAY))
    assert only(blog_database).state is PostState.SCHEDULED
    with blog_database.write() as connection:
        assert release_scheduled(connection, now=NOW) == 0
        assert release_scheduled(connection, now=NOW + DAY) == 1
    assert (only(blog_database).state, only(blog_database).visible_at) == (PostState.LIVE, NOW)


def test_what_is_stored_after_a_window_was_closed_is_news_in_the_next(blog_database: Database) -> None:
    closed = NOW + timedelta(minutes=1)

    def reading() -> Iterator[SourcePost]:
        yield said()
        with blog_database.write() as connection:
            get_blog(connection, lock=True)
            close_news(connection, until=closed)

    store_posts(blog_database, reading(), now=NOW)
    with blog_database.read() as connection:
        assert news_between(connection, NOW - DAY, closed) == []
        assert news_between(connection, closed, closed + DAY) == [only(blog_database).id]


@pytest.mark.parametrize("newest_first", [True, False])
def test_of_two_posts_with_one_id_the_newer_is_stored(blog_database: Database, newest_first: bool) -> None:
    older = said(1, title="Older", where="line 1")
    newer = said(1, title="Newer", updated=NOW, where="line 2")
    pair = (newer, older) if newest_first else (older, newer)
    for expected in ((1, 0, 0, 1), (0, 0, 1, 1)):
        report = store(blog_database, *pair)
        assert counts(report) == expected
        assert report.skipped == (
            SkippedPost(
                older.uri or "", "the source holds this id more than once: the newest was taken", "line 1"
            ),
        )
        assert only(blog_database).title == "Newer"


def test_of_two_posts_as_new_as_each_other_the_later_is_stored(blog_database: Database) -> None:
    undated = {"published": None, "updated": None}
    report = store(
        blog_database, said(1, title="First", **undated), said(1, title="Second", where="x", **undated)
    )
    assert only(blog_database).title == "Second"
    assert [skip.where for skip in report.skipped] == ["line 1"]


def test_one_bad_post_is_listed_and_the_rest_is_stored(blog_database: Database) -> None:
    bad = said(2, uri=None, url=None)
    report = store(blog_database, said(1), bad, SkippedPost("3", "no date", "line 3"), said(4))
    assert counts(report) == (2, 0, 0, 2)
    assert report.skipped == (
        SkippedPost("Post 2", "it has neither an id nor an http(s) link", "line 2"),
        SkippedPost("3", "no date", "line 3"),
    )


def test_a_source_that_breaks_off_leaves_the_database_as_it_was(blog_database: Database) -> None:
    store(blog_database, said(1))
    before = everything(blog_database)

    def cut_off() -> Iterator[SourcePost]:
        yield said(1, title="Edited")
        yield said(2)
        raise ValueError("feed.xml:3: cut off")

    with pytest.raises(ValueError, match="cut off"):
        store_posts(blog_database, cut_off(), now=NOW)
    assert everything(blog_database) == before


def test_a_dry_run_counts_and_stores_nothing(blog_database: Database) -> None:
    store(blog_database, said(1), said(2))
    before = everything(blog_database)
    report = store(blog_database, said(1), said(2, title="Edited"), said(3, labels=("new",)), dry_run=True)
    assert counts(report) == (1, 1, 1, 0)
    assert everything(blog_database) == before
    assert counts(store(blog_database, said(3))) == (1, 0, 0, 0)


def test_progress_is_told_and_notes_are_counted(blog_database: Database) -> None:
    told: list[int] = []
    items = (
        said(1),
        said(2, html="<script>1</script>"),
        SkippedPost("x", "no date"),
        said(3, published=None),
    )
    report = store(blog_database, *items, progress=told.append)
    assert told == [1, 2, 3, 4]
    assert report.notes == 2
    with blog_database.read() as connection:
        stored = {one.uri[-1]: one.notes for one in list_posts(connection)}
    assert stored["1"] == ()
    assert stored["2"] == ("removed 1 script", "neither title nor text: its date is the title")[:1]


def test_ids_and_dates_at_the_edges_can_be_stored(blog_database: Database) -> None:
    items = (
        said(1, uri="tag:" + "é" * 3000, url="https://blog.example/" + "x" * 4000),
        said(2, published=datetime(1, 1, 1, tzinfo=UTC), updated=datetime(9999, 12, 31, tzinfo=UTC)),
        said(3, labels=tuple(f"政治{number}" * 90 for number in range(300)), title="x" * 5000),
    )
    assert counts(store(blog_database, *items)) == (3, 0, 0, 0)
    assert counts(store(blog_database, *items)) == (0, 0, 3, 0)


def test_more_posts_than_one_batch(blog_database: Database) -> None:
    items = [said(number, labels=(f"l{number % 7}",)) for number in range(1203)]
    assert counts(store(blog_database, *items)) == (1203, 0, 0, 0)
    edited = [replace(one, title="Edited") if number % 3 else one for number, one in enumerate(items)]
    assert counts(store(blog_database, *edited)) == (0, 802, 401, 0)
    with blog_database.read() as connection:
        assert sum(one.posts for one in labels(connection)) == 1203
        assert find_label(connection, "l3") is not None


def test_a_real_blog_is_stored_whole_and_again_unchanged(blog_database: Database, shared_data: Path) -> None:
    lines = (shared_data / "18f-blog" / "posts.jsonl").read_text("utf-8").splitlines()
    items = [
        SourcePost(
            uri=one["id"],
            url=one["url"],
            title=one["title"],
            html=one["html"],
            published=datetime.fromisoformat(one["published"]),
            updated=datetime.fromisoformat(one["updated"]),
            labels=tuple(one["labels"]),
            authors=(one["author"],),
        )
        for one in map(json.loads, lines)
    ]
    assert counts(store(blog_database, *items)) == (508, 0, 0, 0)
    with blog_database.read() as connection:
        found = labels(connection)
    assert len(found) == 142
    assert sum(one.posts for one in found) == sum(
        len({label_key(name) for name in one.labels}) for one in items
    )
    before = everything(blog_database)
    assert counts(store(blog_database, *items)) == (0, 0, 508, 0)
    assert everything(blog_database) == before


NAMES = st.sampled_from(["MEK", "mek", "iran", " Iran ", "C", "C++", "政治", "U.S. politics"])
POSTS = st.builds(
    lambda number, names, state, ahead, title: said(
        number, labels=tuple(names), state=state, published=NOW + DAY if ahead else PUBLISHED, title=title
    ),
    st.integers(1, 4),
    st.lists(NAMES, max_size=3),
    st.sampled_from([PostState.LIVE, PostState.LIVE, PostState.DRAFT, PostState.DELETED]),
    st.booleans(),
    st.sampled_from(["One", "Two"]),
)


@given(imports=st.lists(st.lists(POSTS, max_size=4, unique_by=lambda one: one.uri), max_size=5))
@settings(max_examples=often(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_imports_leaves_the_ties_of_a_plain_model(
    sqlite_database: Database, imports: list[list[SourcePost]]
) -> None:
    model: dict[str, tuple[frozenset[str], PostState, datetime]] = {}
    withdrawn: set[str] = set()
    with sqlite_database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
        for table in (post_label, label, post):
            connection.execute(table.delete())
    for items in imports:
        store_posts(sqlite_database, items, now=NOW)
        for one in items:
            uri, keys, published = one.uri or "", frozenset(map(label_key, one.labels)), one.published or NOW
            before = model.get(uri, (frozenset[str](), PostState.DRAFT, published))
            if one.state is PostState.DELETED and uri in model:
                keys, _, published = before
            ahead = one.state is PostState.LIVE and published > NOW
            state = PostState.SCHEDULED if ahead else one.state
            if state is PostState.LIVE:
                withdrawn.discard(uri)
            elif before[1] is PostState.LIVE:
                withdrawn.add(uri)
            if state is PostState.DRAFT and uri in withdrawn:
                keys |= before[0]
            model[uri] = (keys, state, published)
    with sqlite_database.read() as connection:
        ties = connection.execute(
            select(post.c.uri, label.c.key, post_label.c.live, post_label.c.published)
            .join(post_label, post_label.c.post_id == post.c.id)
            .join(label, label.c.id == post_label.c.label_id)
        ).all()
        states = {row.uri: row.state for row in connection.execute(select(post.c.uri, post.c.state))}
        counted = {label_key(one.name): one.posts for one in labels(connection)}
        gone = set(connection.execute(select(post.c.uri).where(post.c.withdrawn_at.is_not(None))).scalars())
    assert gone == withdrawn
    assert states == {uri: state for uri, (_, state, _) in model.items()}
    assert sorted(tuple(tie) for tie in ties) == sorted(
        (uri, key, state is PostState.LIVE, published)
        for uri, (keys, state, published) in model.items()
        for key in keys
    )
    for key, number in counted.items():
        assert number == sum(key in keys and state is PostState.LIVE for keys, state, _ in model.values())


STREAM = """
import re, sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from database import open_database, upgrade
for room in ("subscribers", "feeds", "digests"):
    import_module(f"{room}.model")
from posts.blog import create_blog
from posts.intake import store_posts
from posts.model import SourcePost
NOW = datetime(2026, 11, 23, tzinfo=UTC)
TEXT = "<p>" + "word " * 40 + "</p>"
def stream():
    for number in range(800):
        html = f"<p>{number}</p>" + TEXT * 600
        yield SourcePost(f"tag:x,2026:{number}", f"https://x.example/{number}", None, html, NOW, None, ("a",))
database = open_database(sys.argv[1])
upgrade(database)
with database.write() as connection:
    create_blog(connection, site_url="https://x.example", now=NOW)
new = store_posts(database, stream(), now=NOW).new
# Of this very program: getrusage() begins with what the process that started it had.
print(new, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def test_a_hundred_megabytes_pass_in_little_memory(sqlite_url: str) -> None:
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", STREAM, sqlite_url],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    stored, megabytes = map(int, done.stdout.split())
    assert stored == 800
    # 98 MB went through; Python with SQLAlchemy and Alembic takes some 70 by itself.
    assert megabytes < 190


def test_no_row_is_left_behind_without_its_post(blog_database: Database) -> None:
    store(blog_database, said(1, labels=("a", "b")), said(2, labels=("b",)))
    store(blog_database, said(1, labels=("c",)))
    with blog_database.read() as connection:
        assert connection.execute(select(func.count()).select_from(post_label)).scalar_one() == 2
