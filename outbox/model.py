"""What waits to be mailed but is no digest: a question to a reader, a link they asked for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, String, Table, Text, bindparam

from database import Identity, Json, UtcDateTime, metadata


class NoticeState(StrEnum):
    """Where a notice stands: asked for, being sent, and in the end sent, failed or needless."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    NEEDLESS = "needless"


@dataclass(frozen=True, slots=True)
class Notice:
    """One mail to one person that somebody's doing asked for.

    ``kind`` says what it is about, ``payload`` what it needs to be written; the message is made when its turn
    comes, so that whoever asked learns nothing from how long that takes.
    """

    id: int
    kind: str
    payload: dict[str, Any]
    attempt: int
    created_at: datetime


notice = Table(
    "notice",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("kind", String(20), nullable=False),
    # What makes two of them one while the first is not done; NULL once it is.
    Column("key", Text, unique=True),
    # An address among it: NULL once it is done.
    Column("payload", Json),
    Column("state", String(8), nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("created_at", UtcDateTime, nullable=False),
    # When it is tried next; while it is being sent, when whoever does so is given up.
    Column("due_at", UtcDateTime, nullable=False),
    # Frozen when it is first made: a second try is the same message. NULL once it is done.
    Column("recipient", Text),
    Column("message", LargeBinary),
    Column("message_id", Text),
    Column("reply", Text),
    Column("done_at", UtcDateTime),
    CheckConstraint("state IN ('queued', 'sending', 'sent', 'failed', 'needless')", name="state"),
    comment="mail that is no digest",
)

# What is not done yet; the words stand in the statement, so that the index of just these rows is used.
_WAITING = (NoticeState.QUEUED.value, NoticeState.SENDING.value)
IS_WAITING = notice.c.state.in_(bindparam("waiting", _WAITING, expanding=True, literal_execute=True))
IS_DONE = notice.c.done_at.is_not(None)
Index("ix_notice_open", notice.c.due_at, sqlite_where=IS_WAITING, postgresql_where=IS_WAITING)
Index("ix_notice_done", notice.c.done_at, sqlite_where=IS_DONE, postgresql_where=IS_DONE)
