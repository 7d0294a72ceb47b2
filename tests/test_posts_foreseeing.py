"""What is foreseen of a label's rename, merge or deletion is what then happens."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from posts.curation import LabelError, delete_label, merge_labels, rename_label
from posts.foreseeing import (
    Foresight,
    Kind,
    foresee,
    foresee_private_rule,
    plan,
    visible_then,
)
from posts.labels import slugify
from posts.lookup import find_label, is_deleted_label, load_labels
from posts.model import PostState, post
from posts.privacy import private_rules, set_private_rule
from posts.querying import NOTHING
from posts.rules import And, HasLabel, Not, Or, Rule, parse
from posts.scope import Scope, count_in
from tests.examples import often

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ("a", "b", "x y", "x-y", "X-Y 2")
# Also names that no label has yet, and slugs.
WRITTEN = (*NAMES, "new", "x-y-2")

rules = st.recursive(
    st.sampled_from(WRITTEN).map(HasLabel),
    lambda inner: st.one_of(
        inner.map(Not),
        st.tuples(inner, inner).map(And),
        st.tuples(inner, inner).map(Or),
    ),
    max_leaves=4,
)
stories = st.lists(
    st.tuples(
        st.sets(st.sampled_from(NAMES), min_size=1, max_size=3),
        st.sampled_from([PostState.LIVE, PostState.LIVE, PostState.DRAFT]),
    ),
    min_size=1,
    max_size=5,
)
# What was done before, so that there are old names and addresses.
steps = st.tuples(st.sampled_from(Kind), st.sampled_from(NAMES), st.sampled_from(WRITTEN))


@dataclass(frozen=True)
class Case:
    """A blog, what was done to its labels, and what is to be done now; ``asked`` is a rule to look at."""

    story: list[tuple[set[str], PostState]]
    before: list[tuple[Kind, str, str]]
    private: Rule | None
    asked: Rule
    label: str
    to: str


cases = st.builds(
    Case,
    stories,
    st.lists(steps, max_size=2),
    st.none() | rules,
    rules,
    st.sampled_from(NAMES),
    st.sampled_from(WRITTEN),
)


def _do(connection: Connection, kind: Kind, label: str, to: str) -> None:
    if kind is Kind.RENAME:
        rename_label(connection, label, to, now=NOW)
    elif kind is Kind.MERGE:
        merge_labels(connection, label, to, now=NOW)
    else:
        delete_label(connection, label, now=NOW)


def _states(connection: Connection) -> dict[int, str]:
    return {row.id: row.state for row in connection.execute(select(post.c.id, post.c.state))}


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=often(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases)
@example(
    case=Case(
        [({"a"}, PostState.LIVE), ({"x y"}, PostState.DRAFT)],
        [(Kind.MERGE, "x y", "a")],
        None,
        HasLabel("a"),
        "a",
        "a",
    )
)
def test_what_is_foreseen_is_what_happens(
    sqlite_connection: Connection, store_post: Callable[..., int], kind: Kind, case: Case
) -> None:
    connection = sqlite_connection
    with connection.begin_nested() as step:
        for number, (labels, state) in enumerate(case.story):
            store_post(connection, f"p{number}", labels=sorted(labels), state=state)
        for done in case.before:
            try:
                _do(connection, *done)
            except LabelError:
                continue
        set_private_rule(connection, "secret", case.private, now=NOW)
        _compare(connection, kind, case)
        step.rollback()


def _compare(connection: Connection, kind: Kind, case: Case) -> None:
    label, to, asked = case.label, case.to, case.asked
    try:
        change = plan(connection, kind, label, to)
        told = foresee(connection, change)
    except LabelError:
        with pytest.raises(LabelError):
            _do(connection, kind, label, to)
        return
    if told.blocked_by is not None:
        with pytest.raises(LabelError):
            _do(connection, kind, label, to)
        return
    hidden = private_rules(connection).get("secret", NOTHING)
    seen = Foresight(connection, change, [asked, hidden])
    expected = [
        count_in(connection, visible_then(seen, asked, hidden, private=private), index=seen.index)
        for private in (False, True)
    ]
    states = _states(connection)
    _do(connection, kind, label, to)
    moved = [(states[number], state) for number, state in _states(connection).items()]
    assert told.moves.hidden == moved.count(("live", "private"))
    assert told.moves.shown == moved.count(("private", "live"))
    assert expected == [count_in(connection, Scope(asked, private=private)) for private in (False, True)]
    if kind is Kind.DELETE:
        # An address that another label's name leads to is not gone.
        led = load_labels(connection, told.addresses).met()
        assert all(
            slug in led.old_slugs or not change.label.is_met or is_deleted_label(connection, slug)
            for slug in told.addresses
        )
        return
    left = find_label(connection, change.slug)
    assert left is not None
    assert (left.name, left.slug, left.posts) == (change.name, change.slug, told.then)
    index = load_labels(connection, told.addresses)
    assert {leads.id for slug in told.addresses if (leads := index.old_slugs[slug]) is not None} <= {left.id}


@settings(max_examples=often(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories, was=st.none() | rules, becomes=st.none() | rules)
def test_what_a_private_rule_would_move_is_what_it_moves(
    sqlite_connection: Connection,
    store_post: Callable[..., int],
    story: list[tuple[set[str], PostState]],
    was: Rule | None,
    becomes: Rule | None,
) -> None:
    connection = sqlite_connection
    with connection.begin_nested() as step:
        for number, (labels, state) in enumerate(story):
            store_post(connection, f"p{number}", labels=sorted(labels), state=state)
        set_private_rule(connection, "secret", was, now=NOW)
        told = foresee_private_rule(connection, "secret", becomes)
        states = _states(connection)
        set_private_rule(connection, "secret", becomes, now=NOW)
        moved = [(states[number], state) for number, state in _states(connection).items()]
        assert (told.hidden, told.shown) == (
            moved.count(("live", "private")),
            moved.count(("private", "live")),
        )
        step.rollback()


def test_both_databases_tell_the_same(connection: Connection, store_post: Callable[..., int]) -> None:
    store_post(connection, "1", labels=["a", "b"])
    store_post(connection, "2", labels=["a"])
    store_post(connection, "3", labels=["a", "c"])
    store_post(connection, "4", labels=["b"], state=PostState.DRAFT)
    set_private_rule(connection, "club", parse("c"), now=NOW)
    told = foresee(connection, plan(connection, Kind.MERGE, "a", "b"))
    assert (told.posts, told.live, told.both, told.then, told.addresses) == (3, 2, 1, 2, ("a",))
    assert not told.moves
    told = foresee(connection, plan(connection, Kind.MERGE, "b", "c"))
    assert (told.posts, told.live, told.both, told.then) == (2, 1, 0, 0)
    assert (told.moves.hidden, told.moves.shown) == (1, 0)
    assert foresee(connection, plan(connection, Kind.DELETE, "c")).blocked_by == "club"
    opened = foresee_private_rule(connection, "club", None)
    assert (opened.hidden, opened.shown) == (0, 1)


def test_a_rename_into_a_private_name_hides(connection: Connection, store_post: Callable[..., int]) -> None:
    store_post(connection, "1", labels=["a"])
    set_private_rule(connection, "club", parse("members"), now=NOW)
    told = foresee(connection, plan(connection, Kind.RENAME, "a", "Members"))
    assert (told.moves.hidden, told.then) == (1, 0)
    assert slugify("Members", taken=lambda _: False) == "members"
