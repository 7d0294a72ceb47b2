"""The pages of labels: posts by day, older and newer by place and not by number, safe whatever they hold."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

import pytest
from sqlalchemy import text

from database import open_database
from feeds.selection import add_feed
from posts.curation import delete_label, merge_labels
from posts.rules import parse
from posts.store import Cursor
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import open_client, tree
from web.blog.cursors import read_cursor, write_cursor
from web.blog.labels import POSTS_A_PAGE
from web.security import CONTENT_SECURITY_POLICY


@pytest.fixture
def stored(sqlite_feed_blog: FeedsBlog) -> FeedsBlog:
    """Twenty-five posts of MEK, every fifth of Iran too."""
    sqlite_feed_blog.store_all([post(n, "MEK", *(["Iran"] if n % 5 == 0 else [])) for n in range(1, 26)])
    return sqlite_feed_blog


def titles(page: str) -> list[str]:
    return [" ".join(found.text_content().split()) for found in tree(page).iter("h3")]


def link(page: str, rel: str) -> str | None:
    found = tree(page).xpath(f"//nav[@class='pager']/a[@rel='{rel}']/@href")
    return str(found[0]) if found else None


@pytest.mark.parametrize("address", ["/feeds/{}.atom", "/labels/{}", "/{}", "/feeds/all.atom?q={}"])
def test_an_address_without_end_is_refused_before_it_is_read(stored: FeedsBlog, address: str) -> None:
    client = open_client(stored)
    for name in ("a" * 60_000, "%E2%80%8B" * 6_000):
        answer = client.get(address.format(name))
        assert answer.status_code == 414
        assert answer.text == "This address is too long.\n"
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert client.get(address.format("a" * 900)).status_code != 414


def test_the_front_page_lists_labels_with_counts_and_feeds(stored: FeedsBlog) -> None:
    answer = open_client(stored).get("/")
    assert answer.status_code == 200
    page = tree(answer.text)
    items = [" ".join(item.text_content().split()) for item in page.xpath("//ul[@class='labels']/li")]
    assert items == ["Iran 5 posts feed of Iran", "MEK 25 posts feed of MEK"]
    links = page.xpath("//ul[@class='labels']//a/@href")
    assert links == ["./labels/iran", "./feeds/iran.atom", "./labels/mek", "./feeds/mek.atom"]
    assert page.xpath("//link[@rel='alternate']/@href") == [
        f"./feeds/all.{suffix}" for suffix in ("atom", "rss", "json")
    ]
    assert page.xpath("//footer//a/@href") == ["./feeds.opml"]


def test_the_front_page_of_an_empty_blog_says_what_to_do(sqlite_feed_blog: FeedsBlog) -> None:
    assert "labelcast import" in open_client(sqlite_feed_blog).get("/").text


def test_a_configured_feed_is_listed_and_has_a_page(stored: FeedsBlog) -> None:
    with stored.database.write() as connection:
        rule = parse("mek and not iran")
        add_feed(connection, slug="just-mek", rule=rule, now=stored.now, title="Just MEK")
    client = open_client(stored)
    assert "Just MEK" in client.get("/").text
    page = client.get("/labels/just-mek").text
    assert "Post 25" not in titles(page)
    assert titles(page)[0] == "Post 24"


def test_a_private_feed_is_not_listed_and_has_no_page(stored: FeedsBlog) -> None:
    with stored.database.write() as connection:
        add_feed(connection, slug="inner", rule=parse("iran"), now=stored.now, title="Ours", is_private=True)
    client = open_client(stored)
    front = client.get("/").text
    assert "Ours" not in front
    assert "inner" not in front
    assert client.get("/labels/inner").status_code == 404
    assert titles(client.get("/labels/mek").text)[0] == "Post 24"


def test_a_rule_in_the_address_has_a_page(stored: FeedsBlog) -> None:
    client = open_client(stored)
    assert titles(client.get("/labels/iran+mek").text)[:2] == ["Post 25", "Post 20"]
    assert titles(client.get("/labels/mek+-iran").text)[:2] == ["Post 24", "Post 23"]
    moved = client.get("/labels/MEK+iran", follow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (301, "./iran+mek")
    assert client.get("/labels/iran+nix").status_code == 404
    too_much = client.get("/labels/" + "mek+" * 300 + "iran")
    assert too_much.status_code == 404
    assert "more than 1000 bytes" in too_much.text


def test_a_labels_page_says_what_it_shows_and_where_its_feed_is(stored: FeedsBlog) -> None:
    page = open_client(stored).get("/labels/mek").text
    words = " ".join(tree(page).text_content().split())
    assert "Showing posts with label MEK. Show all posts" in words
    elements = tree(page)
    addresses = [f"../feeds/{slug}.{form}" for slug in ("mek", "all") for form in ("atom", "rss", "json")]
    assert elements.xpath("//link[@rel='alternate']/@href") == addresses
    assert elements.xpath("//link[@rel='alternate']/@type")[:3] == [
        "application/atom+xml",
        "application/rss+xml",
        "application/feed+json",
    ]
    assert elements.xpath("//a[@class='feed']/@href") == addresses[:3]
    assert elements.xpath("//link[@rel='canonical']/@href") == ["https://blog.example/labels/mek"]
    assert elements.xpath("//a[text()='Show all posts']/@href") == ["../labels/all"]


def test_posts_stand_under_the_days_of_the_sites_timezone(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.store_all([post(1, "MEK"), post(2, "MEK")])
    for timezone, headings in (
        ("UTC", ["Sunday, 9 April 2023", "Saturday, 8 April 2023"]),
        ("Pacific/Kiritimati", ["Monday, 10 April 2023", "Sunday, 9 April 2023"]),
    ):
        page = open_client(sqlite_feed_blog, timezone=timezone).get("/labels/mek").text
        assert [element.text_content() for element in tree(page).iter("h2")] == headings


def test_two_posts_of_one_day_stand_under_one_heading(sqlite_feed_blog: FeedsBlog) -> None:
    first = post(1, "MEK")
    day = first.published
    assert day is not None
    second = post(2, "MEK")
    object.__setattr__(second, "published", day + timedelta(hours=1))
    sqlite_feed_blog.store_all([first, second])
    page = open_client(sqlite_feed_blog).get("/labels/mek").text
    assert len(list(tree(page).iter("h2"))) == 1
    assert titles(page) == ["Post 2", "Post 1"]


def test_older_and_newer_walk_every_post_once_each_way(stored: FeedsBlog) -> None:
    client = open_client(stored)
    pages, address = [], "/labels/mek"
    while address:
        answer = client.get(address)
        assert answer.status_code == 200
        pages.append(answer.text)
        address = link(answer.text, "next") or ""
    walked = [title for page in pages for title in titles(page)]
    assert walked == [f"Post {n}" for n in range(25, 0, -1)]
    assert [len(titles(page)) for page in pages] == [POSTS_A_PAGE, POSTS_A_PAGE, 5]
    assert link(pages[0], "prev") is None
    back = client.get(link(pages[2], "prev") or "").text
    assert titles(back) == titles(pages[1])


def test_a_new_post_does_not_move_what_an_older_page_shows(stored: FeedsBlog) -> None:
    client = open_client(stored)
    older = link(client.get("/labels/mek").text, "next") or ""
    before = titles(client.get(older).text)
    stored.store(99, "MEK")
    assert titles(client.get(older).text) == before


@pytest.mark.parametrize("place", ["x", "20261399T000000.000000Z-1", "20260101T000000.000000Z-", "1", "'"])
def test_a_place_that_is_none_shows_the_newest(stored: FeedsBlog, place: str) -> None:
    answer = open_client(stored).get("/labels/mek", params={"before": place})
    assert answer.status_code == 200
    assert titles(answer.text)[0] == "Post 25"


def test_a_place_beyond_the_last_post_says_so(stored: FeedsBlog) -> None:
    place = write_cursor(Cursor(datetime(1999, 1, 1, tzinfo=UTC), 1))
    answer = open_client(stored).get("/labels/mek", params={"before": place})
    assert answer.status_code == 200
    assert "Show the newest" in answer.text


def test_a_place_reads_as_it_was_written() -> None:
    cursor = Cursor(datetime(2026, 11, 9, 14, 0, 3, 250_001, tzinfo=UTC), 17)
    assert write_cursor(cursor) == "20261109T140003.250001Z-17"
    assert read_cursor(write_cursor(cursor)) == cursor


def test_names_and_merged_labels_lead_to_the_present_address(stored: FeedsBlog) -> None:
    client = open_client(stored)
    assert client.get("/labels/MEK").headers["location"] == "./mek"
    with stored.database.write() as connection:
        merge_labels(connection, "Iran", "MEK", now=stored.now)
    moved = client.get("/labels/iran")
    assert moved.status_code == 301
    assert client.get("/labels/iran", follow_redirects=True).url.path == "/labels/mek"


def test_a_label_that_is_not_there_shows_the_nearest(stored: FeedsBlog) -> None:
    answer = open_client(stored).get("/labels/iram")
    assert answer.status_code == 404
    assert 'href="../labels/iran"' in answer.text


def test_a_deleted_label_is_gone(stored: FeedsBlog) -> None:
    with stored.database.write() as connection:
        delete_label(connection, "Iran", now=stored.now)
    answer = open_client(stored).get("/labels/iran")
    assert answer.status_code == 410
    assert "was deleted" in answer.text


def test_a_page_that_is_not_there_leads_back(stored: FeedsBlog) -> None:
    answer = open_client(stored).get("/nothing/here")
    assert answer.status_code == 404
    assert 'href="../"' in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/labels/mek", "/labels/none", "/labels/a%2Fb", "/labels/", "/no/such/page"]
)
def test_links_work_below_a_path_that_a_proxy_takes_off(stored: FeedsBlog, path: str) -> None:
    client = open_client(stored)
    page = tree(client.get(path).text)
    own = [href for href in page.xpath("//@href") if not href.startswith(("http", "data:", "#"))]
    assert own
    for href in own:
        reached = urljoin(f"https://example.org/news{path}", href)
        assert reached.startswith("https://example.org/news/")
        assert client.get(reached.removeprefix("https://example.org/news")).status_code == 200


def test_names_titles_and_addresses_are_escaped(sqlite_feed_blog: FeedsBlog) -> None:
    name = 'a <3 & "more"'
    sqlite_feed_blog.store_all([post(1, name, html="<p>x</p><script>alert(2)</script>")])
    client = open_client(sqlite_feed_blog)
    (address,) = tree(client.get("/").text).xpath("//ul[@class='labels']//a[@class='name']/@href")
    for place in ("/", "/labels/all", address, "/labels/%3Cscript%3Ealert(2)"):
        page = client.get(place).text
        assert page.count("<script") == page.count('<script type="application/ld+json">') <= 1
        assert "<3" not in page
        assert "&lt;" in page
    assert name in tree(client.get(address).text).xpath("string(//h1)")


def test_a_posts_headings_tables_and_styles_are_fitted_into_the_page(sqlite_feed_blog: FeedsBlog) -> None:
    body = (
        "<h1>Inside</h1><p style='color:#000'>text</p><table><tr><td>1</td></tr></table>"
        "<img src='https://blog.example/a.png'>"
    )
    sqlite_feed_blog.store_all([post(1, "MEK", html=body)])
    elements = tree(open_client(sqlite_feed_blog).get("/labels/mek").text)
    assert [heading.text for heading in elements.iter("h4")] == ["Inside"]
    assert elements.xpath("//div[@class='scroll']/table")
    assert not elements.xpath("//*[@style]")
    assert elements.xpath("//article//img/@alt") == [""]


def test_a_page_may_not_run_anything_and_no_cookie_is_set(stored: FeedsBlog) -> None:
    client = open_client(stored)
    for address in ("/", "/labels/mek", "/labels/nope", "/posts/1", "/search?q=text", "/style.css"):
        headers = client.get(address).headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert "referrer-policy" in headers
        assert "set-cookie" not in headers
    assert "script-src" not in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_an_unchanged_page_is_a_304_and_a_head_has_no_body(stored: FeedsBlog) -> None:
    client = open_client(stored)
    first = client.get("/labels/mek")
    again = client.get("/labels/mek", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    head = client.head("/labels/mek")
    assert head.content == b""
    assert dict(head.headers) == dict(first.headers)


def test_the_style_sheet_may_be_kept_for_good_at_the_address_that_pages_use(stored: FeedsBlog) -> None:
    client = open_client(stored)
    (address,) = tree(client.get("/").text).xpath("//link[@rel='stylesheet']/@href")
    answer = client.get(address)
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert "immutable" not in client.get("/style.css").headers["cache-control"]


def test_a_get_changes_nothing_in_the_posts(stored: FeedsBlog) -> None:
    def state() -> list[tuple[object, ...]]:
        with stored.database.read() as connection:
            rows: list[tuple[object, ...]] = []
            for table in ("blog", "post", "label", "label_alias", "post_label", "feed"):
                rows += [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table}"))]
            return rows

    before = state()
    client = open_client(stored)
    for address in ("/", "/labels/mek", "/labels/MEK", "/labels/nope", "/search?q=text", "/posts/1"):
        client.get(address)
    assert state() == before


def test_without_its_database_a_page_says_to_come_back(sqlite_feed_blog: FeedsBlog) -> None:
    lost = FeedsBlog(open_database("sqlite:////nonexistent/folder/labelcast.db"))
    answer = open_client(lost).get("/")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "30"
    assert "half a minute" in answer.text
    assert "nonexistent" not in answer.text
