"""One post at a time into the database, in the caller's transaction: what a program tells when it publishes.

It is cleaned, merged, counted and news by the same rules as an import's posts.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import Connection, select

from posts.blog import get_blog, news_from
from posts.labelbook import LabelBook
from posts.model import Post, PostState, SkippedPost, SourcePost, post
from posts.overrides import overrides_of
from posts.reading import get_posts
from posts.sanitize import CleanPost, clean_post
from posts.writing import PostWriter


class PutError(ValueError):
    """A post cannot be stored; the message says why."""


@dataclass(frozen=True, slots=True)
class Put:
    """What became of a post: it is new, or something that a reader sees of it changed, or neither."""

    post: Post
    is_new: bool
    is_changed: bool


def prepare(source: SourcePost, *, now: datetime) -> CleanPost:
    """A post cleaned, to be done before the transaction begins. Raises ``PutError``."""
    cleaned = clean_post(source, now=now)
    if isinstance(cleaned, SkippedPost):
        raise PutError(cleaned.reason)
    return cleaned


def put(connection: Connection, cleaned: CleanPost, *, now: datetime) -> Put:
    """Store a post, in place of the one with its id if there is one. The same again changes nothing."""
    get_blog(connection, lock=True)
    stored_at = news_from(connection, now=now)
    book = LabelBook(connection, now=stored_at)
    writer = PostWriter(connection, book, now=stored_at)
    writer.write([cleaned])
    book.finish()
    number = number_of(connection, cleaned.uri)
    (stored,) = get_posts(connection, [] if number is None else [number])
    return Put(stored, is_new=bool(writer.new), is_changed=bool(writer.updated))


def number_of(connection: Connection, uri: str) -> int | None:
    """The number of the post with a permanent id; None if there is none."""
    return connection.execute(select(post.c.id).where(post.c.uri == uri)).scalar_one_or_none()


def numbers_at(connection: Connection, url: str, *, limit: int = 2) -> list[int]:
    """The numbers of the posts that are at an address, the newest first; most often one."""
    query = select(post.c.id).where(post.c.url == url).order_by(post.c.id.desc()).limit(limit)
    return list(connection.execute(query).scalars())


def newest_urls(connection: Connection, *, limit: int = 200) -> list[str]:
    """An address at each host that the newest posts are at."""
    query = select(post.c.url).where(post.c.url.is_not(None)).order_by(post.c.id.desc()).limit(limit)
    found = {urlsplit(url).netloc.lower(): url for url in connection.execute(query).scalars()}
    return list(found.values())


def told_again(connection: Connection, stored: Post) -> SourcePost:
    """A stored post as a source would tell it that knows what is stored, to be changed with ``replace``.

    Its labels are left to what they are, and its ``updated`` to the edit, unless they are changed.
    """
    override = overrides_of(connection, [stored.id]).get(stored.id)
    said = override.said if override is not None else None
    state = said or stored.state
    return SourcePost(
        uri=stored.uri,
        url=stored.url,
        title=stored.title,
        html=stored.html,
        published=stored.published,
        updated=None,
        authors=stored.authors,
        state=PostState.LIVE if state in {PostState.PRIVATE, PostState.SCHEDULED} else state,
        has_all_labels=False,
        enclosures=stored.enclosures,
        picture=stored.picture,
        language=stored.language,
    )


def withdrawn(stored: SourcePost) -> SourcePost:
    """The same post, deleted: what readers had of it stays known, and feeds tell that it is gone."""
    return replace(stored, state=PostState.DELETED)
