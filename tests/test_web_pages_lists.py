"""Lists of posts beside the plain walk: months, authors, searches, the list of feeds, signing up by email."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import pytest
from lxml import etree

from feeds.configured import add_feed, remove_feed
from posts.curation import delete_label, rename_label
from posts.model import PostState
from posts.rules import parse
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import open_client, tree

NUMBERS = range(306, 361)


def titles(page: str) -> list[str]:
    return [" ".join(found.text_content().split()) for found in tree(page).iter("h3")]


def words(page: str) -> str:
    return " ".join(tree(page).xpath("string(//main)").split())


def walk(client: Any, address: str | None, rel: str) -> list[list[str]]:
    """The titles on each page, from an address on, by the pager's links."""
    pages = []
    while address:
        answer = client.get(address)
        assert answer.status_code == 200
        pages.append(titles(answer.text))
        found = tree(answer.text).xpath(f"//nav[@class='pager']/a[@rel='{rel}']/@href")
        address = urljoin(address, str(found[0])) if found else None
    return pages


@pytest.fixture
def months(feed_blog: FeedsBlog) -> FeedsBlog:
    """Posts of MEK, one a day, from 7 February to 1 April 2024; every tenth is of Iran too."""
    feed_blog.store_all([post(n, "MEK", *(["Iran"] if n % 10 == 0 else [])) for n in NUMBERS])
    return feed_blog


def test_a_month_walks_by_date_on_into_its_neighbours_and_back(months: FeedsBlog) -> None:
    client = open_client(months)
    whole = [f"Post {n}" for n in reversed(NUMBERS)]
    older = walk(client, "/labels/mek/2024-04", "next")
    assert [title for page in older for title in page] == whole
    assert [len(page) for page in older] == [1, 10, 10, 10, 1, 10, 10, 3]
    newer = walk(client, "/labels/mek/2024-02?after=20240101T000000.000000Z-1", "prev")
    assert [title for page in reversed(newer) for title in page] == whole


def test_the_archive_has_each_month_with_its_number_of_posts(months: FeedsBlog) -> None:
    client = open_client(months)
    page = tree(client.get("/labels/mek").text)
    lines = [" ".join(line.text_content().split()) for line in page.xpath("//aside//li")]
    assert lines == ["April 2024 1", "March 2024 31", "February 2024 23"]
    assert [" ".join(one.text_content().split()) for one in page.xpath("//summary")] == ["2024 55"]
    for href, number in zip(page.xpath("//aside//li/a/@href"), (1, 10, 10), strict=True):
        assert len(titles(client.get(urljoin("/labels/mek", href)).text)) == number
    shown = client.get("/labels/mek/2024-03").text
    assert tree(shown).xpath("//aside//a[@aria-current]/@href") == ["../../labels/mek/2024-03"]
    assert "Showing posts with label MEK of March 2024. Show all posts" in words(shown)


def test_a_month_in_the_query_is_the_month_in_the_address(months: FeedsBlog) -> None:
    client = open_client(months)
    asked, plain = client.get("/labels/mek?month=2024-02"), client.get("/labels/mek/2024-02")
    assert titles(asked.text) == titles(plain.text) == [f"Post {n}" for n in range(328, 318, -1)]
    canonical = tree(asked.text).xpath("//link[@rel='canonical']/@href")
    assert canonical == ["https://blog.example/labels/mek/2024-02"]
    assert titles(client.get("/labels/mek?month=nonsense").text)[0] == "Post 360"
    assert titles(client.get("/labels/iran?month=2024-02").text) == ["Post 320", "Post 310"]


def test_years_and_days_have_pages_too(months: FeedsBlog) -> None:
    client = open_client(months)
    assert titles(client.get("/labels/mek/2024").text)[0] == "Post 360"
    assert titles(client.get("/labels/mek/2024-03-02").text) == ["Post 330"]
    assert [page[0] for page in walk(client, "/labels/iran/2024-03-02", "next")] == [
        "Post 330",
        "Post 320",
        "Post 310",
    ]


