"""What the post database holds: posts, labels, which post has which label, and what has changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    DDL,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    event,
    true,
)

from database import Identity, Json, UtcDateTime, metadata

UNMET = 1
"""The revision of a label that no live post ever had."""


class PostState(StrEnum):
    """Where a post stands; only live ones are shown to everyone, private ones in private feeds alone."""

    LIVE = "live"
    PRIVATE = "private"
    SCHEDULED = "scheduled"
    DRAFT = "draft"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that goes with a post (RFC 4287 §4.2.7.2): ``length`` in bytes, 0 where nobody told it."""

    url: str
    media_type: str
    length: int = 0

    def as_json(self) -> dict[str, Any]:
        """As it stands in a post's row and in JSON Lines."""
        return {"url": self.url, "type": self.media_type, "length": self.length}


def enclosures_of(stored: Iterable[Mapping[str, Any]]) -> tuple[Enclosure, ...]:
    """A row's enclosures."""
    return tuple(Enclosure(one["url"], one["type"], one["length"]) for one in stored)


@dataclass(frozen=True, slots=True)
class SourcePost:
    """A post as a source tells it, before cleaning.

    ``uri`` is the permanent id (``atom:id``), ``url`` the link; one of them must be there. ``published`` and
    ``updated`` are aware. ``state`` is never ``SCHEDULED``: the store finds that out from ``published``.
    ``where`` tells a person which place of the source this came from (``line 12``, ``entry 3``).
    ``notes`` say what the importer had to mend. Where a source shows less than there is, what is stored
    stays: other labels if not ``has_all_labels``, the time of day if ``is_day_only``. ``picture`` is the
    address of the one that stands for the post; ``language`` a BCP 47 tag.
    """

    uri: str | None
    url: str | None
    title: str | None
    html: str
    published: datetime | None
    updated: datetime | None
    labels: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    state: PostState = PostState.LIVE
    where: str = ""
    notes: tuple[str, ...] = ()
    has_all_labels: bool = True
    is_day_only: bool = False
    enclosures: tuple[Enclosure, ...] = ()
    picture: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class SkippedPost:
    """A post of a source that cannot be stored: its id (as far as known), the reason, and where it stands."""

    id: str
    reason: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A label: its name as written, its slug, and its feed's permanent id.

    ``revision`` grows in each transaction that changes a live post of it; ``changed_at`` is when that was.
    """

    id: int
    name: str
    slug: str
    feed_uri: str
    revision: int
    changed_at: datetime
    posts: int = 0

    @property
    def is_met(self) -> bool:
        """Whether a live post has it or had it: what only waits or is private must not tell of its labels."""
        return self.revision > UNMET


@dataclass(frozen=True, slots=True)
class Post:
    """A stored post, cleaned. Times are in UTC; ``labels`` are names, in the order of their names."""

    id: int
    uri: str
    url: str | None
    title: str
    html: str
    published: datetime
    updated: datetime
    first_stored: datetime
    visible_at: datetime
    state: PostState
    revision: int
    authors: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    label_slugs: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    enclosures: tuple[Enclosure, ...] = ()
    picture: str | None = None
    language: str | None = None


blog = Table(
    "blog",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    # From these grow the ids of feeds; they never change, whatever site_url becomes.
    Column("feed_namespace", String(36), nullable=False),
    Column("feed_uri", Text, nullable=False),
    # Counts every transaction that changes what readers see, also those of private feeds.
    Column("revision", Integer, nullable=False),
    # As a label's, for all live posts together.
    Column("public_revision", Integer, nullable=False, server_default="0"),
    Column("changed_at", UtcDateTime, nullable=False),
    # As these two, but moved by changes of private posts: what is public must not tell of them.
    Column("private_revision", Integer, nullable=False, server_default="0"),
    Column("private_changed_at", UtcDateTime),
    # Digests have closed their windows up to here: what is stored from now on becomes news later than this.
    Column("news_closed_until", UtcDateTime),
    CheckConstraint("id = 1", name="one_row"),
    comment="one row: the blog as a whole",
)

post = Table(
    "post",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("uri", Text, nullable=False, unique=True),
    Column("url", Text),
    Column("title", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("authors", Json, nullable=False),
    # Each `{"url": …, "type": …, "length": …}`.
    Column("enclosures", Json, nullable=False, server_default="[]"),
    Column("picture", Text),
    Column("language", String(35)),
    Column("published", UtcDateTime, nullable=False),
    Column("updated", UtcDateTime, nullable=False),
    Column("first_stored", UtcDateTime, nullable=False),
    # max(published, first_stored): when it became news (and, for a scheduled one, when it will).
    Column("visible_at", UtcDateTime, nullable=False),
    Column("state", String(9), nullable=False),
    # It was live and then was not: should it come back, it is no news again.
    Column("was_withdrawn", Boolean, nullable=False, default=False),
    # When it last went from live to anything else; NULL while it is live, and where it never was.
    Column("withdrawn_at", UtcDateTime),
    # When its text or title last changed while readers had it.
    Column("edited_at", UtcDateTime),
    # The blog's revision in which a reader last saw a change of it: what changed since is one range.
    Column("changed_in", Integer, nullable=False, server_default="0"),
    # SHA-256 of what the source said: equal means the source has not changed.
    Column("source_hash", String(64), nullable=False),
    # Grows with each change of what a reader sees; kept renderings of older ones are stale.
    Column("revision", Integer, nullable=False),
    Column("notes", Json, nullable=False),
    CheckConstraint("state IN ('live', 'private', 'scheduled', 'draft', 'deleted')", name="state"),
)
Index("ix_post_state_published", post.c.state, post.c.published.desc(), post.c.id.desc())
Index("ix_post_state_updated", post.c.state, post.c.updated.desc(), post.c.id.desc())
Index("ix_post_state_visible_at", post.c.state, post.c.visible_at)
# Of any length: PostgreSQL keeps what it hashes to. It is told in words, for an option of PostgreSQL's would
# have every command import what SQLAlchemy knows of it.
URL_INDEX = {
    "sqlite": "CREATE INDEX ix_post_url ON post (url)",
    "postgresql": "CREATE INDEX ix_post_url ON post USING hash (url)",
}
for _dialect, _index in URL_INDEX.items():
    _made = DDL(_index)  # type: ignore[no-untyped-call]
    event.listen(post, "after_create", _made.execute_if(dialect=_dialect))
Index("ix_post_changed_in", post.c.changed_in)
Index("ix_post_edited_at", post.c.edited_at)
Index("ix_post_withdrawn_at", post.c.withdrawn_at)

label = Table(
    "label",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("name", Text, nullable=False),
    # The name without its case and white space: what makes two names one label.
    Column("key", Text, nullable=False, unique=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("feed_uri", Text, nullable=False, unique=True),
    # The publisher chose the name; posts no longer vote on it.
    Column("name_is_chosen", Boolean, nullable=False, default=False),
    # Some post has written the name in another way: only then need the posts' votes be counted.
    Column("is_contested", Boolean, nullable=False, default=False),
    Column("revision", Integer, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

label_alias = Table(
    "label_alias",
    metadata,
    Column("key", Text, primary_key=True),
    # NULL: the label kept its slug when it lost this name.
    Column("slug", Text, unique=True),
    # NULL: the label was deleted, and posts that name it don't bring it back.
    Column("label_id", ForeignKey("label.id", ondelete="CASCADE"), index=True),
    # Its label had, or had had, a live post then: else the name is one that nobody is to hear of.
    Column("was_met", Boolean, nullable=False, server_default=true()),
    comment="names and slugs that labels once had",
)

post_label = Table(
    "post_label",
    metadata,
    Column("post_id", ForeignKey("post.id", ondelete="CASCADE"), nullable=False),
    Column("label_id", ForeignKey("label.id", ondelete="CASCADE"), nullable=False),
    # The label's name as this post writes it.
    Column("written", Text, nullable=False),
    # The post's own, repeated here so that a label's newest posts are one range of one index.
    Column("live", Boolean, nullable=False),
    Column("published", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("post_id", "label_id"),
    sqlite_with_rowid=False,
)
Index(
    "ix_post_label_newest",
    post_label.c.label_id,
    post_label.c.live,
    post_label.c.published.desc(),
    post_label.c.post_id.desc(),
)

post_override = Table(
    "post_override",
    metadata,
    Column("post_id", ForeignKey("post.id", ondelete="CASCADE"), primary_key=True),
    # Held back by the publisher, whatever its source says of it.
    Column("is_hidden", Boolean, nullable=False, default=False),
    # What its source says of it meanwhile; NULL where it is not hidden.
    Column("said", String(9)),
    # Names of labels that it has though its source gives it none of them, and keys of those that it has not
    # though its source does; JSON lists, sorted.
    Column("added", Json, nullable=False),
    Column("removed", Json, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    comment="what a publisher said of a post above what its source says",
)

fetched = Table(
    "fetched",
    metadata,
    Column("url", Text, primary_key=True),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("fetched_at", UtcDateTime, nullable=False),
    comment="what a source's server said last, for a conditional GET",
)
