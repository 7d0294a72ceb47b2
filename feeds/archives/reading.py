"""Reading archives: where feeds' posts stand, which documents there are, and what is in each.

What is stored of an archive may be behind the posts, for a reader cannot always write. What is read here is
right all the same: a post that went is in no document, and one that was edited or came since is in no closed
one.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from database import DatabaseUnavailable
from feeds.archives.facts import published, read_facts
from feeds.archives.layout import ArchiveDocument, Facts, Held, Layout, digest_of, open_document, split
from feeds.archives.membership import membership
from feeds.archives.pools import Pool, Pools, Stored, stays
from feeds.model import archive_document, archive_entry
from feeds.selection import FeedState
from posts.model import post


class Archives:
    """Reads archives whose closed documents hold ``per_document`` posts each."""

    def __init__(self, per_document: int) -> None:
        self.per_document = per_document
        self._pools = Pools(per_document)

    def lay_out(self, connection: Connection, states: Sequence[FeedState]) -> list[Layout]:
        """Where the posts of feeds that have archives stand."""
        pools = self._pools.of(connection, states)
        facts = read_facts(connection, {post_id for pool in pools for post_id in pool.ids})
        edges = _edges(connection, states, pools, facts)
        return [
            self._layout(state, pool, facts, edge)
            for state, pool, edge in zip(states, pools, edges, strict=True)
        ]

    def due(self, connection: Connection, states: Sequence[FeedState]) -> list[FeedState]:
        """Those of the feeds whose archives are behind their posts, or should be stored and are not."""
        return self._pools.due(connection, states)

    def _layout(self, state: FeedState, pool: Pool, facts: Facts, edge: Any) -> Layout:
        shown, rest = split(pool.ids, facts, edge=edge, entries=state.spec.entries)
        closed, closed_at = (pool.stored.closed, pool.stored.closed_at) if pool.stored else (0, None)
        return Layout(
            state,
            shown,
            rest,
            open_document(rest, closed=closed, closed_at=closed_at),
            closed,
            archive_id=pool.stored.id if pool.stored else None,
            is_due=pool.is_due,
            is_cut=len(pool.ids) >= self._pools.far(state.spec),
        )

    def documents(self, connection: Connection, layout: Layout) -> list[ArchiveDocument]:
        """A feed's archive documents, the oldest first."""
        query = (
            select(archive_document)
            .where(archive_document.c.archive_id == layout.archive_id)
            .order_by(archive_document.c.number)
        )
        rows = connection.execute(query).all() if layout.closed else []
        closed = [
            _closed(row, self._digest(connection, layout, row.number) if layout.is_due else row.holds)
            for row in rows
        ]
        return [*closed, *([layout.open] if layout.open else [])]

    def _digest(self, connection: Connection, layout: Layout, number: int) -> str:
        return digest_of(self.entries(connection, layout, number))

    def find(
        self, connection: Connection, layout: Layout, number: int
    ) -> tuple[ArchiveDocument, Held] | None:
        """One of a feed's archive documents and its posts; None when there is none of that number."""
        if layout.open is not None and number == layout.open.number:
            return layout.open, self.entries(connection, layout, number)
        query = select(archive_document).where(
            archive_document.c.archive_id == layout.archive_id, archive_document.c.number == number
        )
        row = connection.execute(query).first() if layout.closed else None
        if row is None:
            return None
        entries = self.entries(connection, layout, number)
        return _closed(row, digest_of(entries)), entries

    def entries(self, connection: Connection, layout: Layout, number: int) -> Held:
        """The posts of one of a feed's archive documents, the newest first.

        Raises ``DatabaseUnavailable`` for the open document of an archive that should have been stored long
        since, and then is too long.
        """
        if number > layout.closed:
            if layout.is_cut:
                raise DatabaseUnavailable(
                    f"feed {layout.state.spec.slug}: its archive is far behind its posts, and the database"
                    " cannot be written now; ask again later"
                )
            return layout.rest
        query = (
            select(archive_entry.c.post_id, post.c.revision)
            .join(post, post.c.id == archive_entry.c.post_id)
            .where(archive_entry.c.archive_id == layout.archive_id, archive_entry.c.number == number)
            .order_by(archive_entry.c.published.desc(), archive_entry.c.post_id.desc())
        )
        if layout.is_due:
            query = query.where(stays(), membership(connection, layout.state.spec).for_each)
        elsewhere = {*layout.shown, *layout.rest} if layout.is_due else ()
        return {row[0]: row[1] for row in connection.execute(query) if row[0] not in elsewhere}


def _closed(row: Stored, holds: str) -> ArchiveDocument:
    edition = "" if holds == row.sealed else holds
    return ArchiveDocument(row.number, edition, holds, is_closed=True, closed_at=row.closed_at)


def _edges(
    connection: Connection, states: Sequence[FeedState], pools: Sequence[Pool], facts: Facts
) -> list[Any]:
    """When the last of each feed's newest posts was published; None where no edit can bring one back."""
    last: list[int | None] = []
    for state, pool in zip(states, pools, strict=True):
        entries = state.spec.entries
        is_edited = any(post_id in facts.edited for post_id in pool.ids[entries:])
        last.append(pool.ids[entries - 1] if is_edited else None)
    wanted = {post_id for post_id in last if post_id is not None}
    found = published(connection, wanted)
    return [None if post_id is None else found[post_id] for post_id in last]
