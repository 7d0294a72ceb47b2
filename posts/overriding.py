"""What a publisher does to posts by hand: hide them, show them again, give them labels and take them away.

It holds against whatever their sources say later (``posts.overrides``). A hidden post is stored as a draft:
whatever asks for live or private posts does not find it, and its feeds tell that it is gone. One that is
shown again is no news again, if readers had it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from posts.blog import get_blog, news_from
from posts.labelbook import LabelBook
from posts.labels import clean_name
from posts.merging import state_of
from posts.model import PostState, post, post_label
from posts.overrides import NOTHING_SAID, Override, keep, overrides_of
from posts.privacy import apply_private_rules
from posts.revisions import batched
from posts.withdrawals import note_return, note_withdrawal

_UPDATE = (
    update(post)
    .where(post.c.id == bindparam("of"))
    .values(
        state=bindparam("as"),
        was_withdrawn=bindparam("went"),
        withdrawn_at=bindparam("went_at"),
        first_stored=bindparam("stored"),
        visible_at=bindparam("visible"),
        revision=post.c.revision + 1,
        changed_in=bindparam("in"),
    )
)


class OverrideError(LookupError):
    """A label that cannot be given or taken away; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What changes of a post by hand, and the labels it has: label's number to name as written."""

    state: PostState
    published: datetime
    first_stored: datetime
    visible_at: datetime
    was_withdrawn: bool
    withdrawn_at: datetime | None
    ties: dict[int, str]

    @property
    def said(self) -> PostState:
        """What its source says of it, unless it is hidden."""
        waits = {PostState.PRIVATE, PostState.SCHEDULED}
        return PostState.LIVE if self.state in waits else self.state

    @property
    def was_live(self) -> bool:
        """Whether everybody has had it, now or before."""
        return self.was_withdrawn or self.state is PostState.LIVE

    def turned(self, said: PostState, *, is_private: bool, now: datetime) -> "Standing":
        """The same once its source, or what counts in place of it, says this. Pure."""
        waits = self.state is PostState.SCHEDULED and said is PostState.LIVE
        state = self.state if waits else state_of(said, self.published, now, is_private=is_private)
        is_live = state is PostState.LIVE
        # Who never had it gets it as if it were stored now: old things are no news.
        first_stored = now if is_live and not self.was_live else self.first_stored
        withdrawn_at = now if self.state is PostState.LIVE else self.withdrawn_at
        return replace(
            self,
            state=state,
            first_stored=first_stored,
            visible_at=self.visible_at if self.was_live else max(self.published, first_stored),
            was_withdrawn=self.was_withdrawn or (self.was_live and not is_live),
            withdrawn_at=None if is_live else withdrawn_at,
        )


def hide(connection: Connection, post_ids: Iterable[int], *, now: datetime) -> int:
    """Hold posts back, whatever their sources say; tell how many were not already."""
    return _Hand(connection, now=now).apply(post_ids, _hidden)


def show(connection: Connection, post_ids: Iterable[int], *, now: datetime) -> int:
    """Hold posts back no more: they are what their sources say; tell how many were hidden."""
    return _Hand(connection, now=now).apply(post_ids, lambda said, _: replace(said, said=None))


def relabel(
    connection: Connection,
    post_ids: Iterable[int],
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    now: datetime,
) -> int:
    """Give posts labels, made where there are none yet, and take others away; tell how many changed.

    Raises ``OverrideError`` for what is no name, a label that was deleted, and one that is in both.
    """
    hand = _Hand(connection, now=now)
    return hand.relabel(post_ids, add=add, remove=remove)


def _hidden(said: Override, now: Standing) -> Override:
    return said if said.is_hidden else replace(said, said=now.said)


