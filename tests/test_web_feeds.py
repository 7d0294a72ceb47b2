"""Feeds over HTTP: validators, 304, HEAD, gzip, and the addresses that labels once had."""

from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

import feedparser
import pytest
from starlette.testclient import TestClient

from feeds.build import FeedBuilder
from feeds.selection import add_feed
from posts.curation import delete_label, rename_label
from posts.model import PostState
from posts.rules import parse
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import ENVIRONMENT, open_client
from web.app import FeedServing, create_app
from web.feeds.moved import MovedFeeds
from web.security import SECURITY

ADDRESS = "/feeds/mek.atom"
LONG = "<p>" + "A word and another. " * 100 + "</p>"


@pytest.fixture
def stored(sqlite_feed_blog: FeedsBlog) -> FeedsBlog:
    """Two posts of MEK and one of Iran."""
    sqlite_feed_blog.store_all([post(1, "MEK", html=LONG), post(2, "MEK", "Iran"), post(3, "Iran")])
    return sqlite_feed_blog


def test_a_feed_is_the_builders_bytes_and_parses(stored: FeedsBlog) -> None:
    answer = open_client(stored).get(ADDRESS)
    built = stored.builder().build("mek")
    assert built is not None
    assert answer.status_code == 200
    assert answer.content == built.body
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    parsed = feedparser.parse(answer.content)
    assert not parsed.bozo
    assert [entry.title for entry in parsed.entries] == ["Post 2", "Post 1"]


def test_a_feed_says_how_it_may_be_kept(stored: FeedsBlog) -> None:
    headers = open_client(stored).get(ADDRESS).headers
    built = stored.builder().build("mek")
    assert built is not None
    assert headers["etag"] == built.etag
    assert parsedate_to_datetime(headers["last-modified"]) == built.last_modified
    assert headers["cache-control"] == "public, max-age=3600"
    assert headers["vary"] == "Accept-Encoding"
    assert "set-cookie" not in headers


def test_what_the_client_has_is_a_304_without_a_body(stored: FeedsBlog) -> None:
    client = open_client(stored)
    first = client.get(ADDRESS)
    for tag in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = client.get(ADDRESS, headers={"If-None-Match": tag})
        assert again.status_code == 304
        assert again.content == b""
        for name in ("etag", "last-modified", "cache-control", "vary"):
            assert again.headers[name] == first.headers[name]
        assert "content-type" not in again.headers


def test_if_none_match_wins_over_if_modified_since(stored: FeedsBlog) -> None:
    client = open_client(stored)
    modified = client.get(ADDRESS).headers["last-modified"]
    assert client.get(ADDRESS, headers={"If-Modified-Since": modified}).status_code == 304
    both = {"If-Modified-Since": modified, "If-None-Match": '"another"'}
    assert client.get(ADDRESS, headers=both).status_code == 200


