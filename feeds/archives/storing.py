"""What is stored of feeds' archives, brought up to date in a writing transaction.

Nothing is stored of a feed while it is small: its documents follow from its posts alone. What is stored of
others says which post is in which closed document, so that it stays there until it goes or is edited.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    not_,
    select,
    true,
    update,
)

from feeds.archives.layout import capacity, digest_of, stamp_of
from feeds.archives.membership import Membership, is_archived, membership, newest_members
from feeds.archives.pools import stays
from feeds.model import archive, archive_document, archive_entry
from feeds.selection import FeedState
from posts.blog import get_blog
from posts.model import post

# Rows read at a time, and changed posts that are named one by one: an index then leads to each of them.
ROWS_AT_ONCE = 5000
FEW = 500

_TAKE_BACK = (
    update(archive_entry)
    .where(archive_entry.c.archive_id == bindparam("of"), archive_entry.c.post_id == bindparam("which"))
    .values(number=0)
)
_HOLDS = (
    update(archive_document)
    .where(archive_document.c.archive_id == bindparam("of"), archive_document.c.number == bindparam("at"))
    .values(holds=bindparam("is"))
)


def settle(connection: Connection, states: Iterable[FeedState], *, per_document: int) -> None:
    """Bring what is stored of these feeds' archives up to date with their posts.

    Ask in a writing transaction. It holds the blog's row, so that no post changes meanwhile and no other
    process does the same.
    """
    blog = get_blog(connection, lock=True)
    for state in states:
        if is_archived(state.spec):
            _Archive(connection, state, per_document).settle(seen=blog.revision, now=blog.changed_at)


class _Archive:
    """One feed's archive, while it is brought up to date."""

    def __init__(self, connection: Connection, state: FeedState, per_document: int) -> None:
        self._connection = connection
        self._state = state
        self._spec = state.spec
        self._per_document = per_document
        self._stamp = stamp_of(state, per_document)
        self._row = connection.execute(select(archive).where(archive.c.feed_uri == state.spec.uri)).first()

    def settle(self, *, seen: int, now: datetime) -> None:
        """Take in what changed, then close what there is too much of."""
        if self._row is None:
            room = capacity(self._spec.entries, self._per_document)
            if len(newest_members(self._connection, self._spec, limit=room + 1)) <= room:
                return
        elif self._row.stamp == self._stamp:
            return
        members = membership(self._connection, self._spec)
        known = self._row is not None and self._row.rule == members.rule
        changed = self._changed_since(self._row.seen) if self._row is not None and known else true()
        self._id = self._stored(rule=members.rule, seen=seen)
        touched = set()
        if self._row is not None:
            touched = self._touched(changed)
            self._take_away(members, changed)
            self._take_out(changed)
        self._take_in(members.for_each if known else members.for_all, changed)
        touched |= self._take_back()
        self._hold(touched)
        self._close(now=now)

    def _changed_since(self, seen: int) -> ColumnElement[bool]:
        since = post.c.changed_in > seen
        some = self._connection.execute(select(post.c.id).where(since).limit(FEW + 1)).scalars().all()
        return since if len(some) > FEW else post.c.id.in_(some)

    def _stored(self, **values: object) -> int:
        """Write the archive's row; return its number."""
        values["stamp"] = self._stamp
        if self._row is not None:
            self._connection.execute(update(archive).where(archive.c.id == self._row.id).values(values))
            found: int = self._row.id
            return found
        made = insert(archive).values(feed_uri=self._spec.uri, **values).returning(archive.c.id)
        new: int = self._connection.execute(made).scalar_one()
        return new

    def _touched(self, changed: ColumnElement[bool]) -> set[int]:
        """The closed documents that may hold something else than they did."""
        query = (
            select(archive_entry.c.number)
            .join(post, post.c.id == archive_entry.c.post_id)
            .where(self._mine, archive_entry.c.number > 0, changed)
        )
        return set(self._connection.execute(query.distinct()).scalars())

    @property
    def _mine(self) -> ColumnElement[bool]:
        return archive_entry.c.archive_id == self._id

    def _take_away(self, members: Membership, changed: ColumnElement[bool]) -> None:
        """What is the feed's no more."""
        gone = (
            select(archive_entry.c.post_id)
            .join(post, post.c.id == archive_entry.c.post_id)
            .where(self._mine, changed, not_(members.for_each))
        )
        self._connection.execute(delete(archive_entry).where(self._mine, archive_entry.c.post_id.in_(gone)))

    def _take_out(self, changed: ColumnElement[bool]) -> None:
        """What was edited, or dated anew, leaves its document and is news again."""
        moved = (
            select(post.c.id, post.c.published, post.c.edited_at)
            .join(archive_entry, and_(self._mine, archive_entry.c.post_id == post.c.id))
            .where(changed, not_(stays()))
            .subquery()
        )
        self._connection.execute(
            update(archive_entry)
            .where(self._mine, archive_entry.c.post_id == moved.c.id)
            .values(number=0, published=moved.c.published, edited_at=moved.c.edited_at)
        )

    def _take_in(self, is_member: ColumnElement[bool], changed: ColumnElement[bool]) -> None:
        """What is new in the feed."""
        known = select(archive_entry.c.post_id).where(
            archive_entry.c.archive_id == self._id, archive_entry.c.post_id == post.c.id
        )
        new = select(literal(self._id), post.c.id, literal(0), post.c.published, post.c.edited_at).where(
            changed, is_member, not_(known.correlate(post).exists())
        )
        columns = ("archive_id", "post_id", "number", "published", "edited_at")
        self._connection.execute(insert(archive_entry).from_select(columns, new))

    def _take_back(self) -> set[int]:
        """The feed's newest belong in no closed document: after many deletions some may be in one."""
        newest = newest_members(self._connection, self._spec, limit=self._spec.entries)
        closed = select(archive_entry.c.post_id, archive_entry.c.number).where(
            self._mine, archive_entry.c.number > 0, archive_entry.c.post_id.in_(newest)
        )
        found = self._connection.execute(closed).all()
        if found:
            self._connection.execute(_TAKE_BACK, [{"of": self._id, "which": row.post_id} for row in found])
        return {row.number for row in found}

    def _hold(self, numbers: set[int]) -> None:
        """Note what closed documents hold after something in them changed or went."""
        rows = [{"of": self._id, "at": number, "is": holds} for number, holds in self._digests(numbers)]
        if rows:
            self._connection.execute(_HOLDS, rows)

    def _digests(self, numbers: set[int]) -> Iterator[tuple[int, str]]:
        """The hash of each of these documents, an empty one's too; so many rows are read at a time."""
        if not numbers:
            return
        query = (
            select(archive_entry.c.number, archive_entry.c.post_id, post.c.revision)
            .join(post, post.c.id == archive_entry.c.post_id)
            .where(self._mine, archive_entry.c.number.between(min(numbers), max(numbers)))
            .order_by(archive_entry.c.number)
            .execution_options(yield_per=ROWS_AT_ONCE)
        )
        empty = set(numbers)
        for number, rows in groupby(self._connection.execute(query), key=itemgetter(0)):
            if number in empty:
                empty.remove(number)
                yield number, digest_of({row[1]: row[2] for row in rows})
        yield from ((number, digest_of({})) for number in empty)

    def _close(self, *, now: datetime) -> None:
        """Close documents of the oldest that the subscription document does not show, and leave enough."""
        kept = self._kept()
        loose = and_(self._mine, archive_entry.c.number == 0, archive_entry.c.post_id.not_in(kept))
        count = self._connection.execute(select(func.count()).select_from(archive_entry).where(loose))
        closing = count.scalar_one() // self._per_document - 1
        if closing < 1:
            return
        last = self._connection.execute(
            select(func.coalesce(func.max(archive_document.c.number), 0)).where(
                archive_document.c.archive_id == self._id
            )
        ).scalar_one()
        place = func.row_number().over(order_by=(archive_entry.c.published, archive_entry.c.post_id)) - 1
        ranked = select(archive_entry.c.post_id, place.label("place")).where(loose).subquery()
        self._connection.execute(
            update(archive_entry)
            .where(
                self._mine,
                archive_entry.c.post_id == ranked.c.post_id,
                ranked.c.place < closing * self._per_document,
            )
            .values(number=last + 1 + ranked.c.place // self._per_document)
        )
        made = {"archive_id": self._id, "closed_at": now}
        closed = self._digests(set(range(last + 1, last + 1 + closing)))
        self._connection.execute(
            insert(archive_document),
            [{**made, "number": number, "sealed": holds, "holds": holds} for number, holds in closed],
        )

    def _kept(self) -> list[int]:
        """The posts that the subscription document shows: the newest, and what an edit brought back."""
        newest = newest_members(self._connection, self._spec, limit=self._spec.entries)
        if len(newest) < self._spec.entries:
            return newest
        edge = select(post.c.published).where(post.c.id == newest[-1]).scalar_subquery()
        back = (
            select(post.c.id)
            .join(archive_entry, and_(self._mine, archive_entry.c.post_id == post.c.id))
            .where(archive_entry.c.number == 0, post.c.edited_at >= edge, post.c.id.not_in(newest))
            .order_by(post.c.edited_at.desc(), post.c.id.desc())
            .limit(self._spec.entries)
        )
        return [*newest, *self._connection.execute(back).scalars()]
