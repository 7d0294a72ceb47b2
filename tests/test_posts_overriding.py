"""What a publisher says of posts by hand: it holds against their sources, and readers see it as a change."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, select

from database import Database
from posts.blog import get_blog
from posts.curation import delete_label, merge_labels, rename_label
from posts.intake import release_scheduled, store_posts
from posts.labels import label_key
from posts.lookup import find_label, labels
from posts.model import PostState, post, post_override
from posts.overrides import Override, overrides_of
from posts.overriding import OverrideError, hide, relabel, show
from posts.privacy import set_private_rule
from posts.reading import get_posts
from posts.rules import parse
from posts.store import newest, news
from posts.withdrawals import withdrawn
from tests.examples import often
from tests.feeds_blog import FeedsBlog
from tests.feeds_blog import post as source_post

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
StorePost = Callable[..., int]


def state(connection: Connection, post_id: int) -> PostState:
    return get_posts(connection, [post_id])[0].state


def names(connection: Connection, post_id: int) -> tuple[str, ...]:
    return get_posts(connection, [post_id])[0].labels


def gone(connection: Connection, **asked: Any) -> list[str]:
    return [one.uri for one in withdrawn(connection, since=None, limit=50, **asked)]


def number_of(connection: Connection, name: str) -> int:
    found = find_label(connection, name)
    assert found is not None
    return found.id


def test_a_hidden_post_is_gone_and_comes_back_as_no_news(
    connection: Connection, store_post: StorePost
) -> None:
    one = store_post(connection, "p1", labels=["a"], published=NOW, now=NOW)
    assert hide(connection, [one], now=NOW + HOUR) == 1
    assert hide(connection, [one], now=NOW + HOUR) == 0
    assert newest(connection, parse("a"), limit=None) == []
    assert gone(connection, label_id=number_of(connection, "a")) == ["p1"]
    assert show(connection, [one], now=NOW + 2 * HOUR) == 1
    assert newest(connection, parse("a"), limit=None) == [one]
    assert gone(connection) == []
    assert overrides_of(connection, [one]) == {}
    found = news(connection, parse("all"), after=NOW + HOUR, until=NOW + DAY, max_age=DAY)
    assert found == []


@pytest.mark.parametrize(
    ("says", "comes_back"),
    [
        ({"state": PostState.LIVE}, PostState.LIVE),
        ({"state": PostState.DRAFT}, PostState.DRAFT),
        ({"state": PostState.DELETED}, PostState.DELETED),
        ({"published": NOW + 99 * DAY}, PostState.SCHEDULED),
    ],
)
def test_a_hidden_post_stays_hidden_whatever_its_source_says_and_comes_back_as_that(
    connection: Connection, store_post: StorePost, says: dict[str, Any], comes_back: PostState
) -> None:
    one = store_post(connection, "p1", labels=["a"], published=NOW, now=NOW)
    hide(connection, [one], now=NOW)
    store_post(connection, "p1", title="Other", now=NOW, **({"published": NOW, "labels": ["b"]} | says))
    assert newest(connection, parse("all"), limit=None) == []
    assert state(connection, one) in {PostState.DRAFT, PostState.DELETED}
    show(connection, [one], now=NOW + HOUR)
    assert state(connection, one) is comes_back
    if comes_back is PostState.LIVE:
        # The labels it came with meanwhile, and none of before.
        assert names(connection, one) == ("b",)


def test_a_post_that_is_hidden_before_its_time_is_not_released_and_is_news_when_it_is_shown(
    connection: Connection, store_post: StorePost
) -> None:
    one = store_post(connection, "p1", labels=["a"], published=NOW + HOUR, now=NOW)
    hide(connection, [one], now=NOW)
    assert release_scheduled(connection, now=NOW + DAY) == 0
    show(connection, [one], now=NOW + DAY)
    assert state(connection, one) is PostState.LIVE
    found = news(connection, parse("a"), after=NOW + 23 * HOUR, until=NOW + DAY, max_age=7 * DAY)
    assert [item.id for item in found] == [one]


def test_labels_of_what_is_hidden_are_told_to_nobody(connection: Connection, store_post: StorePost) -> None:
    one = store_post(connection, "p1", labels=["a"], published=NOW, now=NOW)
    hide(connection, [one], now=NOW)
    store_post(connection, "p1", labels=["a", "secret"], published=NOW, title="Other", now=NOW)
    relabel(connection, [one], add=["unheard"], now=NOW)
    met = {label.name for label in labels(connection) if label.is_met}
    assert met == {"a"}
    assert {label.name: label.posts for label in labels(connection)} == {"a": 0, "secret": 0, "unheard": 0}


def test_labels_by_hand_hold_against_the_source(connection: Connection, store_post: StorePost) -> None:
    one = store_post(connection, "p1", labels=["a", "b"], published=NOW, now=NOW)
    assert relabel(connection, [one], add=["c", " A "], remove=["b"], now=NOW) == 1
    assert names(connection, one) == ("a", "c")
    # What the post had already is not said again.
    assert overrides_of(connection, [one]) == {one: Override(None, ("c",), ("b",))}
    store_post(connection, "p1", labels=["b", "d"], published=NOW, title="Other", now=NOW)
    assert names(connection, one) == ("c", "d")
    assert relabel(connection, [one], add=["b"], remove=["c"], now=NOW) == 1
    store_post(connection, "p1", labels=["c"], published=NOW, title="Third", now=NOW)
    assert names(connection, one) == ("b",)
    assert newest(connection, parse("b and not c"), limit=None) == [one]


def test_a_label_from_the_list_is_no_vote_on_its_name(connection: Connection, store_post: StorePost) -> None:
    store_post(connection, "p1", labels=["MEK"])
    others = [store_post(connection, f"p{number}") for number in range(2, 9)]
    relabel(connection, others, add=["mek"], now=NOW)
    assert [label.name for label in labels(connection)] == ["MEK"]
    assert names(connection, others[0]) == ("MEK",)


@pytest.mark.parametrize(
    ("add", "remove", "says"),
    [
        (["\u200b "], [], "is no label's name"),
        (["old"], [], "label 'old': was deleted, and its name with it: choose another"),
        ([], ["nowhere"], "no label is called 'nowhere'"),
        (["a"], ["A"], "label 'a': is both to be added and to be removed: leave one out"),
    ],
)
def test_what_cannot_be_done_to_labels_is_said_in_a_line(
    connection: Connection, store_post: StorePost, add: list[str], remove: list[str], says: str
) -> None:
    one = store_post(connection, "p1", labels=["a", "old"])
    delete_label(connection, "old", now=NOW)
    with pytest.raises(OverrideError, match=says):
        relabel(connection, [one], add=add, remove=remove, now=NOW)
    assert names(connection, one) == ("a",)


def test_labels_by_hand_follow_a_label_that_is_renamed_or_merged(
    connection: Connection, store_post: StorePost
) -> None:
    one = store_post(connection, "p1", labels=["b", "x"], published=NOW)
    store_post(connection, "p2", labels=["a", "c"], published=NOW)
    relabel(connection, [one], add=["a"], remove=["b"], now=NOW)
    rename_label(connection, "a", "Alpha", now=NOW)
    rename_label(connection, "b", "Beta", now=NOW)
    store_post(connection, "p1", labels=["beta"], published=NOW, title="Other")
    assert names(connection, one) == ("Alpha",)
    merge_labels(connection, "Alpha", "c", now=NOW)
    store_post(connection, "p1", labels=["b"], published=NOW, title="Third")
    assert names(connection, one) == ("c",)


def test_who_took_away_one_of_two_labels_that_become_one_took_nothing_from_what_had_the_other(
    connection: Connection, store_post: StorePost
) -> None:
    both = store_post(connection, "p1", labels=["a", "b"], published=NOW)
    neither = store_post(connection, "p2", labels=["a"], published=NOW)
    relabel(connection, [both, neither], remove=["a"], now=NOW)
    merge_labels(connection, "a", "b", now=NOW)
    assert (names(connection, both), names(connection, neither)) == (("b",), ())
    store_post(connection, "p1", labels=["a", "b"], published=NOW, title="Other")
    store_post(connection, "p2", labels=["a"], published=NOW, title="Other")
    assert (names(connection, both), names(connection, neither)) == (("b",), ())


def test_nothing_is_said_any_more_of_a_label_that_was_deleted(
    connection: Connection, store_post: StorePost
) -> None:
    one = store_post(connection, "p1", labels=["a", "b"], published=NOW)
    other = store_post(connection, "p2", labels=["x"], published=NOW)
    relabel(connection, [one], add=["c"], remove=["a"], now=NOW)
    relabel(connection, [other], add=["c"], now=NOW)
    delete_label(connection, "c", now=NOW)
    assert overrides_of(connection, [one, other]) == {one: Override(None, (), ("a",))}
    # Another label with its name is another label.
    rename_label(connection, "x", "c", now=NOW)
    store_post(connection, "p1", labels=["a", "b"], published=NOW, title="Other")
    assert names(connection, one) == ("b",)


def test_labels_by_hand_move_a_post_in_and_out_of_private_feeds(
    connection: Connection, store_post: StorePost
) -> None:
    one = store_post(connection, "p1", labels=["a"], published=NOW, now=NOW)
    set_private_rule(connection, "inner", parse("secret"), now=NOW)
    relabel(connection, [one], add=["secret"], now=NOW + HOUR)
    assert state(connection, one) is PostState.PRIVATE
    assert gone(connection, label_id=number_of(connection, "a")) == ["p1"]
    hide(connection, [one], now=NOW + HOUR)
    relabel(connection, [one], remove=["secret"], now=NOW + HOUR)
    assert state(connection, one) is PostState.DRAFT
    show(connection, [one], now=NOW + HOUR)
    assert state(connection, one) is PostState.LIVE
    assert gone(connection) == []


def test_what_opens_to_everybody_by_hand_is_no_news_where_it_is_old(
    connection: Connection, store_post: StorePost
) -> None:
    set_private_rule(connection, "inner", parse("secret"), now=NOW)
    old = store_post(connection, "p1", labels=["secret"], published=NOW - 900 * DAY, now=NOW - 900 * DAY)
    new = store_post(connection, "p2", labels=["secret"], published=NOW, now=NOW)
    relabel(connection, [old, new], remove=["secret"], now=NOW + HOUR)
    found = news(connection, parse("all"), after=NOW, until=NOW + HOUR, max_age=7 * DAY)
    assert [item.id for item in found] == [new]


@dataclass
class Told:
    """What a plain model knows of one post."""

    said: PostState
    labels: set[str]
    added: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    is_hidden: bool = False
    was_live: bool = False

    @property
    def has(self) -> set[str]:
        return (self.labels | self.added) - self.removed

    @property
    def is_live(self) -> bool:
        return self.said is PostState.LIVE and not self.is_hidden


LABELS = ("a", "B", "c d")
SOME = st.sets(st.sampled_from(LABELS))
POSTS = st.sets(st.integers(1, 3), min_size=1)
SAYS = st.sampled_from([PostState.LIVE, PostState.LIVE, PostState.DRAFT, PostState.DELETED])
STEPS = st.one_of(
    st.tuples(st.just("import"), st.integers(1, 3), SOME, SAYS),
    st.tuples(st.just("hide"), POSTS),
    st.tuples(st.just("show"), POSTS),
    st.tuples(st.just("label"), POSTS, SOME, SOME),
)


class Model:
    """The same by plain sets, and the database beside it."""

    def __init__(self, connection: Connection, store_post: StorePost) -> None:
        self.connection = connection
        self.store_post = store_post
        self.posts: dict[int, Told] = {}
        self.ids: dict[int, int] = {}
        self.now = NOW
        # They are there before any post has them.
        relabel(connection, [], add=LABELS, now=NOW)

    def take(self, step: tuple[Any, ...]) -> None:
        self.now += HOUR
        getattr(self, f"do_{step[0]}")(*step[1:])
        for told in self.posts.values():
            told.was_live |= told.is_live

    def do_import(self, number: int, named: set[str], says: PostState) -> None:
        uri = f"p{number}"
        self.ids[number] = self.store_post(
            self.connection, uri, labels=sorted(named), published=NOW, state=says, now=self.now
        )
        told = self.posts.setdefault(number, Told(says, set(named)))
        if says is PostState.DRAFT and told.was_live:
            # What was withdrawn keeps the labels that readers knew it by; so does what is deleted.
            told.labels = named | told.has
        elif says is not PostState.DELETED:
            told.labels = set(named)
        told.said = says

    def do_hide(self, numbers: set[int], *, hidden: bool = True) -> None:
        known = numbers & self.posts.keys()
        changed = {number for number in known if self.posts[number].is_hidden is not hidden}
        act = hide if hidden else show
        assert act(self.connection, [self.ids[number] for number in known], now=self.now) == len(changed)
        for number in known:
            self.posts[number].is_hidden = hidden

    def do_show(self, numbers: set[int]) -> None:
        self.do_hide(numbers, hidden=False)

    def do_label(self, numbers: set[int], add: set[str], remove: set[str]) -> None:
        remove = remove - add
        known = numbers & self.posts.keys()
        relabel(
            self.connection,
            [self.ids[n] for n in known],
            add=sorted(add),
            remove=sorted(remove),
            now=self.now,
        )
        for told in (self.posts[number] for number in known):
            new, lost = add - told.has, remove & told.has
            told.added = (told.added | new) - lost
            told.removed = (told.removed | lost) - new

    def check(self) -> None:
        for name in LABELS:
            under = {self.ids[n] for n, told in self.posts.items() if told.is_live and name in told.has}
            assert set(newest(self.connection, parse(f'"{name}"'), limit=None)) == under
        for number, told in self.posts.items():
            found = get_posts(self.connection, [self.ids[number]])[0]
            assert set(found.labels) == told.has
            assert (found.state is PostState.LIVE) is told.is_live
            kept = overrides_of(self.connection, [found.id]).get(found.id, Override())
            assert kept.is_hidden is told.is_hidden
            assert (set(kept.added), set(kept.removed)) == (told.added, set(map(label_key, told.removed)))
        was = {f"p{n}" for n, told in self.posts.items() if told.was_live and not told.is_live}
        assert set(gone(self.connection)) == was


@given(steps=st.lists(STEPS, min_size=2, max_size=12))
@settings(max_examples=often(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_imports_and_words_by_hand_is_what_a_plain_model_says(
    connection: Connection, store_post: StorePost, steps: list[tuple[Any, ...]]
) -> None:
    with undone(connection):
        model = Model(connection, store_post)
        for step in steps:
            before = get_blog(connection).revision
            model.take(step)
            model.check()
            assert get_blog(connection).revision - before in {0, 1}


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    point = connection.begin_nested()
    try:
        yield
    finally:
        point.rollback()


def test_the_same_import_again_touches_nothing_of_what_was_said_by_hand(feed_blog: FeedsBlog) -> None:
    sources = [source_post(number, "a", "b") for number in range(1, 8)]
    feed_blog.store_all(sources)
    with feed_blog.database.write() as connection:
        ids = newest(connection, parse("all"), limit=None)
        hide(connection, ids[:3], now=feed_blog.now)
        relabel(connection, ids[2:5], add=["c"], remove=["a"], now=feed_blog.now)
    before = everything(feed_blog.database)
    report = store_posts(feed_blog.database, sources, now=feed_blog.now + HOUR)
    assert (report.new, report.updated, report.unchanged) == (0, 0, 7)
    assert everything(feed_blog.database) == before


def everything(database: Database) -> list[Any]:
    with database.read() as connection:
        return [
            get_blog(connection),
            connection.execute(select(post).order_by(post.c.id)).all(),
            connection.execute(select(post_override).order_by(post_override.c.post_id)).all(),
            labels(connection),
        ]


def test_feeds_that_are_warm_show_the_truth(sqlite_feed_blog: FeedsBlog) -> None:
    blog = sqlite_feed_blog
    blog.store_all([source_post(1, "a"), source_post(2, "a", "b")])
    warm = blog.builder()

    def feed(slug: str) -> bytes:
        built = warm.build(slug, "atom")
        assert built is not None
        fresh = blog.builder().build(slug, "atom")
        assert fresh is not None
        assert fresh.body == built.body
        return built.body

    with blog.database.read() as connection:
        newer, older = newest(connection, parse("a"), limit=None)
    assert b"Post 2" in feed("a")
    with blog.database.write() as connection:
        hide(connection, [newer], now=blog.now + HOUR)
    assert b"Post 2" not in feed("a")
    assert b"deleted-entry" in feed("b")
    with blog.database.write() as connection:
        show(connection, [newer], now=blog.now + 2 * HOUR)
        relabel(connection, [older], add=["b"], now=blog.now + 2 * HOUR)
    assert b"Post 2" in feed("a")
    assert b"deleted-entry" not in feed("b")
    assert b"Post 1" in feed("b")


def test_an_import_where_nothing_was_said_by_hand_asks_once(sqlite_feed_blog: FeedsBlog) -> None:
    blog = sqlite_feed_blog
    blog.store_all([source_post(number, "a") for number in range(1, 1200)])
    asked: list[str] = []
    event.listen(
        blog.database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: (
            asked.append(statement) if "override" in statement else None
        ),
    )
    blog.store_all([source_post(number, "a", html="<p>Other</p>") for number in range(1, 1200)])
    assert len(asked) == 1


def test_it_is_said_on_the_command_line_too(command: Any, blog: Path) -> None:
    (blog / "p.jsonl").write_text(
        '{"id": "tag:b.example,2026:1", "labels": ["a"], "published": "2026-01-01"}\n'
    )
    assert command("import", "p.jsonl").code == 0
    assert command("posts", "hide", "tag:b.example,2026:1").err == "1 post hidden\n"
    assert command("posts", "--state", "draft", "--json").json[0]["id"] == "tag:b.example,2026:1"
    assert command("posts", "show", "tag:b.example,2026:1").err == "1 post hidden no more\n"
    changed = command("posts", "label", "tag:b.example,2026:1", "--add", "b", "--remove", "a")
    assert (changed.code, changed.err) == (0, "1 post changed\n")
    assert command("posts", "--json").json[0]["labels"] == ["b"]
    unknown = command("posts", "hide", "tag:b.example,2026:1", "tag:nowhere")
    assert (unknown.code, unknown.err.count("\n")) == (1, 1)
    assert command("posts", "--label", "b", "--state", "live", "--limit", "5", "--json").json
    wrong = command("posts", "label", "tag:b.example,2026:1", "--remove", "nowhere")
    assert (wrong.code, wrong.err) == (1, "labelcast: no label is called 'nowhere'\n")
