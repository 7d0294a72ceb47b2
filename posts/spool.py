"""Cleaned posts on their way into the database: kept in a temporary file, so that memory stays small."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from posts.model import PostState, SkippedPost, enclosures_of
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

        The other is returned as skipped, unless all it has to add is labels. Raises ``SpoolError`` when the
        file cannot grow.
        """
        key = hashlib.sha256(post.uri.encode()).digest()[:16]
        try:
            earlier = self._take(key)
            kept = post if earlier is None else _newer(earlier, post)
            self._file.execute(
                "INSERT INTO spool (key, is_noted, post) VALUES (?, ?, ?)",
                (key, bool(kept.notes), _packed(kept)),
            )
        except sqlite3.OperationalError as error:
            raise SpoolError(
                f"temporary file: {error}; free some space, or name another folder with SQLITE_TMPDIR"
            ) from error
        self.noted += bool(kept.notes)
        if earlier is None or not kept.has_all_labels:
            return None
        where = post.where if kept is earlier else earlier.where
        return SkippedPost(post.uri, "the source holds this id more than once: the newest was taken", where)

    def _take(self, key: bytes) -> CleanPost | None:
        """The post of this key, which is then kept no more."""
        row = self._file.execute("SELECT is_noted, post FROM spool WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        self._file.execute("DELETE FROM spool WHERE key = ?", (key,))
        self.noted -= row[0]
        return _unpacked(row[1])

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


def _newer(earlier: CleanPost, later: CleanPost) -> CleanPost:
    """The one updated later, the second of equals; with both posts' labels where it may not have all."""
    kept, other = (earlier, later) if _said(earlier) > _said(later) else (later, earlier)
    if kept.has_all_labels:
        return kept
    both = hashlib.sha256(f"{kept.source_hash} {other.source_hash}".encode()).hexdigest()
    return replace(kept, labels=tuple(dict.fromkeys((*kept.labels, *other.labels))), source_hash=both)


def _said(post: CleanPost) -> str:
    return _instant(post.updated) if post.is_dated or post.is_edited else ""


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
            post.has_all_labels,
            post.is_day_only,
            [one.as_json() for one in post.enclosures],
            post.picture,
            post.language,
        )
    )


def _unpacked(packed: str) -> CleanPost:
    values: list[Any] = json.loads(packed)
    uri, url, title, html, published, updated, labels, authors, state, source, dated, edited, *rest = values
    where, notes, all_labels, day_only, enclosures, picture, language = rest
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
        has_all_labels=all_labels,
        is_day_only=day_only,
        enclosures=enclosures_of(enclosures),
        picture=picture,
        language=language,
    )