class _Hand:
    """One change by hand, in a writing transaction."""

    def __init__(self, connection: Connection, *, now: datetime) -> None:
        get_blog(connection, lock=True)
        self._connection = connection
        self._now = news_from(connection, now=now)
        self._book = LabelBook(connection, now=self._now)

    def relabel(self, post_ids: Iterable[int], *, add: Sequence[str], remove: Sequence[str]) -> int:
        taken = self._found(remove)
        given = self._made(add)
        if both := set(given) & set(taken):
            name = self._book.name(both.pop())
            raise OverrideError(f"label {name!r}: is both to be added and to be removed: leave one out")
        if self._book.rules_changed():
            apply_private_rules(self._connection, self._book, now=self._now)

        def change(said: Override, now: Standing) -> Override:
            for label_id in given:
                said = said if label_id in now.ties else said.adding(label_id, self._book)
            for label_id in taken:
                said = said.removing(label_id, self._book) if label_id in now.ties else said
            return said

        return self.apply(post_ids, change)

    def _made(self, names: Sequence[str]) -> list[int]:
        found = []
        for name in names:
            # As the label is called: what is chosen from a list is no vote on its name.
            known = self._book.find(name)
            label_id = self._book.label_id(name) if known is None else known
            if label_id is None:
                cleaned = clean_name(name)
                why = "was deleted, and its name with it: choose another" if cleaned else "is no label's name"
                raise OverrideError(f"label {cleaned or name!r}: {why}")
            found.append(label_id)
        return found

    def _found(self, names: Sequence[str]) -> list[int]:
        found = {name: self._book.find(name) for name in names}
        for name, label_id in found.items():
            if label_id is None:
                raise OverrideError(f"no label is called {clean_name(name) or name!r}")
        return [label_id for label_id in found.values() if label_id is not None]

    def apply(self, post_ids: Iterable[int], change: Callable[[Override, Standing], Override]) -> int:
        """Let ``change`` say what is said of each post; it is kept, and done."""
        number = 0
        for some in batched(dict.fromkeys(post_ids)):
            before = overrides_of(self._connection, some)
            standing = self._standing(some)
            told = {
                post_id: change(before.get(post_id, NOTHING_SAID), now) for post_id, now in standing.items()
            }
            told = {key: one for key, one in told.items() if one != before.get(key, NOTHING_SAID)}
            keep(self._connection, told, now=self._now)
            self._turn(
                {key: (standing[key], before.get(key, NOTHING_SAID), one) for key, one in told.items()}
            )
            number += len(told)
        self._book.finish()
        return number

    def _turn(self, changes: dict[int, tuple[Standing, Override, Override]]) -> None:
        """Make posts what is now said of them."""
        turned: dict[int, tuple[Standing, Standing]] = {}
        for post_id, (old, before, now) in changes.items():
            ties = now.ties(old.ties, self._book)
            said = now.state(before.said or old.said)
            is_private = self._book.is_private(ties)
            new = replace(old.turned(said, is_private=is_private, now=self._now), ties=ties)
            if new != old:
                turned[post_id] = (old, new)
        if turned:
            self._write(turned)

    def _write(self, turned: dict[int, tuple[Standing, Standing]]) -> None:
        live = PostState.LIVE
        note_withdrawal(self._connection, _those(turned, lambda old, new: old.state is live is not new.state))
        note_return(self._connection, _those(turned, lambda old, new: new.state is live is not old.state))
        self._connection.execute(
            _UPDATE,
            [_row(post_id, new) | {"in": self._book.revision} for post_id, (_, new) in turned.items()],
        )
        self._connection.execute(delete(post_label).where(post_label.c.post_id.in_(turned)))
        if rows := [row for post_id, (_, new) in turned.items() for row in _tie_rows(post_id, new)]:
            self._connection.execute(insert(post_label), rows)
        # Whose posts are, or were, for everybody: their authors' feeds show it.
        shown = _those(turned, lambda _, new: new.state is live)
        gone = _those(turned, lambda old, new: old.state is live is not new.state)
        self._book.authors.set_live(shown, is_live=True)
        self._book.authors.set_live(gone, is_live=False)
        for standing in (one for pair in turned.values() for one in pair):
            self._touch(standing)

    def _touch(self, standing: Standing) -> None:
        if standing.state is PostState.LIVE:
            self._book.touch(standing.ties)
            self._book.touch_blog()
        if standing.state is PostState.PRIVATE:
            self._book.touch_private()

    def _standing(self, post_ids: Collection[int]) -> dict[int, Standing]:
        ties: dict[int, dict[int, str]] = {}
        query = select(post_label.c.post_id, post_label.c.label_id, post_label.c.written)
        for post_id, label_id, written in self._connection.execute(
            query.where(post_label.c.post_id.in_(post_ids))
        ):
            ties.setdefault(post_id, {})[label_id] = written
        columns = (post.c.state, post.c.published, post.c.first_stored, post.c.visible_at)
        asked = select(post.c.id, *columns, post.c.was_withdrawn, post.c.withdrawn_at)
        rows = self._connection.execute(asked.where(post.c.id.in_(post_ids)).order_by(post.c.id))
        return {row[0]: Standing(PostState(row[1]), *row[2:], ties=ties.get(row[0], {})) for row in rows}


def _those(
    turned: dict[int, tuple[Standing, Standing]], meant: Callable[[Standing, Standing], bool]
) -> list[int]:
    return [post_id for post_id, (old, new) in turned.items() if meant(old, new)]


def _row(post_id: int, new: Standing) -> dict[str, object]:
    return {
        "of": post_id,
        "as": new.state.value,
        "went": new.was_withdrawn,
        "went_at": new.withdrawn_at,
        "stored": new.first_stored,
        "visible": new.visible_at,
    }


def _tie_rows(post_id: int, new: Standing) -> list[dict[str, object]]:
    row = {"post_id": post_id, "live": new.state is PostState.LIVE, "published": new.published}
    return [row | {"label_id": label_id, "written": written} for label_id, written in new.ties.items()]
