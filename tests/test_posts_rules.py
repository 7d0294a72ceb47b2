"""Label rules: read, printed, evaluated; and as SQL, on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from posts.labels import clean_name, label_key
from posts.model import PostState
from posts.rules import (
    MAX_DEPTH,
    MAX_LABELS,
    All,
    And,
    HasLabel,
    Not,
    Or,
    Rule,
    RuleError,
    matches,
    parse,
    rule_labels,
)
from posts.store import list_posts, load_labels, newest, page
from tests.examples import often

A, B, C = HasLabel("a"), HasLabel("b"), HasLabel("c")


def rules(names: st.SearchStrategy[str]) -> st.SearchStrategy[Rule]:
    leaves = st.one_of(st.just(All()), names.map(HasLabel))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=4).map(lambda parts: And(tuple(parts))),
            st.lists(inner, min_size=2, max_size=4).map(lambda parts: Or(tuple(parts))),
        ),
        max_leaves=10,
    )


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a", A),
        ("all", All()),
        ("ALL", All()),
        ("a and not b", And((A, Not(B)))),
        ("a AND b Or c", Or((And((A, B)), C))),
        ("a and (b or c)", And((A, Or((B, C))))),
        ("not a and b", And((Not(A), B))),
        ("not (a and b)", Not(And((A, B)))),
        ("not not a", Not(Not(A))),
        ("(((a)))", A),
        ("(a and b) and c", And((A, B, C))),
        ("a or (b or c)", Or((A, B, C))),
        ("not(a)or(b)", Or((Not(A), B))),
        ('"U.S. politics" or iran', Or((HasLabel("U.S. politics"), HasLabel("iran")))),
        ('"and" and "all"', And((HasLabel("and"), HasLabel("all")))),
        (r'"say \"hi\" \\ bye"', HasLabel('say "hi" \\ bye')),
        ('"a"and"b"', And((A, B))),
        ("C++ and C# or .NET", Or((And((HasLabel("C++"), HasLabel("C#"))), HasLabel(".NET")))),
        ("  政治\tor\nDüsseldorf ", Or((HasLabel("政治"), HasLabel("Düsseldorf")))),
        ("Bob's or android or notes", Or((HasLabel("Bob's"), HasLabel("android"), HasLabel("notes")))),
    ],
)
def test_a_rule_is_read(text: str, rule: Rule) -> None:
    assert parse(text) == rule


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("", 0, "a label's name is missing"),
        ("   ", 3, "a label's name is missing"),
        ("a and", 5, "at its end: a label's name is missing"),
        ("a b", 2, 'at character 3 (\'b\'): put "and" or "or" before it'),
        ("U.S. politics", 5, "quote a name of several words"),
        ("a and or b", 6, "at character 7 ('or'): a label's name is missing"),
        ("(a or b", 7, "the bracket of character 1 is not closed"),
        ("a)", 1, "a closing bracket without an opening one"),
        ("a or ()", 6, "a label's name is missing"),
        ('a and "b', 6, "the quote is not closed"),
        ('a and "b\\"', 6, "the quote is not closed"),
        ('""', 0, "name is empty"),
        ('a or "\u200b"', 5, "name is empty"),
        ("a not b", 2, 'put "and" or "or" before it'),
        ("(" * 5000, MAX_DEPTH, "deep"),
        ("not " * 5000 + "a", 4 * (MAX_DEPTH - 1), "inside each other"),
        (" or ".join(["a"] * (MAX_LABELS + 1)), 5 * MAX_LABELS, "more than 100 labels"),
    ],
)
def test_what_is_no_rule_is_refused_with_the_place(text: str, position: int, says: str) -> None:
    with pytest.raises(RuleError) as raised:
        parse(text)
    assert raised.value.position == position
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_place_is_said_on_one_line_even_in_a_rule_of_several() -> None:
    with pytest.raises(RuleError) as raised:
        parse("a\nand\nb c\nd")
    assert raised.value.position == 8
    assert len(str(raised.value).splitlines()) == 1


@given(rules(st.text(min_size=1, max_size=12).filter(clean_name)))
@example(And((Or((A, B)), Not(And((A, Not(Or((B, All())))))))))
@example(
    Or((HasLabel("NOT"), HasLabel('"'), HasLabel("\\"), HasLabel("a\\"), HasLabel("(x)"), HasLabel("“q”")))
)
def test_a_rule_prints_as_what_parses_back_to_it(rule: Rule) -> None:
    assert parse(str(rule)) == rule
    assert str(parse(str(rule))) == str(rule)


@given(st.text(alphabet='ab "\\()andortl\n', max_size=40))
def test_any_text_is_a_rule_or_a_rule_error_within_it(text: str) -> None:
    rule, place = parsed(text)
    assert 0 <= place <= len(text)
    assert rule is None or parse(str(rule)) == rule


def parsed(text: str) -> tuple[Rule | None, int]:
    """The rule, or None and the place of the error."""
    try:
        return parse(text), 0
    except RuleError as error:
        return None, error.position


@pytest.mark.parametrize("kind", [And, Or])
def test_and_and_or_take_two_rules_or_more(kind: type[And] | type[Or]) -> None:
    with pytest.raises(ValueError, match="two rules or more"):
        kind((A,))


def test_a_label_without_a_readable_name_is_no_rule() -> None:
    with pytest.raises(ValueError, match="without a name"):
        HasLabel(" \x00")


def test_the_labels_of_a_rule_are_told_once_as_written() -> None:
    assert rule_labels(parse('b and not (A or "U.S. x") or b or all')) == ("b", "A", "U.S. x")


@pytest.mark.parametrize(("has_a", "has_b", "has_c"), list(product([True, False], repeat=3)))
def test_a_rule_means_what_it_says(has_a: bool, has_b: bool, has_c: bool) -> None:
    keys = {key for key, has in (("a", has_a), ("b", has_b), ("c", has_c)) if has}
    assert matches(parse("A or not b and c"), keys) == (has_a or ((not has_b) and has_c))
    assert matches(parse("not (a or b) and all"), keys) == (not (has_a or has_b))


LABELS = ["a", "B", "C++", "U.S. politics", "政治"]
POSTS = st.lists(
    st.tuples(st.sets(st.sampled_from(LABELS)), st.integers(0, 4), st.booleans()), min_size=1, max_size=12
)
START = datetime(2026, 1, 1, tzinfo=UTC)


@settings(
    max_examples=often(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    posts=POSTS,
    asked=st.lists(rules(st.sampled_from([*LABELS, "b", "nobody has this"])), min_size=1, max_size=4),
)
def test_sql_selects_what_the_rule_means(
    connection: Connection,
    store_post: Callable[..., int],
    posts: list[tuple[set[str], int, bool]],
    asked: list[Rule],
) -> None:
    savepoint = connection.begin_nested()
    known = []
    for number, (labels, days, live) in enumerate(posts):
        published = START + timedelta(days=days)
        state = PostState.LIVE if live else PostState.DRAFT
        post_id = store_post(
            connection, f"p{number}", labels=sorted(labels), published=published, state=state
        )
        known.append((published, post_id, {label_key(name) for name in labels}, live))
    known.sort(reverse=True)
    index = load_labels(connection)
    for rule in asked:
        meant = [(post_id, live) for _, post_id, keys, live in known if matches(rule, keys)]
        live_ids = [post_id for post_id, live in meant if live]
        assert newest(connection, rule, limit=None) == live_ids
        assert newest(connection, rule, limit=3, index=index) == live_ids[:3]
        assert [post.id for post in list_posts(connection, rule=rule)] == [post_id for post_id, _ in meant]
        assert walk(connection, rule) == live_ids
    savepoint.rollback()


def walk(connection: Connection, rule: Rule) -> list[int]:
    """All ids under a rule, page by page."""
    found: list[int] = []
    shown = page(connection, rule, limit=2)
    while True:
        found += [post.id for post in shown.posts]
        if shown.older is None:
            return found
        shown = page(connection, rule, before=shown.older, limit=2)
