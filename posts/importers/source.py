"""What is imported from: a file, a folder, standard input or a web address, and what an importer is."""

import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from database import Database
from posts.importers.errors import ImporterError, one_line
from posts.importers.fetching import (
    Validators,
    fetch,
    known_validators,
    remember_fetch,
    without_password,
)
from posts.model import SkippedPost, SourcePost

HEAD_BYTES = 1 << 16
_MIB = 1 << 20
# What is read from a pipe or the web is kept in a temporary file, of at most this.
MAX_SPOOLED_BYTES = 2048 * _MIB


class Importer(Protocol):
    """One format that posts can be read from."""

    name: str

    def sniff(self, head: bytes, name: str) -> bool:
        """Whether a file that starts so (its first 64 KiB) and is named so is of this format."""
        ...

    def read(self, source: "Source") -> Iterator[SourcePost | SkippedPost]:
        """The posts of a source, one by one, and those that cannot be stored; raises ``ImporterError``."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Something to import: ``name`` is what a person called it, ``path`` where its bytes are.

    ``url`` is the web address it came from in the end, ``charset`` what the server said of it.
    ``unchanged``: the server said it is as it was the last time, and there is nothing to read. Close it
    (or use it in a ``with``): a temporary file goes away.
    """

    name: str
    path: Path
    url: str | None = None
    charset: str | None = None
    unchanged: bool = False
    validators: Validators | None = None
    temporary: bool = field(default=False, repr=False)

    @property
    def is_folder(self) -> bool:
        """Whether it holds files rather than being one."""
        return self.path.is_dir()

    def open(self) -> BinaryIO:
        """Its bytes, from the start; raises ``ImporterError``."""
        try:
            return self.path.open("rb")
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def head(self) -> bytes:
        """Its first 64 KiB."""
        with self.open() as stream:
            return stream.read(HEAD_BYTES)

    def read_all(self, *, limit: int) -> bytes:
        """All of it, for formats that are read whole; raises ``ImporterError`` above ``limit`` bytes."""
        with self.open() as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise ImporterError(f"{self.name}: is larger than the {limit >> 20} MiB such a file may have")
        return data

    def files(self) -> Iterator["Source"]:
        """The files of a folder and of its folders, in the order of their names, but for hidden ones."""
        try:
            paths = sorted(path for path in self.path.rglob("*") if path.is_file() and not path.is_symlink())
        except OSError as error:
            raise _unreadable(self.name, error) from error
        for path in paths:
            inside = path.relative_to(self.path)
            if not any(part.startswith(".") for part in inside.parts):
                yield Source(name=str(Path(self.name) / inside), path=path)

    def remember(self, database: Database, *, now: datetime) -> None:
        """Keep what the server said, so that the next fetch can be answered with "unchanged".

        To be called once the posts are stored; before, a failed import would be taken for one that was done.
        """
        if self.validators is not None and not self.unchanged:
            remember_fetch(database, self.validators, now=now)

    def close(self) -> None:
        """Remove the temporary file, if there is one."""
        if self.temporary:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_source(
    spec: str,
    *,
    database: Database | None = None,
    allow_private: bool = False,
    stdin: BinaryIO | None = None,
) -> Source:
    """Find a source: a path, ``-`` for standard input, or an http(s) URL, which is fetched at once.

    With ``database`` a URL that was fetched before is asked for only if it has changed. ``allow_private``
    lets the address itself be on a private network, for where a person typed it; a redirect never leads
    into one. Raises ``ImporterError``.
    """
    if spec.startswith(("http://", "https://")):
        return _from_web(spec, database, allow_private=allow_private)
    if spec == "-":
        return _spooled("standard input", stdin or sys.stdin.buffer)
    path = Path(spec)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise _unreadable(spec, error) from error
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return Source(name=spec, path=path)
    with path.open("rb") as stream:
        return _spooled(spec, stream)


def _from_web(url: str, database: Database | None, *, allow_private: bool) -> Source:
    target = _temporary_file()
    try:
        known = known_validators(database, url) if database is not None else None
        got = fetch(url, target, known=known, allow_private=allow_private, max_bytes=MAX_SPOOLED_BYTES)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Source(
        name=without_password(url),
        path=target,
        url=got.url,
        charset=got.charset,
        unchanged=got.unchanged,
        validators=got.validators,
        temporary=True,
    )


def _spooled(name: str, stream: BinaryIO) -> Source:
    target = _temporary_file()
    try:
        with target.open("wb") as spool:
            _copy(name, stream, spool)
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unreadable(name, error) from error
        raise
    return Source(name=name, path=target, temporary=True)


def _copy(name: str, stream: BinaryIO, spool: BinaryIO) -> None:
    size = 0
    while data := stream.read(_MIB):
        size += spool.write(data)
        if size > MAX_SPOOLED_BYTES:
            raise ImporterError(f"{name}: gave more than {MAX_SPOOLED_BYTES // _MIB} MiB")


def _temporary_file() -> Path:
    try:
        with tempfile.NamedTemporaryFile(prefix="labelcast-import-", delete=False) as spool:
            return Path(spool.name)
    except OSError as error:
        raise _unreadable("the folder for temporary files", error) from error


def _unreadable(name: str, error: OSError | ValueError) -> ImporterError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return ImporterError(f"{one_line(name, limit=400)}: cannot be read: {reason}")
