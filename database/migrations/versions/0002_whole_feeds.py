"""Feeds complete: private posts, authors, search, archives, keys, pings, counts of readers."""

import re
from html import unescape
from typing import Any

import sqlalchemy as sa
from alembic import op

from database.types import Identity, Json, UtcDateTime

revision = "0002"
down_revision = "0001"

_STATES = "state IN ('live', 'private', 'scheduled', 'draft', 'deleted')"


def upgrade() -> None:
    """Add what is new; what was stored stays as it is."""
    _posts()
    _authors()
    _withdrawals()
    _feeds()
    _archives()
    _readers()
    _search()
    # Then, with all tables there, what can be told of the posts that are stored.
    _fill_withdrawals()
    _fill_pictures()


def _posts() -> None:
    added: list[sa.Column[Any]] = [
        sa.Column("enclosures", Json, server_default="[]", nullable=False),
        sa.Column("picture", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("edited_at", UtcDateTime(), nullable=True),
        sa.Column("changed_in", sa.Integer(), server_default="0", nullable=False),
    ]
    with op.batch_alter_table("post") as post:
        for column in added:
            post.add_column(column)
        post.drop_constraint(op.f("ck_post_state"), type_="check")
        post.create_check_constraint(op.f("ck_post_state"), _STATES)
    if op.get_bind().dialect.name == "sqlite":
        # The table was made anew, and SQLite does not tell which way its indexes went.
        op.drop_index("ix_post_state_published", "post")
        op.create_index(
            "ix_post_state_published",
            "post",
            ["state", sa.literal_column("published DESC"), sa.literal_column("id DESC")],
        )
    for column_name in ("changed_in", "edited_at", "withdrawn_at"):
        op.create_index(f"ix_post_{column_name}", "post", [column_name])
    op.create_index(
        "ix_post_state_updated",
        "post",
        ["state", sa.literal_column("updated DESC"), sa.literal_column("id DESC")],
    )
    op.add_column("blog", sa.Column("public_revision", sa.Integer(), server_default="0", nullable=False))
    op.add_column("blog", sa.Column("private_revision", sa.Integer(), server_default="0", nullable=False))
    op.add_column("blog", sa.Column("private_changed_at", UtcDateTime(), nullable=True))
    op.add_column("label_alias", sa.Column("was_met", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.create_table(
        "private_rule",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_private_rule")),
        comment="what is under one of these rules is stored as private instead of live",
    )


def _authors() -> None:
    op.create_table(
        "author",
        sa.Column("id", Identity, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("feed_uri", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_author")),
        sa.UniqueConstraint("key", name=op.f("uq_author_key")),
        sa.UniqueConstraint("slug", name=op.f("uq_author_slug")),
        sa.UniqueConstraint("feed_uri", name=op.f("uq_author_feed_uri")),
    )
    op.create_table(
        "post_author",
        sa.Column("post_id", Identity, nullable=False),
        sa.Column("author_id", Identity, nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("published", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["post.id"], name=op.f("fk_post_author_post_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["author.id"], name=op.f("fk_post_author_author_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("post_id", "author_id", name=op.f("pk_post_author")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_post_author_newest",
        "post_author",
        ["author_id", "live", sa.literal_column("published DESC"), sa.literal_column("post_id DESC")],
    )


def _withdrawals() -> None:
    for kind in ("label", "author"):
        table, column = f"withdrawn_{kind}", f"{kind}_id"
        op.create_table(
            table,
            sa.Column("post_id", Identity, nullable=False),
            sa.Column(column, Identity, nullable=False),
            sa.ForeignKeyConstraint(
                ["post_id"], ["post.id"], name=op.f(f"fk_{table}_post_id"), ondelete="CASCADE"
            ),
            sa.ForeignKeyConstraint(
                [column], [f"{kind}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE"
            ),
            sa.PrimaryKeyConstraint("post_id", column, name=op.f(f"pk_{table}")),
            comment=f"the {kind}s that withdrawn posts had when they were live",
            sqlite_with_rowid=False,
        )
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def _feeds() -> None:
    op.add_column("feed", sa.Column("content", sa.String(length=7), nullable=True))
    op.add_column("feed", sa.Column("ordering", sa.String(length=9), nullable=True))
    op.add_column("feed", sa.Column("language", sa.String(length=35), nullable=True))
    op.add_column("feed", sa.Column("is_private", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "feed_key",
        sa.Column("id", Identity, nullable=False),
        sa.Column("feed_slug", sa.Text(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["feed_slug"], ["feed.slug"], name=op.f("fk_feed_key_feed_slug"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_feed_key_digest")),
        comment="who may read a private feed: one key per reader and feed",
    )
    op.create_index("ix_feed_key_feed_slug", "feed_key", ["feed_slug"])
    op.create_table(
        "ping",
        sa.Column("hub", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("hub", "topic", name=op.f("pk_ping")),
        comment="what WebSub hubs know of each topic",
    )
    op.create_index("ix_ping_due_at", "ping", ["due_at"])


def _archives() -> None:
    op.create_table(
        "archive",
        sa.Column("id", Identity, nullable=False),
        sa.Column("feed_uri", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive")),
        sa.UniqueConstraint("feed_uri", name=op.f("uq_archive_feed_uri")),
        comment="a feed with archive documents (RFC 5005 section 4)",
    )
    op.create_table(
        "archive_document",
        sa.Column("archive_id", Identity, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.String(length=16), nullable=False),
        sa.Column("holds", sa.String(length=16), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["archive_id"], ["archive.id"], name=op.f("fk_archive_document_archive_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("archive_id", "number", name=op.f("pk_archive_document")),
        comment="archive documents that are closed: no entry ever comes to one",
    )
    op.create_table(
        "archive_entry",
        sa.Column("archive_id", Identity, nullable=False),
        sa.Column("post_id", Identity, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("published", UtcDateTime(), nullable=False),
        sa.Column("edited_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["archive_id"], ["archive.id"], name=op.f("fk_archive_entry_archive_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["post_id"], ["post.id"], name=op.f("fk_archive_entry_post_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("archive_id", "post_id", name=op.f("pk_archive_entry")),
        comment="every post under an archived feed's rule, and the document it is in",
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_archive_entry_number",
        "archive_entry",
        ["archive_id", "number", sa.literal_column("published DESC"), sa.literal_column("post_id DESC")],
    )
    op.create_index("ix_archive_entry_post_id", "archive_entry", ["post_id"])


def _readers() -> None:
    op.create_table(
        "poll_salt",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_poll_salt")),
        comment="makes clients of one day countable and no other day's; gone with its day",
    )
    op.create_table(
        "feed_poll",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("feed_uri", sa.Text(), nullable=False),
        sa.Column("client", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", "feed_uri", "client", name=op.f("pk_feed_poll")),
        comment="who asked for a feed today",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feed_readers",
        sa.Column("feed_uri", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("clients", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("feed_uri", "day", name=op.f("pk_feed_readers")),
        comment="how many distinct clients asked for a feed on a day",
    )
    op.create_table(
        "feed_report",
        sa.Column("feed_uri", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("readers", sa.Integer(), nullable=False),
        sa.Column("reported_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("feed_uri", "agent", name=op.f("pk_feed_report")),
        comment="how many readers an aggregator last said it polls for",
    )


def _search() -> None:
    """The full-text index, by each database's own means; ``posts.search`` writes and asks it."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE post_search USING fts5(title, body, tokenize = 'ascii', columnsize = 0)"
        )
        return
    op.execute(
        "CREATE TABLE post_search (post_id bigint PRIMARY KEY REFERENCES post (id) ON DELETE CASCADE,"
        " words text NOT NULL, document tsvector NOT NULL)"
    )
    op.execute("CREATE INDEX ix_post_search_document ON post_search USING gin (document)")


def _fill_withdrawals() -> None:
    """When a post was withdrawn was not kept: at the latest when the blog last changed."""
    op.execute(
        "UPDATE post SET withdrawn_at = (SELECT changed_at FROM blog) WHERE was_withdrawn AND state <> 'live'"
    )
    # What was withdrawn kept the labels it had; its authors are written after the migration.
    op.execute(
        "INSERT INTO withdrawn_label (post_id, label_id) SELECT post_id, label_id FROM post_label"
        " JOIN post ON post.id = post_id WHERE withdrawn_at IS NOT NULL"
    )
    op.execute("UPDATE blog SET public_revision = revision")


def _fill_pictures() -> None:
    """The first picture in each post's HTML, as cleaning finds it now, so that no post differs from its own.

    No revision moves: the formats' new versions render every entry anew.
    """
    post = sa.table("post", sa.column("id"), sa.column("html"), sa.column("picture"))
    fill = sa.update(post).where(post.c.id == sa.bindparam("post_id")).values(picture=sa.bindparam("found"))
    some = (
        sa.select(post.c.id, post.c.html).where(post.c.html.contains("<img")).order_by(post.c.id).limit(200)
    )
    connection, last = op.get_bind(), 0
    while rows := connection.execute(some.where(post.c.id > last)).all():
        pictures = [{"post_id": row.id, "found": _first_picture(row.html)} for row in rows]
        connection.execute(fill, pictures)
        last = rows[-1].id


_IMG = re.compile(r'<img((?: [a-z]+="[^"]*")*)')
_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"]*)"')
_TINY = re.compile(r"\s*0*[01](?:\.\d*)?\s*(?:px)?\s*")


def _first_picture(html: str) -> str | None:
    for found in _IMG.finditer(html):
        attributes = dict(_ATTRIBUTE.findall(found[1]))
        is_tiny = any(_TINY.fullmatch(attributes.get(side, "")) for side in ("width", "height"))
        url = unescape(attributes.get("src", ""))
        if not is_tiny and url.lower().startswith(("http://", "https://")):
            return url
    return None
