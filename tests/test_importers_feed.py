"""Feeds: Atom, RSS, RDF and JSON Feed, well-formed and broken."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from posts.importers import ImporterError
from posts.model import PostState, SkippedPost, SourcePost
from tests.importing import posts, read, written

ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0">
  <id>urn:feed</id><title>Harbour</title>
  <link rel="self" href="https://harbour.example/feed.atom"/>
  <link rel="alternate" href="https://harbour.example/"/>
  <author><name>Ada</name></author>
  {entries}
</feed>
"""
RSS = """<?xml version="1.0"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
  xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom"
  xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0"
  xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel><title>Harbour</title><link>https://harbour.example/</link>
<managingEditor>ada@harbour.example (Ada)</managingEditor>
{items}
</channel></rss>
"""
RDF = """<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
  xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel rdf:about="https://harbour.example/"><title>H</title><link>https://harbour.example/</link></channel>
<item rdf:about="https://harbour.example/1"><title>One</title><link>https://harbour.example/1</link>
<description>Text</description><dc:date>2005-06-07T08:09:10+01:00</dc:date><dc:creator>Ada</dc:creator>
<dc:subject>Boats</dc:subject></item>
</rdf:RDF>
"""


def atom(folder: Path, entries: str) -> list[SourcePost]:
    return posts(written(folder, "feed.atom", ATOM.format(entries=entries)))


def rss(folder: Path, items: str) -> list[SourcePost]:
    return posts(written(folder, "feed.rss", RSS.format(items=items)))


def test_an_atom_entry_is_read_with_all_it_says(tmp_path: Path) -> None:
    (post,) = atom(
        tmp_path,
        """<entry><id>tag:harbour.example,2020:1</id>
        <title type="html">Ropes &amp;amp; &lt;i&gt;knots&lt;/i&gt;</title>
        <link rel="edit" href="https://harbour.example/edit/1"/>
        <link rel="alternate" type="application/json" href="https://harbour.example/1.json"/>
        <link rel="alternate" type="text/html" href="https://harbour.example/1"/>
        <published>2020-05-01T12:00:00+02:00</published><updated>2020-05-02T00:00:00Z</updated>
        <author><name>Bo</name><email>bo@harbour.example</email></author><author><name>Cy</name></author>
        <category term="boats" label="Boats &amp; buoys"/><category term="Tides"/>
        <category scheme="http://schemas.google.com/g/2005#kind" term="post"/><category term=""/>
        <summary>Short</summary><content type="html">&lt;p&gt;Long&lt;/p&gt;</content></entry>""",
    )
    assert post == SourcePost(
        uri="tag:harbour.example,2020:1",
        url="https://harbour.example/1",
        title="Ropes & knots",
        html="<p>Long</p>",
        published=datetime(2020, 5, 1, 10, tzinfo=UTC),
        updated=datetime(2020, 5, 2, tzinfo=UTC),
        labels=("Boats & buoys", "Tides"),
        authors=("Bo", "Cy"),
        where="line 7",
    )


@pytest.mark.parametrize(
    ("content", "html"),
    [
        ("<content>5 &lt; 6\n\nNext</content>", "<p>5 &lt; 6</p>\n<p>Next</p>"),
        ('<content type="text/html">&lt;b&gt;x&lt;/b&gt;</content>', "<b>x</b>"),
        (
            '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">a<br/><b>&amp;</b></div></content>',
            "a<br><b>&amp;</b>",
        ),
        (
            '<content type="html" src="a:b"/><summary type="html">&lt;i&gt;s&lt;/i&gt;</summary>',
            "<i>s</i>",
        ),
        ("<summary>Only this</summary>", "<p>Only this</p>"),
        ('<content type="image/png">iVBOR</content>', ""),
        ("", ""),
    ],
)
def test_atom_content_comes_out_as_html(tmp_path: Path, content: str, html: str) -> None:
    (post,) = atom(tmp_path, f"<entry><id>a:b</id>{content}</entry>")
    assert post.html == html


def test_what_an_entry_lacks_is_taken_from_its_feed_and_never_made_up(tmp_path: Path) -> None:
    (post,) = atom(tmp_path, "<entry><id>a:b</id></entry>")
    assert post == SourcePost(
        uri="a:b",
        url=None,
        title=None,
        html="",
        published=None,
        updated=None,
        authors=("Ada",),
        where="line 7",
    )


