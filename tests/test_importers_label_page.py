"""Label pages saved as text and as HTML: every post whole, nobody else's text, ids that stay."""

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from database import Database
from posts.blog import create_blog
from posts.importers import ImporterError
from posts.importers.date_headings import find_date_headings, parse_date_heading
from posts.importers.dates import at, midday
from posts.importers.label_text import label_of
from posts.intake import store_posts
from posts.model import SkippedPost, SourcePost
from posts.store import list_posts
from tests.examples import often
from tests.importing import SAMPLES, posts, read, written

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SEED_TITLES = [
    "Former US officials speak at radical anti-Iran forum",
    "Report claim Israel supports terror group in killing of Iranian scientists",
    "U.S. not happy Iraq terrorist camp being closed!",
    "US chauffeurs some terrorist leaders in Iraq",
]


def words(post: SourcePost) -> str:
    """A post's text, white space collapsed."""
    return " ".join(html.fragment_fromstring(post.html, create_parent=True).text_content().split())


def page(*lines: str, label: str = "X") -> str:
    return "\n".join([f"Showing posts with label {label}. Show all posts", "", *lines, ""])


def test_the_seed_holds_four_posts_with_their_titles_days_and_label(seed_page: Path) -> None:
    found = posts(seed_page)
    assert [post.title for post in found] == SEED_TITLES
    days = ["2020-11-13", "2012-02-09", "2009-07-31", "2007-03-14"]
    assert [f"{post.published:%Y-%m-%d}" for post in found] == days
    assert {post.labels for post in found} == {("MEK",)}


def test_each_post_of_the_seed_is_whole_and_holds_nobody_elses_text(seed_page: Path) -> None:
    text = seed_page.read_text(encoding="utf-8")
    starts = [text.index(title) for title in SEED_TITLES]
    teaser = text.index("US will bank Tik Tok")
    dates = [match.start() for match in re.finditer(r"^\w+day, \w+ \d+, \d{4}$", text, re.MULTILINE)]
    for post, start, end in zip(posts(seed_page), starts, [*dates[1:], teaser], strict=True):
        body = " ".join(text[start:end].split())
        assert f"{post.title} {words(post)}" == body


def test_the_seeds_teaser_is_no_post_and_that_is_noted(seed_page: Path) -> None:
    *others, last = posts(seed_page)
    assert not any(post.notes for post in others)
    assert "“US will bank Tik Tok unless it sells off its US operations”" in last.notes[0]
    assert "Mnuchin" not in "".join(post.html for post in [*others, last])


def test_the_seed_imported_twice_is_four_new_then_four_unchanged(database: Database, seed_page: Path) -> None:
    with database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
    first = store_posts(database, read(seed_page), now=NOW)
    again = store_posts(database, read(seed_page), now=NOW + timedelta(days=1))
    assert (first.new, first.updated, first.unchanged, first.skipped) == (4, 0, 0, ())
    assert (again.new, again.updated, again.unchanged, again.skipped) == (0, 0, 4, ())


def test_a_page_as_text_is_read_with_footers_quotes_and_teaser() -> None:
    stray, *rest = read(SAMPLES / "label-page.txt")
    found = [item for item in [stray, *rest] if isinstance(item, SourcePost)]
    assert [post.title for post in found] == [
        "The spring tide came in at noon",
        "A second walk",
        "An old article",
        "Neap tide",
    ]
    assert found[0].labels == ("Tides & Currents", "Harbour")
    assert [post.authors for post in found] == [("Ada",), ("Bo",), (), ()]
    assert found[0].published == datetime(2015, 6, 6, 21, 15, tzinfo=UTC)
    assert found[0].html.endswith('<p>We measured 5 &lt; 6 metres, &amp; noted "nothing".</p>')
    assert (
        "<br>\nBy a harbour master who should know<br>\nSaturday, June 6, 2015; page 3</p>" in found[0].html
    )
    assert words(found[2]).endswith("Thursday, May 7, 1998 The wall will hold, says the engineer.")
    assert words(found[3]) == "Nothing to see, and we saw it."
    assert "Boats of the week" in found[3].notes[0]


def test_days_are_those_of_the_blogs_timezone_and_ids_are_not() -> None:
    here = posts(SAMPLES / "label-page.txt")
    there = posts(SAMPLES / "label-page.txt", timezone=ZoneInfo("America/Regina"))
    assert there[2].published == datetime(2015, 5, 5, 18, tzinfo=UTC)
    assert there[0].published == datetime(2015, 6, 7, 3, 15, tzinfo=UTC)
    assert [post.uri for post in here] == [post.uri for post in there]
    assert len({post.uri for post in here}) == 4


def test_the_pages_of_two_labels_give_a_post_one_id(tmp_path: Path) -> None:
    body = ("Friday, May 1, 2020", "", "One title", "", "Text.")
    one = posts(written(tmp_path, "a.txt", page(*body, label="A")))
    two = posts(written(tmp_path, "b.txt", page(*body, label="B")))
    assert [post.uri for post in one] == [post.uri for post in two]


