"""What feeds keep: their configuration, rendered entries, archives, keys, pings, and how many read them."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    false,
)

from database import Identity, UtcDateTime, metadata

feed = Table(
    "feed",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("uri", Text, nullable=False, unique=True),
    Column("rule", Text, nullable=False),
    Column("title", Text),
    Column("subtitle", Text),
    Column("entries", Integer),
    # NULL in these three: as in the settings.
    Column("content", String(7)),
    Column("ordering", String(9)),
    Column("language", String(35)),
    Column("is_private", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcDateTime, nullable=False),
    comment="feeds the publisher configured; every label has one without",
)

fragment = Table(
    "fragment",
    metadata,
    Column("post_id", ForeignKey("post.id", ondelete="CASCADE"), nullable=False),
    # The format and the renderer's version, `atom-1`: a new renderer makes new fragments.
    Column("kind", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("post_id", "kind"),
    comment="an entry as UTF-8 bytes, for one revision of its post",
)

archive = Table(
    "archive",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("feed_uri", Text, nullable=False, unique=True),
    # The rule that its entries are under and what its labels meant: another means that all posts are asked.
    Column("rule", Text, nullable=False),
    # The blog's revision up to which changes of posts were taken in, and how the feed stood then.
    Column("seen", Integer, nullable=False),
    Column("stamp", String(16), nullable=False),
    comment="a feed with archive documents (RFC 5005 section 4)",
)

archive_document = Table(
    "archive_document",
    metadata,
    Column("archive_id", ForeignKey("archive.id", ondelete="CASCADE"), nullable=False),
    # From 1, the oldest, on.
    Column("number", Integer, nullable=False),
    # What was in it when it was closed, and what is in it now, as hashes: while they are one, its address has
    # no edition.
    Column("sealed", String(16), nullable=False),
    Column("holds", String(16), nullable=False),
    Column("closed_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("archive_id", "number"),
    comment="archive documents that are closed: no entry ever comes to one",
)

archive_entry = Table(
    "archive_entry",
    metadata,
    Column("archive_id", ForeignKey("archive.id", ondelete="CASCADE"), nullable=False),
    Column("post_id", ForeignKey("post.id", ondelete="CASCADE"), nullable=False),
    # Of the closed document that holds it; 0: in none yet.
    Column("number", Integer, nullable=False),
    # The post's own when it came here: one that was edited or dated anew since leaves its document.
    Column("published", UtcDateTime, nullable=False),
    Column("edited_at", UtcDateTime),
    PrimaryKeyConstraint("archive_id", "post_id"),
    sqlite_with_rowid=False,
    comment="every post under an archived feed's rule, and the document it is in",
)
Index(
    "ix_archive_entry_number",
    archive_entry.c.archive_id,
    archive_entry.c.number,
    archive_entry.c.published.desc(),
    archive_entry.c.post_id.desc(),
)
Index("ix_archive_entry_post_id", archive_entry.c.post_id)

feed_key = Table(
    "feed_key",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("feed_slug", ForeignKey("feed.slug", ondelete="CASCADE"), nullable=False),
    # An address, or any name the publisher knows the reader by.
    Column("reader", Text, nullable=False),
    # SHA-256 of the key in hexadecimal: who reads the database cannot read the feed with it.
    Column("digest", String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    comment="who may read a private feed: one key per reader and feed",
)
Index("ix_feed_key_feed_slug", feed_key.c.feed_slug)

poll_salt = Table(
    "poll_salt",
    metadata,
    Column("day", Date, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    comment="makes clients of one day countable and no other day's; gone with its day",
)

feed_poll = Table(
    "feed_poll",
    metadata,
    Column("day", Date, nullable=False),
    Column("feed_uri", Text, nullable=False),
    # A salted hash of address and program; gone with its day.
    Column("client", LargeBinary, nullable=False),
    PrimaryKeyConstraint("day", "feed_uri", "client"),
    sqlite_with_rowid=False,
    comment="who asked for a feed today",
)

feed_readers = Table(
    "feed_readers",
    metadata,
    Column("feed_uri", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("clients", Integer, nullable=False),
    PrimaryKeyConstraint("feed_uri", "day"),
    comment="how many distinct clients asked for a feed on a day",
)

feed_report = Table(
    "feed_report",
    metadata,
    Column("feed_uri", Text, nullable=False),
    # The aggregator, as its User-Agent begins: it polls once for all of its readers.
    Column("agent", Text, nullable=False),
    Column("readers", Integer, nullable=False),
    Column("reported_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("feed_uri", "agent"),
    comment="how many readers an aggregator last said it polls for",
)

ping = Table(
    "ping",
    metadata,
    Column("hub", Text, nullable=False),
    # A feed's self link.
    Column("topic", Text, nullable=False),
    # What the feed was at when the hub was last told of it (NULL: never), and what it is to be told of.
    Column("told", Text),
    Column("token", Text, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    # NULL: nothing to tell.
    Column("due_at", UtcDateTime),
    Column("error", Text),
    PrimaryKeyConstraint("hub", "topic"),
    comment="what WebSub hubs know of each topic",
)
Index("ix_ping_due_at", ping.c.due_at)
