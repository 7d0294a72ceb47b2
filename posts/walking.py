"""Going through all posts of a scope, without reading them: where each stands, and its revision."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from posts.lookup import LabelIndex
from posts.model import post
from posts.selecting import Scope, selection

_AT_ONCE = 2000


class Step(NamedTuple):
    """A post on the way: when it was published, its id and its revision."""

    published: datetime
    id: int
    revision: int


def walk_in(connection: Connection, scope: Scope, *, index: LabelIndex | None = None) -> Iterator[Step]:
    """All posts of a scope, newest first as ``newest_in`` has them; few at a time in memory."""
    moments = selection(connection, scope, index=index).moments()
    if moments is None:
        return
    some = moments.subquery()
    query = (
        select(some.c.moment, some.c.id, post.c.revision)
        .join(post, post.c.id == some.c.id)
        .order_by(some.c.moment.desc(), some.c.id.desc())
        .execution_options(yield_per=_AT_ONCE)
    )
    for row in connection.execute(query):
        yield Step(*row)
