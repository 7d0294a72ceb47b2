"""Reading for many feeds at once: which posts they show, and just what an entry shows of each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Text, bindparam, cast, func, select, text

from posts.model import UNMET, Enclosure, Label, PostState, enclosures_of, label, post, post_label
from posts.revisions import batched

# One range of ix_post_label_newest: no join, no sort, no look at the post itself. A question to SQLite is a
# call in this process, at 17 µs; one to PostgreSQL is a journey, so it gets all of them at once.
_NEWEST_OF_ONE = """
    SELECT post_id FROM post_label WHERE label_id = ? AND live = TRUE
    ORDER BY published DESC, post_id DESC LIMIT ?"""
_NEWEST_OF_ALL = (
    select(post.c.id)
    .where(post.c.state == PostState.LIVE.value)
    .order_by(post.c.published.desc(), post.c.id.desc())
    .limit(bindparam("limit"))
)
_NEWEST_OF_MANY = text("""
    SELECT wanted.label_id, newest.post_id
    FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS wanted (label_id, place)
    CROSS JOIN LATERAL (
        SELECT post_id, published FROM post_label WHERE post_label.label_id = wanted.label_id AND live = TRUE
        ORDER BY published DESC, post_id DESC LIMIT :limit
    ) AS newest
    ORDER BY wanted.place, newest.published DESC, newest.post_id DESC""")


def _as_text(column: Column[Any]) -> ColumnElement[str]:
    return cast(column, Text)


# One string for all labels: their rows would cost more to hand over than to find.
_STAMPS = select(
    func.aggregate_strings(
        _as_text(label.c.id) + " " + _as_text(label.c.revision) + " " + _as_text(label.c.changed_at), ","
    )
).where(label.c.revision > UNMET)
_LABELS_BY_ID = select(
    label.c.id, label.c.name, label.c.slug, label.c.feed_uri, label.c.revision, label.c.changed_at
).where(label.c.id.in_(bindparam("ids", expanding=True)))

# The ids as one parameter, for here they are many and the rest is little.
_REVISIONS_SQLITE = "SELECT id, revision FROM post WHERE id IN (SELECT value FROM json_each(?))"
_REVISIONS_POSTGRESQL = "SELECT id, revision FROM post WHERE id = ANY(%s)"

_CONTENTS = select(
    post.c.id,
    post.c.revision,
    post.c.uri,
    post.c.url,
    post.c.title,
    post.c.html,
    post.c.published,
    post.c.updated,
    post.c.authors,
    post.c.enclosures,
    post.c.picture,
    post.c.language,
).where(post.c.id.in_(bindparam("ids", expanding=True)))

_LABELS = (
    select(post_label.c.post_id, label.c.name)
    .join(label, label.c.id == post_label.c.label_id)
    .where(post_label.c.post_id.in_(bindparam("ids", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class PostContent:
    """What a feed's entry shows of a post, at one revision; ``labels`` are names, in the order of names."""

    id: int
    revision: int
    uri: str
    url: str | None
    title: str
    html: str
    published: datetime
    updated: datetime
    authors: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    picture: str | None = None
    language: str | None = None


def label_stamps(connection: Connection) -> list[str]:
    """A stamp for every label that was met: its id, a blank, and what changes whenever it or its posts do."""
    together: str | None = connection.execute(_STAMPS).scalar_one()
    return together.split(",") if together else []


def labels_by_id(connection: Connection, label_ids: Sequence[int]) -> dict[int, Label]:
    """These labels; their posts are not counted (``posts`` is 0)."""
    found: dict[int, Label] = {}
    for some in batched(label_ids):
        for row in connection.execute(_LABELS_BY_ID, {"ids": some}).all():
            found[row[0]] = Label(*row)
    return found


def newest_by_label(connection: Connection, label_ids: Sequence[int], *, limit: int) -> dict[int, list[int]]:
    """The ids of the newest live posts of each of these labels, newest first."""
    if connection.dialect.name == "sqlite":
        # Past SQLAlchemy's compiler, which takes longer than SQLite does.
        return {
            label_id: [row[0] for row in connection.exec_driver_sql(_NEWEST_OF_ONE, (label_id, limit)).all()]
            for label_id in label_ids
        }
    found: dict[int, list[int]] = {label_id: [] for label_id in label_ids}
    for label_id, post_id in connection.execute(_NEWEST_OF_MANY, {"ids": list(found), "limit": limit}).all():
        found[label_id].append(post_id)
    return found


def newest_of_all(connection: Connection, *, limit: int) -> list[int]:
    """The ids of the newest live posts, newest first."""
    return [row[0] for row in connection.execute(_NEWEST_OF_ALL, {"limit": limit}).all()]


def post_revisions(connection: Connection, post_ids: list[int]) -> dict[int, int]:
    """The present revision of each of these posts, by id; an id that no post has is left out."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(_REVISIONS_SQLITE, (json.dumps(post_ids),))
    else:
        found = connection.exec_driver_sql(_REVISIONS_POSTGRESQL, (list(post_ids),))
    return {row[0]: row[1] for row in found.all()}


def post_contents(connection: Connection, post_ids: Sequence[int]) -> list[PostContent]:
    """What entries show of these posts, in any order; two queries for hundreds of posts."""
    contents = []
    for some in batched(post_ids):
        named: dict[int, list[str]] = {}
        for post_id, name in connection.execute(_LABELS, {"ids": some}).all():
            named.setdefault(post_id, []).append(name)
        for row in connection.execute(_CONTENTS, {"ids": some}).all():
            post_id, revision, uri, url, title, html, published, updated = row[:8]
            authors, enclosures, picture, language = row[8:]
            names = tuple(sorted(named.get(post_id, ()), key=_as_listed))
            contents.append(
                PostContent(
                    post_id,
                    revision,
                    uri,
                    url,
                    title,
                    html,
                    published,
                    updated,
                    tuple(authors),
                    names,
                    enclosures_of(enclosures),
                    picture,
                    language,
                )
            )
    return contents


def _as_listed(name: str) -> tuple[str, str]:
    return name.casefold(), name
