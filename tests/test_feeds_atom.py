"""Atom: valid, found faultless by a feed reader's parser, and byte for byte what feedgen writes."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from feeds.atom import ATOM
from feeds.frames import EntryTexts, FeedTexts, entry_by_feedgen, head_by_feedgen
from feeds.markup import attribute, escaped, legal
from feeds.selection import FeedSpec
from feeds.site import FeedSite
from posts.batch import PostContent
from posts.rules import HasLabel

GOLDEN = Path(__file__).parent / "data" / "feeds" / "golden.atom"
NAMES = {"a": "http://www.w3.org/2005/Atom"}
WHEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

SITE = FeedSite(url="https://blog.example/", title="Wörld & News", author="Ann O’Nym", language="en-GB")
SPEC = FeedSpec(
    slug="u.s.-politics",
    uri="urn:uuid:7e3f1c52-3f0a-5a53-9f4e-2f1c8f1f5a11",
    rule=HasLabel("U.S. politics"),
    title="Wörld & News: U.S. politics",
    subtitle=None,
    entries=25,
    alternate_url="https://blog.example/labels/u.s.-politics",
    self_url="https://blog.example/feeds/u.s.-politics.atom",
)
POST = PostContent(
    id=1,
    revision=1,
    uri="tag:blog.example,2026:1",
    url="https://blog.example/a?b=1&c=“2”",
    title="Fish & <chips>",
    html='<p title="a &quot;b&quot;">One &amp; <em>two</em> 🐟</p>\r\n<pre>\ttab ]]></pre>',
    published=datetime(2026, 1, 2, 3, 4, 5, 999999, tzinfo=timezone(timedelta(hours=-6))),
    updated=WHEN,
    authors=("Ann", "Bob <bob>"),
    labels=("C++", "Düsseldorf", "U.S. politics", "政治"),
)
BARE = PostContent(
    id=2,
    revision=1,
    uri="urn:uuid:53d4ddd3-6c3c-4c77-9d0d-4d7a4f1f0001",
    url=None,
    title="",
    html="",
    published=WHEN - timedelta(days=9),
    updated=WHEN - timedelta(days=8),
)

# What XML 1.0 can hold; everything else is cut away before anybody sees it.
xml_text = st.text(
    st.one_of(
        st.sampled_from("\t\n\r&<>\"'{} ]"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff", min_codepoint=0x20),
    )
)
any_text = st.text(st.characters(exclude_categories=[]))
moments = st.builds(
    lambda seconds, hours: (
        datetime(1900, 1, 2, tzinfo=timezone(timedelta(hours=hours))) + timedelta(seconds=seconds)
    ),
    st.floats(min_value=0, max_value=9e9),
    st.integers(min_value=-12, max_value=14),
)


def posts(text: st.SearchStrategy[str]) -> st.SearchStrategy[PostContent]:
    """Posts whose every text is of this kind."""
    return st.builds(
        PostContent,
        id=st.just(1),
        revision=st.just(1),
        uri=text.filter(bool),
        url=st.none() | text.filter(bool),
        title=text.filter(bool),
        html=text.filter(bool),
        published=moments,
        updated=moments,
        authors=st.lists(text.filter(str.strip), max_size=3, unique=True).map(tuple),
        labels=st.lists(text.filter(str.strip), max_size=4, unique=True).map(tuple),
    )


def feed(*posts: PostContent, spec: FeedSpec = SPEC, site: FeedSite = SITE) -> bytes:
    """A feed of these posts as one document."""
    entries = [ATOM.entry(post) for post in posts]
    return b"".join(ATOM.feed(spec, site, updated=WHEN, entries=entries))


@pytest.fixture(scope="session")
def atom_schema(shared_data: Path) -> etree.RelaxNG:
    """RFC 4287's own grammar."""
    return etree.RelaxNG(etree.parse(str(shared_data / "schemas" / "atom.rng")))


def test_a_feed_is_what_it_was_byte_for_byte() -> None:
    # Whoever changes these bytes changes every reader's feeds: raise AtomFormat.kind with them.
    assert feed(POST, BARE) == GOLDEN.read_bytes()


def test_the_golden_feed_says_what_went_in() -> None:
    root = etree.fromstring(GOLDEN.read_bytes())
    assert root.xpath("string(a:entry[1]/a:content)", namespaces=NAMES) == POST.html
    assert root.xpath("string(a:entry[1]/a:title)", namespaces=NAMES) == POST.title
    assert root.xpath("a:entry[1]/a:category/@term", namespaces=NAMES) == list(POST.labels)
    assert root.xpath("a:entry[1]/a:author/a:name/text()", namespaces=NAMES) == list(POST.authors)
    assert root.xpath("string(a:entry[1]/a:link/@href)", namespaces=NAMES) == POST.url
    assert root.xpath("string(a:entry[1]/a:published)", namespaces=NAMES) == "2026-01-02T09:04:05+00:00"
    assert root.xpath("string(@xml:lang)") == "en-GB"


def test_a_feed_is_valid_by_the_grammar_of_the_rfc(atom_schema: etree.RelaxNG) -> None:
    for document in (feed(POST, BARE), feed(), feed(BARE, site=replace(SITE, language=None))):
        assert atom_schema.validate(etree.fromstring(document)), atom_schema.error_log


