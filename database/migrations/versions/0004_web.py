"""The web: mail that is no digest, accounts, tokens, what was done by hand, and by whom."""

import sqlalchemy as sa
from alembic import op

from database.types import Identity, Json, UtcDateTime

revision = "0004"
down_revision = "0003"

_OPEN = "state IN ('queued', 'sending')"
_UNSENT = "state != 'sent'"


def upgrade() -> None:
    """Add what is new; what was stored stays as it is."""
    _notices()
    _accounts()
    _programs()
    _records()
    _hands()
    _finding()
    _figures()
    _digests()
    op.create_index("ix_post_url", "post", ["url"], postgresql_using="hash")


def _notices() -> None:
    op.create_table(
        "notice",
        sa.Column("id", Identity, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("payload", Json, nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("message", sa.LargeBinary(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'failed', 'needless')", name=op.f("ck_notice_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("key", name=op.f("uq_notice_key")),
        comment="mail that is no digest",
    )
    op.create_index(
        "ix_notice_open",
        "notice",
        ["due_at"],
        sqlite_where=sa.text(_OPEN),
        postgresql_where=sa.text(_OPEN),
    )
    done = sa.text("done_at IS NOT NULL")
    op.create_index("ix_notice_done", "notice", ["done_at"], sqlite_where=done, postgresql_where=done)
    op.create_table(
        "address_change",
        sa.Column("id", Identity, nullable=False),
        sa.Column("subscriber_id", Identity, nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("old_agreed_at", UtcDateTime(), nullable=True),
        sa.Column("new_agreed_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name=op.f("fk_address_change_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_change")),
        comment="readers who want their mail elsewhere",
    )
    op.create_index(op.f("ix_address_change_subscriber_id"), "address_change", ["subscriber_id"])
    is_open = sa.text("email IS NOT NULL")
    op.create_index(
        "ix_address_change_open",
        "address_change",
        ["asked_at"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", Identity, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=6), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("role IN ('viewer', 'editor', 'owner')", name=op.f("ck_account_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", Identity, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_session_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_account_id"), "session", ["account_id"])
    op.create_index(op.f("ix_session_expires_at"), "session", ["expires_at"])


def _programs() -> None:
    op.create_table(
        "access_token",
        sa.Column("id", Identity, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_token")),
        sa.UniqueConstraint("name", name=op.f("uq_access_token_name")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_access_token_token_hash")),
        comment="tokens of programs, for /api",
    )
    op.create_table(
        "idempotent_answer",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", Json, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotent_answer")),
        comment="answers to requests that may be repeated",
    )
    op.create_index(op.f("ix_idempotent_answer_at"), "idempotent_answer", ["at"])


def _records() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", Identity, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        comment="who changed what, and when",
    )
    op.create_index("ix_audit_entry_action", "audit_entry", ["action", "id"])
    op.create_index("ix_audit_entry_actor", "audit_entry", ["actor", "id"])
    op.create_table(
        "job",
        sa.Column("id", Identity, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=7), nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("report", Json, nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("beat_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("state IN ('running', 'done', 'failed')", name=op.f("ck_job_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        comment="what takes longer than a request",
    )


def _hands() -> None:
    op.create_table(
        "post_override",
        sa.Column("post_id", Identity, nullable=False),
        sa.Column("is_hidden", sa.Boolean(), nullable=False),
        sa.Column("said", sa.String(length=9), nullable=True),
        sa.Column("added", Json, nullable=False),
        sa.Column("removed", Json, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["post.id"], name=op.f("fk_post_override_post_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_post_override")),
        comment="what a publisher said of a post above what its source says",
    )


def _finding() -> None:
    """Readers by state, digest, domain and the beginning of their address; deliveries by how they stand."""
    op.create_index("ix_subscriber_state", "subscriber", ["state", "id"])
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            "CREATE INDEX ix_subscriber_domain ON subscriber (substr(email_key, instr(email_key, '@') + 1))"
        )
    else:
        op.execute("CREATE INDEX ix_subscriber_domain ON subscriber (split_part(email_key, '@', 2), id)")
        op.execute("CREATE INDEX ix_subscriber_prefix ON subscriber (email_key text_pattern_ops)")
    op.create_index("ix_subscription_digest", "subscription", ["digest_id", "state", "subscriber_id"])
    op.drop_index("ix_subscription_digest_id", "subscription")
    op.create_index(
        "ix_delivery_unsent",
        "delivery",
        ["state", "edition_id", "id"],
        sqlite_where=sa.text(_UNSENT),
        postgresql_where=sa.text(_UNSENT),
    )


def _figures() -> None:
    op.create_table(
        "figure",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "day", "name", name=op.f("pk_figure")),
        sqlite_with_rowid=False,
        comment="how many there were of a kind on a day, for charts",
    )


def _digests() -> None:
    op.add_column("digest", sa.Column("paused_at", UtcDateTime(), nullable=True))
    op.add_column("digest", sa.Column("send_at", UtcDateTime(), nullable=True))
    op.add_column("digest", sa.Column("call_after", sa.BigInteger(), nullable=True))
    op.add_column("digest", sa.Column("rearm_after", sa.BigInteger(), nullable=True))
    op.add_column("digest", sa.Column("removed_at", UtcDateTime(), nullable=True))
