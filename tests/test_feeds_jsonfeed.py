"""JSON Feed 1.1: valid by its rules, byte for byte what ``json`` writes, whatever the text."""

import json
from dataclasses import replace
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given

from feeds.formats.format import FeedHead
from feeds.formats.jsonfeed import JSON_FEED, JSON_FEED_SUMMARY, JsonFormat
from feeds.formats.markup import legal
from posts.batch import PostContent
from tests.feeds_samples import (
    AT,
    BARE,
    HEADS,
    JSON_FEED_SCHEMA,
    LONG,
    POST,
    SITE,
    SPEC,
    any_text,
    document,
    heads,
    posts,
    untimed,
)

both = pytest.mark.parametrize("form", [JSON_FEED, JSON_FEED_SUMMARY], ids=lambda form: form.content)


def told(form: JsonFormat, *posts: PostContent, **head: Any) -> Any:
    """A feed of these posts, read back."""
    return json.loads(document(form, *posts, **head))


def item(form: JsonFormat, post: PostContent) -> Any:
    """A post's item, read back."""
    return json.loads(form.entry(post))


@both
def test_a_feed_is_valid_by_its_specification(form: JsonFormat) -> None:
    validator = jsonschema.Draft202012Validator(JSON_FEED_SCHEMA)
    site = replace(SITE, hubs=("https://hub.example/",))
    feeds = [told(form, POST, BARE, LONG, site=site, **head) for head in HEADS.values()]
    for feed in [*feeds, told(form), told(form, BARE, spec=replace(SPEC, language=None, subtitle="x"))]:
        assert list(validator.iter_errors(feed)) == []


def test_an_item_says_all_that_a_post_holds() -> None:
    assert item(JSON_FEED, POST) == {
        "id": POST.uri,
        "url": "https://blog.example/a?b=1&c=%E2%80%9C2%E2%80%9D",
        "title": POST.title,
        "content_html": POST.html,
        "image": POST.picture,
        "date_published": "2026-01-02T09:04:05+00:00",
        "date_modified": "2026-03-04T05:06:07+00:00",
        "authors": [{"name": "Ann"}, {"name": "Bob <bob>"}],
        "tags": list(POST.labels),
        "language": "de",
        "attachments": [
            {"url": POST.enclosures[0].url, "mime_type": "audio/mpeg", "size_in_bytes": 1234},
            {"url": POST.enclosures[1].url, "mime_type": "application/pdf"},
            {"url": POST.enclosures[2].url, "mime_type": "audio/ogg", "size_in_bytes": 99},
        ],
    }


def test_a_post_with_nothing_has_its_id_for_a_text_and_no_title() -> None:
    assert item(JSON_FEED, BARE) == {
        "id": BARE.uri,
        "content_text": BARE.uri,
        "date_published": "2026-02-23T05:06:07+00:00",
        "date_modified": "2026-02-24T05:06:07+00:00",
    }


def test_a_summary_is_plain_words_and_all_the_content_there_is() -> None:
    short = item(JSON_FEED_SUMMARY, POST)
    assert short["summary"] == short["content_text"] == "One & two 🐟 tab ]]>"
    assert "content_html" not in short
    assert item(JSON_FEED_SUMMARY, LONG)["summary"].endswith("…")


def test_a_head_says_what_the_feed_is() -> None:
    feed = told(JSON_FEED, site=replace(SITE, hubs=("https://hub.example/",)))
    assert feed == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": SPEC.title,
        "home_page_url": SPEC.alternate_url,
        "feed_url": f"{AT}.json",
        "authors": [{"name": "Ann O’Nym"}],
        "language": "en-GB",
        "hubs": [{"type": "WebSub", "url": "https://hub.example/"}],
        "items": [],
    }
    assert told(JSON_FEED, spec=replace(SPEC, subtitle="About"))["description"] == "About"


@pytest.mark.parametrize(
    ("head", "older"),
    [
        ("subscription", f"{AT}/archive/7.atom"),
        ("archive", f"{AT}/archive/1.atom"),
        ("paged", f"{AT}.atom?n=2"),
        ("complete", None),
    ],
)
def test_what_is_older_is_next(head: str, older: str | None) -> None:
    assert told(JSON_FEED, POST, **HEADS[head]).get("next_url") == older


def test_letters_stand_as_themselves() -> None:
    written = JSON_FEED.entry(POST)
    assert "政治".encode() in written
    assert b"\\u" not in written


@both
@untimed
@given(post=posts(any_text))
def test_no_post_can_break_a_feed(form: JsonFormat, post: PostContent) -> None:
    first, second = told(form, post, POST)["items"]
    assert first["id"] == legal(post.uri)
    assert second["id"] == POST.uri
    if "content_html" in first:
        assert first["content_html"] == legal(post.html)


@both
@untimed
@given(post=posts(any_text))
def test_an_item_is_byte_for_byte_what_json_writes(form: JsonFormat, post: PostContent) -> None:
    written = form.entry(post)
    again = json.dumps(json.loads(written), ensure_ascii=False, separators=(",", ":"))
    assert written == again.encode()


@untimed
@given(head=heads(any_text))
def test_no_head_can_break_a_feed(head: FeedHead) -> None:
    feed = json.loads(b"".join(JSON_FEED.feed(head, [JSON_FEED.entry(POST), JSON_FEED.entry(BARE)])))
    assert feed["feed_url"] == legal(head.self_url)
    assert [one["id"] for one in feed["items"]] == [POST.uri, BARE.uri]
