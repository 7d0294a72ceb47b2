"""Feed addresses of Blogger, WordPress, Ghost, Hugo and others, read as what they ask for."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.parts import MAX_ENTRIES, PartSpec
from posts.rules import And, HasLabel, Not, Or, Rule
from web.feeds.asked import Asked, BadRequest
from web.feeds.blogger import read_blogger, write_blogger
from web.feeds.moved import MOVED, MovedFeeds
from web.feeds.resolving import split_address

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
        ("default/-/", "all", None, "full"),
        ("default/-/C++", None, HasLabel("C++"), "full"),
        ("default/-/a/a", None, HasLabel("a"), "full"),
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
    assert asked.part == PartSpec(
        limit=MAX_ENTRIES,
        start=26,
        published=(datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)),
    )
    by_update = blogger("default", orderby="updated", updated_min="2026-01-01T00:00:00 00:00")
    assert by_update.part == PartSpec(updated=(datetime(2026, 1, 1, tzinfo=UTC), None), ordering="updated")
    assert blogger("default", max_results="0").part == PartSpec(limit=0)


def test_what_says_nothing_of_a_part_asks_for_none() -> None:
    for query in (
        {"redirect": "false", "v": "2", "callback": "x"},
        {"orderby": "published", "alt": "atom"},
        {"updated_min": "2026-01-01T00:00:00Z"},
        {"max_results": "", "start_index": "", "orderby": ""},
    ):
        assert blogger("default/-/a", **query) == blogger("default/-/a")
    # A feed of ours may show another number of posts.
    for query in ({"max_results": "25"}, {"start_index": "1"}, {"orderby": "updated", "max_results": "25"}):
        assert blogger("default", **query).part is not None
    assert blogger("default", alt="json").part == PartSpec()


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
        ("label:a|label:a label:a", A, None),
        ("label:C++", HasLabel("C++"), None),
    ],
)
def test_bloggers_q_is_a_rule_and_words(q: str, rule: Rule | None, words: str | None) -> None:
    asked = blogger("default", q=q)
    assert (asked.rule, asked.query) == (rule, words)


def test_more_labels_than_a_rule_may_have_are_told() -> None:
    several = "|".join(f"label:l{number}" for number in range(33))
    with pytest.raises(BadRequest, match="more than 32 labels"):
        blogger("default", q=several)
    with pytest.raises(BadRequest, match="more than 32 labels"):
        blogger("default/-/" + "/".join(f"l{number}" for number in range(33)))


LABELS = st.sampled_from(["a", "B", "c d", "C++", "AC/DC", "ایران", "..", "a|b", "x-", "50%", "#1"])
TERMS = st.builds(lambda minus, name: f'{minus}label:"{name}"', st.sampled_from(["", "-"]), LABELS)
MOMENTS = st.integers(0, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC).isoformat())


@given(
    kind=st.sampled_from(["default", "full", "summary"]),
    labels=st.lists(LABELS, max_size=3),
    q=st.lists(st.lists(TERMS, min_size=1, max_size=3).map("|".join) | st.just("oil -gas"), max_size=3),
    query=st.fixed_dictionaries(
        {},
        optional={
            "alt": st.sampled_from(["atom", "rss", "json"]),
            "orderby": st.sampled_from(["published", "updated"]),
            "max-results": st.integers(0, 999).map(str),
            "start-index": st.integers(1, 999).map(str),
            "published-min": MOMENTS,
            "published-max": MOMENTS,
            "updated-min": MOMENTS,
            "updated-max": MOMENTS,
        },
    ),
    start=st.integers(1, 99),
)
def test_what_is_read_is_written_again_with_another_start(
    kind: str, labels: list[str], q: list[str], query: dict[str, str], start: int
) -> None:
    path = "/".join([f"/feeds/posts/{kind}", *(["-"] if labels else []), *map(encoded, labels)])
    asked = read_blogger(path, query | {"q": " ".join(q)})
    assert asked is not None
    written = write_blogger(asked, start=start)
    again = read_blogger(*split_address(f"/{written}"))
    assert again == replace(asked, part=replace(asked.part or PartSpec(), start=start))
    assert "/../" not in written


def encoded(name: str) -> str:
    return quote(name, safe="")


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


def test_every_address_is_told_of(checkout: Path) -> None:
    page = (checkout / "docs" / "how-to-move.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(/[^`]+)`", page))
    for path, _ in MOVED:
        assert re.sub(r"\{(\w+)\}", lambda found: found[1].upper(), path) in told


def test_what_is_told_to_be_answered_is(checkout: Path) -> None:
    page = (checkout / "docs" / "how-to-move.md").read_text(encoding="utf-8")
    answered, not_answered = (
        re.findall(r"`(/[^`]+)`", page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0])
        for heading in ("Which addresses are answered", "What is not answered")
    )
    assert len(answered) > len(MOVED)
    assert len(not_answered) > 2
    for address in answered:
        assert READ(*split_address(address)) is not None, address
    for address in not_answered:
        assert READ(*split_address(address)) is None, address
