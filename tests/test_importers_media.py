"""What goes with a post, from every kind of source: enclosures, a picture, a language."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from posts.model import Enclosure, SourcePost
from tests.importing import SAMPLES, posts, written

Read = Callable[..., SourcePost]
LARGER = '<media:thumbnail url="https://x.example/2.jpg" width="400"/>'
MP3 = Enclosure("https://harbour.example/1.mp3", "audio/mpeg", 1234)
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/"
  xmlns:dc="http://purl.org/dc/elements/1.1/" {more}><id>urn:feed</id><title>Harbour</title>
  <link href="https://harbour.example/"/>{entries}</feed>"""
RSS = """<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"
  xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">
  <channel><title>Harbour</title><link>https://harbour.example/</link>{more}{items}</channel></rss>"""


def atom(folder: Path, inside: str, *, more: str = "", of_entry: str = "") -> SourcePost:
    entry = f"<entry {of_entry}><id>a:1</id>{inside}</entry>"
    (post,) = posts(written(folder, "feed.atom", ATOM.format(entries=entry, more=more)))
    return post


def rss(folder: Path, inside: str, *, more: str = "") -> SourcePost:
    item = f"<item><guid>a:1</guid>{inside}</item>"
    (post,) = posts(written(folder, "feed.rss", RSS.format(items=item, more=more)))
    return post


def broken_rss(folder: Path, inside: str, *, more: str = "") -> SourcePost:
    post = rss(folder, f"{inside}<title>Fish & chips</title>", more=more)
    assert post.notes[0].startswith("the feed is broken")
    return post


def test_atom_links_to_enclosures(tmp_path: Path) -> None:
    post = atom(
        tmp_path,
        '<link href="https://harbour.example/1"/>'
        '<link rel="enclosure" href="1.mp3" type="audio/mpeg" length="1234" title="x"/>'
        '<link rel="enclosure" href="https://cdn.example/2" length="many"/>',
        more='xml:base="https://harbour.example/"',
    )
    assert post.enclosures == (MP3, Enclosure("https://cdn.example/2", "", 0))
    assert post.url == "https://harbour.example/1"


@pytest.mark.parametrize("read", [rss, broken_rss])
def test_rss_enclosures(tmp_path: Path, read: Read) -> None:
    post = read(tmp_path, '<enclosure url="https://harbour.example/1.mp3" type="audio/mpeg" length="1234"/>')
    assert post.enclosures == (MP3,)


@pytest.mark.parametrize("read", [rss, broken_rss])
def test_files_of_media_rss_are_enclosures_and_its_pictures_are_not(tmp_path: Path, read: Read) -> None:
    post = read(
        tmp_path,
        '<media:content url="https://harbour.example/1.mp3" type="audio/mpeg" fileSize="1234"/>'
        '<media:content url="https://harbour.example/2.swf" type="application/x-shockwave-flash"/>'
        '<media:content url="https://secure.gravatar.com/avatar/ab?s=96" medium="image"/>'
        '<media:content url="https://harbour.example/small.jpg" type="image/jpeg" width="300"/>'
        '<media:content url="https://harbour.example/large.jpg" medium="image" width="1200"/>'
        '<media:content url="https://harbour.example/named.png"/>'
        '<media:thumbnail url="https://harbour.example/thumb.jpg" width="400"/>',
    )
    assert post.enclosures == (MP3,)
    assert post.picture == "https://harbour.example/large.jpg"


def test_a_media_group_is_looked_into(tmp_path: Path) -> None:
    post = atom(
        tmp_path,
        '<media:group><media:title>x</media:title><media:content url="1.mp3" type="audio/mpeg"'
        ' fileSize="1234"/><media:thumbnail url="t.jpg" width="480" height="360"/></media:group>',
        more='xml:base="https://harbour.example/"',
    )
    assert (post.enclosures, post.picture) == ((MP3,), "https://harbour.example/t.jpg")
    assert post.html == ""


@pytest.mark.parametrize("read", [rss, broken_rss])
@pytest.mark.parametrize(
    ("inside", "picture"),
    [
        ('<itunes:image href="https://x.example/1.jpg"/>', "https://x.example/1.jpg"),
        ('<media:thumbnail url="https://x.example/1.jpg"/>', "https://x.example/1.jpg"),
        (
            '<media:thumbnail url="https://x.example/1.jpg" width="200"/>' + LARGER,
            "https://x.example/2.jpg",
        ),
        (
            LARGER + '<itunes:image href="https://x.example/3.jpg"/>',
            "https://x.example/3.jpg",
        ),
        ("<description>&lt;img src='https://x.example/4.jpg'&gt;</description>", None),
    ],
)
def test_a_feeds_picture(tmp_path: Path, read: Read, inside: str, picture: str | None) -> None:
    assert read(tmp_path, inside).picture == picture


