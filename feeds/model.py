"""Configured feeds, and entries kept as the bytes they were rendered to."""

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, PrimaryKeyConstraint, String, Table, Text

from database import UtcDateTime, metadata

feed = Table(
    "feed",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("uri", Text, nullable=False, unique=True),
    Column("rule", Text, nullable=False),
    Column("title", Text),
    Column("subtitle", Text),
    Column("entries", Integer),
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
