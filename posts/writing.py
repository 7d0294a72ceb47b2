"""Cleaned posts into the tables: batch by batch, inside the one transaction of an import."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from posts.authors import Written
from posts.labelbook import LabelBook
from posts.merging import StoredPost, fresh, merged
from posts.model import PostState, enclosures_of, post, post_label
from posts.overrides import Overrides
from posts.privacy import apply_private_rules
from posts.sanitize import CleanPost
from posts.search import index_texts
from posts.withdrawals import note_return, note_withdrawal

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
    post.c.enclosures,
    post.c.picture,
    post.c.language,
    post.c.withdrawn_at,
    post.c.edited_at,
)
_UPDATE = (
    update(post)
    .where(post.c.id == bindparam("post_id"))
    .values(
        {column.name: bindparam(column.name) for column in (*_COLUMNS, post.c.revision, post.c.changed_in)}
    )
)


@dataclass(frozen=True, slots=True)
class _Known:
    """A stored post that its source has changed, with its labels: label's number to name as written."""

    id: int
    revision: int
    changed_in: int
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
        self._overrides = Overrides(connection)

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
        ties = {one.uri: self._ties(one) for one in posts}
        self._mind_private_rules()
        rows = {
            one.uri: fresh(one, now=self._now, is_private=self._book.is_private(ties[one.uri]))
            for one in posts
        }
        first = {"revision": 1, "changed_in": self._book.revision}
        self._connection.execute(
            insert(post), [{"uri": uri, **first, **_values(row)} for uri, row in rows.items()]
        )
        query = select(post.c.uri, post.c.id).where(post.c.uri.in_(rows))
        numbers: dict[str, int] = {row.uri: row.id for row in self._connection.execute(query)}
        tied = []
        for uri, row in rows.items():
            tied += _tie_rows(numbers[uri], row, ties[uri])
            self._touch(row.state, ties[uri])
        if tied:
            self._connection.execute(insert(post_label), tied)
        self._book.authors.write([_written(numbers[uri], row) for uri, row in rows.items()], are_new=True)
        index_texts(self._connection, {numbers[uri]: (row.title, row.html) for uri, row in rows.items()})
        self.new += len(posts)

    def _update(self, posts: dict[int, CleanPost]) -> None:
        named = {number: self._ties(new) for number, new in posts.items()}
        self._mind_private_rules()
        rows, untied, tied = [], [], []
        written, texts = [], {}
        gone, back = [], []
        by_hand = self._overrides.of(posts)
        for known in self._known(posts):
            old, new = known.stored, posts[known.id]
            ties = _merged_ties(known, new, named[known.id])
            if (said := by_hand.get(known.id)) is not None:
                ties = said.ties(ties, self._book)
                new = replace(new, state=said.state(new.state))
            row = merged(old, new, now=self._now, is_private=self._book.is_private(ties))
            is_seen = not row.looks_like(old) or ties.keys() != known.ties.keys()
            revisions = {
                "revision": known.revision + is_seen,
                "changed_in": self._book.revision if is_seen else known.changed_in,
            }
            rows.append({"post_id": known.id, **revisions, **_values(row)})
            if is_seen or ties != known.ties:
                untied.append(known.id)
                tied += _tie_rows(known.id, row, ties)
                self._touch(row.state, ties)
                self._touch(old.state, known.ties)
                written.append(_written(known.id, row, old))
            if row.state is not old.state:
                back += [known.id] if row.state is PostState.LIVE else []
                gone += [known.id] if old.state is PostState.LIVE else []
            if (row.title, row.html) != (old.title, old.html):
                texts[known.id] = (row.title, row.html)
            self.updated += is_seen
            self.unchanged += not is_seen
        self._overrides.note(by_hand, posts)
        note_withdrawal(self._connection, gone)
        note_return(self._connection, back)
        self._connection.execute(_UPDATE, rows)
        if untied:
            self._connection.execute(delete(post_label).where(post_label.c.post_id.in_(untied)))
        if tied:
            self._connection.execute(insert(post_label), tied)
        self._book.authors.write(written)
        index_texts(self._connection, texts)

    def _mind_private_rules(self) -> None:
        """Where a label just made takes a name that meant another, posts of that may be private no more."""
        if self._book.rules_changed():
            apply_private_rules(self._connection, self._book, now=self._now)

    def _known(self, numbers: dict[int, CleanPost]) -> list[_Known]:
        ties: dict[int, dict[int, str]] = {}
        query = select(post_label.c.post_id, post_label.c.label_id, post_label.c.written)
        for post_id, label_id, written in self._connection.execute(
            query.where(post_label.c.post_id.in_(numbers))
        ):
            ties.setdefault(post_id, {})[label_id] = written
        rows = self._connection.execute(
            select(post.c.id, post.c.revision, post.c.changed_in, *_COLUMNS)
            .where(post.c.id.in_(numbers))
            .order_by(post.c.id)
        )
        return [
            _Known(row.id, row.revision, row.changed_in, _stored(row), ties.get(row.id, {})) for row in rows
        ]

    def _ties(self, one: CleanPost) -> dict[int, str]:
        """The post's labels, each with its name as this post writes it first."""
        ties: dict[int, str] = {}
        for name in one.labels:
            label_id = self._book.label_id(name)
            if label_id is not None:
                ties.setdefault(label_id, name)
        return ties

    def _touch(self, state: PostState, ties: Collection[int]) -> None:
        """Count a change of a post that is, or was, in this state and under these labels."""
        if state is PostState.LIVE:
            self._book.touch(ties)
            self._book.touch_blog()
        if state is PostState.PRIVATE:
            self._book.touch_private()


def _merged_ties(known: _Known, new: CleanPost, named: dict[int, str]) -> dict[int, str]:
    """The labels of a post whose source has changed it and names these.

    What was withdrawn keeps those that readers knew it by, since their feeds tell that it is gone.
    """
    if new.state is PostState.DELETED:
        return known.ties
    is_withdrawn_draft = new.state is PostState.DRAFT and known.stored.was_live
    return named | known.ties if is_withdrawn_draft or not new.has_all_labels else named


def _written(number: int, row: StoredPost, old: StoredPost | None = None) -> Written:
    return Written(
        post_id=number,
        authors=row.authors,
        is_live=row.state is PostState.LIVE,
        published=row.published,
        before=old.authors if old is not None and old.state is PostState.LIVE else (),
    )


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
        "enclosures": [one.as_json() for one in row.enclosures],
        "picture": row.picture,
        "language": row.language,
        "withdrawn_at": row.withdrawn_at,
        "edited_at": row.edited_at,
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
        enclosures=enclosures_of(row.enclosures),
        picture=row.picture,
        language=row.language,
        withdrawn_at=row.withdrawn_at,
        edited_at=row.edited_at,
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
