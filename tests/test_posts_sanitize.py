"""What came in is not trusted: posts are cleaned, and what was done to them is said."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from posts.cleaning import legible, plain, shortened
from posts.links import absolute, safe_style
from posts.markup import Markup, text_of
from posts.model import PostState, SkippedPost, SourcePost
from posts.sanitize import CleanPost, clean_post, source_hash
from posts.tangles import MAX_DEPTH, MAX_HTML
from tests.examples import often

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
DAY = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
LINK = "https://blog.example/2026/11/post.html"


def source(**changes: object) -> SourcePost:
    """A post with nothing wrong, but for the changes."""
    values: dict[str, object] = {
        "uri": "tag:blog.example,2026:1",
        "url": LINK,
        "title": "A title",
        "html": "<p>Some text.</p>",
        "published": DAY,
        "updated": DAY,
    }
    return SourcePost(**(values | changes))  # type: ignore[arg-type]  # the tests name the fields


def cleaned(**changes: object) -> CleanPost:
    """The post after cleaning."""
    found = clean_post(source(**changes), now=NOW)
    assert isinstance(found, CleanPost)
    return found


def html_of(html: str, **changes: object) -> str:
    """What becomes of some HTML."""
    return cleaned(html=html, **changes).html


def assert_legal_xml(text: str) -> None:
    """Fail unless XML can hold the text."""
    element = etree.Element("text")
    element.text = text
    assert etree.fromstring(etree.tostring(element)) is not None


class Dangers(HTMLParser):
    """Collects what no stored post may hold."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Look at a tag and its attributes."""
        if tag in {
            "script",
            "style",
            "iframe",
            "object",
            "embed",
            "form",
            "svg",
            "math",
            "base",
            "meta",
            "link",
        }:
            self.found.append(tag)
        for name, value in attributes:
            said = "".join((value or "").split()).lower()
            if name.startswith("on") or name in {"srcdoc", "formaction", "action", "id", "class"}:
                self.found.append(name)
            if name in {"href", "src", "cite", "poster", "srcset"}:
                allowed = r"(https?://.+|data:image/(png|gif|jpeg|webp|avif);base64,.*|(mailto|tel):.*)"
                if not re.fullmatch(allowed, said):
                    self.found.append(f"{name}={value}")
            if name == "style" and re.search(r"[(\\@/]|expression|behavior|position", said):
                self.found.append(f"style={value}")


