"""Digests, their editions, and the ledger: which edition went to whom, and how that stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
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
    and_,
    bindparam,
)

from database import Identity, Json, UtcDateTime, metadata


class DeliveryState(StrEnum):
    """Where one edition to one subscriber stands. The arrows between them: ``digests/sending/ledger.py``."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    SKIPPED = "skipped"


class NoMail(StrEnum):
    """Why an edition was not mailed: there was no news, or less than its digest waits for."""

    NOTHING_NEW = "nothing_new"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Digest:
    """What a publisher offers by email.

    ``rule`` is a label rule as printed by ``posts.rules``. ``cadence`` with ``minute`` (of the local day),
    ``weekday`` (0 is Monday), ``monthday`` (1 to 31, the last day where a month is shorter) and ``timezone``
    holds for every reader who has not picked another of ``cadences``. ``content`` is ``full`` or ``summary``.
    It waits until it has ``min_posts``; how it shows them: ``Options``. ``introduction``, pinned at
    ``introduced_at``, stands in each reader's next edition. Since ``paused_at`` nothing comes due (None: it
    does); ``send_at`` is the last instant that its publisher had it sent at, beside its slots. At
    ``removed_at`` it was told to go, and goes in portions; it is paused for good then.
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
    content: str = "full"
    min_posts: int = 1
    max_posts: int | None = None
    sort: str = "newest"
    grouping: str = "none"
    introduction: str | None = None
    introduced_at: datetime | None = None
    paused_at: datetime | None = None
    removed_at: datetime | None = None
    send_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How an edition shows its posts, frozen with it: a digest changed later changes no edition.

    ``max_posts`` of them are shown (None: all), sorted ``newest`` or ``oldest`` first, under headings of
    their ``label`` or ``day`` or ``none``, after the publisher's ``introduction``.
    """

    max_posts: int | None = None
    sort: str = "newest"
    grouping: str = "none"
    introduction: str | None = None


@dataclass(frozen=True, slots=True)
class Edition:
    """One digest's posts for one window ``(window_start, window_end]``, frozen.

    ``content`` is ``full`` or ``summary``, ``form`` is ``html`` or ``text``. ``reason`` tells why nothing was
    mailed; None: it was, or will be.
    """

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
    content: str = "full"
    form: str = "html"
    options: Options = Options()
    reason: str | None = None


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
    Column("content", String(7), nullable=False, server_default="full"),
    Column("min_posts", Integer, nullable=False, server_default="1"),
    Column("max_posts", Integer),
    Column("sort", String(6), nullable=False, server_default="newest"),
    Column("grouping", String(5), nullable=False, server_default="none"),
    # The publisher's words for each reader's next edition, and since when they are pinned.
    Column("introduction", Text),
    Column("introduced_at", UtcDateTime),
    # Since when nothing of it comes due.
    Column("paused_at", UtcDateTime),
    # When it was last told to be sent beside its slots.
    Column("send_at", UtcDateTime),
    # Its subscriptions are called up to be looked at: those of later subscribers than this; NULL: none is.
    Column("call_after", BigInteger),
    # Its rhythm is another now: subscriptions of later subscribers than this have yet to lose their slot.
    Column("rearm_after", BigInteger),
    # It was told to go, and goes in portions, for much hangs on it: none comes to read it any more.
    Column("removed_at", UtcDateTime),
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
    Column("content", String(7), nullable=False, server_default="full"),
    Column("form", String(4), nullable=False, server_default="html"),
    # The slot before was missed by more than max_lateness: this edition holds its posts too, and says so.
    Column("folded", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # Rendered once: the message with marks where a reader's few tokens go.
    Column("message", LargeBinary),
    Column("rendered_at", UtcDateTime),
    Column("subject", Text),
    # How it shows its posts (``Options``), as JSON.
    Column("options", Json, nullable=False, server_default="{}"),
    # Why nothing was mailed (``NoMail``), and how many readers it was decided for.
    Column("reason", String(11)),
    Column("readers", Integer, nullable=False, server_default="0"),
    # When the operator was told that many of its deliveries failed.
    Column("alerted_at", UtcDateTime),
    UniqueConstraint(
        "digest_id",
        "window_end",
        "window_start",
        "labels",
        "language",
        "template",
        "content",
        "form",
        name="uq_edition_window",
    ),
)

IS_UNRENDERED = and_(edition.c.message.is_(None), edition.c.reason.is_(None))
Index(
    "ix_edition_unrendered",
    edition.c.id,
    sqlite_where=IS_UNRENDERED,
    postgresql_where=IS_UNRENDERED,
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
    # What is sent first: 0 is instant, 1 the rest.
    Column("priority", Integer, nullable=False, server_default="1"),
    # The recipient's domain, casefolded, for limits of its own; NULL: unknown, or erased.
    Column("domain", Text),
    # Not to be tried before.
    Column("due_at", UtcDateTime, nullable=False),
    # When it was begun for the first time: it is given up so long after; NULL: not yet.
    Column("tried_at", UtcDateTime),
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
    delivery.c.priority,
    delivery.c.id,
    delivery.c.state,
    delivery.c.due_at,
    delivery.c.domain,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)

# What the operator is told of: few, and looked for often.
HAS_FAILED = delivery.c.state == bindparam("failed", DeliveryState.FAILED.value, literal_execute=True)
Index(
    "ix_delivery_failed",
    delivery.c.edition_id,
    sqlite_where=HAS_FAILED,
    postgresql_where=HAS_FAILED,
)

# What did not end well, or not yet, by edition: the publisher's pages count it, and what is left was sent.
UNSENT = tuple(state for state in DeliveryState if state is not DeliveryState.SENT)
IS_UNSENT = delivery.c.state != bindparam("sent", DeliveryState.SENT.value, literal_execute=True)
Index(
    "ix_delivery_unsent",
    delivery.c.state,
    delivery.c.edition_id,
    delivery.c.id,
    sqlite_where=IS_UNSENT,
    postgresql_where=IS_UNSENT,
)

bounce = Table(
    "bounce",
    metadata,
    Column("id", Identity, primary_key=True),
    # What tells one report from another, so that none counts twice.
    Column("source_key", String(64), nullable=False, unique=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(9), nullable=False),
    # An enhanced status code (RFC 3463), where there was one.
    Column("status", Text),
    Column("diagnostic", Text),
    Column("subscriber_id", ForeignKey("subscriber.id", ondelete="CASCADE"), index=True),
    Column("delivery_id", ForeignKey("delivery.id", ondelete="SET NULL"), index=True),
    CheckConstraint("kind IN ('hard', 'soft', 'policy', 'complaint')", name="kind"),
    comment="what came back: reports of mail that was not delivered, or not wanted",
)

allowance = Table(
    "allowance",
    metadata,
    # What is limited: ``all``, ``domain:example.org``, ``day:2026-11-23``; who sends ``alerts``, until when.
    Column("key", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("used", Integer, nullable=False),
    comment="how far the limits of sending are used up, for all processes",
)
