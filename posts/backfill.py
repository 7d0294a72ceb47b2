"""After a migration: what is kept beside posts now, made for those that were stored before."""

from typing import Any

from sqlalchemy import Connection, Row, exists, select

from posts.authors import AuthorBook, Written, post_author
from posts.blog import get_blog
from posts.model import PostState, post
from posts.revisions import batched
from posts.search import index_missing
from posts.withdrawals import note_authors


def complete(connection: Connection) -> None:
    """Store the authors, and index the words, of posts that lack them. Done again it changes nothing."""
    index_missing(connection)
    lacking = select(post.c.id).where(~exists().where(post_author.c.post_id == post.c.id))
    numbers = connection.execute(lacking.order_by(post.c.id)).scalars().all()
    if not numbers:
        return
    blog = get_blog(connection, lock=True)
    book = AuthorBook(connection, namespace=blog.feed_namespace, now=blog.changed_at)
    columns = select(post.c.id, post.c.authors, post.c.state, post.c.published, post.c.withdrawn_at)
    for some in batched(numbers):
        rows = connection.execute(columns.where(post.c.id.in_(some)).order_by(post.c.id)).all()
        book.write([_written(row) for row in rows], are_new=True)
        note_authors(connection, [row.id for row in rows if row.withdrawn_at is not None])
    book.finish()


def _written(row: Row[*tuple[Any, ...]]) -> Written:
    return Written(row.id, row.authors, row.state == PostState.LIVE.value, row.published)
