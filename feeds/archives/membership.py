"""Which posts are a feed's, as conditions on the ``post`` table."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, exists, select, true

from feeds.lasting import is_lasting
from feeds.selection import FeedSpec
from posts.authors import post_author
from posts.batch import newest_by_label, newest_of_all
from posts.lookup import LabelIndex, load_labels
from posts.model import PostState, post, post_label
from posts.querying import condition, simplify
from posts.rules import All, rule_labels
from posts.scope import newest_in


@dataclass(frozen=True, slots=True)
class Membership:
    """A feed's posts as a condition: ``for_each`` asks of a post at hand, ``for_all`` leads to all of them.

    ``rule`` is a text that changes whenever a post may have come under the rule, or left it, without any
    change of its own: because the rule is another, or one of its names has come to mean another label.
    """

    rule: str
    for_each: ColumnElement[bool]
    for_all: ColumnElement[bool]


_NEWEST_OF_AUTHOR = (
    select(post_author.c.post_id)
    .where(post_author.c.author_id == bindparam("author"), post_author.c.live == true())
    .order_by(post_author.c.published.desc(), post_author.c.post_id.desc())
    .limit(bindparam("count"))
)


def newest_members(connection: Connection, spec: FeedSpec, *, limit: int) -> list[int]:
    """The ids of a feed's newest posts by ``published``, newest first."""
    if spec.label_id is not None and not spec.is_private:
        return newest_by_label(connection, [spec.label_id], limit=limit)[spec.label_id]
    if spec.rule == All() and spec.author_id is None and not spec.is_private:
        return newest_of_all(connection, limit=limit)
    if spec.author_id is not None and spec.rule == All() and not spec.is_private:
        asked = {"author": spec.author_id, "count": limit}
        return list(connection.execute(_NEWEST_OF_AUTHOR, asked).scalars())
    return newest_in(connection, spec.scope, limit=limit)


def is_archived(spec: FeedSpec) -> bool:
    """Whether a feed has archive documents; the others are paged.

    Of a feed in another content than its own, ask with the feed itself: they have one archive.
    """
    return spec.ordering == "published" and is_lasting(spec)


def membership(connection: Connection, spec: FeedSpec) -> Membership:
    """The condition of a feed's posts, its rule's labels as they are named now."""
    shown = [PostState.LIVE.value, *([PostState.PRIVATE.value] if spec.is_private else [])]
    state = post.c.state.in_(shown)
    tied = _ties(spec)
    if tied is not None:
        column = tied.selected_columns[0]
        return Membership(
            f"{spec.uri} {spec.is_private}",
            and_(state, exists(tied.where(column == post.c.id).correlate(post))),
            and_(state, post.c.id.in_(tied)),
        )
    index = load_labels(connection, rule_labels(spec.rule))
    under = condition(simplify(spec.rule, index), index, post.c.id)
    rule = f"{spec.rule} {spec.is_private} {_meant(spec, index)}"
    return Membership(rule, and_(state, under), and_(state, under))


def _ties(spec: FeedSpec) -> Select[int] | None:
    """The posts of a label's or an author's own feed, one range of an index."""
    if spec.label_id is not None:
        return select(post_label.c.post_id).where(post_label.c.label_id == spec.label_id)
    if spec.author_id is not None and spec.rule == All():
        return select(post_author.c.post_id).where(post_author.c.author_id == spec.author_id)
    return None


def _meant(spec: FeedSpec, index: LabelIndex) -> str:
    found = (index.named(name) for name in rule_labels(spec.rule))
    return " ".join(label.feed_uri if label else "-" for label in found)
