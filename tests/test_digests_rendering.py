"""Digests rendered: the golden mails, the headers, the size cap, contrast, and titles as odd as they come.

The golden mails are in ``tests/data/mails``, each as its header fields, its text and its HTML. After a wanted
change, renew them with ``LABELCAST_TEST_RENEW=1 pytest tests/test_digests_rendering.py`` and read what
differs.
"""

import email
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html

from digests.model import Digest, Edition, Options
from digests.rendering.message import (
    HTML_LIMIT,
    Content,
    Publisher,
    RenderingError,
    compose,
    list_id,
    print_edition,
    render_edition,
)
from digests.rendering.window import in_words
from outbox.headers import HeaderError
from posts.model import Post
from templates import DARK, LIGHT, Palette, environment
from templates.languages import language
from tests.examples import often
from tests.mails import (
    DIGEST,
    EDITION,
    ENVIRONMENT,
    GOLDEN,
    POSTS,
    PUBLISHER,
    SHIPPED,
    SHORT,
    TOKENS,
    make_post,
)

MAILS = Path(__file__).parent / "data" / "mails"


def compose_for(posts: list[Post], *, digest: Digest = DIGEST, edition: Edition = EDITION) -> Content:
    return compose(ENVIRONMENT, digest=digest, edition=edition, posts=posts, publisher=PUBLISHER)


def mail_for(
    posts: list[Post],
    *,
    digest: Digest = DIGEST,
    edition: Edition = EDITION,
    publisher: Publisher = PUBLISHER,
) -> EmailMessage:
    template = render_edition(ENVIRONMENT, digest=digest, edition=edition, posts=posts, publisher=publisher)
    return email.message_from_bytes(template.splice(TOKENS), policy=SMTP)


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_mail_has_not_changed(name: str) -> None:
    edition, posts = GOLDEN[name]
    message = mail_for(posts, edition=edition)
    fields = "".join(f"{key}: {value}\n" for key, value in message.items())
    parts = {"headers.txt": fields, "txt": part(message, "plain")}
    if message.is_multipart():
        parts["html"] = part(message, "html")
    for ending, made in parts.items():
        golden = MAILS / f"{name}.{ending}"
        if os.environ.get("LABELCAST_TEST_RENEW"):
            golden.write_text(made, encoding="utf-8")
        assert made == golden.read_text(encoding="utf-8"), f"{golden.name}: see this module's docstring"


def test_rendering_twice_gives_the_same_bytes() -> None:
    first, second = (
        render_edition(environment(), digest=DIGEST, edition=EDITION, posts=POSTS, publisher=PUBLISHER)
        for _ in range(2)
    )
    assert first.blob == second.blob


def test_every_header_a_digest_must_have_is_there() -> None:
    message = mail_for(POSTS)
    assert message["From"] == "The Valley News <digest@news.example.org>"
    assert message["Reply-To"] == "Ada Moreau <ada@news.example.org>"
    assert message["To"] == "reader@example.net"
    assert message["Message-ID"] == "<7.1@news.example.org>"
    assert message["Date"].datetime == EDITION.created_at
    assert message["List-Unsubscribe"] == "<https://news.example.org/unsubscribe/Unsubscribe-token>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "The town this week <town.news.example.org>"
    assert message["List-Post"] == "NO"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Precedence"] == "bulk"
    assert message["Content-Language"] == "en"
    assert re.fullmatch(r"[^:]+:[^:]+:[^:]+:\w{5,15}", message["Feedback-ID"])
    assert message.get_content_type() == "multipart/alternative"
    assert [inner.get_content_type() for inner in message.iter_parts()] == ["text/plain", "text/html"]


def test_the_list_unsubscribe_url_is_never_folded_nor_encoded() -> None:
    raw = render_edition(
        ENVIRONMENT, digest=DIGEST, edition=EDITION, posts=POSTS, publisher=PUBLISHER
    ).splice(TOKENS | {"UNSUBSCRIBE": b"t" * 60})
    assert b"\r\nList-Unsubscribe: <https://news.example.org/unsubscribe/" + b"t" * 60 + b">\r\n" in raw
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