def test_links_are_resolved_against_xml_base_else_the_site(tmp_path: Path) -> None:
    based, bare = atom(
        tmp_path,
        """<entry xml:base="https://other.example/deep/"><id>a:1</id><link href="1.html"/>
        <content type="html" xml:base="../up/">&lt;a href="x.html"&gt;x&lt;/a&gt;</content></entry>
        <entry><id>a:2</id><link href="2.html"/>
        <content type="html">&lt;a href="x"&gt;x&lt;/a&gt;</content></entry>""",
    )
    assert based.url == "https://other.example/deep/1.html"
    assert 'href="https://other.example/' in based.html
    assert (bare.url, bare.html) == ("https://harbour.example/2.html", '<a href="x">x</a>')


def test_a_deleted_entry_is_a_deleted_post(tmp_path: Path) -> None:
    gone, there = atom(
        tmp_path,
        '<at:deleted-entry ref="a:1" when="2020-05-01T00:00:00Z"><at:by>Ada</at:by></at:deleted-entry>'
        "<entry><id>a:2</id></entry>",
    )
    assert (gone.uri, gone.state, gone.updated) == (
        "a:1",
        PostState.DELETED,
        datetime(2020, 5, 1, tzinfo=UTC),
    )
    assert (there.uri, there.state) == ("a:2", PostState.LIVE)


def test_a_draft_entry_is_a_draft(tmp_path: Path) -> None:
    (post,) = atom(
        tmp_path,
        '<entry><id>a:1</id><app:control xmlns:app="http://www.w3.org/2007/app"><app:draft>yes</app:draft>'
        "</app:control></entry>",
    )
    assert post.state is PostState.DRAFT


def test_an_rss_item_is_read_with_all_it_says(tmp_path: Path) -> None:
    (post,) = rss(
        tmp_path,
        """<item><title>Ropes &amp;amp; knots</title><link>https://feeds.example/~r/1</link>
        <feedburner:origLink>https://harbour.example/1</feedburner:origLink>
        <guid isPermaLink="false">tag:harbour.example,2020:1</guid>
        <pubDate>Fri, 01 May 2020 12:00:00 +0200</pubDate>
        <atom:updated>2020-05-02T00:00:00Z</atom:updated>
        <category>Boats</category><category><![CDATA[ Tides ]]></category>
        <itunes:category text="Nature"/><dc:subject>Ropes</dc:subject><author>bo@harbour.example (Bo)</author>
        <description>Short</description><content:encoded><![CDATA[<p>Long</p>]]></content:encoded></item>""",
    )
    assert post == SourcePost(
        uri="tag:harbour.example,2020:1",
        url="https://harbour.example/1",
        title="Ropes & knots",
        html="<p>Long</p>",
        published=datetime(2020, 5, 1, 10, tzinfo=UTC),
        updated=datetime(2020, 5, 2, tzinfo=UTC),
        labels=("Boats", "Tides", "Ropes"),
        authors=("Bo",),
        where="line 7",
    )


@pytest.mark.parametrize(
    ("item", "uri", "url"),
    [
        ("<guid>https://harbour.example/1</guid>", "https://harbour.example/1", "https://harbour.example/1"),
        ('<guid isPermaLink="false">https://harbour.example/1</guid>', "https://harbour.example/1", None),
        ("<guid>42</guid><link>1.html</link>", "42", "https://harbour.example/1.html"),
        ("<link>https://harbour.example/1</link>", None, "https://harbour.example/1"),
        ('<guid isPermaLink="false">a:b</guid><link>javascript:x()</link>', "a:b", None),
    ],
)
def test_an_items_guid_is_its_id_as_written(
    tmp_path: Path, item: str, uri: str | None, url: str | None
) -> None:
    (post,) = rss(tmp_path, f"<item>{item}</item>")
    assert (post.uri, post.url) == (uri, url)


def test_an_author_who_is_only_an_address_is_not_given_on(tmp_path: Path) -> None:
    (post,) = rss(tmp_path, "<item><guid>a:b</guid><author>bo@harbour.example</author></item>")
    assert post.authors == ()


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 01 May 2020 10:00:00 GMT",
        "Fri, 1 May 2020 06:00:00 EDT",
        "2020-05-01T10:00:00Z",
        "2020-05-01 10:00:00",
        "01 May 2020 10:00:00 +0000",
        "Fri May  1 10:00:00 2020",
        "01 May 20 10:00 GMT",
    ],
)
def test_dates_are_read_as_feeds_write_them(tmp_path: Path, text: str) -> None:
    (post,) = rss(tmp_path, f"<item><guid>a:b</guid><pubDate>{text}</pubDate></item>")
    assert post.published == datetime(2020, 5, 1, 10, tzinfo=UTC)


