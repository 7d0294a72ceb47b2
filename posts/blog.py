"""The blog as a whole: one row, from which the ids of its feeds grow."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import Connection, insert, select, update

from posts.model import blog

_ROW = 1


class BlogMissing(LookupError):
    """The database holds no blog yet."""


@dataclass(frozen=True, slots=True)
class Blog:
    """The blog: its feed's permanent id, and what stands for all posts together.

    ``revision`` grows in each transaction that changes what a reader may see, ``public_revision`` only where
    that is for everybody; ``changed_at`` is when that was.
    """

    feed_namespace: UUID
    feed_uri: str
    revision: int
    public_revision: int
    changed_at: datetime

    def label_feed_uri(self, slug: str) -> str:
        """The permanent id of the feed of a label that came into being with this slug (RFC 4287 §4.2.6)."""
        return f"urn:uuid:{uuid5(self.feed_namespace, f'label:{slug}')}"


def create_blog(connection: Connection, *, site_url: str, now: datetime) -> None:
    """Write the blog's row, unless it is there: ids never change, whatever ``site_url`` becomes later."""
    if connection.execute(select(blog.c.id)).first() is not None:
        return
    namespace = uuid5(NAMESPACE_URL, site_url.rstrip("/"))
    connection.execute(
        insert(blog).values(
            id=_ROW,
            feed_namespace=str(namespace),
            feed_uri=f"urn:uuid:{uuid5(namespace, 'all')}",
            revision=0,
            changed_at=now,
        )
    )


def get_blog(connection: Connection, *, lock: bool = False) -> Blog:
    """The blog's row; raises ``BlogMissing`` when there is none.

    ``lock`` holds other writers of posts and labels back until this transaction ends. SQLite has one writer
    anyway; on PostgreSQL two imports would otherwise make the same label twice.
    """
    query = select(
        blog.c.feed_namespace, blog.c.feed_uri, blog.c.revision, blog.c.public_revision, blog.c.changed_at
    )
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise BlogMissing("the database holds no blog yet: run `labelcast init`")
    return Blog(UUID(row.feed_namespace), row.feed_uri, row.revision, row.public_revision, row.changed_at)


def close_news(connection: Connection, *, until: datetime) -> None:
    """Remember that windows up to ``until`` were closed, in the transaction that closes them."""
    known = connection.execute(select(blog.c.news_closed_until)).scalar_one()
    if known is None or known < until:
        connection.execute(update(blog).values(news_closed_until=until))


def news_from(connection: Connection, *, now: datetime) -> datetime:
    """When what is stored at ``now`` becomes news: now, or just after the last window that was closed.

    An import takes its time; what it stores must not fall into a window that a digest closed meanwhile. Ask
    with the blog's row locked (``get_blog``).
    """
    closed = connection.execute(select(blog.c.news_closed_until)).scalar_one()
    return now if closed is None else max(now, closed + timedelta(microseconds=1))