@pytest.mark.parametrize("template", SHIPPED)
def test_every_part_of_every_mail_says_why_it_came_and_how_to_end_it(template: str) -> None:
    message = mail_for(POSTS, edition=replace(EDITION, template=template))
    parts = ("plain", "html") if message.is_multipart() else ("plain",)
    assert len(parts) == (2 if template in {"digest", "compact"} else 1)
    for kind in parts:
        body = part(message, kind)
        words = " ".join(re.sub(r"<[^>]+>", "", body).split())
        assert "You get this mail because you subscribed to The town this week at The Valley News." in words
        assert "https://news.example.org/unsubscribe/Unsubscribe-token" in body
        assert "https://news.example.org/preferences/Preferences-token" in body
        assert "https://news.example.org/stop/Stop-token" in body
        assert "https://news.example.org/digests/town/7" in body
        for line in ("The Valley News", "12 Mill Lane", "Ashford"):
            assert line in body


def test_a_summary_shows_the_beginning_of_each_post() -> None:
    message = mail_for(POSTS, edition=replace(EDITION, content="summary"))
    text, page = part(message, "plain"), part(message, "html")
    assert text.count("Nobody asked") + text.count("heard from nine") < 4
    assert "Read on: https://news.example.org/2026/11/1" in text
    assert "<li" not in page
    assert page.count(">Read on</a>") == 2, "the note has no page to read on at"


def test_a_mail_of_whole_posts_shows_all_of_each() -> None:
    message = mail_for(POSTS)
    for kind in ("plain", "html"):
        assert part(message, kind).count("Nobody asked for it to be closed.") == 6
        assert "Saturday from 9:00" in part(message, kind)
        assert "too long" not in part(message, kind)
    assert "Read on" not in part(message, "html")


@pytest.mark.parametrize("template", SHIPPED)
def test_a_reader_who_wants_text_gets_text_alone_whatever_the_template(template: str) -> None:
    message = mail_for(POSTS, edition=replace(EDITION, template=template, form="text"))
    assert message.get_content_type() == "text/plain"
    assert not message.is_multipart()
    assert "The bridge stays open" in message.get_content()


@pytest.mark.parametrize("template", SHIPPED)
def test_so_many_posts_are_shown_and_a_link_leads_to_the_rest(template: str) -> None:
    posts = [make_post(n, f"Note number {n:03}", "<p>Well.</p>") for n in range(20)]
    content = compose_for(posts, edition=replace(EDITION, template=template, options=Options(max_posts=8)))
    assert content.shown == 8
    for body in filter(None, (content.text, content.html)):
        assert "And 12 more posts" in body
        assert "https://news.example.org/labels/town" in body
        assert "Note number 007" in body
        assert "Note number 008" not in body


@pytest.mark.parametrize("template", ["digest", "text", "plain"])
def test_the_publishers_introduction_stands_before_the_posts(template: str) -> None:
    words = "<p>Dear <strong>readers</strong>.</p><script>steal()</script>"
    edition = replace(EDITION, template=template, options=Options(introduction=words))
    content = compose_for(POSTS, edition=edition)
    assert content.text.index("Dear readers.") < content.text.index("Library: new hours")
    assert "steal" not in content.text + (content.html or "")
    if content.html:
        page = lxml_html.fromstring(content.html.replace("\x00", ""))
        assert "Dear readers." in page.findtext("body/div[@class='preheader']", "")
        assert re.search(r"<strong[^>]*>readers</strong>", content.html)


def headings(content: Content) -> dict[str, list[str]]:
    """Each section of a mail with the titles under it."""
    page = lxml_html.fromstring((content.html or "").replace("\x00", ""))
    found: dict[str, list[str]] = {}
    for heading in page.iter("h2", "h3"):
        text = str(heading.xpath("normalize-space()"))
        if heading.tag == "h2":
            under = found.setdefault(text, [])
        else:
            under.append(text)
    return found


@pytest.mark.parametrize("template", ["digest", "compact"])
def test_posts_stand_under_the_label_the_reader_chose_or_most_share_each_once(template: str) -> None:
    posts = [
        make_post(1, "First", SHORT, labels=("Roads", "Town")),
        make_post(2, "Second", SHORT, labels=("Town", "Water")),
        make_post(3, "Third", SHORT, labels=()),
        make_post(4, "Fourth", SHORT, labels=("Water",)),
    ]
    edition = replace(EDITION, template=template, options=Options(grouping="label"))
    shared = headings(compose_for(posts, edition=edition))
    assert shared == {"Town": ["First", "Second"], "Water": ["Fourth"], "Other posts": ["Third"]}
    chosen = headings(compose_for(posts, edition=replace(edition, labels=("roads", "water"))))
    assert chosen == {"Roads": ["First"], "Water": ["Second", "Fourth"], "Other posts": ["Third"]}
    assert list(chosen) == ["Roads", "Water", "Other posts"]


