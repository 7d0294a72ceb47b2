"""Which posts are private: those under the rule of a private feed. They are shown in such feeds alone.

A post is stored as private in place of live. What moves it from one to the other: its labels when it is
stored, the rules, and what becomes of the labels they name.

A post that goes from private to live, and never was live before, is treated as if it had been first stored at
that moment: it is news from then on, and a digest's ``max_age`` leaves it out where it is old. So a private
archive that is opened mails nobody, as one that is imported mails nobody.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, insert, literal, select, update

from database import UtcDateTime
from posts.blog import get_blog, news_from
from posts.labelbook import LabelBook
from posts.lookup import load_labels
from posts.model import PostState, post, post_label
from posts.privaterules import PrivateRules, private_rule
from posts.querying import condition, simplify
from posts.revisions import batched
from posts.rules import All, Not, Rule, rule_labels
from posts.withdrawals import note_return, note_withdrawal

__all__ = [
    "apply_private_rules",
    "move",
    "private_rule",
    "private_rules",
    "set_private_rule",
    "under_private_rule",
]


def private_rules(connection: Connection) -> dict[str, Rule]:
    """Every private rule by the name it was set under."""
    return PrivateRules(connection).by_name


def set_private_rule(connection: Connection, name: str, rule: Rule | None, *, now: datetime) -> None:
    """Make what is under a rule private, in place of what was under this name's rule before; None: nothing.

    All in the transaction of ``connection``: nobody sees the rule without what it does.
    """
    get_blog(connection, lock=True)
    connection.execute(delete(private_rule).where(private_rule.c.name == name))
    if rule is not None:
        connection.execute(insert(private_rule).values(name=name, rule=str(rule)))
    book = LabelBook(connection, now=now)
    apply_private_rules(connection, book, now=now)
    book.finish()


def apply_private_rules(connection: Connection, book: LabelBook, *, now: datetime) -> None:
    """Make every post private that is live and under a private rule, and live that is private and is not.

    Call it when the rules, or the labels that they name, are others than they were.
    """
    is_under = _under_a_rule(connection)
    hidden = select(post.c.id).where(post.c.state == PostState.LIVE.value, is_under)
    shown = select(post.c.id, post.c.was_withdrawn).where(post.c.state == PostState.PRIVATE.value, ~is_under)
    to_hide = connection.execute(hidden).scalars().all()
    to_show = connection.execute(shown).all()
    move(connection, book, to_hide, PostState.LIVE, PostState.PRIVATE, was_withdrawn=True, withdrawn_at=now)
    known = [row.id for row in to_show if row.was_withdrawn]
    move(connection, book, known, PostState.PRIVATE, PostState.LIVE, withdrawn_at=None)
    if new := [row.id for row in to_show if not row.was_withdrawn]:
        stored_at = news_from(connection, now=now)
        at = literal(stored_at, UtcDateTime)
        visible_at = case((post.c.published > at, post.c.published), else_=at)
        move(connection, book, new, PostState.PRIVATE, PostState.LIVE, first_stored=at, visible_at=visible_at)


def under_private_rule(connection: Connection, post_ids: Sequence[int]) -> set[int]:
    """Those of the posts that are under a private rule."""
    is_under = _under_a_rule(connection)
    found: set[int] = set()
    for some in batched(post_ids):
        found.update(connection.execute(select(post.c.id).where(post.c.id.in_(some), is_under)).scalars())
    return found


def _under_a_rule(connection: Connection) -> ColumnElement[bool]:
    together = PrivateRules(connection).together or Not(All())
    index = load_labels(connection, rule_labels(together))
    return condition(simplify(together, index), index, post.c.id)


def move(
    connection: Connection,
    book: LabelBook,
    post_ids: Sequence[int],
    old: PostState,
    new: PostState,
    **values: Any,
) -> None:
    """Give posts of one state another one, and further ``values``; count it for whom it concerns."""
    is_live, is_public = new is PostState.LIVE, PostState.LIVE in {old, new}
    values |= {"state": new.value, "revision": post.c.revision + 1, "changed_in": book.revision}
    for some in batched(post_ids):
        if old is PostState.LIVE:
            note_withdrawal(connection, some)
        elif is_live:
            note_return(connection, some)
        connection.execute(update(post).where(post.c.id.in_(some)).values(values))
        if is_public:
            those = post_label.c.post_id.in_(some)
            connection.execute(update(post_label).where(those).values(live=is_live))
            book.touch(connection.execute(select(post_label.c.label_id).where(those).distinct()).scalars())
            book.authors.set_live(some, is_live=is_live)
            book.touch_blog()
        if PostState.PRIVATE in {old, new}:
            book.touch_private()
