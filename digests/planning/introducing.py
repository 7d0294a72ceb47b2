"""A publisher's words for each reader's next edition: pinned, and the editions that they stand in."""

import re
from datetime import datetime
from html import escape

from sqlalchemy import Connection, select, update

from digests.model import Digest, delivery, digest, edition
from digests.offer import DigestError
from digests.planning.enlisting import numbers
from digests.store import get_digest
from posts.markup import Markup

LONGEST = 20_000

_TAG = re.compile(r"<[A-Za-z/!]")


def introduce(
    connection: Connection, slug: str, text: str | None, *, now: datetime, base: str | None = None
) -> str | None:
    """Pin an introduction to a digest from ``now`` on, or with None take it away; return it as it is stored.

    ``text`` is HTML, or plain text with blank lines between its paragraphs. It is stored safe, with ``base``
    before its relative links. Raises ``DigestError`` when there is no such digest or nothing in the text.
    """
    its = get_digest(connection, slug)
    html = None if text is None else _clean(text, base)
    values = {"introduction": html, "introduced_at": None if html is None else now}
    connection.execute(update(digest).where(digest.c.id == its.id).values(values))
    return html


def is_introduced(
    connection: Connection, its: Digest, *, start: datetime, end: datetime, members: str
) -> bool:
    """Whether the introduction stands in an edition of the window ``(start, end]`` for these subscriptions.

    It does in the first that ends after it was pinned, and is mailed. Windows tile: where this one begins
    before, it is the first. Readers who share an edition may have had others before (some chose other labels
    or paused): then it stands there unless half of them had it. ``members`` are numbers joined by commas.
    """
    since = its.introduced_at
    if its.introduction is None or since is None or end < since:
        return False
    if start < since:
        return True
    half = -(-(members.count(",") + 1) // 2)
    had = (
        select(delivery.c.subscription_id)
        .distinct()
        .join(edition, edition.c.id == delivery.c.edition_id)
        .where(
            delivery.c.subscription_id.in_(numbers(connection, members)),
            edition.c.digest_id == its.id,
            edition.c.window_end >= since,
            edition.c.window_end <= start,
        )
    )
    return len(connection.execute(had.limit(half)).all()) < half


def _clean(text: str, base: str | None) -> str:
    if len(text) > LONGEST:
        raise DigestError(f"an introduction of {len(text)} characters is too long: {LONGEST} at most")
    html = text if _TAG.search(text) else _paragraphs(text)
    cleaned = Markup().clean(html, base=base, notes=[]).strip()
    if not cleaned:
        raise DigestError("the introduction is empty: take one away with --clear")
    return cleaned


def _paragraphs(text: str) -> str:
    """Plain text as HTML: blank lines part paragraphs, other line breaks stay."""
    parts = [part.strip() for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n"))]
    lines = (escape(part, quote=False).replace("\n", "<br>") for part in parts if part)
    return "\n".join(f"<p>{part}</p>" for part in lines)
