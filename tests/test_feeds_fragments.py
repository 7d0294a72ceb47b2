"""Entries are rendered once for a revision of their post, and kept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection, delete, event, select, update

from database import DatabaseUnavailable, open_database, upgrade
from feeds.formats.atom import ATOM
from feeds.formats.format import FeedHead
from feeds.fragments import Collected, FragmentStore
from feeds.memory import Memory
from feeds.model import fragment
from feeds.site import Content
from posts.batch import PostContent
from posts.model import post as post_table
from tests.feeds_blog import FeedsBlog, new_blog, post


@dataclass
class CountingFormat:
    """Renders an entry as its title, and remembers which it rendered."""

    kind: str = "counted-1"
    suffix: str = "txt"
    content: Content = "full"
    media_type: str = "text/plain"
    rendered: list[str] = field(default_factory=list)

    def entry(self, post: PostContent) -> bytes:
        self.rendered.append(post.title)
        return f"{post.title} {post.revision}\n".encode()

    def feed(self, head: FeedHead, entries: Sequence[bytes]) -> list[bytes]:
        return [*entries]


@pytest.fixture
def form() -> CountingFormat:
    return CountingFormat()


def ids(connection: Connection) -> list[int]:
    return list(connection.execute(select(post_table.c.id).order_by(post_table.c.published)).scalars())


def collect(blog: FeedsBlog, store: FragmentStore, form: CountingFormat) -> Collected:
    with blog.database.read() as connection:
        return store.collect(connection, form, ids(connection))


def test_an_entry_is_rendered_once_in_a_process(feed_blog: FeedsBlog, form: CountingFormat) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "a", "b")])
    store = FragmentStore(feed_blog.database)
    first = collect(feed_blog, store, form)
    again = collect(feed_blog, store, form)
    assert form.rendered == ["Post 1", "Post 2"]
    assert len(first.fresh) == 2
    assert not again.fresh
    assert first.fragments == again.fragments


def test_a_new_process_starts_warm(feed_blog: FeedsBlog, form: CountingFormat) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b")])
    before = FragmentStore(feed_blog.database)
    made = collect(feed_blog, before, form)
    assert before.keep(form, made.fresh)
    found = collect(feed_blog, FragmentStore(feed_blog.database), form)
    assert form.rendered == ["Post 1", "Post 2"]
    assert found.fragments == made.fragments
    assert not found.fresh


def test_only_the_post_that_changed_is_rendered_anew(feed_blog: FeedsBlog, form: CountingFormat) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "a")])
    store = FragmentStore(feed_blog.database)
    store.keep(form, collect(feed_blog, store, form).fresh)
    feed_blog.store(2, "a", html="<p>other</p>")
    for known in (store, FragmentStore(feed_blog.database)):
        form.rendered.clear()
        changed = collect(feed_blog, known, form)
        assert form.rendered == ["Post 2"]
        assert [one.revision for one in changed.fragments.values()] == [1, 2]
    assert store.keep(form, changed.fresh)
    assert feed_blog.kept() == 2


def test_a_new_renderer_makes_its_own_entries(feed_blog: FeedsBlog, form: CountingFormat) -> None:
    feed_blog.store(1, "a")
    store = FragmentStore(feed_blog.database)
    store.keep(form, collect(feed_blog, store, form).fresh)
    newer = CountingFormat(kind="counted-2")
    assert collect(feed_blog, store, newer).fresh
    assert newer.rendered == ["Post 1"]


def test_an_older_revision_is_never_put_over_a_newer_one(feed_blog: FeedsBlog, form: CountingFormat) -> None:
    feed_blog.store(1, "a")
    slow, quick = FragmentStore(feed_blog.database), FragmentStore(feed_blog.database)
    stale = collect(feed_blog, slow, form).fresh
    feed_blog.store(1, "a", html="<p>newer</p>")
    quick.keep(form, collect(feed_blog, quick, form).fresh)
    assert slow.keep(form, stale)
    with feed_blog.database.read() as connection:
        assert connection.execute(select(fragment.c.revision)).scalars().all() == [2]


def test_entries_of_a_post_that_is_gone_meanwhile_are_no_error(
    feed_blog: FeedsBlog, form: CountingFormat
) -> None:
    feed_blog.store(1, "a")
    store = FragmentStore(feed_blog.database)
    made = collect(feed_blog, store, form)
    with feed_blog.database.write() as connection:
        connection.execute(delete(post_table))
    assert not store.keep(form, made.fresh)
    assert collect(feed_blog, store, form).fragments == {}


def test_a_little_memory_forgets_but_the_database_does_not(
    feed_blog: FeedsBlog, form: CountingFormat
) -> None:
    feed_blog.store_all([post(number, "a") for number in range(1, 6)])
    store = FragmentStore(feed_blog.database, memory=20)
    store.keep(form, collect(feed_blog, store, form).fresh)
    assert len(collect(feed_blog, store, form).fragments) == 5
    assert len(form.rendered) == 5


def test_a_known_entry_asks_the_database_only_for_its_revision(
    sqlite_feed_blog: FeedsBlog, form: CountingFormat
) -> None:
    sqlite_feed_blog.store_all([post(number, "a") for number in range(1, 6)])
    store = FragmentStore(sqlite_feed_blog.database)
    collect(sqlite_feed_blog, store, form)
    with sqlite_feed_blog.database.read() as connection:
        known = ids(connection)
        with _statements(connection) as asked:
            store.collect(connection, form, known)
    assert len(asked) == 1
    assert "html" not in asked[0]
    assert "body" not in asked[0]


@contextmanager
def _statements(connection: Connection) -> Iterator[list[str]]:
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    yield asked
    event.remove(connection, "before_cursor_execute", note)


def test_a_busy_database_does_not_stop_a_feed(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.store(1, "a")
    builder = sqlite_feed_blog.builder()
    with sqlite_feed_blog.database.write() as writer:
        writer.execute(update(post_table).values(notes=["kept busy"]))
        built = builder.build("a")
    assert built is not None
    assert b"Post 1" in built.body
    assert sqlite_feed_blog.kept() == 0
    # Another process renders it once more, and then it is kept.
    sqlite_feed_blog.builder().build("a")
    assert sqlite_feed_blog.kept() == 1


def test_a_locked_table_does_not_stop_a_feed(postgres_url: str) -> None:
    database = open_database(postgres_url)
    upgrade(database)
    blog = new_blog(database)
    blog.store(1, "a")
    with database.write() as writer:
        writer.exec_driver_sql("LOCK TABLE fragment IN SHARE MODE")
        assert blog.builder().build("a")
    assert blog.kept() == 0
    database.dispose()


def test_the_connection_is_as_it_was_after_keeping(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.store(1, "a")
    assert sqlite_feed_blog.builder().build("a")
    with sqlite_feed_blog.database.write() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 30_000


def test_a_broken_database_keeps_nothing_and_says_so(
    sqlite_feed_blog: FeedsBlog, form: CountingFormat
) -> None:
    sqlite_feed_blog.store(1, "a")
    store = FragmentStore(sqlite_feed_blog.database)
    made = collect(sqlite_feed_blog, store, form)
    with sqlite_feed_blog.database.write() as connection:
        connection.exec_driver_sql("DROP TABLE fragment")
    assert not store.keep(form, made.fresh)
    with pytest.raises(DatabaseUnavailable):
        collect(sqlite_feed_blog, FragmentStore(sqlite_feed_blog.database), form)


def test_memory_forgets_what_was_used_least_recently() -> None:
    memory: Memory[str, int] = Memory(limit=10)
    memory.put([("a", 1, 4), ("b", 2, 4)])
    memory.get(["a"])
    memory.put([("c", 3, 4)])
    assert memory.get("abc") == {"a": 1, "c": 3}


def test_memory_counts_a_replaced_value_once() -> None:
    memory: Memory[str, int] = Memory(limit=10)
    for turn in range(5):
        memory.put([("a", turn, 5)])
    memory.put([("b", 0, 5)])
    assert memory.get("ab") == {"a": 4, "b": 0}
    memory.put([("a", 9, 11)])
    assert memory.get("ab") == {"b": 0}


def test_kept_entries_are_atoms(feed_blog: FeedsBlog) -> None:
    feed_blog.store(1, "a", html="<p>Ünï 政治 🐟</p>")
    feed_blog.builder().build("a")
    with feed_blog.database.read() as connection:
        (row,) = connection.execute(select(fragment)).all()
    assert row.kind == ATOM.kind
    assert bytes(row.body).startswith(b"<entry><id>tag:blog.example,2026:1</id>")
    assert "Ünï 政治 🐟".encode() in bytes(row.body)
