"""The operator's view of what came back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from digests.model import bounce, delivery, digest, edition
from outbox.bounces.report import ReportKind
from subscribers.model import subscriber


@dataclass(frozen=True, slots=True)
class Bounced:
    """A bounce or complaint as listed. ``email`` and ``diagnostic`` are None once the reader was erased."""

    id: int
    at: datetime
    kind: ReportKind
    status: str | None
    diagnostic: str | None
    email: str | None
    delivery: int | None
    digest: str | None


def list_bounces(
    connection: Connection, *, kind: ReportKind | None = None, limit: int | None = None
) -> Iterator[Bounced]:
    """What came back, newest first, of one kind where asked."""
    query = (
        select(
            bounce.c.id,
            bounce.c.at,
            bounce.c.kind,
            bounce.c.status,
            bounce.c.diagnostic,
            subscriber.c.email,
            bounce.c.delivery_id,
            digest.c.slug,
        )
        .outerjoin(subscriber, subscriber.c.id == bounce.c.subscriber_id)
        .outerjoin(delivery, delivery.c.id == bounce.c.delivery_id)
        .outerjoin(edition, edition.c.id == delivery.c.edition_id)
        .outerjoin(digest, digest.c.id == edition.c.digest_id)
        .order_by(bounce.c.id.desc())
    )
    if kind is not None:
        query = query.where(bounce.c.kind == kind)
    for number, at, which, *rest in connection.execute(query.limit(limit)):
        yield Bounced(number, at, ReportKind(which), *rest)
