"""Feed addresses of Blogger, WordPress, Ghost, Hugo and others, read as what they ask for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posts.rules import And, HasLabel, Not, Or, Rule
from web.asked import Asked, BadRequest, Part, Span
from web.blogger import MAX_RESULTS, read_blogger
from web.moved import MOVED, MovedFeeds

READ = MovedFeeds().read


def blogger(path: str, **query: str) -> Asked:
    asked = read_blogger(
        f"/feeds/posts/{path}", {name.replace("_", "-"): told for name, told in query.items()}
    )
    assert asked is not None
    return asked


@pytest.mark.parametrize(
    ("path", "name", "rule", "content"),
    [
        ("default", "all", None, "full"),
        ("default/", "all", None, "full"),
        ("full", "all", None, "full"),
        ("summary", "all", None, "summary"),
        ("default/-/MEK", None, HasLabel("MEK"), "full"),
        ("default/-/MEK/", None, HasLabel("MEK"), "full"),
        ("summary/-/U.S.%20politics", None, HasLabel("U.S. politics"), "summary"),
        ("default/-/C%2B%2B/AC%2FDC", None, And((HasLabel("C++"), HasLabel("AC/DC"))), "full"),
        ("default/-/%D8%A7%DB%8C%D8%B1%D8%A7%D9%86", None, HasLabel("ایران"), "full"),
    ],
)
def test_bloggers_addresses_name_labels(path: str, name: str | None, rule: Rule | None, content: str) -> None:
    asked = blogger(path)
    assert (asked.name, asked.rule, asked.content, asked.suffix) == (name, rule, content, "atom")
    assert asked.part is None


def test_an_address_with_the_blogs_number_is_the_same() -> None:
    assert read_blogger("/feeds/1234567890/posts/default/-/a", {}) == blogger("default/-/a")


def test_bloggers_formats() -> None:
    assert [blogger("default", alt=alt).suffix for alt in ("", "atom", "rss", "json")] == [
        "atom",
        "atom",
        "rss",
        "gdata",
    ]
    with pytest.raises(BadRequest, match="use atom, rss or json"):
        blogger("default", alt="json-in-script")


def test_bloggers_parameters_and_their_limits() -> None:
    asked = blogger(
        "default",
        max_results="500",
        start_index="26",
        published_min="2026-03-08T02:00:00-05:00",
        published_max="2026-04-01",
        updated_min="2026-01-01T00:00:00Z",
        redirect="false",
        v="2",
    )
    assert asked.part == Part(
        limit=MAX_RESULTS,
        start=26,
        published=Span(datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)),
    )
    by_update = blogger("default", orderby="updated", updated_min="2026-01-01T00:00:00 00:00")
    assert by_update.part == Part(updated=Span(datetime(2026, 1, 1, tzinfo=UTC)), ordering="updated")
    assert blogger("default", max_results="25", start_index="1", orderby="published").part is None
    assert blogger("default", max_results="0").part == Part(limit=0)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("max-results", "-1"),
        ("max-results", "many"),
        ("max-results", "²"),
        ("max-results", "9" * 5000),
        ("start-index", "0"),
        ("published-min", "yesterday"),
        ("updated-max", "2026-13-01"),
        ("published-max", "0001-01-01T00:00:00+23:59"),
        ("orderby", "colour"),
    ],
)
def test_what_is_no_number_and_no_date_is_told(name: str, told: str) -> None:
    with pytest.raises(BadRequest, match=name):
        read_blogger("/feeds/posts/default", {name: told})


A, B, C = HasLabel("a"), HasLabel("b"), HasLabel("c d")


@pytest.mark.parametrize(
    ("q", "rule", "words"),
    [
        ("label:a", A, None),
        ("label:a|label:b", Or((A, B)), None),
        ("label:a label:b", And((A, B)), None),
        ("-label:a", Not(A), None),
        ('label:a|label:b -label:"c d"', And((Or((A, B)), Not(C))), None),
        ("oil label:a -gas", A, "oil -gas"),
        ("|label:a||label:b|", Or((A, B)), None),
        ("label:", None, "label:"),
    ],
)
def test_bloggers_q_is_a_rule_and_words(q: str, rule: Rule | None, words: str | None) -> None:
    asked = blogger("default", q=q)
    assert (asked.rule, asked.query) == (rule, words)


@given(
    path=st.text(max_size=40),
    query=st.dictionaries(
        st.sampled_from(
            ["alt", "q", "max-results", "start-index", "orderby", "published-min", "updated-max"]
        ),
        st.text(max_size=40),
    ),
)
def test_whatever_is_asked_is_read_or_refused_in_a_line(path: str, query: dict[str, str]) -> None:
    for address in (f"/feeds/posts/default/-/{path}", f"/{path}"):
        assert "\n" not in said(address, query)


def said(path: str, query: dict[str, str]) -> str:
    """What is wrong with an address; empty when nothing is."""
    try:
        READ(path, query)
    except BadRequest as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/feed", Asked("all", "rss")),
        ("/feed/", Asked("all", "rss")),
        ("/feed/atom/", Asked("all", "atom")),
        ("/tag/u-s-politics/feed/", Asked(None, "rss", rule=HasLabel("u-s-politics"))),
        ("/category/news/world/feed/", Asked(None, "rss", rule=HasLabel("world"))),
        ("/category/news/feed/atom/", Asked(None, "atom", rule=HasLabel("news"))),
        ("/author/ann/feed/", Asked("authors/ann", "rss")),
        ("/tag/c%2B%2B/rss/", Asked(None, "rss", rule=HasLabel("c++"))),
        ("/rss/", Asked("all", "rss")),
        ("/tags/go/index.xml", Asked(None, "rss", rule=HasLabel("go"))),
        ("/index.xml", Asked("all", "rss")),
        ("/feed.json", Asked("all", "json")),
        ("/feeds/go.tag.atom.xml", Asked(None, "atom", rule=HasLabel("go"))),
        ("/feeds/all.atom.xml", Asked("all", "atom")),
    ],
)
def test_other_systems_addresses(path: str, asked: Asked) -> None:
    assert READ(path, {}) == asked


def test_wordpress_without_pretty_permalinks() -> None:
    assert READ("/", {"feed": "rss2"}) == Asked("all", "rss")
    assert READ("/", {"feed": "atom", "tag": "iran"}) == Asked(None, "atom", rule=HasLabel("iran"))
    assert READ("/index.php", {"feed": "rss", "author_name": "ann"}) == Asked("authors/ann", "rss")
    assert READ("/", {}) is None


@pytest.mark.parametrize(
    "path", ["/feeds/a.atom", "/tag//feed", "/tag/a/b/feed", "/feeds", "/labels/a", "/feedx", "/x/feed", ""]
)
def test_our_own_addresses_and_unknown_ones_are_no_others(path: str) -> None:
    assert READ(path, {}) is None


def test_every_line_of_the_table_can_be_reached() -> None:
    for path, feed in MOVED:
        asked = READ(path.format(label="x", author="x", path="y/x"), {})
        assert asked is not None
        assert asked.suffix == feed.rpartition(".")[2], path


def test_a_publishers_own_aliases() -> None:
    read = MovedFeeds(["MyBlog=all.rss", "/feeds/Iran News = iran+-sports", "feed=news.json"]).read
    assert read("/MyBlog", {"format": "xml"}) == Asked("all", "rss")
    assert read("/feeds/Iran%20News/", {}) == Asked("iran+-sports", "atom")
    assert read("/feed/", {}) == Asked("news", "json")
    for wrong in ("MyBlog", "=all", "MyBlog=", "/=all"):
        with pytest.raises(ValueError, match="is no alias"):
            MovedFeeds([wrong])