def test_posts_stand_under_the_day_they_came_out_on_in_the_digests_timezone() -> None:
    late = datetime(2026, 11, 9, 3, tzinfo=UTC)
    posts = [make_post(1, "First", SHORT), make_post(2, "Second", SHORT, published=late)]
    edition = replace(EDITION, options=Options(grouping="day"))
    assert headings(compose_for(posts, edition=edition)) == {"Sunday, November 8, 2026": ["First", "Second"]}


@pytest.mark.parametrize("template", ["digest", "compact", "text"])
def test_a_post_under_its_day_does_not_tell_it_again(template: str) -> None:
    edition = replace(EDITION, template=template, options=Options(grouping="day"))
    posts = [*POSTS[:2], make_post(8, "Nobody's", SHORT, authors=(), labels=())]
    content = compose(ENVIRONMENT, digest=DIGEST, edition=edition, posts=posts, publisher=PUBLISHER)
    shown = "".join(map(str, lxml_html.fromstring(content.html).itertext())) if content.html else ""
    for part in filter(None, (content.text, shown)):
        assert part.count("November 8, 2026") == 1
        assert part.count("November 1, 2026") == 1
        assert "Ada Moreau" in part
        told = part.split("Sunday", 1)[1].split("You get this mail")[0]
        assert not re.search(r"^\s*·|·\s*$", told, re.MULTILINE)


def test_the_first_post_leads_with_its_picture_if_its_text_shows_none() -> None:
    address = "https://news.example.org/bridge.jpg"
    whole = f'<p>Words.</p><p><img src="{address}" alt="The bridge" width="1068" height="600"></p>'
    posts = [make_post(1, "Lead", whole, picture=address), make_post(2, "Next", SHORT, picture=address)]
    (shown,) = pictures(compose_for(posts, edition=replace(EDITION, content="summary")))
    assert (shown.get("src"), shown.get("alt")) == (address, "The bridge")
    assert (shown.get("width"), shown.get("height")) == ("534", "300")
    assert [one.get("alt") for one in pictures(compose_for(posts))] == ["The bridge"]
    unknown = make_post(1, "Lead", SHORT, picture=address)
    (shown,) = pictures(compose_for([unknown]))
    assert (shown.get("width"), shown.get("height"), shown.get("alt")) == ("534", None, "")
    assert pictures(compose_for([make_post(1, "Lead", SHORT, picture="data:image/png;base64,")])) == []


def pictures(content: Content) -> list[lxml_html.HtmlElement]:
    return list(lxml_html.fromstring((content.html or "").replace("\x00", "")).iter("img"))


def test_a_folded_edition_says_that_the_mail_before_was_late() -> None:
    message = mail_for(POSTS, edition=replace(EDITION, folded=True))
    for kind in ("plain", "html"):
        assert "was late" in part(message, kind)
        assert "was late" not in part(mail_for(POSTS), kind)


def test_the_subject_is_told_beside_the_message() -> None:
    printed = print_edition(ENVIRONMENT, digest=DIGEST, edition=EDITION, posts=POSTS, publisher=PUBLISHER)
    assert printed.subject == "The town this week: The bridge stays open, and 2 more"
    assert mail_for(POSTS)["Subject"] == printed.subject


@pytest.mark.parametrize("template", SHIPPED)
def test_authors_without_a_name_leave_no_comma(template: str) -> None:
    post = make_post(9, "Nobody's", SHORT, authors=("", " "), labels=())
    edition = replace(EDITION, template=template)
    content = compose(ENVIRONMENT, digest=DIGEST, edition=edition, posts=[post], publisher=PUBLISHER)
    shown = "".join(map(str, lxml_html.fromstring(content.html).itertext())) if content.html else ""
    assert not re.search(r"· ?,|: ,", content.text + shown)