def test_an_item_whose_date_is_none_is_listed(tmp_path: Path) -> None:
    feed = RSS.format(
        items="<item><guid>a:b</guid><pubDate>soon</pubDate></item><item><guid>a:c</guid></item>"
    )
    bad, good = read(written(tmp_path, "feed.rss", feed))
    assert bad == SkippedPost(id="a:b", reason="'soon' is no date", where="line 7")
    assert isinstance(good, SourcePost)


def test_rdf_is_read(tmp_path: Path) -> None:
    assert posts(written(tmp_path, "feed.rdf", RDF)) == [
        SourcePost(
            uri="https://harbour.example/1",
            url="https://harbour.example/1",
            title="One",
            html="Text",
            published=datetime(2005, 6, 7, 7, 9, 10, tzinfo=UTC),
            updated=None,
            labels=("Boats",),
            authors=("Ada",),
            where="line 5",
        )
    ]


def test_a_json_feed_is_read(tmp_path: Path) -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Harbour",
        "home_page_url": "https://harbour.example/",
        "authors": [{"name": "Ada"}],
        "items": [
            {
                "id": "a:1",
                "url": "1.html",
                "title": "Ropes & <knots>",
                "content_html": "<p>Long</p>",
                "summary": "Short",
                "date_published": "2020-05-01T12:00:00+02:00",
                "date_modified": "2020-05-02T00:00:00Z",
                "tags": ["Boats", 7, "Tides"],
                "authors": [{"name": "Bo"}, {"url": "x"}],
            },
            {"id": 42, "content_text": "5 < 6"},
            {"id": "a:3", "date_published": "soon"},
            "nothing",
        ],
    }
    first, second, dateless, nothing = read(written(tmp_path, "feed.json", json.dumps(feed, indent=1)))
    assert first == SourcePost(
        uri="a:1",
        url="https://harbour.example/1.html",
        title="Ropes & <knots>",
        html="<p>Long</p>",
        published=datetime(2020, 5, 1, 10, tzinfo=UTC),
        updated=datetime(2020, 5, 2, tzinfo=UTC),
        labels=("Boats", "Tides"),
        authors=("Bo",),
        where="item 1",
    )
    assert isinstance(second, SourcePost)
    assert (second.uri, second.html, second.authors) == ("42", "<p>5 &lt; 6</p>", ("Ada",))
    assert dateless == SkippedPost(id="a:3", reason="'soon' is no date", where="item 3")
    assert nothing == SkippedPost(id="", reason="the item is no JSON object", where="item 4")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"version": "https://jsonfeed.org/version/1.1",\n"items": [', r"feed\.json:2: is no JSON"),
        ('{"version": "https://jsonfeed.org/version/1.1"}', "it has no list of items"),
        ('{"version": "https://jsonfeed.org/version/1.1", "items": ' + "[" * 100_000, "is no JSON"),
    ],
)
def test_a_json_feed_that_is_none_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ImporterError, match=reason):
        read(written(tmp_path, "feed.json", text))


BROKEN = RSS.format(
    items="<item><guid>a:1</guid><link>https://harbour.example/?a=1&b=2</link><title>Fish & chips</title>"
    "<description>&lt;p&gt;Text&nbsp;here&lt;/p&gt;</description><category>Boats</category><author>Bo</author>"
    "<pubDate>Fri, 01 May 2020 10:00:00 GMT</pubDate></item><item><guid>a:2</guid></item>"
)


def test_a_broken_feed_is_read_as_far_as_can_be_and_says_so(tmp_path: Path) -> None:
    first, second = posts(written(tmp_path, "feed.rss", BROKEN))
    assert (first.uri, first.url) == ("a:1", "https://harbour.example/?a=1&b=2")
    assert (first.title, first.labels, first.authors) == ("Fish & chips", ("Boats",), ("Bo",))
    assert first.html == "<p>Text\xa0here</p>"
    assert first.published == datetime(2020, 5, 1, 10, tzinfo=UTC)
    assert first.notes[0].startswith(
        "the feed is broken and was read as far as can be: is no well-formed XML"
    )
    assert (second.uri, second.url) == ("a:2", None)


