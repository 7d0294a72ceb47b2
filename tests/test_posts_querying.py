"""How SQLite goes about a rule: ranges of indexes, no scan, no sort."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import ExecutionContext

from posts.rules import parse
from posts.store import (
    Cursor,
    find_label,
    load_labels,
    newest,
    news,
    page,
)

StorePost = Callable[..., int]
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def plan(connection: Connection, ask: Callable[[], object]) -> list[list[str]]:
    """SQLite's plan of each SELECT that ``ask`` runs, as the steps' texts."""
    seen: list[tuple[str, object]] = []

    def remember(
        _connection: object,
        _cursor: object,
        statement: str,
        parameters: object,
        _context: ExecutionContext,
        _many: bool,
    ) -> None:
        seen.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", remember)
    try:
        ask()
    finally:
        event.remove(connection, "before_cursor_execute", remember)
    return [
        [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]  # type: ignore[arg-type]  # as the driver was given them
        for statement, parameters in seen
    ]


@pytest.fixture
def two_labels(sqlite_connection: Connection, store_post: StorePost) -> Connection:
    """SQLite with a few posts under ``a`` and ``b``."""
    for number in range(6):
        store_post(sqlite_connection, f"p{number}", labels=["a", "b"][: number % 3])
    return sqlite_connection


LABEL_RANGE = "USING COVERING INDEX ix_post_label_newest (label_id=? AND live=?)"
ALL_RANGE = "SEARCH post USING COVERING INDEX ix_post_state_published (state=?)"
BY_KEY = "USING PRIMARY KEY (post_id=? AND label_id=?)"


def test_the_newest_of_a_label_are_one_range_of_one_index(two_labels: Connection) -> None:
    index = load_labels(two_labels)
    plans = plan(two_labels, lambda: newest(two_labels, parse("a"), limit=25, index=index))
    assert plans == [[f"SEARCH post_label {LABEL_RANGE}"]]


@pytest.mark.parametrize(
    ("rule", "walks", "checks"),
    [
        ("all", ALL_RANGE, 0),
        ("not a", ALL_RANGE, 1),
        ("a or not b", ALL_RANGE, 2),
        ("a and not b", f"SEARCH tie {LABEL_RANGE}", 1),
        ("a and b", f"SEARCH tie {LABEL_RANGE}", 1),
        ("a and b and not (a and b)", f"SEARCH tie {LABEL_RANGE}", 3),
    ],
)
def test_other_rules_walk_one_range_and_check_each_post_by_key(
    two_labels: Connection, rule: str, walks: str, checks: int
) -> None:
    index = load_labels(two_labels)
    steps = plan(two_labels, lambda: newest(two_labels, parse(rule), limit=25, index=index))[-1]
    assert steps[0] == walks
    assert sum(BY_KEY in step for step in steps) == checks
    assert not any("SCAN" in step or "TEMP B-TREE" in step for step in steps)


def test_an_or_of_labels_sorts_no_more_than_its_limit(two_labels: Connection) -> None:
    index = load_labels(two_labels)
    (steps,) = plan(two_labels, lambda: newest(two_labels, parse("a or b"), limit=25, index=index))
    assert [step for step in steps if step.startswith("SEARCH")] == [f"SEARCH tie {LABEL_RANGE}"] * 2
    # What is sorted is each branch's limited rows: no table and no index is scanned.
    assert not any(step.startswith("SCAN") and "anon" not in step for step in steps)


def test_an_and_walks_the_rarer_label(sqlite_connection: Connection, store_post: StorePost) -> None:
    for number in range(8):
        store_post(sqlite_connection, f"p{number}", labels=["hot", "rare"] if number == 0 else ["hot"])
    rare = find_label(sqlite_connection, "rare")
    assert rare is not None
    walked: list[object] = []

    def remember(
        _connection: object,
        _cursor: object,
        _statement: str,
        parameters: tuple[object, ...],
        _context: object,
        _many: bool,
    ) -> None:
        walked.append(parameters[0])

    index = load_labels(sqlite_connection)
    for rule in ("hot and rare", "rare and hot"):
        event.listen(sqlite_connection, "before_cursor_execute", remember)
        newest(sqlite_connection, parse(rule), limit=25, index=index)
        event.remove(sqlite_connection, "before_cursor_execute", remember)
        assert walked[-1] == rare.id


def test_pages_and_news_are_ranges_too(two_labels: Connection) -> None:
    index = load_labels(two_labels)
    cursor = Cursor(START, 3)
    older = plan(two_labels, lambda: page(two_labels, parse("a"), before=cursor, limit=5, index=index))[0]
    newer = plan(two_labels, lambda: page(two_labels, parse("a"), after=cursor, limit=5, index=index))[0]
    for steps, comparison in ((older, "<"), (newer, ">")):
        (step,) = steps
        assert "COVERING INDEX ix_post_label_newest" in step
        assert f"(published,post_id){comparison}(?,?)" in step
    (told, *_) = plan(
        two_labels,
        lambda: news(two_labels, parse("a"), after=START - DAY, until=START, max_age=DAY, index=index),
    )
    assert (
        told[0]
        == "SEARCH post USING INDEX ix_post_state_visible_at (state=? AND visible_at>? AND visible_at<?)"
    )
    # What is sorted is the window's news, not all posts.
    assert not any("SCAN" in step for step in told)
