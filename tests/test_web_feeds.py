"""Feeds over HTTP: validators, 304, HEAD, gzip, and the addresses that labels once had."""

import gzip
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

import feedparser
import pytest

from feeds.selection import add_feed
from posts.curation import delete_label, rename_label
from posts.model import PostState
from posts.rules import parse
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import open_client
from web.responding import compress

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
    assert answer.headers["content-type"] == "application/atom+xml"
    parsed = feedparser.parse(answer.content)
    assert not parsed.bozo
    assert [entry.title for entry in parsed.entries] == ["Post 2", "Post 1"]


def test_a_feed_says_how_it_may_be_kept(stored: FeedsBlog) -> None:
    headers = open_client(stored).get(ADDRESS).headers
    built = stored.builder().build("mek")
    assert built is not None
    assert headers["etag"] == built.etag
    assert parsedate_to_datetime(headers["last-modified"]) == built.last_modified
    assert headers["cache-control"] == "public, max-age=300"
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


@pytest.mark.parametrize(
    ("accepts", "zipped"),
    [
        ("gzip, deflate, br", True),
        ("*", True),
        ("x-gzip", True),
        ("gzip;q=0.5, identity;q=0.1", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=high", False),
        ("identity, gzip;q=0.5", False),
    ],
)
def test_only_who_wants_gzip_gets_it(stored: FeedsBlog, accepts: str, zipped: bool) -> None:
    answer = open_client(stored).get(ADDRESS, headers={"Accept-Encoding": accepts})
    assert ("content-encoding" in answer.headers) is zipped


def test_compressing_twice_gives_the_same_bytes() -> None:
    assert compress(b"post " * 500) == compress(b"post " * 500)
    assert gzip.decompress(compress(b"post " * 500)) == b"post " * 500


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
    answer = open_client(stored).get(built.spec.self_url.removeprefix(stored.site.url))
    assert answer.status_code == 200
    assert answer.content == built.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_feed_can_only_be_read(stored: FeedsBlog, method: str) -> None:
    assert open_client(stored).request(method, ADDRESS).status_code == 405
