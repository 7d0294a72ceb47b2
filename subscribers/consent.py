"""The record of each consent: when, where it came from, and to which words."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from subscribers.model import ConsentKind, consent

ERASED = "(erased)"


@dataclass(frozen=True, slots=True)
class Consent:
    """What a subscriber agreed to, was asked, or is said to have agreed to.

    ``digest_id`` is None for no digest, or for one that is now removed.
    """

    id: int
    subscriber_id: int
    digest_id: int | None
    at: datetime
    origin: str
    wording: str
    kind: ConsentKind = ConsentKind.CONFIRMED


def record_consent(
    connection: Connection,
    *,
    subscriber_id: int,
    at: datetime,
    origin: str,
    wording: str,
    digest_id: int | None = None,
    kind: ConsentKind = ConsentKind.CONFIRMED,
) -> int:
    """Store one consent and return its number; consents are added, never changed.

    ``origin`` is where it came from (``command``, ``csv:readers.csv:2``, an IP address), ``wording`` what was
    agreed to, ``at`` when: of one that is claimed, the time that is claimed.
    """
    values = {"subscriber_id": subscriber_id, "digest_id": digest_id, "at": at, "kind": kind}
    statement = insert(consent).values(**values, origin=origin, wording=wording).returning(consent.c.id)
    number: int = connection.execute(statement).scalar_one()
    return number


def list_consents(connection: Connection, subscriber_id: int) -> list[Consent]:
    """A subscriber's consents, oldest first."""
    query = select(consent).where(consent.c.subscriber_id == subscriber_id)
    return [_consent(row) for row in connection.execute(query.order_by(consent.c.at, consent.c.id))]


def find_consent(connection: Connection, number: int) -> Consent | None:
    """The consent of that number, or None."""
    row = connection.execute(select(consent).where(consent.c.id == number)).first()
    return None if row is None else _consent(row)


def blank_consents(connection: Connection, subscriber_id: int, *, addresses: tuple[str, ...]) -> None:
    """Take a person out of their consents: where each came from, and their address wherever it is worded.

    That there was a consent, when, and to what, stays: it is what a publisher has to show.
    """
    named = re.compile("|".join(re.escape(address) for address in addresses if address), re.IGNORECASE)
    for one in list_consents(connection, subscriber_id):
        wording = named.sub(ERASED, one.wording) if named.pattern else one.wording
        connection.execute(
            update(consent).where(consent.c.id == one.id).values(origin=ERASED, wording=wording)
        )


def _consent(row: Row[Any]) -> Consent:
    kind = ConsentKind(row.kind)
    return Consent(row.id, row.subscriber_id, row.digest_id, row.at, row.origin, row.wording, kind)
