"""Keys of private feeds: each reader has one of their own, and it can be taken from them alone.

Only a key's hash is stored: whoever reads the database cannot read a feed with it.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from feeds.model import feed, feed_key
from feeds.selection import FeedSpec
from feeds.site import FeedSite

KEY_BYTES = 24
PARAMETER = "key"
_LONGEST_KEY = 100
_LONGEST_READER = 320


class GrantError(LookupError):
    """There is no such private feed, or no such reader can be; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Grant:
    """That a reader may read a private feed; until ``revoked_at``, where that is set."""

    reader: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class HeldKey:
    """The key that a reader has of a private feed; until ``revoked_at``, where that is set."""

    feed: str
    created_at: datetime
    revoked_at: datetime | None


def grant(connection: Connection, slug: str, reader: str, *, now: datetime) -> str:
    """A new key (192 bits, fit for an address) for a reader of a private feed: the one time it is seen.

    ``reader`` is an address, or any name the publisher knows the reader by. The key they had before, revoked
    or not, is good no more. Raises ``GrantError``.
    """
    reader = _one_line(slug, reader)
    # Two grants to one reader at once: the second waits here, and replaces what the first one made.
    _require_private(connection, slug, lock=True)
    key = secrets.token_urlsafe(KEY_BYTES)
    values = {"digest": _digest(key), "created_at": now, "revoked_at": None}
    theirs = (feed_key.c.feed_slug == slug) & (feed_key.c.reader == reader)
    if not connection.execute(update(feed_key).where(theirs).values(values)).rowcount:
        connection.execute(insert(feed_key).values(feed_slug=slug, reader=reader, **values))
    return key


def has_key(connection: Connection, slug: str, reader: str) -> bool:
    """Whether a reader has a good key to a feed."""
    theirs = (feed_key.c.feed_slug == slug) & (feed_key.c.reader == reader.strip())
    query = select(feed_key.c.id).where(theirs, feed_key.c.revoked_at.is_(None))
    return reader.isprintable() and connection.execute(query).first() is not None


def revoke(connection: Connection, slug: str, reader: str, *, now: datetime) -> bool:
    """Take a reader's key from them; whether they had a good one. Raises ``GrantError``."""
    reader = _one_line(slug, reader)
    _require_private(connection, slug)
    theirs = (feed_key.c.feed_slug == slug) & (feed_key.c.reader == reader)
    good = update(feed_key).where(theirs, feed_key.c.revoked_at.is_(None))
    return connection.execute(good.values(revoked_at=now)).rowcount > 0


def forget_key_holder(connection: Connection, email: str, *, now: datetime) -> int:
    """Forget an address among the names of who may read: its keys are good no more. Returns how many."""
    mine = select(feed_key.c.id, feed_key.c.revoked_at).where(_is_of(email))
    found = connection.execute(mine).all()
    for number, revoked_at in found:
        values = {"reader": f"(erased {number})", "revoked_at": revoked_at or now}
        connection.execute(update(feed_key).where(feed_key.c.id == number).values(values))
    return len(found)


def rename_key_holder(connection: Connection, old: str, new: str) -> int:
    """A reader who is known by their address has another one: their keys stay good. Returns how many.

    Where the new address has a key of its own, the old one's is kept without a name.
    """
    query = select(feed_key.c.id, feed_key.c.feed_slug).where(_is_of(old))
    found = connection.execute(query).all()
    held = set(connection.execute(select(feed_key.c.feed_slug).where(_is_of(new))).scalars())
    for number, slug in found:
        name = f"(moved {number})" if slug in held and old.lower() != new.lower() else new
        connection.execute(update(feed_key).where(feed_key.c.id == number).values(reader=name))
    return len(found)


def keys_of(connection: Connection, reader: str) -> list[HeldKey]:
    """The private feeds that a reader has a key of, or had, by an address in any case."""
    query = select(feed_key.c.feed_slug, feed_key.c.created_at, feed_key.c.revoked_at).where(_is_of(reader))
    return [HeldKey(*row) for row in connection.execute(query.order_by(feed_key.c.feed_slug))]


def grants(
    connection: Connection, slug: str, *, after: str = "", words: str = "", limit: int | None = None
) -> list[Grant]:
    """Who may read a private feed, and who no more may, by name. Raises ``GrantError``.

    Those behind the name ``after``, with ``words`` in their names, at most ``limit``.
    """
    _require_private(connection, slug)
    query = (
        select(feed_key.c.reader, feed_key.c.created_at, feed_key.c.revoked_at)
        .where(feed_key.c.feed_slug == slug)
        .order_by(feed_key.c.reader)
        .limit(limit)
    )
    if after:
        query = query.where(feed_key.c.reader > after)
    if words:
        query = query.where(feed_key.c.reader.icontains(words, autoescape=True))
    return [Grant(*row) for row in connection.execute(query)]


def may_read(connection: Connection, slug: str, key: str) -> bool:
    """Whether a key opens this private feed.

    It is looked up by its hash: how long that takes tells nothing of any key.
    """
    if not 0 < len(key) <= _LONGEST_KEY:
        return False
    query = select(feed_key.c.id).where(
        feed_key.c.digest == _digest(key), feed_key.c.feed_slug == slug, feed_key.c.revoked_at.is_(None)
    )
    return connection.execute(query).first() is not None


def private_url(site: FeedSite, spec: FeedSpec, suffix: str, key: str) -> str:
    """A reader's own address of a private feed in one format: the feed's, with the key."""
    return site.feed_url(spec.slug, suffix, sorted([*spec.params, (PARAMETER, key)]))


def _is_of(email: str) -> ColumnElement[bool]:
    return func.lower(feed_key.c.reader) == email.strip().lower()


def _digest(key: str) -> str:
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _require_private(connection: Connection, slug: str, *, lock: bool = False) -> None:
    query = select(feed.c.is_private).where(feed.c.slug == slug)
    is_private = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    if is_private is None:
        raise GrantError(
            f"feed {slug}: there is none that is configured so: `labelcast feeds list` shows all"
        )
    if not is_private:
        raise GrantError(f"feed {slug}: it is public: everyone may read it without a key")


def _one_line(slug: str, reader: str) -> str:
    reader = reader.strip()
    if not reader or len(reader) > _LONGEST_READER or not reader.isprintable():
        raise GrantError(
            f"feed {slug}: reader {reader[:40]!r}: name one by an address or a name, "
            f"one line of at most {_LONGEST_READER} characters"
        )
    return reader
