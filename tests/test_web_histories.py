"""Whatever happens to a blog, whoever polls: each post once, none that should not be, ETags that tell."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from sqlalchemy import Connection
from starlette.testclient import TestClient

from database import Database
from feeds.build import FeedBuilder
from feeds.selection import add_feed, find_feed
from posts.curation import LabelError
from posts.intake import release_scheduled
from posts.lookup import labels
from posts.model import Post, PostState
from posts.rules import parse
from posts.store import list_posts
from tests.examples import often
from tests.feeds_blog import FeedsBlog
from tests.feeds_histories import History, emptied
from tests.feeds_polling import Reader
from tests.feeds_walking import ATOM
from tests.web_client import open_client
from web.app import FeedServing
from web.feeds.serving import Renamed

PRIVATE = "z"


class ShortArchives(FeedsBlog):
    """Its archive documents hold few posts, so that there are many."""

    def builder(self) -> FeedBuilder:
        """As a new process has it."""
        return FeedBuilder(self.database, self.site, per_document=4)


class Timed(History):
    """Posts also wait for their time, the clock is set, and some posts are for a private feed alone."""

    def __init__(self, blog: FeedsBlog, random: Random, *, posts: int) -> None:
        self.merges = 0
        with blog.database.write() as connection:
            add_feed(connection, slug="board", rule=parse(PRIVATE), now=blog.now, is_private=True)
        super().__init__(blog, random, posts=posts)

    def step(self) -> None:
        """One thing happens."""
        more: dict[Callable[[], None], int] = {self._schedule: 3, self._set_clock: 4, super().step: 20}
        (chosen,) = self._random.choices(list(more), weights=list(more.values()))
        chosen()

    def _some_labels(self) -> list[str]:
        chosen = super()._some_labels()
        return [*chosen, PRIVATE] if self._random.random() < 0.1 else chosen

    def _merge_labels(self) -> None:
        self.merges += 1
        super()._merge_labels()

    def _curate(self, change: Callable[[Connection, list[str], datetime], object]) -> None:
        # The label that a private feed is made of cannot be taken away.
        with suppress(LabelError):
            super()._curate(change)

    def _schedule(self) -> None:
        """Posts whose time is yet to come."""
        before = max(self._posts, default=0)
        for _ in range(self._random.randint(1, 3)):
            self._add(self.blog.now + timedelta(hours=self._random.randint(1, 100)))
        self._put(range(before + 1, max(self._posts) + 1))

    def _set_clock(self) -> None:
        """Hours go by, or the clock is set back a little; then what is due comes."""
        self.blog.now += timedelta(minutes=self._random.choice([-7, 1, 60, 600, 6000]))
        with self.blog.database.write() as connection:
            release_scheduled(connection, now=self.blog.now)

    def names(self) -> list[str]:
        """Feeds that one may follow: of everything, of labels, of an author, configured, by rules."""
        with self.blog.database.read() as connection:
            slugs = [label.slug for label in labels(connection, counted=False) if label.is_met]
        known = ["all", "mine", "authors/ann", *slugs]
        if len(slugs) > 1:
            one, other = self._random.sample(slugs, 2)
            known += [f"{one}+{other}", f"{one},{other}", f"{one}+-{other}"]
        return known


class Followed:
    """A history and those who follow feeds of it."""

    def __init__(self, history: Timed, random: Random, *, renamed: Renamed) -> None:
        self.history = history
        self.blog = history.blog
        self._random = random
        self._renamed = renamed
        self._client = self._new_client()
        self._readers: list[Reader] = []
        # Each ETag that was ever given, by the path and the coding, and its bytes.
        self._tagged: dict[tuple[str, str, str], bytes] = {}

    def _new_client(self) -> TestClient:
        return open_client(self.blog, serving=FeedServing(renamed=self._renamed))

    def look(self) -> None:
        """Some poll, one is new, and now and then the process begins anew."""
        if self._random.random() < 0.2:
            self._client = self._new_client()
        self._readers.append(Reader.some(self._random, self._random.choice(self.history.names())))
        anew = self._new_client()
        for reader in self._random.sample(self._readers, min(3, len(self._readers))):
            self._poll(reader, anew)

    def look_at_all(self) -> None:
        """Everybody polls."""
        anew = self._new_client()
        for reader in list(self._readers):
            self._poll(reader, anew)

    def _poll(self, reader: Reader, anew: TestClient) -> None:
        with self.blog.database.read() as connection:
            spec = find_feed(connection, self.blog.site, reader.name)
            live = list_posts(connection, state=PostState.LIVE)
        pages = reader.poll(self._client, anew)
        assert (pages is None) == (spec is None), reader.name
        if pages is None or spec is None:
            self._readers.remove(reader)
            return
        rule = None if spec.slug in {"all", "mine"} or spec.author_id is not None else spec.slug
        mine = self.history.expected()["mine"]
        posts = mine if spec.slug == "mine" else [one for one in live if rule is None or _is_under(one, rule)]
        shown = {entry_id for page in pages for entry_id in page.ids}
        uris = [one.uri for one in posts]
        assert shown <= set(uris), f"{reader.name} shows what it should not"
        # A rule in an address has no archive, but pages: what comes late may stand on one that was read.
        is_whole = reader.is_thorough and not set(reader.name) & set("+,")
        missed = set(uris if is_whole else uris[: self.blog.site.entries]) - reader.seen
        assert not missed, f"{reader.name} lacks {missed}"
        self._remember(reader, spec.uri)

    def _remember(self, reader: Reader, uri: str) -> None:
        key = reader.path, reader.coding, reader.etag
        assert self._tagged.setdefault(key, reader.body) == reader.body
        if reader.suffix == "atom":
            assert etree.fromstring(reader.body).findtext(f"{ATOM}id") == uri
        # Who follows a label that was merged follows another feed from then on; nothing else may do that.
        if reader.merges == self.history.merges:
            assert reader.feed_id == uri
        reader.feed_id, reader.merges = uri, self.history.merges


def _is_under(post: Post, rule: str) -> bool:
    """Whether a post is under a rule as an address writes it, when that is of slugs alone."""
    return any(all(_has(post, term) for term in alternative.split("+")) for alternative in rule.split(","))


def _has(post: Post, term: str) -> bool:
    return (term.removeprefix("-") in post.label_slugs) != term.startswith("-")


def follow(database: Database, random: Random, *, posts: int, steps: int) -> None:
    """A history from its begin to its end."""
    blog = ShortArchives(emptied(database).database)
    renamed: Renamed = random.choice(["redirect", "serve"])
    followed = Followed(Timed(blog, random, posts=posts), random, renamed=renamed)
    for _ in range(steps):
        followed.history.step()
        if random.random() < 0.7:
            followed.look()
    followed.look_at_all()
    # Nothing has changed: nobody is sent anything.
    followed.look_at_all()


@pytest.mark.parametrize("seed", range(often(1)))
def test_who_follows_a_long_history_sees_each_post_once(sqlite_database: Database, seed: int) -> None:
    follow(sqlite_database, Random(seed), posts=20, steps=40)


def test_so_it_is_on_postgresql(postgres_database: Database) -> None:
    follow(postgres_database, Random(7), posts=20, steps=25)


@settings(max_examples=often(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(random=st.randoms(use_true_random=False), posts=st.integers(0, 15), steps=st.integers(1, 8))
def test_so_it_is_with_any_short_history(
    sqlite_database: Database, random: Random, posts: int, steps: int
) -> None:
    follow(sqlite_database, random, posts=posts, steps=steps)
