"""Digests that readers shape: pauses, forms, introductions; bounces, and limits of sending."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from database.types import Identity, Json, UtcDateTime

revision = "0003"
down_revision = "0002"

_OPEN = "state IN ('queued', 'sending', 'deferred', 'in_doubt')"


def upgrade() -> None:
    """Add what is new; what was stored stays as it is."""
    _subscribers()
    _digests()
    _editions()
    _deliveries()
    _bounces()


def _subscribers() -> None:
    for column in (
        sa.Column("content", sa.String(length=7), nullable=True),
        sa.Column("form", sa.String(length=4), nullable=True),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("paused_until", UtcDateTime(), nullable=True),
    ):
        op.add_column("subscription", column)
    op.drop_index("ix_subscription_due", "subscription")
    op.create_index("ix_subscription_due", "subscription", ["state", "next_slot", "window_start"])
    # What had lost its slot to a change of rhythm is marked as such now.
    op.execute(
        "UPDATE subscription SET next_slot = '1970-01-01T00:00:00.000000Z'"
        " WHERE next_slot IS NULL AND window_start IS NOT NULL AND coalesce(cadence,"
        " (SELECT digest.cadence FROM digest WHERE digest.id = subscription.digest_id)) <> 'instant'"
    )
    with op.batch_alter_table("consent") as consent:
        consent.add_column(sa.Column("kind", sa.String(length=9), server_default="confirmed", nullable=False))
        consent.create_check_constraint(op.f("ck_consent_kind"), "kind IN ('asked', 'confirmed', 'claimed')")


def _digests() -> None:
    added: list[sa.Column[Any]] = [
        sa.Column("content", sa.String(length=7), server_default="full", nullable=False),
        sa.Column("min_posts", sa.Integer(), server_default="1", nullable=False),
        sa.Column("max_posts", sa.Integer(), nullable=True),
        sa.Column("sort", sa.String(length=6), server_default="newest", nullable=False),
        sa.Column("grouping", sa.String(length=5), server_default="none", nullable=False),
        sa.Column("introduction", sa.Text(), nullable=True),
        sa.Column("introduced_at", UtcDateTime(), nullable=True),
    ]
    for column in added:
        op.add_column("digest", column)


def _editions() -> None:
    added: list[sa.Column[Any]] = [
        sa.Column("content", sa.String(length=7), server_default="full", nullable=False),
        sa.Column("form", sa.String(length=4), server_default="html", nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("options", Json, server_default="{}", nullable=False),
        sa.Column("reason", sa.String(length=11), nullable=True),
        sa.Column("readers", sa.Integer(), server_default="0", nullable=False),
        sa.Column("alerted_at", UtcDateTime(), nullable=True),
    ]
    op.drop_index("ix_edition_unrendered", "edition")
    with op.batch_alter_table("edition") as edition:
        for column in added:
            edition.add_column(column)
        edition.drop_constraint("uq_edition_window", type_="unique")
        edition.create_unique_constraint(
            "uq_edition_window",
            [
                "digest_id",
                "window_end",
                "window_start",
                "labels",
                "language",
                "template",
                "content",
                "form",
            ],
        )
    op.create_index(
        "ix_edition_unrendered",
        "edition",
        ["id"],
        sqlite_where=sa.text("message IS NULL AND reason IS NULL"),
        postgresql_where=sa.text("message IS NULL AND reason IS NULL"),
    )
    op.execute(
        "UPDATE edition SET readers = (SELECT count(*) FROM delivery WHERE delivery.edition_id = edition.id)"
    )


def _deliveries() -> None:
    op.add_column("delivery", sa.Column("priority", sa.Integer(), server_default="1", nullable=False))
    op.add_column("delivery", sa.Column("domain", sa.Text(), nullable=True))
    op.add_column("delivery", sa.Column("tried_at", UtcDateTime(), nullable=True))
    op.create_index(
        "ix_delivery_failed",
        "delivery",
        ["edition_id"],
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    # Only what may yet be sent needs it.
    theirs = "(SELECT email_key FROM subscriber WHERE subscriber.id = delivery.subscriber_id)"
    find = "instr" if op.get_bind().dialect.name == "sqlite" else "strpos"
    # No text of anyone's stands in it.
    op.execute(
        f"UPDATE delivery SET domain = substr({theirs}, {find}({theirs}, '@') + 1)"  # noqa: S608 - why: above
        f" WHERE {_OPEN}"
    )
    # What was begun is given up as long after as it would have been: nothing tells when that was.
    op.execute(f"UPDATE delivery SET tried_at = created_at WHERE attempt > 0 AND {_OPEN}")  # noqa: S608 - as above
    op.drop_index("ix_delivery_open", "delivery")
    op.create_index(
        "ix_delivery_open",
        "delivery",
        ["priority", "id", "state", "due_at", "domain"],
        sqlite_where=sa.text(_OPEN),
        postgresql_where=sa.text(_OPEN),
    )


def _bounces() -> None:
    op.create_table(
        "bounce",
        sa.Column("id", Identity, nullable=False),
        sa.Column("source_key", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=9), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("diagnostic", sa.Text(), nullable=True),
        sa.Column("subscriber_id", Identity, nullable=True),
        sa.Column("delivery_id", Identity, nullable=True),
        sa.CheckConstraint("kind IN ('hard', 'soft', 'policy', 'complaint')", name=op.f("ck_bounce_kind")),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_bounce_subscriber_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_bounce_delivery_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounce")),
        sa.UniqueConstraint("source_key", name=op.f("uq_bounce_source_key")),
        comment="what came back: reports of mail that was not delivered, or not wanted",
    )
    op.create_index(op.f("ix_bounce_subscriber_id"), "bounce", ["subscriber_id"])
    op.create_index(op.f("ix_bounce_delivery_id"), "bounce", ["delivery_id"])
    op.create_table(
        "allowance",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_allowance")),
        comment="how far the limits of sending are used up, for all processes",
    )
