"""The publisher's posts: found, looked at, and changed by hand after being told what will happen."""

import re
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from feeds.configured import add_feed
from posts.finding import Shelf, Wanted, count_found, find_ids, find_page
from posts.intake import store_posts
from posts.labels import label_key
from posts.model import PostState, post
from posts.overrides import overrides_of
from posts.overriding import OverrideError, hide, relabel, show
from posts.reading import get_posts
from posts.rules import matches, parse
from tests.admin_client import AdminClient, admin_client
from tests.examples import often
from tests.feeds_blog import START, FeedsBlog
from tests.feeds_blog import post as source
from web.accounts.audit import entries
from web.admin.posts.asked import read_asked
from web.admin.posts.foreseen import Deed, foresee
from web.model import Role

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def titles(page: Any) -> list[str]:
    return [text.strip() for text in page.xpath("//tbody//th//a/text()")]


@pytest.fixture
def filled(feed_blog: FeedsBlog) -> FeedsBlog:
    """Twelve posts: each third has ``b``, all have ``a``; 1 is hidden, 2 deleted, 3 a draft, 12 scheduled."""
    feed_blog.store_all(source(number, "a", *(["b"] if number % 3 == 0 else [])) for number in range(1, 12))
    feed_blog.store(2, "a", state=PostState.DELETED)
    feed_blog.store(3, "a", "b", state=PostState.DRAFT)
    feed_blog.store(1500, "a")
    with feed_blog.database.write() as connection:
        hide(connection, [number_of(connection, 1)], now=feed_blog.now)
    return feed_blog


def number_of(connection: Connection, number: int) -> int:
    query = select(post.c.id).where(post.c.uri == f"tag:blog.example,2026:{number}")
    return int(connection.execute(query).scalar_one())


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", [1500, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ("?state=live", [11, 10, 9, 8, 7, 6, 5, 4]),
        ("?state=hidden", [1]),
        ("?state=draft", [3]),
        ("?state=deleted", [2]),
        ("?state=scheduled", [1500]),
        ("?state=private", []),
        ("?rule=b", [9, 6, 3]),
        ("?rule=a+and+not+b&state=live", [11, 10, 8, 7, 5, 4]),
        ("?rule=nowhere", []),
        ("?q=text+of+7", [7]),
        ("?q=text&rule=b&state=live", [9, 6]),
        ("?since=2023-04-14&until=2023-04-15", [8, 7]),
    ],
)
def test_posts_are_found_by_words_labels_state_and_date(
    filled: FeedsBlog, asked: str, found: list[int]
) -> None:
    page = admin_client(filled, Role.VIEWER).page(f"/posts{asked}")
    assert titles(page) == [f"Post {number}" for number in found]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("?rule=a+and", "a label's name is missing"),
        ("?since=tomorrow", "'tomorrow' is no day"),
        ("?until=9999-12-31", "is no day"),
        ("?state=odd", "No post is ever 'odd'"),
    ],
)
def test_what_cannot_be_asked_is_said_beside_its_field(
    sqlite_feed_blog: FeedsBlog, asked: str, said: str
) -> None:
    answer = admin_client(sqlite_feed_blog).get(f"/posts{asked}")
    assert answer.status_code == 422
    assert said in answer.text.replace("&#39;", "'")


WANTED = st.builds(
    Wanted,
    words=st.sampled_from(["", "", "text", '"text of"', "-text", "nowhere"]),
    rule=st.sampled_from(["all", "a", "b", "not a", "a and not b", "a or b", "c"]).map(parse),
    shelf=st.sampled_from([None, *Shelf]),
    since=st.sampled_from([None, START - 996 * DAY]),
    until=st.sampled_from([None, START - 990 * DAY]),
)


