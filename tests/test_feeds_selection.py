"""Which feeds there are, and under which names: labels, authors, rules in addresses, private ones."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from feeds.addresses import AddressError, Part
from feeds.selection import (
    FeedError,
    FeedSpec,
    FeedState,
    add_feed,
    all_feeds,
    changes,
    current_feed,
    current_feeds,
    find_feed,
    is_gone,
    public_feeds,
    remove_feed,
    unknown_in,
)
from feeds.site import Content
from posts.curation import delete_label, merge_labels, rename_label
from posts.labels import label_key
from posts.rules import matches, parse
from tests.feeds_blog import START, FeedsBlog, post


def found(
    blog: FeedsBlog, name: str, *, content: Content | None = None, query: str | None = None
) -> FeedState:
    with blog.database.read() as connection:
        state = current_feed(connection, blog.site, name, content=content, query=query)
    assert state is not None, name
    return state


def spec(blog: FeedsBlog, name: str, *, content: Content | None = None, query: str | None = None) -> FeedSpec:
    return found(blog, name, content=content, query=query).spec


def shown(blog: FeedsBlog, name: str, *, query: str | None = None) -> list[str]:
    """The titles of the posts in a feed, in its order."""
    built = blog.builder().build(name, "json", query=query)
    assert built is not None
    return [item["title"] for item in json.loads(built.body)["items"]]


def configure(blog: FeedsBlog, slug: str, rule: str, **options: Any) -> None:
    blog.now += timedelta(minutes=1)
    with blog.database.write() as connection:
        add_feed(connection, slug=slug, rule=parse(rule), now=blog.now, **options)


def slugs(blog: FeedsBlog, *, public: bool = True) -> list[str]:
    with blog.database.read() as connection:
        listed = (public_feeds if public else all_feeds)(connection, blog.site)
    return [feed.slug for feed in listed]


@contextmanager
def counted(blog: FeedsBlog) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(blog.database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(blog.database.engine, "before_cursor_execute", note)


def test_a_rule_in_an_address_has_its_posts(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "Iran", "Iraq"), post(2, "Iran", "Sports"), post(3, "Iraq"), post(4)])
    assert shown(feed_blog, "iran+iraq") == ["Post 1"]
    assert shown(feed_blog, "iran,iraq") == ["Post 3", "Post 2", "Post 1"]
    assert shown(feed_blog, "iran+-sports") == ["Post 1"]
    assert shown(feed_blog, "-iran") == ["Post 4", "Post 3"]
    feed = spec(feed_blog, "iran+iraq,iran+-sports")
    assert feed.title == "The Blog: Iran and Iraq; or Iran, not Sports"
    assert feed.alternate_url == "https://blog.example/labels/iran+iraq,iran+-sports"
    assert feed.label_id is None


@pytest.mark.parametrize(
    "name",
    [
        "iran+u.s-politics",
        "u.s-politics+iran",
        "IRAN+U.S. Politics",
        "persia+iran+U.S. politics",
        " Persia+u.s-politics ",
    ],
)
def test_all_writings_of_a_meaning_lead_to_one_feed(feed_blog: FeedsBlog, name: str) -> None:
    feed_blog.store_all([post(1, "Persia", "U.S. politics")])
    before = spec(feed_blog, "persia+u.s-politics")
    with feed_blog.database.write() as connection:
        rename_label(connection, "Persia", "Iran", now=feed_blog.now)
    feed = spec(feed_blog, name)
    assert feed.slug == "iran+u.s-politics"
    assert feed.uri == before.uri
    assert feed.title == "The Blog: Iran and U.S. politics"


def test_each_meaning_has_an_id_of_its_own(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a", "b", "c")])
    configure(feed_blog, "mine", "a and b")
    names = ["all", "a", "b", "mine", "a+b", "a,b", "a+-b", "-a", "-b", "a+c", "-a,-b"]
    assert len({spec(feed_blog, name).uri for name in names}) == len(names)


def test_a_merged_label_is_the_other_one_in_rules(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b", "c"), post(3, "c")])
    with feed_blog.database.write() as connection:
        merge_labels(connection, "a", "b", now=feed_blog.now)
    assert spec(feed_blog, "a+c").slug == "b+c"
    assert spec(feed_blog, "a+b").slug == "b"
    assert spec(feed_blog, "a+b") == spec(feed_blog, "b")


def test_what_means_a_label_or_everything_is_that_feed(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a", "b")])
    for name in ("a,a+b", "a+b,a+-b", "a+all", "A,a"):
        assert found(feed_blog, name) == found(feed_blog, "a")
    for name in ("a,-a", "a,all", "ALL", "all+all"):
        assert found(feed_blog, name) == found(feed_blog, "all")


@pytest.mark.parametrize(
    "name", ["a+-a", "-all", "nix", "a+nix", "a+", "", "+", "authors/nix", "authors/", "\x00", "a/b"]
)
def test_what_leads_nowhere_is_no_feed(feed_blog: FeedsBlog, name: str) -> None:
    feed_blog.store_all([post(1, "a")])
    with feed_blog.database.read() as connection:
        assert current_feed(connection, feed_blog.site, name) is None
        assert find_feed(connection, feed_blog.site, name) is None
        assert not is_gone(connection, name)


def test_a_rule_that_is_too_much_says_so(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, *"abcdefghi")])
    assert spec(feed_blog, "+".join("hgfedcba")).slug == "+".join("abcdefgh")
    with feed_blog.database.read() as connection:
        with pytest.raises(AddressError, match="at most 8"):
            current_feed(connection, feed_blog.site, "+".join("abcdefghi"))
        with pytest.raises(AddressError, match="more than 1000 bytes"):
            current_feed(connection, feed_blog.site, "a," * 600)
        assert not is_gone(connection, "a," * 600)
        assert unknown_in(connection, "nix+" + "+".join("abcdefghi")) == []
        assert unknown_in(connection, "nix+" + "+".join("abcdefg")) == ["nix"]


def test_labels_with_signs_in_their_names_are_found_by_them(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all(
        [post(1, "C++"), post(2, "a+b"), post(3, "x", "a"), post(4, "-x", "b"), post(5, "1,2")]
    )
    assert spec(feed_blog, "C++").slug == "c-plus-plus"
    assert spec(feed_blog, "1,2").slug == "1-2"
    # As a rule of two slugs it is one: else its canonical address would lead elsewhere.
    assert spec(feed_blog, "a+b").rule == parse("a and b")
    assert spec(feed_blog, "-x").rule == parse("not x")
    assert spec(feed_blog, "a-plus-b").rule == parse("a+b")


def test_an_unknown_label_in_an_address_is_named(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "sports")])
    with feed_blog.database.read() as connection:
        assert unknown_in(connection, "sprots") == ["sprots"]
        assert unknown_in(connection, "sports+-Foo,bar") == ["Foo", "bar"]
        assert unknown_in(connection, "bar/archive/3") == ["bar"]
        assert unknown_in(connection, "sports") == []
        assert unknown_in(connection, "authors/nix") == []


def test_the_feeds_of_a_deleted_label_are_gone(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a", "b"), post(2, "a+c")])
    with feed_blog.database.write() as connection:
        for name in ("a", "a+c"):
            delete_label(connection, name, now=feed_blog.now)
    with feed_blog.database.read() as connection:
        gone = ["a", "A", "a+c", "a-plus-c", "a+b", "b,-a", "a/archive/12", "a+b/archive/1"]
        there = ["b", "all", "b/archive/1", "a+nix", "nix", "authors/a", "a/archive/", "a/archive/x"]
        assert [name for name in gone + there if is_gone(connection, name)] == gone
        assert all(current_feed(connection, feed_blog.site, name) is None for name in gone)
    configure(feed_blog, "mine", "b")
    with feed_blog.database.read() as connection:
        assert not is_gone(connection, "mine")


def test_a_configured_feed_has_the_address_of_a_label_that_came_later(feed_blog: FeedsBlog) -> None:
    configure(feed_blog, "news", "a")
    feed_blog.store_all([post(1, "a", "News"), post(2, "News")])
    mine = found(feed_blog, "news")
    assert mine.spec.rule == parse("a")
    assert found(feed_blog, "News") == mine
    assert found(feed_blog, "news,news+a") == mine
    assert spec(feed_blog, "news+a").rule == parse("a and News")
    assert slugs(feed_blog) == ["all", "news", "a", "authors/ann"]


def test_an_author_has_a_feed(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a"), replace(post(2, "a"), authors=("Bob O'Neill", "Ann"))])
    feed = spec(feed_blog, "authors/bob-oneill")
    assert (feed.slug, feed.title) == ("authors/bob-oneill", "The Blog: by Bob O'Neill")
    assert feed.alternate_url == "https://blog.example/authors/bob-oneill"
    assert shown(feed_blog, "authors/bob-oneill") == ["Post 2"]
    assert shown(feed_blog, "authors/ann") == ["Post 2", "Post 1"]
    assert found(feed_blog, "authors/Bob O'Neill") == found(feed_blog, "authors/bob-oneill")
    token = found(feed_blog, "authors/ann").token
    feed_blog.store_all([replace(post(3), authors=("Ann",))])
    assert found(feed_blog, "authors/ann").token != token


def test_less_of_each_post_is_another_feed(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a", "b")])
    for name in ("all", "a", "a+b", "authors/ann"):
        own, summary = spec(feed_blog, name), spec(feed_blog, name, content="summary")
        assert found(feed_blog, name, content="full") == found(feed_blog, name)
        assert (own.content, own.params) == ("full", ())
        assert (summary.slug, summary.content, summary.params) == (
            own.slug,
            "summary",
            (("content", "summary"),),
        )
        assert summary.uri.startswith("urn:uuid:")
        assert summary.uri not in {own.uri, spec(feed_blog, "all").uri}
        assert found(feed_blog, name, content="summary").token != found(feed_blog, name).token
    configure(feed_blog, "short", "a", content="summary")
    assert spec(feed_blog, "short").params == spec(feed_blog, "short", content="summary").params == ()
    assert spec(feed_blog, "short", content="full").params == (("content", "full"),)
    feed_blog.site = replace(feed_blog.site, content="summary")
    assert spec(feed_blog, "a").content == spec(feed_blog, "all").content == "summary"
    assert spec(feed_blog, "a", content="full").params == (("content", "full"),)


def test_a_search_is_a_feed_of_what_it_finds(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all(
        [post(1, "a", html="<p>A red apple</p>"), post(2, "a"), post(3, html="<p>Apple pie</p>")]
    )
    assert shown(feed_blog, "all", query="APPLE") == ["Post 3", "Post 1"]
    assert shown(feed_blog, "a", query="apple") == ["Post 1"]
    assert shown(feed_blog, "-a", query="apple") == ["Post 3"]
    assert shown(feed_blog, "authors/ann", query="apple -red") == ["Post 3"]
    every, within = spec(feed_blog, "all", query=" Apple "), spec(feed_blog, "a", query="apple")
    assert every == spec(feed_blog, "all", query="apple")
    assert every.params == (("q", "apple"),)
    assert every.title == "The Blog: search for apple"
    assert every.alternate_url == "https://blog.example/search?q=apple"
    assert within.alternate_url == "https://blog.example/labels/a?q=apple"
    assert len({every.uri, within.uri, spec(feed_blog, "all").uri, spec(feed_blog, "a").uri}) == 4
    assert found(feed_blog, "a", query=" ") == found(feed_blog, "a")
    both = spec(feed_blog, "a", query="apple", content="summary")
    assert both.params == (("content", "summary"), ("q", "apple"))
    assert both.uri not in {within.uri, spec(feed_blog, "a", content="summary").uri}


def test_a_feed_by_update_begins_with_what_was_edited_last(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([replace(post(1, "a"), updated=START - timedelta(days=2)), post(2, "a"), post(3)])
    configure(feed_blog, "mine", "a", ordering="updated")
    configure(feed_blog, "every", "all", ordering="updated", entries=2)
    assert shown(feed_blog, "mine") == ["Post 1", "Post 2"]
    assert shown(feed_blog, "every") == ["Post 1", "Post 3"]
    assert shown(feed_blog, "a") == ["Post 2", "Post 1"]


def test_a_token_changes_with_whatever_the_feed_shows(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b")])
    seen = set()
    with feed_blog.database.read() as connection:
        told = {changes(connection)}
    options: list[dict[str, Any]] = [
        {},
        {"title": "T"},
        {"subtitle": "T"},
        {"entries": 4},
        {"ordering": "updated"},
        {"language": "de"},
        {"content": "summary"},
    ]
    for each in options:
        configure(feed_blog, "mine", "a", replace=True, **each)
        state = found(feed_blog, "mine")
        assert found(feed_blog, "mine") == state
        seen.add(state.token)
        with feed_blog.database.read() as connection:
            told.add(changes(connection))
    configure(feed_blog, "mine", "b", replace=True)
    seen.add(found(feed_blog, "mine").token)
    feed_blog.store(2, "b", html="<p>Else</p>")
    seen.add(found(feed_blog, "mine").token)
    assert len(seen) == len(options) + 2
    assert len(told) == len(options) + 1
    assert spec(feed_blog, "mine").language == "en"
    names = ["a+b", "-b", "a,-b"]
    before = [found(feed_blog, name).token for name in names]
    feed_blog.store(3, "a", "b")
    assert not set(before) & {found(feed_blog, name).token for name in names}


def test_a_private_feed_is_in_no_listing_but_the_publishers(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a", "secret"), post(2, "a"), post(3, "Ours")])
    configure(feed_blog, "inner", "secret", is_private=True)
    configure(feed_blog, "outer", "a")
    assert shown(feed_blog, "inner") == ["Post 1"]
    assert shown(feed_blog, "outer") == shown(feed_blog, "a") == ["Post 2"]
    assert shown(feed_blog, "a+secret") == shown(feed_blog, "secret") == []
    assert shown(feed_blog, "all") == ["Post 3", "Post 2"]
    assert slugs(feed_blog) == ["all", "outer", "a", "ours", "secret", "authors/ann"]
    assert slugs(feed_blog, public=False) == ["all", "inner", "outer", "a", "ours", "secret", "authors/ann"]
    with feed_blog.database.read() as connection:
        every = current_feeds(connection, feed_blog.site)
        assert not any(state.spec.is_private for state in every)
        assert spec(feed_blog, "inner").is_private
    before = found(feed_blog, "inner").token
    feed_blog.store(1, "a", "secret", html="<p>Else</p>")
    assert found(feed_blog, "inner").token != before


def test_posts_follow_a_private_feed_that_is_changed(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b"), post(3)])
    configure(feed_blog, "inner", "a", is_private=True)
    assert shown(feed_blog, "all") == ["Post 3", "Post 2"]
    configure(feed_blog, "inner", "b", is_private=True, replace=True)
    assert shown(feed_blog, "all") == ["Post 3", "Post 1"]
    configure(feed_blog, "inner", "b", replace=True)
    assert shown(feed_blog, "all") == ["Post 3", "Post 2", "Post 1"]
    configure(feed_blog, "inner", "b", is_private=True, replace=True)
    with feed_blog.database.read() as connection:
        before = changes(connection)
    configure(feed_blog, "inner", "b", is_private=True, replace=True)
    with feed_blog.database.write() as connection:
        assert changes(connection) == before
        assert remove_feed(connection, "inner", now=feed_blog.now)
    assert shown(feed_blog, "all") == ["Post 3", "Post 2", "Post 1"]


def test_a_private_feed_hides_a_label_of_its_slug_too(feed_blog: FeedsBlog) -> None:
    configure(feed_blog, "ours", "a", is_private=True)
    feed_blog.store_all([post(1, "Ours"), post(2, "a")])
    assert spec(feed_blog, "Ours").is_private
    # Nor is the label listed that only private posts have.
    assert slugs(feed_blog) == ["all", "authors/ann"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"content": "half"}, "content is 'half'; it can be full or summary"),
        ({"ordering": "title"}, "order is 'title'; it can be published or updated"),
        ({"language": "not a tag"}, "language 'not a tag' is no language tag"),
        ({"language": "en-" + "x" * 40}, "is no language tag"),
        ({"title": "a\nb"}, "title 'a\\\\nb' holds a line break"),
        ({"subtitle": "a\x7f"}, "subtitle .* control character"),
        ({"entries": 0}, "at least 1, at most 1000"),
        ({"entries": 1001}, "at least 1, at most 1000"),
    ],
)
def test_a_feed_configured_wrongly_is_refused_with_one_line(
    sqlite_feed_blog: FeedsBlog, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(FeedError, match=reason) as refused:
        configure(sqlite_feed_blog, "mine", "a", **options)
    assert str(refused.value).startswith("feed mine: ")
    assert "\n" not in str(refused.value)
    assert slugs(sqlite_feed_blog) == ["all"]


def test_with_a_memory_only_changed_labels_are_read(sqlite_feed_blog: FeedsBlog) -> None:
    blog = sqlite_feed_blog
    blog.store_all([post(number, f"label {number}") for number in range(1, 40)])
    known: dict[str, FeedState] = {}
    with blog.database.read() as connection:
        first = current_feeds(connection, blog.site, known=known)
    with blog.database.read() as connection, counted(blog) as statements:
        again = current_feeds(connection, blog.site, known=known)
    assert again == first
    assert len(statements) <= 4
    blog.store(3, "label 3", html="<p>Else</p>")
    with blog.database.read() as connection:
        warm = current_feeds(connection, blog.site, known=known)
        assert sorted(warm, key=str) == sorted(current_feeds(connection, blog.site), key=str)
    assert {state.spec.slug for state in set(warm) - set(first)} == {"all", "label-3", "authors/ann"}


LABELS = "wxyz"
SUBSETS = [subset for size in range(5) for subset in combinations(LABELS, size)]
ADDRESSES = st.builds(
    ",".join,
    st.lists(
        st.builds(
            "+".join,
            st.lists(
                st.builds(str, st.builds(Part, st.booleans(), st.sampled_from(LABELS))),
                min_size=1,
                max_size=3,
            ),
        ),
        min_size=1,
        max_size=4,
    ),
)


@pytest.fixture
def crossed(sqlite_feed_blog: FeedsBlog) -> FeedsBlog:
    """A blog with a post for each set of four labels."""
    sqlite_feed_blog.site = replace(sqlite_feed_blog.site, entries=len(SUBSETS))
    sqlite_feed_blog.store_all([post(number, *labels) for number, labels in enumerate(SUBSETS)])
    return sqlite_feed_blog


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=ADDRESSES)
def test_whatever_the_address_its_feed_has_the_posts_under_its_rule(crossed: FeedsBlog, text: str) -> None:
    wanted = [
        f"Post {number}"
        for number, labels in reversed(list(enumerate(SUBSETS)))
        if any(
            all((part.removeprefix("-") in labels) != part.startswith("-") for part in term.split("+"))
            for term in text.split(",")
        )
    ]
    with crossed.database.read() as connection:
        state = current_feed(connection, crossed.site, text)
    if state is None:
        assert wanted == []
        return
    assert shown(crossed, text) == wanted
    under = [
        f"Post {number}"
        for number, labels in reversed(list(enumerate(SUBSETS)))
        if matches(state.spec.rule, {label_key(name) for name in labels})
    ]
    assert under == wanted
    # The canonical address is of the very same feed.
    assert found(crossed, state.spec.slug) == state
