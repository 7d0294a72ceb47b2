"""What has changed: revisions of labels, of the blog and of posts, and what they say of a rule."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    update,
)

from database import UtcDateTime
from posts.blog import get_blog
from posts.lookup import BATCH, LabelIndex, load_labels
from posts.model import UNMET, Label, PostState, blog, label, post, post_label
from posts.querying import branches, guarded, simplify
from posts.rules import Rule, rule_labels


@dataclass(frozen=True, slots=True)
class RuleRevision:
    """An opaque token of what is under a rule, and when that last changed (never earlier than it did)."""

    token: str
    changed_at: datetime


def rule_revision(connection: Connection, rule: Rule, *, index: LabelIndex | None = None) -> RuleRevision:
    """The revision of a rule: the token changes whenever a post under it changes, appears or goes.

    Where every post under the rule must have one of some labels, those labels' revisions decide, for a
    change of a post counts for each label it has or had; else the whole blog's. Also when a name in the rule
    comes to mean another label, or one at all: a label that no live post ever had is none.
    """
    names = rule_labels(rule)
    found = (load_labels(connection, names) if index is None else index).met(by_any_name=True)
    meant = [found.named(name) for name in names]
    by_id = {one.id: one for one in meant if one is not None}
    walked = branches(simplify(rule, found), found, size=lambda _: 1)
    parts = [str(rule), *(one.feed_uri if one else "-" for one in meant)]
    changed_at = [one.changed_at for one in by_id.values()]
    if guarded(walked):
        deciding = sorted({by_id[branch.label_id] for branch in walked if branch.label_id in by_id}, key=_uri)
        parts += [f"{one.feed_uri} {one.revision}" for one in deciding]
    if not guarded(walked) or None in meant or not changed_at:
        whole = get_blog(connection)
        # A label that was deleted takes its own changed_at with it; the blog's was moved as well.
        changed_at.append(whole.changed_at)
        # Who remembers a feed by its token remembers its moment with it.
        parts.append(f"blog {whole.changed_at if guarded(walked) else whole.public_revision}")
    token = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    return RuleRevision(token, max(changed_at))


def _uri(found: Label) -> str:
    return found.feed_uri


def bump_labels(connection: Connection, label_ids: Collection[int], *, now: datetime) -> None:
    """Count a change of the live posts of these labels; ``changed_at`` never goes back.

    Not of those that no live post ever had, whatever was done to them: nobody is to hear of them yet.
    """
    has_live_post = exists().where(post_label.c.label_id == label.c.id, post_label.c.live == true())
    for some in batched(sorted(label_ids)):
        connection.execute(
            update(label)
            .where(label.c.id.in_(some), or_(label.c.revision > UNMET, has_live_post))
            .values(
                revision=label.c.revision + 1,
                # Of one just met nobody knew: when it was made is not to be told.
                changed_at=case(
                    (label.c.revision == UNMET, literal(now, UtcDateTime)),
                    else_=later(label.c.changed_at, now),
                ),
            )
        )


def bump_blog(connection: Connection, *, now: datetime, public: bool = True, private: bool = False) -> None:
    """Count a change of the blog as a whole: of live posts, of private ones, or of both.

    A change of private posts alone moves no ``public_revision`` and no ``changed_at``, for everybody is told
    of these. Each change of either moves the blog's own ``revision``.
    """
    values: dict[str, Any] = {"revision": blog.c.revision + 1}
    if public:
        values["public_revision"] = blog.c.public_revision + 1
        values["changed_at"] = later(blog.c.changed_at, now)
    if private:
        before = func.coalesce(blog.c.private_changed_at, blog.c.changed_at)
        values["private_revision"] = blog.c.private_revision + 1
        values["private_changed_at"] = case((before < now, literal(now, UtcDateTime)), else_=before)
    connection.execute(update(blog).values(values))


def bump_posts_of(
    connection: Connection, label_ids: Collection[int], *, changed_in: int, only_hidden: bool = False
) -> set[int]:
    """Count a change of every post of these labels, since each shows its labels' names.

    ``changed_in`` is the blog's revision after this transaction; ``only_hidden`` leaves live posts out.
    Returns these labels and those that share a live post with them: the feeds of all of them change.
    """
    touched = set(label_ids)
    which = post.c.state != PostState.LIVE.value if only_hidden else true()
    # A live one that this transaction changed already; what is not live may be changed and move no revision.
    is_counted = (post.c.state == PostState.LIVE.value) & ~post.c.changed_in.is_distinct_from(changed_in)
    for some in batched(sorted(label_ids)):
        tied = select(post_label.c.post_id).where(post_label.c.label_id.in_(some))
        connection.execute(
            update(post)
            .where(post.c.id.in_(tied), which, ~is_counted)
            .values(revision=post.c.revision + 1, changed_in=changed_in)
        )
        shared = select(post_label.c.label_id).where(
            post_label.c.post_id.in_(tied.where(post_label.c.live == true()))
        )
        touched.update(connection.execute(shared.distinct()).scalars())
    return touched


def batched(numbers: Iterable[int]) -> Iterator[list[int]]:
    """The numbers in lists short enough for one statement's parameters."""
    left = iter(numbers)
    while some := list(islice(left, BATCH)):
        yield some


def later(column: Column[datetime], now: datetime) -> ColumnElement[datetime]:
    """An instant in a column, or ``now`` where that is later: when something changed never goes back."""
    return case((column < now, literal(now, UtcDateTime)), else_=column)
