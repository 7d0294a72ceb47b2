"""Atom: valid, found faultless by a feed reader's parser, and byte for byte what feedgen writes."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import feedparser
import pytest
from hypothesis import given
from lxml import etree

from feeds.formats.atom import ATOM, ATOM_SUMMARY, AtomFormat
from feeds.formats.atom_frames import entry_by_feedgen, head_by_feedgen
from feeds.formats.format import FeedHead
from feeds.formats.markup import legal
from feeds.formats.moments import told_apart
from posts.batch import PostContent
from posts.model import Enclosure
from tests.feeds_samples import (
    AT,
    BARE,
    GOLDEN,
    HEADS,
    LONG,
    NAMES,
    POST,
    SITE,
    SPEC,
    WHEN,
    any_text,
    as_html,
    document,
    heads,
    posts,
    told_of_entry,
    told_of_feed,
    untimed,
    xml_text,
)

LANG = "{http://www.w3.org/XML/1998/namespace}lang"
both = pytest.mark.parametrize("form", [ATOM, ATOM_SUMMARY], ids=lambda form: form.content)


def links(parent: etree._Element) -> list[dict[str, str]]:
    """An element's own links."""
    return [
        {str(name): str(value) for name, value in link.attrib.items()}
        for link in parent.findall("a:link", NAMES)
    ]


def entry(form: AtomFormat, post: PostContent) -> etree._Element:
    """A post's entry as it stands in a feed."""
    found = etree.fromstring(document(form, post)).find("a:entry", NAMES)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def atom_schema(shared_data: Path) -> etree.RelaxNG:
    """RFC 4287's own grammar."""
    return etree.RelaxNG(etree.parse(str(shared_data / "schemas" / "atom.rng")))


def test_the_golden_feed_says_what_went_in() -> None:
    root = etree.fromstring((GOLDEN / "golden.atom").read_bytes())
    assert root.xpath("string(a:entry[1]/a:content)", namespaces=NAMES) == POST.html
    assert root.xpath("string(a:entry[1]/a:title)", namespaces=NAMES) == POST.title
    assert root.xpath("a:entry[1]/a:category/@term", namespaces=NAMES) == list(POST.labels)
    assert root.xpath("a:entry[1]/a:author/a:name/text()", namespaces=NAMES) == list(POST.authors)
    assert root.xpath("string(a:entry[1]/a:published)", namespaces=NAMES) == "2026-01-02T09:04:05+00:00"
    assert root.xpath("string(a:entry[1]/@xml:lang)", namespaces=NAMES) == "de"
    assert root.xpath("string(@xml:lang)") == "en-GB"


@both
def test_a_feed_is_valid_by_the_grammar_of_the_rfc(form: AtomFormat, atom_schema: etree.RelaxNG) -> None:
    documents = [document(form, POST, BARE, LONG, **head) for head in HEADS.values()]
    documents += [document(form), document(form, BARE, spec=replace(SPEC, language=None, subtitle="x"))]
    for one in documents:
        assert atom_schema.validate(etree.fromstring(one)), atom_schema.error_log


def test_a_parser_of_feeds_finds_no_fault_and_reads_back_all_there_is() -> None:
    found = feedparser.parse(document(ATOM, POST, BARE, site=replace(SITE, hubs=("https://hub.example/",))))
    assert not found.bozo
    assert found.version == "atom10"
    assert [link.href for link in found.feed.links if link.rel == "hub"] == ["https://hub.example/"]
    first, second = found.entries
    assert (first.id, first.title) == (POST.uri, POST.title)
    assert first.link == "https://blog.example/a?b=1&c=%E2%80%9C2%E2%80%9D"
    assert (first.content[0].type, first.content[0].language) == ("text/html", "de")
    assert [tag.term for tag in first.tags] == list(POST.labels)
    assert [author.name for author in first.authors] == list(POST.authors)
    assert [(file.href, file.type, file.get("length", "0")) for file in first.enclosures] == [
        (file.url, file.media_type, str(file.length)) for file in POST.enclosures
    ]
    assert first.media_thumbnail == [{"url": POST.picture}]
    assert second.title == BARE.uri


def test_a_summary_is_plain_words_and_leaves_the_content_away() -> None:
    found = feedparser.parse(document(ATOM_SUMMARY, POST, LONG))
    assert not found.bozo
    short, long = found.entries
    assert "content" not in short
    assert short.summary == "One &amp; two 🐟 tab ]]&gt;"
    assert len(long.content[0].value) <= 301
    assert long.content[0].value.endswith(" word after…")


