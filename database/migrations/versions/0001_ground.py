"""The ground: posts, labels, feeds, subscribers, digests, the ledger."""

import sqlalchemy as sa
from alembic import op

from database.types import Identity, Json, UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "blog",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("feed_namespace", sa.String(length=36), nullable=False),
        sa.Column("feed_uri", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("news_closed_until", UtcDateTime(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_blog_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blog")),
        comment="one row: the blog as a whole",
    )
    op.create_table(
        "digest",
        sa.Column("id", Identity, nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("cadence", sa.String(length=7), nullable=False),
        sa.Column("cadences", Json, nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("monthday", sa.Integer(), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("max_age_seconds", sa.Integer(), nullable=False),
        sa.Column("max_lateness_seconds", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "cadence IN ('instant', 'daily', 'weekly', 'monthly')", name=op.f("ck_digest_cadence")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest")),
        sa.UniqueConstraint("slug", name=op.f("uq_digest_slug")),
    )
    op.create_table(
        "feed",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("subtitle", sa.Text(), nullable=True),
        sa.Column("entries", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_feed")),
        sa.UniqueConstraint("uri", name=op.f("uq_feed_uri")),
        comment="feeds the publisher configured; every label has one without",
    )
    op.create_table(
        "fetched",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("fetched_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("url", name=op.f("pk_fetched")),
        comment="what a source's server said last, for a conditional GET",
    )
    op.create_table(
        "label",
        sa.Column("id", Identity, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("feed_uri", sa.Text(), nullable=False),
        sa.Column("name_is_chosen", sa.Boolean(), nullable=False),
        sa.Column("is_contested", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label")),
        sa.UniqueConstraint("feed_uri", name=op.f("uq_label_feed_uri")),
        sa.UniqueConstraint("key", name=op.f("uq_label_key")),
        sa.UniqueConstraint("slug", name=op.f("uq_label_slug")),
    )
    op.create_table(
        "post",
        sa.Column("id", Identity, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("authors", Json, nullable=False),
        sa.Column("published", UtcDateTime(), nullable=False),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.Column("first_stored", UtcDateTime(), nullable=False),
        sa.Column("visible_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("was_withdrawn", sa.Boolean(), nullable=False),
        sa.Column("source_hash", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("notes", Json, nullable=False),
        sa.CheckConstraint("state IN ('live', 'scheduled', 'draft', 'deleted')", name=op.f("ck_post_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post")),
        sa.UniqueConstraint("uri", name=op.f("uq_post_uri")),
    )
    op.create_index(
        "ix_post_state_published",
        "post",
        ["state", sa.text("published DESC"), sa.text("id DESC")],
        unique=False,
    )
    op.create_index("ix_post_state_visible_at", "post", ["state", "visible_at"], unique=False)
    op.create_table(
        "subscriber",
        sa.Column("id", Identity, nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_key", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'confirmed', 'suppressed', 'erased')", name=op.f("ck_subscriber_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriber")),
        sa.UniqueConstraint("email_key", name=op.f("uq_subscriber_email_key")),
    )
    op.create_table(
        "suppression",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_suppression")),
        comment="addresses that are never written to",
    )
    op.create_table(
        "consent",
        sa.Column("id", Identity, nullable=False),
        sa.Column("subscriber_id", Identity, nullable=False),
        sa.Column("digest_id", Identity, nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digest.id"], name=op.f("fk_consent_digest_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_consent_subscriber_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        comment="the record of each consent",
    )
    op.create_index(op.f("ix_consent_subscriber_id"), "consent", ["subscriber_id"], unique=False)
    op.create_table(
        "edition",
        sa.Column("id", Identity, nullable=False),
        sa.Column("digest_id", Identity, nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("folded", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=True),
        sa.Column("rendered_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digest.id"], name=op.f("fk_edition_digest_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edition")),
        sa.UniqueConstraint(
            "digest_id",
            "window_end",
            "window_start",
            "labels",
            "language",
            "template",
            name="uq_edition_window",
        ),
    )
    op.create_index(
        "ix_edition_unrendered",
        "edition",
        ["id"],
        unique=False,
        sqlite_where=sa.text("message IS NULL"),
        postgresql_where=sa.text("message IS NULL"),
    )
    op.create_table(
        "fragment",
        sa.Column("post_id", Identity, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["post.id"], name=op.f("fk_fragment_post_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("post_id", "kind", name=op.f("pk_fragment")),
        comment="an entry as UTF-8 bytes, for one revision of its post",
    )
    op.create_table(
        "label_alias",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=True),
        sa.Column("label_id", Identity, nullable=True),
        sa.ForeignKeyConstraint(
            ["label_id"], ["label.id"], name=op.f("fk_label_alias_label_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_label_alias")),
        sa.UniqueConstraint("slug", name=op.f("uq_label_alias_slug")),
        comment="names and slugs that labels once had",
    )
    op.create_index(op.f("ix_label_alias_label_id"), "label_alias", ["label_id"], unique=False)
    op.create_table(
        "post_label",
        sa.Column("post_id", Identity, nullable=False),
        sa.Column("label_id", Identity, nullable=False),
        sa.Column("written", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("published", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["label_id"], ["label.id"], name=op.f("fk_post_label_label_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["post_id"], ["post.id"], name=op.f("fk_post_label_post_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("post_id", "label_id", name=op.f("pk_post_label")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_post_label_newest",
        "post_label",
        ["label_id", "live", sa.text("published DESC"), sa.text("post_id DESC")],
        unique=False,
    )
    op.create_table(
        "subscription",
        sa.Column("id", Identity, nullable=False),
        sa.Column("subscriber_id", Identity, nullable=False),
        sa.Column("digest_id", Identity, nullable=False),
        sa.Column("state", sa.String(length=6), nullable=False),
        sa.Column("labels", Json, nullable=False),
        sa.Column("cadence", sa.String(length=7), nullable=True),
        sa.Column("minute", sa.Integer(), nullable=True),
        sa.Column("weekday", sa.Integer(), nullable=True),
        sa.Column("monthday", sa.Integer(), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=True),
        sa.Column("window_start", UtcDateTime(), nullable=True),
        sa.Column("next_slot", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("state IN ('active', 'ended')", name=op.f("ck_subscription_state")),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digest.id"], name=op.f("fk_subscription_digest_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name=op.f("fk_subscription_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint(
            "subscriber_id", "digest_id", name=op.f("uq_subscription_subscriber_id_digest_id")
        ),
    )
    op.create_index(op.f("ix_subscription_digest_id"), "subscription", ["digest_id"], unique=False)
    op.create_index("ix_subscription_due", "subscription", ["state", "next_slot"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", Identity, nullable=False),
        sa.Column("edition_id", Identity, nullable=False),
        sa.Column("subscriber_id", Identity, nullable=False),
        sa.Column("subscription_id", Identity, nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("doubts", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'deferred', 'failed', 'in_doubt', 'skipped')",
            name=op.f("ck_delivery_state"),
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name=op.f("fk_delivery_edition_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_delivery_subscriber_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
            name=op.f("fk_delivery_subscription_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("edition_id", "subscriber_id", name=op.f("uq_delivery_edition_id_subscriber_id")),
        comment="the ledger: one edition to one subscriber",
    )
    op.create_index(
        "ix_delivery_open",
        "delivery",
        ["id", "state", "due_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'sending', 'deferred', 'in_doubt')"),
        postgresql_where=sa.text("state IN ('queued', 'sending', 'deferred', 'in_doubt')"),
    )
    op.create_index(op.f("ix_delivery_subscriber_id"), "delivery", ["subscriber_id"], unique=False)
    op.create_index(op.f("ix_delivery_subscription_id"), "delivery", ["subscription_id"], unique=False)
    op.create_table(
        "edition_post",
        sa.Column("edition_id", Identity, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("post_id", Identity, nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name=op.f("fk_edition_post_edition_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["post_id"], ["post.id"], name=op.f("fk_edition_post_post_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edition_id", "position", name=op.f("pk_edition_post")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_edition_post_post_id"), "edition_post", ["post_id"], unique=False)
