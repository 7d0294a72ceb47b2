"""Accounts: a name, a password that nobody can read back, and a role."""

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from threading import BoundedSemaphore
from typing import Any
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from database.turns import take_turn
from web.model import Role, account, session

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 1000
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]{0,62}[a-z0-9])?")
# RFC 9106, 4, second choice: 64 MiB, three passes.
_hasher = PasswordHasher()
# That of a password which is none: verifying it takes the time of a real one.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$7rAeYC/2++FdkY9fmP7S6A$d3Ghu0dPva7CNvHVsau6OinAvPsTHpLkPkFwExibuxg"
# Each takes 64 MiB while it lasts: strangers who guess are to take no more than a few of them.
_at_once = BoundedSemaphore(2)


class AccountError(ValueError):
    """An account cannot be so; the message says why."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who is logged in, or may be."""

    id: int
    name: str
    role: Role
    created_at: datetime

    def may(self, role: Role) -> bool:
        """Whether this one may do what ``role`` may."""
        return self.role.rank >= role.rank


def set_password(
    connection: Connection, name: str, password: str, *, now: datetime, role: Role | None = None
) -> Account:
    """Make an account, or give one that is there another password: all its sessions end.

    ``role`` None leaves the role; a new account is then an owner if it is the first, else a viewer. Raises
    ``AccountError`` for a name or a password that cannot be one.
    """
    key = valid_name(name)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    hashed = _hasher.hash(_same(password))
    take_turn(connection, "accounts")
    known = find_account(connection, key)
    if known is None:
        first = not connection.execute(select(func.count()).select_from(account)).scalar_one()
        given = role or (Role.OWNER if first else Role.VIEWER)
        connection.execute(insert(account).values(name=key, password_hash=hashed, role=given, created_at=now))
    else:
        given = role or known.role
        _keep_an_owner(connection, known, given)
        connection.execute(update(account).filter_by(id=known.id).values(password_hash=hashed, role=given))
        connection.execute(delete(session).filter_by(account_id=known.id))
    made = find_account(connection, key)
    if made is None:
        raise AccountError(f"{name}: was taken away meanwhile")
    return made


def make_account(connection: Connection, name: str, password: str, role: Role, *, now: datetime) -> Account:
    """Make an account that is not there yet. Raises ``AccountError`` as ``set_password`` does."""
    take_turn(connection, "accounts")
    if find_account(connection, name) is not None:
        raise AccountError(f"there is already an account {valid_name(name)}")
    return set_password(connection, name, password, now=now, role=role)


def set_role(connection: Connection, name: str, role: Role) -> Account:
    """Give an account another role. Raises ``AccountError`` if there is none, or no owner would be left."""
    known = _must_find(connection, name)
    _keep_an_owner(connection, known, role)
    connection.execute(update(account).filter_by(id=known.id).values(role=role))
    return Account(known.id, known.name, role, known.created_at)


def remove_account(connection: Connection, name: str) -> Account:
    """Take an account away with its sessions. Raises ``AccountError`` as ``set_role`` does."""
    known = _must_find(connection, name)
    _keep_an_owner(connection, known, None)
    connection.execute(delete(account).filter_by(id=known.id))
    return known


def find_account(connection: Connection, name: str) -> Account | None:
    """The account of a name, however it is written."""
    row = _row(connection, name)
    return None if row is None else account_of(row)


def list_accounts(connection: Connection) -> list[Account]:
    """All of them, by name."""
    return [account_of(row) for row in connection.execute(select(account).order_by(account.c.name))]


def has_accounts(connection: Connection) -> bool:
    """Whether there is any."""
    return connection.execute(select(account.c.id).limit(1)).first() is not None


def account_of(row: Row[Any]) -> Account:
    """An account as a row of it says."""
    return Account(row.id, row.name, Role(row.role), row.created_at)


def check_password(connection: Connection, name: str, password: str) -> Account | None:
    """The account, if the password is its own. It takes as long for a name that nobody has."""
    row = _row(connection, name)
    with _at_once:
        try:
            _hasher.verify(_NOBODYS if row is None else row.password_hash, _same(password[:LONGEST_PASSWORD]))
        except (Argon2Error, InvalidHashError):
            return None
    return None if row is None else account_of(row)


def _same(password: str) -> str:
    """A password as every keyboard sends it: what looks the same is the same (NFKC)."""
    return normalize("NFKC", password)


def known_key(connection: Connection, name: str) -> bytes | None:
    """What marks of browsers that an account knows are made with: another once its password is changed."""
    row = _row(connection, name)
    return None if row is None else sha256(b"labelcast.known" + row.password_hash.encode()).digest()


def _row(connection: Connection, name: str) -> Row[Any] | None:
    key = name.strip().casefold()
    # What can be no name is not asked for: it might be no text that a database takes.
    if not _NAME.fullmatch(key):
        return None
    return connection.execute(select(account).filter_by(name=key)).one_or_none()


def valid_name(name: str) -> str:
    """A name as it is kept; raises ``AccountError`` for what can be none."""
    key = name.strip().casefold()
    if not _NAME.fullmatch(key):
        raise AccountError(f"{name!r} is no name for an account: use letters, digits and . _ @ + -")
    return key


def _must_find(connection: Connection, name: str) -> Account:
    known = find_account(connection, name)
    if known is None:
        raise AccountError(f"{name}: there is no such account; `labelcast admin list` has them all")
    return known


def _keep_an_owner(connection: Connection, known: Account, role: Role | None) -> None:
    if known.role is not Role.OWNER or role is Role.OWNER:
        return
    # The owners are locked: two who demote each other at once would both be gone.
    owners = select(account.c.id).where(account.c.role == Role.OWNER).order_by(account.c.id).with_for_update()
    if set(connection.execute(owners).scalars()) <= {known.id}:
        raise AccountError(f"{known.name} is the only owner: make another one first")