@pytest.mark.parametrize(
    "period", ["2024-13", "0000", "2024-02-30", "2024-2", "24", "x", "2023-05", "9999-12", "0001-01", "٢٠٢٤"]
)
def test_a_period_that_is_none_or_has_no_posts_is_not_found(months: FeedsBlog, period: str) -> None:
    answer = open_client(months).get(f"/labels/mek/{period}")
    assert answer.status_code == 404
    assert "href" in answer.text


@pytest.mark.parametrize(
    ("timezone", "month"),
    [("UTC", "March"), ("America/Regina", "February"), ("Pacific/Kiritimati", "March")],
)
def test_a_month_begins_at_midnight_where_the_site_is(
    feed_blog: FeedsBlog, timezone: str, month: str
) -> None:
    edge = replace(post(1, "MEK"), published=datetime(2025, 3, 1, 5, 59, 59, 999_999, tzinfo=UTC))
    after = replace(post(2, "MEK"), published=datetime(2025, 3, 1, 6, tzinfo=UTC))
    feed_blog.store_all([edge, after])
    client = open_client(feed_blog, timezone=timezone)
    of_february = client.get("/labels/mek/2025-02")
    assert of_february.status_code == (200 if month == "February" else 404)
    assert titles(of_february.text) == (["Post 1"] if month == "February" else [])
    assert titles(client.get("/labels/mek/2025-03").text)[0] == "Post 2"


def test_a_former_address_keeps_its_month_and_its_query(months: FeedsBlog) -> None:
    client = open_client(months)
    moved = client.get("/labels/MEK/2024-03?q=text")
    assert (moved.status_code, moved.headers["location"]) == (301, "../mek/2024-03?q=text")
    assert client.get("/labels/MEK/2024-03", follow_redirects=True).url.path == "/labels/mek/2024-03"


def test_a_rule_has_months_and_can_be_searched(months: FeedsBlog) -> None:
    client = open_client(months)
    assert titles(client.get("/labels/mek+-iran/2024-04").text) == []
    assert titles(client.get("/labels/iran+mek/2024-04").text) == ["Post 360"]
    found = client.get("/labels/iran+mek?q=340").text
    assert titles(found) == ["Post 340"]
    assert tree(found).xpath("//a[@class='feed']/@href")[0] == "../feeds/iran+mek.atom?q=340"


def test_an_authors_page_shows_what_they_wrote_and_their_feed(feed_blog: FeedsBlog) -> None:
    written = [replace(post(n, "MEK"), authors=("Zoë Ng",) if n % 2 else ("Ann",)) for n in range(1, 31)]
    feed_blog.store_all(written)
    client = open_client(feed_blog)
    page = client.get("/authors/zoë-ng").text
    assert "Showing posts by Zoë Ng. Show all posts" in words(page)
    assert titles(page)[:2] == ["Post 29", "Post 27"]
    assert tree(page).xpath("//a[@class='feed']/@href")[1] == "../feeds/authors/zo%C3%AB-ng.rss"
    assert client.get("/authors/Zo%C3%AB%20Ng").headers["location"] == "./zo%C3%AB-ng"
    assert len([t for page in walk(client, "/authors/ann", "next") for t in page]) == 15
    assert tree(page).xpath("//p[@class='byline']/a/@href")[0] == "../authors/zo%C3%AB-ng"
    assert client.get("/authors/nobody").status_code == 404
    front = tree(client.get("/").text)
    assert front.xpath("//h2[. = 'Authors']/following-sibling::ul[1]//a[@class='name']/text()") == [
        "Ann",
        "Zoë Ng",
    ]


def test_an_author_of_drafts_alone_is_not_known(feed_blog: FeedsBlog) -> None:
    feed_blog.store(1, "MEK", state=PostState.DRAFT)
    assert open_client(feed_blog).get("/authors/ann").status_code == 404


