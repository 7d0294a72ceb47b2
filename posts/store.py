"""Reading the post database: the newest under a rule, posts whole, what is news, pages.

Every function takes a connection, and so sees one state of the database together with its caller's others.
Where one transaction asks many times, ``load_labels`` once and hand the index to each as ``index``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, or_, select

from posts.labels import label_key
from posts.lookup import (
    LabelIndex,
    find_label,
    is_deleted_label,
    labels,
    load_labels,
    nearest_labels,
    unknown_labels,
)
from posts.model import Post, PostState, post
from posts.querying import NOTHING, Cursor, condition, newest_of_label, selectable, simplify
from posts.reading import get_posts, labels_of
from posts.revisions import RuleRevision, batched, rule_revision
from posts.rules import All, HasLabel, Rule, rule_labels

__all__ = [
    "Cursor",
    "LabelIndex",
    "News",
    "Page",
    "RuleRevision",
    "find_label",
    "get_posts",
    "is_deleted_label",
    "labels",
    "latest_visible_at",
    "list_posts",
    "load_labels",
    "nearest_labels",
    "newest",
    "news",
    "page",
    "rule_revision",
    "unknown_labels",
]


@dataclass(frozen=True, slots=True)
class News:
    """A post that became visible in a window, with the slugs of its labels."""

    id: int
    published: datetime
    visible_at: datetime
    label_slugs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Page:
    """Some posts under a rule, newest first, and where the older and the newer ones go on (None: nowhere).

    Ask for the older page with ``before=older``, for the newer with ``after=newer``.
    """

    posts: list[Post]
    older: Cursor | None
    newer: Cursor | None


def newest(
    connection: Connection, rule: Rule, *, limit: int | None, index: LabelIndex | None = None
) -> list[int]:
    """Ids of the live posts under a rule, newest first: by ``published``, then by id."""
    index = _index(connection, rule, index)
    simple = simplify(rule, index)
    if isinstance(simple, HasLabel) and limit is not None:
        return newest_of_label(connection, index.by_key[label_key(simple.name)].id, limit=limit)
    query = selectable(connection, simple, index, limit=limit)
    return [] if query is None else [row.id for row in connection.execute(query)]


def _index(connection: Connection, rule: Rule, index: LabelIndex | None) -> LabelIndex:
    return load_labels(connection, rule_labels(rule)) if index is None else index


def list_posts(
    connection: Connection,
    *,
    rule: Rule | None = None,
    state: PostState | None = None,
    limit: int | None = None,
) -> list[Post]:
    """Posts under a rule (all without one) in a state (any without one), newest first."""
    wanted = All() if rule is None else rule
    if state is PostState.LIVE:
        return get_posts(connection, newest(connection, wanted, limit=limit))
    index = _index(connection, wanted, None)
    simple = simplify(wanted, index)
    if simple == NOTHING:
        return []
    query = select(post.c.id).order_by(post.c.published.desc(), post.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(post.c.state == state.value)
    if simple != All():
        query = query.where(condition(simple, index, post.c.id))
    return get_posts(connection, connection.execute(query).scalars().all())


def news(
    connection: Connection,
    rule: Rule,
    *,
    after: datetime,
    until: datetime,
    max_age: timedelta,
    index: LabelIndex | None = None,
) -> list[News]:
    """The live posts under a rule that became visible after ``after`` and not after ``until``, newest first.

    Left out is what was older than ``max_age`` when it was first stored: an imported archive is no news.
    """
    index = _index(connection, rule, index)
    simple = simplify(rule, index)
    if simple == NOTHING:
        return []
    visible_at, first_stored = post.c.visible_at, post.c.first_stored
    # Follows from the age asked for below: what became visible when it was first stored is that old at most.
    # So an archive just imported is left out here, row by row, and never reaches Python.
    young = or_(post.c.published >= _back(after, max_age), visible_at > first_stored)
    query = (
        select(post.c.id, post.c.published, visible_at, first_stored)
        .where(post.c.state == PostState.LIVE.value, visible_at > after, visible_at <= until, young)
        .order_by(post.c.published.desc(), post.c.id.desc())
    )
    if simple != All():
        query = query.where(condition(simple, index, post.c.id))
    rows = [row for row in connection.execute(query) if row.first_stored - row.published <= max_age]
    named: dict[int, list[tuple[str, str]]] = {}
    for some in batched(row.id for row in rows):
        named |= labels_of(connection, some)
    return [
        News(row.id, row.published, row.visible_at, frozenset(slug for _, slug in named.get(row.id, [])))
        for row in rows
    ]


def _back(instant: datetime, age: timedelta) -> datetime:
    """An instant less an age, no earlier than datetimes go."""
    try:
        return instant - age
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def latest_visible_at(connection: Connection, *, until: datetime) -> datetime | None:
    """When the last live post became visible that did so by ``until``; None when none did."""
    query = select(func.max(post.c.visible_at)).where(
        post.c.state == PostState.LIVE.value, post.c.visible_at <= until
    )
    latest: datetime | None = connection.execute(query).scalar_one()
    return latest


def page(
    connection: Connection,
    rule: Rule,
    *,
    before: Cursor | None = None,
    after: Cursor | None = None,
    limit: int,
    index: LabelIndex | None = None,
) -> Page:
    """A page of the live posts under a rule: the newest, those just older than ``before``, or just newer
    than ``after``. At most one of the two is given.
    """
    index = _index(connection, rule, index)
    query = selectable(connection, rule, index, limit=limit + 1, older_than=before, newer_than=after)
    if query is None:
        return Page([], None, None)
    found = [Cursor(row.published, row.id) for row in connection.execute(query)]
    shown, beyond = found[:limit], len(found) > limit
    if after is not None:
        shown.reverse()
    if not shown:
        return Page([], None, None)
    more_older = beyond if after is None else _is_any(connection, rule, index, older_than=shown[-1])
    more_newer = beyond if after is not None else _is_any(connection, rule, index, newer_than=shown[0])
    return Page(
        posts=get_posts(connection, [cursor.id for cursor in shown]),
        older=shown[-1] if more_older else None,
        newer=shown[0] if more_newer else None,
    )


def _is_any(
    connection: Connection,
    rule: Rule,
    index: LabelIndex,
    *,
    older_than: Cursor | None = None,
    newer_than: Cursor | None = None,
) -> bool:
    query = selectable(connection, rule, index, limit=1, older_than=older_than, newer_than=newer_than)
    return query is not None and connection.execute(query).first() is not None