def test_posts_of_a_day_keep_the_pages_order_a_minute_apart_around_noon(tmp_path: Path) -> None:
    lines = ["Friday, May 1, 2020", ""]
    for title in ("Newest", "Middle", "Oldest"):
        lines += [title, "", "Text.", "", "No comments:", "Labels: X", ""]
    found = posts(written(tmp_path, "a.txt", page(*lines)))
    assert [(post.title, f"{post.published:%d %H:%M}") for post in found] == [
        ("Newest", "01 12:00"),
        ("Middle", "01 11:59"),
        ("Oldest", "01 11:58"),
    ]


def test_a_post_without_a_time_comes_before_the_one_above_it_that_has_one(tmp_path: Path) -> None:
    lines = ["Friday, May 1, 2020", "", "Early", "", "Text.", "", "Posted by A at 7:30 AM", "Labels: X", ""]
    found = posts(written(tmp_path, "a.txt", page(*lines, "Below it", "", "Text.")))
    assert [f"{post.published:%d %H:%M}" for post in found] == ["01 07:30", "01 07:29"]


@given(st.dates(), st.integers(0, 2000), st.sampled_from(["UTC", "Asia/Kolkata", "Pacific/Apia"]))
@settings(max_examples=often(60), deadline=None)
def test_however_many_posts_a_day_has_none_leaves_it(day: date, number: int, zone: str) -> None:
    place = ZoneInfo(zone)
    first = found = midday(day, place, above=None)
    for _ in range(number):
        below = midday(day, place, above=found)
        assert below < found or below == at(day, time(), place)
        found = below
    assert first - found == min(timedelta(minutes=number), first - at(day, time(), place))


def test_the_pages_of_two_labels_give_a_post_both(database: Database, tmp_path: Path) -> None:
    shared = ("Friday, May 1, 2020", "", "Shared", "", "Text.")
    above = (*shared[:2], "Newer", "", "x", "", "Posted by A at 12:00", "Labels: A", "")
    one = written(tmp_path, "a.txt", page(*above, *shared[2:], label="A"))
    two = written(tmp_path, "b.txt", page(*shared, label="B"))
    with database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
    store_posts(database, read(one), now=NOW)
    second = store_posts(database, read(two), now=NOW)
    again = store_posts(database, [*read(one), *read(two)], now=NOW)
    with database.read() as connection:
        newer, post = list_posts(connection)
    assert (post.title, post.labels) == ("Shared", ("A", "B"))
    # At 11:59 on the one page and at 12:00 on the other: what was stored first stays, and the order with it.
    assert f"{newer.published:%H:%M} {post.published:%H:%M}" == "12:00 11:59"
    assert (second.new, second.updated, second.unchanged) == (0, 1, 0)
    assert (again.new, again.updated, again.unchanged, again.skipped) == (0, 0, 2, ())


def test_two_posts_of_a_day_with_one_title_are_two_posts(tmp_path: Path) -> None:
    lines = ["Friday, May 1, 2020", ""]
    for text in ("First.", "Second."):
        lines += ["Links", "", text, "", "Posted by A at 1:00 AM No comments:", "Labels: X", ""]
    found = posts(written(tmp_path, "a.txt", page(*lines)))
    assert [words(post) for post in found] == ["First.", "Second."]
    assert found[0].uri != found[1].uri


def test_pages_below_one_another_are_read_each_with_its_label(tmp_path: Path) -> None:
    both = page("May 1, 2020", "", "One", "", "a", label="A") + page(
        "May 2, 2020", "", "Two", "", "b", label="B"
    )
    found = posts(written(tmp_path, "both.txt", both))
    assert [(post.title, post.labels) for post in found] == [("One", ("A",)), ("Two", ("B",))]


def test_a_post_that_itself_ends_in_dots_is_kept(tmp_path: Path) -> None:
    found = posts(written(tmp_path, "a.txt", page("May 1, 2020", "", "Title", "", "And so on ...")))
    assert [words(post) for post in found] == ["And so on ..."]
    assert found[0].notes == ()


def test_a_first_line_too_long_for_a_title_is_text(tmp_path: Path) -> None:
    found = posts(written(tmp_path, "a.txt", page("May 1, 2020", "", "word " * 80, "", "More.")))
    assert found[0].title is None
    assert words(found[0]) == " ".join(["word"] * 80) + " More."


