"""Documents put where a web server serves them from: only what changed, and never a link that leads nowhere.

Whatever is there at any instant, also when the process is killed or two builds are at work: every document
is whole, and every link from one that a reader could have come by leads to one that is there.

- New documents come first, and all of them before any that is there already is changed: only these can lead
  a reader to them. Among either: archive documents, oldest first, feeds, pages, and what lists them.
- Removed documents go last, when nothing that stays leads to them any more.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from uuid import uuid4

from sqlalchemy import Connection

from database import Database
from feeds.publishing.compressing import BESIDE
from feeds.publishing.documents import Document, Source
from feeds.publishing.placing import Placed, Placer
from feeds.publishing.planning import Plan, plan, published
from feeds.publishing.targets import (
    INTENDED,
    MANIFEST,
    Manifest,
    PublishError,
    Target,
    is_fit,
    manifest_file,
    parse_manifest,
)

PATIENCE_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.25
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What a build did: the names of the documents written and removed, and how many stayed as they were.

    ``left`` are the names that another's files have: these stay, and ours are not published.
    """

    written: tuple[str, ...]
    unchanged: int
    removed: tuple[str, ...]
    left: tuple[str, ...] = ()


def publish(
    database: Database,
    sources: Sequence[Source],
    target: Target,
    *,
    compressed: bool = True,
    progress: Callable[[int, int], None] | None = None,
    patience: float = PATIENCE_SECONDS,
) -> PublishReport:
    """Bring the target up to date with the documents of all sources, ``.gz`` and ``.br`` beside each.

    What has not changed is not touched; documents of ours that are wanted no more go; files that are not ours
    stay. ``progress`` is told how many documents are done, and of how many. Where another build is at work it
    is waited for, at most ``patience`` seconds; where that cannot be, whoever ends last puts all in order.

    Raises ``PublishError`` when the target cannot be written, ``DatabaseUnavailable`` when the posts cannot
    be read; the documents are then whole, some old, some new, and the next build goes on from there.
    """
    suffixes = ("", *BESIDE) if compressed else ("",)
    # What is read must be no older than what the last one to hold the target read: so holding comes first.
    with target.held(patience=patience), ThreadPoolExecutor(target.workers) as pool:
        build = _Build(database, sources, target, pool, suffixes=suffixes, progress=progress)
        for _ in range(ROUNDS):
            if build.run():
                return build.report()
            build.give_way(patience=patience)
    raise PublishError(f"{target}: other builds are at work there; try again once they have ended")


