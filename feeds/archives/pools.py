"""The posts of archives that are in no closed document: of many feeds in few queries.

What is stored may be behind the posts; what is found here is right all the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, func, not_, select, true

from feeds.archives.facts import some_at_a_time
from feeds.archives.layout import capacity, stamp_of
from feeds.archives.membership import membership, newest_members
from feeds.model import archive, archive_document, archive_entry
from feeds.selection import FeedSpec, FeedState
from posts.batch import newest_by_label
from posts.lookup import BATCH
from posts.model import post
from posts.revisions import batched

# The open posts of an archive that is far behind and cannot be stored are read no further than this.
FAR_BEHIND = 2000

_LAST = (
    select(func.coalesce(func.max(archive_document.c.number), 0))
    .where(archive_document.c.archive_id == archive.c.id)
    .scalar_subquery()
)
_LAST_CLOSED = (
    select(func.max(archive_document.c.closed_at))
    .where(archive_document.c.archive_id == archive.c.id)
    .scalar_subquery()
)
_STORED = select(archive, _LAST.label("closed"), _LAST_CLOSED.label("closed_at")).where(
    archive.c.feed_uri.in_(bindparam("uris", expanding=True))
)
_OPEN = (
    select(archive_entry.c.archive_id, archive_entry.c.post_id)
    .where(archive_entry.c.archive_id.in_(bindparam("ids", expanding=True)), archive_entry.c.number == 0)
    .order_by(archive_entry.c.archive_id, archive_entry.c.published.desc(), archive_entry.c.post_id.desc())
)

Stored = Row[*tuple[Any, ...]]


class Pool(NamedTuple):
    """A feed's posts that are in no closed document, newest first; ``is_due``: what is stored is behind."""

    ids: list[int]
    is_due: bool = False
    stored: Stored | None = None


class Pools:
    """Finds the open posts of archives whose closed documents hold ``per_document`` posts each."""

    def __init__(self, per_document: int) -> None:
        self._per_document = per_document

    def of(self, connection: Connection, states: Sequence[FeedState]) -> list[Pool]:
        """Each feed's open posts; of one that is far behind only some, the newest."""
        stored = _stored(connection, states)
        small = [state for state in states if state.spec.uri not in stored]
        newest = self._newest(connection, small)
        fresh = [row for state in states if (row := self._fresh(state, stored)) is not None]
        of_archives = _open(connection, fresh)
        pools = []
        for state in states:
            row = stored.get(state.spec.uri)
            if row is None:
                pools.append(self._small(connection, state, newest[state.spec.uri]))
            elif row.id in of_archives:
                pools.append(Pool(of_archives[row.id], stored=row))
            else:
                ids = _behind(connection, state.spec, row, limit=self.far(state.spec))
                pools.append(Pool(ids, is_due=True, stored=row))
        return pools

    def due(self, connection: Connection, states: Sequence[FeedState]) -> list[FeedState]:
        """Those of the feeds whose pool would say that it ``is_due``; no pool is read for that."""
        stored = _stored(connection, states)
        newest = self._newest(connection, [state for state in states if state.spec.uri not in stored])
        return [state for state in states if self._is_due(state, stored, newest)]

    def _is_due(
        self, state: FeedState, stored: Mapping[str, Stored], newest: Mapping[str, Sequence[int]]
    ) -> bool:
        if state.spec.uri in stored:
            return self._fresh(state, stored) is None
        return len(newest[state.spec.uri]) > self._room(state.spec)

    def _fresh(self, state: FeedState, stored: Mapping[str, Stored]) -> Stored | None:
        row = stored.get(state.spec.uri)
        return row if row is not None and row.stamp == stamp_of(state, self._per_document) else None

    def _newest(self, connection: Connection, states: Sequence[FeedState]) -> dict[str, list[int]]:
        """As many of each feed's newest posts as it may have with nothing stored, and one more."""
        found: dict[str, list[int]] = {}
        of_labels: dict[int, dict[int, str]] = {}
        for state in states:
            spec = state.spec
            if spec.label_id is not None and not spec.is_private:
                of_labels.setdefault(self._room(spec), {})[spec.label_id] = spec.uri
            else:
                found[spec.uri] = newest_members(connection, spec, limit=self._room(spec) + 1)
        for room, uris in of_labels.items():
            for label_id, ids in newest_by_label(connection, list(uris), limit=room + 1).items():
                found[uris[label_id]] = ids
        return found

    def _small(self, connection: Connection, state: FeedState, newest: list[int]) -> Pool:
        if len(newest) <= self._room(state.spec):
            return Pool(newest)
        return Pool(newest_members(connection, state.spec, limit=self.far(state.spec)), is_due=True)

    def far(self, spec: FeedSpec) -> int:
        """How many open posts are read at most, which an archive never has that is up to date."""
        return self._room(spec) + FAR_BEHIND

    def _room(self, spec: FeedSpec) -> int:
        return capacity(spec.entries, self._per_document)


def stays() -> ColumnElement[bool]:
    """Of an entry and its post: the post was neither edited nor dated anew since it came there."""
    return and_(
        archive_entry.c.published == post.c.published,
        archive_entry.c.edited_at.is_not_distinct_from(post.c.edited_at),
    )


def _stored(connection: Connection, states: Sequence[FeedState]) -> dict[str, Stored]:
    """What is stored of these feeds' archives, by the feeds' ids."""
    uris = [state.spec.uri for state in states]
    found: dict[str, Stored] = {}
    for start in range(0, len(uris), BATCH):
        some = uris[start : start + BATCH]
        found |= {row.feed_uri: row for row in connection.execute(_STORED, {"uris": some}).all()}
    return found


def _open(connection: Connection, stored: Iterable[Stored]) -> dict[int, list[int]]:
    """The posts of archives that are in no closed document, as they are stored."""
    found: dict[int, list[int]] = {row.id: [] for row in stored}
    for some in batched(found):
        for archive_id, post_id in some_at_a_time(connection.execute(_OPEN, {"ids": some})):
            found[archive_id].append(post_id)
    return found


def _behind(connection: Connection, spec: FeedSpec, stored: Stored, *, limit: int) -> list[int]:
    """The posts of an archive that are in no closed document, whatever is stored."""
    members = membership(connection, spec)
    mine = archive_entry.c.archive_id == stored.id
    entry = select(archive_entry.c.post_id).where(mine, archive_entry.c.post_id == post.c.id)
    closed = entry.where(archive_entry.c.number > 0, stays()).correlate(post).exists()
    since = post.c.changed_in > stored.seen if stored.rule == members.rule else true()
    newest = newest_members(connection, spec, limit=spec.entries)
    ways = (
        post.c.id.in_(select(archive_entry.c.post_id).where(mine, archive_entry.c.number == 0)),
        and_(since, not_(closed)),
        post.c.id.in_(newest),
    )
    found: dict[int, datetime] = {}
    for way in ways:
        query = select(post.c.id, post.c.published).where(way, members.for_each)
        newest_first = query.order_by(post.c.published.desc(), post.c.id.desc()).limit(limit)
        found |= {row[0]: row[1] for row in connection.execute(newest_first)}
    return sorted(found, key=lambda post_id: (found[post_id], post_id), reverse=True)[:limit]
