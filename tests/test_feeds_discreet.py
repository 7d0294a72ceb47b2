"""Nothing that is public tells of what is done to private posts: not by a byte, a token or a moment."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from database import Database
from feeds.build import FeedBuilder
from feeds.formats.known import SUFFIXES
from feeds.hubs.websub import topics
from feeds.publishing.folder import Folder
from feeds.publishing.publish import publish
from feeds.publishing.sources import FeedDocuments, FeedList
from feeds.publishing.targets import MANIFEST
from feeds.selection import add_feed, current_feeds, is_gone
from posts.curation import delete_label, merge_labels, rename_label
from posts.lookup import find_label, label_aliases, labels, nearest_labels
from posts.model import PostState, SourcePost
from posts.rules import parse
from tests.examples import often
from tests.feeds_blog import FeedsBlog, post
from tests.feeds_histories import History, emptied

PRIVATE = "z"
HIDDEN = range(100, 104)
WITHDRAWN = range(200, 204)
SECRETS = ("Secret", "Secret plan", "Merger", "Merged")
HUBS = ("https://hub.example/",)


class Watched(FeedsBlog):
    """A blog with a hub, whose archive documents hold few posts."""

    def builder(self) -> FeedBuilder:
        """As a new process has it."""
        return FeedBuilder(self.database, self.site, per_document=4)


class PublicHistory(History):
    """What everybody sees happen; at first some posts wait unseen, and some that were seen become private."""

    def __init__(self, blog: FeedsBlog, random: Random) -> None:
        with blog.database.write() as connection:
            add_feed(connection, slug="board", rule=parse(PRIVATE), now=blog.now, is_private=True)
            add_feed(connection, slug="outer", rule=parse("b or Secret"), now=blog.now)
            add_feed(connection, slug="without", rule=parse("not Merger"), now=blog.now)
        # Their numbers are taken from the start, for a number is all that a later post gets of an earlier.
        blog.store_all([replace(post(number), state=PostState.DRAFT, authors=()) for number in HIDDEN])
        blog.store_all(post(number, *random.sample("abc", 2)) for number in WITHDRAWN)
        super().__init__(blog, random, posts=9)
        # The labels that they had are not what they have as private posts.
        blog.store_all(post(number, "c", PRIVATE) for number in WITHDRAWN)

    def _curate(self, change: Callable[[Connection, list[str], datetime], object]) -> None:
        """Of the labels that everybody knows."""
        self.blog.now += timedelta(minutes=1)
        with self.blog.database.write() as connection:
            known = [label.name for label in labels(connection, counted=False) if label.is_met]
            if len(known) > 1:
                change(connection, self._random.sample(known, 2), self.blog.now)

    def meet(self) -> None:
        """An author and a label come that private posts may have had before."""
        self._posts[300] = replace(post(300, "Merged"), authors=("Bea",))
        self._put([300])


@dataclass
class PrivateHistory:
    """What happens to private posts between what everybody sees."""

    blog: FeedsBlog
    random: Random
    added: int = 400
    posts: dict[int, SourcePost] = field(default_factory=dict)

    def step(self) -> None:
        """One thing happens, in the minute before the next that everybody sees."""
        before = self.blog.now
        self.random.choice([self._put, self._put, self._put, self._rename, self._merge, self._delete])()
        self.blog.now = before

    def _put(self) -> None:
        number = self.random.choice([*HIDDEN, *WITHDRAWN])
        self._store(number, self.random.choice([PostState.LIVE, PostState.LIVE, PostState.DELETED]))

    def _store(self, number: int, state: PostState) -> None:
        known = self.random.sample(["a", "A", "b", "c", "MERGED", *SECRETS], 3)
        one = replace(
            post(number, *known, PRIVATE, state=state),
            html=f"<p>Written by chance {self.random.random()}</p>",
            authors=tuple(self.random.sample(["Ann", "BEA", "Sly"], 2)),
        )
        self.blog.now -= timedelta(seconds=self.random.randint(1, 50))
        self.blog.store_all([one])

    def _rename(self) -> None:
        def rename(connection: Connection, some: list[str]) -> None:
            if find_label(connection, "Coup") is None:
                rename_label(connection, some[0], "Coup", now=self.blog.now)

        self._curate(rename)

    def _merge(self) -> None:
        self._curate(lambda connection, some: merge_labels(connection, *some, now=self.blog.now))

    def _delete(self) -> None:
        self._curate(lambda connection, some: delete_label(connection, some[0], now=self.blog.now))

    def _curate(self, change: Callable[[Connection, list[str]], object]) -> None:
        self.blog.now += timedelta(seconds=self.random.randint(1, 50))
        with self.blog.database.write() as connection:
            unmet = [one.name for one in labels(connection, counted=False) if not one.is_met]
            some = [name for name in unmet if name.casefold() not in {PRIVATE, "merged", "a", "b", "c"}]
            if len(some) > 1:
                change(connection, self.random.sample(some, 2))

    def finish(self) -> None:
        """Posts that were never seen in any state are stored, for a private feed alone."""
        for number in range(400, 403):
            self._store(number, PostState.LIVE)


def public_world(blog: FeedsBlog) -> dict[str, Any]:
    """All that anybody is told of the feeds, by what it is of."""
    builder, told = blog.builder(), dict[str, Any]()
    with blog.database.read() as connection:
        states = current_feeds(connection, blog.site)
        told["gone"] = {name: is_gone(connection, name) for name in (*SECRETS, "coup", PRIVATE, "a")}
        told["near"] = nearest_labels(connection, "merge", only_met=True)
        told["moved"] = {
            old: new for old, new in label_aliases(connection).items() if builder_finds(builder, old)
        }
    told["topics"] = topics(blog.site, states)
    for state in states:
        told[f"state {state.spec.slug}"] = (state.token, state.changed_at, state.spec.uri, state.spec.title)
        for suffix in SUFFIXES:
            built = builder.build(state.spec.slug, suffix)
            assert built is not None
            told[built.self_url] = (built.body, built.etag, built.last_modified)
    for name in (*(secret.lower() for secret in SECRETS), "coup", "authors/sly", "a+-b", PRIVATE):
        found = builder.build(name)
        told[f"asked {name}"] = found and (found.body, found.etag, found.last_modified)
    searched = builder.build("all", query="chance")
    assert searched is not None
    told["searched"] = (searched.body, searched.etag, searched.last_modified)
    return told


def builder_finds(builder: FeedBuilder, name: str) -> bool:
    """Whether a feed is at this address."""
    return builder.build(name) is not None


def published(blog: FeedsBlog, folder: Path) -> dict[str, bytes]:
    """The files of the site, the manifest among them."""
    builder = blog.builder()
    publish(blog.database, (FeedDocuments(builder), FeedList(builder)), Folder(folder))
    return {
        str(one.relative_to(folder)): one.read_bytes()
        for one in sorted(folder.rglob("*"))
        if one.is_file() and one.suffix not in {".gz", ".br"}
    }


def worlds(
    database: Database, seed: int, folder: Path, *, steps: int, discreet: bool
) -> list[dict[str, Any]]:
    """The public world after each step of a history; ``discreet``: with private changes in between."""
    blog = Watched(emptied(database).database)
    if not database.is_sqlite:
        with database.write() as connection:
            connection.execute(text("TRUNCATE post, label, author RESTART IDENTITY CASCADE"))
    blog.site = replace(blog.site, hubs=HUBS)
    public = PublicHistory(blog, Random(seed))
    private = PrivateHistory(blog, Random(seed + 1))
    found = []
    for number in range(steps):
        if discreet:
            private.step()
        if number == steps // 2:
            public.meet()
        public.step()
        if discreet:
            private.step()
            private.step()
        found.append(public_world(blog))
    files = published(blog, folder)
    if discreet:
        private.finish()
        assert published(blog, folder) == files
    # It has random numbers, and times of its files.
    del files[MANIFEST]
    found.append({**public_world(blog), **files})
    return found


def compare(database: Database, seed: int, folder: Path, *, steps: int) -> None:
    """With private changes and without them, everybody is told the same."""
    plain = worlds(database, seed, folder / f"plain {seed}", steps=steps, discreet=False)
    other = worlds(database, seed, folder / f"other {seed}", steps=steps, discreet=True)
    for number, (before, after) in enumerate(zip(plain, other, strict=True)):
        assert before.keys() == after.keys(), number
        for name, told in before.items():
            assert after[name] == told, (seed, number, name)


@pytest.mark.parametrize("seed", range(3, 3 + often(1)))
def test_private_changes_show_nowhere(database: Database, seed: int, tmp_path: Path) -> None:
    compare(database, seed, tmp_path, steps=10)


@settings(max_examples=often(3), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), steps=st.integers(1, 6))
def test_nor_in_any_short_history(sqlite_database: Database, seed: int, steps: int, tmp_path: Path) -> None:
    folder = tmp_path / f"{seed} {steps}"
    compare(sqlite_database, seed, folder, steps=steps)
