"""Posts read whole, by id."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from posts.model import Post, PostState, enclosures_of, label, post, post_label
from posts.revisions import batched


def get_posts(connection: Connection, ids: Sequence[int]) -> list[Post]:
    """The posts of these ids, in their order; an id that is none is left out."""
    found: dict[int, Post] = {}
    for some in batched(dict.fromkeys(ids)):
        named = labels_of(connection, some)
        for row in connection.execute(select(post).where(post.c.id.in_(some))):
            found[row.id] = _as_post(row, named.get(row.id, []))
    return [found[number] for number in ids if number in found]


def labels_of(connection: Connection, post_ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """Name and slug of each post's labels, by name."""
    query = (
        select(post_label.c.post_id, label.c.name, label.c.slug)
        .join(label, label.c.id == post_label.c.label_id)
        .where(post_label.c.post_id.in_(post_ids))
    )
    found: dict[int, list[tuple[str, str]]] = {}
    for post_id, name, slug in connection.execute(query):
        found.setdefault(post_id, []).append((name, slug))
    for names in found.values():
        names.sort(key=lambda pair: (pair[0].casefold(), pair[0]))
    return found


def _as_post(row: Row[*tuple[Any, ...]], named: list[tuple[str, str]]) -> Post:
    return Post(
        id=row.id,
        uri=row.uri,
        url=row.url,
        title=row.title,
        html=row.html,
        published=row.published,
        updated=row.updated,
        first_stored=row.first_stored,
        visible_at=row.visible_at,
        state=PostState(row.state),
        revision=row.revision,
        authors=tuple(row.authors),
        labels=tuple(name for name, _ in named),
        label_slugs=tuple(slug for _, slug in named),
        notes=tuple(row.notes),
        enclosures=enclosures_of(row.enclosures),
        picture=row.picture,
        language=row.language,
    )