def test_a_search_shows_the_newest_first_with_its_own_feed_and_is_not_indexed(months: FeedsBlog) -> None:
    client = open_client(months)
    page = client.get("/search", params={"q": '"Text of"'}).text
    assert titles(page)[0] == "Post 360"
    assert len([t for one in walk(client, "/search?q=%22text+of%22", "next") for t in one]) == len(NUMBERS)
    elements = tree(page)
    assert elements.xpath("//meta[@name='robots']/@content") == ["noindex"]
    assert elements.xpath("//input[@name='q']/@value") == ['"Text of"']
    (feed,) = elements.xpath("//a[@class='feed'][1]/@href")
    assert feed == "./feeds/all.atom?q=%22text%20of%22"
    assert client.get(feed.removeprefix(".")).status_code == 200
    assert "No posts were found" in words(client.get("/search?q=nowhere").text)


@pytest.mark.parametrize("asked", ["", "?q=", "?q=+"])
def test_a_search_for_nothing_is_a_form(months: FeedsBlog, asked: str) -> None:
    page = open_client(months).get(f"/search{asked}")
    assert page.status_code == 200
    assert tree(page.text).xpath("//form/@action") == ["./search"]
    assert "noindex" in page.text


def test_a_search_within_a_label_stays_there(months: FeedsBlog) -> None:
    client = open_client(months)
    assert tree(client.get("/labels/iran").text).xpath("//form/@action") == ["../labels/iran"]
    page = client.get("/labels/iran?q=text").text
    assert titles(page) == [f"Post {n}" for n in (360, 350, 340, 330, 320, 310)]
    assert "noindex" in page
    assert tree(page).xpath("//link[@rel='alternate']/@href")[0] == "../feeds/iran.atom?q=text"
    assert "noindex" not in client.get("/labels/iran").text


def test_the_list_of_all_feeds_is_served(months: FeedsBlog) -> None:
    client = open_client(months)
    answer = client.get("/feeds.opml")
    assert answer.headers["content-type"].startswith("text/x-opml")
    addresses = [outline.get("xmlUrl") for outline in etree.fromstring(answer.content).iter("outline")]
    assert "https://blog.example/feeds/mek.atom" in addresses
    again = client.get("/feeds.opml", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_the_list_of_all_feeds_follows_what_changes_them(months: FeedsBlog) -> None:
    client = open_client(months)

    def listed() -> set[str]:
        listed = etree.fromstring(client.get("/feeds.opml").content).iter("outline")
        return {str(outline.get("xmlUrl")).rpartition("/")[2] for outline in listed}

    before = listed()
    assert {"all.atom", "mek.atom", "iran.atom"} <= before
    months.store_all([post(400, "New")])
    assert "new.atom" in listed()
    with months.database.write() as connection:
        rename_label(connection, "New", "Newer", now=months.now)
        add_feed(connection, slug="both", rule=parse("mek and iran"), now=months.now)
    assert {"newer.atom", "both.atom"} <= listed()
    assert "new.atom" not in listed()
    with months.database.write() as connection:
        remove_feed(connection, "both", now=months.now)
        delete_label(connection, "Newer", now=months.now)
    assert listed() == before


@pytest.mark.parametrize(
    ("signup", "href"),
    [
        ("subscribe", "../subscribe?label=mek"),
        ("https://mail.example/in", "https://mail.example/in?label=mek"),
        ("https://mail.example/in?from=blog", "https://mail.example/in?from=blog&label=mek"),
        ("mailto:news@mail.example", "mailto:news@mail.example?subject=mek"),
        (None, None),
    ],
)
def test_a_page_leads_to_the_sign_up_for_its_label_where_there_is_one(
    months: FeedsBlog, signup: str | None, href: str | None
) -> None:
    page = tree(open_client(months, signup_url=signup).get("/labels/mek").text)
    assert page.xpath("//a[@class='signup']/@href") == ([href] if href else [])
