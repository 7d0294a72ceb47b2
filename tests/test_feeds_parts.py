"""Parts of feeds: their bounds, what they cost, and what the builder remembers of them."""

import json

import pytest

from feeds.built import BuiltFeed
from feeds.parts import MAX_ENTRIES, PartSpec
from tests.feeds_blog import FeedsBlog, post
from tests.test_database_indexes import explained


@pytest.mark.parametrize(("limit", "start"), [(-1, 1), (MAX_ENTRIES + 1, 1), (1, 0)])
def test_no_part_is_larger_or_begins_before_the_first(limit: int, start: int) -> None:
    with pytest.raises(ValueError, match="no part of a feed"):
        PartSpec(limit=limit, start=start)


@pytest.mark.parametrize(
    ("limit", "start", "total", "before", "after"),
    [
        (4, 1, 0, None, None),
        (4, 1, 4, None, None),
        (4, 1, 5, None, 5),
        (4, 5, 5, 1, None),
        (4, 3, 9, 1, 7),
        (4, 99, 9, 6, None),
        (4, 99, 0, None, None),
        (0, 5, 9, None, None),
    ],
)
def test_parts_lead_to_those_beside_them(
    limit: int, start: int, total: int, before: int | None, after: int | None
) -> None:
    part = PartSpec(limit=limit, start=start)
    assert (part.before(total), part.after(total)) == (before, after)


def address(start: int) -> str:
    return f"https://blog.example/part?start={start}"


def build(blog: FeedsBlog, name: str, part: PartSpec, suffix: str = "atom") -> BuiltFeed:
    built = blog.builder().parts.build(name, suffix, part, address=address)
    assert built is not None
    return built


@pytest.fixture
def stored(sqlite_feed_blog: FeedsBlog) -> FeedsBlog:
    """Nine posts of A, every second of B too."""
    sqlite_feed_blog.store_all([post(n, "A", *(["B"] if n % 2 else [])) for n in range(9)])
    return sqlite_feed_blog


def test_a_part_in_json_feed_tells_where_it_goes_on(stored: FeedsBlog) -> None:
    told = json.loads(build(stored, "a", PartSpec(limit=4, start=3), "json").body)
    assert [item["title"] for item in told["items"]] == ["Post 6", "Post 5", "Post 4", "Post 3"]
    assert (told["feed_url"], told["next_url"]) == (address(3), address(7))


def test_a_part_that_is_remembered_is_not_built_again(stored: FeedsBlog) -> None:
    parts = stored.builder().parts
    first = parts.build("a", "atom", PartSpec(limit=2), address=address)
    assert parts.build("A", "atom", PartSpec(limit=2), address=address) is first
    stored.store(20, "B")
    assert parts.build("a", "atom", PartSpec(limit=2), address=address) is first
    stored.store(21, "A")
    assert parts.build("a", "atom", PartSpec(limit=2), address=address) != first


def test_there_is_no_part_of_what_is_no_feed(stored: FeedsBlog) -> None:
    parts = stored.builder().parts
    assert parts.build("none", "atom", PartSpec(), address=address) is None
    assert parts.build("a", "txt", PartSpec(), address=address) is None


@pytest.mark.parametrize("name", ["all", "a", "a+b", "a,b", "-a"])
def test_posts_are_counted_and_found_by_indexes(stored: FeedsBlog, name: str) -> None:
    with explained(stored.database) as plans:
        build(stored, name, PartSpec(limit=2, start=3))
    looks = [line for line in plans if line.startswith("SCAN ") and " post" in line and "_search" not in line]
    assert not [line for line in looks if "INDEX" not in line], plans
