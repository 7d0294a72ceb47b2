"""Digests rendered: the golden mails, the headers, the size cap, contrast, and titles as odd as they come.

The golden mails are in ``tests/data/mails``, each as its header fields, its text and its HTML. After a wanted
change, renew them with ``LABELCAST_TEST_RENEW=1 pytest tests/test_digests_rendering.py`` and read what
differs.
"""

import email
import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html

from digests.model import Digest, Edition
from digests.rendering import (
    HTML_LIMIT,
    Content,
    Publisher,
    RenderingError,
    compose,
    list_id,
    render_edition,
)
from digests.window import in_words
from outbox.headers import HeaderError
from posts.model import Post, PostState
from templates import DARK, LIGHT, Palette, environment

MAILS = Path(__file__).parent / "data" / "mails"
ENVIRONMENT = environment()
TOKENS = {
    "TO": b"reader@example.net",
    "MESSAGE_ID": b"<7.1@news.example.org>",
    "UNSUBSCRIBE": b"Unsubscribe-token",
    "PREFERENCES": b"Preferences-token",
}
LONG = (
    "<h2>What happened</h2>"
    + (
        "<p>The committee met on Tuesday evening and heard from nine residents who had asked for the "
        'bridge to be kept open. <a href="https://news.example.org/m">The minutes</a> fill forty pages. '
        "Nobody asked for it to be closed.</p>"
    )
    * 6
)
SHORT = (
    '<p>The library opens an hour earlier from Monday on. <a href="https://library.example/hours">All '
    "hours</a> are on its page.</p><ul><li>Monday to Friday from 8:00</li><li>Saturday from 9:00</li></ul>"
)
RICH = (
    "<p>Three figures from the yearly report:</p><h1>Figures</h1>"
    "<table><thead><tr>" + "".join(f"<th>Quarter number {n}</th>" for n in range(1, 9)) + "</tr></thead>"
    "<tbody><tr>" + "<td>1,234,567</td>" * 8 + "</tr></tbody></table>"
    '<p><img src="https://news.example.org/bridge.jpg" alt="The bridge at dawn" width="1600" height="9"></p>'
    '<img src="https://counter.example/p.gif" width="1" height="1">'
    "<blockquote><p>It is a fine bridge.</p></blockquote>"
    "<pre><code>total = sum(crossing.cars for crossing in crossings if crossing.day == today and open)\n"
    "</code></pre><ol start='3'><li>Third</li><li>Fourth</li></ol>"
    '<p>Watch it: <iframe src="https://video.example/embed/1"></iframe></p>'
    "<p>" + "https://very.long.example/" + "path" * 40 + "</p>"
)


def make_post(
    number: int, title: str, html: str, *, labels: tuple[str, ...] = ("Town",), **more: object
) -> Post:
    published = datetime(2026, 11, 9, 12, tzinfo=UTC) - timedelta(days=number)
    post = Post(
        id=number,
        uri=f"tag:news.example.org,2026:{number}",
        url=f"https://news.example.org/2026/11/{number}",
        title=title,
        html=html,
        published=published,
        updated=published,
        first_stored=published,
        visible_at=published,
        state=PostState.LIVE,
        revision=1,
        authors=("Ada Moreau",),
        labels=labels,
        label_slugs=tuple(label.lower() for label in labels),
    )
    return replace(post, **more)  # type: ignore[arg-type]  # the test says which fields