@given(wanted=WANTED, limit=st.integers(1, 5))
@settings(max_examples=often(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_both_ways_hold_each_post_once_in_order(filled: FeedsBlog, wanted: Wanted, limit: int) -> None:
    with filled.database.read() as connection:
        whole = find_ids(connection, wanted)
        assert whole == expected(connection, wanted)
        assert count_found(connection, wanted) == len(whole)
        page = find_page(connection, wanted, limit=limit)
        walked = [one.id for one in page.posts]
        pages = [walked]
        while page.older is not None:
            page = find_page(connection, wanted, before=page.older, limit=limit)
            pages.append([one.id for one in page.posts])
        assert list(chain.from_iterable(pages)) == whole
        for before in reversed([one for one in pages if one][:-1]):
            assert page.newer is not None
            page = find_page(connection, wanted, after=page.newer, limit=limit)
            assert [one.id for one in page.posts] == before
        assert page.newer is None or not page.posts


def expected(connection: Connection, wanted: Wanted) -> list[int]:
    """The same by looking at each post."""
    found = []
    rows = connection.execute(select(post.c.id).order_by(post.c.published.desc(), post.c.id.desc()))
    for one in get_posts(connection, list(rows.scalars())):
        hidden = one.id in overrides_of(connection, [one.id])
        shelf = Shelf.HIDDEN if hidden else Shelf(one.state.value)
        has = {"": True, "text": True, '"text of"': True, "-text": False, "nowhere": False}[wanted.words]
        if (
            has
            and wanted.shelf in {None, shelf}
            and matches(wanted.rule, set(map(label_key, one.labels)))
            and (wanted.since is None or one.published >= wanted.since)
            and (wanted.until is None or one.published < wanted.until)
        ):
            found.append(one.id)
    return found


def test_a_change_is_told_first_and_done_on_a_button(filled: FeedsBlog) -> None:
    client = admin_client(filled, Role.EDITOR)
    asked = {"do": "add", "label": "News", "which": "all", "rule": "b"}
    page = client.page("/posts/change?" + "&".join(f"{key}={value}" for key, value in asked.items()))
    assert "3 posts will be given the label News" in page.text_content()
    rows = [" ".join(cell.text_content() for cell in row) for row in page.xpath("//tbody/tr")]
    assert rows == ["News 2 0"]
    with filled.database.read() as connection:
        assert find_ids(connection, Wanted(rule=parse("news"))) == []
    fields = {one.get("name"): one.get("value") for one in page.xpath("//main//form//input")}
    answer = client.post("/posts/change", fields)
    assert answer.status_code == 303
    with filled.database.read() as connection:
        assert len(find_ids(connection, Wanted(rule=parse("news")))) == 3
        entry = entries(connection)[0]
    assert (entry.action, entry.subject, entry.actor) == ("post.label", "3 posts", "account:editor")
    assert (entry.detail["label"], entry.detail["asked"]) == ("News", {"rule": "b"})
    assert "3 posts given the label News." in client.get("/posts").text


def test_a_change_of_other_posts_than_were_told_is_not_done(filled: FeedsBlog) -> None:
    client = admin_client(filled, Role.EDITOR)
    asked = {"do": "hide", "which": "all", "rule": "b"}
    answer = client.post("/posts/change", asked | {"number": "2"})
    assert answer.status_code == 409
    assert "2 then, 3 now" in answer.text
    with filled.database.read() as connection:
        assert len(find_ids(connection, Wanted(shelf=Shelf.HIDDEN))) == 1


def test_posts_that_are_ticked_are_hidden_and_shown_again(filled: FeedsBlog) -> None:
    client = admin_client(filled, Role.EDITOR)
    with filled.database.read() as connection:
        ids = [number_of(connection, number) for number in (5, 6)]
    chosen = "&".join(f"id={one}" for one in ids)
    page = client.page(f"/posts/change?do=hide&{chosen}")
    assert "2 posts will be hidden" in page.text_content()
    rows = [" ".join(cell.text_content() for cell in row) for row in page.xpath("//tbody/tr")]
    assert rows == ["a 0 2", "b 0 1"]
    client.post("/posts/change", {"do": "hide", "id": ids, "number": "2"})
    assert "Post 5" not in client.client.get("/feeds/a.atom").text
    client.post("/posts/change", {"do": "show", "id": ids[:1], "number": "1"})
    assert "Post 5" in client.client.get("/labels/a").text
    assert "Nothing would change" in client.page(f"/posts/change?do=show&id={ids[0]}").text_content()
    with filled.database.read() as connection:
        assert [entry.action for entry in entries(connection, limit=2)] == ["post.show", "post.hide"]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"do": "burn", "id": "1"}, "nothing was chosen"),
        ({"do": "hide"}, "none was ticked"),
        ({"do": "hide", "id": "1 OR 1=1"}, "none was ticked"),
        ({"do": "add", "id": "1", "label": "\u200b"}, "its name is missing"),
        ({"do": "remove", "id": "1", "label": "nowhere", "number": "1"}, "no label is called"),
        ({"do": "hide", "which": "all", "rule": "("}, "label's name is missing"),
    ],
)
def test_what_is_not_clear_is_not_done(sqlite_feed_blog: FeedsBlog, sent: dict[str, str], said: str) -> None:
    sqlite_feed_blog.store(1, "a")
    answer = admin_client(sqlite_feed_blog).post("/posts/change", sent)
    assert answer.status_code == 422
    assert said in answer.text.replace("&#39;", "'")


