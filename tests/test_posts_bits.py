"""Rules asked of sets of posts find what they find of each; and what stands together is as it is stored."""

from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from posts.bits import bits_of, flags_of, matching
from posts.lookup import load_labels
from posts.model import PostState
from posts.overriding import hide
from posts.rules import All, And, HasLabel, Not, Or, Rule, matches
from posts.together import first_names, stand_together

NOW = datetime(2026, 3, 1, tzinfo=UTC)
rules: st.SearchStrategy[Rule] = st.recursive(
    st.just(All()) | st.sampled_from("abc").map(HasLabel),
    lambda inner: st.one_of(
        inner.map(Not), st.tuples(inner, inner).map(And), st.tuples(inner, inner, inner).map(Or)
    ),
    max_leaves=6,
)


@given(rule=rules, posts=st.lists(st.sets(st.sampled_from("abc")), max_size=20))
def test_a_rule_finds_of_all_together_what_it_finds_of_each(rule: Rule, posts: list[set[str]]) -> None:
    size = len(posts)
    labelled = {
        name: bits_of((place for place, keys in enumerate(posts) if name in keys), size) for name in "abc"
    }
    found = matching(rule, labelled, (1 << size) - 1)
    assert list(flags_of(found, size))[:size] == [matches(rule, keys) for keys in posts]


def test_posts_stand_together_as_they_are_stored(
    connection: Connection, store_post: Callable[..., int]
) -> None:
    live = store_post(connection, "live", labels=["a", "b"], now=NOW)
    bare = store_post(connection, "bare", labels=[], now=NOW)
    coming = store_post(connection, "coming", labels=["b"], published=NOW.replace(year=2027), now=NOW)
    hidden = store_post(connection, "hidden", labels=["a"], now=NOW)
    gone = store_post(connection, "gone", labels=["a"], state=PostState.DELETED, now=NOW)
    hide(connection, [hidden, gone], now=NOW)
    posts = stand_together(connection, [gone, coming, live, bare, hidden], now=NOW)
    assert (posts.everything, posts.live, posts.scheduled, posts.later) == (
        0b11111,
        0b01100,
        0b00010,
        0b00010,
    )
    assert (posts.private, posts.held, posts.held_live) == (0, 0b10001, 0b10000)
    ids = {name: one.id for name, one in load_labels(connection).by_slug.items()}
    named = {number: name for name, number in ids.items()}
    assert posts.labelled(named) == {"a": 0b10101, "b": 0b00110}
    assert posts.count_labels(0b11000) == {ids["a"]: 1}
    assert posts.count_labels(0) == {}
    assert first_names(connection, ids.values(), limit=1) == {ids["a"]: "a"}
    nothing = stand_together(connection, [], now=NOW)
    assert (nothing.everything, nothing.labelled(named)) == (0, {"a": 0, "b": 0})
