"""Answers kept for a day: a request that comes again with its Idempotency-Key is answered as it was.

What acts in one transaction keeps its answer in that transaction: whoever kills the process leaves both or
neither, and of two at once the second waits and finds the answer. What takes more than one, an import, claims
its key in one and answers in the last; it is answered anew once its claim is old.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from database.upsert import insert_new
from web.model import idempotent_answer

KEPT_FOR = timedelta(hours=24)
# Then whoever was answering it is dead.
CLAIMED_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was given. ``status`` is None while it is still being made."""

    is_same: bool
    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def claim(connection: Connection, key: str, request_hash: str, *, now: datetime) -> Kept | None:
    """Begin to answer a request; the answer it got before, if it was asked before."""
    values = {"key": key, "request_hash": request_hash, "at": now}
    if insert_new(connection, idempotent_answer, values, returning=idempotent_answer.c.key) is not None:
        return None
    mine = idempotent_answer.c.key == key
    row = connection.execute(select(idempotent_answer).where(mine)).one()
    is_stale = row.at <= now - (CLAIMED_FOR if row.status is None else KEPT_FOR)
    if is_stale:
        anew = {"request_hash": request_hash, "at": now, "status": None, "headers": None, "body": None}
        # Of two that find it stale one wins: the row is as this one read it.
        taken = update(idempotent_answer).where(mine, idempotent_answer.c.at == row.at)
        if connection.execute(taken.values(anew)).rowcount:
            return None
    return Kept(row.request_hash == request_hash, row.status, row.headers or {}, row.body or b"")


def keep(connection: Connection, key: str, answer: Kept) -> None:
    """Keep the answer to a request that was begun."""
    values = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
    connection.execute(update(idempotent_answer).where(idempotent_answer.c.key == key).values(values))


def forget(connection: Connection, key: str) -> None:
    """A request could not be answered: it may be asked again."""
    mine = (idempotent_answer.c.key == key) & idempotent_answer.c.status.is_(None)
    connection.execute(delete(idempotent_answer).where(mine))


def has_old(connection: Connection, *, now: datetime) -> bool:
    """Whether answers are older than they are kept."""
    old = select(idempotent_answer.c.key).where(idempotent_answer.c.at <= now - KEPT_FOR)
    return connection.execute(old.limit(1)).first() is not None


def sweep(connection: Connection, *, now: datetime) -> int:
    """Forget answers that are older than they are kept; how many there were."""
    old = delete(idempotent_answer).where(idempotent_answer.c.at <= now - KEPT_FOR)
    return connection.execute(old).rowcount
