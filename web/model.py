"""Who may do what by the web, and what they did: accounts, sessions, tokens, jobs, the audit log; figures."""

from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
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
)

from database import Identity, Json, UtcDateTime, metadata


class Role(StrEnum):
    """What an account may: see all, change what is published and mailed, and decide who may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """The higher, the more; whoever may more may all that one below may."""
        return list(Role).index(self)


class JobState(StrEnum):
    """How a job stands; one whose process died stays running and beats no more."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


account = Table(
    "account",
    metadata,
    Column("id", Identity, primary_key=True),
    # What is typed to log in, casefolded.
    Column("name", Text, nullable=False, unique=True),
    # Argon2id, with its parameters in it.
    Column("password_hash", Text, nullable=False),
    Column("role", String(6), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("role IN ('viewer', 'editor', 'owner')", name="role"),
)

session = Table(
    "session",
    metadata,
    # SHA-256 of what the cookie holds: who reads the database can be nobody.
    Column("token_hash", String(64), primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    # Rounded, so that not every request writes.
    Column("seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

access_token = Table(
    "access_token",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    # Sorted names of scopes, as a JSON list.
    Column("scopes", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
    comment="tokens of programs, for /api",
)

idempotent_answer = Table(
    "idempotent_answer",
    metadata,
    # SHA-256 of the token's number and the key.
    Column("key", String(64), primary_key=True),
    # SHA-256 of what was asked: the same key for something else is a mistake.
    Column("request_hash", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    # NULL while the first request is being answered.
    Column("status", Integer),
    Column("headers", Json),
    Column("body", LargeBinary),
    comment="answers to requests that may be repeated",
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    # `account:anna`, `token:cms`, `command`: it outlives the account.
    Column("actor", Text, nullable=False),
    # A thing and what was done with it: `digest.change`.
    Column("action", String(40), nullable=False),
    # A name that people know it by; never a reader's address, for that may have to be forgotten.
    Column("subject", Text, nullable=False),
    Column("detail", Json, nullable=False),
    comment="who changed what, and when",
)
Index("ix_audit_entry_action", audit_entry.c.action, audit_entry.c.id)
Index("ix_audit_entry_actor", audit_entry.c.actor, audit_entry.c.id)

job = Table(
    "job",
    metadata,
    Column("id", Identity, primary_key=True),
    # What it does: `posts.import`, `readers.import`.
    Column("kind", String(20), nullable=False),
    # What a person calls it: the name of the file.
    Column("title", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("state", String(7), nullable=False),
    Column("done", Integer, nullable=False, server_default="0"),
    # NULL where nobody knows.
    Column("total", Integer),
    # What came of it; where it failed, why, in one line.
    Column("report", Json),
    Column("started_at", UtcDateTime, nullable=False),
    Column("beat_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    CheckConstraint("state IN ('running', 'done', 'failed')", name="state"),
    comment="what takes longer than a request",
)

figure = Table(
    "figure",
    metadata,
    # What is counted: `readers`, `mails`, `labels`.
    Column("kind", String(20), nullable=False),
    Column("day", Date, nullable=False),
    # Of what: a state, a label's slug.
    Column("name", Text, nullable=False),
    Column("number", Integer, nullable=False),
    PrimaryKeyConstraint("kind", "day", "name"),
    sqlite_with_rowid=False,
    comment="how many there were of a kind on a day, for charts",
)
