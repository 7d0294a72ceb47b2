"""A small blog for the tests of feeds: the fixtures ``feed_blog`` (both databases), ``sqlite_feed_blog``."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from database import Database
from feeds.build import FeedBuilder
from feeds.model import fragment
from feeds.site import FeedSite
from posts.blog import create_blog
from posts.intake import store_posts
from posts.model import PostState, SourcePost

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SITE = FeedSite(url="https://blog.example", title="The Blog", author="Ann", language="en", entries=3)


@dataclass
class FeedsBlog:
    """A database with a blog in it; its clock goes on a minute with each change."""

    database: Database
    now: datetime = START
    site: FeedSite = SITE
    # Whether its posts are stored without their authors, who would have feeds too.
    is_anonymous: bool = False

    def builder(self) -> FeedBuilder:
        """A builder that knows nothing yet, as a new process has it."""
        return FeedBuilder(self.database, self.site)

    def store(
        self, number: int, *labels: str, html: str | None = None, state: PostState = PostState.LIVE
    ) -> None:
        """Store post ``number``, or change it; the higher its number, the newer it is."""
        self.store_all([post(number, *labels, html=html, state=state)])

    def store_all(self, posts: Iterable[SourcePost]) -> None:
        """Store posts as an import does."""
        self.now += timedelta(minutes=1)
        if self.is_anonymous:
            posts = [replace(one, authors=()) for one in posts]
        report = store_posts(self.database, posts, now=self.now)
        assert not report.skipped

    def kept(self) -> int:
        """How many entries the database keeps."""
        with self.database.read() as connection:
            return connection.execute(select(func.count()).select_from(fragment)).scalar_one()


def post(number: int, *labels: str, html: str | None = None, state: PostState = PostState.LIVE) -> SourcePost:
    """A post as an importer hands it in, a day newer than the one with the number before."""
    published = START - timedelta(days=1000 - number)
    return SourcePost(
        uri=f"tag:blog.example,2026:{number}",
        url=f"https://blog.example/{number}",
        title=f"Post {number}",
        html=f"<p>Text of {number}</p>" if html is None else html,
        published=published,
        updated=published,
        labels=labels,
        authors=("Ann",),
        state=state,
    )


def new_blog(database: Database) -> FeedsBlog:
    """An empty blog in a migrated database."""
    with database.write() as connection:
        create_blog(connection, site_url=SITE.url, now=START)
    return FeedsBlog(database)


@pytest.fixture
def feed_blog(database: Database) -> FeedsBlog:
    """An empty blog, once on each database."""
    return new_blog(database)


@pytest.fixture
def sqlite_feed_blog(sqlite_database: Database) -> FeedsBlog:
    """An empty blog on SQLite."""
    return new_blog(sqlite_database)
