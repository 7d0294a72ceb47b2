"""What follows from mail that came back: readers who are gone are suppressed, others are given time.

A hard bounce suppresses at once, unless its domain refuses so many that it counts as soft
(``braking.py``). Soft ones are counted, one a day, until there are so many within so many days and
nothing arrived since. A refusal for policy is recorded for the operator and not held against the reader. Who
complains is unsubscribed from everything. What was read before changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256

import structlog
from sqlalchemy import ColumnElement, Connection, func, or_, select

from database.upsert import insert_new
from digests.model import DeliveryState, bounce, delivery
from digests.returns.braking import is_to_be_held
from digests.returns.claims import Claim, claim_of_delivery, find_claim
from digests.sending.due import domain_of
from outbox.bounces.report import Report, ReportKind
from outbox.bounces.verdicts import find_code, find_status, verdict
from outbox.outcome import printable
from posts.blog import get_blog
from subscribers.suppression import SuppressionReason, suppress
from subscribers.tokens import TokenSigner

# Servers try for five days before they report: only what was sent longer ago, and did not come back, arrived.
SETTLED = timedelta(days=6)

log = structlog.get_logger("bounces")


class Taken(StrEnum):
    """What was made of a message that came back."""

    HARD = "hard"
    SOFT = "soft"
    POLICY = "policy"
    COMPLAINT = "complaint"
    NOT_OURS = "not_ours"
    NONE = "none"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class SoftLimits:
    """After how many days with soft bounces, of how many, an address is taken to be gone."""

    bounces: int = 5
    days: int = 14


@dataclass(frozen=True, slots=True)
class Returned:
    """What a message came to for one reader; ``email`` is None where it is about nobody of ours.

    ``held``: their domain says of so many that they are gone that it is not believed as yet.
    """

    taken: Taken
    email: str | None = None
    status: str | None = None
    diagnostic: str = ""
    suppressed: bool = False
    held: bool = False


# The worst first: of several things that one message says of a reader, one is recorded.
_WORST = (ReportKind.COMPLAINT, ReportKind.HARD, ReportKind.SOFT, ReportKind.POLICY)


def take_back(
    connection: Connection,
    key: str,
    reports: Sequence[Report],
    *,
    signer: TokenSigner,
    limits: SoftLimits,
    now: datetime,
) -> list[Returned]:
    """Record what a message reports, and do what follows; all in the caller's transaction.

    ``key`` tells the message from all others. The result is never empty, and what weighs most comes first.
    """
    failures = [report for report in reports if report.kind is not ReportKind.NONE]
    if not failures:
        return [Returned(Taken.NONE)]
    believed: dict[int, tuple[Claim, Report]] = {}
    for report in sorted(failures, key=lambda one: _WORST.index(one.kind)):
        claim = find_claim(connection, report, signer)
        if claim is not None:
            believed.setdefault(claim.subscriber_id, (claim, report))
    taken = [
        _record(
            connection,
            # Reports without a Message-ID may read alike: the delivery tells them apart.
            _key(key, str(claim.subscriber_id), str(claim.delivery_id)),
            claim,
            report,
            limits=limits,
            now=now,
        )
        for claim, report in believed.values()
    ]
    return taken or [Returned(Taken.NOT_OURS, diagnostic=failures[0].diagnostic)]


def note_refusals(
    connection: Connection,
    results: Iterable[tuple[int, str]],
    now: datetime,
    *,
    limits: SoftLimits | None = None,
) -> int:
    """Record what servers said to deliveries that failed, ``(number, reply)``; return how many readers that
    suppressed.

    In the caller's transaction, after the results themselves. A reply without a code, which no server said,
    is passed over.
    """
    suppressed = 0
    for number, reply in results:
        code, status = find_code(reply), find_status(reply)
        claim = claim_of_delivery(connection, number) if code or status else None
        if claim is not None:
            report = Report(verdict(code, status, reply), (claim.email,), status, printable(reply))
            key = _key("refused", str(number), reply)
            done = _record(connection, key, claim, report, limits=limits or SoftLimits(), now=now)
            suppressed += done.suppressed
            if done.held:
                warn_of_held(domain_of(claim.email), now.date())
    return suppressed


@lru_cache(maxsize=1000)
def warn_of_held(domain: str, day: date) -> None:
    """Log that a domain is not believed, once that day."""
    log.warning("too many readers are called unknown: not suppressed yet", domain=domain, day=f"{day}")


def _record(
    connection: Connection, key: str, claim: Claim, report: Report, *, limits: SoftLimits, now: datetime
) -> Returned:
    kind = report.kind
    if kind is ReportKind.HARD and not claim.is_named:
        # Another address that theirs forwards to: they may read a copy of their own, so it only counts.
        kind = ReportKind.SOFT
    held = kind is ReportKind.HARD and is_to_be_held(connection, claim.subscriber_id, claim.delivery_id)
    if held:
        kind = ReportKind.SOFT
    row = {
        "source_key": key,
        "at": now,
        "kind": kind,
        "status": report.status,
        "diagnostic": report.diagnostic,
        "subscriber_id": claim.subscriber_id,
        "delivery_id": claim.delivery_id,
    }
    if insert_new(connection, bounce, row, returning=bounce.c.id) is None:
        return Returned(Taken.KNOWN, claim.email, report.status, report.diagnostic)
    reason = _reason(connection, kind, claim, limits, now)
    suppressed = reason is not None and suppress(
        connection, claim.email, reason=reason, now=now, salt=_salt(connection)
    )
    return Returned(Taken(kind), claim.email, report.status, report.diagnostic, suppressed, held)


def _reason(
    connection: Connection, kind: ReportKind, claim: Claim, limits: SoftLimits, now: datetime
) -> SuppressionReason | None:
    """Why the reader is to be suppressed now; None when they are not."""
    if kind is ReportKind.COMPLAINT:
        return SuppressionReason.COMPLAINED
    if kind is ReportKind.HARD:
        return SuppressionReason.BOUNCED
    if kind is ReportKind.SOFT and _is_gone(connection, claim.subscriber_id, limits, now):
        return SuppressionReason.BOUNCED
    return None


def _is_gone(connection: Connection, subscriber_id: int, limits: SoftLimits, now: datetime) -> bool:
    """Whether a reader's deliveries came back on so many days of so many, and none arrived after.

    A day counts once: instant mail may come back five times while one evening's mailbox is full. Reckoned by
    when they were sent, not when the reports were read: a mailbox may be read weeks late.
    """
    mine = delivery.c.subscriber_id == subscriber_id
    came_back = select(bounce.c.delivery_id).where(
        bounce.c.subscriber_id == subscriber_id, bounce.c.delivery_id.is_not(None)
    )
    counted = came_back.where(bounce.c.kind == ReportKind.SOFT, _is_held_against())
    sent = connection.execute(select(delivery.c.updated_at).where(mine, delivery.c.id.in_(counted)))
    times: list[datetime] = sorted(sent.scalars())
    if len(times) < limits.bounces:
        return False
    arrived: datetime | None = connection.execute(
        select(func.max(delivery.c.updated_at)).where(
            mine,
            delivery.c.state == DeliveryState.SENT,
            delivery.c.updated_at <= now - SETTLED,
            delivery.c.id.not_in(came_back),
        )
    ).scalar_one()
    since = times[-1] - timedelta(days=limits.days)
    counted_days = {time.date() for time in times if time > since and (arrived is None or time > arrived)}
    return len(counted_days) >= limits.bounces


def _is_held_against() -> ColumnElement[bool]:
    """A server that puts off our mail for reasons of policy (4.7.x) does so to all its users."""
    return or_(bounce.c.status.is_(None), bounce.c.status.not_like("4.7.%"))


def _key(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def _salt(connection: Connection) -> str:
    """The salt of suppressed addresses, which stays for good."""
    return str(get_blog(connection).feed_namespace)
