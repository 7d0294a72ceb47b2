"""The templates' environment and filters: text made of HTML, wrapping, excerpts, dates, and the sandbox."""

import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader, UndefinedError
from jinja2.exceptions import SecurityError

from templates import environment, excerpt, shorten, to_text, wrap
from templates.environment import count, day, iso, segment, weekday
from templates.wrapping import columns


def test_html_becomes_text_with_lists_quotes_code_and_numbered_links() -> None:
    text = to_text(
        "<h2>Roads</h2><p>See <a href='https://a.example/x'>the\n map</a> &amp; <b>more</b>.<br>Bye</p>"
        "<ul><li>one<ol start=9><li>nine</li><li>ten</li></ol></li><li>two</li></ul>tail"
        "<blockquote><p>said</p><p>again <a href='https://a.example/x'>there</a></p></blockquote><p>on</p>"
        "<pre>a\n  b</pre><table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>"
        "<dl><dt>term</dt><dd>meaning</dd></dl><hr><img src=x alt='A  hill'><script>no()</script>"
        "<a href='mailto:a@b.example?subject=x'>write</a> <a href='https://a.example/'>a.example</a>"
    )
    assert text == (
        "Roads\n\nSee the map [1] & more.\nBye\n\n* one\n  9. nine\n  10. ten\n* two\n\ntail\n\n"
        "> said\n>\n> again there [1]\n\non\n\n    a\n      b\n\nA | B\n1 | 2\n\nterm\n  meaning\n\n* * *\n\n"
        "[A hill]write (a@b.example) a.example\n\n[1] https://a.example/x"
    )


@pytest.mark.parametrize("nothing", ["", " \n ", "<!-- a -->", "<p></p>", "<script>x</script>"])
def test_html_without_words_becomes_no_text(nothing: str) -> None:
    assert to_text(nothing).strip() == ""
    assert excerpt(nothing) == ""


def test_html_nested_deeper_than_the_stack_still_becomes_text() -> None:
    assert "end" in to_text("<div>" * 200 + "<blockquote>" * 5 + "end")
    to_text("<ul><li>" * 50_000)


@settings(deadline=None)
@given(st.text(st.sampled_from("ab <>/&;pliu=\"'\n\x00é政"), max_size=200))
def test_any_markup_at_all_becomes_lines_without_white_space_at_their_ends(source: str) -> None:
    for line in to_text(source).splitlines():
        assert line == line.rstrip()


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])), st.integers(4, 80))
def test_wrapping_loses_nothing_and_keeps_the_width(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join("".join(lines).split(" ")) == "".join(text.split(" "))
    for line in lines:
        assert columns(line) <= width or " " not in line.strip(" ")


def test_chinese_breaks_between_characters_and_not_before_a_full_stop() -> None:
    assert wrap("政治。" * 4, 8, first="* ", rest="  ") == ["* 政治。", "  政治。", "  政治。", "  政治。"]
    assert columns("政治") == 4
    assert columns(unicodedata.normalize("NFD", "é")) == 1


@pytest.mark.parametrize(
    "whole", ["👩\u200d👩\u200d👧", "👍🏽", "❤\ufe0f\u200d🔥", "か\u3099", "「政", "治。"]
)
@pytest.mark.parametrize("width", [9, 10, 11])
def test_no_line_breaks_inside_an_emoji_or_between_a_mark_and_what_it_belongs_to(
    whole: str, width: int
) -> None:
    lines = wrap(whole * 20, width)
    assert len(lines) > 3
    assert {line.replace(whole, "") for line in lines} == {""}


def test_an_excerpt_ends_with_a_sentence_where_one_ends_late() -> None:
    html = "<h1>Heading</h1><p>" + "Seven words make up this one sentence. " * 20 + "</p>"
    cut = excerpt(html, 60)
    assert cut.endswith("sentence. …")
    assert len(cut.split()) <= 61
    assert "Heading" not in cut


def test_an_excerpt_without_a_sentence_ends_between_words() -> None:
    cut = excerpt("<p>" + "lorem ipsum, dolor " * 60 + "</p>", 10)
    assert cut == "lorem ipsum, dolor lorem ipsum, dolor lorem ipsum, dolor lorem…"


def test_a_short_post_is_its_own_excerpt() -> None:
    assert excerpt("<p>All of it.</p><p>Here.</p>") == "All of it. Here."
    assert excerpt("<h2>Only a heading</h2>") == "Only a heading"


@given(st.text(), st.integers(2, 100))
def test_shortened_text_is_never_over_its_length(text: str, length: int) -> None:
    short = shorten(text, length)
    assert len(short) <= length
    assert short == " ".join(text.split()) or short.endswith("…")


def test_dates_are_told_in_the_timezone_asked_for_and_in_no_locale() -> None:
    moment = datetime(2026, 11, 9, 2, 30, tzinfo=UTC)
    assert day(moment) == "9 November 2026"
    assert weekday(moment, "America/Regina") == "Sunday, 8 November 2026"
    assert iso(moment, "America/Regina") == "2026-11-08T20:30:00-06:00"


def test_counts_agree_with_their_noun() -> None:
    assert [count(n, "post") for n in (0, 1, 1204)] == ["0 posts", "1 post", "1,204 posts"]
    assert count(2, "reply", "replies") == "2 replies"


def test_a_segment_of_a_url_holds_no_slash_and_no_question_mark() -> None:
    assert segment("a/b?c d+政") == "a%2Fb%3Fc%20d%2B%E6%94%BF"


def test_html_templates_escape_and_text_templates_do_not() -> None:
    files = {"a.html": "{{ '<b>' }}", "a.txt": "{{ '<b>' }}"}
    made = environment().overlay(loader=DictLoader(files))
    assert made.get_template("a.html").render() == "&lt;b&gt;"
    assert made.get_template("a.txt").render() == "<b>"


def test_an_undefined_name_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ nobody }}").render()


@pytest.mark.parametrize(
    "source", ["{{ ''.__class__.__mro__ }}", "{{ posts.append(1) }}", "{{ count.__globals__ }}"]
)
def test_the_sandbox_lets_a_template_reach_nothing_but_its_data(source: str, tmp_path: Path) -> None:
    with pytest.raises(SecurityError):
        environment(tmp_path).from_string(source).render(posts=[])


def test_every_template_compiles() -> None:
    made = environment()
    names = made.list_templates(extensions=["html", "txt", "css"])
    assert "email/digest/body.html" in names
    for name in names:
        made.get_template(name)
