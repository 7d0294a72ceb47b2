"""Which feeds there are, and a feed built: its ids, its times, its ETag, and when it is built anew."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import feedparser
import pytest
from sqlalchemy import event

from database import Database, open_database, upgrade
from feeds.build import BuiltFeed, FeedBuilder
from feeds.fragments import FragmentStore
from feeds.selection import FeedError, add_feed, all_feeds, find_feed, remove_feed
from posts.curation import delete_label, merge_labels, rename_label
from posts.model import PostState
from posts.rules import parse
from tests.feeds_blog import START, FeedsBlog, new_blog, post


def built(builder: FeedBuilder, name: str) -> BuiltFeed:
    feed = builder.build(name)
    assert feed is not None
    return feed


def titles(feed: BuiltFeed) -> list[str]:
    found = feedparser.parse(feed.body)
    assert not found.bozo
    return [entry.title for entry in found.entries]


def test_there_is_a_feed_of_everything_and_one_for_each_label(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "MEK", "C++"), post(2, "U.S. politics"), post(3, "政治")])
    with feed_blog.database.read() as connection:
        feeds = all_feeds(connection, feed_blog.site)
        assert [feed.title for feed in feeds] == [
            "The Blog",
            "The Blog: C++",
            "The Blog: MEK",
            "The Blog: U.S. politics",
            "The Blog: 政治",
            "The Blog: by Ann",
        ]
        assert len({feed.uri for feed in feeds}) == 6
        assert all(find_feed(connection, feed_blog.site, feed.slug) == feed for feed in feeds)
        chinese = find_feed(connection, feed_blog.site, "政治")
    assert chinese is not None
    assert (
        feed_blog.site.feed_url(chinese.slug, "atom") == "https://blog.example/feeds/%E6%94%BF%E6%B2%BB.atom"
    )
    assert chinese.alternate_url == "https://blog.example/labels/%E6%94%BF%E6%B2%BB"


def test_a_feed_shows_its_newest_posts_newest_first(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(number, "a" if number % 2 else "b") for number in range(1, 11)])
    builder = feed_blog.builder()
    assert titles(built(builder, "a")) == ["Post 9", "Post 7", "Post 5"]
    assert titles(built(builder, "b")) == ["Post 10", "Post 8", "Post 6"]
    assert titles(built(builder, "all")) == ["Post 10", "Post 9", "Post 8"]
    assert builder.build("c") is None


def test_what_is_not_live_is_in_no_feed(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all(
        [
            post(1, "a"),
            post(2, "a", state=PostState.DRAFT),
            post(3, "a", state=PostState.DELETED),
            replace(post(4, "a"), published=START + timedelta(days=9), updated=START + timedelta(days=9)),
        ]
    )
    feed = built(feed_blog.builder(), "a")
    assert titles(feed) == ["Post 1"]
    assert b"<updated>2023-04-08T12:00:00+00:00</updated><author>" in feed.body


def test_a_feed_is_as_new_as_its_newest_entry(feed_blog: FeedsBlog) -> None:
    edited = START - timedelta(days=3, microseconds=5)
    feed_blog.store_all([replace(post(1, "a"), updated=edited), post(2, "a")])
    head = built(feed_blog.builder(), "a").body.partition(b"<entry>")[0]
    assert b"<updated>2025-12-29T11:59:59+00:00</updated>" in head


def test_an_empty_feed_is_as_new_as_its_last_change(feed_blog: FeedsBlog) -> None:
    feed_blog.store(1, "a")
    feed_blog.store(1, "b")
    feed = built(feed_blog.builder(), "a")
    assert titles(feed) == []
    assert f"<updated>{feed_blog.now.isoformat()}</updated>".encode() in feed.body
    assert feed.last_modified == feed_blog.now


def test_built_twice_a_feed_is_the_same_bytes(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(number, "a", "b") for number in range(1, 6)])
    warm = feed_blog.builder()
    for name in ("a", "b", "all"):
        bodies = {built(builder, name).body for builder in (warm, warm, feed_blog.builder())}
        assert len(bodies) == 1


def test_both_databases_make_the_same_bytes(sqlite_url: str, postgres_url: str) -> None:
    def bodies(url: str) -> Iterator[bytes]:
        database = open_database(url)
        upgrade(database)
        blog = new_blog(database)
        blog.store_all(post(number, "b", "a", "Ä") for number in range(1, 6))
        blog.store(3, "a", "c", html="<p>\r\n🐟</p>")
        with database.write() as connection:
            add_feed(connection, slug="two", rule=parse("a and not c"), now=blog.now)
        builder = blog.builder()
        yield from (built(builder, name).body for name in ("a", "b", "c", "ä", "two", "all"))
        database.dispose()

    assert list(bodies(sqlite_url)) == list(bodies(postgres_url))


def test_a_warm_feed_is_not_built_again(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.store_all([post(1, "a"), post(2, "b")])
    builder = sqlite_feed_blog.builder()
    first = built(builder, "a")
    sqlite_feed_blog.store(3, "b")
    with statements(sqlite_feed_blog.database) as asked:
        assert builder.build("a") is first
    assert not [statement for statement in asked if "html" in statement or "fragment" in statement]


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield asked
    event.remove(database.engine, "before_cursor_execute", note)


def test_the_etag_is_of_these_bytes_and_no_other_feed_moves_it(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b")])
    builder = feed_blog.builder()
    before = built(builder, "a")
    feed_blog.store(3, "b")
    assert built(builder, "a").etag == built(feed_blog.builder(), "a").etag == before.etag
    feed_blog.store(1, "a", html="<p>edited</p>")
    after = built(builder, "a")
    assert after.etag != before.etag
    assert after.etag.startswith('"')
    assert after.etag.endswith('"')
    assert after.media_type == "application/atom+xml"


@pytest.mark.parametrize("change", ["delete", "unlabel", "edit", "rename", "merge"])
def test_last_modified_moves_with_every_change(feed_blog: FeedsBlog, change: str) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "a"), post(3, "b", "a")])
    builder = feed_blog.builder()
    before = built(builder, "a")
    if change == "delete":
        feed_blog.store(1, "a", state=PostState.DELETED)
    elif change == "unlabel":
        feed_blog.store(2, "b")
    elif change == "edit":
        feed_blog.store(2, "a", html="<p>edited</p>")
    else:
        feed_blog.now += timedelta(minutes=1)
        with feed_blog.database.write() as connection:
            if change == "rename":
                rename_label(connection, "b", "renamed", now=feed_blog.now)
            else:
                merge_labels(connection, "b", "a", now=feed_blog.now)
    after = built(builder, "a")
    assert after.last_modified == feed_blog.now > before.last_modified
    assert after.body != before.body
    assert after.body == built(feed_blog.builder(), "a").body


def test_a_renamed_label_keeps_its_feed(feed_blog: FeedsBlog) -> None:
    feed_blog.store(1, "old name")
    builder = feed_blog.builder()
    before = built(builder, "old name")
    with feed_blog.database.write() as connection:
        rename_label(connection, "old name", "New name", now=feed_blog.now + timedelta(hours=1))
    after = built(builder, before.spec.slug)
    assert after.spec.uri == before.spec.uri
    assert after.spec.title == "The Blog: New name"
    assert b'<category term="New name"/>' in after.body


def test_a_deleted_label_has_no_feed(feed_blog: FeedsBlog) -> None:
    feed_blog.store(1, "a", "b")
    builder = feed_blog.builder()
    built(builder, "a")
    with feed_blog.database.write() as connection:
        delete_label(connection, "a", now=feed_blog.now + timedelta(hours=1))
    assert builder.build("a") is None
    assert b'term="a"' not in built(builder, "b").body


def test_a_new_title_or_language_makes_a_new_feed(feed_blog: FeedsBlog) -> None:
    feed_blog.store(1, "a")
    sites = [
        feed_blog.site,
        replace(feed_blog.site, title="Other"),
        replace(feed_blog.site, author="Bob"),
        replace(feed_blog.site, language=None),
        replace(feed_blog.site, url="https://moved.example/"),
    ]
    feeds = [built(FeedBuilder(feed_blog.database, site), "a") for site in sites]
    assert len({feed.body for feed in feeds}) == len({feed.revision for feed in feeds}) == len(sites)
    assert len({feed.spec.uri for feed in feeds}) == 1


def test_a_configured_feed_follows_its_rule(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "a", "b"), post(3, "c"), post(4)])
    with feed_blog.database.write() as connection:
        add_feed(connection, slug="mine", rule=parse("(a and not b) or c"), now=feed_blog.now, title="Mine")
        add_feed(
            connection, slug="rest", rule=parse("not a"), now=feed_blog.now, entries=1, subtitle="The rest"
        )
    builder = feed_blog.builder()
    assert titles(built(builder, "mine")) == ["Post 3", "Post 1"]
    assert titles(built(builder, "rest")) == ["Post 4"]
    assert built(builder, "rest").spec.title == "The Blog: not a"
    assert built(builder, "rest").spec.alternate_url == "https://blog.example/labels/rest"
    feed_blog.store(2, "a")
    assert titles(built(builder, "mine")) == ["Post 3", "Post 2", "Post 1"]


def test_a_feed_configured_anew_is_the_same_feed(feed_blog: FeedsBlog) -> None:
    feed_blog.store(1, "a")
    builder = feed_blog.builder()
    uris = set()
    for rule in ("a", "not a"):
        with feed_blog.database.write() as connection:
            add_feed(connection, slug="mine", rule=parse(rule), now=feed_blog.now)
        uris.add(built(builder, "mine").spec.uri)
        with feed_blog.database.write() as connection:
            add_feed(connection, slug="mine", rule=parse("all"), now=feed_blog.now, replace=True)
            assert remove_feed(connection, "mine", now=feed_blog.now)
            assert not remove_feed(connection, "mine", now=feed_blog.now)
        assert builder.build("mine") is None
    assert len(uris) == 1


@pytest.mark.parametrize(
    ("slug", "entries", "reason"),
    [
        ("a", None, "label of that name"),
        ("all", None, "another name"),
        ("No Slug", None, "no-slug would be"),
        ("-x", None, "not fit"),
        ("mine", None, "configure it anew with --replace"),
        ("other", 0, "at least 1"),
        ("old", None, "leads to the label 'New', which had it once"),
    ],
)
def test_a_feed_that_cannot_be_is_refused(
    sqlite_feed_blog: FeedsBlog, slug: str, entries: int | None, reason: str
) -> None:
    sqlite_feed_blog.store_all([post(1, "a"), post(2, "Old")])
    with sqlite_feed_blog.database.write() as connection:
        rename_label(connection, "Old", "New", now=START)
        add_feed(connection, slug="mine", rule=parse("a"), now=START)
        with pytest.raises(FeedError, match=reason) as refused:
            add_feed(connection, slug=slug, rule=parse("a"), now=START, entries=entries)
    assert "\n" not in str(refused.value)


def test_a_configured_feed_hides_a_label_that_came_later(feed_blog: FeedsBlog) -> None:
    with feed_blog.database.write() as connection:
        add_feed(connection, slug="news", rule=parse("a"), now=START)
    feed_blog.store_all([post(1, "a"), post(2, "News")])
    assert titles(built(feed_blog.builder(), "news")) == ["Post 1"]
    with feed_blog.database.read() as connection:
        assert [feed.slug for feed in all_feeds(connection, feed_blog.site)].count("news") == 1
    with feed_blog.database.write() as connection:
        add_feed(connection, slug="news", rule=parse("a or news"), now=START, replace=True)
    assert titles(built(feed_blog.builder(), "news")) == ["Post 2", "Post 1"]


def test_a_feed_comes_in_every_format_and_content(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "a", html="<p>" + "Words and words. " * 100 + "</p>")])
    builder = feed_blog.builder()
    made = {
        (suffix, content): builder.build("a", suffix, content=content)
        for suffix in ("atom", "rss", "json")
        for content in (None, "summary", "full")
    }
    for (suffix, content), feed in made.items():
        assert feed is not None
        assert feed.form.suffix == suffix
        assert feed.spec.params == ((("content", "summary"),) if content == "summary" else ())
        assert feed.self_url == f"https://blog.example/feeds/a.{suffix}" + (
            "?content=summary" if content == "summary" else ""
        )
        assert feed.self_url.encode() in feed.body
        # The feed in its own content is that feed, asked for in whatever way.
        assert (feed is made[suffix, None]) == (content != "summary")
    assert len({feed.etag for feed in made.values() if feed}) == 6
    assert len({feed.spec.uri for feed in made.values() if feed}) == 2
    assert builder.build("a", "txt") is None


def test_a_search_is_a_feed_of_its_own(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a", html="<p>Of fish</p>"), post(2, "a"), post(3, html="<p>Fish!</p>")])
    builder = feed_blog.builder()
    found = builder.build("a", query="FISH")
    assert found is not None
    assert titles(found) == ["Post 1"]
    assert found.spec.params == (("q", "fish"),)
    everywhere = builder.build("all", "json", query="fish")
    assert everywhere is not None
    assert everywhere.body.count(b'"id":') == 2
    assert builder.build("all", query=" ") is builder.build("all")


def deleted(feed: BuiltFeed) -> list[str]:
    return re.findall(r'<at:deleted-entry ref="tag:blog.example,2026:(\d+)"', feed.body.decode())


def test_what_went_is_told(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(number, "a", "b" if number > 3 else "c") for number in range(1, 7)])
    builder = feed_blog.builder()
    assert deleted(built(builder, "a")) == []
    feed_blog.store(6, "a", "b", state=PostState.DELETED)
    feed_blog.store(2, "a", "c", state=PostState.DRAFT)
    assert deleted(built(builder, "a")) == ["2", "6"]
    assert deleted(built(builder, "b")) == ["6"]
    assert deleted(built(builder, "authors/ann")) == ["2", "6"]
    feed_blog.store(2, "a", "c")
    assert deleted(built(builder, "all")) == ["6"]


def test_no_more_is_told_than_a_feed_has_entries_nor_of_long_ago(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(number, "a") for number in range(1, 9)])
    feed_blog.store_all([post(number, "a", state=PostState.DELETED) for number in range(1, 5)])
    builder = feed_blog.builder()
    assert deleted(built(builder, "a")) == ["4", "3", "2"]
    feed_blog.now += timedelta(minutes=5)
    for number in range(9, 12):
        new = replace(post(number, "a"), published=feed_blog.now, updated=feed_blog.now)
        feed_blog.store_all([new])
    assert deleted(built(builder, "a")) == []


def test_of_many_feeds_at_once_the_same_is_told(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(number, f"l{number}", f"m{number % 3}") for number in range(1, 15)])
    feed_blog.store_all([post(number, state=PostState.DELETED) for number in (1, 4, 7, 8, 10, 13)])
    with feed_blog.database.write() as connection:
        add_feed(connection, slug="mine", rule=parse("m1 or m2"), now=feed_blog.now)
    builder = feed_blog.builder()
    with feed_blog.database.read() as connection:
        states = builder.states(connection)
        made = builder.assemble(connection, states).documents
    alone = feed_blog.builder()
    for state, parts in zip(states, made, strict=True):
        assert b"".join(parts) == built(alone, state.spec.slug).body
    assert deleted(built(alone, "m1")) == ["13", "10", "7"]


def test_what_is_new_since_a_version_can_be_had_alone(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(number, "a") for number in range(1, 4)])
    builder = feed_blog.builder()
    first = built(builder, "a")
    feed_blog.store(4, "a")
    feed_blog.store(2, "a", html="<p>Edited</p>")
    second = built(builder, "a")
    difference = builder.since(second, first.etag)
    assert difference is not None
    shown = feedparser.parse(difference)
    assert [entry.title for entry in shown.entries] == ["Post 4", "Post 2"]
    assert shown.feed.id == second.spec.uri
    assert b"fh:complete" not in difference
    whole = builder.since(second, second.etag)
    assert whole is not None
    assert not feedparser.parse(whole).entries


def test_of_a_version_that_nobody_knows_nothing_is_told(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(number, "a", "b") for number in range(1, 4)])
    builder = feed_blog.builder()
    first, other = built(builder, "a"), built(builder, "b")
    feed_blog.store(4, "a")
    second = built(builder, "a")
    assert builder.since(second, '"never-was"') is None
    assert builder.since(second, other.etag) is None
    assert feed_blog.builder().since(second, first.etag) is None
    # Entries that memory forgot are not rendered for that.
    forgetful = FeedBuilder(
        feed_blog.database, feed_blog.site, fragments=FragmentStore(feed_blog.database, memory=0)
    )
    known = built(forgetful, "a")
    feed_blog.store(5, "a")
    assert forgetful.since(built(forgetful, "a"), known.etag) is None


def test_hubs_are_named_where_they_are_told(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(number, "a", "b") for number in range(1, 40)])
    site = replace(feed_blog.site, hubs=("https://hub.example/",))
    builder = FeedBuilder(feed_blog.database, site, per_document=5)
    assert built(builder, "a").hubs == site.hubs
    assert b"https://hub.example/" in built(builder, "a").body
    document = builder.archive("a", 1)
    assert document is not None
    for silent in (document, builder.build("a", content="summary"), built(builder, "a+b")):
        assert silent is not None
        assert silent.hubs == ()
        assert b"hub.example" not in silent.body
