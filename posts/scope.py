"""Asking for posts by more than a rule: by author, by words, by dates, in either order, and private ones.

Every function takes a connection, as those of ``posts.store`` do, and may be handed the labels' ``index``.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from sqlalchemy import Connection, select, type_coerce
from sqlalchemy.types import NullType

from database import UtcDateTime
from posts.authors import author
from posts.labels import label_key
from posts.lookup import LabelIndex, load_labels
from posts.model import Post, blog
from posts.months import count_months, month_bounds
from posts.querying import newest_of_label, simplify
from posts.reading import get_posts
from posts.revisions import RuleRevision, rule_revision
from posts.rules import All, HasLabel, rule_labels
from posts.search import canonical_query
from posts.selecting import ALWAYS, Cursor, Ordering, Range, Scope, Selection, selection

__all__ = [
    "Cursor",
    "Ordering",
    "Page",
    "Range",
    "Scope",
    "count_in",
    "month_bounds",
    "months_in",
    "newest_in",
    "page_in",
    "scope_revision",
]


@dataclass(frozen=True, slots=True)
class Page:
    """Some posts, newest first, and where the older and the newer ones go on (None: nowhere).

    Ask for the older page with ``before=older``, for the newer with ``after=newer``.
    """

    posts: list[Post]
    older: Cursor | None
    newer: Cursor | None


def newest_in(
    connection: Connection,
    scope: Scope,
    *,
    limit: int | None,
    offset: int = 0,
    ordering: Ordering = "published",
    published: Range = ALWAYS,
    updated: Range = ALWAYS,
    index: LabelIndex | None = None,
) -> list[int]:
    """Ids of a scope's posts, newest first: by ``published`` or ``updated``, then by id.

    ``published`` and ``updated`` are ranges, the first instant in them and the second not; ``offset`` is how
    many of the newest are left out.
    """
    known = load_labels(connection, rule_labels(scope.rule)) if index is None else index
    is_plain = scope == Scope(scope.rule) and (offset, ordering, published, updated) == _PLAIN
    simple = simplify(scope.rule, known)
    if is_plain and isinstance(simple, HasLabel) and limit is not None:
        return newest_of_label(connection, known.by_key[label_key(simple.name)].id, limit=limit)
    found = Selection(connection, scope, known, ordering, published, updated).ids(limit=limit, offset=offset)
    return [] if found is None else [row.id for row in connection.execute(found)]


_PLAIN = (0, "published", ALWAYS, ALWAYS)


def count_in(
    connection: Connection,
    scope: Scope,
    *,
    published: Range = ALWAYS,
    updated: Range = ALWAYS,
    at_most: int | None = None,
    index: LabelIndex | None = None,
) -> int:
    """The number of a scope's posts, published and updated in these ranges; no more than ``at_most``."""
    asked = selection(connection, scope, index=index, published=published, updated=updated)
    counted = asked.count(at_most=at_most)
    return 0 if counted is None else connection.execute(counted).scalar_one()


def page_in(
    connection: Connection,
    scope: Scope,
    *,
    before: Cursor | None = None,
    after: Cursor | None = None,
    limit: int,
    published: Range = ALWAYS,
    index: LabelIndex | None = None,
) -> Page:
    """A page of a scope's posts: the newest, those just older than ``before``, or just newer than ``after``.

    At most one of the two is given. With ``published``, a month's say, the pages are those of that range.
    """
    asked = selection(connection, scope, index=index, published=published)
    query = asked.ids(limit=limit + 1, older_than=before, newer_than=after)
    if query is None:
        return Page([], None, None)
    found = [Cursor(row.moment, row.id) for row in connection.execute(query)]
    shown, beyond = found[:limit], len(found) > limit
    if after is not None:
        shown.reverse()
    if not shown:
        return Page([], None, None)
    more_older = beyond if after is None else _is_any(asked, older_than=shown[-1])
    # Before the newest there is nothing to look for.
    more_newer = beyond if after is not None else before is not None and _is_any(asked, newer_than=shown[0])
    return Page(
        posts=get_posts(connection, [cursor.id for cursor in shown]),
        older=shown[-1] if more_older else None,
        newer=shown[0] if more_newer else None,
    )


def _is_any(asked: Selection, *, older_than: Cursor | None = None, newer_than: Cursor | None = None) -> bool:
    query = asked.ids(limit=1, older_than=older_than, newer_than=newer_than)
    return query is not None and asked.connection.execute(query).first() is not None


def months_in(connection: Connection, scope: Scope, *, timezone: str) -> list[tuple[date, int]]:
    """The months in which posts of a scope were published, by their first day, and how many; newest first.

    Months are the timezone's; ``month_bounds`` gives one's range for ``page_in``.
    """
    moments = selection(connection, scope).moments()
    if moments is None:
        return []
    kept, dialect = UtcDateTime(), connection.dialect
    # As the database wrote them: to make datetimes of them all would take longer than all the rest.
    written = select(type_coerce(moments.subquery().c.moment, NullType()))
    found = count_months(
        sorted(connection.execute(written).scalars().all()),
        timezone=timezone,
        read=lambda value: cast("datetime", kept.process_result_value(value, dialect)),
        write=lambda moment: kept.process_bind_param(moment, dialect),
    )
    return list(found)


def scope_revision(connection: Connection, scope: Scope, *, index: LabelIndex | None = None) -> RuleRevision:
    """The revision of a scope: the token changes whenever a post of it changes, appears or goes.

    As ``rule_revision``; an author's posts without further rule have the author's own. Private posts move no
    public revision, so that nobody learns of them: they have one together, part of every private scope's.
    """
    parts, moments = [canonical_query(scope.query or "")], []
    if scope.author_id is None or scope.rule != All():
        of_rule = rule_revision(connection, scope.rule, index=index)
        parts.append(of_rule.token)
        moments.append(of_rule.changed_at)
    if scope.author_id is not None:
        query = select(author.c.feed_uri, author.c.revision, author.c.changed_at)
        row = connection.execute(query.where(author.c.id == scope.author_id)).one()
        parts.append(f"{row.feed_uri} {row.revision}")
        moments.append(row.changed_at)
    if scope.private:
        whole = connection.execute(select(blog.c.private_revision, blog.c.private_changed_at)).one()
        parts.append(f"private {whole.private_revision}")
        moments += [moment for moment in (whole.private_changed_at,) if moment is not None]
    token = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    return RuleRevision(token, max(moments))
