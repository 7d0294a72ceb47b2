"""Access tokens: what a program shows to be let in, what it may do, and until when.

A token is told once, when it is made. Kept is its SHA-256: who reads the database can be nobody.
"""

import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from database.turns import take_turn
from web.model import access_token

PREFIX = "lc_"
# Of what a secret holds: 256 bits, which nobody tries through.
_RANDOM_BYTES = 32
LONGEST_NAME, LONGEST_LIFE = 64, timedelta(days=3660)
# A use is noted no more often, so that a busy program writes little.
NOTED_EVERY = timedelta(minutes=5)

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._ @+-]{0,62}[A-Za-z0-9])?")


class TokenError(ValueError):
    """A token cannot be so, or is not there; the message says why."""


class TokenScope(StrEnum):
    """What a token may; one that writes may not read for that."""

    POSTS_READ = "posts:read"
    POSTS_WRITE = "posts:write"
    LABELS_READ = "labels:read"
    LABELS_WRITE = "labels:write"
    FEEDS_READ = "feeds:read"
    FEEDS_WRITE = "feeds:write"
    DIGESTS_READ = "digests:read"
    DIGESTS_WRITE = "digests:write"
    SUBSCRIBERS_READ = "subscribers:read"
    SUBSCRIBERS_WRITE = "subscribers:write"
    DELIVERIES_READ = "deliveries:read"
    DELIVERIES_WRITE = "deliveries:write"
    IMPORT_WRITE = "import:write"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token as it is kept. ``used_at`` may be some minutes old; ``expires_at`` None: it never ends."""

    id: int
    name: str
    scopes: frozenset[TokenScope]
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime | None

    def may(self, scope: TokenScope) -> bool:
        """Whether it was given this scope."""
        return scope in self.scopes

    def is_expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


def add_token(
    connection: Connection,
    name: str,
    scopes: Collection[str],
    *,
    now: datetime,
    life: timedelta | None = None,
) -> tuple[AccessToken, str]:
    """Make a token; returned are what is kept of it, and the token itself, which nobody can read again.

    ``life`` None: it does not end by itself. Raises ``TokenError`` for a name that is none or taken, for no
    scopes or unknown ones, and for a life that is none.
    """
    if not _NAME.fullmatch(name):
        raise TokenError(
            f"token {name[:80]!r}: a name has letters a to z, digits, blanks and . _ @ + -,"
            f" {LONGEST_NAME} at most"
        )
    given = _scopes(scopes)
    if life is not None and not timedelta(0) < life <= LONGEST_LIFE:
        raise TokenError(f"token {name}: it can be good for 1 to {LONGEST_LIFE.days} days")
    take_turn(connection, "tokens")
    if find_named(connection, name) is not None:
        raise TokenError(f"token {name}: there is one of that name; revoke it, or choose another name")
    secret = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    values = {
        "name": name,
        "token_hash": _hash(secret),
        "scopes": sorted(given),
        "created_at": now,
        "expires_at": None if life is None else now + life,
    }
    row = connection.execute(insert(access_token).values(values).returning(access_token)).one()
    return _token(row), secret


def find_token(connection: Connection, secret: str, *, now: datetime) -> AccessToken | None:
    """The token that a program shows; None where there is none or its time is over. Nothing is written."""
    if not secret.startswith(PREFIX):
        return None
    row = connection.execute(select(access_token).filter_by(token_hash=_hash(secret))).one_or_none()
    found = None if row is None else _token(row)
    return None if found is None or found.is_expired(now) else found


def find_named(connection: Connection, name: str) -> AccessToken | None:
    """The token of a name, also one whose time is over."""
    # No name holds what a database cannot take.
    if not _NAME.fullmatch(name):
        return None
    row = connection.execute(select(access_token).filter_by(name=name)).one_or_none()
    return None if row is None else _token(row)


def list_tokens(connection: Connection) -> list[AccessToken]:
    """All of them, by name; also those whose time is over."""
    return [_token(row) for row in connection.execute(select(access_token).order_by(access_token.c.name))]


def revoke_token(connection: Connection, name: str) -> AccessToken:
    """Take a token away: it lets nobody in from now on. Raises ``TokenError`` if there is none."""
    known = find_named(connection, name)
    if known is None:
        raise TokenError(f"token {name[:80]!r}: there is none; `labelcast tokens list` has them all")
    connection.execute(delete(access_token).filter_by(id=known.id))
    return known


def note_uses(connection: Connection, uses: Iterable[tuple[int, datetime]]) -> None:
    """Keep when tokens were used last, each by its number."""
    for number, at in uses:
        is_older = access_token.c.used_at.is_(None) | (access_token.c.used_at < at)
        mine = update(access_token).where(access_token.c.id == number, is_older)
        connection.execute(mine.values(used_at=at))


def _scopes(names: Collection[str]) -> frozenset[TokenScope]:
    known = [str(one) for one in TokenScope]
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise TokenError(f"scope {name[:80]!r}: is none; {hint}")
    if not names:
        raise TokenError(f"a token needs a scope; there are {', '.join(known)}")
    return frozenset(map(TokenScope, names))


def _token(row: Row[Any]) -> AccessToken:
    # A scope that a later version knew is not one of ours.
    scopes = frozenset(TokenScope(name) for name in row.scopes if name in set(TokenScope))
    return AccessToken(row.id, row.name, scopes, row.created_at, row.used_at, row.expires_at)


def _hash(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()
