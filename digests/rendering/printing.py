"""What is printed: an edition with its digest and its posts, stored or (for a preview) only drafted."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from digests.model import Digest, Edition, NoMail, Options, digest, edition, edition_post
from digests.store import get_digest
from posts.model import Post
from posts.rules import parse
from posts.store import get_posts, newest

SAMPLE = 5
NOTHING_CHOSEN: Mapping[str, str | None] = {}

_NO_NUMBER = 0


def edition_contents(connection: Connection, number: int) -> tuple[Digest, Edition, list[Post]]:
    """A stored edition with its digest and its posts, in the order they are shown in.

    Raises ``LookupError`` if there is none.
    """
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
        row.content,
        row.form,
        options_of(row.options),
        row.reason and NoMail(row.reason),
    )
    return get_digest(connection, slug), its, get_posts(connection, post_ids)


def options_of(stored: Mapping[str, Any]) -> Options:
    """Options from the JSON they are stored as; what is not there is as it was before there were any."""
    return Options(**{name: stored[name] for name in Options.__slots__ if name in stored})


def sample_edition(
    connection: Connection,
    its: Digest,
    *,
    at: datetime,
    chosen: Mapping[str, str | None] = NOTHING_CHOSEN,
) -> tuple[Edition, list[Post]]:
    """An edition of the newest posts under a digest's rule, news or not: what its mail would look like."""
    posts = get_posts(connection, newest(connection, parse(its.rule), limit=SAMPLE))
    if its.sort == "oldest":
        posts.reverse()
    start = at - timedelta(days=7)
    return draft(its, (start, at), (), tuple(post.id for post in posts), chosen), posts


def draft(
    its: Digest,
    window: tuple[datetime, datetime],
    labels: tuple[str, ...],
    post_ids: tuple[int, ...],
    chosen: Mapping[str, str | None] = NOTHING_CHOSEN,
) -> Edition:
    """An edition that is not stored: of these posts, for a window and for readers of some labels.

    ``chosen``: their ``language``, ``content`` and ``form``, where these are not the digest's own. The
    introduction that is pinned to the digest stands in it.
    """
    return Edition(
        _NO_NUMBER,
        its.id,
        *window,
        labels,
        chosen.get("language") or its.language,
        its.template,
        folded=False,
        created_at=window[1],
        post_ids=post_ids,
        content=chosen.get("content") or its.content,
        form=chosen.get("form") or "html",
        options=Options(its.max_posts, its.sort, its.grouping, its.introduction),
    )
