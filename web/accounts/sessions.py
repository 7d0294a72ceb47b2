"""Sessions: what a browser holds after a login, how long it is good for, and what its forms must bear."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select, update

from web.accounts.accounts import Account, account_of
from web.model import account, session

# Who is busy all day is asked for the password once a month or so.
_LONGEST = 30
# A session is marked as seen no more often, so that reading writes little.
_MARKED_EVERY = timedelta(minutes=5)
_CSRF = b"labelcast.csrf"
# So much of a token's hash tells sessions apart, and is of no other use.
_REF = 16


@dataclass(frozen=True, slots=True)
class Standing:
    """A session as its account sees it; it is named by a part of its token's hash."""

    ref: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Login:
    """A session found by its cookie; ``is_stale`` asks for ``touch``."""

    account: Account
    token: str
    is_stale: bool

    @property
    def csrf(self) -> str:
        """What each form of this session bears; who does not have the cookie cannot make it."""
        return csrf_of(self.token)

    def may_post(self, csrf: str) -> bool:
        """Whether a form is one of this session's."""
        return hmac.compare_digest(csrf.encode(errors="replace"), self.csrf.encode())


def csrf_of(token: str) -> str:
    """What each form of the session bears whose cookie holds the token."""
    return hmac.new(token.encode(errors="replace"), _CSRF, sha256).hexdigest()


def begin_session(connection: Connection, account_id: int, *, now: datetime, idle: timedelta) -> str:
    """Log an account in: returns what the cookie is to hold. Sessions that ended are swept away."""
    token = secrets.token_urlsafe(32)
    connection.execute(delete(session).where(session.c.expires_at <= now))
    connection.execute(
        insert(session).values(
            token_hash=_hash(token),
            account_id=account_id,
            created_at=now,
            seen_at=now,
            expires_at=now + idle,
        )
    )
    return token


def find_session(connection: Connection, token: str, *, now: datetime) -> Login | None:
    """Whose session a cookie's is; None where there is none or it ended. Nothing is written."""
    if not token:
        return None
    query = (
        select(account, session.c.seen_at)
        .join(session, session.c.account_id == account.c.id)
        .where(session.c.token_hash == _hash(token), session.c.expires_at > now)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Login(account_of(row), token, now - row.seen_at >= _MARKED_EVERY)


def touch(connection: Connection, token: str, *, now: datetime, idle: timedelta) -> None:
    """The session is in use: it ends so much later, at most thirty times that after its login."""
    mine = session.c.token_hash == _hash(token)
    began = connection.execute(select(session.c.created_at).where(mine)).scalar_one_or_none()
    if began is not None:
        until = min(now + idle, began + idle * _LONGEST)
        connection.execute(update(session).where(mine).values(seen_at=now, expires_at=until))


def list_sessions(connection: Connection, account_id: int, *, now: datetime) -> list[Standing]:
    """Those of an account that have not ended, the newest first."""
    query = (
        select(session)
        .where(session.c.account_id == account_id, session.c.expires_at > now)
        .order_by(session.c.created_at.desc(), session.c.token_hash)
    )
    return [
        Standing(row.token_hash[:_REF], row.created_at, row.seen_at, row.expires_at)
        for row in connection.execute(query)
    ]


def ref_of(token: str) -> str:
    """What a session is called in the list of them."""
    return _hash(token)[:_REF]


def end_one(connection: Connection, account_id: int, ref: str) -> bool:
    """End one of an account's sessions; False where there is no such."""
    of_it = session.c.account_id == account_id
    hashes = connection.execute(select(session.c.token_hash).where(of_it)).scalars()
    ended = [one for one in hashes if one[:_REF] == ref]
    connection.execute(delete(session).where(of_it, session.c.token_hash.in_(ended)))
    return bool(ended)


def end_others(connection: Connection, account_id: int, token: str) -> int:
    """End an account's sessions but that of a token; returns how many."""
    others = delete(session).where(session.c.account_id == account_id, session.c.token_hash != _hash(token))
    return connection.execute(others).rowcount


def end_session(connection: Connection, token: str) -> None:
    """Log out."""
    connection.execute(delete(session).where(session.c.token_hash == _hash(token)))


def _hash(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()
