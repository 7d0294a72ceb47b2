"""Enclosures, picture and language: what may be stored of them, and what a stored post's hash says."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posts.attached import (
    ANY_TYPE,
    MAX_ENCLOSURES,
    MAX_LENGTH,
    clean_enclosures,
    clean_language,
    clean_picture,
    first_picture,
    media_type,
)
from posts.links import http_url
from posts.model import Enclosure, SkippedPost, SourcePost
from posts.sanitize import CLEANING, clean_post, source_hash
from posts.spool import Spool

NOW = datetime(2026, 3, 2, tzinfo=UTC)
BASE = "https://blog.example/2026/post.html"
SOURCE = SourcePost(
    uri="tag:blog.example,2026:1",
    url=BASE,
    title="One",
    html="<p>Text.</p>",
    published=NOW,
    updated=None,
    labels=("b", "a"),
    authors=("Ann",),
)


def said(**changes: Any) -> SourcePost:
    """A post that has something with it."""
    values = {name: getattr(SOURCE, name) for name in SOURCE.__slots__}
    return SourcePost(**(values | changes))


def test_enclosures_are_absolute_once_each_and_of_a_type() -> None:
    notes: list[str] = []
    assert clean_enclosures(
        [
            Enclosure("/a b.mp3", "Audio/MPEG; codecs=x", 5),
            Enclosure("clip.webm", "", -1),
            Enclosure("https://blog.example/a%20b.mp3", "audio/ogg", 6),
            Enclosure("ftp://blog.example/x.zip", "application/zip", 7),
            Enclosure("", "audio/mpeg", 8),
            Enclosure("http://cdn.example/it?as=mp3", "mp3", MAX_LENGTH + 1),
        ],
        base=BASE,
        notes=notes,
    ) == (
        Enclosure("https://blog.example/a%20b.mp3", "audio/mpeg", 5),
        Enclosure("https://blog.example/2026/clip.webm", "video/webm", 0),
        Enclosure("http://cdn.example/it?as=mp3", ANY_TYPE, 0),
    )
    assert notes == ["removed 2 enclosures without an http(s) URL"]


def test_of_many_enclosures_the_first_are_kept() -> None:
    notes: list[str] = []
    many = [Enclosure(f"https://blog.example/{number}.mp3", "audio/mpeg") for number in range(50)]
    assert clean_enclosures(many, base=None, notes=notes) == tuple(many[:MAX_ENCLOSURES])
    assert notes == ["kept 20 of 50 enclosures"]


@pytest.mark.parametrize(
    ("written", "url", "found"),
    [
        ("audio/mpeg", "https://x.example/a.pdf", "audio/mpeg"),
        (" Audio/MPEG ;charset=x", "https://x.example/", "audio/mpeg"),
        ("audio", "https://x.example/a.MP3?x=.pdf", "audio/mpeg"),
        ("a/b/c", "https://x.example/a.b.pdf#c.mp3", "application/pdf"),
        ("text/<b>", "https://x.example/a%2Em4a", "audio/mp4"),
        ("", "https://x.example/mp3", ANY_TYPE),
        ("", "https://x.example/a.mp3/", ANY_TYPE),
        ("", "https://x.example", ANY_TYPE),
        ("x/" + "y" * 200, "https://x.example/a.exe", ANY_TYPE),
        ("audio/mpeg\r\nx: y", "https://x.example/a", ANY_TYPE),
    ],
)
def test_a_type_that_is_none_is_told_by_the_files_name(written: str, url: str, found: str) -> None:
    assert media_type(written, url) == found


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<p><img src="https://x.example/1.png"><img src="https://x.example/2.png"></p>', "1.png"),
        (
            '<img width="1" height="1" src="https://x.example/1.gif"><img src="https://x.example/2.png">',
            "2.png",
        ),
        ('<img height="1" src="https://x.example/1.gif">', None),
        ('<img width="0" src="https://x.example/1.gif">', None),
        ('<img width="1px" src="https://x.example/1.gif">', None),
        ('<img width="100%" height="10" src="https://x.example/1.gif">', "1.gif"),
        ('<img src="data:image/png;base64,AAAA"><img src="https://x.example/2.png">', "2.png"),
        ('<img srcset="https://x.example/1.png 2x" alt="">', None),
        ('<img src="/1.png">', "1.png"),
        ('<img alt="a > b" src="https://x.example/1.png?a=1&b=2">', "1.png?a=1&b=2"),
        (
            '<a title="<img src=https://x.example/1.png>">x</a><p>&lt;img src="https://x.example/3.png"></p>',
            None,
        ),
        ("<p>No picture.</p>", None),
    ],
)
def test_the_first_picture_of_a_text_stands_for_a_post_that_tells_none(html: str, found: str | None) -> None:
    cleaned = clean_post(said(html=html, url="https://x.example/"), now=NOW)
    assert not isinstance(cleaned, SkippedPost)
    assert cleaned.picture == (found and f"https://x.example/{found}")


def test_a_picture_that_is_told_wins_unless_it_is_none() -> None:
    html, notes = '<img src="https://x.example/2.png">', list[str]()
    assert clean_picture("1.png", html, base=BASE, notes=notes) == "https://blog.example/2026/1.png"
    assert clean_picture("  ", html, base=BASE, notes=notes) == "https://x.example/2.png"
    assert notes == []
    assert clean_picture("javascript:x()", html, base=BASE, notes=notes) == "https://x.example/2.png"
    assert notes == ["its picture has no http(s) URL: javascript:x()"]


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("en", "en"),
        (" EN-us ", "en-US"),
        ("pt_BR", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("sl-rozaj-biske-1994", "sl-rozaj-biske-1994"),
        ("de-ch-1996", "de-CH-1996"),
        ("es-419", "es-419"),
        ("en-us-u-ca-buddhist", "en-US-u-ca-buddhist"),
        ("en-a-abcd-x-qr", "en-a-abcd-x-qr"),
        ("x-klingon-ab", "x-klingon-ab"),
        ("mul", "mul"),
        ("", None),
        (None, None),
        ("english", None),
        ("e", None),
        ("en-", None),
        ("en US", None),
        ("en-" + "-".join(["abcde"] * 9), None),
        ('en" onload="x', None),
        ("\ud800", None),
    ],
)
def test_a_language_is_a_tag_in_its_usual_case_or_none(written: str | None, tag: str | None) -> None:
    notes: list[str] = []
    assert clean_language(written, notes) == tag
    assert bool(notes) == (tag is None and bool((written or "").strip("\ud800")))


def test_a_tag_that_was_cleaned_stays() -> None:
    for tag in ("en-US", "zh-Hant-TW", "en-US-u-ca-buddhist", "x-klingon-ab"):
        assert clean_language(tag, []) == tag


def test_a_post_that_has_nothing_with_it_has_the_hash_it_had_before_this_was_known() -> None:
    """Written out, since it must never change: a stored post would count as changed by its source."""
    before = (
        CLEANING,
        "tag:blog.example,2026:1",
        BASE,
        "One",
        "<p>Text.</p>",
        "2026-03-02T00:00:00+00:00",
        None,
        ["a", "b"],
        ["Ann"],
        "live",
    )
    assert source_hash(SOURCE) == hashlib.sha256(json.dumps(before).encode()).hexdigest()
    assert source_hash(SOURCE) == "2310bcc4201b80c4d78301ead79e16bdd3409f8dfe9685fa6d3e5438e53e2a37"


def test_all_that_is_with_a_post_counts_for_its_hash() -> None:
    file = Enclosure("https://x.example/1.mp3", "audio/mpeg", 5)
    variants = [
        SOURCE,
        said(enclosures=(file,)),
        said(enclosures=(file, file)),
        said(enclosures=(Enclosure(file.url, file.media_type, 6),)),
        said(enclosures=(Enclosure(file.url, "audio/ogg", 5),)),
        said(picture="https://x.example/1.png"),
        said(language="https://x.example/1.png"),
        said(language="en"),
        said(language="en", picture="x"),
    ]
    assert len({source_hash(one) for one in variants}) == len(variants)


def test_it_goes_through_the_spool_as_it_is() -> None:
    file = Enclosure("https://x.example/1.mp3", "audio/mpeg", 2**40)
    cleaned = clean_post(said(enclosures=(file,), picture="https://x.example/ü.png", language="en"), now=NOW)
    assert not isinstance(cleaned, SkippedPost)
    with Spool() as spool:
        spool.add(cleaned)
        ((found,),) = spool.batches(posts=10, characters=10_000)
    assert found == cleaned
    assert (found.enclosures, found.language) == ((file,), "en")


WILD = st.text(max_size=30) | st.sampled_from(["a.mp3", "//x", "http://", "https://x.example/ü", "audio/x"])


@given(
    st.lists(st.builds(Enclosure, WILD, WILD, st.integers()), max_size=4),
    st.none() | WILD,
    st.none() | WILD,
    st.text(max_size=60) | st.just('<img src="//x.example/1" width="2">'),
)
def test_whatever_comes_with_a_post_can_be_stored(
    files: list[Enclosure], picture: str | None, language: str | None, html: str
) -> None:
    cleaned = clean_post(
        said(enclosures=tuple(files), picture=picture, language=language, html=html), now=NOW
    )
    assert not isinstance(cleaned, SkippedPost)
    urls = [one.url for one in cleaned.enclosures] + ([cleaned.picture] if cleaned.picture else [])
    assert all(http_url(url) == url for url in urls)
    assert len(set(urls[: len(cleaned.enclosures)])) == len(cleaned.enclosures)
    for one in cleaned.enclosures:
        assert media_type(one.media_type, "") == one.media_type
        assert 0 <= one.length <= MAX_LENGTH
    assert cleaned.language is None or clean_language(cleaned.language, []) == cleaned.language
    assert first_picture(cleaned.html) is None or cleaned.picture is not None
