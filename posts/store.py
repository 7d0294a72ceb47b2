"""Reading the post database: the newest under a rule, posts whole, what is news, pages.

Every function takes a connection, and so sees one state of the database together with its caller's others.
Where one transaction asks many times, ``load_labels`` once and hand the index to each as ``index``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, or_, select

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
from posts.querying import NOTHING, condition, simplify
from posts.reading import get_posts, labels_of
from posts.revisions import RuleRevision, batched, rule_revision
from posts.rules import All, Rule, rule_labels
from posts.scope import Cursor, Page, Scope, newest_in, page_in

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


def newest(
    connection: Connection, rule: Rule, *, limit: int | None, index: LabelIndex | None = None
) -> list[int]:
    """Ids of the live posts under a rule, newest first: by ``published``, then by id."""
    return newest_in(connection, Scope(rule), limit=limit, index=index)


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
    return page_in(connection, Scope(rule), before=before, after=after, limit=limit, index=index)
