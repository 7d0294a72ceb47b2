"""Summaries: the beginning of a text in plain words, at a bounded cost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.formats.summary import LENGTH, summary
from tests.feeds_samples import untimed

WORDS = "word after word " * 60


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("<p>One</p><p>two</p>\n three<br>four", "One two three four"),
        ("<p>in<em>line</em> <b>t</b>ags</p>", "inline tags"),
        ("a &lt;b&gt; &amp;amp; c&nbsp;d &#x1F41F;", "a <b> &amp; c d 🐟"),
        ('<img alt="a > b" src="x">after', "after"),
        ("<a title='say \"hi>'>in</a>", "in"),
        ("a <!-- b > c --> d", "a d"),
        ("a < b", "a < b"),
        ("cut <a href", "cut"),
        ('cut <a href="x>y', "cut"),
        ("cut <!-- never closed", "cut"),
        ("<table><tr><td>1</td><td>2</td></tr></table>", "1 2"),
    ],
)
def test_a_short_text_is_all_there(html: str, expected: str) -> None:
    assert summary(html) == expected


def test_a_long_text_is_cut_at_a_word() -> None:
    found = summary(f"<p>{WORDS}</p>")
    assert found.endswith(" after…")
    assert LENGTH - 10 < len(found) <= LENGTH + 1
    assert f"{WORDS} ".startswith(found.removesuffix("…"))


def test_no_sign_stands_before_the_ellipsis() -> None:
    assert not re.search(r"[\s,;:–—-]…$", summary("one, two; three: four – " * 40))


def test_a_script_without_blanks_is_cut_between_characters() -> None:
    assert summary("政治" * 400) == "政治" * 150 + "…"
    # A family is one sign of seven characters; an accent stands with its letter.
    family = "👨\u200d👩\u200d👧\u200d👦"
    found = summary(family * 100).removesuffix("…")
    assert len(found) % len(family) == 0
    assert not summary("e\u0301" * 400).removesuffix("…").endswith("e")


def test_what_is_looked_at_grows_until_there_is_enough() -> None:
    assert summary("<p></p>" * 2000 + WORDS).startswith("word after")
    assert summary("&nbsp;" * 1000 + WORDS).startswith("word after")
    assert summary('<img src="data:' + "x" * 20_000 + f'">{WORDS}').startswith("word after")


def test_markup_without_end_is_given_up() -> None:
    assert summary("<br>" * 100_000 + "late") == ""
    assert summary('<a href="' + "x" * 1_000_000) == ""


def test_an_entity_is_never_cut_in_two() -> None:
    for blanks in range(LENGTH * 4):
        found = summary("a" + " " * blanks + "&hellip;" * 400)
        assert "&" not in found


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


tags = st.sampled_from(["<p>", "</p>", "<em>", "</em>", '<a href="x>y">', "</a>", "<br>", "<img alt='<'>"])
texts = st.text(st.sampled_from("ab &<>\"'=\n\xa0é政"), max_size=12)


@untimed
@given(st.lists(tags | texts.map(_html), max_size=60).map("".join))
def test_a_summary_is_no_markup_and_bounded(html: str) -> None:
    found = summary(html)
    assert len(found) <= LENGTH + 1
    assert found == " ".join(found.split())
    # All that is left is text: take the tags away by hand and compare.
    plain = html
    for tag in ("<p>", "</p>", "<br>", "<img alt='<'>"):
        plain = plain.replace(tag, " ")
    for tag in ("<em>", "</em>", '<a href="x>y">', "</a>"):
        plain = plain.replace(tag, "")
    for written, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        plain = plain.replace(written, character)
    assert " ".join(plain.split()).startswith(found.removesuffix("…"))


@untimed
@given(st.text(st.characters(exclude_categories=[])))
def test_no_text_is_too_odd(text: str) -> None:
    assert len(summary(text)) <= LENGTH + 1
