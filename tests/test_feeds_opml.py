"""OPML: each feed once, in its group, whatever its title."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from feeds.formats.opml import opml
from feeds.selection import FeedSpec
from tests.feeds_samples import SITE, SPEC, WHEN, any_text, untimed

ALL = replace(SPEC, slug="all", title="Wörld & News", alternate_url="https://blog.example/")
CHOSEN = replace(SPEC, slug="chosen", subtitle="Picked by <us>")
LABEL = replace(SPEC, label_id=3, params=(("content", "summary"),))
OTHER = replace(SPEC, slug="c++", label_id=4, title="C++", language=None)
AUTHOR = replace(SPEC, slug="authors/ann", author_id=1, title="Ann")


def outlines(*specs: FeedSpec, suffix: str = "atom") -> etree._Element:
    """The document's body."""
    body = etree.fromstring(opml(SITE, specs, updated=WHEN, suffix=suffix)).find("body")
    assert body is not None
    return body


def test_a_list_says_whose_it_is_and_of_when() -> None:
    root = etree.fromstring(opml(SITE, [ALL], updated=WHEN))
    assert (root.tag, root.get("version")) == ("opml", "2.0")
    assert {child.tag: child.text for child in root.iterfind("head/*")} == {
        "title": "Wörld & News",
        "dateModified": "Wed, 04 Mar 2026 05:06:07 +0000",
        "ownerName": "Ann O’Nym",
    }


def test_labels_and_authors_have_groups_of_their_own() -> None:
    body = outlines(ALL, LABEL, CHOSEN, AUTHOR, OTHER)
    assert [outline.get("text") for outline in body] == [
        "Wörld & News",
        CHOSEN.title,
        "Wörld & News: labels",
        "Wörld & News: authors",
    ]
    assert [[feed.get("text") for feed in group] for group in list(body)[2:]] == [
        [LABEL.title, "C++"],
        ["Ann"],
    ]
    assert len(outlines(ALL)) == 1


def test_a_feed_is_told_with_both_its_addresses() -> None:
    body = outlines(CHOSEN, LABEL, OTHER, suffix="rss")
    found = [dict(feed.attrib) for feed in body.iterfind(".//outline[@type]")]
    title = "Wörld & News: U.S. politics"
    assert found == [
        {
            "type": "rss",
            "text": title,
            "title": title,
            "description": "Picked by <us>",
            "xmlUrl": "https://blog.example/feeds/chosen.rss",
            "htmlUrl": SPEC.alternate_url,
            "language": "en-GB",
        },
        {
            "type": "rss",
            "text": title,
            "title": title,
            "xmlUrl": "https://blog.example/feeds/u.s.-politics.rss?content=summary",
            "htmlUrl": SPEC.alternate_url,
            "language": "en-GB",
        },
        {
            "type": "rss",
            "text": "C++",
            "title": "C++",
            "xmlUrl": "https://blog.example/feeds/c++.rss",
            "htmlUrl": SPEC.alternate_url,
        },
    ]


@untimed
@given(title=any_text, subtitle=st.none() | any_text, author=any_text)
def test_no_text_can_break_a_list(title: str, subtitle: str | None, author: str) -> None:
    spec = replace(SPEC, title=title, subtitle=subtitle, label_id=1)
    site = replace(SITE, title=title, author=author)
    root = etree.fromstring(opml(site, [ALL, spec], updated=WHEN))
    assert len(root.findall(".//outline[@xmlUrl]")) == 2
