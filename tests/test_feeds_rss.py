"""RSS 2.0: by the profile, read back by a feed reader's parser, and byte for byte what feedgen writes."""

import locale
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import feedparser
import pytest
from hypothesis import given
from lxml import etree

from feeds.formats.format import FeedHead
from feeds.formats.frames import FeedShape
from feeds.formats.markup import legal
from feeds.formats.rss import RSS, RSS_SUMMARY, RssFormat
from feeds.formats.rss_frames import channel_by_feedgen, channel_frame, item_by_feedgen
from posts.batch import PostContent
from tests.feeds_samples import (
    AT,
    BARE,
    HEADS,
    LONG,
    NAMES,
    POST,
    SITE,
    SPEC,
    any_text,
    document,
    heads,
    posts,
    told_of_entry,
    told_of_feed,
    untimed,
    xml_text,
)

both = pytest.mark.parametrize("form", [RSS, RSS_SUMMARY], ids=lambda form: form.content)

# Elements whose text is plain: the profile wants other references there than feedgen writes.
_PLAIN = re.compile(rb"<(title|description|category|dc:creator)>[^<]*", re.DOTALL)


def by_profile(by_feedgen: bytes, *, item: bool) -> bytes:
    """feedgen's bytes with the profile's references; an item's description is HTML."""

    def mended(found: re.Match[bytes]) -> bytes:
        if item and found[1] == b"description":
            return found[0]
        return found[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")

    return _PLAIN.sub(mended, by_feedgen)


def channel(form: RssFormat, *posts: PostContent, **told: Any) -> etree._Element:
    """A channel with these posts' items."""
    found = etree.fromstring(document(form, *posts, **told)).find("channel")
    assert found is not None
    return found


def item(form: RssFormat, post: PostContent) -> etree._Element:
    """A post's item as it stands in a feed."""
    found = channel(form, post).find("item")
    assert found is not None
    return found


def values(parent: etree._Element, name: str) -> list[str]:
    """The texts of all children of this name."""
    return [child.text or "" for child in parent.iterfind(name, NAMES)]


def attributes(parent: etree._Element, name: str) -> list[dict[str, str]]:
    """The attributes of all children of this name."""
    return [
        {str(key): str(value) for key, value in child.attrib.items()}
        for child in parent.iterfind(name, NAMES)
    ]


def test_a_full_item_has_a_summary_first_and_then_the_whole_text() -> None:
    found = item(RSS, POST)
    assert found.findtext("content:encoded", namespaces=NAMES) == POST.html
    assert found.findtext("description") == "One &amp; two 🐟 tab ]]&gt;"
    names = [child.tag for child in found]
    assert names.index("description") < names.index(f"{{{NAMES['content']}}}encoded")


def test_a_summary_has_no_content() -> None:
    assert item(RSS_SUMMARY, LONG).find("content:encoded", NAMES) is None
    described = item(RSS_SUMMARY, LONG).findtext("description") or ""
    assert described.endswith("…")
    assert len(described) <= 301


def test_an_item_names_its_authors_labels_and_language() -> None:
    found = item(RSS, POST)
    assert values(found, "dc:creator") == list(POST.authors)
    assert values(found, "category") == list(POST.labels)
    assert values(found, "dc:language") == ["de"]
    assert values(item(RSS, BARE), "dc:language") == []
    # It wants an address, which nobody has told us.
    assert found.find("author") is None


def test_an_id_is_no_permalink() -> None:
    found = item(RSS, POST)
    assert values(found, "guid") == [POST.uri]
    assert attributes(found, "guid") == [{"isPermaLink": "false"}]
    assert values(found, "link") == ["https://blog.example/a?b=1&c=%E2%80%9C2%E2%80%9D"]
    assert values(item(RSS, BARE), "link") == []


def test_one_enclosure_is_an_enclosure_and_more_are_media() -> None:
    found = item(RSS, POST)
    first, second, third = POST.enclosures
    assert attributes(found, "enclosure") == [{"url": first.url, "length": "1234", "type": "audio/mpeg"}]
    assert attributes(found, "media:content") == [
        {"url": second.url, "type": second.media_type},
        {"url": third.url, "type": third.media_type, "fileSize": "99"},
        {"url": POST.picture, "medium": "image"},
    ]
    assert attributes(found, "media:thumbnail") == [{"url": POST.picture}]
    assert found.find("media:group", NAMES) is None
    unknown = item(RSS, replace(POST, enclosures=(second,)))
    assert attributes(unknown, "enclosure") == [{"url": second.url, "length": "0", "type": "application/pdf"}]


def test_a_channel_says_where_it_stands_and_what_of() -> None:
    found = channel(RSS, POST)
    assert values(found, "link") == [SPEC.alternate_url]
    assert values(found, "description") == [SPEC.title]
    assert values(found, "language") == ["en-GB"]
    assert values(found, "dc:creator") == ["Ann O’Nym"]
    assert values(found, "lastBuildDate") == ["Wed, 04 Mar 2026 05:06:07 +0000"]
    assert values(found, "generator") == ["Labelcast"]
    assert attributes(found, "a:link") == [
        {"rel": "self", "href": f"{AT}.rss", "type": "application/rss+xml"}
    ]
    assert not {"ttl", "image", "pubDate"} & {child.tag for child in found}
    told = channel(RSS, spec=replace(SPEC, subtitle="About <it>"))
    assert values(told, "description") == ["About <it>"]


def test_a_channel_leads_to_its_archive_and_its_hubs() -> None:
    site = replace(SITE, hubs=("https://hub.example/a", "https://hub.example/b"))
    found = channel(RSS, POST, site=site, **HEADS["archive"])
    assert found.find("fh:archive", NAMES) is not None
    assert [(link["rel"], link["href"]) for link in attributes(found, "a:link")[1:]] == [
        ("current", f"{AT}.atom?a=1&b=2"),
        ("prev-archive", f"{AT}/archive/1.atom"),
        ("next-archive", f"{AT}/archive/3.atom"),
        ("hub", "https://hub.example/a"),
        ("hub", "https://hub.example/b"),
    ]
    complete = channel(RSS, POST, **HEADS["complete"])
    assert complete.find("fh:complete", NAMES) is not None
    assert [link["rel"] for link in attributes(complete, "a:link")] == ["self"]


def test_a_page_tells_of_its_neighbours_and_of_the_whole() -> None:
    found = channel(RSS, POST, BARE, **HEADS["paged"])
    assert [link["rel"] for link in attributes(found, "a:link")] == ["self", "next", "previous"]
    names = ("totalResults", "startIndex", "itemsPerPage")
    assert [values(found, f"opensearch:{name}") for name in names] == [["77"], ["26"], ["2"]]


def test_what_is_gone_is_no_word_of_rss() -> None:
    assert document(RSS, POST, **HEADS["deleted"]) == document(RSS, POST)


def test_a_parser_of_feeds_finds_no_fault_and_reads_back_all_there_is() -> None:
    found = feedparser.parse(document(RSS, POST, BARE))
    assert not found.bozo
    assert (found.version, found.feed.title, found.feed.language) == ("rss20", SPEC.title, "en-GB")
    first, second = found.entries
    assert (first.id, first.title, first.guidislink) == (POST.uri, "Fish & <chips>", False)
    assert first.published_parsed[:6] == (2026, 1, 2, 9, 4, 5)
    assert [tag.term for tag in first.tags] == list(POST.labels)
    assert [(file.href, file.length) for file in first.enclosures] == [(POST.enclosures[0].url, "1234")]
    assert first.media_thumbnail == [{"url": POST.picture}]
    assert "🐟" in first.content[0].value
    assert second.title == BARE.uri


def test_a_plain_text_is_written_as_the_profile_wants_it() -> None:
    post = replace(POST, title="AT&T <3", labels=("R&D",), authors=("A&B",))
    written = RSS.entry(post)
    for element in (b"<title>AT&#x26;T &#x3C;3</title>", b"<category>R&#x26;D</category>"):
        assert element in written
    assert b"<dc:creator>A&#x26;B</dc:creator>" in written


def test_dates_are_what_the_standard_library_reads() -> None:
    for moment in (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)):
        (written,) = values(item(RSS, replace(POST, published=moment)), "pubDate")
        assert parsedate_to_datetime(written) == moment