@pytest.mark.parametrize("template", SHIPPED)
def test_many_authors_do_not_make_a_long_line(template: str) -> None:
    post = make_post(9, "Ours", SHORT, authors=tuple(f"Author Number {n}" for n in range(9)))
    edition = replace(EDITION, template=template)
    content = compose(ENVIRONMENT, digest=DIGEST, edition=edition, posts=[post], publisher=PUBLISHER)
    assert max(map(len, content.text.splitlines())) <= 72


def test_only_safe_addresses_become_links() -> None:
    page = part(mail_for([replace(POSTS[0], url="javascript:alert(1)"), *POSTS[1:]]), "html")
    assert "javascript" not in page


def test_a_posts_own_classes_and_styles_do_not_reach_the_mail() -> None:
    post = make_post(9, "Styled", '<p class="preheader" id="x" style="color:#fff">seen</p><style>p{}</style>')
    page = lxml_html.fromstring(part(mail_for([post]), "html"))
    (seen,) = [element for element in page.iter("p") if element.text == "seen"]
    assert "class" not in seen.attrib
    assert "id" not in seen.attrib
    assert "#fff" not in seen.get("style", "")


def test_a_mail_is_cut_to_excerpts_rather_than_clipped() -> None:
    posts = [make_post(n, f"Note {n}", f"<p>{'word ' * 118}</p>") for n in range(100)]
    content = compose_for(posts)
    assert content.html is not None
    assert len(content.html.encode()) <= HTML_LIMIT
    assert content.shown < 100
    rest = 100 - content.shown
    assert f"And {rest} more posts" in content.text
    assert 'href="https://news.example.org/labels/town"' in content.html
    for body in (content.html, content.text):
        assert "With whole posts this mail would be too long" in " ".join(body.split())
    assert "https://news.example.org/labels/town" in content.text


def test_one_huge_post_is_cut_to_a_long_excerpt() -> None:
    content = compose_for([make_post(1, "Huge", "<p>" + "A sentence of five words. " * 20_000 + "</p>")])
    assert len((content.html or "").encode()) <= HTML_LIMIT
    assert content.shown == 1
    assert content.text.count("five") >= 30


@pytest.mark.parametrize("template", ["plain", "text"])
def test_a_mail_of_text_alone_is_kept_short_too(template: str) -> None:
    posts = [make_post(n, f"Note {n}", "<p>" + "Five words in a sentence. " * 500) for n in range(40)]
    content = compose_for(posts, edition=replace(EDITION, template=template))
    assert content.shown == 40
    assert len(content.text.encode()) <= HTML_LIMIT
    assert "With whole posts this mail would be too long" in content.text


def test_a_list_says_nothing_of_whole_posts_which_it_never_shows() -> None:
    posts = [make_post(n, f"Note {n}", "<p>" + "Five words in a sentence. " * 500) for n in range(200)]
    content = compose_for(posts, edition=replace(EDITION, template="compact"))
    assert content.shown < 200
    assert "too long" not in content.text + (content.html or "")


def test_whole_posts_are_not_cut_where_excerpts_were_asked_for_anyway() -> None:
    posts = [make_post(n, f"Note {n}", "<p>" + "Five words in a sentence. " * 500) for n in range(40)]
    content = compose_for(posts, edition=replace(EDITION, content="summary"))
    assert "too long" not in content.text


def test_links_to_the_rest_lead_to_the_label_the_reader_chose() -> None:
    posts = [make_post(n, "T" * 240, "<p>word</p>" * 9, labels=("Roads", "Town")) for n in range(200)]
    chosen = compose_for(posts, edition=replace(EDITION, labels=("roads",)))
    assert "https://news.example.org/labels/roads" in chosen.text
    mixed = compose_for([*posts, make_post(201, "Other", "<p>x</p>", labels=("Water",))])
    assert "https://news.example.org/labels/all" in mixed.text


@pytest.mark.parametrize(
    ("start", "end", "timezone", "words"),
    [
        ("2026-11-02T14:00", "2026-11-09T14:00", "America/Regina", "2–9 November 2026"),
        ("2026-10-26T14:00", "2026-11-02T14:00", "America/Regina", "26 October – 2 November 2026"),
        ("2026-12-28T08:00", "2027-01-04T08:00", "UTC", "28 December 2026 – 4 January 2027"),
        ("2026-11-09T08:00", "2026-11-09T09:30", "UTC", "9 November 2026"),
        ("2026-11-08T00:00", "2026-11-09T00:00", "UTC", "8 November 2026"),
        ("2026-11-08T20:00", "2026-11-08T21:00", "Asia/Tokyo", "9 November 2026"),
        ("2026-11-09T08:00", "2026-11-09T08:00", "UTC", "9 November 2026"),
    ],
)
def test_a_window_is_told_in_the_digests_timezone(start: str, end: str, timezone: str, words: str) -> None:
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    assert in_words(first, last, timezone, language("en-GB")).replace("\u2009", " ") == words


