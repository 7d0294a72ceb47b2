"""The audit log: who changed what, and when. It is only ever added to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, func, insert, select

from web.model import audit_entry


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: by whom (``account:anna``, ``token:cms``), of what kind, of what, and how."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def record(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Keep that somebody did something, in the transaction that does it.

    ``action`` is a thing and what was done (``digest.change``). Neither ``subject`` nor ``detail`` holds an
    address of a reader, for that may have to be forgotten: a reader is ``reader 17``.
    """
    values = {"at": now, "actor": actor, "action": action, "subject": subject, "detail": dict(detail or {})}
    connection.execute(insert(audit_entry).values(values))


def entries(
    connection: Connection,
    *,
    before: int | None = None,
    action: str | None = None,
    actor: str | None = None,
    limit: int = 50,
) -> Sequence[Entry]:
    """The newest first; those before the one of that number, of one kind of action, by one actor, or any."""
    query = select(audit_entry).order_by(audit_entry.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit_entry.c.id < before)
    if action is not None:
        query = query.where(audit_entry.c.action == action)
    if actor is not None:
        query = query.where(audit_entry.c.actor == actor)
    return [
        Entry(row.id, row.at, row.actor, row.action, row.subject, row.detail)
        for row in connection.execute(query)
    ]


def actions(connection: Connection) -> list[str]:
    """The kinds of actions that there are entries of."""
    return _different(connection, audit_entry.c.action)


def actors(connection: Connection) -> list[str]:
    """Who did something; no more than the first hundred."""
    return _different(connection, audit_entry.c.actor)


def _different(connection: Connection, column: Column[str], most: int = 100) -> list[str]:
    """The values of an indexed column, each looked up behind the one before: not every entry is read."""
    found: list[str] = []
    while len(found) < most:
        query = select(func.min(column))
        if found:
            query = query.where(column > found[-1])
        value: str | None = connection.execute(query).scalar()
        if value is None:
            break
        found.append(value)
    return found
