"""Digests' past editions on the web: listed once, shown as they were mailed, and followed as a feed."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from sqlalchemy import update

from digests.model import Digest, edition
from digests.past import Candidate, tiled
from digests.store import add_digest, find_digest, update_digest
from posts.model import PostState
from posts.model import post as post_table
from posts.overriding import hide, show
from posts.privacy import set_private_rule
from posts.rules import parse
from tests.examples import often
from tests.feeds_blog import FeedsBlog
from tests.mailed_digests import MONDAY, NOW, WEEK, Reading, add_edition, message, reading
from tests.web_client import open_client, tree
from web.digests.around import page_of, put_around

DAY = timedelta(days=1)
ADDRESSES = ("/digests", "/digests/weekly", "/digests/weekly/1", "/digests/weekly.atom")
CADENCES = ("instant", "daily", "weekly", "monthly")
HOSTILE = (
    "<script>alert(1)</script><h1 onclick='alert(2)'>News</h1><form action='https://evil.example'></form>"
    "<iframe src='https://evil.example'></iframe><img src='https://pictures.example/a.png'>"
)


@pytest.fixture
def archive(sqlite_feed_blog: FeedsBlog) -> Reading:
    """A blog with three posts and the digest ``weekly``."""
    sqlite_feed_blog.store_all([])
    for number in range(1, 4):
        sqlite_feed_blog.store(number, "MEK" if number < 3 else "Iran")
    return reading(sqlite_feed_blog)


def weekly(archive: Reading) -> Digest:
    with archive.database.read() as connection:
        found = find_digest(connection, "weekly")
    assert found is not None
    return found


def mail(archive: Reading, end: datetime = MONDAY, **values: Any) -> int:
    its = weekly(archive)
    with archive.database.write() as connection:
        return add_edition(connection, its, end, **values)


def listed(archive: Reading, query: str = "") -> list[str]:
    page = archive.client.get(f"/digests/weekly{query}")
    assert page.status_code == 200
    found: list[str] = tree(page.text).xpath("//ul[@class='editions']/li/a[@class='name']/@href")
    return found


def test_the_digests_are_listed_and_linked_from_the_front_page(archive: Reading) -> None:
    (link_,) = tree(archive.client.get("/digests").text).xpath("//ul[@class='editions']/li/a")
    assert (link_.text, link_.get("href")) == ("The week", "./digests/weekly")
    assert "weekly, Monday 08:00 UTC" in archive.client.get("/digests").text
    assert 'href="./digests/weekly"' in archive.client.get("/").text


def test_without_digests_nothing_leads_there(sqlite_feed_blog: FeedsBlog) -> None:
    client = open_client(sqlite_feed_blog)
    assert "digests" not in client.get("/").text
    assert "Nothing is sent by email yet." in client.get("/digests").text
    for address in ("/digests/weekly", "/digests/weekly.atom", "/digests/weekly/1"):
        assert client.get(address).status_code == 404


def test_past_editions_stand_newest_first_by_25(archive: Reading) -> None:
    numbers = [mail(archive, MONDAY + WEEK * week) for week in range(27)]
    first = listed(archive)
    assert first == [f"../digests/weekly/{number}" for number in reversed(numbers[2:])]
    older = f"?before={numbers[2]}"
    assert listed(archive, older) == [f"../digests/weekly/{number}" for number in (numbers[1], numbers[0])]
    page = tree(archive.client.get("/digests/weekly").text)
    assert page.xpath("string(//a[@rel='next']/@href)") == f"../digests/weekly{older}"
    back = tree(archive.client.get(f"/digests/weekly{older}").text)
    assert back.xpath("string(//a[@rel='prev']/@href)") == "../digests/weekly"
    assert back.xpath("string(//title)") == "The week, 2 November 2026 – 9 November 2026 · The Blog"
    assert page.xpath("//link[@rel='alternate'][contains(@href, 'weekly.atom')]/@type") == [
        "application/atom+xml"
    ]
    assert "News of 2026-11-02" in archive.client.get(f"/digests/weekly{older}").text
    # A page stays what it is when another edition comes.
    mail(archive, MONDAY + 27 * WEEK)
    assert len(listed(archive, older)) == 2
    for wrong in (numbers[0], "99", "0", "-1", "x", "", "9" * 30):
        assert archive.client.get(f"/digests/weekly?before={wrong}").status_code == 404


@given(total=st.integers(0, 90), size=st.integers(1, 30))
def test_every_edition_stands_on_one_page_and_the_pages_lead_to_each_other(total: int, size: int) -> None:
    numbers = [7 * number for number in range(total, 0, -1)]
    cursor: int | None = None
    seen: list[int] = []
    way: list[int | None] = []
    while True:
        page = page_of(numbers, cursor, size)
        assert page is not None
        begin, newer, older = page
        seen += numbers[begin : begin + size]
        assert newer == (None if not way else way[-1] or 0)
        if older is None:
            break
        way.append(cursor)
        cursor = older
    assert seen == numbers


def test_an_edition_leads_to_its_neighbours_and_to_its_posts(archive: Reading) -> None:
    first, last = mail(archive, posts=[1]), mail(archive, MONDAY + 2 * WEEK)
    other = mail(archive, MONDAY, labels="mek")
    middle = mail(archive, MONDAY + WEEK, posts=[2, 3], html="<h1>Late</h1>")
    archive.blog.store(3, "Iran", state=PostState.DELETED)
    page = tree(archive.client.get(f"/digests/weekly/{middle}").text)
    for which, to in (("prev", last), ("next", first)):
        assert set(page.xpath(f"//a[@rel='{which}']/@href")) == {f"../../digests/weekly/{to}"}
    assert page.xpath("//details//a/text()") == ["Post 2"]
    assert page.xpath("string(//title)") == "News of 2026-11-09 · 9 November 2026 · The Blog"
    ends = tree(archive.client.get(f"/digests/weekly/{first}").text)
    assert (ends.xpath("//a[@rel='next']"), len(ends.xpath("//a[@rel='prev']"))) == ([], 2)
    # One that is not listed has none: it is one reader's kind.
    assert not tree(archive.client.get(f"/digests/weekly/{other}").text).xpath("//a[@rel]")


@pytest.mark.parametrize(
    "mail",
    [
        "<!doctype html><html><head><title>Old</title></head><body class='x'><p>In</p></body></html>",
        "<!DOCTYPE html><html><body><p>In</p></body></html>",
        "<p>In</p>",
        "<body><p>In",
        "<head></head><p>In</p>",
        "<HTML><HEAD></HEAD><BODY>a</body><p>In</p></BODY></HTML>",
    ],
)
def test_a_bar_stands_around_whatever_a_template_made(mail: str) -> None:
    made = put_around(
        mail, title="A &amp; B", head="<style>x</style>", above="<i>top</i>", below="<i>end</i>"
    )
    page = tree(made)
    assert page.xpath("//title/text()") == ["A & B"]
    assert page.xpath("//i/text()") == ["top", "end"]
    assert page.xpath("//style/text()") == ["x"]
    assert "In" in page.xpath("string(//p)")
    assert made.index("top") < made.index("In") < made.index("end")
    assert "Old" not in made
    assert made.lower().startswith("<!doctype") == mail.lower().startswith("<!doctype")


def test_of_each_week_one_edition_is_listed_whoever_chose_what(archive: Reading) -> None:
    own = mail(archive)
    others = [
        mail(archive, labels="mek"),
        mail(archive, html=None),
        mail(archive, language="de"),
        mail(archive, content="summary"),
        mail(archive, MONDAY - timedelta(hours=8)),
        mail(archive, MONDAY - DAY, start=MONDAY - 2 * DAY),
        mail(archive, MONDAY, start=MONDAY - 2 * DAY),
    ]
    assert listed(archive) == [f"../digests/weekly/{own}"]
    for number in others:
        answer = archive.client.get(f"/digests/weekly/{number}")
        assert (answer.status_code, answer.headers["x-robots-tag"]) == (200, "noindex")
    assert "x-robots-tag" not in archive.client.get(f"/digests/weekly/{own}").headers


def test_what_was_not_mailed_is_not_there(archive: Reading) -> None:
    numbers = [
        mail(archive, mailed=False),
        mail(archive, MONDAY + WEEK, reason="nothing_new"),
        mail(archive, MONDAY + 2 * WEEK, mailed=False, reason="too_few"),
    ]
    for wrong in (*numbers, 99, "x", "01", "9" * 30):
        assert archive.client.get(f"/digests/weekly/{wrong}").status_code == 404
    assert listed(archive) == []
    assert "No editions yet." in archive.client.get("/digests/weekly").text


def test_an_edition_is_of_its_own_digest_only(archive: Reading) -> None:
    number = mail(archive)
    with archive.database.write() as connection:
        add_digest(connection, "other", rule="all", now=NOW)
    assert archive.client.get(f"/digests/other/{number}").status_code == 404


def test_an_edition_is_shown_as_it_was_mailed_without_its_readers_links(archive: Reading) -> None:
    number = mail(archive, html="<h1>Grüße, 😀</h1>")
    answer = archive.client.get(f"/digests/weekly/{number}")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = tree(answer.text)
    assert page.xpath("string(//h1)") == "Grüße, 😀"
    assert page.xpath("//main/p/a/@href") == ["https://blog.example/digests/weekly"] * 3
    assert set(page.xpath("//nav//a/@href")) == {"../../digests/weekly"}
    assert page.xpath("string(//p)").strip().startswith("Way")
    shown = re.sub("<style>.*?</style>", "", answer.text, flags=re.DOTALL)
    for trace in ("unsubscribe", "preferences", "stop/", "￾", "@"):
        assert trace not in shown


def test_nothing_that_a_template_holds_can_run(archive: Reading) -> None:
    number = mail(archive, html=HOSTILE)
    policy = archive.client.get(f"/digests/weekly/{number}").headers["content-security-policy"]
    rules = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert (
        rules["default-src"]
        == rules["form-action"]
        == rules["base-uri"]
        == rules["frame-ancestors"]
        == "'none'"
    )
    assert "allow-scripts" not in rules["sandbox"]
    assert "allow-same-origin" not in rules["sandbox"]
    assert rules["img-src"] == "https: http: data:"
    assert "script-src" not in rules


def test_an_edition_of_plain_text_is_a_page_with_it(archive: Reading) -> None:
    number = mail(archive, html=None)
    page = tree(archive.client.get(f"/digests/weekly/{number}").text)
    assert page.xpath("string(//pre)").split() == [
        "Plain", "words.", "For", "https://blog.example/digests/weekly",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "address", ["/digests/weekly", "/digests/weekly/1", "/digests/weekly.atom", "/digests"]
)
def test_a_repeat_is_a_304_and_every_coding_is_the_same(archive: Reading, address: str) -> None:
    mail(archive, html="<p>Long words</p>" * 100)
    first = archive.client.get(address)
    again = archive.client.get(address, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    packed = archive.client.get(address, headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == first.text
    head = archive.client.head(address)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(first.content)))


def test_what_became_private_is_no_more_to_be_read(archive: Reading) -> None:
    with_secret, without = mail(archive, posts=[1, 3]), mail(archive, MONDAY + WEEK, posts=[1])
    assert listed(archive)[-1].endswith(f"/{with_secret}")
    with archive.database.write() as connection:
        set_private_rule(connection, "secret", parse("Iran"), now=NOW)
    assert archive.client.get(f"/digests/weekly/{with_secret}").status_code == 410
    assert listed(archive) == [f"../digests/weekly/{without}"]
    assert f"weekly/{with_secret}" not in archive.client.get("/digests/weekly.atom").text


def test_what_the_publisher_hid_is_no_more_to_be_read_until_it_is_shown(archive: Reading) -> None:
    number = mail(archive, posts=[1, 3])
    with archive.database.write() as connection:
        hide(connection, [1], now=NOW)
    assert archive.client.get(f"/digests/weekly/{number}").status_code == 410
    assert listed(archive) == []
    with archive.database.write() as connection:
        show(connection, [1], now=NOW)
    assert archive.client.get(f"/digests/weekly/{number}").status_code == 200
    assert listed(archive) == [f"../digests/weekly/{number}"]


def test_what_was_deleted_stays_as_it_was_mailed_but_for_the_feeds_list(archive: Reading) -> None:
    number = mail(archive, posts=[2, 1])
    archive.blog.store(2, "MEK", state=PostState.DELETED)
    assert archive.client.get(f"/digests/weekly/{number}").status_code == 200
    feed = archive.client.get("/digests/weekly.atom").text
    assert "Post 1" in feed
    assert "Post 2" not in feed


def test_the_feed_is_valid_and_its_ids_stay(archive: Reading, shared_data: Path) -> None:
    mail(archive, subject="A & B\x08 <i>", posts=[2, 1])
    mail(archive, MONDAY + WEEK, subject=None, posts=[3])
    answer = archive.client.get("/digests/weekly.atom")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    document = etree.fromstring(answer.content)
    schema = etree.RelaxNG(file=str(shared_data / "schemas" / "atom.rng"))
    assert schema.validate(document), schema.error_log
    read = feedparser.parse(answer.content)
    assert not read.bozo
    assert [entry.title for entry in read.entries] == ["The week, 9 November 2026", "A & B <i>"]
    assert [entry.link for entry in read.entries] == [
        "https://blog.example/digests/weekly/2",
        "https://blog.example/digests/weekly/1",
    ]
    assert read.feed.link == "https://blog.example/digests/weekly"
    assert [one.href for one in read.feed.links if one.rel == "self"] == [
        "https://blog.example/digests/weekly.atom"
    ]
    assert re.findall(r'href="([^"]+)"', read.entries[1].content[0].value) == [
        "https://blog.example/2",
        "https://blog.example/1",
        "https://blog.example/digests/weekly/1",
    ]
    ids = [read.feed.id, *(entry.id for entry in read.entries)]
    assert all(one.startswith("urn:uuid:") for one in ids)
    assert len(set(ids)) == 3
    with archive.database.write() as connection:
        update_digest(connection, "weekly", title="The week anew")
    again = feedparser.parse(archive.client.get("/digests/weekly.atom").content)
    assert [again.feed.id, *(entry.id for entry in again.entries)] == ids
    assert again.feed.title == "The week anew"


def test_an_empty_feed_is_valid_too(archive: Reading, shared_data: Path) -> None:
    document = etree.fromstring(archive.client.get("/digests/weekly.atom").content)
    schema = etree.RelaxNG(file=str(shared_data / "schemas" / "atom.rng"))
    assert schema.validate(document), schema.error_log


def test_a_new_edition_is_seen_at_once(archive: Reading) -> None:
    mail(archive)
    before = archive.client.get("/digests/weekly.atom")
    mail(archive, MONDAY + WEEK)
    after = archive.client.get("/digests/weekly.atom", headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert len(feedparser.parse(after.content).entries) == 2
    assert len(listed(archive)) == 2


def test_an_edition_is_listed_once_it_is_rendered_whichever_comes_first(archive: Reading) -> None:
    mail(archive)
    late = mail(archive, MONDAY + WEEK, mailed=False)
    mail(archive, MONDAY + 2 * WEEK)
    assert len(listed(archive)) == 2
    with archive.database.write() as connection:
        rendered = update(edition).where(edition.c.id == late)
        connection.execute(rendered.values(message=message("News", "<h1>Late</h1>"), rendered_at=NOW))
    assert len(listed(archive)) == 3


def test_looking_through_the_archive_changes_nothing(archive: Reading) -> None:
    mail(archive, posts=[1])
    archive.reader("a")
    before = archive.dump()
    for address in ADDRESSES:
        archive.client.get(address)
        archive.client.head(address)
    assert archive.dump() == before
    assert archive.client.post("/digests/weekly/1").status_code == 405


def test_the_archive_works_on_each_database(feed_blog: FeedsBlog) -> None:
    feed_blog.store(1, "MEK")
    made = reading(feed_blog)
    number = mail(made, posts=[1])
    assert listed(made) == [f"../digests/weekly/{number}"]
    assert made.client.get(f"/digests/weekly/{number}").status_code == 200
    assert "Post 1" in made.client.get("/digests/weekly.atom").text
    with made.database.write() as connection:
        connection.execute(update(post_table).values(state=PostState.PRIVATE.value))
    assert made.client.get(f"/digests/weekly/{number}").status_code == 410


# Windows of half days among a few weeks: weekly, daily and instant readers, in several zones.
WINDOWS = st.builds(
    lambda start, length, fit: (start, length, fit),
    st.integers(0, 60),
    st.integers(1, 30),
    st.sampled_from([0, 0, 1, 4]),
)


@settings(max_examples=often(100), deadline=None)
@given(windows=st.lists(WINDOWS, max_size=25), cadence=st.sampled_from(CADENCES))
def test_no_two_listed_editions_overlap_and_the_digests_own_come_first(
    windows: list[tuple[int, int, int]], cadence: str
) -> None:
    its = replace(PLAIN, cadence=cadence)
    half = timedelta(hours=12)
    found = [
        Candidate(number, MONDAY + start * half, MONDAY + (start + length) * half, fit)
        for number, (start, length, fit) in enumerate(windows)
    ]
    shown = tiled(its, found)
    assert set(shown) <= set(found)
    assert bool(shown) == bool(found)
    for one, after in pairwise(shown):
        assert one.end <= after.start
    # A later edition takes back nothing of what was listed.
    last = max((one.end for one in found), default=MONDAY)
    assert set(shown) <= set(tiled(its, [*found, Candidate(99, last, last + half)]))


PLAIN = Digest(
    id=1, slug="weekly", title="The week", rule="all", template="digest", language="en", cadence="weekly",
    cadences=("weekly",), minute=480, weekday=0, monthday=1, timezone="UTC", max_age=WEEK, max_lateness=DAY,
    created_at=MONDAY,
)  # fmt: skip


def test_the_weeks_go_on_when_the_publisher_moves_the_day() -> None:
    old = [Candidate(n, MONDAY + n * WEEK, MONDAY + (n + 1) * WEEK) for n in range(3)]
    moved = replace(PLAIN, weekday=2)
    assert tiled(moved, old) == old
    end = old[-1].end + 2 * DAY
    new = Candidate(9, old[-1].end, end)
    assert tiled(moved, [*old, new]) == [*old, new]


def test_a_weekly_digest_is_listed_by_weeks_though_some_read_it_daily() -> None:
    days = [Candidate(n, MONDAY + n * DAY, MONDAY + (n + 1) * DAY) for n in range(10)]
    week = Candidate(50, MONDAY, MONDAY + WEEK)
    assert tiled(PLAIN, [*days, week]) == [week]
    assert tiled(replace(PLAIN, cadence="daily"), [*days, week]) == days
    assert tiled(replace(PLAIN, cadence="instant"), [*days, week]) == days
