"""Cleaned posts into the tables: batch by batch, inside the one transaction of an import."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from posts.labelbook import LabelBook
from posts.merging import StoredPost, fresh, merged
from posts.model import PostState, post, post_label
from posts.sanitize import CleanPost

_COLUMNS = (
    post.c.url,
    post.c.title,
    post.c.html,
    post.c.authors,
    post.c.published,
    post.c.updated,
    post.c.first_stored,
    post.c.visible_at,
    post.c.state,
    post.c.was_withdrawn,
    post.c.source_hash,
    post.c.notes,
)
_UPDATE = (
    update(post)
    .where(post.c.id == bindparam("post_id"))
    .values({column.name: bindparam(column.name) for column in (*_COLUMNS, post.c.revision)})
)


@dataclass(frozen=True, slots=True)
class _Known:
    """A stored post that its source has changed, with its labels: label's number to name as written."""

    id: int
    revision: int
    stored: StoredPost
    ties: dict[int, str]


class PostWriter:
    """Writes batches of posts, none of which has an id in common with another."""

    def __init__(self, connection: Connection, book: LabelBook, *, now: datetime) -> None:
        self.new = 0
        self.updated = 0
        self.unchanged = 0
        self._connection = connection
        self._book = book
        self._now = now

    def write(self, posts: Sequence[CleanPost]) -> None:
        """Insert what is new, update what its source has changed, leave the rest untouched."""
        by_uri = {one.uri: one for one in posts}
        query = select(post.c.id, post.c.uri, post.c.source_hash).where(post.c.uri.in_(by_uri))
        changed: dict[int, CleanPost] = {}
        for number, uri, stored_hash in self._connection.execute(query):
            one = by_uri.pop(uri)
            if stored_hash == one.source_hash:
                self.unchanged += 1
            else:
                changed[number] = one
        if by_uri:
            self._insert(list(by_uri.values()))
        if changed:
            self._update(changed)

    def _insert(self, posts: Sequence[CleanPost]) -> None:
        rows = {one.uri: fresh(one, now=self._now) for one in posts}
        self._connection.execute(
            insert(post), [{"uri": uri, "revision": 1, **_values(row)} for uri, row in rows.items()]
        )
        query = select(post.c.uri, post.c.id).where(post.c.uri.in_(rows))
        numbers: dict[str, int] = {row.uri: row.id for row in self._connection.execute(query)}
        tied = []
        for one in posts:
            row, ties = rows[one.uri], self._ties(one)
            tied += _tie_rows(numbers[one.uri], row, ties)
            if row.state is PostState.LIVE:
                self._touch(ties)
        if tied:
            self._connection.execute(insert(post_label), tied)
        self.new += len(posts)

    def _update(self, posts: dict[int, CleanPost]) -> None:
        rows, untied, tied = [], [], []
        for known in self._known(posts):
            new = posts[known.id]
            row = merged(known.stored, new, now=self._now)
            ties = known.ties if new.state is PostState.DELETED else self._ties(new)
            if not new.has_all_labels:
                ties = {**ties, **known.ties}
            is_seen = not row.looks_like(known.stored) or ties.keys() != known.ties.keys()
            rows.append({"post_id": known.id, "revision": known.revision + is_seen, **_values(row)})
            if is_seen or ties != known.ties:
                untied.append(known.id)
                tied += _tie_rows(known.id, row, ties)
                if PostState.LIVE in {row.state, known.stored.state}:
                    self._touch({**ties, **known.ties})
            self.updated += is_seen
            self.unchanged += not is_seen
        self._connection.execute(_UPDATE, rows)
        if untied:
            self._connection.execute(delete(post_label).where(post_label.c.post_id.in_(untied)))
        if tied:
            self._connection.execute(insert(post_label), tied)

    def _known(self, numbers: dict[int, CleanPost]) -> list[_Known]:
        ties: dict[int, dict[int, str]] = {}
        query = select(post_label.c.post_id, post_label.c.label_id, post_label.c.written)
        for post_id, label_id, written in self._connection.execute(
            query.where(post_label.c.post_id.in_(numbers))
        ):
            ties.setdefault(post_id, {})[label_id] = written
        rows = self._connection.execute(
            select(post.c.id, post.c.revision, *_COLUMNS).where(post.c.id.in_(numbers)).order_by(post.c.id)
        )
        return [_Known(row.id, row.revision, _stored(row), ties.get(row.id, {})) for row in rows]

    def _ties(self, one: CleanPost) -> dict[int, str]:
        """The post's labels, each with its name as this post writes it first."""
        ties: dict[int, str] = {}
        for name in one.labels:
            label_id = self._book.label_id(name)
            if label_id is not None:
                ties.setdefault(label_id, name)
        return ties

    def _touch(self, ties: dict[int, str]) -> None:
        self._book.touch(ties)
        self._book.touch_blog()


def _values(row: StoredPost) -> dict[str, Any]:
    return {
        "url": row.url,
        "title": row.title,
        "html": row.html,
        "authors": list(row.authors),
        "published": row.published,
        "updated": row.updated,
        "first_stored": row.first_stored,
        "visible_at": row.visible_at,
        "state": row.state.value,
        "was_withdrawn": row.was_withdrawn,
        "source_hash": row.source_hash,
        "notes": list(row.notes),
    }


def _stored(row: Row[*tuple[Any, ...]]) -> StoredPost:
    return StoredPost(
        url=row.url,
        title=row.title,
        html=row.html,
        authors=tuple(row.authors),
        published=row.published,
        updated=row.updated,
        first_stored=row.first_stored,
        visible_at=row.visible_at,
        state=PostState(row.state),
        was_withdrawn=row.was_withdrawn,
        source_hash=row.source_hash,
        notes=tuple(row.notes),
    )


def _tie_rows(number: int, row: StoredPost, ties: dict[int, str]) -> list[dict[str, Any]]:
    return [
        {
            "post_id": number,
            "label_id": label_id,
            "written": written,
            "live": row.state is PostState.LIVE,
            "published": row.published,
        }
        for label_id, written in ties.items()
    ]