def test_what_is_no_markup_is_none_to_a_reader_of_html_either() -> None:
    post = replace(POST, html="<p>Write &lt;b&gt;bold&lt;/b&gt; &amp;amp; so on</p>")
    summary = entry(ATOM_SUMMARY, post).find("a:summary", NAMES)
    assert summary is not None
    assert dict(summary.attrib.items()) == {"type": "html"}
    assert summary.text == "Write &lt;b&gt;bold&lt;/b&gt; &amp;amp; so on"


def test_a_post_without_a_link_has_its_summary_for_content() -> None:
    unlinked = entry(ATOM_SUMMARY, LONG)
    assert unlinked.find("a:summary", NAMES) is None
    assert (unlinked.findtext("a:content", namespaces=NAMES) or "").startswith("word after word")
    assert links(unlinked) == []
    linked = entry(ATOM_SUMMARY, replace(LONG, url="https://blog.example/3"))
    assert linked.find("a:content", NAMES) is None


def test_an_entry_has_one_alternate_with_its_type_and_all_its_enclosures() -> None:
    url = "https://blog.example/a?b=1&c=%E2%80%9C2%E2%80%9D"
    assert links(entry(ATOM, POST)) == [
        {"href": url, "rel": "alternate", "type": "text/html"},
        {"href": POST.enclosures[0].url, "rel": "enclosure", "type": "audio/mpeg", "length": "1234"},
        {"href": POST.enclosures[1].url, "rel": "enclosure", "type": "application/pdf"},
        {"href": POST.enclosures[2].url, "rel": "enclosure", "type": "audio/ogg", "length": "99"},
    ]
    assert links(entry(ATOM, BARE)) == []
    assert entry(ATOM, BARE).get(LANG) is None


def test_a_feed_has_one_self_and_one_alternate() -> None:
    assert links(etree.fromstring(document(ATOM))) == [
        {"rel": "self", "href": f"{AT}.atom", "type": "application/atom+xml"},
        {"rel": "alternate", "href": SPEC.alternate_url, "type": "text/html"},
    ]


def test_an_archive_document_leads_to_its_neighbours_and_to_the_current_one() -> None:
    root = etree.fromstring(document(ATOM, POST, **HEADS["archive"]))
    assert root.find("fh:archive", NAMES) is not None
    assert [(link["rel"], link["href"]) for link in links(root)[2:]] == [
        ("current", f"{AT}.atom?a=1&b=2"),
        ("prev-archive", f"{AT}/archive/1.atom"),
        ("next-archive", f"{AT}/archive/3.atom"),
    ]


def test_a_complete_feed_leads_to_no_other_part() -> None:
    root = etree.fromstring(document(ATOM, POST, **HEADS["complete"]))
    assert root.find("fh:complete", NAMES) is not None
    assert [link["rel"] for link in links(root)] == ["self", "alternate"]


def test_a_page_tells_of_its_neighbours_and_of_the_whole() -> None:
    root = etree.fromstring(document(ATOM, POST, BARE, **HEADS["paged"]))
    assert [link["rel"] for link in links(root)[2:]] == ["next", "previous"]
    told = {child.tag: child.text for child in root.iterfind("opensearch:*", NAMES)}
    name = f"{{{NAMES['opensearch']}}}"
    assert told == {f"{name}totalResults": "77", f"{name}startIndex": "26", f"{name}itemsPerPage": "2"}
    empty = etree.fromstring(document(ATOM, **HEADS["empty search"]))
    assert empty.findtext("opensearch:totalResults", namespaces=NAMES) == "0"


def test_a_post_that_is_gone_has_a_tombstone() -> None:
    root = etree.fromstring(document(ATOM, POST, **HEADS["deleted"]))
    assert [dict(gone.attrib.items()) for gone in root.iterfind("at:deleted-entry", NAMES)] == [
        {"ref": "tag:x,2026:1&2", "when": "2026-03-04T05:06:07+00:00"},
        {"ref": "urn:y", "when": "2026-03-04T04:06:07+00:00"},
    ]


def test_a_feed_always_has_an_author() -> None:
    for author, expected in (("Ann", "Ann"), ("", "Wörld & News"), ("  ", "Wörld & News")):
        root = etree.fromstring(document(ATOM, site=replace(SITE, author=author)))
        assert root.findtext("a:author/a:name", namespaces=NAMES) == expected


def test_a_subtitle_and_a_language_are_there_only_when_told() -> None:
    told = etree.fromstring(document(ATOM, spec=replace(SPEC, subtitle="All <about> it")))
    assert told.findtext("a:subtitle", namespaces=NAMES) == "All <about> it"
    untold = etree.fromstring(document(ATOM, spec=replace(SPEC, language=None)))
    assert untold.find("a:subtitle", NAMES) is None
    assert untold.get(LANG) is None


