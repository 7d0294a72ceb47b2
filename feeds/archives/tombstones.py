"""What feeds tell of posts that were in them and are no more (RFC 6721)."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy import Column, Connection, Select, bindparam, func, select

from feeds.archives.layout import Layout
from feeds.formats.format import Deleted
from feeds.selection import FeedSpec
from posts.model import post
from posts.revisions import batched
from posts.rules import All
from posts.withdrawals import withdrawn, withdrawn_author, withdrawn_label

# Up to so many feeds are asked for one by one.
FEW = 10

_LAST = select(func.max(post.c.withdrawn_at))


def _of_many(owner: Column[int], post_id: Column[int]) -> Select[int, str, datetime]:
    """The last posts that went of every label, or every author."""
    gone = (post.c.withdrawn_at.desc(), post.c.id.desc())
    place = func.row_number().over(partition_by=owner, order_by=gone)
    ranked = (
        select(owner.label("owner"), post.c.uri, post.c.withdrawn_at, place.label("place"))
        .join(post, post.c.id == post_id)
        .where(post.c.withdrawn_at.is_not(None))
        .subquery()
    )
    found = select(ranked.c.owner, ranked.c.uri, ranked.c.withdrawn_at)
    return found.where(ranked.c.place <= bindparam("limit")).order_by(ranked.c.owner, ranked.c.place)


_OF_LABELS = _of_many(withdrawn_label.c.label_id, withdrawn_label.c.post_id)
_OF_AUTHORS = _of_many(withdrawn_author.c.author_id, withdrawn_author.c.post_id)


def tombstones(connection: Connection, layouts: Sequence[Layout]) -> list[tuple[Deleted, ...]]:
    """Which posts went of each feed, the last first: since the oldest of its newest was published.

    All of them of a feed that is not full, and at most as many as it has entries. None of a search.
    """
    last = connection.execute(_LAST).scalar_one()
    if last is None:
        return [()] * len(layouts)
    edges = _edges(connection, layouts)
    limit = max((layout.state.spec.entries for layout in layouts), default=0)
    owned = _owned(connection, limit=limit) if len(layouts) > FEW else {}
    found: list[tuple[Deleted, ...]] = []
    for layout, edge in zip(layouts, edges, strict=True):
        spec = layout.state.spec
        if spec.query is not None or (edge is not None and edge > last):
            found.append(())
        elif owned and (owner := _owner(spec)) is not None:
            gone = owned.get(owner, [])[: spec.entries]
            found.append(tuple([one for one in gone if edge is None or one.when >= edge]))
        else:
            found.append(_of_one(connection, spec, edge))
    return found


def _edges(connection: Connection, layouts: Sequence[Layout]) -> list[datetime | None]:
    """When the oldest of each feed's newest posts was published; None of a feed that is not full."""
    oldest = [next(islice(layout.shown, layout.state.spec.entries - 1, None), None) for layout in layouts]
    published: dict[int | None, datetime] = {}
    for some in batched({post_id for post_id in oldest if post_id is not None}):
        query = select(post.c.id, post.c.published).where(post.c.id.in_(some))
        published |= {row[0]: row[1] for row in connection.execute(query)}
    return [published.get(post_id) for post_id in oldest]


def _owner(spec: FeedSpec) -> tuple[str, int] | None:
    """Whose posts a public feed has that is a label's or an author's own."""
    if spec.is_private:
        return None
    if spec.label_id is not None:
        return "label", spec.label_id
    if spec.author_id is not None and spec.rule == All():
        return "author", spec.author_id
    return None


def _owned(connection: Connection, *, limit: int) -> dict[tuple[str, int], list[Deleted]]:
    """The last posts that went of every label and of every author."""
    found: dict[tuple[str, int], list[Deleted]] = {}
    for kind, query in (("label", _OF_LABELS), ("author", _OF_AUTHORS)):
        for owner, uri, when in connection.execute(query, {"limit": limit}):
            found.setdefault((kind, owner), []).append(Deleted(uri, when))
    return found


def _of_one(connection: Connection, spec: FeedSpec, since: datetime | None) -> tuple[Deleted, ...]:
    rule = None if spec.label_id is not None or spec.rule == All() else spec.rule
    gone = withdrawn(
        connection,
        label_id=spec.label_id,
        author_id=spec.author_id,
        rule=rule,
        since=since,
        limit=spec.entries,
        private=spec.is_private,
    )
    return tuple([Deleted(one.uri, one.when) for one in gone])