@pytest.mark.parametrize("read", [rss, broken_rss])
def test_a_small_thumbnail_serves_only_where_the_text_shows_no_picture(tmp_path: Path, read: Read) -> None:
    """Blogger's are the first picture of the text, cut to 72 pixels."""
    small = '<media:thumbnail url="https://x.example/s72-c/1.jpg" height="72" width="72"/>'
    shown = "<description>&lt;img src='https://x.example/s640/1.jpg'&gt;</description>"
    assert read(tmp_path, small).picture == "https://x.example/s72-c/1.jpg"
    assert read(tmp_path, small + shown).picture is None


@pytest.mark.parametrize(
    ("inside", "of_entry", "more", "language"),
    [
        ("", "", "", None),
        ("", "", 'xml:lang="fr"', "fr"),
        ("", 'xml:lang="de-CH"', 'xml:lang="fr"', "de-CH"),
        ("", 'xml:lang=""', 'xml:lang="fr"', None),
        ("<dc:language>it</dc:language>", 'xml:lang="de"', "", "it"),
    ],
)
def test_an_atom_entrys_language_is_the_nearest(
    tmp_path: Path, inside: str, of_entry: str, more: str, language: str | None
) -> None:
    assert atom(tmp_path, inside, of_entry=of_entry, more=more).language == language


@pytest.mark.parametrize("read", [rss, broken_rss])
@pytest.mark.parametrize(
    ("inside", "more", "language"),
    [
        ("", "", None),
        ("", "<language>en-us</language>", "en-us"),
        ("", "<dc:language>en</dc:language>", "en"),
        ("<dc:language>it</dc:language>", "<language>en-us</language>", "it"),
    ],
)
def test_an_rss_items_language_is_its_own_else_its_channels(
    tmp_path: Path, read: Read, inside: str, more: str, language: str | None
) -> None:
    assert read(tmp_path, inside, more=more).language == language


def test_a_json_feeds_attachments_picture_and_language(tmp_path: Path) -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "home_page_url": "https://harbour.example/",
        "language": "en",
        "items": [
            {
                "id": "a:1",
                "image": "/1.jpg",
                "banner_image": "/2.jpg",
                "language": "fr",
                "attachments": [
                    {"url": "/1.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 1234.0},
                    {"url": "/2.mp3", "mime_type": "audio/mpeg", "size_in_bytes": -1},
                    "nothing",
                ],
            },
            {"id": "a:2", "banner_image": "/2.jpg", "attachments": [{"url": 5, "size_in_bytes": 0.5}]},
        ],
    }
    first, second = posts(written(tmp_path, "feed.json", json.dumps(feed)))
    assert first.enclosures == (MP3, Enclosure("https://harbour.example/2.mp3", "audio/mpeg", 0))
    assert (first.picture, first.language) == ("https://harbour.example/1.jpg", "fr")
    assert (second.picture, second.language) == ("https://harbour.example/2.jpg", "en")
    assert second.enclosures == (Enclosure("", "", 0),)


def test_a_blogger_backups_thumbnail_and_enclosure(tmp_path: Path) -> None:
    text = (SAMPLES / "backup.xml").read_text(encoding="utf-8")
    added = (
        '<media:thumbnail xmlns:media="http://search.yahoo.com/mrss/" url="https://x.example/s72-c/1.jpg"'
        ' height="72" width="72"/><link rel="enclosure" type="audio/mpeg" length="1234"'
        ' href="https://harbour.example/1.mp3"/></entry>'
    )
    for html, picture in (("A knot", "https://x.example/s72-c/1.jpg"), ("&lt;img src='x'>", None)):
        changed = (
            text.replace("A&#11; knot", html)
            .replace("</entry>", added)
            .replace("<feed", "<feed xml:lang='id'")
        )
        post = posts(written(tmp_path, "backup.xml", changed))[0]
        assert (post.picture, post.enclosures, post.language) == (picture, (MP3,), "id")
        assert post.url == "http://harbour.example/2011/02/ropes.html"
