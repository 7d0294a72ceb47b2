"""Whose a report is, and whether to believe it: anybody can write one (docs/decisions/0009)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, null, select

from digests.model import delivery
from outbox.bounces.report import Report, ReportKind
from subscribers.address import AddressError, normalize
from subscribers.changing import moved_since
from subscribers.model import subscriber, subscription
from subscribers.returnpath import read_address
from subscribers.tokens import TokenSigner

# A complaint's Message-ID is looked for in the last so many deliveries: there is no index of them, and forged
# ones must not cost a walk through years. Where the reader is named, only theirs are looked at.
RECENT = 500_000

_OURS = re.compile(r"<[0-9a-f]{32}@[^<>\s]+>")


@dataclass(frozen=True, slots=True)
class Claim:
    """A report that is believed: its reader, and the delivery where that is known.

    ``is_named`` is False when the report names other addresses only: the reader's forwards to one of them.
    """

    subscriber_id: int
    email: str
    delivery_id: int | None
    is_named: bool


def find_claim(connection: Connection, report: Report, signer: TokenSigner) -> Claim | None:
    """The reader that a report is about; None where nothing proves that it answers mail of ours.

    A return path with our signature proves it, or the Message-ID of a delivery in the enclosed original whose
    reader the report names. A complaint, whose addresses are redacted, needs the Message-ID alone, or the
    signed link of the original. The reader's row is held until the transaction ends. None too when the reader
    was erased, or has moved since: what came back from the address they left says nothing of the present one.
    """
    row = _by_token(connection, report, signer)
    if row is None and report.kind is ReportKind.COMPLAINT:
        row = _by_link(connection, report, signer) or _by_message_id(connection, report)
    if row is not None and row.email is not None and not _has_moved(connection, row):
        named = not report.recipients or row.email_key in set(_keys(report.recipients))
        return Claim(row.subscriber_id, row.email, row.delivery_id, named)
    row = _by_name(connection, report)
    return None if row is None else Claim(row.subscriber_id, row.email, row.delivery_id, is_named=True)


def claim_of_delivery(connection: Connection, number: int) -> Claim | None:
    """The claim of what a server said of a delivery itself; None when it is gone, or its reader erased."""
    row = connection.execute(_DELIVERED.where(delivery.c.id == number)).first()
    if row is None or row.email is None or _has_moved(connection, row):
        return None
    return Claim(row.subscriber_id, row.email, number, True)


def _has_moved(connection: Connection, row: Row[Any]) -> bool:
    """Whether a delivery went to an address that its reader has left since."""
    return row.delivery_id is not None and moved_since(connection, row.subscriber_id, row.updated_at)


_READER = (subscriber.c.id.label("subscriber_id"), subscriber.c.email, subscriber.c.email_key)
# Held, so that of two soft bounces that come at once the second counts the first.
_DELIVERED: Select[Any] = (
    select(*_READER, delivery.c.id.label("delivery_id"), delivery.c.updated_at)
    .join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
    .with_for_update(of=subscriber)
)


def _by_token(connection: Connection, report: Report, signer: TokenSigner) -> Row[Any] | None:
    for address in (*report.sent_to, *report.original.return_paths):
        number = read_address(signer, address)
        if number is not None:
            return connection.execute(_DELIVERED.where(delivery.c.id == number)).first()
    return None


def _by_link(connection: Connection, report: Report, signer: TokenSigner) -> Row[Any] | None:
    for token in report.original.unsubscribes:
        number = signer.read("unsubscribe", token)
        if number is not None:
            query = (
                select(*_READER, null().label("delivery_id"))
                .join(subscription, subscription.c.subscriber_id == subscriber.c.id)
                .where(subscription.c.id == number)
                .with_for_update(of=subscriber)
            )
            return connection.execute(query).first()
    return None


def _by_name(connection: Connection, report: Report) -> Row[Any] | None:
    """The delivery of an enclosed Message-ID among those to the readers that are named."""
    wanted, keys = _message_ids(report), sorted(set(_keys(report.recipients)))
    if not wanted or not keys:
        return None
    theirs = _DELIVERED.where(subscriber.c.email_key.in_(keys), delivery.c.message_id.in_(wanted))
    return connection.execute(theirs.order_by(delivery.c.id.desc())).first()


def _by_message_id(connection: Connection, report: Report) -> Row[Any] | None:
    """The same whoever it went to, for a complaint that hides its reader."""
    wanted = _message_ids(report)
    if not wanted:
        return None
    last = connection.execute(select(func.max(delivery.c.id))).scalar_one() or 0
    recent = _DELIVERED.where(delivery.c.id > last - RECENT, delivery.c.message_id.in_(wanted))
    return connection.execute(recent.order_by(delivery.c.id.desc())).first()


def _message_ids(report: Report) -> list[str]:
    return [one for one in report.original.message_ids if _OURS.fullmatch(one)]


def _keys(addresses: Iterable[str]) -> Iterable[str]:
    for address in addresses:
        try:
            yield normalize(address).key
        except AddressError:
            continue