def test_many_threads_leave_the_locale_as_it_was() -> None:
    before = locale.setlocale(locale.LC_ALL)
    shapes = [
        FeedShape(False, False, ("hub",) * number, False, False, False, False, 0) for number in range(40)
    ]
    channel_frame.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(channel_frame, shapes))
    assert locale.setlocale(locale.LC_ALL) == before
    assert all("Fri, 22 Feb 2222 00:00:00 +0000" in frame.marks for frame in frames)


@both
@untimed
@given(post=posts(any_text))
def test_no_post_can_break_a_feed(form: RssFormat, post: PostContent) -> None:
    found = channel(form, post, POST)
    assert [name for name in values(found, "item/guid") if name] == [
        name for name in (legal(post.uri), POST.uri) if name
    ]
    assert len(found.findall("item")) == 2


@both
@untimed
@given(head=heads(any_text))
def test_no_head_can_break_a_feed(form: RssFormat, head: FeedHead) -> None:
    root = etree.fromstring(b"".join(form.feed(head, [form.entry(POST)])))
    assert len(root.findall("channel/item")) == 1
    assert len(root.findall("channel/link")) == 1


@both
@untimed
@given(post=posts(xml_text))
def test_an_item_is_byte_for_byte_what_feedgen_writes(form: RssFormat, post: PostContent) -> None:
    texts = told_of_entry(post, updated=post.updated, with_body=form.content == "full", with_summary=True)
    assert form.entry(post) == by_profile(item_by_feedgen(texts), item=True) + b"\n"


@untimed
@given(head=heads(xml_text))
def test_a_channel_is_byte_for_byte_what_feedgen_writes(head: FeedHead) -> None:
    written = b"".join(RSS.feed(head, ()))
    # RSS has no word for what is gone.
    told = told_of_feed(replace(head, deleted=()), entries=0)
    by_feedgen = by_profile(channel_by_feedgen(told), item=False)
    assert written == by_feedgen.removesuffix(b"</channel></rss>") + b"\n</channel></rss>\n"
