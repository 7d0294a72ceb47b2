"""Finding posts for whoever may see all of them: by words, by a rule of labels, by state and by date.

Each state, and each label's live posts and its others, is one range of an index, newest first; what was asked
is the merge of a few such ranges. So a page takes no longer where there are many posts. What is only counted
is in no order, and what is found by words is sorted: its words are looked up once, not once for each range.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Subquery,
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
from posts.search import Condition, has_words
from posts.selecting import Cursor, Found, in_order, place_of

COUNTED_TO = 10_000
"""More posts are not counted."""
AT_ONCE = 5_000
"""More are not changed at once: what that would come to is told in a moment."""

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


def find_ids(connection: Connection, wanted: Wanted, *, limit: int = AT_ONCE) -> list[int]:
    """The ids of these posts, newest first."""
    query = _Asked(connection, wanted).query(limit=limit)
    # Their dates are for the order alone: to read thousands of them would take longer than to find them.
    return (
        []
        if query is None
        else list(connection.execute(query.with_only_columns(query.selected_columns[0])).scalars())
    )


def count_found(connection: Connection, wanted: Wanted) -> int:
    """How many posts these are, counted to one more than ``COUNTED_TO``."""
    query = _Asked(connection, wanted).some(COUNTED_TO + 1)
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
class _Walk:
    """One range of posts: their ids and dates, and what they come from."""

    post_id: ColumnElement[int]
    published: ColumnElement[datetime]
    source: FromClause
    within: tuple[ColumnElement[bool], ...]


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
        walks = [_beyond(query, older_than, newer_than) for query in self._walks(is_counted=False)]
        if len(walks) < 2:
            return in_order(walks[0], forward=forward).limit(limit) if walks else None
        if self.connection.dialect.name == "sqlite":
            # It merges ranges that are in order as it goes, and ends with the last post that is wanted.
            together = _merged(walks, forward=forward, limit=limit)
        else:
            together = self._together([in_order(one, forward=forward).limit(limit) for one in walks])
        return in_order(select(together.c.id, together.c.published), forward=forward).limit(limit)

    def some(self, limit: int) -> Select[int] | None:
        """Ids of so many of the posts, in no order."""
        walks = [
            query.with_only_columns(query.selected_columns[0]).limit(limit)
            for query in self._walks(is_counted=True)
        ]
        if len(walks) < 2:
            return walks[0] if walks else None
        return select(self._together(walks).c.id).limit(limit)

    @property
    def _is_found_once(self) -> bool:
        """Whether words are asked for, which SQLite looks up as a whole for each walk."""
        return bool(self.wanted.words) and self.connection.dialect.name == "sqlite"

    def _unsought(self, post_id: ColumnElement[int]) -> ColumnElement[int]:
        """For SQLite a sum, that is in no index: or it would look up every post that has the words."""
        return post_id + 0 if self._is_found_once else post_id

    @staticmethod
    def _together(walks: Sequence[Select[*tuple[Any, ...]]]) -> Subquery:
        """All that these find, each post once."""
        return union(*(select(*one.subquery().c) for one in walks)).subquery()

    def _walks(self, *, is_counted: bool) -> list[Found]:
        """The posts, as ranges: each in order, unless they are counted or words are looked up as a whole."""
        wanted = self.wanted
        index = load_labels(self.connection, rule_labels(wanted.rule))
        rule = simplify(wanted.rule, index)
        found = branches(rule, index, size=lambda label_id: live_size(self.connection, label_id))
        holds = has_words(self.connection, wanted.words) if wanted.words else None
        plain = [one.label_id for one in found if one.label_id is not None and one.rest == All()]
        if is_counted and wanted.shelf is None and len(found) == len(plain) > 1:
            # To count them the labels need not be told apart.
            tie = post_label.alias("tie")
            walk = _Walk(tie.c.post_id, tie.c.published, tie, (tie.c.label_id.in_(plain),))
            counted = self._narrowed(walk, All(), index, None).distinct()
            return [counted if holds is None else counted.where(holds(self._unsought(tie.c.post_id)))]
        if found and (wanted.shelf is Shelf.HIDDEN or (self._is_found_once and len(found) > 1)):
            # Few are hidden.
            found = [Branch(None, rule)]
        is_ordered = not is_counted and not self._is_found_once
        return [
            self._narrowed(walk, branch.rest, index, holds)
            for branch in found
            for walk in self._ranges(branch, is_ordered=is_ordered)
        ]

    def _ranges(self, branch: Branch, *, is_ordered: bool) -> list[_Walk]:
        shelf = self.wanted.shelf
        if shelf is Shelf.HIDDEN:
            held = post_override.join(post, post.c.id == post_override.c.post_id)
            return [_Walk(post.c.id, post.c.published, held, (post_override.c.is_hidden == true(),))]
        states = list(PostState) if shelf is None else [PostState(shelf)]
        if branch.label_id is None:
            ranges = [[state] for state in states] if is_ordered else [states]
            return [
                _Walk(post.c.id, post.c.published, post, (post.c.state.in_([one.value for one in some]),))
                for some in ranges
            ]
        # One range of ix_post_label_newest; then, where one state is meant, each post's by primary key.
        tie = post_label.alias("tie")
        is_under = tie.c.label_id == branch.label_id
        if shelf is None:
            kinds = [[True], [False]] if is_ordered else [[True, False]]
            return [
                _Walk(tie.c.post_id, tie.c.published, tie, (is_under, tie.c.live.in_(kind))) for kind in kinds
            ]
        source = tie.join(post, post.c.id == tie.c.post_id)
        is_live = tie.c.live == (states[0] is PostState.LIVE)
        is_there = post.c.state == states[0].value
        return [_Walk(tie.c.post_id, tie.c.published, source, (is_under, is_live, is_there))]

    def _narrowed(self, walk: _Walk, rest: Rule, index: LabelIndex, holds: Condition | None) -> Found:
        wanted, post_id, published = self.wanted, walk.post_id, walk.published
        query: Found = select(post_id.label("id"), published.label("published"))
        query = query.select_from(walk.source).where(*walk.within)
        if rest != All():
            query = query.where(condition(rest, index, post_id))
        if holds is not None:
            query = query.where(holds(post_id))
        if wanted.shelf is Shelf.DRAFT or wanted.shelf is Shelf.DELETED:
            query = query.where(~_IS_HIDDEN)
        for edge, is_from in ((wanted.since, True), (wanted.until, False)):
            if edge is not None:
                query = query.where(published >= edge if is_from else published < edge)
        return query


def _beyond(query: Found, older_than: Cursor | None, newer_than: Cursor | None) -> Found:
    post_id, published = (column.element for column in query.selected_columns)
    place = tuple_(published, post_id)
    if older_than is not None:
        query = query.where(place < place_of(older_than))
    if newer_than is not None:
        query = query.where(place > place_of(newer_than))
    return query


def _merged(walks: Sequence[Found], *, forward: bool, limit: int) -> Subquery:
    """The first of what these find, each post once."""
    every = union(*walks)
    post_id, moment = every.selected_columns
    order = (moment.asc(), post_id.asc()) if forward else (moment.desc(), post_id.desc())
    return every.order_by(*order).limit(limit).subquery()
