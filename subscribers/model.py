"""Who reads what by email: subscribers, their subscriptions, their consent, and who is never written to."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import (
    DDL,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from database import Identity, Json, UtcDateTime, metadata

# In a slot's place: the next tick gives one of the rhythm there is now. (NULL would have it look for them
# among all readers of instant mail, who have none.)
CHANGED = datetime(1970, 1, 1, tzinfo=UTC)


class SubscriberState(StrEnum):
    """Only confirmed subscribers are sent digests; an erased one keeps a row but no address."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    SUPPRESSED = "suppressed"
    ERASED = "erased"


class ConsentKind(StrEnum):
    """What a consent is: words that a reader was asked by, their yes to them, or another's word for it."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    CLAIMED = "claimed"


class SubscriptionState(StrEnum):
    """Only active subscriptions come due."""

    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscriber's subscription to one digest, as listed.

    ``labels`` are label slugs; empty means all of the digest's. None in cadence, minute, weekday, monthday,
    timezone, content (``full`` or ``summary``) or language means the digest's own; None in form is ``html``,
    the other is ``text``. Slots before ``paused_until`` are passed over. One that ended when it was made
    (``waits``) never began: its reader was asked and has not agreed yet.
    """

    id: int
    digest: str
    state: SubscriptionState
    labels: tuple[str, ...]
    cadence: str | None
    minute: int | None
    weekday: int | None
    monthday: int | None
    timezone: str | None
    window_start: datetime | None
    next_slot: datetime | None
    content: str | None = None
    form: str | None = None
    language: str | None = None
    paused_until: datetime | None = None
    created_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether it waits for its reader to agree."""
        return self.state is SubscriptionState.ENDED and self.ended_at == self.created_at


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A reader by email. ``email`` is None once erased."""

    id: int
    email: str | None
    state: SubscriberState
    language: str | None
    created_at: datetime
    subscriptions: tuple[Subscription, ...] = ()


subscriber = Table(
    "subscriber",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("email", Text),
    # The casefolded address: two that differ in case only are one reader.
    Column("email_key", Text, unique=True),
    Column("state", String(10), nullable=False),
    Column("language", String(35)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("confirmed_at", UtcDateTime),
    CheckConstraint("state IN ('pending', 'confirmed', 'suppressed', 'erased')", name="state"),
)
Index("ix_subscriber_state", subscriber.c.state, subscriber.c.id)

# What follows the @, by which readers are found: of an expression, so that nobody who writes an address can
# forget it. Neither such an index nor PostgreSQL's for beginnings is one that SQLAlchemy can compare, so they
# are told in words. SQLite's migrations that make the table anew have to make them anew too.
DOMAIN = {
    "sqlite": "substr(email_key, instr(email_key, '@') + 1)",
    "postgresql": "split_part(email_key, '@', 2)",
}
FINDING = {
    "sqlite": (f"CREATE INDEX ix_subscriber_domain ON subscriber ({DOMAIN['sqlite']})",),
    "postgresql": (
        f"CREATE INDEX ix_subscriber_domain ON subscriber ({DOMAIN['postgresql']}, id)",
        "CREATE INDEX ix_subscriber_prefix ON subscriber (email_key text_pattern_ops)",
    ),
}
for _dialect, _indexes in FINDING.items():
    for _index in _indexes:
        _made = DDL(_index)  # type: ignore[no-untyped-call]
        event.listen(subscriber, "after_create", _made.execute_if(dialect=_dialect))

subscription = Table(
    "subscription",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("subscriber_id", ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False),
    # The digest's table stands on a floor above: named here, not imported.
    Column("digest_id", ForeignKey("digest.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(6), nullable=False),
    # Label slugs, sorted, as a JSON list; empty: all of the digest's labels.
    Column("labels", Json, nullable=False),
    # What this reader chose instead of the digest's own; NULL: the digest's.
    Column("cadence", String(7)),
    Column("minute", Integer),
    Column("weekday", Integer),
    Column("monthday", Integer),
    Column("timezone", String(64)),
    Column("content", String(7)),
    Column("form", String(4)),
    Column("language", String(35)),
    Column("paused_until", UtcDateTime),
    # The end of the last window that was covered, and the slot that ends the next; the windows between tile.
    # window_start is NULL until the first tick: then a new subscription is given its first window.
    # next_slot is NULL for the instant cadence: due as soon as there is news; or, while too few posts wait,
    # it tells up to where the news was looked at. CHANGED, for any: its rhythm is another now.
    Column("window_start", UtcDateTime),
    Column("next_slot", UtcDateTime),
    # When it was begun, or begun anew after it had ended. One that ended at that very instant never began: it
    # waits for its reader, who gets other mail already, to agree to this too.
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    UniqueConstraint("subscriber_id", "digest_id"),
    CheckConstraint("state IN ('active', 'ended')", name="state"),
)
Index("ix_subscription_digest", subscription.c.digest_id, subscription.c.state, subscription.c.subscriber_id)
Index("ix_subscription_due", subscription.c.state, subscription.c.next_slot, subscription.c.window_start)

consent = Table(
    "consent",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("subscriber_id", ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("digest_id", ForeignKey("digest.id", ondelete="SET NULL")),
    Column("at", UtcDateTime, nullable=False),
    # Where it came from: `command`, `csv:readers.csv`, later an IP address.
    Column("origin", Text, nullable=False),
    Column("wording", Text, nullable=False),
    Column("kind", String(9), nullable=False, server_default="confirmed"),
    CheckConstraint("kind IN ('asked', 'confirmed', 'claimed')", name="kind"),
    comment="the record of each consent",
)

suppression = Table(
    "suppression",
    metadata,
    # Salted SHA-256 of the casefolded address: it outlives the subscriber's erasure.
    Column("hash", String(64), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    comment="addresses that are never written to",
)

address_change = Table(
    "address_change",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("subscriber_id", ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False, index=True),
    # Where they want mail to go; NULL once that is settled, either way.
    Column("email", Text),
    Column("asked_at", UtcDateTime, nullable=False),
    # When each end said yes: who reads the old address, and who reads the new one.
    Column("old_agreed_at", UtcDateTime),
    Column("new_agreed_at", UtcDateTime),
    Column("settled_at", UtcDateTime),
    comment="readers who want their mail elsewhere",
)

# What nobody settled yet: there are few of these at any time.
IS_OPEN = address_change.c.email.is_not(None)
Index("ix_address_change_open", address_change.c.asked_at, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)
