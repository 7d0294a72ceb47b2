"""Digests, their editions, and the ledger: which edition went to whom, and how that stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
)

from database import Identity, Json, UtcDateTime, metadata


class DeliveryState(StrEnum):
    """Where one edition to one subscriber stands. The arrows between them: ``digests/ledger.py``."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Digest:
    """What a publisher offers by email.

    ``rule`` is a label rule as printed by ``posts.rules``. ``cadence`` with ``minute`` (of the local day),
    ``weekday`` (0 is Monday), ``monthday`` (1 to 31, the last day where a month is shorter) and ``timezone``
    holds for every reader who has not picked another of ``cadences``.
    """

    id: int
    slug: str
    title: str
    rule: str
    template: str
    language: str
    cadence: str
    cadences: tuple[str, ...]
    minute: int
    weekday: int
    monthday: int
    timezone: str
    max_age: timedelta
    max_lateness: timedelta
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Edition:
    """One digest's posts for one window ``(window_start, window_end]``, frozen."""

    id: int
    digest_id: int
    window_start: datetime
    window_end: datetime
    labels: tuple[str, ...]
    language: str
    template: str
    folded: bool
    created_at: datetime
    post_ids: tuple[int, ...] = ()


digest = Table(
    "digest",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("language", String(35), nullable=False),
    Column("cadence", String(7), nullable=False),
    Column("cadences", Json, nullable=False),
    Column("minute", Integer, nullable=False),
    Column("weekday", Integer, nullable=False),
    Column("monthday", Integer, nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("max_age_seconds", Integer, nullable=False),
    Column("max_lateness_seconds", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("cadence IN ('instant', 'daily', 'weekly', 'monthly')", name="cadence"),
)

edition = Table(
    "edition",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("digest_id", ForeignKey("digest.id", ondelete="CASCADE"), nullable=False),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime, nullable=False),
    # The chosen label slugs, sorted and joined by commas (no slug holds one); empty: all.
    Column("labels", Text, nullable=False),
    Column("language", String(35), nullable=False),
    Column("template", Text, nullable=False),
    # The slot before was missed by more than max_lateness: this edition holds its posts too, and says so.
    Column("folded", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # Rendered once: the message with marks where a reader's few tokens go.
    Column("message", LargeBinary),
    Column("rendered_at", UtcDateTime),
    UniqueConstraint(
        "digest_id", "window_end", "window_start", "labels", "language", "template", name="uq_edition_window"
    ),
)

Index(
    "ix_edition_unrendered",
    edition.c.id,
    sqlite_where=edition.c.message.is_(None),
    postgresql_where=edition.c.message.is_(None),
)

edition_post = Table(
    "edition_post",
    metadata,
    Column("edition_id", ForeignKey("edition.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("post_id", ForeignKey("post.id", ondelete="CASCADE"), nullable=False, index=True),
    PrimaryKeyConstraint("edition_id", "position"),
    sqlite_with_rowid=False,
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("edition_id", ForeignKey("edition.id", ondelete="CASCADE"), nullable=False),
    Column("subscriber_id", ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("subscription_id", ForeignKey("subscription.id", ondelete="SET NULL"), index=True),
    Column("state", String(8), nullable=False),
    # How often a message was begun; every step is a compare-and-swap on state and attempt.
    Column("attempt", Integer, nullable=False),
    # How often it was not known whether the server took it.
    Column("doubts", Integer, nullable=False),
    Column("message_id", Text, nullable=False),
    # Not to be tried before.
    Column("due_at", UtcDateTime, nullable=False),
    # While sending: who, and until when that may be believed (real time, whatever --now says).
    Column("worker", Text),
    Column("lease_until", UtcDateTime),
    Column("reply", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("edition_id", "subscriber_id"),
    CheckConstraint(
        "state IN ('queued', 'sending', 'sent', 'deferred', 'failed', 'in_doubt', 'skipped')", name="state"
    ),
    comment="the ledger: one edition to one subscriber",
)

# Due, or in time to be: what a tick may yet take up.
WAITING = (DeliveryState.QUEUED, DeliveryState.DEFERRED, DeliveryState.IN_DOUBT)

# Not at its end yet: the ledger keeps what was sent for years, and asks for the rest every few seconds. It is
# written out in each query: a database takes the index only for the very condition it was made with.
_OPEN = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.DEFERRED, DeliveryState.IN_DOUBT)
IS_OPEN = delivery.c.state.in_(bindparam("open", _OPEN, expanding=True, literal_execute=True))
Index(
    "ix_delivery_open",
    delivery.c.id,
    delivery.c.state,
    delivery.c.due_at,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)
