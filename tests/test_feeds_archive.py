"""Archive documents (RFC 5005): what is in them and when, what they lead to, and what becomes of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import event, func, select

from database import Database, DatabaseUnavailable
from feeds.archives import pools
from feeds.archives.keeping import REFUSED_SECONDS
from feeds.build import BuiltFeed, FeedBuilder
from feeds.model import archive, archive_document, archive_entry
from feeds.selection import add_feed
from posts.blog import get_blog
from posts.curation import rename_label
from posts.model import PostState
from posts.rules import parse
from tests.feeds_blog import START, FeedsBlog, post
from tests.feeds_walking import Page, collected, fetch, read, walk

C = 4
S = 3
ROOM = S + 2 * C
HOME = "https://blog.example/feeds"


@pytest.fixture
def make(feed_blog: FeedsBlog) -> Callable[..., FeedBuilder]:
    """Makes builders that know nothing yet, with short archive documents."""

    def builder(**options: object) -> FeedBuilder:
        return FeedBuilder(feed_blog.database, feed_blog.site, per_document=C, **options)  # type: ignore[arg-type]

    return builder


Make = Callable[..., FeedBuilder]


def filled(blog: FeedsBlog, count: int, *labels: str) -> None:
    blog.store_all([post(number, *(labels or ("a",))) for number in range(1, count + 1)])


def uris(*numbers: int) -> list[str]:
    return [f"tag:blog.example,2026:{number}" for number in numbers]


def numbers(page: Page) -> list[int]:
    return [int(uri.rpartition(":")[2]) for uri in page.ids]


def stored(database: Database) -> tuple[int, int, int]:
    """How many archives, documents and entries are stored."""
    with database.read() as connection:
        counts = [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (archive, archive_document, archive_entry)
        ]
    return counts[0], counts[1], counts[2]


def document(builder: FeedBuilder, number: int, **asked: str) -> BuiltFeed:
    built = builder.archive("a", number, **asked)  # type: ignore[arg-type]
    assert built is not None
    return built


def page(built: BuiltFeed | None) -> Page:
    assert built is not None
    return read(built.self_url, built.form.suffix, built.body)


def test_what_fits_whole_is_complete_and_has_no_archive(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, S)
    feed = page(make().build("a"))
    assert feed.is_complete
    assert feed.older is None
    assert numbers(feed) == [3, 2, 1]
    assert make().archive("a", 2) is None


def test_nothing_is_stored_of_a_small_feed(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, ROOM)
    pages = walk(make(), "a")
    assert [numbers(one) for one in pages] == [[11, 10, 9], [8, 7, 6, 5, 4, 3, 2, 1]]
    assert make().settle([]) == 0
    assert stored(feed_blog.database) == (0, 0, 0)
    assert not pages[0].is_complete
    assert not pages[0].is_archive
    assert pages[1].is_archive
    assert pages[1].url.startswith(f"{HOME}/a/archive/1.atom?edition=")
    assert (pages[1].current, pages[1].older, pages[1].newer) == (f"{HOME}/a.atom", None, None)


def test_documents_are_closed_oldest_first_and_lead_to_each_other(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, ROOM + 2 * C + 1)
    pages = walk(make(), "a")
    assert [numbers(one) for one in pages] == [
        [20, 19, 18],
        [17, 16, 15, 14, 13],
        [12, 11, 10, 9],
        [8, 7, 6, 5],
        [4, 3, 2, 1],
    ]
    assert stored(feed_blog.database) == (1, 3, 20)
    assert [one.url for one in pages[2:]] == [f"{HOME}/a/archive/{number}.atom" for number in (3, 2, 1)]
    assert pages[1].url.startswith(f"{HOME}/a/archive/4.atom?edition=")
    assert [one.older for one in pages[1:]] == [*[one.url for one in pages[2:]], None]
    assert [one.newer for one in pages[1:]] == [
        None,
        *[f"{HOME}/a/archive/{number}.atom" for number in (4, 3, 2)],
    ]
    assert all(one.is_archive and one.current == pages[0].url for one in pages[1:])


def test_a_new_post_changes_no_closed_document(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 20)
    builder = make()
    before = [document(builder, number) for number in (1, 2, 3)]
    feed_blog.store(21, "a")
    after = [document(builder, number) for number in (1, 2, 3)]
    assert [one.etag for one in after] == [one.etag for one in before]
    assert all(one.is_closed and one.last_modified == before[0].last_modified for one in after)


def test_what_goes_from_a_closed_document_gives_it_an_edition(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 20)
    builder = make()
    assert (document(builder, 1).edition, document(builder, 1).is_moved) == ("", False)
    feed_blog.store(2, "a", state=PostState.DELETED)
    moved = document(builder, 1)
    assert moved.is_moved
    assert moved.is_closed
    assert moved.self_url == f"{HOME}/a/archive/1.atom?edition={moved.edition}"
    there = document(builder, 1, edition=moved.edition)
    assert not there.is_moved
    assert numbers(page(there)) == [4, 3, 1]
    assert not document(builder, 2).is_moved
    feed_blog.store(3, "b")
    assert document(builder, 1, edition=moved.edition).is_moved
    assert numbers(page(document(builder, 1))) == [4, 1]


def test_an_edited_old_post_comes_back(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 20)
    builder = make()
    walk(builder, "a")
    feed_blog.store(2, "a", html="<p>Quite another text</p>")
    pages = walk(builder, "a")
    assert numbers(pages[0]) == [20, 19, 18, 2]
    assert numbers(pages[-1]) == [4, 3, 1]
    assert "?edition=" in fetch(builder, f"{HOME}/a/archive/1.atom").url


def test_a_touched_one_does_not(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 20)
    builder = make()
    walk(builder, "a")
    feed_blog.store(2, "a", html="<p>Text  of <b>2</b></p>")
    pages = walk(builder, "a")
    assert numbers(pages[0]) == [20, 19, 18]
    assert numbers(pages[-1]) == [4, 3, 2, 1]
    assert "?edition=" in pages[-1].url


def test_the_last_edits_come_back_and_no_more_than_there_are_entries(
    feed_blog: FeedsBlog, make: Make
) -> None:
    filled(feed_blog, 20)
    builder = make()
    for number in (7, 2, 12, 4, 15):
        feed_blog.store(number, "a", html=f"<p>Another {number}</p>")
    pages = walk(builder, "a")
    assert numbers(pages[0]) == [20, 19, 18, 15, 12, 4]
    assert sorted(collected(pages)) == sorted(uris(*range(1, 21)))


def test_an_edit_is_old_once_all_that_is_shown_is_newer(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 20)
    builder = make()
    feed_blog.store(2, "a", html="<p>Quite another text</p>")
    assert 2 in numbers(page(builder.build("a")))
    for number in range(21, 22 + S):
        now = feed_blog.now
        feed_blog.store_all([replace(post(number, "a"), published=now, updated=now)])
    pages = walk(builder, "a")
    assert numbers(pages[0]) == [24, 23, 22]
    assert 2 in numbers(pages[2])
    assert pages[2].url == f"{HOME}/a/archive/4.atom"
    assert sorted(collected(pages)) == sorted(uris(*range(1, 25)))


def test_after_many_deletions_the_newest_come_back_from_closed_documents(
    feed_blog: FeedsBlog, make: Make
) -> None:
    filled(feed_blog, 20)
    builder = make()
    walk(builder, "a")
    feed_blog.store_all([post(number, "a", state=PostState.DELETED) for number in range(7, 21)])
    pages = walk(builder, "a")
    assert [numbers(one) for one in pages] == [[6, 5, 4], [], [], [], [3, 2, 1]]
    assert walk(make(), "a") == pages


def test_a_late_import_of_old_posts_gets_documents_of_its_own(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 20)
    builder = make()
    closed = [document(builder, number).etag for number in (1, 2, 3)]
    late = [replace(post(100 + n, "a"), published=START - timedelta(days=3000 - n)) for n in range(9)]
    feed_blog.store_all(late)
    pages = walk(builder, "a")
    assert [document(builder, number).etag for number in (1, 2, 3)] == closed
    assert [len(one.ids) for one in pages] == [3, 6, 4, 4, 4, 4, 4]
    assert numbers(pages[3]) == [103, 102, 101, 100]


def test_one_archive_serves_every_content_and_format(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 20)
    builder = make()
    full = walk(builder, "a")
    for suffix in ("atom", "rss", "json"):
        summaries = walk(builder, "a", suffix, content="summary")
        assert [one.ids for one in summaries] == [one.ids for one in full]
        assert f"/a/archive/4.{suffix}?content=summary&edition=" in summaries[1].url
        assert summaries[2].url == f"{HOME}/a/archive/3.{suffix}?content=summary"
    assert stored(feed_blog.database)[0] == 1


def test_a_renamed_label_keeps_its_archive(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 20)
    builder = make()
    before = walk(builder, "a")
    with feed_blog.database.write() as connection:
        rename_label(connection, "a", "New", now=feed_blog.now + timedelta(hours=1))
    after = walk(builder, "a")
    assert [one.ids for one in after] == [one.ids for one in before]
    assert fetch(builder, before[-1].url).url.startswith(f"{HOME}/new/archive/1.atom?edition=")
    assert stored(feed_blog.database)[0] == 1


def test_authors_and_everything_have_archives_too(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 20)
    builder = make()
    for name in ("all", "authors/ann"):
        assert collected(walk(builder, name)) == uris(*range(20, 0, -1))
    assert builder.archive("authors/ann", 1) is not None


def test_a_configured_feed_under_another_rule_keeps_its_documents(feed_blog: FeedsBlog, make: Make) -> None:
    feed_blog.store_all([post(number, "a" if number % 2 else "b") for number in range(1, 41)])
    builder = make()

    def under(rule: str, **options: object) -> list[int]:
        with feed_blog.database.write() as connection:
            add_feed(connection, slug="mine", rule=parse(rule), now=feed_blog.now, replace=True, **options)  # type: ignore[arg-type]
        return [int(uri.rpartition(":")[2]) for uri in collected(walk(builder, "mine"))]

    odd, even = list(range(39, 0, -2)), list(range(40, 0, -2))
    assert under("a") == odd
    first = [one.ids for one in walk(builder, "mine")]
    assert sorted(under("a or b")) == list(range(1, 41))
    assert [one.ids for one in walk(builder, "mine")][-3:] == first[-3:]
    assert under("b") == even
    assert under("b", entries=7) == even
    assert len(walk(builder, "mine")[0].ids) == 7


def test_private_posts_are_in_the_private_feeds_archive_alone(feed_blog: FeedsBlog, make: Make) -> None:
    feed_blog.store_all([post(number, "a", *(["x"] if number % 2 else [])) for number in range(1, 41)])
    builder = make()
    assert len(collected(walk(builder, "all"))) == 40
    with feed_blog.database.write() as connection:
        add_feed(connection, slug="secret", rule=parse("x"), now=feed_blog.now, is_private=True)
    secret = walk(builder, "secret")
    assert len(secret) > 3
    assert sorted(collected(secret)) == sorted(uris(*range(1, 41, 2)))
    assert secret[0].deleted == ()
    for name in ("all", "a", "authors/ann"):
        assert sorted(collected(walk(builder, name))) == sorted(uris(*range(2, 41, 2)))
    feed_blog.store(3, "a", "x", html="<p>Changed in private</p>")
    feed_blog.store(5, "a")
    secret = walk(builder, "secret")
    assert sorted(collected(secret)) == sorted(uris(1, 3, *range(7, 41, 2)))
    assert 3 in numbers(secret[0])


@pytest.mark.parametrize(
    ("name", "query"), [("latest", None), ("a+b", None), ("a", "text"), ("-a+b", None), ("all", "text")]
)
def test_feeds_without_an_archive_are_paged(
    feed_blog: FeedsBlog, make: Make, name: str, query: str | None
) -> None:
    # The feed of the rule "b and not a" must have posts as well.
    labels = ("b",) if name.startswith("-") else ("a", "b")
    feed_blog.store_all([post(number, *labels) for number in range(1, 12)])
    feed_blog.store(99, "a")
    feed_blog.store(99, "c", state=PostState.DELETED)
    edited = post(4, *labels, html="<p>Edited text</p>")
    feed_blog.store_all([replace(edited, updated=feed_blog.now)])
    # Of the very same moment.
    same = START - timedelta(days=2000)
    feed_blog.store_all(
        [replace(post(number, *labels), published=same, updated=same) for number in range(20, 30)]
    )
    with feed_blog.database.write() as connection:
        add_feed(connection, slug="latest", rule=parse("all"), now=feed_blog.now, ordering="updated")
    for suffix in ("atom", "json"):
        pages = walk(make(), name, suffix, query=query)
        assert sorted(collected(pages)) == sorted(uris(*range(1, 12), *range(20, 30)))
        assert [len(one.ids) for one in pages] == [S] * 7
        assert numbers(pages[0])[0] == (4 if name == "latest" else 11)
        assert not any(one.is_complete or one.is_archive for one in pages)
    assert stored(feed_blog.database) == (0, 0, 0)
    assert query or make().archive(name, 1) is None


def test_a_place_that_is_none_is_the_newest_page(feed_blog: FeedsBlog, make: Make) -> None:
    feed_blog.store_all([post(number, "a", "b") for number in range(1, 8)])
    builder = make()
    newest = builder.build("a+b")
    assert newest is not None
    for before in ("", "x", "20269999T000000.000000Z-1", "99991231T235959.999999Z-1"):
        built = builder.build("a+b", before=before)
        assert built is not None
        assert (built.self_url, built.body) == (newest.self_url, newest.body)
    assert builder.build("a", before="20260101T000000.000000Z-1") is builder.build("a")


class Clock:
    """Seconds that only go on when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@contextmanager
