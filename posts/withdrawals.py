"""What readers had and have no more: posts that went from live to deleted, draft, put off or private."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    PrimaryKeyConstraint,
    Table,
    delete,
    exists,
    insert,
    select,
    update,
)

from database import metadata
from posts.authors import post_author
from posts.lookup import load_labels
from posts.model import PostState, post, post_label
from posts.querying import condition, simplify
from posts.rules import Rule, rule_labels

# By what readers knew a post that was withdrawn. What becomes of it afterwards is not theirs to see.
withdrawn_label = Table(
    "withdrawn_label",
    metadata,
    Column("post_id", ForeignKey("post.id", ondelete="CASCADE"), nullable=False),
    Column("label_id", ForeignKey("label.id", ondelete="CASCADE"), nullable=False, index=True),
    PrimaryKeyConstraint("post_id", "label_id"),
    comment="the labels that withdrawn posts had when they were live",
    sqlite_with_rowid=False,
)
withdrawn_author = Table(
    "withdrawn_author",
    metadata,
    Column("post_id", ForeignKey("post.id", ondelete="CASCADE"), nullable=False),
    Column("author_id", ForeignKey("author.id", ondelete="CASCADE"), nullable=False, index=True),
    PrimaryKeyConstraint("post_id", "author_id"),
    comment="the authors that withdrawn posts had when they were live",
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A post that was withdrawn: its permanent id, and when that was stored."""

    uri: str
    when: datetime


def withdrawn(
    connection: Connection,
    *,
    label_id: int | None = None,
    author_id: int | None = None,
    rule: Rule | None = None,
    since: datetime | None,
    limit: int,
    private: bool = False,
) -> list[Withdrawn]:
    """Posts that were live and are so no more, newest withdrawal first.

    They are narrowed to a label, an author, a rule, by what each had when it was withdrawn; ``since`` is
    inclusive. Private posts that everybody once had are among them, unless ``private``: the readers of a
    private feed have them still, and know them by what they have now. Walks ix_post_withdrawn_at, and looks
    at each post's label by primary key.
    """
    of_labels, of_authors = (post_label, post_author) if private else (withdrawn_label, withdrawn_author)
    query = (
        select(post.c.uri, post.c.withdrawn_at)
        .where(post.c.withdrawn_at.is_not(None))
        .order_by(post.c.withdrawn_at.desc(), post.c.id.desc())
        .limit(limit)
    )
    if since is not None:
        query = query.where(post.c.withdrawn_at >= since)
    if private:
        query = query.where(post.c.state != PostState.PRIVATE.value)
    if label_id is not None:
        query = query.where(
            exists().where(of_labels.c.post_id == post.c.id, of_labels.c.label_id == label_id)
        )
    if author_id is not None:
        query = query.where(
            exists().where(of_authors.c.post_id == post.c.id, of_authors.c.author_id == author_id)
        )
    if rule is not None:
        index = load_labels(connection, rule_labels(rule))
        query = query.where(condition(simplify(rule, index), index, post.c.id, ties=of_labels))
    return [Withdrawn(row.uri, row.withdrawn_at) for row in connection.execute(query)]


def is_withdrawn(connection: Connection, post_id: int) -> bool:
    """Whether readers had a post and have it no more; False too where there is no such post."""
    query = select(post.c.id).where(
        post.c.id == post_id,
        post.c.withdrawn_at.is_not(None),
        post.c.state != PostState.LIVE.value,
    )
    return connection.execute(query).first() is not None


def note_withdrawal(connection: Connection, post_ids: Sequence[int]) -> None:
    """Keep by what readers knew these posts, at most a batch of them, that are about to be live no more."""
    note_return(connection, post_ids)
    ties = select(post_label.c.post_id, post_label.c.label_id).where(post_label.c.post_id.in_(post_ids))
    connection.execute(insert(withdrawn_label).from_select(["post_id", "label_id"], ties))
    note_authors(connection, post_ids)


def note_authors(connection: Connection, post_ids: Sequence[int]) -> None:
    """Keep whom readers knew as the authors of these posts, of whom nothing is kept yet."""
    ties = select(post_author.c.post_id, post_author.c.author_id).where(post_author.c.post_id.in_(post_ids))
    connection.execute(insert(withdrawn_author).from_select(["post_id", "author_id"], ties))


def note_return(connection: Connection, post_ids: Sequence[int]) -> None:
    """Forget by what these posts were known, at most a batch of them: they are live again."""
    connection.execute(delete(withdrawn_label).where(withdrawn_label.c.post_id.in_(post_ids)))
    connection.execute(delete(withdrawn_author).where(withdrawn_author.c.post_id.in_(post_ids)))


def merge_withdrawals(connection: Connection, gone: int, stays: int) -> None:
    """What was known by one label is known by another from now on."""
    there = select(withdrawn_label.c.post_id).where(withdrawn_label.c.label_id == stays)
    mine = withdrawn_label.c.label_id == gone
    connection.execute(delete(withdrawn_label).where(mine, withdrawn_label.c.post_id.in_(there)))
    connection.execute(update(withdrawn_label).where(mine).values(label_id=stays))
