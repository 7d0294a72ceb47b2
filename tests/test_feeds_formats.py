"""All formats together: the bytes they were, the same ids in each, and what readers make of them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
from lxml import etree
from reader import Reader

from feeds.formats.format import Format
from feeds.formats.known import FORMATS, SUFFIXES, find_format
from posts.model import Enclosure
from tests.feeds_reader import feed_reader
from tests.feeds_samples import BARE, GOLDEN, HEADS, LONG, NAMES, POST, SITE, document

HUBS = ("https://hub.example/",)

each = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.kind)


def golden(form: Format) -> Path:
    """The file with what this format once wrote."""
    return GOLDEN / f"golden{'' if form.content == 'full' else '-summary'}.{form.suffix}"


def ids(form: Format, written: bytes) -> list[str]:
    """The ids of a document's entries."""
    if form.suffix == "json":
        return [item["id"] for item in json.loads(written)["items"]]
    path = "a:entry/a:id" if form.suffix == "atom" else "channel/item/guid"
    return [element.text or "" for element in etree.fromstring(written).iterfind(path, NAMES)]


@each
def test_a_feed_is_what_it_was_byte_for_byte(form: Format) -> None:
    # Whoever changes these bytes changes every reader's feeds: raise the format's kind with them.
    site = replace(SITE, hubs=HUBS)
    assert document(form, POST, BARE, LONG, site=site, **HEADS["archive"]) == golden(form).read_bytes()


def test_there_is_each_format_in_full_and_in_summary() -> None:
    assert SUFFIXES == ("atom", "rss", "json")
    assert [form.kind for form in FORMATS] == [
        "atom-2",
        "atom-2-summary",
        "rss-1",
        "rss-1-summary",
        "json-1",
        "json-1-summary",
    ]
    for form in FORMATS:
        assert find_format(form.suffix, form.content) is form
        assert len(form.kind) <= 16
    assert find_format("atom") is FORMATS[0]
    assert find_format("xml") is None


def test_a_post_has_the_same_id_in_every_format() -> None:
    posts = (POST, BARE, LONG)
    assert [ids(form, document(form, *posts)) for form in FORMATS] == [[post.uri for post in posts]] * 6


@each
def test_an_entry_is_the_same_in_every_feed(form: Format) -> None:
    # What makes it worth keeping: no head may change how an entry is read, nor the entries beside it.
    entry = form.entry(POST)
    for head in HEADS.values():
        assert entry in document(form, BARE, POST, LONG, **head)
        assert ids(form, document(form, **head)) == []


@each
def test_a_full_entry_holds_the_whole_text_and_a_summary_none_of_its_end(form: Format) -> None:
    post = replace(LONG, html=f"{LONG.html}<p>zzyzx</p>")
    assert (b"zzyzx" in form.entry(post)) is (form.content == "full")


@each
def test_an_edit_of_what_is_not_shown_changes_no_byte(form: Format) -> None:
    again = replace(POST, revision=9, published=POST.published.astimezone(UTC) + timedelta(microseconds=0))
    assert form.entry(again) == form.entry(POST)


@each
def test_a_surrogate_or_control_character_leaves_nothing(form: Format) -> None:
    post = replace(
        POST,
        title="a\ud800\x00b\ufffe",
        html="<p>c\udfff\x02d</p>",
        authors=("e\x0bf",),
        labels=("g\x0ch",),
        enclosures=(Enclosure("https://x.example/\x01", "a\x02/b", 1),),
        picture="https://x.example/\x03\ud800ü",
        language="d\x04e",
    )
    clean = replace(
        POST,
        title="ab",
        html="<p>cd</p>",
        authors=("ef",),
        labels=("gh",),
        enclosures=(Enclosure("https://x.example/", "a/b", 1),),
        picture="https://x.example/ü",
        language="de",
    )
    assert form.entry(post) == form.entry(clean)


@pytest.fixture
def subscribed(tmp_path: Path) -> Iterator[tuple[Reader, Path]]:
    """A feed reader without a network, and the folder it reads from."""
    with feed_reader(tmp_path) as found:
        yield found, tmp_path


@each
def test_a_feed_reader_reads_back_what_went_in(form: Format, subscribed: tuple[Reader, Path]) -> None:
    reader, folder = subscribed
    name = f"feed.{form.suffix}"
    post = replace(POST, authors=("Ann", "Bob"))
    (folder / name).write_bytes(document(form, post, BARE, LONG))
    reader.add_feed(name)
    reader.update_feeds()
    feed = reader.get_feed(name)
    assert feed.last_exception is None
    assert (feed.title, feed.link) == (
        "Wörld & News: U.S. politics",
        "https://blog.example/labels/u.s.-politics",
    )
    found = {entry.id: entry for entry in reader.get_entries()}
    assert set(found) == {POST.uri, BARE.uri, LONG.uri}
    entry = found[POST.uri]
    assert (entry.title, entry.link) == (POST.title, "https://blog.example/a?b=1&c=%E2%80%9C2%E2%80%9D")
    assert entry.published == POST.published.astimezone(UTC).replace(microsecond=0)
    assert [file.href for file in entry.enclosures][:1] == [POST.enclosures[0].url]
    # Of XML, this reader keeps the last author.
    assert entry.authors[-1].name == "Bob"
    text: Any = entry.get_content()
    assert "One &amp; " in text.value or "One & two" in text.value


@pytest.mark.parametrize("form", FORMATS[:4], ids=lambda form: form.kind)
def test_a_parser_of_feeds_finds_no_fault(form: Format) -> None:
    for head in HEADS.values():
        found = feedparser.parse(document(form, POST, BARE, LONG, **head))
        assert not found.bozo, found.get("bozo_exception")
        assert [entry.id for entry in found.entries] == [POST.uri, BARE.uri, LONG.uri]