def test_text_above_the_first_heading_is_listed(tmp_path: Path) -> None:
    found = read(written(tmp_path, "a.txt", page("Hello there", "", "May 1, 2020", "", "Title", "", "Text.")))
    assert found[0] == SkippedPost(
        id="Hello there", reason="text above the first date heading belongs to no post", where="line 3"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_page_is_read_in_the_encodings_that_people_save_in(tmp_path: Path, encoding: str, end: str) -> None:
    text = page("May 1, 2020", "", "Café “open”", "", "Olé.").replace("\n", end)
    found = posts(written(tmp_path, "a.txt", text.encode(encoding)), form="label-page")
    assert [(post.title, post.html) for post in found] == [("Café “open”", "<p>Olé.</p>")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Hello\n\nFriday, May 1, 2020\n\nTitle\n", "no line says “Showing posts with label …”"),
        ("Showing posts with label X. Show all posts\n\nTitle\n\nText.\n", "no date heading"),
        ("Showing posts with label X. Show all posts\x00\x00", "is no text"),
    ],
)
def test_what_is_no_label_page_is_refused_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ImporterError, match=reason) as refused:
        read(written(tmp_path, "a.txt", text), form="label-page")
    assert "\n" not in str(refused.value)
    assert "a.txt" in str(refused.value)


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("Showing posts with label MEK. Show all posts", "MEK"),
        ("Showing posts with label U.S. politics. Show all posts", "U.S. politics"),
        ("Showing posts with label U.S.. Show all posts", "U.S."),
        ("Showing posts with label “Café”. Show all posts", "Café"),
        ("Showing posts with the label 'C++'. Show all", "C++"),
        ("  Showing posts with label 政治 . Show all posts ", "政治"),
        ("Showing posts with label Plain", "Plain"),
        ("Showing posts", ""),
        ("We are Showing posts with label X. Show all posts", ""),
    ],
)
def test_the_label_is_told_by_the_pages_line(line: str, label: str) -> None:
    assert label_of(line) == label


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("Friday, November 13, 2020", date(2020, 11, 13)),
        ("  Friday,  November 13, 2020 ", date(2020, 11, 13)),
        ("Fri, Nov 13, 2020", date(2020, 11, 13)),
        ("Friday, 13 November 2020", date(2020, 11, 13)),
        ("13 November 2020", date(2020, 11, 13)),
        ("November 13, 2020", date(2020, 11, 13)),
        ("2020-11-13", date(2020, 11, 13)),
        ("2020/11/13", date(2020, 11, 13)),
        ("Thursday, November 13, 2020", None),
        ("Wednesday, March 14, 2007; A10", None),
        ("Friday, Smarch 13, 2020", None),
        ("February 30, 2020", None),
        ("On Friday, November 13, 2020", None),
        ("11/13/2020", None),
    ],
)
def test_a_date_heading_is_a_date_as_blogger_writes_it_and_no_more(line: str, day: date | None) -> None:
    found = parse_date_heading(line)
    assert (found.day if found else None) == day


def test_a_date_that_lies_ahead_or_breaks_the_order_is_quoted() -> None:
    lines = [
        "May 9, 2020",
        "",
        "May 7, 2021",
        "",
        "May 1, 1999",
        "",
        "May 8, 2020",
        "",
        "May 7, 2020",
        "",
        "x",
    ]
    assert [heading.day for heading in find_date_headings(lines)] == [
        date(2020, 5, 9),
        date(2020, 5, 8),
        date(2020, 5, 7),
    ]


@given(st.sets(st.dates(date(1999, 1, 1), date(2030, 1, 1)), min_size=1, max_size=30), st.data())
@settings(max_examples=often(60), deadline=None)
def test_headings_are_found_whatever_one_post_quotes(days: set[date], data: st.DataObject) -> None:
    real = sorted(days, reverse=True)
    quoting = data.draw(st.integers(0, len(real) - 1))
    quoted = data.draw(st.dates(date(1990, 1, 1), real[-1]))
    lines: list[str] = []
    for number, day in enumerate(real):
        lines += [f"{day:%A, %B} {day.day}, {day.year}", "", f"Title {number}", "", "Text."]
        # Below the last heading an older date alone on its line could be a heading.
        if number == quoting and number < len(real) - 1:
            lines += ["", f"{quoted:%A, %B} {quoted.day}, {quoted.year}", "", "Quoted."]
        lines.append("")
    found = [heading.day for heading in find_date_headings(lines)]
    assert found[: len(real) - 1] == real[:-1]
    assert len(found) == len(real)


def test_a_page_as_html_keeps_links_ids_labels_and_exact_times() -> None:
    found = read(SAMPLES / "label-page.html")
    first, second, third, teaser = found
    assert isinstance(first, SourcePost)
    assert first.uri == "tag:blogger.com,1999:blog-4400112233445566778.post-8800112233445566001"
    assert first.url == "https://harbour.example/2015/06/spring-tide.html"
    assert first.title == "The spring tide & the wall"
    assert first.published == datetime(2015, 6, 6, 19, 15, tzinfo=UTC)
    assert first.labels == ("Tides & Currents", "Harbour")
    assert first.authors == ("Ada",)
    assert first.html == 'It reached the <b>third</b> step.<br><a href="/2014/old.html">As before</a>.'
    assert isinstance(second, SourcePost)
    assert second.published == datetime(2015, 6, 6, 12, tzinfo=UTC)
    assert "read more" in second.notes[0]
    assert isinstance(third, SourcePost)
    assert (third.url, third.published) == (None, datetime(2015, 5, 5, 12, tzinfo=UTC))
    assert third.uri is not None
    assert third.uri.startswith("urn:uuid:")
    assert isinstance(teaser, SkippedPost)
    assert teaser.id == "https://harbour.example/2015/05/teaser.html"


def test_html_that_is_no_page_of_bloggers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImporterError, match="holds no posts"):
        read(written(tmp_path, "a.html", "<html><body><p>Hello</p></body></html>"), form="label-page")
