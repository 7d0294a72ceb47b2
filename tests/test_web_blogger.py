"""Blogger's addresses from the outside: any part of any feed, as its readers and scripts ask for it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import feedparser
import pytest
from httpx2 import Response
from lxml import etree
from starlette.testclient import TestClient

from feeds.selection import add_feed
from posts.curation import delete_label, rename_label
from posts.rules import parse
from tests.feeds_blog import START, FeedsBlog, post
from tests.web_client import open_client
from web.app import FeedServing
from web.feeds.moved import MovedFeeds

POSTS = "/feeds/posts/default"
OTHERS = FeedServing(resolvers=(MovedFeeds().read,))
LONG = "<p>" + "A word and another. " * 100 + "</p>"


@pytest.fixture
def stored(feed_blog: FeedsBlog) -> FeedsBlog:
    """Eleven posts: those of even numbers are of A, every third of B; edited in the other order."""
    posts = []
    for number in range(1, 12):
        labels = [name for name, every in (("A", 2), ("B", 3)) if number % every == 0]
        one = post(number, *labels, html=f"<p>{'oil' if number > 8 else 'gas'} of {number}</p>")
        posts.append(replace(one, updated=START - timedelta(days=number)))
    feed_blog.store_all(posts)
    return feed_blog


@pytest.fixture
def client(stored: FeedsBlog) -> TestClient:
    return open_client(stored, serving=OTHERS)


def numbers(answer: Response) -> list[int]:
    """Which posts an answer has, in its order."""
    assert answer.status_code == 200, answer.text
    parsed = feedparser.parse(answer.content)
    assert not parsed.bozo
    return [int(entry.id.rpartition(":")[2]) for entry in parsed.entries]


def relations(answer: Response) -> dict[str, str]:
    """Where a feed leads to, by relation, below the site's address."""
    found = feedparser.parse(answer.content).feed.links
    return {link.rel: link.href.removeprefix("https://blog.example") for link in found}


def pages(client: TestClient, address: str) -> Iterator[Response]:
    """All parts of a feed from an address on, as a script follows their links."""
    seen = set()
    following: str | None = address
    while following is not None:
        assert following not in seen, "parts without end"
        seen.add(following)
        answer = client.get(following)
        yield answer
        following = relations(answer).get("next")


NEWEST_FIRST = list(range(11, 0, -1))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (POSTS, NEWEST_FIRST),
        (f"{POSTS}?alt=rss", NEWEST_FIRST),
        (f"{POSTS}?orderby=updated", NEWEST_FIRST[::-1]),
        (f"{POSTS}/-/A", [10, 8, 6, 4, 2]),
        (f"{POSTS}/-/A/B", [6]),
        (f"{POSTS}?q=label:A|label:B", [10, 9, 8, 6, 4, 3, 2]),
        (f"{POSTS}?q=label:A|label:B&orderby=updated", [2, 3, 4, 6, 8, 9, 10]),
        (f"{POSTS}?q=-label:A", [11, 9, 7, 5, 3, 1]),
        (f"{POSTS}/-/A?q=-label:B", [10, 8, 4, 2]),
        (f"{POSTS}?q=oil", [11, 10, 9]),
        (f"{POSTS}?q=oil label:A|label:B", [10, 9]),
        (f"{POSTS}?q=label:A|-label:A", NEWEST_FIRST),
        ("/feeds/posts/summary/-/B?q=gas", [6, 3]),
        ("/feeds/12345/posts/full/-/B", [9, 6, 3]),
    ],
)
def test_who_follows_the_links_from_part_to_part_gets_each_post_once(
    client: TestClient, address: str, expected: list[int]
) -> None:
    first = f"{address}{'&' if '?' in address else '?'}max-results=4"
    answers = list(pages(client, first))
    assert [number for answer in answers for number in numbers(answer)] == expected
    assert len(answers) == max(1, -(-len(expected) // 4))
    for place, answer in enumerate(answers):
        told = feedparser.parse(answer.content).feed
        assert told.opensearch_totalresults == str(len(expected))
        assert told.opensearch_startindex == str(1 + 4 * place)
        assert told.opensearch_itemsperpage == str(len(numbers(answer)))
        links = relations(answer)
        assert client.get(links["self"]).content == answer.content
        before = relations(answers[place - 1])["self"] if place else None
        assert links.get("previous") == before
        assert {"hub", "prev-archive"}.isdisjoint(links)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("max-results=2", [11, 10]),
        ("max-results=0", []),
        ("start-index=10", [2, 1]),
        ("max-results=2&start-index=3", [9, 8]),
        ("start-index=12", []),
        ("start-index=999999999", []),
        ("published-min={4}", [11, 10, 9, 8, 7, 6, 5, 4]),
        ("published-max={4}", [3, 2, 1]),
        ("published-min={4}&published-max={6}&max-results=9", [5, 4]),
        # Without that order Blogger does not look at these.
        ("updated-max={4}&max-results=3", [11, 10, 9]),
        ("orderby=updated&updated-min=2025-12-30T12:00:00Z", [1, 2]),
        ("orderby=updated&updated-max=2025-12-23T07:00:00-05:00", [10, 11]),
        ("orderby=updated&published-min={9}", [9, 10, 11]),
        ("published-min=2030-01-01", []),
    ],
)
def test_each_parameter_takes_its_part(client: TestClient, query: str, expected: list[int]) -> None:
    when = [post(number).published for number in range(12)]
    asked = query.format(*[f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in when if moment])
    assert numbers(client.get(f"{POSTS}?{asked}")) == expected


