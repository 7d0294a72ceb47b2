"""Finding posts for whoever may see all of them: by words, by a rule of labels, by state and by date.

Each state is one range of an index, newest first; what was asked is the merge of a few such ranges. So a page
takes no longer where there are many posts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Connection,
    exists,
    func,
    select,
    true,
    tuple_,
    union,
)

from posts.lookup import LabelIndex, load_labels
from posts.model import PostState, post, post_label, post_override
from posts.querying import Branch, branches, condition, live_size, simplify
from posts.reading import labels_of
from posts.rules import All, Rule, rule_labels
from posts.search import has_words
from posts.selecting import Cursor, Found, in_order, place_of

COUNTED_TO = 10_000
"""More posts are not counted, and not changed at once."""

EVERYTHING = All()
_IS_HIDDEN = exists().where(post_override.c.post_id == post.c.id, post_override.c.is_hidden == true())


class Shelf(StrEnum):
    """A state as a publisher knows it: what is hidden by hand is no draft."""

    LIVE = "live"
    PRIVATE = "private"
    SCHEDULED = "scheduled"
    DRAFT = "draft"
    DELETED = "deleted"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which posts: all of it must hold. ``since`` is inclusive, ``until`` is not."""

    words: str = ""
    rule: Rule = EVERYTHING
    shelf: Shelf | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class FoundPost:
    """A post as a list shows it."""

    id: int
    title: str
    url: str | None
    published: datetime
    shelf: Shelf
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Some posts, newest first, and where the older and the newer ones go on (None: nowhere)."""

    posts: list[FoundPost]
    older: Cursor | None
    newer: Cursor | None


def find_page(
    connection: Connection,
    wanted: Wanted,
    *,
    before: Cursor | None = None,
    after: Cursor | None = None,
    limit: int,
) -> FoundPage:
    """A page of these posts: the newest, those older than ``before``, or those just newer than ``after``."""
    asked = _Asked(connection, wanted)
    shown = asked.cursors(older_than=before, newer_than=after, limit=limit + 1)
    beyond = len(shown) > limit
    shown = shown[:limit]
    if after is not None:
        shown.reverse()
    if not shown:
        return FoundPage([], None, None)
    # Where one came from there is something, or was a moment ago.
    has_older, has_newer = (True, beyond) if after is not None else (beyond, before is not None)
    return FoundPage(
        found_posts(connection, [cursor.id for cursor in shown]),
        shown[-1] if has_older else None,
        shown[0] if has_newer else None,
    )


def find_first(connection: Connection, wanted: Wanted, *, limit: int) -> tuple[FoundPage, int]:
    """The newest of these posts, and how many there are (see ``count_found``)."""
    if not wanted.words:
        return find_page(connection, wanted, limit=limit), count_found(connection, wanted)
    # To find all that have some words, and to order them, takes longer than to fetch their numbers.
    found = _Asked(connection, wanted).cursors(limit=COUNTED_TO + 1)
    shown = found_posts(connection, [cursor.id for cursor in found[:limit]])
    return FoundPage(shown, found[limit - 1] if len(found) > limit else None, None), len(found)


def find_ids(connection: Connection, wanted: Wanted, *, limit: int = COUNTED_TO) -> list[int]:
    """The ids of these posts, newest first."""
    return [cursor.id for cursor in _Asked(connection, wanted).cursors(limit=limit)]


def count_found(connection: Connection, wanted: Wanted) -> int:
    """How many posts these are, counted to one more than ``COUNTED_TO``."""
    query = _Asked(connection, wanted).query(limit=COUNTED_TO + 1)
    if query is None:
        return 0
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()


def found_posts(connection: Connection, ids: Sequence[int]) -> list[FoundPost]:
    """These posts as a list shows them, in their order; their texts are not read."""
    named = labels_of(connection, ids)
    query = select(post.c.id, post.c.title, post.c.url, post.c.published, post.c.state, _IS_HIDDEN)
    rows = {row[0]: row for row in connection.execute(query.where(post.c.id.in_(ids)))}
    return [
        FoundPost(
            id=number,
            title=rows[number][1],
            url=rows[number][2],
            published=rows[number][3],
            shelf=shelf_of(PostState(rows[number][4]), is_hidden=bool(rows[number][5])),
            labels=tuple(name for name, _ in named.get(number, ())),
        )
        for number in ids
        if number in rows
    ]


def shelf_of(state: PostState, *, is_hidden: bool) -> Shelf:
    """A post's state as a publisher knows it."""
    return Shelf.HIDDEN if is_hidden else Shelf(state.value)


