"""Posts by author, words and dates: what SQL selects is what a plain reading of the scope says."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, update

from posts.authors import author, find_author
from posts.curation import rename_label
from posts.labels import label_key
from posts.model import PostState, post
from posts.months import month_bounds
from posts.privacy import set_private_rule
from posts.rules import All, And, HasLabel, Not, Or, Rule, matches, parse
from posts.scope import Ordering, Range, Scope, count_in, months_in, newest_in, page_in, scope_revision
from posts.selecting import ALWAYS
from posts.store import load_labels
from tests.examples import often

StorePost = Callable[..., int]
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

LABELS = ["a", "b", "secret"]
AUTHORS = ["Ann", "Bob"]
WORDS = ["water", "café", "日本"]


@dataclass(frozen=True)
class Made:
    """A post as a test knows it."""

    labels: frozenset[str]
    authors: tuple[str, ...]
    words: frozenset[str]
    days: int
    edited: int
    state: PostState


MADE = st.builds(
    Made,
    st.frozensets(st.sampled_from(LABELS)),
    st.lists(st.sampled_from(AUTHORS), max_size=2, unique=True).map(tuple),
    st.frozensets(st.sampled_from(WORDS)),
    st.integers(0, 4),
    st.integers(0, 3),
    st.sampled_from([PostState.LIVE, PostState.LIVE, PostState.LIVE, PostState.DRAFT, PostState.DELETED]),
)
LEAVES: st.SearchStrategy[Rule] = st.sampled_from([All(), *map(HasLabel, [*LABELS, "nobody"])])
RULES: st.SearchStrategy[Rule] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
    ),
    max_leaves=5,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DATES = st.integers(-1, 6).map(lambda days: START + days * DAY) | st.none()
RANGES: st.SearchStrategy[Range] = st.just(ALWAYS) | st.tuples(DATES, DATES)


@dataclass(frozen=True)
class Asked:
    """What is asked for."""

    rule: Rule
    author: str | None
    wanted: str | None
    private: bool
    ordering: Ordering
    published: Range
    updated: Range
    limit: int | None
    offset: int


ASKED = st.builds(
    Asked,
    RULES,
    st.none() | st.sampled_from(AUTHORS),
    st.none() | st.sampled_from([*WORDS, *(f"-{word}" for word in WORDS)]),
    st.booleans(),
    st.sampled_from(["published", "updated"]),
    RANGES,
    RANGES,
    st.none() | st.integers(0, 3),
    st.integers(0, 3),
)


@settings(
    max_examples=often(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    made=st.lists(MADE, min_size=1, max_size=10),
    questions=st.lists(ASKED, min_size=1, max_size=6),
    few=st.booleans(),
)
def test_sql_selects_what_a_plain_reading_selects(
    connection: Connection, store_post: StorePost, made: list[Made], questions: list[Asked], *, few: bool
) -> None:
    # Many labels in a rule are asked for in another way than few.
    many = 8 if few else 2
    with patch("posts.selecting._MANY", many), patch("posts.querying._MANY", many):
        _ask(connection, store_post, made, questions)


def _ask(connection: Connection, store_post: StorePost, made: list[Made], questions: list[Asked]) -> None:
    savepoint = connection.begin_nested()
    set_private_rule(connection, "members", parse("secret and not b"), now=START)
    known = [(one, *store(connection, store_post, number, one)) for number, one in enumerate(made)]
    index = load_labels(connection)
    for asked in questions:
        expected = [row for row in known if is_meant(asked, *row)]
        by = (
            (lambda row: (row[2], row[1]))
            if asked.ordering == "published"
            else (lambda row: (row[3], row[1]))
        )
        ids = [row[1] for row in sorted(expected, key=by, reverse=True)]
        scope = scope_of(connection, asked)
        if scope is None:
            continue
        found = newest_in(
            connection,
            scope,
            limit=asked.limit,
            offset=asked.offset,
            ordering=asked.ordering,
            published=asked.published,
            updated=asked.updated,
            index=index,
        )
        until = None if asked.limit is None else asked.offset + asked.limit
        assert found == ids[asked.offset : until]
        assert count_in(connection, scope, published=asked.published, updated=asked.updated) == len(ids)
        whole = [row for row in known if is_meant(asked, *row, dated=False)]
        months = months_in(connection, scope, timezone="Asia/Tokyo")
        assert sum(number for _, number in months) == len(whole)
        in_range = [row for row in whole if within(asked.published, row[2])]
        newest = [row[1] for row in sorted(in_range, key=lambda row: (row[2], row[1]), reverse=True)]
        assert walk(connection, scope, asked.published) == newest
    savepoint.rollback()


def store(
    connection: Connection, store_post: StorePost, number: int, one: Made
) -> tuple[int, datetime, datetime]:
    """Store it; its id and dates."""
    published = START + one.days * DAY
    post_id = store_post(
        connection,
        f"p{number}",
        labels=sorted(one.labels),
        authors=one.authors,
        html=f"<p>{' '.join(sorted(one.words))}</p>",
        published=published,
        state=one.state,
    )
    updated = published + one.edited * DAY
    connection.execute(update(post).where(post.c.id == post_id).values(updated=updated))
    return post_id, published, updated


def scope_of(connection: Connection, asked: Asked) -> Scope | None:
    """None where no post has made the author known."""
    author_id = None
    if asked.author is not None:
        named = select(author.c.id).where(author.c.key == label_key(asked.author))
        author_id = connection.execute(named).scalar_one_or_none()
        if author_id is None:
            return None
    return Scope(asked.rule, author_id=author_id, query=asked.wanted, private=asked.private)


def is_meant(
    asked: Asked, one: Made, _id: int, published: datetime, updated: datetime, *, dated: bool = True
) -> bool:
    keys = {label_key(name) for name in one.labels}
    if one.state is not PostState.LIVE or not matches(asked.rule, keys):
        return False
    if "secret" in keys and "b" not in keys and not asked.private:
        return False
    if asked.author is not None and asked.author not in one.authors:
        return False
    if asked.wanted is not None and (asked.wanted.lstrip("-") in one.words) == asked.wanted.startswith("-"):
        return False
    return not dated or (within(asked.published, published) and within(asked.updated, updated))


def within(span: Range, moment: datetime) -> bool:
    since, until = span
    return (since is None or since <= moment) and (until is None or moment < until)


def walk(connection: Connection, scope: Scope, published: Range) -> list[int]:
    """All ids of a scope, page by page to the oldest; each is what one comes back to from the next."""
    pages = [page_in(connection, scope, limit=2, published=published)]
    assert pages[0].newer is None
    while pages[-1].older is not None:
        pages.append(page_in(connection, scope, before=pages[-1].older, limit=2, published=published))
    for newer, older in pairwise(pages):
        assert page_in(connection, scope, after=older.newer, limit=2, published=published) == newer
    return [found.id for shown in pages for found in shown.posts]


def test_an_authors_posts_change_with_the_author_alone(connection: Connection, store_post: StorePost) -> None:
    store_post(connection, "one", authors=["Ann"], labels=["a"])
    store_post(connection, "two", authors=["Bob"], labels=["a"])
    ann = find_author(connection, "Ann")
    assert ann is not None
    scope, narrower = Scope(All(), author_id=ann.id), Scope(parse("a"), author_id=ann.id)
    before = [scope_revision(connection, one) for one in (scope, narrower)]
    assert before[0].changed_at == START
    store_post(connection, "two", authors=["Bob"], labels=["a"], title="Mended", now=START + DAY)
    assert scope_revision(connection, scope) == before[0]
    store_post(connection, "one", authors=["Ann"], labels=["a"], title="Mended", now=START + 2 * DAY)
    after = [scope_revision(connection, one) for one in (scope, narrower)]
    assert all(one.token != other.token for one, other in zip(before, after, strict=True))
    assert [one.changed_at for one in after] == [START + 2 * DAY] * 2
    rename_label(connection, "a", "z", now=START + 3 * DAY)
    assert scope_revision(connection, scope).token != after[0].token
    assert scope_revision(connection, scope).changed_at == START + 3 * DAY


def test_two_scopes_share_a_token_only_where_they_mean_the_same(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "p", labels=["a"], authors=["Ann", "Bob"])
    ids = connection.execute(select(author.c.id)).scalars().all()
    scopes = [
        Scope(rule, author_id=author_id, query=query, private=private)
        for rule in (All(), parse("a"))
        for author_id in (None, *ids)
        for query in (None, "water", "-water")
        for private in (False, True)
    ]
    assert len({scope_revision(connection, scope).token for scope in scopes}) == len(scopes)
    same = [Scope(All(), query=query) for query in ("Water café", "cafe  WATER", '"café" water')]
    assert len({scope_revision(connection, scope).token for scope in same}) == 1


def test_a_private_post_changes_private_scopes_and_no_public_one(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "p", labels=["a", "secret"], authors=["Ann"])
    ann = find_author(connection, "Ann")
    assert ann is not None
    set_private_rule(connection, "members", parse("secret"), now=START)
    public = [
        Scope(parse("a")),
        Scope(parse("secret")),
        Scope(All(), author_id=ann.id),
        Scope(parse("not b")),
    ]
    private = [Scope(one.rule, author_id=one.author_id, private=True) for one in public]

    def told(scopes: list[Scope]) -> list[tuple[str, datetime]]:
        found = [scope_revision(connection, scope) for scope in scopes]
        return [(one.token, one.changed_at) for one in found]

    steps: list[dict[str, object]] = [
        {"title": "Mended"},
        {"labels": ["secret"]},
        {"labels": ["a", "secret"], "state": PostState.DRAFT},
        {"labels": ["a", "secret"]},
        {"state": PostState.DELETED},
    ]
    for number, step in enumerate(steps, start=1):
        before = told(public[:3]), told(private)
        whole_changed = scope_revision(connection, public[3]).changed_at
        values = {"labels": ["a", "secret"], "authors": ["Ann"]} | step
        store_post(connection, "p", now=START + number * DAY, **values)
        assert told(public[:3]) == before[0]
        # The whole blog's token may change, which costs a build to the same bytes; when it changed may not.
        assert scope_revision(connection, public[3]).changed_at == whole_changed
        after = told(private)
        assert all(one[0] != other[0] for one, other in zip(before[1], after, strict=True))
        assert {changed_at for _, changed_at in after} == {START + number * DAY}


def test_a_label_renamed_changes_the_private_scopes_whose_posts_show_it(
    connection: Connection, store_post: StorePost
) -> None:
    set_private_rule(connection, "members", parse("secret"), now=START)
    store_post(connection, "p", labels=["a", "secret"])
    scope = Scope(parse("secret"), private=True)
    before = scope_revision(connection, scope)
    rename_label(connection, "a", "z", now=START + DAY)
    after = scope_revision(connection, scope)
    assert after.token != before.token
    assert after.changed_at == START + DAY


@pytest.mark.parametrize(
    ("timezone", "months"),
    [
        ("UTC", [(date(2026, 3, 1), 1), (date(2026, 2, 1), 2), (date(2025, 12, 1), 1)]),
        ("America/New_York", [(date(2026, 2, 1), 2), (date(2026, 1, 1), 1), (date(2025, 12, 1), 1)]),
        ("Asia/Tokyo", [(date(2026, 3, 1), 2), (date(2026, 2, 1), 1), (date(2026, 1, 1), 1)]),
    ],
)
def test_months_are_those_of_the_timezone(
    connection: Connection, store_post: StorePost, timezone: str, months: list[tuple[date, int]]
) -> None:
    for published in ("2026-03-01T00:00Z", "2026-02-28T15:00Z", "2026-02-01T04:59Z", "2025-12-31T23:59:59Z"):
        store_post(connection, published, labels=["a"], published=datetime.fromisoformat(published))
    store_post(connection, "draft", labels=["a"], state=PostState.DRAFT)
    scope = Scope(parse("a"))
    assert months_in(connection, scope, timezone=timezone) == months
    for month, number in months:
        span = month_bounds(month, timezone=timezone)
        assert count_in(connection, scope, published=span) == number
        shown = page_in(connection, scope, limit=9, published=span)
        assert [
            one.published.astimezone(ZoneInfo(timezone)).date().replace(day=1) for one in shown.posts
        ] == [month] * number
    assert months_in(connection, Scope(parse("nobody")), timezone=timezone) == []


@pytest.mark.parametrize("timezone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_months_go_as_far_as_dates_do(connection: Connection, store_post: StorePost, timezone: str) -> None:
    moments = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]
    for number, published in enumerate(moments):
        store_post(connection, f"p{number}", published=published)
    scope = Scope(All())
    found = months_in(connection, scope, timezone=timezone)
    assert [number for _, number in found] == [1, 1]
    for month, _ in found:
        assert count_in(connection, scope, published=month_bounds(month, timezone=timezone)) == 1


ZONES = [
    "America/St_Johns",
    "Asia/Beirut",
    "Africa/Cairo",
    "America/Havana",
    "Pacific/Apia",
    "Antarctica/Troll",
    "America/Sao_Paulo",
]


@given(
    timezone=st.sampled_from(ZONES),
    month=st.integers(0, 2400).map(lambda number: date(1900 + number // 12, number % 12 + 1, 1)),
)
@example("America/Sao_Paulo", date(1949, 12, 1))
@example("Africa/Cairo", date(2010, 10, 1))
def test_months_lie_end_to_end(timezone: str, month: date) -> None:
    zone = ZoneInfo(timezone)
    begin, end = month_bounds(month, timezone=timezone)
    assert end is not None
    following = month_bounds((month + timedelta(days=40)).replace(day=1), timezone=timezone)
    assert begin < end == following[0]
    # The first instant of a month is a first instant, and just before it is another month.
    assert begin.astimezone(zone).date() >= month
    assert (begin - timedelta(seconds=1)).astimezone(zone).date() < month


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    timezone=st.sampled_from(ZONES),
    moments=st.lists(
        st.integers(-2_208_988_800, 4_102_444_800).map(lambda seconds: EPOCH + timedelta(seconds=seconds)),
        max_size=6,
    ),
)
@example(
    "America/St_Johns", [datetime(2006, 10, 29, 2, 30, tzinfo=UTC), datetime(2006, 11, 1, 3, 29, tzinfo=UTC)]
)
def test_the_months_told_are_those_that_have_posts(
    sqlite_connection: Connection, store_post: StorePost, timezone: str, moments: list[datetime]
) -> None:
    savepoint = sqlite_connection.begin_nested()
    for number, published in enumerate(moments):
        store_post(sqlite_connection, f"p{number}", published=published)
    scope = Scope(All())
    found = months_in(sqlite_connection, scope, timezone=timezone)
    assert [month for month, _ in found] == sorted({month for month, _ in found}, reverse=True)
    assert sum(number for _, number in found) == len(moments)
    for month, number in found:
        assert (
            count_in(sqlite_connection, scope, published=month_bounds(month, timezone=timezone)) == number > 0
        )
    savepoint.rollback()