ODD_TEXT = st.text(
    st.characters(codec="utf-8") | st.sampled_from("\r\n\x00\x1b\ufffe<>&\"'{}%=?:;,@"), max_size=300
)


@settings(deadline=None, max_examples=often(60))
@given(
    title=ODD_TEXT,
    name=ODD_TEXT,
    site=ODD_TEXT,
    label=ODD_TEXT,
    body=ODD_TEXT,
    template=st.sampled_from(SHIPPED),
    spoken=st.sampled_from(["en", "de", "fr", "fa", "pt-BR"]),
    grouping=st.sampled_from(["none", "label", "day"]),
    content=st.sampled_from(["full", "summary"]),
)
def test_no_title_name_or_label_breaks_a_mail(
    *,
    title: str,
    name: str,
    site: str,
    label: str,
    body: str,
    template: str,
    spoken: str,
    grouping: str,
    content: str,
) -> None:
    posts = [make_post(1, title, body, labels=(label,)), make_post(2, title, f"<p>{body}</p>", picture=body)]
    edition = replace(EDITION, template=template, language=spoken, content=content)
    message = mail_for(
        posts,
        digest=replace(DIGEST, title=name),
        edition=replace(edition, options=Options(grouping=grouping, introduction=body)),
        publisher=replace(PUBLISHER, site_title=site, postal_address=name),
    )
    assert not message.defects
    assert len(message.keys()) == len(set(message.keys()))
    assert len(message["Subject"]) <= 120
    assert part(message, "plain").count("Preferences-token") == 1
    if message.is_multipart():
        assert part(message, "html").count("Unsubscribe-token") == 1


@pytest.mark.parametrize("count", [1, 2, 40])
def test_the_subject_names_the_digest_the_newest_post_and_how_many_more(count: int) -> None:
    posts = [make_post(n, f"Number {n} " + "long title " * 20, SHORT) for n in range(count)]
    subject = compose_for(posts).subject
    assert subject.startswith("The town this week: Number 0 long title")
    assert subject.endswith(f"…, and {count - 1} more" if count > 1 else "…")
    assert len(subject) <= 78


@pytest.mark.parametrize(
    ("slug", "site", "expected"),
    [
        ("weekly", "https://example.org", "weekly.example.org"),
        ("weekly", "http://localhost:8000", "weekly.localhost"),
        ("go1.18", "https://news.example.org/blog", "go1.18.news.example.org"),
        ("düsseldorf", "https://example.org", "xn--dsseldorf-q9a.example.org"),
    ],
)
def test_a_list_id_is_ascii_and_the_slugs_own(slug: str, site: str, expected: str) -> None:
    assert list_id(slug, site) == expected


def test_a_site_with_a_host_that_is_no_ascii_gets_headers_in_ascii() -> None:
    message = mail_for(POSTS, publisher=replace(PUBLISHER, site_url="https://zeitung-köln.example/ü"))
    host = "xn--zeitung-kln-zfb.example"
    assert message["List-Id"] == f"The town this week <town.{host}>"
    assert message["List-Unsubscribe"] == f"<https://{host}/%C3%BC/unsubscribe/Unsubscribe-token>"


@pytest.mark.parametrize(
    "sender", ["nobody", "", "A <a@example.org>\r\nBcc: b@example.org", "A\n <a@example.org>", "a b c <>"]
)
def test_a_sender_that_is_no_address_is_refused(sender: str) -> None:
    with pytest.raises(HeaderError):
        mail_for(POSTS, publisher=replace(PUBLISHER, sender=sender))


def test_an_edition_without_posts_is_not_rendered() -> None:
    with pytest.raises(RenderingError, match="edition 7 of digest town has no posts"):
        mail_for([])