class _Build:
    """One build. Where it has the target for itself, one run is all; else it runs until nobody interferes.

    Each build writes its own name into the list of documents before it changes anything. One that finds
    another's name there when it is done runs again, and makes anew what it wrote itself, from what the
    database holds then. So whoever writes last has read last. Of two, one waits for the other's end.
    """

    def __init__(
        self,
        database: Database,
        sources: Sequence[Source],
        target: Target,
        pool: ThreadPoolExecutor,
        *,
        suffixes: Sequence[str],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._database = database
        self._sources = sources
        self._target = target
        self._pool = pool
        self._suffixes = suffixes
        self._progress = progress or (lambda _done, _of: None)
        self._name = uuid4().hex
        # By name, in the order it was done; over all runs.
        self._written: dict[str, None] = {}
        self._removed: dict[str, None] = {}
        self._left: dict[str, None] = {}
        self._total = 0

    def report(self) -> PublishReport:
        """What was done in all."""
        unchanged = self._total - len(self._written) - len(self._left)
        return PublishReport(tuple(self._written), unchanged, tuple(self._removed), tuple(self._left))

    def run(self) -> bool:
        """Bring all up to date; tell whether nobody else did meanwhile."""
        # Before the database is read: what is in the list was wanted by one who had read no more than we.
        before = self._manifest()
        self._ours = dict(before.documents)
        self._ours.update(dict.fromkeys((*self._written, *self._removed), INTENDED))
        for source in self._sources:
            source.prepare()
        with self._database.read() as connection:
            documents = self._documents(connection)
            there = self._target.survey(self._names())
            todo = plan(documents, self._ours, there, suffixes=self._suffixes)
            is_alone = self._target.is_exclusive or todo.is_empty
            self._announce(todo, always=not is_alone)
            placer = Placer(self._target, there, self._ours, todo.foreign, self._suffixes)
            self._make(connection, todo, placer)
        self._remove(todo, placer)
        if not is_alone and self._manifest().build != self._name:
            return False
        if not is_alone or self._ours != before.documents:
            self._write_manifest(is_done=True)
        # Last, for the documents need not wait for the database.
        for source in self._sources:
            source.finish()
        return True

    def give_way(self, *, patience: float) -> None:
        """Wait until the build that interfered is done, should its name say that it goes first."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            other = self._manifest()
            if other.is_done or other.build <= self._name:
                return
            time.sleep(LOOK_AGAIN_SECONDS)

    def _manifest(self) -> Manifest:
        return parse_manifest(self._target.read(MANIFEST))

    def _write_manifest(self, *, is_done: bool) -> None:
        self._target.put([manifest_file(Manifest(self._ours, self._name, is_done))])

    def _documents(self, connection: Connection) -> list[Document]:
        self._left.clear()
        self._source_of: dict[str, Source] = {}
        documents = []
        for source in self._sources:
            for document in source.documents(connection):
                if not is_fit(document.name):
                    self._left[document.name] = None
                elif document.name not in self._source_of:
                    self._source_of[document.name] = source
                    documents.append(document)
        self._total = len(documents) + len(self._left)
        return documents

    def _names(self) -> set[str]:
        names = {*self._source_of, *self._ours, MANIFEST}
        return names | {name + suffix for name in names if "/" not in name for suffix in BESIDE}

    def _announce(self, todo: Plan, *, always: bool) -> None:
        """Write down new names before their files are made: else a killed build leaves files nobody owns."""
        stale = (one.name for stage in todo.stages for one in stage)
        new = [name for name in stale if name not in self._ours and name not in todo.foreign]
        if new or always:
            self._ours.update(dict.fromkeys(new, INTENDED))
            self._write_manifest(is_done=False)

    def _make(self, connection: Connection, todo: Plan, placer: Placer) -> None:
        total = sum(map(len, todo.stages))
        done = 0
        for stage in todo.stages:
            # A stage is done before the next begins: what that links to is in place.
            jobs = (partial(placer.place, *made) for made in self._made(connection, stage))
            for placed in self._side_by_side(jobs):
                self._note(placed)
                done += 1
                self._progress(done, total)

    def _made(self, connection: Connection, stage: Sequence[Document]) -> Iterator[tuple[Document, bytes]]:
        for source, group in groupby(stage, key=lambda one: self._source_of[one.name]):
            some = list(group)
            yield from zip(some, source.make(connection, some), strict=True)

    def _side_by_side(self, jobs: Iterable[Callable[[], Placed]]) -> Iterator[Placed]:
        """The results of jobs, in their order; no more are begun than the workers are soon through with."""
        waiting: deque[Future[Placed]] = deque()
        try:
            for job in jobs:
                waiting.append(self._pool.submit(job))
                if len(waiting) > 2 * self._target.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()

    def _note(self, placed: Placed) -> None:
        name = placed.document.name
        if placed.files is None:
            self._left[name] = None
            return
        self._ours[name] = published(placed.document, placed.files)
        if placed.is_new:
            self._written[name] = None

    def _remove(self, todo: Plan, placer: Placer) -> None:
        for _, group in groupby(todo.gone, key=lambda name: name.count("/")):
            some = list(group)
            list(self._pool.map(placer.remove, some))
            for name in some:
                del self._ours[name]
                self._removed[name] = None
                self._written.pop(name, None)