@pytest.mark.parametrize("since", ["yesterday", "", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_date_that_is_none_or_too_early_gets_the_feed(stored: FeedsBlog, since: str) -> None:
    assert open_client(stored).get(ADDRESS, headers={"If-Modified-Since": since}).status_code == 200


def test_a_date_without_a_zone_is_taken_for_utc(stored: FeedsBlog) -> None:
    client = open_client(stored)
    modified = parsedate_to_datetime(client.get(ADDRESS).headers["last-modified"])
    later = format_datetime(modified + timedelta(seconds=1)).replace("+0000", "-0000")
    assert client.get(ADDRESS, headers={"If-Modified-Since": later}).status_code == 304


def test_a_head_has_the_headers_of_a_get_and_no_body(stored: FeedsBlog) -> None:
    client = open_client(stored)
    for encoding in ("identity", "gzip"):
        get = client.get(ADDRESS, headers={"Accept-Encoding": encoding})
        head = client.head(ADDRESS, headers={"Accept-Encoding": encoding})
        assert head.status_code == 200
        assert head.content == b""
        assert dict(head.headers) == dict(get.headers)


def test_gzip_is_another_representation_with_an_etag_of_its_own(stored: FeedsBlog) -> None:
    client = open_client(stored)
    plain = client.get(ADDRESS)
    zipped = client.get(ADDRESS, headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert int(zipped.headers["content-length"]) < len(plain.content)
    assert zipped.content == plain.content
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert zipped.headers["vary"] == "Accept-Encoding"
    for encoding, tag, status in (
        ("gzip", zipped.headers["etag"], 304),
        ("gzip", plain.headers["etag"], 200),
        ("identity", plain.headers["etag"], 304),
        ("identity", zipped.headers["etag"], 200),
    ):
        again = client.get(ADDRESS, headers={"Accept-Encoding": encoding, "If-None-Match": tag})
        assert again.status_code == status


def test_a_change_under_the_label_changes_the_validators_and_no_other_does(stored: FeedsBlog) -> None:
    client = open_client(stored)
    zipped = {"Accept-Encoding": "gzip"}
    first = client.get(ADDRESS, headers=zipped)
    stored.store(3, "Iran", html="<p>Changed</p>")
    assert client.get(ADDRESS, headers=zipped | {"If-None-Match": first.headers["etag"]}).status_code == 304
    stored.store(2, "MEK", "Iran", state=PostState.DELETED)
    second = client.get(ADDRESS, headers=zipped | {"If-None-Match": first.headers["etag"]})
    assert second.status_code == 200
    assert "Post 2" not in second.text
    assert parsedate_to_datetime(second.headers["last-modified"]) > parsedate_to_datetime(
        first.headers["last-modified"]
    )


def test_a_name_and_a_former_address_lead_to_the_present_one(stored: FeedsBlog) -> None:
    with stored.database.write() as connection:
        rename_label(connection, "MEK", "People's Mujahedin", now=stored.now)
    client = open_client(stored)
    moved = client.get(ADDRESS)
    assert moved.status_code == 301
    followed = client.get(ADDRESS, follow_redirects=True)
    assert followed.status_code == 200
    assert str(followed.url) == f"http://testserver/feeds/{moved.headers['location'].removeprefix('./')}"
    assert client.get("/feeds/IRAN.atom").headers["location"] == "./iran.atom"


def test_a_deleted_label_is_gone_and_an_unknown_one_is_not_found(stored: FeedsBlog) -> None:
    with stored.database.write() as connection:
        delete_label(connection, "MEK", now=stored.now)
    client = open_client(stored)
    assert client.get(ADDRESS).status_code == 410
    missing = client.get("/feeds/irn.atom")
    assert missing.status_code == 404
    assert 'href="../labels/iran"' in missing.text
    assert missing.headers["cache-control"] == "no-store"


def test_all_and_configured_feeds_are_served_too(stored: FeedsBlog) -> None:
    with stored.database.write() as connection:
        add_feed(connection, slug="not-mek", rule=parse("all and not mek"), now=stored.now)
    client = open_client(stored)
    assert len(feedparser.parse(client.get("/feeds/all.atom").content).entries) == 3
    assert [e.title for e in feedparser.parse(client.get("/feeds/not-mek.atom").content).entries] == [
        "Post 3"
    ]


@pytest.mark.parametrize("name", ["C++", "政治", "Stack & Tile", "go1.18", "U.S. politics"])
def test_labels_in_any_writing_have_feeds_at_their_addresses(stored: FeedsBlog, name: str) -> None:
    stored.store(9, name)
    built = stored.builder().build(name)
    assert built is not None
    answer = open_client(stored).get(
        stored.site.feed_url(built.spec.slug, "atom").removeprefix(stored.site.url)
    )
    assert answer.status_code == 200
    assert answer.content == built.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_feed_can_only_be_read(stored: FeedsBlog, method: str) -> None:
    answer = open_client(stored).request(method, ADDRESS)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [
        ("atom", "application/atom+xml; charset=utf-8"),
        ("rss", "application/rss+xml; charset=utf-8"),
        ("json", "application/feed+json"),
    ],
)
def test_each_format_has_its_type_its_etag_and_the_same_rhythm(
    stored: FeedsBlog, suffix: str, media_type: str
) -> None:
    answer = open_client(stored).get(f"/feeds/mek.{suffix}")
    assert answer.headers["content-type"] == media_type
    assert answer.headers["etag"] != open_client(stored).get("/feeds/iran.atom").headers["etag"]
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert open_client(stored).get("/feeds/mek.xml").status_code == 404


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_each_coding_is_a_representation_of_its_own(stored: FeedsBlog, coding: str) -> None:
    client = open_client(stored)
    plain, coded = client.get(ADDRESS), client.get(ADDRESS, headers={"Accept-Encoding": coding})
    assert coded.headers["content-encoding"] == coding
    assert coded.headers["etag"] == f'{plain.headers["etag"][:-1]}-{coding}"'
    assert int(coded.headers["content-length"]) < len(plain.content)
    wanted = {"Accept-Encoding": coding}
    for tag, status in ((coded.headers["etag"], 304), (plain.headers["etag"], 200)):
        assert client.get(ADDRESS, headers=wanted | {"If-None-Match": tag}).status_code == status


def test_of_several_lines_of_etags_any_may_be_the_one(stored: FeedsBlog) -> None:
    client = open_client(stored)
    tag = client.get(ADDRESS).headers["etag"]
    for lines in ([tag, '"other"'], ['"other"', f"W/{tag}"], ['"a, b"', f'"c",{tag}']):
        answer = client.get(ADDRESS, headers=[("If-None-Match", line) for line in lines])
        assert answer.status_code == 304


def test_validators_are_the_same_after_a_restart(stored: FeedsBlog) -> None:
    names = ("etag", "last-modified", "cache-control")
    first, second = (open_client(stored).get(ADDRESS).headers for _ in range(2))
    assert [first[name] for name in names] == [second[name] for name in names]


def test_a_header_tells_of_itself_its_hubs_and_its_page(stored: FeedsBlog) -> None:
    stored.site = replace(stored.site, hubs=("https://hub.example/a", 'https://hub.example/"><b'))
    assert open_client(stored).get(ADDRESS).headers["link"] == (
        '<https://blog.example/feeds/mek.atom>; rel="self"; type="application/atom+xml", '
        '<https://hub.example/a>; rel="hub", <https://hub.example/"b>; rel="hub", '
        '<https://blog.example/labels/mek>; rel="alternate"; type="text/html"'
    )


def test_scripts_of_other_sites_may_read_feeds(stored: FeedsBlog) -> None:
    client = open_client(stored)
    first = client.get(ADDRESS)
    again = client.get(ADDRESS, headers={"If-None-Match": first.headers["etag"]})
    for answer in (first, again):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert {"ETag", "Link"} <= set(answer.headers["access-control-expose-headers"].split(", "))
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    preflight = client.options(ADDRESS, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert {"A-IM", "If-None-Match"} <= set(preflight.headers["access-control-allow-headers"].split(", "))
    assert client.options("/feeds/none.atom").status_code == 404


def test_every_answer_bears_the_headers_of_a_page(stored: FeedsBlog) -> None:
    client = open_client(stored)
    tag = client.get(ADDRESS).headers["etag"]
    page = client.get("/").headers
    for answer in (
        client.get(ADDRESS),
        client.get(ADDRESS, headers={"If-None-Match": tag}),
        client.get("/feeds/none.atom"),
        client.get("/feeds/IRAN.atom"),
    ):
        for name in SECURITY:
            assert answer.headers[name] == page[name]


def test_who_asks_for_differences_gets_what_is_new_and_nothing_else(stored: FeedsBlog) -> None:
    client = open_client(stored)
    for coding in ("identity", "gzip"):
        wanted = {"Accept-Encoding": coding, "A-IM": "vcdiff, feed"}
        first = client.get(ADDRESS, headers=wanted)
        assert first.status_code == 200
        known = wanted | {"If-None-Match": first.headers["etag"]}
        assert client.get(ADDRESS, headers=known).status_code == 304
        stored.store(5 if coding == "gzip" else 4, "MEK", html=LONG)
        new = client.get(ADDRESS, headers=known)
        assert (new.status_code, new.headers["im"]) == (226, "feed")
        assert new.headers["cache-control"] == "no-store, im"
        assert "A-IM" in new.headers["vary"]
        assert len(feedparser.parse(new.content).entries) == 1
        whole = client.get(ADDRESS, headers={"Accept-Encoding": coding})
        assert len(feedparser.parse(whole.content).entries) > 1
        assert new.headers["etag"] == whole.headers["etag"]
        assert client.get(ADDRESS, headers=wanted | {"If-None-Match": '"old"'}).status_code == 200
        assert client.get(ADDRESS, headers=known | {"A-IM": "feed;q=0"}).status_code == 200


def test_the_canonical_address_of_what_is_asked_for_is_where_it_leads(stored: FeedsBlog) -> None:
    client = open_client(stored)
    for asked, place in (
        ("/feeds/iran+mek.atom", None),
        ("/feeds/mek+iran.rss", "./iran+mek.rss"),
        ("/feeds/MEK,Iran.json", "./iran,mek.json"),
        ("/feeds/mek.atom?content=full", "./mek.atom"),
        ("/feeds/mek.atom?content=summary", None),
        ("/feeds/MEK.atom?content=summary&utm=1", "./mek.atom?content=summary"),
        ("/feeds/mek.atom?q=", None),
        ("/feeds/mek.atom?q=%20text%20", "./mek.atom?q=text"),
        ("/feeds/mek.atom?before=never", "./mek.atom"),
        ("/feeds/authors/Ann.atom", "./ann.atom"),
        ("/feeds/authors/ann.atom", None),
        ("/feeds/mek.atom?utm_source=x", None),
        ("/feeds/IRAN.atom?key=a%26b", "./iran.atom?key=a%26b"),
    ):
        answer = client.get(asked)
        assert (asked, answer.headers.get("location")) == (asked, place)
        assert answer.status_code == (200 if place is None else 301)
        if "key=" in asked:
            assert answer.headers["cache-control"] == "private, no-store"


def test_the_old_address_of_a_renamed_label_serves_on_if_it_is_to(stored: FeedsBlog) -> None:
    with stored.database.write() as connection:
        rename_label(connection, "MEK", "People's Mujahedin", now=stored.now)
    client = open_client(stored, serving=FeedServing(renamed="serve"))
    served = client.get(ADDRESS)
    assert served.status_code == 200
    built = stored.builder().build("mek")
    assert built is not None
    assert built.spec.slug != "mek"
    assert served.content == built.body
    assert client.get("/feeds/IRAN.atom").status_code == 301


def test_a_rule_that_is_too_much_for_an_address_is_told_of(stored: FeedsBlog) -> None:
    answer = open_client(stored).get(f"/feeds/{'+'.join(f'l{number}' for number in range(500))}.atom")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    for number in range(9):
        stored.store(20 + number, f"l{number}")
    answer = open_client(stored).get(f"/feeds/{','.join(f'l{number}' for number in range(9))}.atom")
    assert answer.status_code == 404
    assert "at most 8" in answer.text


def test_a_parameter_that_cannot_be_is_told_of(stored: FeedsBlog) -> None:
    answer = open_client(stored).get(ADDRESS, params={"content": "some\r\n"})
    assert answer.status_code == 400
    assert answer.text == "content='some\\r\\n': use full or summary\n"


def test_archive_documents_are_kept_for_an_hour_once_they_are_closed(stored: FeedsBlog) -> None:
    stored.store_all([post(number, "Much") for number in range(30, 50)])
    builder = FeedBuilder(stored.database, stored.site, per_document=4)
    app = create_app(database=stored.database, builder=builder, environment=ENVIRONMENT, site=stored.site)
    client = TestClient(app, follow_redirects=False)
    closed = client.get("/feeds/much/archive/1.atom")
    assert closed.status_code == 200
    assert closed.headers["cache-control"] == "public, max-age=3600"
    assert client.get("/feeds/much/archive/99.atom").status_code == 404
    moved = client.get("/feeds/MUCH/archive/1.atom?edition=none")
    assert (moved.status_code, moved.headers["location"]) == (301, "../../much/archive/1.atom")


def test_addresses_of_other_systems_answer_with_the_feed_itself(stored: FeedsBlog) -> None:
    client = open_client(stored, serving=FeedServing(resolvers=(MovedFeeds(["MyBlog=iran.rss"]).read,)))
    ours = {name: client.get(f"/feeds/{name}").content for name in ("all.rss", "mek.rss", "iran.rss")}
    for address, name in (
        ("/feed/", "all.rss"),
        ("/?feed=rss2", "all.rss"),
        ("/tag/mek/feed/", "mek.rss"),
        ("/category/news/MEK/feed", "mek.rss"),
        ("/MyBlog", "iran.rss"),
    ):
        answer = client.get(address)
        assert (address, answer.status_code) == (address, 200)
        assert answer.content == ours[name]
    assert client.get("/tag/none/feed/").status_code == 404
    assert client.get("/feeds/posts/default?max-results=x").status_code == 400
    assert client.get("/").headers["content-type"].startswith("text/html")


def test_labels_are_found_by_the_slugs_that_other_systems_gave_them(feed_blog: FeedsBlog) -> None:
    names = ["U.S. politics", "Café Noël", "Q&A", "ایران", "C++", "Old news"]
    feed_blog.store_all([post(number, name) for number, name in enumerate(names)])
    with feed_blog.database.write() as connection:
        delete_label(connection, "Old news", now=feed_blog.now)
    client = open_client(feed_blog, serving=FeedServing(resolvers=(MovedFeeds().read,)))
    for address, title in (
        ("/tag/u-s-politics/feed/", "Post 0"),
        ("/category/world/u-s-politics/feed/atom/", "Post 0"),
        ("/?feed=rss2&tag=u-s-politics", "Post 0"),
        ("/tags/u.s.-politics/index.xml", "Post 0"),
        ("/tag/cafe-noel/rss/", "Post 1"),
        ("/tag/qa/feed/", "Post 2"),
        ("/tag/%d8%a7%db%8c%d8%b1%d8%a7%d9%86/feed/", "Post 3"),
        ("/tag/c/feed/", "Post 4"),
    ):
        answer = client.get(address)
        assert (address, answer.status_code) == (address, 200)
        assert [entry.title for entry in feedparser.parse(answer.content).entries] == [title]
    assert client.get("/tag/old-news/feed/").status_code == 410
    assert client.get("/tag/new-news/feed/").status_code == 404
    # At our own addresses a label has its own slug.
    assert client.get("/feeds/u-s-politics.atom").status_code == 404
