"""The queue of mail that is no digest, as rows of the table ``notice``: each step is one statement.

What each step goes from and to:

    (nothing) ─> queued                 ``enqueue``: whoever asks, in their own transaction
    queued ─> sending                   ``take``; also from sending, once whoever sends it is given up
    sending ─> needless                 ``finish``: there is nothing to say
    sending ─> sent, failed, queued     ``record``: what became of it; queued: to be tried again

A row that is done keeps nothing of a person: no address, no message, no key.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, null, or_, select, update

from database.upsert import insert_new
from outbox.model import IS_DONE, IS_WAITING, Notice, NoticeState, notice

# How long what is done is told of.
KEPT = timedelta(days=30)
# Each is looked at once: what servers say, or errors, may be long.
_WORD = re.compile(r"[^\s<>:;,()\[\]\"']+")
_NOTHING = {"payload": null(), "recipient": None, "message": None, "key": None}


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to one person: ``message`` is whole, with CRLF line ends; ``message_id`` with its brackets."""

    recipient: str
    message: bytes
    message_id: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A notice that is this process's to send; ``letter`` is None until it is composed."""

    notice: Notice
    letter: Letter | None


def enqueue(
    connection: Connection, kind: str, payload: Mapping[str, Any], *, key: str, now: datetime
) -> bool:
    """Ask for a mail; False when one of the same ``key`` waits already, and nothing is changed.

    It leaves once this transaction is committed. ``payload`` is what its composer needs, as JSON; an address
    in it stands under ``address``, so that it can be forgotten.
    """
    row = {"kind": kind, "key": key, "payload": dict(payload), "state": NoticeState.QUEUED.value}
    dates = {"created_at": now, "due_at": now}
    return insert_new(connection, notice, row | dates, returning=notice.c.id) is not None


def is_due(connection: Connection, *, now: datetime, real: datetime) -> bool:
    """Whether something waits to be sent."""
    query = select(notice.c.id).where(_due(now, real)).limit(1)
    return connection.execute(query).first() is not None


def take(
    connection: Connection, kinds: Collection[str], *, now: datetime, real: datetime, until: datetime
) -> Taken | None:
    """Take up the notice that has been due for longest; None when none is.

    It is this process's ``until`` then, by the ``real`` time; ``now`` says what is due. One that another
    process has its hands on is passed over.
    """
    query = (
        select(notice)
        .where(_due(now, real), notice.c.kind.in_(kinds))
        .order_by(notice.c.due_at, notice.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    taken = {"state": NoticeState.SENDING.value, "attempt": row.attempt + 1, "due_at": until}
    connection.execute(update(notice).where(notice.c.id == row.id).values(taken))
    its = Notice(row.id, row.kind, row.payload or {}, row.attempt + 1, row.created_at)
    made = row.message is not None
    return Taken(its, Letter(row.recipient, row.message, row.message_id) if made else None)


def retake(connection: Connection, its: Notice) -> bool:
    """Take up again what was taken in a transaction that was undone; False when another process has it."""
    its_last = and_(notice.c.id == its.id, notice.c.attempt == its.attempt - 1, IS_WAITING)
    again = {"state": NoticeState.SENDING.value, "attempt": its.attempt}
    return connection.execute(update(notice).where(its_last).values(again)).rowcount > 0


def freeze(connection: Connection, its: Notice, letter: Letter) -> None:
    """Keep the message: whatever comes, no other one is sent for this notice."""
    frozen = {"recipient": letter.recipient, "message": letter.message, "message_id": letter.message_id}
    connection.execute(update(notice).where(_is_still(its)).values(frozen))


def finish(
    connection: Connection, its: Notice, state: NoticeState, *, now: datetime, reply: str = ""
) -> bool:
    """Done, one way or the other; False when it is no longer this attempt's to say."""
    values = {"state": state.value, "done_at": now, "reply": without_addresses(reply) or None} | _NOTHING
    return connection.execute(update(notice).where(_is_still(its)).values(values)).rowcount > 0


def try_again(connection: Connection, its: Notice, *, due: datetime, reply: str) -> bool:
    """Put it back until it is ``due``; False when it is no longer this attempt's to say."""
    values = {"state": NoticeState.QUEUED.value, "due_at": due, "reply": without_addresses(reply)}
    return connection.execute(update(notice).where(_is_still(its)).values(values)).rowcount > 0


def sweep(connection: Connection, *, now: datetime) -> int:
    """Forget what was done long ago; tell how many."""
    return connection.execute(delete(notice).where(IS_DONE, notice.c.done_at < now - KEPT)).rowcount


def has_old(connection: Connection, *, now: datetime) -> bool:
    """Whether there is something to sweep."""
    query = select(notice.c.id).where(IS_DONE, notice.c.done_at < now - KEPT).limit(1)
    return connection.execute(query).first() is not None


def drop_waiting(connection: Connection, is_theirs: Callable[[str], bool]) -> int:
    """Drop all that waits for an address that ``is_theirs``, sent or not; tell how many."""
    query = select(notice.c.id, notice.c.payload, notice.c.recipient).where(IS_WAITING)
    theirs = [
        row.id
        for row in connection.execute(query)
        if any(map(is_theirs, _addresses(row.payload, row.recipient)))
    ]
    if theirs:
        connection.execute(delete(notice).where(notice.c.id.in_(theirs)))
    return len(theirs)


def without_addresses(reply: str) -> str:
    """What a server said, without the address that it said it of."""
    return _WORD.sub(lambda word: "(address)" if "@" in word[0][1:-1] else word[0], reply)


def _addresses(payload: Any, recipient: str | None) -> list[str]:
    said = payload.get("address") if isinstance(payload, dict) else None
    return [one for one in (said, recipient) if isinstance(one, str)]


def _due(now: datetime, real: datetime) -> Any:
    queued = and_(notice.c.state == NoticeState.QUEUED.value, notice.c.due_at <= now)
    given_up = and_(notice.c.state == NoticeState.SENDING.value, notice.c.due_at <= real)
    return and_(IS_WAITING, or_(queued, given_up))


def _is_still(its: Notice) -> Any:
    """That it is being sent, and nobody has begun another attempt."""
    return and_(
        notice.c.id == its.id,
        notice.c.attempt == its.attempt,
        notice.c.state == NoticeState.SENDING.value,
    )
