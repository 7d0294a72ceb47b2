"""The golden mails opened in a real browser: on a phone, in the dark, and with every picture blocked."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from templates import DARK, LIGHT

MAILS = sorted((Path(__file__).parent / "data" / "mails").glob("*.html"))

# Every element with text of its own: its colour, and that of the first opaque ground under it.
INK_AND_GROUND = """() => {
  const grounds = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.body.querySelectorAll('*')]
    .filter(e => e.offsetParent && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
    .map(e => [e.textContent.trim().slice(0, 30), getComputedStyle(e).color, grounds(e),
               parseFloat(getComputedStyle(e).fontSize)]);
}"""

# Each visible dot between two things that stands on another line than what comes after it.
HANGING_DOTS = """() => {
  const text = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), all = [];
  while (text.nextNode())
    for (let at = 0; at < text.currentNode.length; at++) {
      const range = new Range();
      range.setStart(text.currentNode, at);
      range.setEnd(text.currentNode, at + 1);
      const character = range.toString(), box = range.getBoundingClientRect();
      const where = text.currentNode.parentElement.closest('p, h1, h2, h3');
      if (where && box.height && !/\\s/.test(character)) all.push([character, where, box.bottom]);
    }
  return all.filter(([dot, where, bottom], at) => dot === '·' && at + 1 < all.length
    && all[at + 1][1] === where && Math.abs(all[at + 1][2] - bottom) > 6).map(found => found[1].textContent);
}"""


@contextmanager
def opened(browser: Any, mail: Path) -> Iterator[Any]:
    """The mail on a phone; nothing is loaded from anywhere, as mail programs do at first."""
    page = browser.new_page(viewport={"width": 375, "height": 800})
    page.route("**/*", lambda route: route.abort())
    page.set_content(mail.read_text(encoding="utf-8"), wait_until="domcontentloaded")
    yield page
    page.close()


def luminance(colour: str) -> float:
    channels = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture(params=MAILS, ids=lambda path: path.stem)
def mail(request: pytest.FixtureRequest) -> Path:
    chosen: Path = request.param
    return chosen


def test_no_mail_is_wider_than_its_window(browser: Any, mail: Path) -> None:
    with opened(browser, mail) as page:
        for width in (600, 375, 320):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            wide = page.evaluate(
                "w => [...document.querySelectorAll('p, h1, h2, h3, pre, img, li')]"
                ".filter(e => e.getBoundingClientRect().right > w).map(e => e.outerHTML.slice(0, 80))",
                width,
            )
            assert wide == []


def test_no_dot_hangs_at_the_end_of_a_line(browser: Any, mail: Path) -> None:
    with opened(browser, mail) as page:
        for width in (320, 375, 430, 560, 640, 641, 800):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(HANGING_DOTS) == [], width


def test_all_text_stands_out_from_its_ground_in_light_and_in_dark(browser: Any, mail: Path) -> None:
    with opened(browser, mail) as page:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            written = page.evaluate(INK_AND_GROUND)
            assert len(written) > 8
            for text, ink, ground, size in written:
                assert contrast(ink, ground) >= 4.5, (scheme, text, ink, ground)
                assert size >= 13, text


def test_the_mail_follows_the_readers_scheme(browser: Any, mail: Path) -> None:
    with opened(browser, mail) as page:
        for scheme, palette in (("light", LIGHT), ("dark", DARK)):
            page.emulate_media(color_scheme=scheme)
            for selector, colour in (("body", palette.page), (".card", palette.card)):
                shown = page.evaluate(
                    "s => getComputedStyle(document.querySelector(s)).backgroundColor", selector
                )
                assert [int(n) for n in re.findall(r"\d+", shown)] == list(bytes.fromhex(colour[1:]))


@pytest.mark.parametrize("name", ["alone", "weekly"], ids=["in a post", "leading"])
def test_with_pictures_blocked_their_descriptions_are_read(browser: Any, name: str) -> None:
    (mail,) = [path for path in MAILS if path.stem == name]
    with opened(browser, mail) as page:
        # That it is blocked shows only once it was asked for.
        page.wait_for_function("document.querySelector('img').getBoundingClientRect().height > 0")
        box = page.evaluate(
            "(() => { const b = document.querySelector('img').getBoundingClientRect();"
            " return [b.width, b.height]; })()"
        )
        assert page.evaluate("document.querySelector('img').alt") == "The bridge at dawn"
        assert box[0] > 100
        assert 15 < box[1] < 100, "a blocked picture must not leave a hole as high as itself"


def test_the_preheader_is_hidden_and_the_links_of_the_footer_are_not(browser: Any, mail: Path) -> None:
    with opened(browser, mail) as page:
        assert not page.is_visible(".preheader")
        for ending in ("unsubscribe/Unsubscribe-token", "preferences/Preferences-token", "stop/Stop-token"):
            assert page.is_visible(f"a[href='https://news.example.org/{ending}']")
        assert page.is_visible("a[href='https://news.example.org/digests/town/7']")