def test_a_template_that_is_not_there_is_told_by_name() -> None:
    with pytest.raises(RenderingError, match=r"no template email/gazette/subject\.txt; there are compact, d"):
        mail_for(POSTS, edition=replace(EDITION, template="gazette"))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of ``#rrggbb``."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_ink_has_a_contrast_of_4_5_on_every_ground(palette: Palette) -> None:
    for ink, ground in product(palette.inks, palette.grounds):
        assert contrast(ink, ground) >= 4.5, f"{ink} on {ground}"


def test_the_mail_uses_no_colour_from_outside_the_palettes() -> None:
    used = set(re.findall(r"#[0-9a-f]{6}", compose_for(POSTS).html or ""))
    known = {getattr(palette, name) for palette in (LIGHT, DARK) for name in Palette.__slots__}
    assert used
    assert used <= known


def test_the_html_is_what_mail_programs_and_screen_readers_need() -> None:
    edition, posts = GOLDEN["alone"]
    page = lxml_html.fromstring((compose_for(posts, edition=edition).html or "").replace("\x00", ""))
    assert page.get("lang") == "en"
    assert page.findtext("head/title")
    layout = [table for table in page.iter("table") if table.find("./thead") is None]
    assert layout
    assert all(table.get("role") == "presentation" for table in layout)
    pictures = list(page.iter("img"))
    assert [picture.get("alt") for picture in pictures] == ["The bridge at dawn"]
    assert int(pictures[0].get("width") or 0) in range(1, 601)
    assert not list(page.iter("iframe", "script", "form"))
    assert {meta.get("content") for meta in page.iter("meta") if meta.get("name") == "color-scheme"} == {
        "light dark"
    }
    tags = [element.tag for element in page.iter("h1", "h2", "h3", "h4", "h5", "h6")]
    assert tags == ["h1", "h2", "h3"]


def test_the_plain_part_is_wrapped_text_and_no_html() -> None:
    _, posts = GOLDEN["alone"]
    text = compose_for(posts).text
    assert "<" not in text.replace("“<b>Brücke</b>”", "")
    wrapped = [line for line in text.splitlines() if "://" not in line and not line.startswith("    ")]
    assert max(map(len, wrapped)) <= 72


def undigestified(text: str) -> tuple[str, list[tuple[dict[str, str], str]], str]:
    """A plain digest's preamble, its messages (fields and text) and its end, parted as RFC 1153 says."""
    preamble, _, rest = text.partition("\n\n" + "-" * 70 + "\n\n")
    *messages, trailer = rest.split("\n\n" + "-" * 30 + "\n\n")
    parsed = [email.message_from_string(message) for message in messages]
    return preamble, [(dict(one.items()), str(one.get_payload())) for one in parsed], trailer


def test_the_plain_digest_can_be_taken_apart_by_rfc_1153() -> None:
    trap = f"<p>Before</p><p>{'-' * 30}</p><p>From: nobody</p><p>{'-' * 70}</p><p>After</p>"
    long = "A title that goes on and on, " * 8
    posts = [POSTS[0], make_post(2, long, trap, labels=("Über", "Town")), POSTS[2]]
    content = compose_for(posts, edition=replace(EDITION, template="plain", language="fa"))
    assert content.html is None
    preamble, messages, trailer = undigestified(content.text)
    assert "   1. The bridge stays open\n   2. A title that goes on" in preamble
    fields, texts = zip(*messages, strict=True)
    assert [one.get("From") for one in fields] == ["Ada Moreau", "Ada Moreau", "The Valley News", None]
    assert [" ".join(one["Subject"].split()) for one in fields] == [
        "The bridge stays open",
        long.strip(),
        "A note without a page",
        "Digest Footer",
    ]
    assert fields[0]["Date"] == "Sun, 08 Nov 2026 06:00:00 -0600"
    assert fields[0]["Keywords"] == "Roads, Town"
    assert texts[1].startswith("Before\n\n")
    assert texts[1].rstrip().endswith("After\n\nhttps://news.example.org/2026/11/2")
    lines = trailer.splitlines()
    assert lines == ["End of The town this week Digest", "*" * 32]


def test_a_digest_that_calls_itself_one_is_not_called_so_twice() -> None:
    digest = replace(DIGEST, title="Town Digest")
    text = compose_for(POSTS, digest=digest, edition=replace(EDITION, template="plain")).text
    assert text.startswith("Town Digest\n")
    assert "End of Town Digest\n******************" in text