def test_a_parser_of_feeds_finds_no_fault() -> None:
    found = feedparser.parse(feed(POST, BARE))
    assert not found.bozo
    assert found.version == "atom10"
    first, second = found.entries
    assert (first.id, first.title, first.link) == (POST.uri, POST.title, POST.url)
    assert first.content[0].type == "text/html"
    assert [tag.term for tag in first.tags] == list(POST.labels)
    assert second.title == BARE.uri


def test_an_entry_has_one_alternate_with_its_type() -> None:
    entry = etree.fromstring(ATOM.entry(POST))
    (link,) = entry.findall("link")
    assert dict(link.attrib.items()) == {"href": POST.url, "rel": "alternate", "type": "text/html"}
    assert etree.fromstring(ATOM.entry(BARE)).findall("link") == []


def test_a_feed_has_one_self_and_one_alternate() -> None:
    root = etree.fromstring(feed())
    assert [dict(link.attrib.items()) for link in root.findall("a:link", NAMES)] == [
        {"rel": "self", "href": SPEC.self_url, "type": "application/atom+xml"},
        {"rel": "alternate", "href": SPEC.alternate_url, "type": "text/html"},
    ]


def test_a_feed_always_has_an_author() -> None:
    for author, expected in (("Ann", "Ann"), ("", "Wörld & News"), ("  ", "Wörld & News")):
        root = etree.fromstring(feed(site=replace(SITE, author=author)))
        assert root.findtext("a:author/a:name", namespaces=NAMES) == expected


def test_a_subtitle_and_a_language_are_there_only_when_told() -> None:
    told = etree.fromstring(feed(spec=replace(SPEC, subtitle="All <about> it")))
    assert told.findtext("a:subtitle", namespaces=NAMES) == "All <about> it"
    untold = etree.fromstring(feed(site=replace(SITE, language=None)))
    assert untold.find("a:subtitle", NAMES) is None
    assert untold.xpath("string(@xml:lang)") == ""


def test_empty_names_and_names_told_twice_are_left_out() -> None:
    post = replace(POST, authors=("", "Ann", " ", "Ann"), labels=("x", "\x0b", "x"))
    entry = etree.fromstring(ATOM.entry(post))
    assert [name.text for name in entry.iterfind("author/name")] == ["Ann"]
    assert [category.get("term") for category in entry.iterfind("category")] == ["x"]


def test_times_are_in_utc_and_in_whole_seconds() -> None:
    found = re.findall(rb"<(?:updated|published)>([^<]*)<", feed(POST, BARE))
    assert len(found) == 5
    assert all(re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", moment) for moment in found)


@given(xml_text)
def test_escaped_text_is_read_back_as_it_was(text: str) -> None:
    element = etree.fromstring(b"<a>" + escaped(text) + b"</a>")
    assert (element.text or "") == text
    value = etree.fromstring(b'<a b="' + attribute(text) + b'"/>').get("b")
    assert value == text


@given(any_text)
def test_text_that_xml_cannot_hold_is_cut_away(text: str) -> None:
    element = etree.fromstring(b"<a>" + escaped(text) + b"</a>")
    assert (element.text or "") == legal(text)
    assert set(text) - set(legal(text)) <= {*map(chr, range(0x20)), "\ufffe", "\uffff"} | {
        character for character in text if "\ud800" <= character <= "\udfff"
    }


@given(posts(any_text))
def test_no_post_can_break_a_feed(post: PostContent) -> None:
    root = etree.fromstring(feed(post, POST))
    assert len(root.findall("a:entry", NAMES)) == 2
    assert (root.findtext("a:entry/a:content", namespaces=NAMES) or "") == legal(post.html)


@given(posts(xml_text))
def test_an_entry_is_byte_for_byte_what_feedgen_writes(post: PostContent) -> None:
    by_feedgen = entry_by_feedgen(
        EntryTexts(
            id=post.uri,
            title=post.title,
            body=post.html,
            url=post.url,
            published=post.published.astimezone(UTC).replace(microsecond=0),
            updated=post.updated.astimezone(UTC).replace(microsecond=0),
            authors=post.authors,
            labels=post.labels,
        )
    )
    assert ATOM.entry(post) == by_feedgen + b"\n"


@given(
    title=xml_text.filter(bool),
    subtitle=st.none() | xml_text.filter(bool),
    author=xml_text.filter(str.strip),
    language=st.none() | xml_text.filter(bool),
    updated=moments,
)
def test_a_head_is_byte_for_byte_what_feedgen_writes(
    title: str, subtitle: str | None, author: str, language: str | None, updated: datetime
) -> None:
    site = replace(SITE, author=author, language=language)
    spec = replace(SPEC, title=title, subtitle=subtitle)
    by_feedgen = head_by_feedgen(
        FeedTexts(
            id=spec.uri,
            title=title,
            subtitle=subtitle,
            updated=updated.astimezone(UTC).replace(microsecond=0),
            author=author.strip(),
            self_url=spec.self_url,
            page_url=spec.alternate_url,
            language=language,
        )
    )
    document = b"".join(ATOM.feed(spec, site, updated=updated, entries=()))
    assert document == by_feedgen.replace(b"</feed>", b"\n</feed>\n")