def busy(database: Database) -> Iterator[None]:
    """Another writer is at work: nobody else can write, everybody can read."""
    with database.write() as writer:
        get_blog(writer, lock=True)
        yield


def test_a_busy_database_stops_no_walk(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 20)
    clock = Clock()
    builder = make(clock=clock)
    walk(builder, "a")
    before = stored(feed_blog.database)
    feed_blog.store_all([post(number, "a") for number in range(21, 40)])
    feed_blog.store(2, "a", state=PostState.DELETED)
    feed_blog.store(3, "a", html="<p>Edited</p>")
    feed_blog.store(20, "b")
    expected = sorted(uris(1, *range(3, 20), *range(21, 40)))
    with busy(feed_blog.database):
        pages = walk(builder, "a")
        assert sorted(collected(pages)) == expected
        assert numbers(pages[0]) == [39, 38, 37, 3]
        assert numbers(pages[-1]) == [4, 1]
        assert walk(make(), "a") == pages
    assert stored(feed_blog.database) == before
    # Nobody waits for it again so soon; then it is stored, and what was built meanwhile is not kept.
    assert walk(builder, "a") == pages
    assert stored(feed_blog.database) == before
    clock.seconds = REFUSED_SECONDS
    settled = walk(builder, "a")
    assert sorted(collected(settled)) == expected
    assert stored(feed_blog.database) > before
    assert len(settled) > len(pages)


