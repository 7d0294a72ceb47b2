"""Cleaned posts on their way into the database: kept in a temporary file, so that memory stays small."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from posts.model import PostState, SkippedPost
from posts.sanitize import CleanPost

# No journal: what is lost with this process is of no use to another. 8 MiB stay in memory.
_PREPARATION = (
    "PRAGMA cache_size = -8192",
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    """
    CREATE TABLE spool (
        position INTEGER PRIMARY KEY,
        key BLOB UNIQUE NOT NULL,
        said TEXT NOT NULL,
        place TEXT NOT NULL,
        is_noted INTEGER NOT NULL,
        post TEXT NOT NULL
    )
    """,
    "BEGIN",
)

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class SpoolError(OSError):
    """There is no room for the temporary file, or no folder for it."""


class Spool:
    """Posts in the order they came, each id once; a context manager whose end removes the file.

    SQLite keeps it, in an unnamed file in its folder for temporary files (``SQLITE_TMPDIR``, ``TMPDIR``), so
    that a second post with the same id is found without any list in memory.
    """

    def __init__(self) -> None:
        self.noted = 0
        """How many posts carry notes of what was cleaned."""
        self._file = sqlite3.connect("", isolation_level=None)
        for order in _PREPARATION:
            self._file.execute(order)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, post: CleanPost) -> SkippedPost | None:
        """Keep a post; of two with one id the one updated later, and of equals the later in the source.

        The other is returned as skipped. Raises ``SpoolError`` when the file cannot grow.
        """
        key = hashlib.sha256(post.uri.encode()).digest()[:16]
        said = _instant(post.updated) if post.is_dated or post.is_edited else ""
        try:
            earlier = self._file.execute(
                "SELECT said, place, is_noted FROM spool WHERE key = ?", (key,)
            ).fetchone()
            if earlier is not None and earlier[0] > said:
                return _superseded(post.uri, post.where)
            if earlier is not None:
                self._file.execute("DELETE FROM spool WHERE key = ?", (key,))
                self.noted -= earlier[2]
            self._file.execute(
                "INSERT INTO spool (key, said, place, is_noted, post) VALUES (?, ?, ?, ?, ?)",
                (key, said, post.where, bool(post.notes), _packed(post)),
            )
        except sqlite3.OperationalError as error:
            raise SpoolError(
                f"temporary file: {error}; free some space, or name another folder with SQLITE_TMPDIR"
            ) from error
        self.noted += bool(post.notes)
        return _superseded(post.uri, earlier[1]) if earlier is not None else None

    def batches(self, *, posts: int, characters: int) -> Iterator[list[CleanPost]]:
        """The posts in the order they came, in lists of so many posts or about so many characters."""
        batch: list[CleanPost] = []
        size = 0
        for (packed,) in self._file.execute("SELECT post FROM spool ORDER BY position"):
            batch.append(_unpacked(packed))
            size += len(packed)
            if len(batch) == posts or size >= characters:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch


def _superseded(uri: str, where: str) -> SkippedPost:
    return SkippedPost(uri, "the source holds this id more than once: the newest was taken", where)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _packed(post: CleanPost) -> str:
    return _encode(
        (
            post.uri,
            post.url,
            post.title,
            post.html,
            _instant(post.published),
            _instant(post.updated),
            post.labels,
            post.authors,
            post.state.value,
            post.source_hash,
            post.is_dated,
            post.is_edited,
            post.where,
            post.notes,
        )
    )


def _unpacked(packed: str) -> CleanPost:
    values: list[Any] = json.loads(packed)
    uri, url, title, html, published, updated, labels, authors, state, source, dated, edited, where, notes = (
        values
    )
    return CleanPost(
        uri=uri,
        url=url,
        title=title,
        html=html,
        published=datetime.fromisoformat(published),
        updated=datetime.fromisoformat(updated),
        labels=tuple(labels),
        authors=tuple(authors),
        state=PostState(state),
        source_hash=source,
        is_dated=dated,
        is_edited=edited,
        where=where,
        notes=tuple(notes),
    )
