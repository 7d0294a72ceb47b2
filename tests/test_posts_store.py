"""Reading the post database: newest, pages, news, labels, revisions, and how the database goes about it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

import pytest
from sqlalchemy import Connection, insert

from posts.model import Post, PostState, post
from posts.rules import parse
from posts.store import (
    Cursor,
    find_label,
    get_posts,
    is_deleted_label,
    labels,
    latest_visible_at,
    list_posts,
    nearest_labels,
    newest,
    news,
    page,
    unknown_labels,
)

StorePost = Callable[..., int]
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def uris(posts: list[Post]) -> str:
    return " ".join(post.uri for post in posts)


@pytest.fixture
def week(connection: Connection, store_post: StorePost) -> Connection:
    """Seven posts, a day apart: ``a`` on 1 2 3 4 5, ``b`` on 2 4 6, nothing on 7; 3 is a draft."""
    for number in range(1, 8):
        named = [name for name, on in (("a", range(1, 6)), ("b", (2, 4, 6))) if number in on]
        state = PostState.DRAFT if number == 3 else PostState.LIVE
        store_post(connection, f"p{number}", labels=named, published=START + number * DAY, state=state)
    return connection


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("all", "p7 p6 p5 p4 p2 p1"),
        ("a", "p5 p4 p2 p1"),
        ("A and B", "p4 p2"),
        ("a or b", "p6 p5 p4 p2 p1"),
        ("a and not b", "p5 p1"),
        ("not a", "p7 p6"),
        ("a or not b", "p7 p5 p4 p2 p1"),
        ("not (a or b)", "p7"),
        ("nobody", ""),
        ("a and nobody", ""),
        ("a or nobody", "p5 p4 p2 p1"),
        ("b and not nobody", "p6 p4 p2"),
    ],
)
def test_only_live_posts_come_newest_first(week: Connection, rule: str, found: str) -> None:
    assert uris(get_posts(week, newest(week, parse(rule), limit=25))) == found
    assert uris(get_posts(week, newest(week, parse(rule), limit=2))) == " ".join(found.split()[:2])
    assert uris(list_posts(week, rule=parse(rule), state=PostState.LIVE)) == found


def test_posts_of_one_instant_come_by_id(connection: Connection, store_post: StorePost) -> None:
    ids = [store_post(connection, f"p{number}", labels=["a", "b"]) for number in range(5)]
    for rule in ("all", "a", "a or b", "a and b"):
        assert newest(connection, parse(rule), limit=3) == ids[:1:-1]


def test_posts_are_listed_by_state_and_rule(week: Connection) -> None:
    assert uris(list_posts(week)) == "p7 p6 p5 p4 p3 p2 p1"
    assert uris(list_posts(week, limit=2)) == "p7 p6"
    assert uris(list_posts(week, state=PostState.DRAFT)) == "p3"
    assert uris(list_posts(week, rule=parse("a and not b"))) == "p5 p3 p1"
    assert uris(list_posts(week, rule=parse("b"), state=PostState.DRAFT)) == ""
    assert uris(list_posts(week, rule=parse("nobody"))) == ""


def test_posts_come_whole_and_in_the_order_asked_for(connection: Connection, store_post: StorePost) -> None:
    one = store_post(connection, "one", labels=["sport", "Zebra", "C++"], published=START, now=START + HOUR)
    two = store_post(connection, "two", published=START + DAY, now=START)
    first, second, third = get_posts(connection, [two, one, -1, two])
    assert (first.uri, second.uri, third) == ("two", "one", first)
    assert second == Post(
        id=one,
        uri="one",
        url="https://blog.example/one",
        title="A post",
        html="<p>A post</p>",
        published=START,
        updated=START,
        first_stored=START + HOUR,
        visible_at=START + HOUR,
        state=PostState.LIVE,
        revision=1,
        authors=("Ann",),
        labels=("C++", "sport", "Zebra"),
        label_slugs=("c-plus-plus", "sport", "zebra"),
        notes=(),
    )
    assert first.labels == ()


def test_more_posts_than_one_statement_takes_are_read_in_portions(connection: Connection) -> None:
    row = {
        "title": "t",
        "html": "",
        "authors": [],
        "published": START,
        "updated": START,
        "first_stored": START,
    }
    row |= {"visible_at": START, "state": "live", "source_hash": "", "revision": 1, "notes": []}
    connection.execute(insert(post), [row | {"uri": f"many{number}"} for number in range(1201)])
    ids = newest(connection, parse("all"), limit=None)
    assert len(ids) == 1201
    assert [found.id for found in get_posts(connection, ids)] == ids


@pytest.mark.parametrize("rule", ["all", "a or b", "not nobody"])
def test_pages_go_older_and_newer_and_end_at_both_ends(week: Connection, rule: str) -> None:
    expected = uris(list_posts(week, rule=parse(rule), state=PostState.LIVE)).split()
    first = page(week, parse(rule), limit=2)
    assert (uris(first.posts).split(), first.newer) == (expected[:2], None)
    second = page(week, parse(rule), before=first.older, limit=2)
    assert uris(second.posts).split() == expected[2:4]
    last = page(week, parse(rule), before=second.older, limit=2)
    assert (uris(last.posts).split(), last.older) == (expected[4:6], None)
    assert page(week, parse(rule), after=last.newer, limit=2) == second
    assert page(week, parse(rule), after=second.newer, limit=2) == first


def test_a_page_beyond_the_end_and_one_of_no_post_are_empty(week: Connection) -> None:
    for found in (
        page(week, parse("nobody"), limit=2),
        page(week, parse("a"), before=Cursor(START, 0), limit=2),
        page(week, parse("a"), after=Cursor(START + 30 * DAY, 0), limit=2),
    ):
        assert (found.posts, found.older, found.newer) == ([], None, None)


def test_a_cursor_parts_posts_of_one_instant(connection: Connection, store_post: StorePost) -> None:
    ids = [store_post(connection, f"p{number}", labels=["a"]) for number in range(5)]
    shown = page(connection, parse("a"), before=Cursor(START, ids[3]), limit=2)
    assert [found.id for found in shown.posts] == [ids[2], ids[1]]
    shown = page(connection, parse("a"), after=Cursor(START, ids[1]), limit=2)
    assert [found.id for found in shown.posts] == [ids[3], ids[2]]


def test_news_is_what_became_visible_in_the_window(connection: Connection, store_post: StorePost) -> None:
    store_post(connection, "at its start", labels=["a"], published=START)
    store_post(connection, "just inside", labels=["a", "B"], published=START + timedelta(microseconds=1))
    store_post(connection, "at its end", published=START + DAY)
    store_post(connection, "just after", published=START + DAY + timedelta(microseconds=1))
    store_post(connection, "draft", published=START + HOUR, state=PostState.DRAFT)
    found = news(connection, parse("all"), after=START, until=START + DAY, max_age=7 * DAY)
    assert uris(get_posts(connection, [one.id for one in found])) == "at its end just inside"
    assert [one.label_slugs for one in found] == [frozenset(), {"a", "b"}]
    assert found[0].published == found[0].visible_at == START + DAY
    only = news(connection, parse("a and b"), after=START, until=START + DAY, max_age=7 * DAY)
    assert [one.id for one in only] == [found[1].id]
    assert news(connection, parse("nobody"), after=START, until=START + DAY, max_age=7 * DAY) == []


def test_what_was_old_when_first_stored_is_no_news(connection: Connection, store_post: StorePost) -> None:
    late, now = START + 10 * DAY, START + 10 * DAY
    store_post(connection, "archive", published=START + 3 * DAY - timedelta(microseconds=1), now=now)
    store_post(connection, "late", published=START + 3 * DAY, now=now)
    found = news(connection, parse("all"), after=late - HOUR, until=late, max_age=7 * DAY)
    assert uris(get_posts(connection, [one.id for one in found])) == "late"
    # An edit later does not make it new again.
    store_post(connection, "late", published=START + 3 * DAY, now=now + DAY, title="Mended")
    assert news(connection, parse("all"), after=late, until=late + 2 * DAY, max_age=7 * DAY) == []


def test_a_draft_is_news_when_it_goes_live(connection: Connection, store_post: StorePost) -> None:
    store_post(connection, "p", labels=["a"], published=START, state=PostState.DRAFT)
    store_post(connection, "p", labels=["a"], published=START, now=START + 90 * DAY)
    found = news(connection, parse("a"), after=START + 89 * DAY, until=START + 90 * DAY, max_age=7 * DAY)
    assert [one.visible_at for one in found] == [START + 90 * DAY]


def test_an_age_longer_than_time_takes_everything(connection: Connection, store_post: StorePost) -> None:
    store_post(connection, "old", published=datetime(1, 1, 2, tzinfo=UTC), now=START)
    found = news(connection, parse("all"), after=START - HOUR, until=START, max_age=timedelta.max)
    assert len(found) == 1


def test_the_latest_that_became_visible_is_told(week: Connection) -> None:
    assert latest_visible_at(week, until=START + 30 * DAY) == START + 7 * DAY
    assert latest_visible_at(week, until=START + 4 * DAY - HOUR) == START + 2 * DAY
    assert latest_visible_at(week, until=START) is None


def test_labels_come_by_name_with_their_live_posts(week: Connection, store_post: StorePost) -> None:
    store_post(week, "q", labels=["Äpfel", "B ", "Zoo", "c"], state=PostState.DRAFT)
    listed = labels(week)
    assert [(one.name, one.posts) for one in listed] == [
        ("a", 4),
        ("b", 3),
        ("c", 0),
        ("Zoo", 0),
        ("Äpfel", 0),
    ]
    assert [one.posts for one in labels(week, counted=False)] == [0] * 5
    assert len({one.feed_uri for one in listed}) == 5


def test_a_label_is_found_by_slug_by_name_and_in_any_case(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "p", labels=["C#", "c-sharp", "U.S. Politics"])
    names = ["c-sharp", "C#", "c#", "c-sharp-2", "U.S-POLITICS", " u.s.  politics", "Nobody"]
    found = [find_label(connection, name) for name in names]
    named = [one.name if one else None for one in found]
    assert named == ["C#", "C#", "C#", "c-sharp", "U.S. Politics", "U.S. Politics", None]
    assert found[0] is not None
    assert found[0].posts == 1
    assert find_label(connection, "\x00\ud800") is None
    assert not is_deleted_label(connection, "Nobody")


def test_a_rule_means_a_name_before_a_slug(connection: Connection, store_post: StorePost) -> None:
    sharp = store_post(connection, "p", labels=["C#"])
    hyphen = store_post(connection, "q", labels=["c-sharp"])
    assert newest(connection, parse("C-Sharp"), limit=9) == [hyphen]
    assert newest(connection, parse("c-sharp-2"), limit=9) == [hyphen]
    assert newest(connection, parse("c#"), limit=9) == [sharp]


def test_names_that_no_label_has_are_told_with_the_nearest(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "p", labels=["Politics", "U.S. politics", "Sport"])
    assert unknown_labels(connection, parse('politcs or not sport and "u.s-politics" and nil')) == [
        "politcs",
        "nil",
    ]
    assert nearest_labels(connection, "politcs")[0] == "Politics"
    assert nearest_labels(connection, "sports") == ["Sport"]
    assert nearest_labels(connection, "U.S.") == ["U.S. politics"]
    assert nearest_labels(connection, "politics in short") == ["Politics"]
    assert nearest_labels(connection, "xyzzy") == []
    assert nearest_labels(connection, "") == []


def test_only_labels_that_anybody_may_know_are_near_when_asked_so(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "a", labels=["Merged"])
    for number, name in enumerate(("Merge", "Merger", "Merges")):
        store_post(connection, f"b{number}", labels=[name], state=PostState.DRAFT)
    assert "Merged" not in nearest_labels(connection, "Merge")
    assert nearest_labels(connection, "Merge", only_met=True) == ["Merged"]


def test_what_is_as_near_as_it_must_be_is_found_and_nothing_is_near_to_a_very_long_name(
    connection: Connection, store_post: StorePost
) -> None:
    names = ["Politics", "Polemics", "Optics", "Tips", "Poetics and so on", "Sport", "xx", "politicspolitics"]
    store_post(connection, "a", labels=[*names, "p" * 100])
    for asked in ("politcs", "poltics", "pics", "top", "sprt", "cs", "politics politics"):
        keys = [name.casefold() for name in sorted(names, key=str.casefold)]
        near = [name.casefold() for name in nearest_labels(connection, asked)]
        expected = get_close_matches(asked, [*keys, "p" * 100])
        assert near[: len(expected)] == expected
    assert nearest_labels(connection, "p" * 100) == ["p" * 100]
    assert nearest_labels(connection, "p" * 101) == []


def test_a_label_of_a_letter_or_two_is_not_near_to_all_that_holds_them(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "p", labels=["C", "OS", "Go"])
    assert nearest_labels(connection, "nosuch") == []
    assert nearest_labels(connection, "golang") == ["Go"]