def test_another_process_storing_the_archive_is_noticed(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 20)
    builder = make(clock=Clock())
    with busy(feed_blog.database):
        behind = page(builder.build("a"))
    settled = walk(make(), "a")
    assert behind.older != settled[0].older
    assert walk(builder, "a") == settled


def test_an_archive_that_is_far_behind_is_not_served_but_its_feed_is(
    feed_blog: FeedsBlog, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "FAR_BEHIND", 5)
    filled(feed_blog, 40)
    builder = make()
    with busy(feed_blog.database):
        feed = page(builder.build("a"))
        assert numbers(feed) == [40, 39, 38]
        with pytest.raises(DatabaseUnavailable, match="far behind its posts") as refused:
            builder.archive("a", 1)
    assert "\n" not in str(refused.value)
    assert sorted(collected(walk(make(), "a"))) == sorted(uris(*range(1, 41)))


def test_many_builders_at_once_make_one_archive(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 40)
    start = Barrier(6)
    shown: list[list[int]] = []

    def build() -> None:
        builder = make()
        start.wait()
        shown.append(numbers(page(builder.build("a"))))
        assert builder.archive("a", 1) is not None

    for change in range(3):
        feed_blog.store_all([post(100 + change * 10 + number, "a") for number in range(9)])
        feed_blog.store(change + 1, "a", html="<p>Edited</p>")
        threads = [Thread(target=build) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        newest = 108 + change * 10
        back = list(range(change + 1, 0, -1))
        assert shown == [[newest, newest - 1, newest - 2, *back]] * 6
        shown.clear()
    added = [100 + 10 * change + number for change in range(3) for number in range(9)]
    assert sorted(collected(walk(make(), "a"))) == sorted(uris(*range(1, 41), *added))
    assert stored(feed_blog.database)[0] == 1
    assert stored(feed_blog.database)[2] == 40 + len(added)


def test_settling_asks_again_only_for_what_changed(sqlite_feed_blog: FeedsBlog) -> None:
    blog = sqlite_feed_blog
    blog.store_all([post(number, "a", "b" if number % 2 else "c") for number in range(1, 41)])
    builder = FeedBuilder(blog.database, blog.site, per_document=C)

    def settled() -> tuple[int, int]:
        with blog.database.read() as connection:
            states = builder.states(connection)
        with statements(blog.database) as asked:
            count = builder.settle(states)
        return count, len(asked)

    assert settled()[0] == 5
    assert settled() == (0, 0)
    blog.store(50, "c")
    assert settled()[0] == 3
    assert FeedBuilder(blog.database, blog.site, per_document=C).settle([]) == 0


def test_many_feeds_take_few_questions(sqlite_feed_blog: FeedsBlog) -> None:
    blog = sqlite_feed_blog
    blog.store_all([post(number, *(f"l{label}" for label in range(20))) for number in range(1, 31)])
    blog.store(3, "l1", state=PostState.DELETED)
    builder = FeedBuilder(blog.database, blog.site, per_document=C)
    with blog.database.read() as connection:
        states = builder.states(connection)
    builder.settle(states)
    with blog.database.read() as connection:
        builder.assemble(connection, states)
        with statements(blog.database) as asked:
            made = builder.assemble(connection, states)
    assert len(made.documents) == len(states) == 22
    assert len(asked) <= 8


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "SET ")):
            asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield asked
    event.remove(database.engine, "before_cursor_execute", note)


def test_an_empty_archive_document_is_the_same_bytes_each_time(feed_blog: FeedsBlog, make: Make) -> None:
    filled(feed_blog, 20)
    builder = make()
    walk(builder, "a")
    feed_blog.store_all([post(number, "a", state=PostState.DELETED) for number in range(2, 21)])
    first = document(builder, 4)
    feed_blog.store(1, "a", html="<p>Edited</p>")
    again = document(make(), 4)
    assert first.held == again.held == {}
    assert first.body == again.body