@dataclass(frozen=True, slots=True)
class _Asked:
    connection: Connection
    wanted: Wanted

    def cursors(
        self, *, older_than: Cursor | None = None, newer_than: Cursor | None = None, limit: int
    ) -> list[Cursor]:
        query = self.query(older_than=older_than, newer_than=newer_than, limit=limit)
        return (
            [] if query is None else [Cursor(row[1], row[0]) for row in self.connection.execute(query).all()]
        )

    def query(
        self, *, older_than: Cursor | None = None, newer_than: Cursor | None = None, limit: int
    ) -> Found | None:
        """Id and date of the posts, newest first; with ``newer_than`` oldest first."""
        forward = newer_than is not None
        index = load_labels(self.connection, rule_labels(self.wanted.rule))
        rule = simplify(self.wanted.rule, index)
        found = branches(rule, index, size=lambda label_id: live_size(self.connection, label_id))
        if self.wanted.words and len(found) > 1:
            # What is found by words is found once for each walk.
            found = [Branch(None, rule)]
        walks = [
            in_order(self._walk(branch, state, index, older_than, newer_than), forward=forward).limit(limit)
            for branch in found
            for state in self._states()
        ]
        if not walks:
            return None
        if len(walks) == 1:
            return walks[0]
        together = union(*(select(one.c.id, one.c.published) for one in map(_subquery, walks))).subquery()
        merged: Found = select(together.c.id, together.c.published)
        return in_order(merged, forward=forward).limit(limit)

    def _states(self) -> list[PostState]:
        shelf = self.wanted.shelf
        return list(PostState) if shelf in {None, Shelf.HIDDEN} else [PostState(shelf)]

    def _walk(
        self,
        branch: Branch,
        state: PostState,
        index: LabelIndex,
        older_than: Cursor | None,
        newer_than: Cursor | None,
    ) -> Found:
        wanted = self.wanted
        if branch.label_id is None:
            published, post_id = post.c.published, post.c.id
            query: Found = select(post_id.label("id"), published.label("published"))
        else:
            # One range of ix_post_label_newest, then each post's state by primary key.
            tie = post_label.alias("tie")
            published, post_id = tie.c.published, tie.c.post_id
            query = select(post_id.label("id"), published.label("published"))
            query = query.select_from(tie).join(post, post.c.id == post_id)
            is_live = state is PostState.LIVE
            query = query.where(tie.c.label_id == branch.label_id, tie.c.live == is_live)
        query = query.where(post.c.state == state.value)
        if branch.rest != All():
            query = query.where(condition(branch.rest, index, post_id))
        if wanted.words:
            query = query.where(has_words(self.connection, wanted.words, post_id))
        if wanted.shelf is Shelf.HIDDEN:
            query = query.where(_IS_HIDDEN)
        elif wanted.shelf is Shelf.DRAFT or wanted.shelf is Shelf.DELETED:
            query = query.where(~_IS_HIDDEN)
        for edge, is_from in ((wanted.since, True), (wanted.until, False)):
            if edge is not None:
                query = query.where(published >= edge if is_from else published < edge)
        place = tuple_(published, post_id)
        if older_than is not None:
            query = query.where(place < place_of(older_than))
        if newer_than is not None:
            query = query.where(place > place_of(newer_than))
        return query


def _subquery(query: Found) -> Any:
    return query.subquery()
