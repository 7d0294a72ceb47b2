"""All labels, authors and configured feeds, in pages by name; the front page shows the first of them."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from feeds.selection import add_feed
from posts.counted import counted
from posts.rules import parse
from posts.store import labels
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import open_client, tree
from web.blog.listed import MOST, MOST_IN_FRONT, Listed, Whole

NAMES = "//ul[@class='labels'][1]//a[@class='name']/text()"


def many(blog: FeedsBlog, count: int) -> None:
    """So many labels, of which one in the middle has most posts."""
    blog.store_all(
        replace(post(n, f"Label {n:04}", f"Label {count // 2:04}"), authors=(f"Writer {n}",))
        for n in range(count)
    )


def test_the_front_page_shows_the_labels_with_most_posts_and_leads_to_all(
    sqlite_feed_blog: FeedsBlog,
) -> None:
    many(sqlite_feed_blog, MOST + 60)
    client = open_client(sqlite_feed_blog)
    front = tree(client.get("/").text)
    shown = front.xpath(NAMES)
    assert len(shown) == MOST_IN_FRONT
    assert f"Label {(MOST + 60) // 2:04}" in shown
    assert "./labels" in front.xpath("//a/@href")
    assert "./authors" in front.xpath("//a/@href")
    read, address = [], "/labels"
    while address:
        page = tree(client.get(address).text)
        read += page.xpath(NAMES)
        following = page.xpath("//a[@rel='next']/@href")
        address = following[0].removeprefix(".") if following else ""
    assert read == [f"Label {n:04}" for n in range(MOST + 60)]


def test_few_labels_stand_on_the_front_page_whole(sqlite_feed_blog: FeedsBlog) -> None:
    many(sqlite_feed_blog, 5)
    front = tree(open_client(sqlite_feed_blog).get("/").text)
    assert len(front.xpath(NAMES)) == 5
    assert "./labels" not in front.xpath("//a/@href")


def test_a_label_is_found_by_a_part_of_its_name(sqlite_feed_blog: FeedsBlog) -> None:
    many(sqlite_feed_blog, 12)
    page = tree(open_client(sqlite_feed_blog).get("/labels?q=LABEL+001").text)
    assert page.xpath(NAMES) == ["Label 0010", "Label 0011"]


def test_authors_and_configured_feeds_have_pages_too(sqlite_feed_blog: FeedsBlog) -> None:
    many(sqlite_feed_blog, 3)
    with sqlite_feed_blog.database.write() as connection:
        add_feed(
            connection, slug="two", title="Two of them", rule=parse('"Label 0001"'), now=sqlite_feed_blog.now
        )
    client = open_client(sqlite_feed_blog)
    assert tree(client.get("/authors").text).xpath(NAMES) == ["Writer 0", "Writer 1", "Writer 2"]
    assert tree(client.get("/feeds").text).xpath(NAMES) == ["Two of them"]


def test_what_is_counted_is_kept_as_long_as_it_is_so(feed_blog: FeedsBlog) -> None:
    def same() -> None:
        with feed_blog.database.read() as connection:
            now = [label for label in labels(connection) if label.posts]
            assert list(counted(connection).labels) == now
            assert counted(connection) is counted(connection)

    same()
    feed_blog.store(1, "Bees", "Iran")
    same()
    feed_blog.store(2, "Bees")
    same()
    feed_blog.store(1, "Bees")
    same()


@given(st.sets(st.text(min_size=1, max_size=3), max_size=400), st.text(max_size=3))
def test_each_name_stands_on_one_page(names: set[str], after: str) -> None:
    def key(one: Listed) -> tuple[str, str]:
        return one.name.casefold(), one.name

    found = sorted((Listed(name, "", "", 1) for name in names), key=key)
    behind = [one for one in found if key(one) > (after.casefold(), after)] if after else found
    whole = Whole(found, lambda one: one)
    read: list[Listed] = []
    at: str | None = after
    while at is not None:
        page, at = whole.page(at)
        read += page
    assert read == behind
