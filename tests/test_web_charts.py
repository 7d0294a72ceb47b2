"""Charts: whatever the numbers are, a picture that is well formed, inside its box, and told in words too."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.feeds_blog import FeedsBlog
from tests.readers_audience import NOW, Audience
from tests.web_client import ENVIRONMENT
from web.admin.charts import HIGH, LINES, WIDE, Chart, Series, axis, bars, curves, nice_step, shares
from web.operations.figures import Figures, history, newest

FIRST = date(2025, 12, 30)
SVG = "{http://www.w3.org/2000/svg}"
DAYS = st.dictionaries(
    st.integers(0, 800).map(lambda back: FIRST + timedelta(days=back)), st.integers(0, 10**15), max_size=12
)
MANY = st.lists(DAYS, min_size=1, max_size=4).map(
    lambda found: [Series(f"<s&{number}>", f"c{number + 1}", days) for number, days in enumerate(found)]
)


def drawn(chart: Chart) -> str:
    source = '{% from "page/admin/charts.html" import chart with context %}{{ chart(its) }}'
    template = ENVIRONMENT.from_string(source)
    # From a string nothing is escaped by itself; the template of the macro is a file of its own.
    return template.render(its=chart, root="..")


def picture(chart: Chart) -> Any:
    """The picture's root, read as the XML that it is."""
    text = drawn(chart)
    begin = text.index("<svg class")
    return etree.fromstring(text[begin : text.rindex("</svg>", 0, text.index("<ul")) + 6])


@given(st.integers(-5, 10**18))
def test_an_axis_reaches_the_largest_number_in_a_few_round_steps(most: int) -> None:
    top, lines = axis(most)
    assert top >= most
    assert top == nice_step(most) * (len(lines) - 1)
    assert 2 <= len(lines) <= LINES + 1
    assert str(nice_step(most)).rstrip("0") in {"1", "2", "5"}
    assert [line.y for line in lines] == sorted((line.y for line in lines), reverse=True)
    assert (lines[0].y, lines[-1].y) == (HIGH, 0)


@given(MANY, st.sampled_from([bars, curves]))
def test_every_mark_is_inside_its_box(series: list[Series], draw: Any) -> None:
    chart = draw("its", "A <title> & more", series)
    if not chart.days:
        assert "There are no figures yet" in drawn(chart)
        return
    root = picture(chart)
    for rect in root.iter(f"{SVG}rect"):
        x, y, width, height = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + width <= WIDE + 0.01
        assert 0 <= y <= y + height <= HIGH + 0.01
    for path in root.iter(f"{SVG}path"):
        for point in path.get("d").replace("M", "").split("L"):
            x, y = (float(number) for number in point.split()[:2])
            assert 0 <= x <= WIDE
            assert 0 <= y <= HIGH
    for text in root.iter(f"{SVG}text"):
        assert 0 <= float(text.get("x").rstrip("%")) <= 100
    assert not {"nan", "inf", "-inf"} & set(etree.tostring(root, encoding=str).lower().split('"'))


@given(MANY)
def test_parts_of_a_bar_stand_on_each_other_and_add_up(series: list[Series]) -> None:
    chart = bars("its", "Mails", series)
    sums = [sum(one.numbers.get(day, 0) for one in series) for day in chart.days]
    top, _ = axis(max(sums, default=0))
    for bar, total in zip(chart.bars, sums, strict=True):
        assert sum(part.height for part in bar.parts) == pytest.approx(HIGH * total / top, abs=0.1)
        for above, below in zip(bar.parts[1:], bar.parts, strict=False):
            assert above.y + above.height == pytest.approx(below.y, abs=0.02)


def test_a_picture_is_told_in_words_and_as_a_table() -> None:
    days = {FIRST + timedelta(days=day): 10 * day for day in range(3)}
    chart = bars("mails", "Mails a day", [Series("sent", "c1", days)])
    root = picture(chart)
    told = {one.get("id"): one.text for one in root if one.get("id")}
    assert root.get("role") == "img"
    assert [told[name] for name in root.get("aria-labelledby").split()] == [
        "Mails a day",
        "From 30 Dec 2025 to 1 Jan 2026: 30 in all, at most 20 on a day.",
    ]
    assert chart.rows == [(FIRST + timedelta(days=2), [20]), (FIRST + timedelta(days=1), [10]), (FIRST, [0])]
    assert "Figures begin on 30 December 2025." in drawn(chart)