def test_a_viewer_sees_posts_and_changes_none(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.store(1, "a")
    client = admin_client(sqlite_feed_blog, Role.VIEWER)
    assert client.page("/posts").xpath("//input[@type='checkbox']") == []
    assert client.post("/posts/change", {"do": "hide", "id": "1", "number": "1"}).status_code == 403
    with sqlite_feed_blog.database.read() as connection:
        assert overrides_of(connection, [1]) == {}


HOSTILE = "<script>alert(1)</script>\u202e\"'><img src=x onerror=alert(1)>"


def test_one_post_with_all_that_is_stored_and_nothing_of_it_acts(sqlite_feed_blog: FeedsBlog) -> None:
    blog = sqlite_feed_blog
    wild = source(1, "a", HOSTILE, html=f"<p onclick='x()'>Hello</p><form action='//evil'>{HOSTILE}</form>")
    store_posts(blog.database, [wild], now=blog.now)
    with blog.database.write() as connection:
        relabel(connection, [1], add=["by me"], remove=["a"], now=blog.now)
    client = admin_client(blog, Role.EDITOR)
    page = client.page("/posts/1")
    said = " ".join(page.text_content().split())
    assert "by me by hand" in said
    assert "Labels taken away by handa" in said
    assert page.xpath("//main//script | //main//img") == []
    text = client.get("/posts/1/text")
    assert "Hello" in text.text
    assert "sandbox" in text.headers["content-security-policy"]
    assert "default-src 'none'" in text.headers["content-security-policy"]
    assert not re.search("<script|onclick|onerror=|<form", text.text)
    assert client.get("/posts/99").status_code == 404
    assert client.get("/posts/99999999999999999999").status_code == 404
    assert client.get(f"/posts?q={HOSTILE}&rule=%22{HOSTILE.replace(chr(34), '')}%22").status_code == 200


CHANGES = st.tuples(
    st.sampled_from(list(Deed)),
    st.sampled_from(["a", "B", "c", "secret", "new", "hush", "Late Bee"]),
    st.sets(st.integers(1, 12), min_size=1),
)


@given(changes=st.lists(CHANGES, min_size=1, max_size=4))
@settings(max_examples=often(5), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_foreseen_is_what_happens(
    connection: Connection, store_post: Any, changes: list[Any]
) -> None:
    point = connection.begin_nested()
    try:
        for number in range(1, 13):
            labels = [name for bit, name in enumerate(("a", "b", "c", "secret")) if number >> bit & 1]
            state = PostState.DRAFT if number == 11 else PostState.LIVE
            published = START + (DAY if number == 10 else -DAY)
            store_post(connection, f"p{number}", labels=labels, published=published, state=state, now=START)
        rules = (
            ("some", "a and not b", False),
            ("inner", "secret and c", True),
            # Of labels that only come to be.
            ("fresh", "NEW or not a", False),
            ("closed", "hush and a", True),
            ("bees", "late-bee or b", False),
        )
        for slug, rule, private in rules:
            add_feed(connection, slug=slug, rule=parse(rule), now=START, is_private=private)
        ids = list(connection.execute(select(post.c.id).order_by(post.c.id)).scalars())
        for deed, name, chosen in changes:
            some = [ids[number - 1] for number in sorted(chosen)]
            before = shown(connection)
            told = foresee(connection, some, deed, name, now=START + HOUR)
            try:
                changed = do(connection, deed, some, name)
            except OverrideError:
                # There is no such label yet to be taken away.
                changed = 0
            after = shown(connection)
            assert told.changed == changed
            expected = {
                feed: (len(after[feed] - before[feed]), len(before[feed] - after[feed]))
                for feed in after
                if after[feed] != before[feed]
            }
            assert {one.name: (one.enters, one.leaves) for one in told.effects} == expected
    finally:
        point.rollback()


def do(connection: Connection, deed: Deed, post_ids: list[int], name: str) -> int:
    now = START + HOUR
    match deed:
        case Deed.HIDE:
            return hide(connection, post_ids, now=now)
        case Deed.SHOW:
            return show(connection, post_ids, now=now)
        case Deed.ADD:
            return relabel(connection, post_ids, add=[name], now=now)
        case Deed.REMOVE:
            return relabel(connection, post_ids, remove=[name], now=now)


def shown(connection: Connection) -> dict[str, set[int]]:
    """Which posts each feed shows."""
    rules = {"a": "a", "b": "b", "c": "c", "secret": "secret", "some (feed)": "a and not b"}
    rules |= {"new": "new", "hush": "hush", "fresh (feed)": "NEW or not a"}
    rules |= {"Late Bee": '"Late Bee"', "bees (feed)": "late-bee or b"}
    found = {
        name: set(find_ids(connection, Wanted(rule=parse(rule), shelf=Shelf.LIVE)))
        for name, rule in rules.items()
    }
    states = {row.id: row.state for row in connection.execute(select(post.c.id, post.c.state))}
    for name, rule in {"inner (feed)": "secret and c", "closed (feed)": "hush and a"}.items():
        under = find_ids(connection, Wanted(rule=parse(rule)))
        found[name] = {one for one in under if states[one] in {"live", "private"}}
    return found


def test_days_are_those_of_the_timezone() -> None:
    typed = {"q": "", "rule": "", "state": "", "since": "2026-03-29", "until": "2026-03-29"}
    asked = read_asked(typed, timezone="Europe/Berlin")
    assert asked.wanted.since is not None
    assert asked.wanted.until is not None
    # The day on which clocks go forward has 23 hours.
    assert asked.wanted.until - asked.wanted.since == timedelta(hours=23)


def test_a_page_is_small_and_says_more_than_it_counts(sqlite_feed_blog: FeedsBlog, monkeypatch: Any) -> None:
    monkeypatch.setattr("posts.finding.COUNTED_TO", 100)
    monkeypatch.setattr("web.admin.posts.pages.COUNTED_TO", 100)
    long = "a very long name of a label " * 20
    posts = [source(number, *(f"{long}{n}" for n in range(12))) for number in range(1, 131)]
    sqlite_feed_blog.store_all(posts)
    client = admin_client(sqlite_feed_blog)
    answer = client.get("/posts")
    assert "more than 100 posts" in answer.text
    assert len(answer.content) < 100_000
    page = client.page("/posts")
    older = page.xpath("//a[@rel='next']/@href")[0]
    second = client.page(f"/posts?{older.partition('?')[2]}")
    assert titles(second)[0] == "Post 80"
    with sqlite_feed_blog.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(post)).scalar_one() == 130


def test_somebody_who_is_not_logged_in_sees_nothing(sqlite_feed_blog: FeedsBlog) -> None:
    client: AdminClient = admin_client(sqlite_feed_blog)
    client.client.cookies.clear()
    for path in ("/posts", "/posts/1", "/posts/1/text", "/posts/change", "/import", "/import/1"):
        assert client.get(path).status_code == 303