def test_beyond_the_end_is_an_empty_feed_that_leads_to_the_last_part(client: TestClient) -> None:
    answer = client.get(f"{POSTS}?start-index=500&max-results=4")
    assert numbers(answer) == []
    assert feedparser.parse(answer.content).feed.opensearch_totalresults == "11"
    links = relations(answer)
    assert "next" not in links
    assert numbers(client.get(links["previous"])) == [4, 3, 2, 1]


def test_no_part_has_more_than_150_entries(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.store_all([post(number, "A") for number in range(160)])
    client = open_client(sqlite_feed_blog, serving=OTHERS)
    for address in (POSTS, f"{POSTS}/-/A"):
        first, last = pages(client, f"{address}?max-results=100000")
        assert (len(numbers(first)), len(numbers(last))) == (150, 10)
    # Blogger has 25 of them; ours is told by the settings.
    assert len(numbers(client.get(f"{POSTS}?start-index=1"))) == 25
    assert len(numbers(client.get(POSTS))) == 3


def test_scripts_find_in_bloggers_json_what_they_look_for(client: TestClient) -> None:
    answer = client.get(f"{POSTS}/-/A?alt=json&max-results=2&start-index=2")
    assert answer.headers["content-type"] == "application/json"
    feed: dict[str, Any] = answer.json()["feed"]
    assert int(feed["openSearch$totalResults"]["$t"]) == 5
    assert int(feed["openSearch$startIndex"]["$t"]) == 2
    assert int(feed["openSearch$itemsPerPage"]["$t"]) == 2
    assert [entry["title"]["$t"] for entry in feed["entry"]] == ["Post 8", "Post 6"]
    links = [
        next(link["href"] for link in entry["link"] if link["rel"] == "alternate") for entry in feed["entry"]
    ]
    assert links == ["https://blog.example/8", "https://blog.example/6"]
    assert [[one["term"] for one in entry["category"]] for entry in feed["entry"]] == [["A"], ["A", "B"]]
    assert feed["entry"][0]["content"]["$t"] == "<p>gas of 8</p>"
    following = client.get(linked(feed, "next")).json()["feed"]
    assert [entry["title"]["$t"] for entry in following["entry"]] == ["Post 4", "Post 2"]


def linked(told: dict[str, Any], relation: str) -> str:
    """Where a feed or an entry in Blogger's JSON leads to, as scripts look for it."""
    return next(str(link["href"]) for link in told["link"] if link["rel"] == relation)


def test_bloggers_json_without_parameters_is_a_part_too(client: TestClient) -> None:
    feed = client.get(f"{POSTS}?alt=json").json()["feed"]
    assert (len(feed["entry"]), feed["openSearch$totalResults"]["$t"]) == (11, "11")
    assert (
        client.get("/feeds/posts/summary?alt=json").json()["feed"]["entry"][0]["summary"]["$t"] == "oil of 11"
    )
    for query in ("max-results=0", "start-index=99"):
        empty = client.get(f"{POSTS}?alt=json&{query}").json()["feed"]
        assert (empty["entry"], empty["openSearch$totalResults"]["$t"]) == ([], "11")


def test_each_format_says_what_it_is(client: TestClient) -> None:
    for alt, media_type in (
        ("", "application/atom+xml; charset=utf-8"),
        ("atom", "application/atom+xml; charset=utf-8"),
        ("rss", "application/rss+xml; charset=utf-8"),
        ("json", "application/json"),
    ):
        for kind in ("default", "summary"):
            answer = client.get(f"/feeds/posts/{kind}?max-results=2&alt={alt}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)


def test_a_summary_has_words_and_no_body(client: TestClient) -> None:
    entry = feedparser.parse(client.get("/feeds/posts/summary?max-results=1").content).entries[0]
    assert entry.summary == "oil of 11"
    assert "content" not in entry
    assert "content" in feedparser.parse(client.get(f"{POSTS}?max-results=1").content).entries[0]


def test_a_part_has_the_id_of_its_feed(client: TestClient) -> None:
    for part, whole in (
        (f"{POSTS}?max-results=2", "/feeds/all.atom"),
        (f"{POSTS}/-/a?max-results=2", "/feeds/a.atom"),
        (f"{POSTS}/-/B/A?start-index=2", "/feeds/a+b.atom"),
        (f"{POSTS}?q=label:B|label:A&orderby=updated", "/feeds/a,b.atom"),
        (f"{POSTS}?q=-label:A&max-results=1", "/feeds/-a.atom"),
        (f"{POSTS}?q=label:A|-label:A&max-results=1", "/feeds/all.atom"),
        (f"{POSTS}?q=oil&max-results=1", "/feeds/all.atom?q=oil"),
        ("/feeds/posts/summary?max-results=1", "/feeds/all.atom?content=summary"),
    ):
        ids = [feedparser.parse(client.get(address).content).feed.id for address in (part, whole)]
        assert ids[0] == ids[1], part


def test_without_parameters_a_rule_is_the_feed_that_our_own_address_has(client: TestClient) -> None:
    for theirs, ours in (
        (f"{POSTS}/-/A", "/feeds/a.atom"),
        (f"{POSTS}/-/B/A", "/feeds/a+b.atom"),
        (f"{POSTS}?q=label:A|label:B&alt=rss", "/feeds/a,b.rss"),
        (f"{POSTS}?q=-label:A&redirect=false&v=2&alt=atom", "/feeds/-a.atom"),
        (f"{POSTS}?redirect=false", "/feeds/all.atom"),
    ):
        assert client.get(theirs).content == client.get(ours).content, theirs


def test_what_blogger_does_not_look_at_makes_no_difference(client: TestClient) -> None:
    plain = client.get(f"{POSTS}/-/A?max-results=2")
    for more in ("redirect=false", "alt=atom", "v=2", "callback=x&unknown=1", "orderby=published&q="):
        assert client.get(f"{POSTS}/-/A?{more}&max-results=2").content == plain.content


def test_labels_are_written_as_addresses_have_them(feed_blog: FeedsBlog) -> None:
    names = ["C++", "AC/DC", "U.S. politics", "ایران", "50% off", "Straße"]
    feed_blog.store_all([post(number, name) for number, name in enumerate(names)])
    client = open_client(feed_blog, serving=OTHERS)
    for number, segments in enumerate(
        [
            ["C%2B%2B", "C++", "c++"],
            ["AC%2FDC", "ac%2fdc"],
            ["U.S.%20politics", "U.S.+politics", "u.s.%20Politics"],
            ["%D8%A7%DB%8C%D8%B1%D8%A7%D9%86"],
            ["50%25%20off"],
            ["Stra%C3%9Fe", "STRASSE"],
        ]
    ):
        for segment in segments:
            for query in ("", "?max-results=5"):
                answer = client.get(f"{POSTS}/-/{segment}{query}")
                assert (segment, numbers(answer)) == (segment, [number])
    assert numbers(client.get(f"{POSTS}?q=label:C%2B%2B|label:%22U.S. politics%22&max-results=9")) == [2, 0]


def test_what_cannot_be_is_refused_in_a_line(client: TestClient) -> None:
    for query in (
        "max-results=x",
        "max-results=-1",
        "start-index=0",
        "published-min=soon",
        "orderby=size",
        "alt=json-in-script",
    ):
        for address in (POSTS, f"{POSTS}/-/A"):
            answer = client.get(f"{address}?{query}")
            assert (query, answer.status_code) == (query, 400)
            assert answer.text.count("\n") == 1


def test_a_part_is_kept_and_asked_for_again_as_any_feed(stored: FeedsBlog) -> None:
    stored.store(12, "A", html=LONG)
    client = open_client(stored, serving=OTHERS)
    for address in (f"{POSTS}/-/A?max-results=2", f"{POSTS}/-/A?max-results=2&alt=json"):
        first = client.get(address)
        head = client.head(address)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(first.content))
        for validator in (
            {"If-None-Match": first.headers["etag"]},
            {"If-Modified-Since": first.headers["last-modified"]},
        ):
            again = client.get(address, headers=validator)
            assert (again.status_code, again.content) == (304, b"")
        assert first.headers["access-control-allow-origin"] == "*"
        assert f"<https://blog.example{POSTS}/-/A?" in first.headers["link"]
        coded = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert (coded.headers["content-encoding"], coded.content) == ("gzip", first.content)
        assert client.options(address).status_code == 204
        assert client.post(address).status_code == 405


def test_a_part_may_be_kept_as_long_whatever_its_format(feed_blog: FeedsBlog) -> None:
    posts = [replace(post(n), published=START + timedelta(hours=2 * n)) for n in range(4)]
    feed_blog.now = START + timedelta(days=1)
    feed_blog.store_all(posts)
    client = open_client(feed_blog, serving=OTHERS)
    for alt in ("atom", "rss", "json"):
        assert (
            client.get(f"{POSTS}?max-results=9&alt={alt}").headers["cache-control"] == "public, max-age=600"
        )


def test_a_part_is_built_anew_when_a_post_of_it_changes(stored: FeedsBlog) -> None:
    client = open_client(stored, serving=OTHERS)
    address = f"{POSTS}?q=label:A|label:B&max-results=2"
    first = client.get(address)
    stored.store(12, "B")
    second = client.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (numbers(first), numbers(second)) == ([10, 9], [12, 10])
    assert feedparser.parse(second.content).feed.opensearch_totalresults == "8"


def test_a_label_that_is_not_there_is_missing_and_a_deleted_one_gone(stored: FeedsBlog) -> None:
    stored.store_all([post(20, "Old news"), post(21, "Former")])
    with stored.database.write() as connection:
        delete_label(connection, "Old news", now=stored.now)
        rename_label(connection, "Former", "Present", now=stored.now)
    client = open_client(stored, serving=OTHERS)
    for query in ("", "?max-results=1", "?alt=json"):
        for labels, status in (
            ("None", 404),
            ("A/None", 404),
            ("Old%20news", 410),
            ("A/Old%20news", 410),
            ("None/Old%20news", 404),
            ("Former", 200),
            ("Former/A", 200),
        ):
            answer = client.get(f"{POSTS}/-/{labels}{query}")
            assert (labels, query, answer.status_code) == (labels, query, status)
    assert client.get(f"{POSTS}?q=label:A -label:A&max-results=1").status_code == 404
    several = "|".join(f"label:l{number}" for number in range(9))
    stored.store_all([post(30 + number, f"l{number}") for number in range(9)])
    too_many = client.get(f"{POSTS}?max-results=1", params={"q": several})
    assert (too_many.status_code, "at most 8" in too_many.text) == (404, True)


def test_what_is_private_is_not_there_and_not_counted(stored: FeedsBlog) -> None:
    with stored.database.write() as connection:
        add_feed(connection, slug="inside", rule=parse("Board"), now=stored.now, is_private=True)
    stored.store_all([post(20, "Board"), post(21, "Board", "A")])
    client = open_client(stored, serving=OTHERS)
    assert len(numbers(client.get(f"{POSTS}?max-results=50"))) == 11
    assert numbers(client.get(f"{POSTS}/-/A?max-results=1")) == [10]
    for label in ("Board", "inside"):
        for query in ("", "?max-results=1", "?alt=json"):
            assert client.get(f"{POSTS}/-/{label}{query}").status_code == 404
            assert client.get(f"/tag/{label}/feed/").status_code == 404


def test_a_part_is_valid_by_the_grammar_of_atom(client: TestClient, shared_data: Path) -> None:
    schema = etree.RelaxNG(etree.parse(str(shared_data / "schemas" / "atom.rng")))
    for address in (
        f"{POSTS}?max-results=3&start-index=4",
        f"{POSTS}?max-results=0",
        "/feeds/posts/summary/-/A?orderby=updated",
    ):
        assert schema.validate(etree.fromstring(client.get(address).content)), schema.error_log


def test_a_part_tells_its_one_canonical_address(client: TestClient) -> None:
    own = urlsplit(relations(client.get(f"{POSTS}/-/A?max-results=2&v=2"))["self"])
    assert (own.path, own.query) == (f"{POSTS}/-/A", "max-results=2")
