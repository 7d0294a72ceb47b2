"""What readers had and have no more: posts that went from live to deleted, draft, put off or private."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, select

from posts.authors import post_author
from posts.lookup import load_labels
from posts.model import PostState, post, post_label
from posts.querying import condition, simplify
from posts.rules import Rule, rule_labels


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
    private feed have them still. Walks ix_post_withdrawn_at, and looks at each post's label by primary key.
    """
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
            exists().where(post_label.c.post_id == post.c.id, post_label.c.label_id == label_id)
        )
    if author_id is not None:
        query = query.where(
            exists().where(post_author.c.post_id == post.c.id, post_author.c.author_id == author_id)
        )
    if rule is not None:
        index = load_labels(connection, rule_labels(rule))
        query = query.where(condition(simplify(rule, index), index, post.c.id))
    return [Withdrawn(row.uri, row.withdrawn_at) for row in connection.execute(query)]


def is_withdrawn(connection: Connection, post_id: int) -> bool:
    """Whether readers had a post and have it no more; False too where there is no such post."""
    query = select(post.c.id).where(
        post.c.id == post_id,
        post.c.withdrawn_at.is_not(None),
        post.c.state != PostState.LIVE.value,
    )
    return connection.execute(query).first() is not None
