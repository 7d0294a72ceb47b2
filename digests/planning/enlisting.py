"""Deliveries entered and windows moved on for thousands of subscriptions at once: their rows stay in the
database, which is only told their numbers.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    cast,
    func,
    literal,
    select,
    update,
)

from database import UtcDateTime
from database.upsert import insert_found
from digests.model import DeliveryState, delivery
from subscribers.model import subscriber, subscription

MEMBERS = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """An edition and who is to get it: the numbers of subscriptions, joined by commas."""

    edition_id: int
    priority: int
    members: str


@dataclass(frozen=True, slots=True)
class Move:
    """Where subscriptions stand from now on: ``members`` are their numbers, joined by commas."""

    window_start: datetime
    next_slot: datetime | None
    members: str


def move(connection: Connection, moves: Iterable[Move]) -> None:
    """Set windows and slots; most subscriptions of a digest go on alike, so a statement serves many."""
    together: dict[tuple[datetime, datetime | None], list[str]] = {}
    for one in moves:
        together.setdefault((one.window_start, one.next_slot), []).append(one.members)
    for (window_start, next_slot), members in together.items():
        theirs = subscription.c.id.in_(numbers(connection, ",".join(members)))
        step = update(subscription).where(theirs)
        connection.execute(step.values(window_start=window_start, next_slot=next_slot))


def enlist(connection: Connection, entries: Sequence[Entry], *, now: datetime, mail_domain: str) -> int:
    """Enter deliveries in the ledger, unless they are there; tell how many were entered.

    ``mail_domain`` ends each Message-ID, which the database makes: 128 random bits.
    """
    if not entries:
        return 0
    entered = f"[{','.join(_some(entries))}]"
    edition_id, priority, member = _given(connection, entered)
    instant = literal(now, UtcDateTime)
    columns: dict[str, ColumnElement[Any]] = {
        "edition_id": edition_id,
        "subscriber_id": subscription.c.subscriber_id,
        "subscription_id": subscription.c.id,
        "state": literal(DeliveryState.QUEUED.value),
        "attempt": literal(0),
        "doubts": literal(0),
        "message_id": literal("<") + _random_name(connection) + literal(f"@{mail_domain}>"),
        "priority": priority,
        "domain": _domain(connection),
        "due_at": instant,
        "created_at": instant,
        "updated_at": instant,
    }
    found = select(*columns.values()).where(subscription.c.id == member)
    return insert_found(connection, delivery, columns, found)


def _some(entries: Iterable[Entry]) -> Iterator[str]:
    """Entries as JSON, each of few members: a database looks at a whole entry for each of them."""
    for one in entries:
        members = one.members.split(",")
        for first in range(0, len(members), MEMBERS):
            some = ",".join(members[first : first + MEMBERS])
            yield f"[{one.edition_id},{one.priority},[{some}]]"


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def numbers(connection: Connection, members: str) -> Select[Any]:
    """Numbers joined by commas, as rows."""
    if _is_sqlite(connection):
        return select(func.json_each(f"[{members}]").table_valued("value").c.value)
    return select(cast(func.unnest(func.string_to_array(members, ",")), BigInteger))


def _given(connection: Connection, entered: str) -> tuple[ColumnElement[Any], ...]:
    """Edition, priority and member of each entry, from JSON: ``[[edition, priority, [member, …]], …]``."""
    if _is_sqlite(connection):
        entry = func.json_each(entered).table_valued("value", name="entry", joins_implicitly=True).c.value
        members = func.json_each(entry, "$[2]").table_valued("value", name="members", joins_implicitly=True)
        return func.json_extract(entry, "$[0]"), func.json_extract(entry, "$[1]"), members.c.value
    from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415 # not where SQLite is the database

    elements = func.jsonb_array_elements
    entry = (
        elements(cast(literal(entered, Text), JSONB))
        .table_valued("value", name="entry", joins_implicitly=True)
        .c.value
    )
    members = elements(_at(entry, 2)).table_valued("value", name="members", joins_implicitly=True)
    edition_id, priority, member = _at(entry, 0), _at(entry, 1), members.c.value
    return cast(edition_id, BigInteger), cast(priority, BigInteger), cast(member, BigInteger)


def _at(array: ColumnElement[Any], place: int) -> ColumnElement[Any]:
    return array.op("->")(place)


def _random_name(connection: Connection) -> ColumnElement[str]:
    if _is_sqlite(connection):
        return func.lower(func.hex(func.randomblob(16)))
    return func.replace(cast(func.gen_random_uuid(), Text), "-", "")


def _domain(connection: Connection) -> ColumnElement[str]:
    """What follows the @ of a reader's casefolded address.

    Asked for each reader alone: PostgreSQL would read all readers for it, not knowing how few are meant.
    """
    key = subscriber.c.email_key
    at = (func.instr if _is_sqlite(connection) else func.strpos)(key, "@")
    domain = select(func.substr(key, at + 1)).where(subscriber.c.id == subscription.c.subscriber_id)
    return domain.scalar_subquery()
