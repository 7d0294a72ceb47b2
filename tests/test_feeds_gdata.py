"""Blogger's own JSON: what a script that read a Blogger feed finds where it was."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from feeds.formats.format import FeedHead, Format
from feeds.formats.gdata import GDATA, GDATA_SUMMARY
from feeds.selection import FeedSpec
from feeds.site import FeedSite
from posts.batch import PostContent
from posts.model import Enclosure
from posts.rules import All

WHEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SITE = FeedSite(url="https://blog.example", title="The Blog", author="Ann", hubs=("https://hub.example/",))
SPEC = FeedSpec("all", "urn:uuid:1", All(), "The Blog", None, 25, "https://blog.example/")
POST = PostContent(
    id=1,
    revision=1,
    uri="tag:blogger.com,1999:blog-1.post-2",
    url="https://blog.example/2.html",
    title="Fish & chips",
    html="<p>One <b>two</b></p>",
    published=WHEN,
    updated=WHEN,
    authors=("Ann", "Bob"),
    labels=("MEK", "ایران"),
    enclosures=(Enclosure("https://blog.example/a.mp3", "audio/mpeg", 5),),
    picture="https://blog.example/p.png",
)


def feed(*posts: PostContent, form: Format = GDATA, **head: Any) -> dict[str, Any]:
    told = FeedHead(SPEC, SITE, updated=WHEN, self_url="https://blog.example/feeds/posts/default", **head)
    document = b"".join(form.feed(told, [form.entry(post) for post in posts]))
    parsed: dict[str, Any] = json.loads(document)
    assert parsed["version"] == "1.0"
    found: dict[str, Any] = parsed["feed"]
    return found


def test_a_post_is_where_a_script_of_bloggers_looks_for_it() -> None:
    (entry,) = feed(POST)["entry"]
    assert entry["id"]["$t"] == "tag:blogger.com,1999:blog-1.post-2"
    assert entry["title"] == {"type": "text", "$t": "Fish & chips"}
    assert entry["content"] == {"type": "html", "$t": "<p>One <b>two</b></p>"}
    assert entry["published"]["$t"] == entry["updated"]["$t"] == "2026-03-04T05:06:07+00:00"
    assert [one["term"] for one in entry["category"]] == ["MEK", "ایران"]
    assert [one["name"]["$t"] for one in entry["author"]] == ["Ann", "Bob"]
    links = {one["rel"]: one["href"] for one in entry["link"]}
    assert links == {"alternate": "https://blog.example/2.html", "enclosure": "https://blog.example/a.mp3"}
    assert entry["media$thumbnail"] == {"url": "https://blog.example/p.png"}


def test_a_summary_has_words_only() -> None:
    (entry,) = feed(POST, form=GDATA_SUMMARY)["entry"]
    assert entry["summary"] == {"type": "text", "$t": "One two"}
    assert "content" not in entry


def test_the_head_tells_the_part_that_is_shown() -> None:
    told = feed(
        POST, total=508, start=26, next_page="https://blog.example/feeds/posts/default?start-index=27"
    )
    assert told["openSearch$totalResults"]["$t"] == "508"
    assert told["openSearch$startIndex"]["$t"] == "26"
    assert told["openSearch$itemsPerPage"]["$t"] == "1"
    links = {one["rel"]: one["href"] for one in told["link"]}
    assert links["next"] == "https://blog.example/feeds/posts/default?start-index=27"
    assert links["hub"] == "https://hub.example/"
    assert links["self"] == "https://blog.example/feeds/posts/default"


def test_no_post_is_no_entry() -> None:
    assert feed()["entry"] == []


@given(st.text(), st.text(), st.text())
def test_whatever_a_post_says_it_is_json(title: str, html: str, label: str) -> None:
    post = replace(POST, title=title, html=html, labels=(label,), url=None)
    for form in (GDATA, GDATA_SUMMARY):
        assert len(feed(post, post, form=form)["entry"]) == 2
