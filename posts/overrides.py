"""What a publisher said of a post by hand, above what its source says: kept, and applied to what is imported.

Labels are kept by name, and mean what their names mean everywhere: one that was renamed or merged is found by
what it was called. Only what differs from the source is kept: a label that a post has already is not added.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from posts.labelbook import LabelBook
from posts.labels import label_key
from posts.model import Label, PostState, label_alias, post_label, post_override
from posts.revisions import batched
from posts.sanitize import CleanPost


@dataclass(frozen=True, slots=True)
class Override:
    """What was said of one post.

    ``said`` is what its source says of it while it is hidden (live, draft or deleted); None: it is not.
    ``added`` are names of labels, ``removed`` keys of labels.
    """

    said: PostState | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def is_hidden(self) -> bool:
        """Whether the post is held back whatever its source says."""
        return self.said is not None

    def state(self, said: PostState) -> PostState:
        """What counts in place of what the source says."""
        return PostState.DRAFT if self.is_hidden and said is PostState.LIVE else said

    def ties(self, ties: Mapping[int, str], book: LabelBook) -> dict[int, str]:
        """A post's labels with these added and removed: label's number to name as written."""
        added = {book.find(name): name for name in self.added}
        removed = {book.find(key) for key in self.removed} - added.keys()
        kept = {label_id: written for label_id, written in ties.items() if label_id not in removed}
        return {label_id: name for label_id, name in added.items() if label_id is not None} | kept

    def adding(self, label_id: int, book: LabelBook) -> "Override":
        """With a label that the post has not."""
        removed = tuple(key for key in self.removed if book.find(key) != label_id)
        return replace(self, added=_sorted({*self.added, book.name(label_id)}), removed=removed)

    def removing(self, label_id: int, book: LabelBook) -> "Override":
        """Without a label that the post has."""
        added = tuple(name for name in self.added if book.find(name) != label_id)
        return replace(self, added=added, removed=_sorted({*self.removed, label_key(book.name(label_id))}))


NOTHING_SAID = Override()


def _sorted(names: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


def overrides_of(connection: Connection, post_ids: Collection[int]) -> dict[int, Override]:
    """What was said of these posts; those of which nothing was are left out."""
    found: dict[int, Override] = {}
    for some in batched(post_ids):
        query = select(post_override).where(post_override.c.post_id.in_(some))
        for row in connection.execute(query):
            said = PostState(row.said) if row.is_hidden else None
            found[row.post_id] = Override(said, tuple(row.added), tuple(row.removed))
    return found


def is_any(connection: Connection) -> bool:
    """Whether anything was said of any post."""
    return connection.execute(select(post_override.c.post_id).limit(1)).first() is not None


def keep(connection: Connection, said: Mapping[int, Override], *, now: datetime) -> None:
    """Keep what is said of these posts in place of what was; what says nothing is kept no more."""
    for some in batched(said):
        connection.execute(delete(post_override).where(post_override.c.post_id.in_(some)))
    rows = [
        {
            "post_id": post_id,
            "is_hidden": one.is_hidden,
            "said": None if one.said is None else one.said.value,
            "added": list(one.added),
            "removed": list(one.removed),
            "at": now,
        }
        for post_id, one in said.items()
        if one != NOTHING_SAID
    ]
    if rows:
        connection.execute(insert(post_override), rows)


class Overrides:
    """What was said of posts, during an import. Where nothing was, it asks once whether that is so."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_any: bool | None = None

    def of(self, post_ids: Collection[int]) -> dict[int, Override]:
        """What was said of these posts."""
        if self._is_any is None:
            self._is_any = is_any(self._connection)
        return overrides_of(self._connection, post_ids) if self._is_any else {}

    def note(self, known: Mapping[int, Override], posts: Mapping[int, CleanPost]) -> None:
        """Remember what their sources now say of those posts that are hidden."""
        one = update(post_override).where(post_override.c.post_id == bindparam("of"))
        rows = [
            {"of": post_id, "says": posts[post_id].state.value}
            for post_id, override in known.items()
            if override.is_hidden and posts[post_id].state is not override.said
        ]
        if rows:
            self._connection.execute(one.values(said=bindparam("says")), rows)


def merge_overrides(connection: Connection, gone: Label, stays: Label) -> None:
    """Two labels become one: who took one away from a post that has the other took away nothing of it.

    To be called once their posts are the second one's, and while the names of both still lead to each.
    """
    keys = _keys(connection, gone) | _keys(connection, stays)
    has_it = select(post_label.c.post_id).where(post_label.c.label_id == stays.id)
    query = select(post_override).where(post_override.c.post_id.in_(has_it))
    _rewrite(connection, [row for row in connection.execute(query) if keys.intersection(row.removed)], keys)


def forget_label(connection: Connection, gone: Label) -> None:
    """A label is deleted: nothing is said of it any more, also should another one get its name.

    To be called while its names still lead to it.
    """
    keys = _keys(connection, gone)
    rows = connection.execute(select(post_override)).all()
    named = [row for row in rows if any(label_key(name) in keys for name in (*row.added, *row.removed))]
    _rewrite(connection, named, keys, also_added=True)


def _keys(connection: Connection, found: Label) -> set[str]:
    """All names that lead to a label."""
    old = select(label_alias.c.key).where(label_alias.c.label_id == found.id)
    return {label_key(found.name), *connection.execute(old).scalars()}


def _rewrite(
    connection: Connection, rows: Collection[Any], keys: set[str], *, also_added: bool = False
) -> None:
    """Say no more of labels by these keys that they are removed; with ``also_added`` that they are added."""
    for row in rows:
        removed = [key for key in row.removed if key not in keys]
        added = [name for name in row.added if not (also_added and label_key(name) in keys)]
        mine = post_override.c.post_id == row.post_id
        if row.is_hidden or added or removed:
            connection.execute(update(post_override).where(mine).values(added=added, removed=removed))
        else:
            connection.execute(delete(post_override).where(mine))
