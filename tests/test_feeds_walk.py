"""Whatever happens to a blog: a walk finds each post once, addresses keep entries, readers miss nothing."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database import Database, open_database, upgrade
from feeds.build import FeedBuilder
from feeds.site import Content, FeedSite
from posts.blog import create_blog
from posts.importers import find_importer, open_source
from posts.intake import store_posts
from posts.model import Post, PostState, SourcePost
from posts.store import list_posts
from tests.examples import often
from tests.feeds_blog import SITE
from tests.feeds_histories import History, emptied
from tests.feeds_walking import Poller, Witness, collected, walk

NOW = datetime(2026, 3, 1, tzinfo=UTC)
REAL_SITE = FeedSite(url="https://blog.example", title="18F", author="18F", language="en")
PER_DOCUMENT = 7


class Observed:
    """A history and all who look on: builders warm and new, a witness, and readers who poll."""

    def __init__(self, history: History, random: Random) -> None:
        self.history = history
        self._random = random
        self._warm = [self._new_builder() for _ in range(2)]
        self._witness = Witness()
        self._pollers: dict[str, Poller] = {}

    def _new_builder(self) -> FeedBuilder:
        blog = self.history.blog
        return FeedBuilder(blog.database, blog.site, per_document=PER_DOCUMENT)

    def _builder(self) -> FeedBuilder:
        return self._random.choice([*self._warm, self._new_builder()])

    def look(self) -> None:
        """Walk feeds, poll feeds; what is there must be what should be."""
        expected = self.history.expected()
        for name in self._random.sample(sorted(expected), min(2, len(expected))):
            self._walk(name, expected[name])
            self._poll(name, expected[name])
        if self._random.random() < 0.3:
            self._publish()

    def _walk(self, name: str, posts: list[Post]) -> None:
        suffix = self._random.choice(["atom", "rss", "json"])
        content: Content | None = self._random.choice([None, None, "summary"])
        pages = walk(self._builder(), name, suffix, content=content)
        assert sorted(collected(pages)) == sorted(one.uri for one in posts), name
        newest, in_order = [one.uri for one in posts[: SITE.entries]], [one.uri for one in posts]
        assert pages[0].ids == sorted(pages[0].ids, key=in_order.index)
        assert pages[0].ids[: SITE.entries] == newest
        assert len(pages[0].ids) <= 2 * SITE.entries
        assert pages[0].is_complete == (len(pages) == 1 and suffix != "json")
        assert all(page.is_archive == (suffix != "json") for page in pages[1:])
        self._witness.note(pages)

    def _poll(self, name: str, posts: list[Post]) -> None:
        poller = self._pollers.setdefault(name, Poller())
        poller.poll(self._builder(), name)
        for one in posts:
            version = f"{one.updated:%Y-%m-%dT%H:%M:%S}", one.title, one.html
            assert version in poller.seen.get(one.uri, ()), (name, one.uri)

    def _publish(self) -> None:
        """What is listed for files is what is served."""
        builder = self._builder()
        with builder.database.read() as connection:
            builder.settle(builder.states(connection))
        with builder.database.read() as connection:
            layouts = builder.lay_out(connection, builder.states(connection))
            layout = self._random.choice(layouts)
            assert not layout.is_due
            documents = builder.documents(connection, layout)
            made = builder.assemble_archive(connection, layout, documents)
        for document, parts in zip(documents, made.documents, strict=True):
            built = self._builder().archive(layout.state.spec.slug, document.number, edition=document.edition)
            assert built is not None
            assert not built.is_moved
            assert built.body == b"".join(parts)

    def finish(self) -> None:
        """Ask for every address again."""
        alive = self.history.expected()
        self._witness.look_again(self._builder(), alive=alive)


def observe(database: Database, random: Random, *, posts: int, steps: int) -> None:
    """A history from its begin to its end."""
    observed = Observed(History(emptied(database), random, posts=posts), random)
    for _ in range(steps):
        observed.history.step()
        if random.random() < 0.6:
            observed.look()
    observed.look()
    observed.finish()


@pytest.mark.parametrize("seed", range(often(1)))
def test_a_hundred_random_changes_lose_and_double_no_post(sqlite_database: Database, seed: int) -> None:
    observe(sqlite_database, Random(seed), posts=40, steps=100)


@pytest.mark.parametrize("seed", range(100, 100 + often(1)))
def test_they_do_not_on_postgresql(postgres_database: Database, seed: int) -> None:
    observe(postgres_database, Random(seed), posts=40, steps=40)


@settings(max_examples=often(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(random=st.randoms(use_true_random=False), posts=st.integers(0, 25), steps=st.integers(1, 8))
def test_no_short_history_does(sqlite_database: Database, random: Random, posts: int, steps: int) -> None:
    observe(sqlite_database, random, posts=posts, steps=steps)


@dataclass(frozen=True)
class Imported:
    """A real blog in a database's file, and the ids of each feed's posts, by slug."""

    file: Path
    posts: dict[str, set[str]]


@pytest.fixture(scope="module")
def imported(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """508 posts under 142 labels."""
    file = tmp_path_factory.mktemp("real") / "labelcast.db"
    database = open_database(f"sqlite:///{file}")
    upgrade(database)
    with database.write() as connection:
        create_blog(connection, site_url=REAL_SITE.url, now=NOW)
    source = open_source(str(shared_data / "18f-blog" / "posts.jsonl"))
    store_posts(database, find_importer("jsonl", source).read(source), now=NOW)
    posts: dict[str, set[str]] = {}
    with database.read() as connection:
        for one in list_posts(connection, state=PostState.LIVE):
            for slug in ("all", *one.label_slugs):
                posts.setdefault(slug, set()).add(one.uri)
    # The last connection to go writes the log into the file itself.
    database.dispose()
    return Imported(file, posts)


@pytest.fixture
def real(imported: Imported, tmp_path: Path) -> Iterator[Database]:
    """The real blog, of which no archive is stored yet."""
    shutil.copyfile(imported.file, tmp_path / "labelcast.db")
    database = open_database(f"sqlite:///{tmp_path / 'labelcast.db'}")
    yield database
    database.dispose()


@pytest.mark.parametrize("suffix", ["atom", "rss", "json"])
def test_every_feed_of_a_real_blog_is_walked_whole(imported: Imported, real: Database, suffix: str) -> None:
    assert len(imported.posts) == 143
    builder = FeedBuilder(real, REAL_SITE)
    for name, uris in imported.posts.items():
        pages = walk(builder, name, suffix)
        found = collected(pages)
        assert len(found) == len(set(found))
        assert set(found) == uris, name
        assert len(pages) == (1 if len(uris) <= 25 else 2 if len(uris) <= 225 else 5)


def test_so_it_is_with_many_short_documents_and_after_changes(imported: Imported, real: Database) -> None:
    """The real blog's labels have many documents; posts go and are edited; every walk is whole again."""
    site = replace(REAL_SITE, entries=5)
    builder = FeedBuilder(real, site, per_document=6)
    witness = Witness()
    with real.read() as connection:
        live = list_posts(connection, state=PostState.LIVE)
        builder.settle(builder.states(connection))
    left = {name: set(uris) for name, uris in imported.posts.items()}
    for step, gone in enumerate((live[::7], live[3::11], live[:40])):
        for name, uris in left.items():
            pages = walk(builder, name)
            assert sorted(collected(pages)) == sorted(uris), name
            witness.note(pages)
        store_posts(real, map(_deleted, gone), now=NOW + timedelta(days=1, hours=step))
        for uris in left.values():
            uris -= {one.uri for one in gone}
    witness.look_again(builder, alive=left)
    assert max(len(walk(builder, name)) for name in left) == 84


def _deleted(one: Post) -> SourcePost:
    said = {field.name: getattr(one, field.name) for field in fields(SourcePost) if hasattr(one, field.name)}
    return SourcePost(**said | {"state": PostState.DELETED, "notes": ()})
