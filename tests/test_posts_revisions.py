"""What changes a rule's token, and what does not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from posts.model import PostState
from posts.rules import parse
from posts.store import (
    load_labels,
    rule_revision,
)

StorePost = Callable[..., int]
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def week(connection: Connection, store_post: StorePost) -> Connection:
    """Seven posts, a day apart: ``a`` on 1 2 3 4 5, ``b`` on 2 4 6, nothing on 7; 3 is a draft."""
    for number in range(1, 8):
        named = [name for name, on in (("a", range(1, 6)), ("b", (2, 4, 6))) if number in on]
        state = PostState.DRAFT if number == 3 else PostState.LIVE
        store_post(connection, f"p{number}", labels=named, published=START + number * DAY, state=state)
    return connection


def test_only_rules_over_what_changed_get_another_token(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "both", labels=["a", "b"])
    store_post(connection, "none")
    store_post(connection, "c", labels=["c"])
    asked = [
        "all",
        "a",
        "b",
        "c",
        "a or b",
        "a and b",
        "a and not c",
        "b or c",
        "not a",
        "a or not c",
        "c and not a",
    ]

    def tokens() -> dict[str, str]:
        return {rule: rule_revision(connection, parse(rule)).token for rule in asked}

    def changed(later: datetime, **values: object) -> set[str]:
        before = tokens()
        store_post(connection, now=later, **values)
        after = tokens()
        for rule in asked:
            if before[rule] != after[rule]:
                assert rule_revision(connection, parse(rule)).changed_at == later
        return {rule for rule in asked if before[rule] != after[rule]}

    whole = {"all", "not a", "a or not c"}
    of_a = {"a", "a or b", "a and not c"}
    assert changed(START + HOUR, uri="none", title="Mended") == whole
    assert changed(START + 2 * HOUR, uri="new", labels=["a"]) == whole | of_a | {"a and b"}
    assert changed(START + 3 * HOUR, uri="new", labels=["c"]) == whole | of_a | {
        "a and b",
        "c",
        "b or c",
        "c and not a",
    }
    assert changed(START + 4 * HOUR, uri="new", labels=["c"], state=PostState.DELETED) >= whole | {
        "c",
        "b or c",
    }
    assert changed(START + 5 * HOUR, uri="draft", labels=["a"], state=PostState.DRAFT) == set()
    assert changed(START + 6 * HOUR, uri="draft", labels=["a"]) >= whole | of_a
    assert changed(START + 7 * HOUR, uri="both", labels=["a", "b"], title="Mended") >= whole | of_a | {
        "b",
        "b or c",
    }


def test_a_scheduled_post_changes_the_token_when_it_goes_live(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "p", labels=["a"])
    due = START + DAY
    before = rule_revision(connection, parse("a"))
    store_post(connection, "q", labels=["a"], published=due, now=START, state=PostState.SCHEDULED)
    assert rule_revision(connection, parse("a")) == before
    store_post(connection, "q", labels=["a"], published=due, now=due)
    after = rule_revision(connection, parse("a"))
    assert after.token != before.token
    assert after.changed_at == due


def test_a_label_that_comes_into_being_changes_the_rules_that_name_it(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "p", labels=["a"])
    asked = [parse(rule) for rule in ("tomorrow", "a or tomorrow", "a and tomorrow", "a and not tomorrow")]
    before = [rule_revision(connection, rule) for rule in asked]
    store_post(connection, "q", labels=["Tomorrow"], now=START + DAY)
    after = [rule_revision(connection, rule) for rule in asked]
    assert all(one.token != other.token for one, other in zip(before, after, strict=True))
    assert all(one.changed_at <= other.changed_at for one, other in zip(before, after, strict=True))


def test_two_rules_never_share_a_token(connection: Connection, store_post: StorePost) -> None:
    store_post(connection, "p", labels=["a", "b"])
    asked = ["all", "not nobody", "a", "b", "a or b", "a and b", "a and not b", "nobody"]
    assert len({rule_revision(connection, parse(rule)).token for rule in asked}) == len(asked)


def test_an_index_loaded_once_gives_the_same_token(week: Connection) -> None:
    index = load_labels(week)
    for rule in ("all", "a", "a and not b", "nobody or b"):
        assert rule_revision(week, parse(rule), index=index) == rule_revision(week, parse(rule))


def test_when_it_changed_never_goes_back(connection: Connection, store_post: StorePost) -> None:
    store_post(connection, "p", labels=["a"], now=START + DAY)
    before = rule_revision(connection, parse("a"))
    store_post(connection, "q", labels=["a"], now=START)
    after = rule_revision(connection, parse("a"))
    assert after.changed_at == before.changed_at == START + DAY
    assert after.token != before.token


@pytest.mark.parametrize("rule", ["nosuch", "a and nosuch", "a or nosuch", "all"])
def test_with_one_token_goes_one_moment(week: Connection, store_post: StorePost, rule: str) -> None:
    # Who keeps a feed by its token keeps its moment: another process must not tell another of the same.
    before = rule_revision(week, parse(rule))
    store_post(week, "unrelated", labels=["c"], now=START + 30 * DAY)
    after = rule_revision(week, parse(rule))
    assert before.changed_at < after.changed_at
    assert before.token != after.token
