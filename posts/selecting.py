"""Which posts are asked for, as a statement: a rule, an author, words, and the dates they lie between."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    func,
    literal,
    select,
    true,
    tuple_,
    union,
)

from database import UtcDateTime
from posts.authors import post_author
from posts.lookup import LabelIndex, load_labels
from posts.model import PostState, post, post_label
from posts.querying import Branch, branches, condition, live_size, simplify
from posts.rules import All, Rule, rule_labels
from posts.search import Condition, has_words

Ordering = Literal["published", "updated"]
Range = tuple[datetime | None, datetime | None]
"""From the first instant on, until before the second; None: without that end."""

ALWAYS: Range = (None, None)
_MANY = 8
Found = Select[int, datetime]


@dataclass(frozen=True, slots=True)
class Scope:
    """Posts under a rule; by one author and with the words of a query, where these are given.

    They are the live ones, and the private ones too where ``private``: only private feeds may ask so.
    """

    rule: Rule
    author_id: int | None = None
    query: str | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place among posts ordered newest first: a post's ``published`` and id."""

    published: datetime
    id: int


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a statement finds posts: their ids, when they were published, and which are to be shown."""

    post_id: ColumnElement[int]
    published: ColumnElement[datetime]
    is_shown: ColumnElement[bool]
    tie: FromClause | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Statements for the posts of a scope in an order, within ranges of dates."""

    connection: Connection
    scope: Scope
    index: LabelIndex
    ordering: Ordering = "published"
    published: Range = ALWAYS
    updated: Range = ALWAYS

    def ids(
        self,
        *,
        limit: int | None,
        offset: int = 0,
        older_than: Cursor | None = None,
        newer_than: Cursor | None = None,
    ) -> Found | None:
        """Id and date of the posts, newest first; None when there can be none.

        With ``newer_than`` they come oldest first: those next to the cursor.
        """
        forward = newer_than is not None
        selects = self._walks(self._branches(), older_than, newer_than)
        if not selects:
            return None
        if len(selects) > 1:
            if limit is not None:
                limited = [in_order(one, forward=forward).limit(limit + offset).subquery() for one in selects]
                selects = [select(one.c.id, one.c.moment) for one in limited]
            together = union(*selects).subquery()
            selects = [select(together.c.id, together.c.moment)]
        found = in_order(selects[0], forward=forward).limit(limit)
        return found.offset(offset) if offset else found

    def count(self, *, at_most: int | None = None) -> Select[int] | None:
        """The number of the posts, counted no further than ``at_most``; None when there can be none."""
        moments = self.moments()
        return (
            None if moments is None else select(func.count()).select_from(moments.limit(at_most).subquery())
        )

    def moments(self) -> Found | None:
        """Id and date of all the posts, in no order; None when there can be none."""
        many, found = self._plain(self._branches())
        selects = self._walks(found)
        if many:
            # To put together a statement of a hundred ranges takes longer than to look at these.
            tie = post_label.alias("tie")
            named = select(tie.c.post_id.label("id"), tie.c.published.label("moment")).distinct()
            selects.append(named.where(tie.c.label_id.in_(many), tie.c.live == true()))
        if len(selects) < 2:
            return selects[0] if selects else None
        together = union(*selects).subquery()
        return select(together.c.id, together.c.moment)

    def _plain(self, found: list[Branch]) -> tuple[list[int], list[Branch]]:
        """The labels of which all live posts are meant, if they are many; and the other branches."""
        narrowed = self._reads_posts() or self.scope.query or self.published != ALWAYS
        plain = [one for one in found if one.label_id is not None and one.rest == All()]
        if narrowed or self.ordering != "published" or len(plain) < _MANY:
            return [], found
        return [one.label_id for one in plain if one.label_id], [one for one in found if one not in plain]

    def _branches(self) -> list[Branch]:
        rule = simplify(self.scope.rule, self.index)
        if self.scope.author_id is not None:
            # An author has written fewer posts than there are under most labels.
            return [Branch(None, rule)] if branches(rule, self.index, size=lambda _: 1) else []
        return branches(rule, self.index, size=lambda label_id: live_size(self.connection, label_id))

    def _walks(
        self, found: Sequence[Branch], older_than: Cursor | None = None, newer_than: Cursor | None = None
    ) -> list[Found]:
        holds = has_words(self.connection, self.scope.query) if found and self.scope.query else None
        return [self._walk(branch, holds, older_than, newer_than) for branch in found]

    def _walk(
        self, branch: Branch, holds: Condition | None, older_than: Cursor | None, newer_than: Cursor | None
    ) -> Found:
        source = self._source(branch)
        moment = source.published if self.ordering == "published" else post.c.updated
        query = select(source.post_id.label("id"), moment.label("moment")).where(source.is_shown)
        if source.tie is not None and self._reads_posts():
            query = query.select_from(source.tie).join(post, post.c.id == source.post_id)
        if branch.rest != All():
            query = query.where(condition(branch.rest, self.index, source.post_id))
        if holds is not None:
            query = query.where(holds(source.post_id))
        query = _within(_within(query, source.published, self.published), post.c.updated, self.updated)
        place = tuple_(source.published, source.post_id)
        if older_than is not None:
            query = query.where(place < place_of(older_than))
        if newer_than is not None:
            query = query.where(place > place_of(newer_than))
        return query

    def _reads_posts(self) -> bool:
        """Whether what is repeated in ``post_label`` and ``post_author`` is not enough."""
        return self.scope.private or self.ordering == "updated" or self.updated != ALWAYS

    def _source(self, branch: Branch) -> _Source:
        states = [PostState.LIVE.value, PostState.PRIVATE.value]
        state = post.c.state.in_(states) if self.scope.private else post.c.state == PostState.LIVE.value
        if self.scope.author_id is not None:
            written = post_author.alias("tie")
            is_by = written.c.author_id == self.scope.author_id
            shown = is_by & (state if self.scope.private else written.c.live == true())
            return _Source(written.c.post_id, written.c.published, shown, written)
        if branch.label_id is not None:
            tie = post_label.alias("tie")
            is_under = tie.c.label_id == branch.label_id
            shown = is_under & (state if self.scope.private else tie.c.live == true())
            return _Source(tie.c.post_id, tie.c.published, shown, tie)
        return _Source(post.c.id, post.c.published, state)


def selection(
    connection: Connection, scope: Scope, *, index: LabelIndex | None = None, **further: Any
) -> Selection:
    """The statements for a scope; ``index`` as in ``posts.store``."""
    known = load_labels(connection, rule_labels(scope.rule)) if index is None else index
    return Selection(connection, scope, known, **further)


def _within(query: Found, column: ColumnElement[datetime], span: Range) -> Found:
    since, until = span
    if since is not None:
        query = query.where(column >= since)
    return query if until is None else query.where(column < until)


def place_of(cursor: Cursor) -> ColumnElement[Any]:
    """A post's place in the order of all, to be compared with (moment, id)."""
    return tuple_(literal(cursor.published, UtcDateTime), literal(cursor.id))


def in_order(query: Found, *, forward: bool) -> Found:
    """The newest first, or ``forward``: the oldest; by id where moments are the same."""
    post_id, moment = query.selected_columns
    if forward:
        return query.order_by(moment.asc(), post_id.asc())
    return query.order_by(moment.desc(), post_id.desc())