def test_a_day_that_nobody_counted_breaks_a_line() -> None:
    days = {FIRST + timedelta(days=day): 5 for day in (0, 1, 3, 5, 6)}
    (curve,) = curves("its", "Readers", [Series("confirmed", "c1", days)]).curves
    assert curve.path.count("M") == 2
    assert len(curve.dots) == 1
    (alone,) = curves("its", "Readers", [Series("confirmed", "c1", {FIRST: 5})]).curves
    assert (alone.path, [x for x, _ in alone.dots]) == ("", [WIDE / 2])


def test_names_of_series_are_no_markup() -> None:
    text = drawn(bars("its", "</svg><script>", [Series("<script>", "c1", {FIRST: 1})]))
    assert "<script" not in text


@given(st.lists(st.tuples(st.text(), st.integers(0, 10**12)), max_size=5))
def test_shares_fill_their_place_and_no_more(numbers: list[tuple[str, int]]) -> None:
    found = shares(numbers)
    assert [(name, number) for name, number, _ in found] == numbers
    assert all(0 <= width <= WIDE for _, _, width in found)
    if any(number for _, number in numbers):
        assert max(width for _, _, width in found) == WIDE


@pytest.fixture
def audience(feed_blog: FeedsBlog) -> Audience:
    """Readers of two digests, on either database."""
    made = Audience(feed_blog)
    made.digest()
    made.digest("daily")
    return made


def test_figures_are_counted_and_counted_again_while_they_may_change(audience: Audience) -> None:
    anna = audience.reader("anna@example.org", "weekly", labels=["iran", "mek"])
    bert = audience.reader("bert@example.org", "weekly", "daily", labels=["mek"])
    audience.reader("carl@example.org", "weekly", state="pending")
    audience.reader("dora@example.org", "daily", labels=["mek"])
    old = audience.edition(at=NOW - timedelta(days=30))
    new = audience.edition(at=NOW)
    audience.edition(at=NOW, reason="nothing_new", message=None, readers=3)
    audience.mail(old, anna)
    audience.mail(new, anna, "queued")
    audience.mail(new, bert, "failed", "550 no")
    figures = Figures(audience.database)
    assert figures.is_due(NOW)
    figures.count(NOW)
    today, since = NOW.date(), NOW.date() - timedelta(days=60)
    with audience.database.read() as connection:
        mails = {one.day: dict(one.numbers) for one in history(connection, "mails", since=since)}
        (readers,) = history(connection, "readers", since=since)
        chosen = newest(connection, "chosen", limit=1)
    assert mails[today] == {"queued": 1, "failed": 1, "sent": 0}
    assert mails[today - timedelta(days=30)] == {"sent": 1}
    # Nothing was mailed between, and that is known; of the days before nobody knows.
    assert mails[today - timedelta(days=7)] == {"sent": 0}
    assert min(mails) == today - timedelta(days=30)
    assert (readers.day, dict(readers.numbers)) == (
        today,
        {"confirmed": 3, "pending": 1, "suppressed": 0, "erased": 0},
    )
    assert chosen == (today, [("mek", 4)])
    with audience.database.write() as connection:
        connection.exec_driver_sql("UPDATE delivery SET state = 'sent' WHERE state = 'queued'")
    assert not figures.is_due(NOW + timedelta(minutes=59))
    assert figures.is_due(NOW + timedelta(minutes=60))
    figures.count(NOW + timedelta(minutes=60))
    with audience.database.read() as connection:
        assert history(connection, "mails", since=today)[0].numbers == {"sent": 1, "failed": 1}
    assert figures.is_due(NOW + timedelta(days=1))


def test_several_processes_may_count_at_once(audience: Audience) -> None:
    audience.reader("anna@example.org", "weekly", labels=["mek"])
    begin = Barrier(4)

    def count(_number: int) -> None:
        begin.wait()
        Figures(audience.database).count(NOW)

    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            assert list(threads.map(count, range(4))) == [None] * 4
    with audience.database.read() as connection:
        (readers,) = history(connection, "readers", since=NOW.date())
    assert readers.numbers["confirmed"] == 1
