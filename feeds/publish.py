"""A site's feeds as files in a folder, for any web server to serve."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from feeds.atom import ATOM
from feeds.build import FeedBuilder
from feeds.folder import (
    INTENDED,
    Published,
    Standing,
    locked,
    read_manifest,
    size_of,
    survey,
    write_manifest,
    write_whole,
)
from feeds.formats import Format
from feeds.fragments import Fragment
from feeds.selection import FeedState

FOLDER = "feeds"
FEEDS_AT_ONCE = 100
FRAGMENTS_AT_ONCE = 5000
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What a build did: the names of the files written and removed, and how many stayed as they were."""

    written: tuple[str, ...]
    unchanged: int
    removed: tuple[str, ...]


class Wanted(NamedTuple):
    """A file to be: the feed in it, in which format, at which revision."""

    name: str
    state: FeedState
    form: Format
    revision: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done in a folder: files to make, files of ours to remove; and how many there will be."""

    stale: tuple[Wanted, ...]
    gone: tuple[str, ...]
    total: int


def plan(wanted: Iterable[Wanted], ours: Mapping[str, Published], on_disk: Mapping[str, Standing]) -> Plan:
    """Compare what should be with what we wrote and what is there. Pure.

    A file is stale when its feed changed, or when it is not as we left it. Only files of ours are ever gone.
    """
    stale = []
    names = set()
    for one in wanted:
        names.add(one.name)
        if ours.get(one.name) != f"{on_disk.get(one.name)} {one.revision}":
            stale.append(one)
    return Plan(tuple(stale), tuple(name for name in ours if name not in names), len(names))


def publish(
    builder: FeedBuilder,
    out: Path,
    *,
    forms: Sequence[Format] = (ATOM,),
    progress: Callable[[int, int], None] | None = None,
    patience: float = PATIENCE_SECONDS,
) -> PublishReport:
    """Bring ``<out>/feeds`` up to date: every feed in each format as ``<slug>.<suffix>``.

    A file is never half there, even when this process is killed; what has not changed is not touched; the
    files of feeds that are gone go too; files that are not ours stay. ``progress`` is told how many files are
    done, and of how many. A second build at the same time waits, at most ``patience`` seconds.

    Raises ``PublishError`` when the folder cannot be written, ``DatabaseUnavailable`` when the posts cannot
    be read; the files are then whole, some old, some new, and the next build goes on from there.
    """
    folder = out / FOLDER
    # What is read must be no older than what the last one to hold the lock read: so the lock comes first.
    with locked(folder, patience=patience):
        return _Build(builder, folder, progress).run(forms)


class _Build:
    """One build, under the folder's lock."""

    def __init__(
        self, builder: FeedBuilder, folder: Path, progress: Callable[[int, int], None] | None
    ) -> None:
        self._builder = builder
        self._folder = folder
        self._progress = progress
        self._on_disk = survey(folder)
        self._before = read_manifest(folder)
        self._ours = dict(self._before)
        self._written: list[str] = []

    def run(self, forms: Sequence[Format]) -> PublishReport:
        with self._builder.database.read() as connection:
            todo = plan(self._wanted(connection, forms), self._before, self._on_disk)
            self._announce(todo)
            fresh = self._make(connection, todo.stale)
        for name in todo.gone:
            (self._folder / name).unlink(missing_ok=True)
            del self._ours[name]
        if self._ours != self._before:
            write_manifest(self._folder, self._ours)
        # Last, for the files need not wait for the database.
        for form, made in fresh.items():
            self._builder.fragments.keep(form, made)
        return PublishReport(tuple(self._written), todo.total - len(self._written), todo.gone)

    def _wanted(self, connection: Connection, forms: Sequence[Format]) -> Iterator[Wanted]:
        states = self._builder.states(connection)
        for form in forms:
            settings = self._builder.settings(form)
            for state in states:
                yield Wanted(f"{state.spec.slug}.{form.suffix}", state, form, f"{settings} {state.token}")

    def _announce(self, todo: Plan) -> None:
        """Write down new names before their files are made: else a killed build leaves files nobody owns."""
        new = [one.name for one in todo.stale if one.name not in self._ours]
        if new:
            self._ours.update(dict.fromkeys(new, INTENDED))
            write_manifest(self._folder, self._ours)

    def _make(self, connection: Connection, stale: Sequence[Wanted]) -> dict[Format, list[Fragment]]:
        """Write the stale files; return the entries rendered for them that are not in the database yet."""
        fresh: dict[Format, list[Fragment]] = {}
        done = 0
        for some in _portions(stale):
            form = some[0].form
            made = self._builder.assemble(connection, [one.state for one in some], form=form)
            for one, document in zip(some, made.documents, strict=True):
                self._put(one, document)
                done += 1
                if self._progress is not None:
                    self._progress(done, len(stale))
            waiting = fresh.setdefault(form, [])
            waiting += made.fresh
            if len(waiting) >= FRAGMENTS_AT_ONCE:
                self._builder.fragments.keep(form, waiting)
                waiting.clear()
        return fresh

    def _put(self, one: Wanted, document: Sequence[bytes]) -> None:
        path = self._folder / one.name
        there = self._on_disk.get(one.name)
        if there is None or not _holds(path, there, document):
            there = write_whole(path, document)
            self._written.append(one.name)
        self._ours[one.name] = f"{there} {one.revision}"


def _holds(path: Path, there: Standing, document: Sequence[bytes]) -> bool:
    return size_of(there) == sum(map(len, document)) and path.read_bytes() == b"".join(document)


def _portions(stale: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    """Cut the list into parts of one format each, small enough to hold in memory."""
    part: list[Wanted] = []
    for one in stale:
        if part and (len(part) == FEEDS_AT_ONCE or part[0].form is not one.form):
            yield part
            part = []
        part.append(one)
    if part:
        yield part