def test_a_broken_feed_keeps_what_the_cleaner_is_to_judge(tmp_path: Path) -> None:
    items = "<item><guid>a:1</guid><title>a & b</title>"
    items += "<description>&lt;script&gt;x&lt;/script&gt;</description></item>"
    (post,) = posts(written(tmp_path, "feed.rss", RSS.format(items=items)))
    assert post.html == "<script>x</script>"


@pytest.mark.parametrize("text", [ATOM.format(entries="<entry><id>a:1</id></entry>"), BROKEN, RDF])
@pytest.mark.parametrize("part", [0.5, 0.8, 0.96])
def test_a_feed_that_is_cut_off_is_refused(tmp_path: Path, text: str, part: float) -> None:
    with pytest.raises(ImporterError, match=r"feed\.xml:\d+: is cut off") as refused:
        read(written(tmp_path, "feed.xml", text[: int(len(text.rstrip()) * part)]))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be", "iso-8859-1", "koi8-r"]
)
def test_encodings_are_read_as_declared_or_as_their_bytes_tell(tmp_path: Path, encoding: str) -> None:
    word = "Лодка" if encoding == "koi8-r" else "Café"
    text = ATOM.replace('"utf-8"', f'"{encoding.removesuffix("-sig")}"').format(
        entries=f"<entry><id>a:1</id><title>{word}</title></entry>"
    )
    (post,) = posts(written(tmp_path, "feed.xml", text.encode(encoding)))
    assert (post.title, post.notes) == (word, ())


def test_bytes_that_are_not_what_is_declared_are_read_as_windows_1252(tmp_path: Path) -> None:
    text = ATOM.format(entries="<entry><id>a:1</id><title>“Café”</title></entry>")
    (post,) = posts(written(tmp_path, "feed.xml", text.encode("cp1252")))
    assert post.title == "“Café”"
    assert "encoding" in post.notes[0]


def test_characters_that_xml_has_no_place_for_are_taken_out(tmp_path: Path) -> None:
    (post,) = atom(tmp_path, "<entry><id>a:1</id><title>a\x0bb&#x1F;c&#xFFFF;d&#55296;e&#65;</title></entry>")
    assert (post.title, post.notes) == ("abcdeA", ())


def test_every_broken_feed_of_others_is_read_or_refused_in_one_line(shared_data: Path) -> None:
    refused, texts = {}, {}
    for file in sorted((shared_data / "feeds-broken").rglob("*.xml")):
        try:
            texts[file.name] = read(file, form="feed")
        except ImporterError as error:
            refused[file.name] = str(error)
    assert len(texts) + len(refused) >= 100
    assert set(refused) == {"rss_empty_document.xml", "rss_incomplete_cdata.xml"}
    assert not any("\n" in reason for reason in refused.values())
    (linked,) = texts["rss_item_link_corrupted_ampersands.xml"]
    assert isinstance(linked, SourcePost)
    assert linked.url == "http://link/get?a=1&b=2"


def test_feeds_that_another_reader_is_tested_with_are_read(shared_data: Path) -> None:
    folder = shared_data / "feeds-lemon24-reader" / "tests" / "data"
    counts = {
        name: len(read(folder / name))
        for name in ("10.json", "empty.atom", "empty.json", "empty.rss", "full.atom", "full.json", "full.rss")
    }
    assert counts == {
        "10.json": 0,
        "empty.atom": 1,
        "empty.json": 1,
        "empty.rss": 1,
        "full.atom": 5,
        "full.json": 2,
        "full.rss": 5,
    }
    first = posts(folder / "full.atom")[0]
    assert first.uri == "urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a"
    assert first.published == datetime(2003, 12, 13, 17, 17, 51, tzinfo=UTC)
    assert [item.id for item in read(folder / "invalid.json") if isinstance(item, SkippedPost)] == ["2"]


def test_a_feed_with_one_typing_error_gives_its_posts(shared_data: Path) -> None:
    first, second = posts(shared_data / "jekyll-import" / "test" / "mocks" / "medium_feed.xml")
    assert (first.uri, second.uri) == (
        "https://medium.com/p/50703370aea7",
        "https://medium.com/p/1cdf174bc674",
    )
    assert first.labels == ("java", "custom-jre", "image-size-reduce", "jvm", "docker")
    assert first.authors == ("John Doe",)
