"""What rules find among all posts, counted for many rules at once: as sets of bits (``posts.bits``).

Only posts that have a label which some rule names are read. All others are alike to every rule: either all of
them are under it or none.
"""

from collections import defaultdict
from collections.abc import Mapping
from itertools import count

from sqlalchemy import Connection, Text, cast, func, select

from posts.bits import bits_of, matching
from posts.model import PostState, post, post_label
from posts.rules import Rule, matches
from posts.together import among, written


class ShownPosts:
    """Posts of some labels during one transaction. First ``learn`` all labels that are in a rule."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._places: defaultdict[int, int] = defaultdict(count().__next__)
        self._labelled: dict[str, int] = {}
        self._private_ids: set[int] | None = None
        self._live = self._private = 0
        self._others: dict[PostState, int] = {}

    def learn(self, names: Mapping[int, str]) -> None:
        """Read the posts of these labels, by their ids, and call them so; what is known is not read again."""
        new = {number: name for number, name in names.items() if name not in self._labelled}
        if not new:
            return
        self._labelled |= dict.fromkeys(new.values(), 0)
        query = select(
            post_label.c.label_id,
            post_label.c.live,
            func.aggregate_strings(cast(post_label.c.post_id, Text), ","),
        )
        query = query.where(among(self._connection, post_label.c.label_id, written(self._connection, new)))
        for label_id, is_live, text in self._connection.execute(
            query.group_by(post_label.c.label_id, post_label.c.live)
        ).all():
            numbers = list(map(int, text.split(",")))
            bits = self._bits(numbers)
            self._labelled[new[label_id]] |= bits
            if is_live:
                self._live |= bits
            else:
                self._private |= self._bits([one for one in numbers if one in self._privates()])
        self._others.clear()

    def _bits(self, numbers: list[int]) -> int:
        found = list(map(self._places.__getitem__, numbers))
        return bits_of(found, len(self._places))

    def _privates(self) -> set[int]:
        if self._private_ids is None:
            query = select(post.c.id).where(post.c.state == PostState.PRIVATE.value)
            self._private_ids = set(self._connection.execute(query).scalars())
        return self._private_ids

    def count(self, rule: Rule, *, private: bool = False) -> int:
        """The live posts under a rule of the labels' own names; with ``private`` the private ones too."""
        return self._count(rule, self._live, PostState.LIVE) + (self.count_private(rule) if private else 0)

    def count_private(self, rule: Rule) -> int:
        """The private posts under a rule."""
        return self._count(rule, self._private, PostState.PRIVATE)

    def count_both(self, one: str, other: str) -> int:
        """The posts that have both labels, whatever their state."""
        return (self._labelled[one] & self._labelled[other]).bit_count()

    def _count(self, rule: Rule, those: int, state: PostState) -> int:
        found = (matching(rule, self._labelled, those) & those).bit_count()
        return found + self._without(those, state) if matches(rule, ()) else found

    def _without(self, those: int, state: PostState) -> int:
        """How many posts in a state have none of the labels."""
        if state not in self._others:
            query = select(func.count()).where(post.c.state == state.value)
            self._others[state] = self._connection.execute(query).scalar_one() - those.bit_count()
        return self._others[state]