DIGEST = Digest(
    id=1,
    slug="town",
    title="The town this week",
    rule="town or roads",
    template="digest",
    language="en",
    cadence="weekly",
    cadences=("weekly",),
    minute=480,
    weekday=0,
    monthday=1,
    timezone="America/Regina",
    max_age=timedelta(days=30),
    max_lateness=timedelta(hours=6),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
EDITION = Edition(
    id=7,
    digest_id=1,
    window_start=datetime(2026, 11, 2, 14, tzinfo=UTC),
    window_end=datetime(2026, 11, 9, 14, tzinfo=UTC),
    labels=(),
    language="en",
    template="digest",
    folded=False,
    created_at=datetime(2026, 11, 9, 14, 0, 3, tzinfo=UTC),
)
PUBLISHER = Publisher(
    site_url="https://news.example.org",
    site_title="The Valley News",
    sender="The Valley News <digest@news.example.org>",
    reply_to="Ada Moreau <ada@news.example.org>",
    postal_address="The Valley News\n12 Mill Lane\nAshford",
    timezone="Europe/London",
)
POSTS = [
    make_post(1, "The bridge stays open", LONG, labels=("Roads", "Town")),
    make_post(2, "Library: new hours", SHORT),
    make_post(3, "A note without a page", "<p>Nothing <em>more</em> to say.</p>", url=None, authors=()),
]
GOLDEN = {
    "weekly": (EDITION, POSTS),
    "alone": (
        EDITION,
        [make_post(4, "Zahlen & Fakten: “<b>Brücke</b>” 政治", RICH, labels=("C++", "Düsseldorf"))],
    ),
    "late": (
        replace(EDITION, folded=True, language="fa", window_start=datetime(2026, 10, 26, 14, tzinfo=UTC)),
        [make_post(5, "پل باز می‌ماند", "<p>این <a href='https://news.example.org/fa'>پیوند</a> است.</p>")],
    ),
}


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
    parts = {"headers.txt": fields, "txt": part(message, "plain"), "html": part(message, "html")}
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


def test_both_parts_show_the_links_and_the_postal_address() -> None:
    message = mail_for(POSTS)
    for kind in ("plain", "html"):
        body = part(message, kind)
        assert "https://news.example.org/unsubscribe/Unsubscribe-token" in body
        assert "https://news.example.org/preferences/Preferences-token" in body
        for line in ("The Valley News", "12 Mill Lane", "Ashford"):
            assert line in body


def test_a_long_post_begins_and_a_short_one_is_whole() -> None:
    message = mail_for(POSTS)
    text, page = part(message, "plain"), part(message, "html")
    assert text.count("Nobody asked") + text.count("heard from nine") < 4
    assert "Read on: https://news.example.org/2026/11/1" in text
    assert "Saturday from 9:00" in text
    assert "<li" in page
    assert page.count(">Read on</a>") == 1


def test_a_post_that_comes_alone_is_whole() -> None:
    message = mail_for(POSTS[:1])
    assert part(message, "plain").count("Nobody asked for it to be closed.") == 6
    assert part(message, "html").count("Nobody asked for it to be closed.") >= 6


def test_a_folded_edition_says_that_the_mail_before_was_late() -> None:
    message = mail_for(POSTS, edition=replace(EDITION, folded=True))
    for kind in ("plain", "html"):
        assert "was late" in part(message, kind)
        assert "was late" not in part(mail_for(POSTS), kind)


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
    assert len(content.html.encode()) <= HTML_LIMIT
    assert content.shown < 100
    rest = 100 - content.shown
    assert f"{rest} more posts from these days" in content.text
    assert 'href="https://news.example.org/labels/town"' in content.html
    assert "https://news.example.org/labels/town" in content.text


def test_one_huge_post_is_cut_to_a_long_excerpt() -> None:
    content = compose_for([make_post(1, "Huge", "<p>" + "A sentence of five words. " * 20_000 + "</p>")])
    assert len(content.html.encode()) <= HTML_LIMIT
    assert content.shown == 1
    assert content.text.count("five") >= 30


def test_links_to_the_rest_lead_to_the_label_the_reader_chose() -> None:
    posts = [make_post(n, "T" * 240, "<p>word</p>" * 90, labels=("Roads", "Town")) for n in range(200)]
    chosen = compose_for(posts, edition=replace(EDITION, labels=("roads",)))
    assert "https://news.example.org/labels/roads" in chosen.text
    mixed = compose_for([*posts, make_post(201, "Other", "<p>x</p>", labels=("Water",))])
    assert "https://news.example.org/labels/all" in mixed.text


@pytest.mark.parametrize(
    ("start", "end", "timezone", "words"),
    [
        ("2026-11-02T14:00", "2026-11-09T14:00", "America/Regina", "Posts from 2 to 9 November 2026"),
        (
            "2026-10-26T14:00",
            "2026-11-02T14:00",
            "America/Regina",
            "Posts from 26 October to 2 November 2026",
        ),
        ("2026-12-28T08:00", "2027-01-04T08:00", "UTC", "Posts from 28 December 2026 to 4 January 2027"),
        ("2026-11-09T08:00", "2026-11-09T09:30", "UTC", "Posts of 9 November 2026"),
        ("2026-11-08T00:00", "2026-11-09T00:00", "UTC", "Posts of 8 November 2026"),
        ("2026-11-08T20:00", "2026-11-08T21:00", "Asia/Tokyo", "Posts of 9 November 2026"),
        ("2026-11-09T08:00", "2026-11-09T08:00", "UTC", "Posts of 9 November 2026"),
    ],
)
def test_a_window_is_told_in_the_digests_timezone(start: str, end: str, timezone: str, words: str) -> None:
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    assert in_words(first, last, timezone) == words


ODD_TEXT = st.text(
    st.characters(codec="utf-8") | st.sampled_from("\r\n\x00\x1b\ufffe<>&\"'{}%=?:;,@"), max_size=300
)


@settings(deadline=None, max_examples=60)
@given(title=ODD_TEXT, name=ODD_TEXT, site=ODD_TEXT, label=ODD_TEXT, body=ODD_TEXT)
def test_no_title_name_or_label_breaks_a_mail(
    title: str, name: str, site: str, label: str, body: str
) -> None:
    posts = [make_post(1, title, body, labels=(label,)), make_post(2, title, f"<p>{body}</p>")]
    message = mail_for(
        posts,
        digest=replace(DIGEST, title=name),
        publisher=replace(PUBLISHER, site_title=site, postal_address=name),
    )
    assert not message.defects
    assert len(message.keys()) == len(set(message.keys()))
    assert len(message["Subject"]) <= 120
    assert part(message, "html").count("Unsubscribe-token") == 1
    assert part(message, "plain").count("Preferences-token") == 1


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
    with pytest.raises(RenderingError, match=r"'gazette' has no file email/gazette/body\.html"):
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
    used = set(re.findall(r"#[0-9a-f]{6}", compose_for(POSTS).html))
    known = {getattr(palette, name) for palette in (LIGHT, DARK) for name in Palette.__slots__}
    assert used
    assert used <= known


def test_the_html_is_what_mail_programs_and_screen_readers_need() -> None:
    edition, posts = GOLDEN["alone"]
    page = lxml_html.fromstring(compose_for(posts, edition=edition).html.replace("\x00", ""))
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
    headings = [element.tag for element in page.iter("h1", "h2", "h3", "h4", "h5", "h6")]
    assert headings == ["h1", "h2", "h3"]


def test_the_plain_part_is_wrapped_text_and_no_html() -> None:
    _, posts = GOLDEN["alone"]
    text = compose_for(posts).text
    assert "<" not in text.replace("“<b>Brücke</b>”", "")
    wrapped = [line for line in text.splitlines() if "://" not in line and not line.startswith("    ")]
    assert max(map(len, wrapped)) <= 72