def test_empty_names_and_names_told_twice_are_left_out() -> None:
    found = entry(ATOM, replace(POST, authors=("", "Ann", " ", "Ann"), labels=("x", "\x0b", "x")))
    assert [name.text for name in found.iterfind("a:author/a:name", NAMES)] == ["Ann"]
    assert [category.get("term") for category in found.iterfind("a:category", NAMES)] == ["x"]


def test_a_post_without_a_text_has_its_title_for_one() -> None:
    found = entry(ATOM, replace(BARE, title="Q & <A>", html=" \n"))
    assert found.findtext("a:content", namespaces=NAMES) == "Q &amp; &lt;A&gt;"


def test_times_are_in_utc_and_only_an_update_has_a_fraction() -> None:
    found = re.findall(rb"<(updated|published)>([^<]*)<", document(ATOM, POST, BARE))
    assert [name for name, _ in found] == [b"updated"] + 2 * [b"updated", b"published"]
    seconds = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
    assert re.fullmatch(seconds + rb"\+00:00", found[0][1])
    for name, moment in found[1:]:
        fraction = rb"\.\d{6}" if name == b"updated" else b""
        assert re.fullmatch(seconds + fraction + rb"\+00:00", moment)


def test_posts_updated_at_the_same_moment_are_told_apart() -> None:
    twins = [replace(BARE, uri=f"tag:blog.example,2026:{number}") for number in range(25)]
    root = etree.fromstring(document(ATOM, *twins))
    moments = root.xpath("a:entry/a:updated/text()", namespaces=NAMES)
    assert isinstance(moments, list)
    assert len(set(moments)) == 25
    # A fraction that the post has of its own stays.
    own = replace(BARE, updated=WHEN + timedelta(microseconds=5))
    assert entry(ATOM, own).findtext("a:updated", namespaces=NAMES) == "2026-03-04T05:06:07.000005+00:00"


@both
@untimed
@given(post=posts(any_text))
def test_no_post_can_break_a_feed(form: AtomFormat, post: PostContent) -> None:
    root = etree.fromstring(document(form, post, POST))
    assert len(root.findall("a:entry", NAMES)) == 2
    assert all(len(author) == 1 for author in root.iterfind(".//a:author", NAMES))
    if form.content == "full" and legal(post.html).strip():
        read_back = root.findtext("a:entry/a:content", namespaces=NAMES) or ""
        assert read_back.replace("&#xFFFD;", "\ufffd") == legal(post.html).replace("&#xFFFD;", "\ufffd")


@both
@untimed
@given(head=heads(any_text))
def test_no_head_can_break_a_feed(form: AtomFormat, head: FeedHead) -> None:
    root = etree.fromstring(b"".join(form.feed(head, [form.entry(POST)])))
    assert [link["rel"] for link in links(root)].count("self") == 1
    assert len(root.findall("a:entry", NAMES)) == 1


@both
@untimed
@given(post=posts(xml_text))
def test_an_entry_is_byte_for_byte_what_feedgen_writes(form: AtomFormat, post: PostContent) -> None:
    texts = told_of_entry(
        post,
        updated=told_apart(post.updated, post.uri),
        with_body=form.content == "full",
        with_summary=form.content == "summary",
    )
    assert form.entry(post) == entry_by_feedgen(texts) + b"\n"


@untimed
@given(head=heads(xml_text))
def test_a_head_is_byte_for_byte_what_feedgen_writes(head: FeedHead) -> None:
    written = b"".join(ATOM.feed(head, ()))
    by_feedgen = head_by_feedgen(told_of_feed(head, entries=0))
    assert written == by_feedgen.removesuffix(b"</feed>") + b"\n</feed>\n"


def test_hostile_text_is_text() -> None:
    post = replace(
        POST,
        title="</title><script>alert(1)</script>",
        labels=('"/><script>', "]]>"),
        authors=("</name>",),
        url='https://blog.example/"><script>',
        enclosures=(Enclosure('https://x.example/"', '"><script>', 1),),
    )
    for form in (ATOM, ATOM_SUMMARY):
        found = entry(form, post)
        assert found.findtext("a:title", namespaces=NAMES) == post.title
        assert [category.get("term") for category in found.iterfind("a:category", NAMES)] == list(post.labels)
        assert found.findtext("a:author/a:name", namespaces=NAMES) == "</name>"
        assert b"<script" not in document(form, post)


def test_plain_text_as_html_reads_back_as_itself() -> None:
    parsed = feedparser.parse(document(ATOM_SUMMARY, replace(POST, html="<p>1 &lt; 2 &amp;amp; 3</p>")))
    assert parsed.entries[0].summary == as_html("1 < 2 &amp; 3")
