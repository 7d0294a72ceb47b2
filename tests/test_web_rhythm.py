"""How long a feed may be kept: by how often its posts come, and the same whatever its format."""

from dataclasses import replace
from datetime import timedelta

import pytest

from feeds.formats.known import FORMATS
from tests.feeds_blog import START, FeedsBlog, post
from web.feeds.rhythm import LEAST, MOST, UNKNOWN, max_age

HOUR = timedelta(hours=1)


def ages(blog: FeedsBlog) -> set[int]:
    """What all forms of a feed say."""
    found = set()
    for form in FORMATS:
        built = blog.builder().build("news", form.suffix, content=form.content)
        assert built is not None
        found.add(max_age(built.body))
    return found


def store(blog: FeedsBlog, gaps: list[timedelta]) -> None:
    """Posts with so much time between them, the newest first."""
    at, posts = START, []
    for number, gap in enumerate([*gaps, timedelta()]):
        html = '<p>&lt;published&gt;2026-01-01T00:00:00Z&lt; "date_published": "2026-01-01"</p>'
        posts.append(replace(post(number, "News", html=html), published=at, updated=at))
        at -= gap
    blog.site = replace(blog.site, entries=30)
    blog.store_all(posts)


@pytest.mark.parametrize(
    ("gaps", "seconds"),
    [
        ([], UNKNOWN),
        ([timedelta(minutes=5)] * 5, LEAST),
        ([HOUR] * 3, 300),
        ([6 * HOUR, 7 * HOUR, 8 * HOUR], 2100),
        ([24 * HOUR] * 12, MOST),
        # One long pause says little, and so do times that were.
        ([HOUR] * 4 + [1000 * HOUR], 300),
        ([HOUR] * 10 + [48 * HOUR] * 15, 300),
        ([timedelta()] * 4, LEAST),
    ],
)
def test_it_is_a_twelfth_of_the_time_between_the_newest_posts(
    sqlite_feed_blog: FeedsBlog, gaps: list[timedelta], seconds: int
) -> None:
    store(sqlite_feed_blog, gaps)
    assert ages(sqlite_feed_blog) == {seconds}


def test_what_has_no_times_gets_what_is_usual() -> None:
    assert max_age(b"") == UNKNOWN
    assert max_age(b"<published>today</published><pubDate>now</pubDate>") == UNKNOWN
