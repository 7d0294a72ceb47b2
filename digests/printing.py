"""What is printed: an edition with its digest and its posts, stored or (for a preview) only drafted."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from digests.cadence import Cadence, Rhythm, previous_slot
from digests.editions import news_of
from digests.model import Digest, Edition, digest, edition, edition_post
from digests.store import get_digest
from posts.model import Post
from posts.rules import parse
from posts.store import get_posts, newest

SAMPLE = 5

_NO_NUMBER = 0


def edition_contents(connection: Connection, number: int) -> tuple[Digest, Edition, list[Post]]:
    """A stored edition with its digest and its posts, newest first; ``LookupError`` if there is none."""
    row = connection.execute(select(edition).where(edition.c.id == number)).first()
    if row is None:
        raise LookupError(f"edition {number} is not there: `labelcast deliveries list` names those that are")
    slug = connection.execute(select(digest.c.slug).where(digest.c.id == row.digest_id)).scalar_one()
    listed = select(edition_post.c.post_id).where(edition_post.c.edition_id == number)
    post_ids = connection.execute(listed.order_by(edition_post.c.position)).scalars().all()
    its = Edition(
        row.id,
        row.digest_id,
        row.window_start,
        row.window_end,
        tuple(row.labels.split(",")) if row.labels else (),
        row.language,
        row.template,
        row.folded,
        row.created_at,
        tuple(post_ids),
    )
    return get_digest(connection, slug), its, get_posts(connection, post_ids)


def draft_edition(
    connection: Connection, its: Digest, *, at: datetime, rhythm: Rhythm, labels: tuple[str, ...] = ()
) -> tuple[Edition, list[Post]]:
    """What a reader of this rhythm would get at ``at``, not stored: the news since the slot before.

    For the instant cadence it is the news of the last day. The list is empty when there is no news.
    """
    instant = rhythm.cadence is Cadence.INSTANT
    start = at - timedelta(days=1) if instant else previous_slot(rhythm, at - timedelta(microseconds=1))
    post_ids = news_of(connection, its, start, at, labels)
    return _draft(its, start, at, labels, post_ids), get_posts(connection, post_ids)


def sample_edition(connection: Connection, its: Digest, *, at: datetime) -> tuple[Edition, list[Post]]:
    """An edition of the newest posts under a digest's rule, news or not: what its mail would look like."""
    posts = get_posts(connection, newest(connection, parse(its.rule), limit=SAMPLE))
    start = at - timedelta(days=7)
    return _draft(its, start, at, (), tuple(post.id for post in posts)), posts


def _draft(
    its: Digest, start: datetime, at: datetime, labels: tuple[str, ...], post_ids: tuple[int, ...]
) -> Edition:
    return Edition(
        _NO_NUMBER,
        its.id,
        start,
        at,
        labels,
        its.language,
        its.template,
        folded=False,
        created_at=at,
        post_ids=post_ids,
    )
