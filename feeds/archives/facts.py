"""What decides over posts' places, read for very many posts at once."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Connection, CursorResult, Row

from feeds.archives.layout import Facts

ROWS_AT_ONCE = 500

_FACTS = "SELECT id, revision, edited_at FROM post WHERE id {one_of}"
_PUBLISHED = "SELECT id, published FROM post WHERE id {one_of}"


def read_facts(connection: Connection, post_ids: Collection[int]) -> Facts:
    """What decides over the places of these posts."""
    revisions: dict[int, int] = {}
    edited: dict[int, Any] = {}
    for post_id, revision, edited_at in _rows(connection, _FACTS, post_ids):
        revisions[post_id] = revision
        if edited_at is not None:
            edited[post_id] = edited_at
    return Facts(revisions, edited)


def published(connection: Connection, post_ids: Collection[int]) -> dict[int, Any]:
    """When these posts were published, as the driver gives it."""
    return {row[0]: row[1] for row in _rows(connection, _PUBLISHED, post_ids)} if post_ids else {}


def _rows(
    connection: Connection, statement: str, post_ids: Collection[int]
) -> Iterator[Row[*tuple[Any, ...]]]:
    """The rows of a statement about these posts, some at a time."""
    # The ids as one parameter, and past SQLAlchemy's types: these rows are many.
    if connection.dialect.name == "sqlite":
        asked = statement.format(one_of="IN (SELECT value FROM json_each(?))")
        found = connection.exec_driver_sql(asked, (json.dumps(list(post_ids)),))
    else:
        found = connection.exec_driver_sql(statement.format(one_of="= ANY(%s)"), (list(post_ids),))
    return some_at_a_time(found)


def some_at_a_time(found: CursorResult[Any]) -> Iterator[Row[*tuple[Any, ...]]]:
    """The rows of a result; all at once they would set the garbage collector to work."""
    for some in found.partitions(ROWS_AT_ONCE):
        yield from some