class Words(HTMLParser):
    """Collects the text of any HTML but what is in scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        """Keep some text."""
        if self.cdata_elem is None:
            self.found.append(data)


def dangers(html: str) -> list[str]:
    """What is dangerous in some HTML."""
    parser = Dangers()
    parser.feed(html)
    parser.close()
    return parser.found


def test_a_good_post_stays_as_it_is_and_has_no_notes() -> None:
    post = cleaned(html='<p>Text with <a href="https://else.example/x?a=1&amp;b=2">a link</a>.</p>')
    assert post.html == '<p>Text with <a href="https://else.example/x?a=1&amp;b=2">a link</a>.</p>'
    assert (post.uri, post.url, post.title) == ("tag:blog.example,2026:1", LINK, "A title")
    assert (post.published, post.updated, post.notes) == (DAY, DAY, ())


@pytest.mark.parametrize(
    ("html", "left", "note"),
    [
        ("<p>a<script>alert(1)</script>b</p>", "<p>ab</p>", "removed 1 script"),
        ("<style>p{}</style><p>a</p>", "<p>a</p>", "removed 1 style sheet"),
        ('<p onclick="x()" onmouseover=y>a</p>', "<p>a</p>", "removed 1 event handler"),
        ('<a href="javascript:alert(1)">a</a>', "<a>a</a>", "removed 1 javascript: link"),
        ('<a href=" java&#10;script:alert(1)">a</a>', "<a>a</a>", None),
        ('<a href="vbscript:x">a</a>', "<a>a</a>", None),
        ('<a href="data:text/html,x">a</a>', "<a>a</a>", "removed 1 link of a scheme that is not allowed"),
        ("a<svg><script>1</script><g>x</g></svg>b", "ab", "removed 1 drawing"),
        ("<form action=/x><input name=a>text</form>", "text", "removed 1 form"),
        ('<q cite="javascript:x">a</q>', "<q>a</q>", "removed 1 javascript: link"),
        ("<p>a<!-- hidden -->b</p>", "<p>ab</p>", None),
    ],
)
def test_what_could_do_harm_is_gone(html: str, left: str, note: str | None) -> None:
    post = cleaned(html=html)
    assert post.html == left
    if note is not None:
        assert note in post.notes


def test_relative_urls_hang_on_the_post() -> None:
    post = cleaned(
        html='<a href="../x.html">a</a><a href="#note">b</a><a href="/y?z">c</a>'
        '<img src="//cdn.example/p.png" srcset="p.png 1x, /q.png 2x,r.png 640w">'
        '<video poster="v.jpg" src="v.mp4"></video><q cite="w">d</q>'
    )
    assert post.html == (
        '<a href="https://blog.example/2026/x.html">a</a>'
        f'<a href="{LINK}#note">b</a><a href="https://blog.example/y?z">c</a>'
        '<img src="https://cdn.example/p.png" srcset="https://blog.example/2026/11/p.png 1x,'
        ' https://blog.example/q.png 2x, https://blog.example/2026/11/r.png 640w">'
        '<video poster="https://blog.example/2026/11/v.jpg" src="https://blog.example/2026/11/v.mp4"'
        ' controls=""></video><q cite="https://blog.example/2026/11/w">d</q>'
    )
    assert post.notes == ("made 10 links absolute",)


def test_a_relative_url_with_nothing_to_hang_on_is_removed() -> None:
    post = cleaned(url=None, html='<a href="x">a</a> <a href="//host.example/">b</a>')
    assert post.html == '<a>a</a> <a href="https://host.example/">b</a>'
    assert "removed 1 relative link that the post has no link to hang on" in post.notes


def test_an_id_that_is_a_url_serves_as_the_base() -> None:
    assert html_of('<a href="b">a</a>', uri="https://old.example/x/a", url=None) == (
        '<a href="https://old.example/x/b">a</a>'
    )


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://a.example/x y", "https://a.example/x%20y"),
        ('https://a.example/"<>', "https://a.example/%22%3C%3E"),
        (" https://a.example/x\n", "https://a.example/x"),
        ("https://a.example/é", "https://a.example/é"),
        ("http:/a.example", None),
        ("https://[::1", None),
        ("https://", None),
        ("", None),
        ("/\\evil.example", "https://blog.example/%5Cevil.example"),
        ("https://a.example/" + "x" * 5000, None),
    ],
)
def test_urls_are_whole_and_hold_nothing_illegal(url: str, found: str | None) -> None:
    assert absolute(url, base=LINK) == found


def test_a_small_embedded_picture_stays_and_a_large_one_goes() -> None:
    small = '<img src="data:image/png;base64,iVBORw0KGgo=" alt="">'
    assert html_of(small) == small
    large = cleaned(html=f'<img alt="x" src="data:image/png;base64,{"A" * 40_000}">')
    assert large.html == '<img alt="x">'
    assert "removed 1 embedded picture larger than 32 KB" in large.notes
    assert html_of('<img src="data:image/svg+xml;base64,AAAA">') == "<img>"


@pytest.mark.parametrize(
    ("html", "left"),
    [
        (
            '<iframe width="1" src="https://www.youtube.com/embed/abcdefghijk?rel=0"></iframe>',
            '<a href="https://www.youtube.com/watch?v=abcdefghijk">youtube.com/watch?v=abcdefghijk</a>',
        ),
        (
            "<iframe title='The \"talk\"' src=//player.vimeo.com/video/123></iframe>",
            '<a href="https://vimeo.com/123">The "talk"</a>',
        ),
        (
            '<object><embed src="/film.swf"></object>',
            '<a href="https://blog.example/film.swf">blog.example/film.swf</a>',
        ),
        ('<iframe src="javascript:alert(1)"></iframe>x', "x"),
        ("<iframe srcdoc='<script>1</script>'></iframe>x", "x"),
    ],
)
def test_a_frame_becomes_a_link_to_what_it_shows(html: str, left: str) -> None:
    assert html_of(html) == left


def test_frames_are_noted() -> None:
    post = cleaned(html="<iframe src='https://a.example/'></iframe><iframe src='about:blank'></iframe>")
    assert post.notes == ("replaced 1 frame by a link", "removed 1 frame that show no web page")


def test_styles_keep_their_layout_and_lose_their_dangers() -> None:
    assert safe_style("TEXT-ALIGN: Center; color: red; position: fixed; float:left;") == (
        "text-align: center; float: left"
    )
    assert safe_style("background: url(https://x.example/track)") is None
    assert html_of('<p style="width: expression(alert(1))">a</p>') == "<p>a</p>"


def test_a_line_break_at_the_start_of_pre_is_kept() -> None:
    once = html_of("<pre>\n\n  code</pre>")
    assert once == "<pre>\n\n  code</pre>"


def test_characters_that_xml_cannot_hold_are_gone_everywhere() -> None:
    bad = "\x00\x0b\ufffe\uffff\ud800\x1f"
    post = cleaned(
        uri=f"tag:x,2026:1{bad}",
        title=f"Ti{bad}tle",
        html=f"<p>a{bad}b&#1;&#xFFFE;&#0;c</p>",
        labels=(f"la{bad}bel", bad),
        authors=(f"An{bad}n", bad),
        notes=(f"read{bad}",),
    )
    assert (post.title, post.labels, post.authors) == ("Title", ("label",), ("Ann",))
    assert post.html in {"<p>abc</p>", "<p>ab\ufffdc</p>"}
    for text in (post.uri, post.title, post.html, *post.labels, *post.authors, *post.notes):
        assert_legal_xml(text)
    assert "removed 6 characters that XML cannot hold from the text" in post.notes


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("It’s a “good” day — naïve café", None),
        ("Привет, мир", None),
        ("日本語のテキスト", None),
        ("🎉 party", None),
    ],
)
def test_utf_8_read_as_windows_1252_is_mended(text: str, mended: str | None) -> None:
    spoiled = "".join(
        bytes([byte]).decode("cp1252") if byte not in b"\x81\x8d\x8f\x90\x9d" else chr(byte)
        for byte in text.encode()
    )
    notes: list[str] = []
    assert legible(spoiled, of="text", notes=notes) == (mended or text)
    assert notes == ["mended mojibake in the text (UTF-8 read as Windows-1252)"]
    assert legible(text.encode().decode("latin-1"), of="text", notes=[]) == text
    twice = text.encode().decode("latin-1").encode().decode("latin-1")
    assert legible(twice, of="text", notes=[]) == text


@pytest.mark.parametrize(
    "text", ["NESCAFÉ® NESCAFÉ®", "AMANHÃ…", "naïve café", "«CAFÉ»", "Ã", "a Â b", "Straße"]
)
def test_what_may_be_meant_is_left_alone(text: str) -> None:
    assert legible(text, of="title", notes=[]) == text


def test_mojibake_that_is_not_certain_is_noted_and_left() -> None:
    notes: list[str] = []
    text = "Itâ€™s half broken — 日本"
    assert legible(text, of="text", notes=notes) == text
    assert notes == ["the text may hold mojibake (UTF-8 read as Windows-1252): left as it is"]


def test_c1_controls_are_read_as_windows_1252() -> None:
    assert legible("a \x93quote\x94 \x81", of="text", notes=[]) == "a “quote” "


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("Fish &amp; chips", "Fish & chips"),
        ("Fish &amp;amp; chips", "Fish & chips"),
        ("<b>Bold</b> &lt;i&gt;and&lt;/i&gt; plain", "Bold and plain"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;Hi", "Hi"),
        ("vector<int> and a < b", "vector<int> and a < b"),
        ("The &lt;b&gt; tag", "The <b> tag"),
        ("AT&T, R&D; rock &copy left", "AT&T, R&D; rock &copy left"),
        ("  two\n lines<br/>three ", "two lines three"),
        ("&#8220;Quoted&#8221; &#x1F389;", "“Quoted” 🎉"),
    ],
)
def test_a_title_is_one_line_of_plain_text(title: str, line: str) -> None:
    assert cleaned(title=title).title == line


def test_a_missing_title_comes_from_the_text() -> None:
    text = (
        "<h2>First words</h2><p>of a post that goes on &amp; on for longer than any title should ever do.</p>"
    )
    for missing in (None, "", " \n", "<b></b>"):
        post = cleaned(title=missing, html=text)
        assert post.title == "First words of a post that goes on & on for longer than any…"
        assert "no title: taken from the text" in post.notes


def test_a_post_with_neither_title_nor_text_is_named_by_its_date() -> None:
    assert cleaned(title=None, html='<img src="https://a.example/x.png">').title == "2026-11-20"


@pytest.mark.parametrize(
    ("line", "length", "short"),
    [
        ("short", 10, "short"),
        ("one two three", 9, "one two…"),
        ("one two three", 8, "one two…"),
        ("日本語のとても長いテキスト", 5, "日本語の…"),
        ("a, bcdefghijklmno", 10, "a, bcdefg…"),
    ],
)
def test_lines_are_cut_between_words(line: str, length: int, short: str) -> None:
    assert shortened(line, length) == short


def test_a_post_without_a_date_is_published_now() -> None:
    post = cleaned(published=None, updated=None)
    assert (post.published, post.updated, post.is_dated, post.is_edited) == (NOW, NOW, False, False)
    assert "no date: taken for published when it was first stored" in post.notes


def test_updated_is_never_before_published_nor_far_ahead() -> None:
    assert cleaned(updated=None).updated == DAY
    assert cleaned(updated=DAY - timedelta(days=1)).updated == DAY
    assert cleaned(updated=DAY + timedelta(days=1)).updated == DAY + timedelta(days=1)
    ahead = cleaned(updated=NOW + timedelta(days=300))
    assert ahead.updated == DAY
    assert "updated 2027-09-19 lies ahead: taken as published" in ahead.notes


def test_a_date_ahead_is_a_schedule_and_kept() -> None:
    later = NOW + timedelta(days=30)
    assert cleaned(published=later, updated=later).published == later


def test_dates_are_brought_to_utc() -> None:
    regina = timezone(timedelta(hours=-6))
    assert cleaned(published=datetime(2026, 11, 20, 3, 30, tzinfo=regina)).published == DAY
    naive = cleaned(published=DAY.replace(tzinfo=None))
    assert naive.published == DAY
    assert "the date it was published names no timezone: taken as UTC" in naive.notes


def test_a_date_beyond_all_years_is_a_reason_to_skip() -> None:
    first = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    found = clean_post(source(published=first, where="line 3"), now=NOW)
    assert found == SkippedPost("tag:blog.example,2026:1", "its date is beyond the years 1 to 9999", "line 3")


@pytest.mark.parametrize("url", [None, "", "ftp://x.example/y", "javascript:alert(1)", "/relative"])
def test_a_post_with_no_id_and_no_link_is_skipped(url: str | None) -> None:
    found = clean_post(source(uri=None, url=url, where="entry 7"), now=NOW)
    assert found == SkippedPost("A title", "it has neither an id nor an http(s) link", "entry 7")


def test_a_link_stands_in_for_an_id() -> None:
    assert cleaned(uri=None).uri == LINK
    assert cleaned(uri="  ").uri == LINK


@pytest.mark.parametrize(
    "uri", ["42", "no iri", "post/7", "http://a b/", "tag:" + "x" * 3000, "a:b\x00\ud800"]
)
def test_an_id_that_is_no_iri_gets_a_stable_one(uri: str) -> None:
    first, again = cleaned(uri=uri), cleaned(uri=uri, url="https://blog.example/moved", title="Other")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", first.uri)
    assert again.uri == first.uri
    assert cleaned(uri=uri, url="https://other.example/").uri != first.uri
    assert cleaned(uri=uri + "0").uri != first.uri
    assert any("no absolute IRI" in note for note in first.notes)


def test_ids_of_every_kind_are_kept() -> None:
    for uri in ("tag:blogger.com,1999:blog-1.post-2", "urn:uuid:1", "https://x.example/?p=1", "urn:é"):
        assert cleaned(uri=uri).uri == uri


def test_a_link_that_is_no_web_page_is_none() -> None:
    post = cleaned(url="mailto:a@b.example")
    assert post.url is None
    assert post.notes == ("its link is no http(s) URL: mailto:a@b.example",)


def test_labels_and_authors_are_plain_and_come_once() -> None:
    post = cleaned(
        labels=("MEK", " mek ", "Stack &amp; Tile", "", "<b>bold</b>", "x" * 300),
        authors=("Ann &amp; Bob", "Ann & Bob", " "),
    )
    assert post.labels[:3] == ("MEK", "Stack & Tile", "bold")
    assert len(post.labels[3]) == 200
    assert post.authors == ("Ann & Bob",)


def test_a_huge_post_is_cut_and_still_whole() -> None:
    html = "<div><p>" + "word &amp; <b>bold</b> " * 90_000
    post = cleaned(html=html)
    assert len(post.html) <= MAX_HTML
    assert post.html.endswith("…</p></div>")
    assert f"cut the text from {len(html)} to {MAX_HTML} characters" in post.notes
    again = cleaned(html=post.html)
    assert again.html == post.html


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 60_000,
        "<ul><li>" * 30_000,
        "<p>" + "".join(f"<b title={n}>" for n in range(2000)) + "</p>" + "<p>x" * 2000,
        "<p>" + "<b><i><u><s><em><code>" * 5 + "</p>" + "<p>x" * 100_000,
        "&" * 400_000,
        "&#20013;" * 200_000,
        "<a href=x><div>" * 3_000,
        "<iframe" * 100_000,
        "<p " + "a=1 " * 100_000,
    ],
    ids=[
        "deep",
        "lists",
        "reopened",
        "reopened often",
        "ampersands",
        "references",
        "links",
        "frames",
        "attributes",
    ],
)
def test_html_made_to_cost_is_bounded(html: str) -> None:
    post = cleaned(html=html)
    assert len(post.html) <= MAX_HTML
    depth = deepest = 0
    for closing, name in re.findall(r"<(/?)(\w+)", post.html):
        depth += -1 if closing else name != "br"
        deepest = max(deepest, depth)
    assert deepest <= MAX_DEPTH


def test_numbers_for_characters_are_read_however_many() -> None:
    assert text_of(html_of("&#20013;" * 200_000)) == "中" * 200_000


def test_text_that_is_nested_too_deep_is_kept_without_its_markup() -> None:
    post = cleaned(html="<div>" * 400 + "<p>One &amp; <b>two</b></p><p>three &lt;b&gt;</p>" + "</div>" * 400)
    assert post.html == "<p>One &amp; two</p>\n<p>three &lt;b&gt;</p>"
    assert "kept the text alone: its markup is nested too deep" in post.notes


def test_the_hash_is_of_what_the_source_said() -> None:
    same = source_hash(source())
    assert source_hash(source(where="line 9", notes=("mended",))) == same
    assert source_hash(source(published=DAY.astimezone(timezone(timedelta(hours=5))))) == same
    assert source_hash(source(labels=("a", "b"))) == source_hash(source(labels=("b", "a")))
    for changes in (
        {"html": "<p>Some  text.</p>"},
        {"labels": ("x",)},
        {"state": PostState.DRAFT},
        {"updated": None},
    ):
        assert source_hash(source(**changes)) != same


def test_the_hash_of_an_undated_post_does_not_move_with_time() -> None:
    undated = source(published=None, updated=None)
    found = [clean_post(undated, now=NOW + timedelta(days=days)) for days in (0, 9)]
    assert {post.source_hash for post in found if isinstance(post, CleanPost)} == {source_hash(undated)}


def test_posts_of_a_real_blog_lose_no_word(shared_data: Path) -> None:
    markup = Markup()
    for line in (shared_data / "18f-blog" / "posts.jsonl").read_text("utf-8").splitlines():
        said = json.loads(line)
        html = markup.clean(said["html"], base=said["url"], notes=[])
        assert dangers(html) == []
        assert markup.clean(html, base=said["url"], notes=[]) == html
        if "<iframe" not in said["html"]:
            bare = Words()
            bare.feed(said["html"])
            bare.close()
            assert "".join(text_of(html).split()) == "".join("".join(bare.found).split())


def words(text: str) -> list[str]:
    """Pieces written one after another."""
    return text.split()


PIECES = st.sampled_from(
    words("""
    <p> </p> <b> </b> <i> <a_href="x"> <a_href='javascript:1'> </a> <div_onclick="x"> </div> <script>
    </script> <style> </style> <svg> <math> </svg> <img_src=x_onerror=1> <img_srcset="a_1x,_b"> <table> <tr>
    <td> </table> <pre> </pre> <iframe_src="//h"> </iframe> <!-- --> <![CDATA[ ]]> &lt; &amp; &#1; &#xD800;
    & < > " ' = <textarea> </textarea> <title> <noscript> </noscript> <xmp> <plaintext> <select> <option>
    <form> <template> </template> <p_style="float:left;x:y"> <q_cite="data:x"> javascript: data: onload=
    <ul> <li> </ul> <h1> </h1> <br> <mi> <mtext> <mglyph> <foreignObject> <desc> <annotation-xml> text word
    \x00 \x0b é â€™ 日本 🎉 \ud800
    """)
)
SOUP = st.lists(PIECES | st.text(max_size=4), max_size=25).map(lambda parts: "".join(parts).replace("_", " "))


@given(html=SOUP)
@settings(max_examples=often(200), deadline=None)
def test_no_soup_of_tags_leaves_anything_dangerous(html: str) -> None:
    markup = Markup()
    once = markup.clean(html, base=LINK, notes=[])
    assert dangers(once) == []
    assert_legal_xml(once)
    again = markup.clean(once, base=LINK, notes=[])
    assert dangers(again) == []


def tree(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """An element of HTML around others."""
    tags = st.sampled_from(
        ["div", "blockquote", "ul><li", "section", "table><tbody><tr><td", "pre", "i", "span"]
    )
    inside = st.lists(children, max_size=3).map("".join)
    return st.builds(
        lambda tag, text: f"<{tag}>{text}" + "".join(f"</{one}>" for one in reversed(tag.split("><"))),
        tags,
        inside,
    )


LEAVES = st.sampled_from(
    ["<p>a &amp; b</p>", "text\n", "<img src=x>", '<a href="/y">z</a>', "<br>", "&#1;", "\n"]
)


@given(html=st.recursive(LEAVES, tree, max_leaves=12))
@settings(max_examples=often(200), deadline=None)
def test_cleaning_what_is_clean_changes_nothing(html: str) -> None:
    markup = Markup()
    once = markup.clean(markup.clean(html, base=LINK, notes=[]), base=LINK, notes=[])
    assert markup.clean(once, base=LINK, notes=[]) == once


@given(title=st.lists(PIECES | st.text(max_size=5), max_size=8).map("".join))
@example("\u00c2\u0080\u00a0\u00c2\u0080")
@settings(max_examples=often(150), deadline=None)
def test_a_plain_line_is_legal_and_stays(title: str) -> None:
    once = plain(title, of="title", notes=[])
    assert_legal_xml(once)
    assert once == " ".join(once.split())
    assert plain(once, of="title", notes=[]) == once


@given(
    uri=st.none() | st.text(max_size=20),
    url=st.none() | st.text(max_size=20) | st.just(LINK),
    title=st.none() | st.text(max_size=20),
    html=st.text(max_size=50),
    published=st.none() | st.datetimes(timezones=st.just(UTC)),
    labels=st.lists(st.text(max_size=6), max_size=3).map(tuple),
)
@settings(max_examples=often(200), deadline=None)
def test_whatever_comes_in_what_comes_out_can_be_stored(**values: object) -> None:
    found = clean_post(source(**values), now=NOW)
    if isinstance(found, SkippedPost):
        assert_legal_xml(found.id + found.reason)
        return
    assert found.title
    assert found.published <= found.updated
    assert re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", found.uri)
    for text in (
        found.uri,
        found.url or "",
        found.title,
        found.html,
        *found.labels,
        *found.authors,
        *found.notes,
    ):
        assert_legal_xml(text)
