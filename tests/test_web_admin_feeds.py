"""``/admin/feeds``: feeds and labels listed, made, changed and taken away in a browser."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from digests.store import add_digest
from feeds.catalogue import Catalogue, FeedKind, Listed, Order, Show, shelf
from feeds.configured import add_feed, configured_feed, configured_feeds
from feeds.keys import grant, grants, has_key, may_read
from feeds.readership import EVERY, Readership
from feeds.specs import of_configured
from posts.curation import rename_label
from posts.lookup import find_label
from posts.matching import complete_label, find_matches
from posts.model import PostState
from posts.rules import RuleError, parse
from posts.scope import Scope, count_in
from subscribers.choosing import count_choosing
from subscribers.store import add_subscriber, subscribe
from tests.admin_client import AdminClient, admin_app_client, admin_client
from tests.examples import often
from tests.feeds_blog import SITE, START, FeedsBlog
from tests.web_client import tree
from web.admin.frame import COOKIE
from web.model import Role, audit_entry
from web.operations.figures import Figures

FORM = {"slug": "west", "rule": "Iran", "title": "", "subtitle": "", "entries": "", "do": ""}


@pytest.fixture
def blog(sqlite_feed_blog: FeedsBlog) -> FeedsBlog:
    """A blog with a few labels."""
    return _with_posts(sqlite_feed_blog)


def _with_posts(blog: FeedsBlog) -> FeedsBlog:
    blog.store(1, "Iran", "U.S. politics")
    blog.store(2, "Iran", "Sports")
    blog.store(3, "Iraq")
    blog.store(4, "Draft only", state=PostState.DRAFT)
    return blog


@pytest.fixture
def editor(blog: FeedsBlog) -> AdminClient:
    """Somebody who may change it."""
    return admin_client(blog, Role.EDITOR)


@pytest.fixture
def editor_of_each(feed_blog: FeedsBlog) -> AdminClient:
    """The same, once on each database."""
    return admin_client(_with_posts(feed_blog), Role.EDITOR)


def _audit(blog: FeedsBlog) -> list[tuple[str, str, Any]]:
    with blog.database.read() as connection:
        query = select(audit_entry.c.action, audit_entry.c.subject, audit_entry.c.detail)
        return [(row.action, row.subject, row.detail) for row in connection.execute(query)]


def _hidden(answer: Any) -> dict[str, str]:
    """What the last form of a page bears for whoever sends it."""
    form = tree(answer.text).xpath("//main//form[@method='post']")[-1]
    return {one.get("name"): one.get("value", "") for one in form.xpath(".//input[@type='hidden']")}


def _private(blog: FeedsBlog, slug: str = "club", rule: str = "Iraq") -> None:
    with blog.database.write() as connection:
        add_feed(connection, slug=slug, rule=parse(rule), now=blog.now, is_private=True)


def _text(answer: Any) -> str:
    return " ".join(tree(answer.text).xpath("//main")[0].text_content().split())


# What is typed.


@given(text=st.text(max_size=300))
@example('"')
@example("a and (b or not c")
@example("a  \n ) b")
def test_the_place_in_a_rule_is_where_it_fails(text: str) -> None:
    fault = _fault(text)
    if fault is None:
        return
    before, here, after = fault.around()
    assert len(before) == min(fault.position, 200)
    assert text[fault.position - len(before) :].startswith(before + here + after)
    assert not here[:1].isspace()
    # As far as there is a word, it is named.
    assert bool(here) == bool(text[fault.position :].strip())


def _fault(text: str) -> RuleError | None:
    try:
        parse(text)
    except RuleError as error:
        return error
    return None


@settings(max_examples=often(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(max_size=60)
    | st.lists(st.sampled_from(["Iran", "and", "or", "not", "(", ")", '"', "all", "zz", "\x00"])).map(
        " ".join
    )
)
def test_whatever_is_typed_is_answered(editor_of_each: AdminClient, text: str) -> None:
    editor = editor_of_each
    asked = editor.get("/feeds/matches", params={"rule": text, "private": "1"})
    is_wrong = bool(text.strip()) and _fault(text.strip()) is not None
    assert asked.status_code == (422 if is_wrong else 200)
    assert ("This is no rule yet" in asked.text) == is_wrong
    assert ("</strong> under" in asked.text) == (bool(text.strip()) and not is_wrong)
    assert "<html" not in asked.text
    named = editor.get("/feeds/labels", params={"q": text})
    assert named.status_code == 200
    assert all(str(parse(one["rule"])) == one["rule"] for one in named.json()["labels"])
    assert editor.post("/feeds/new", FORM | {"rule": text, "do": "look"}).status_code == 200
    # Nor does it matter where it is typed.
    typed = {"rule": "Iran", "slug": text, "title": text, "subtitle": text, "entries": text}
    assert editor.post("/feeds/new", FORM | typed).status_code in {303, 422}
    assert editor.post("/feeds/new", FORM | typed | {"entries": ""}).status_code in {303, 422}
    for path in ("/feeds", "/feeds/label/iran/rename", "/feeds/label/iran/merge"):
        asked = editor.get(path, params={"q": text, "to": text, "after": text, "before": text, "sort": text})
        assert asked.status_code in {200, 422}


def test_labels_are_completed_the_likeliest_first(feed_blog: FeedsBlog) -> None:
    feed_blog.store(1, "Iran", "Old Iran talks", "Iraq")
    feed_blog.store(2, "Tirana", "Iran talks", "100% Iran_x")
    with feed_blog.database.write() as connection:
        rename_label(connection, "Iraq", "Mesopotamia", now=feed_blog.now)
    with feed_blog.database.read() as connection:

        def names(typed: str) -> list[str]:
            return [one.name for one in complete_label(connection, typed)]

        assert names("iran") == ["Iran", "Iran talks", "100% Iran_x", "Old Iran talks", "Tirana"]
        assert names("TALKS") == ["Iran talks", "Old Iran talks"]
        # A percent sign and an underscore are themselves.
        assert names("0% i") == ["100% Iran_x"]
        assert names("n_t") == []
        # What it once was; and what looks like it.
        assert names("iraq") == ["Mesopotamia"]
        assert names("mesopotmia") == ["Mesopotamia"]
        assert [one.posts for one in complete_label(connection, "iran", limit=1)] == [1]


def test_matches_are_counted_with_what_nobody_has_yet(feed_blog: FeedsBlog) -> None:
    _with_posts(feed_blog)
    _private(feed_blog, rule="Sports")
    with feed_blog.database.read() as connection:
        found = find_matches(connection, "Iran or Irak", limit=1)
        assert (found.count, found.has_more, [post.title for post in found.newest]) == (1, False, ["Post 1"])
        assert [(one.name, one.nearest) for one in found.unknown] == [("Irak", ("Iraq", "Iran"))]
        assert find_matches(connection, "Iran", private=True).count == 2
        # Looking for what is alike takes its time: of many names it is done for a few.
        many = find_matches(connection, " or ".join(f"Iran{number}" for number in range(9))).unknown
        assert [bool(one.nearest) for one in many] == [True] * 3 + [False] * 6


# The list.

entries = st.lists(
    st.builds(
        Listed,
        kind=st.sampled_from([FeedKind.LABEL, FeedKind.CONFIGURED]),
        slug=st.text("abc", min_size=1, max_size=3),
        name=st.sampled_from(["a", "B", "é"]),
        uri=st.just("urn:x"),
        rule=st.just(""),
        posts=st.integers(0, 2),
        changed_at=st.integers(0, 2).map(lambda days: START + timedelta(days=days)),
        is_private=st.booleans(),
        readers=st.integers(0, 2),
    ),
    max_size=9,
    unique_by=lambda one: one.key,
)


@given(feeds=entries, show=st.sampled_from(Show), order=st.sampled_from(Order), size=st.integers(1, 4))
def test_turning_pages_shows_each_feed_once_and_back_again(
    feeds: list[Listed], show: Show, order: Order, size: int
) -> None:
    pages, after = [], ""
    while True:
        page = shelf(feeds, show=show, order=order, after=after, size=size)
        pages.append(page)
        if page.after is None:
            break
        after = page.after
    seen = [one for page in pages for one in page.feeds]
    assert sorted(seen, key=lambda one: one.key) == sorted(
        shelf(feeds, show=show, size=99).feeds, key=lambda one: one.key
    )
    assert pages[0].found == len(seen)
    for earlier, later in pairwise(pages):
        assert later.before is not None
        back = shelf(feeds, show=show, order=order, before=later.before, size=size)
        assert back.feeds == earlier.feeds
    if order is Order.READERS:
        assert [one.readers for one in seen] == sorted((one.readers for one in seen), reverse=True)


def test_the_catalogue_follows_the_blog(feed_blog: FeedsBlog) -> None:
    blog = _with_posts(feed_blog)
    catalogue = Catalogue(SITE)

    def listed() -> dict[str, tuple[int, int, bool]]:
        with blog.database.read() as connection:
            feeds = catalogue.feeds(connection, now=blog.now)
        return {one.slug: (one.posts, one.readers, one.is_served) for one in feeds}

    assert listed() == {
        "all": (3, 0, True),
        "draft-only": (0, 0, False),
        "iran": (2, 0, True),
        "iraq": (1, 0, True),
        "sports": (1, 0, True),
        "u.s-politics": (1, 0, True),
    }
    _private(blog, rule="Sports")
    with blog.database.read() as connection:
        uri = next(one.uri for one in catalogue.feeds(connection, now=blog.now) if one.slug == "iran")
    counting = Readership(blog.database)
    counting.note(uri, "192.0.2.1", "A reader", blog.now)
    counting.flush(blog.now)
    blog.now += EVERY
    blog.store(5, "Draft only")
    now = listed()
    assert (now["club"], now["iran"], now["draft-only"], now["all"]) == (
        (1, 0, True),
        (1, 1, True),
        (1, 0, True),
        (3, 0, True),
    )


@pytest.mark.parametrize("few", [0, 50])
@pytest.mark.parametrize("order", Order)
def test_a_page_tells_what_the_whole_list_does(
    feed_blog: FeedsBlog, monkeypatch: pytest.MonkeyPatch, few: int, order: Order
) -> None:
    # Counted one by one, or all at once.
    monkeypatch.setattr("feeds.catalogue._FEW", few)
    blog = _with_posts(feed_blog)
    rules = (
        "not Sports",
        "Iran and Iraq",
        "Iran or nobody",
        "all",
        "Iran and not (Iraq or Sports)",
        "nobody",
    )
    with blog.database.write() as connection:
        for number, rule in enumerate(rules):
            add_feed(connection, slug=f"feed-{number}", rule=parse(rule), now=blog.now)
    _private(blog, rule="Sports")
    with blog.database.read() as connection:
        page = Catalogue(SITE).page(connection, now=blog.now, order=order)
        whole = {one.key: one for one in Catalogue(SITE).feeds(connection, now=blog.now)}
        counted = {
            one.key: count_in(connection, Scope(parse(one.rule), private=one.is_private))
            for one in page.feeds
            if one.kind is FeedKind.CONFIGURED
        }
        changed = {
            row.slug: of_configured(connection, row, SITE).changed_at for row in configured_feeds(connection)
        }
    assert {one.key: one for one in page.feeds} == whole
    assert {key: one.posts for key, one in whole.items() if one.kind is FeedKind.CONFIGURED} == counted
    assert {one.slug: one.changed_at for one in whole.values() if one.slug in changed} == changed
    assert len(set(counted.values())) > 2


def test_the_list_is_filtered_and_leads_on(editor: AdminClient, blog: FeedsBlog) -> None:
    _private(blog)
    page = editor.page("/feeds?q=ira&sort=posts")
    assert [one.text_content() for one in page.xpath("//tbody//th/a")] == ["Iran", "The Blog: Iraq", "Iraq"]
    assert page.xpath("//tbody//a[contains(., 'Atom')]/@href") == ["../feeds/iran.atom", "../feeds/iraq.atom"]
    page = editor.page("/feeds?show=private")
    assert page.xpath("//tbody//a/@href") == [
        "../admin/feeds/configured/club",
        "../admin/feeds/configured/club/keys",
    ]
    assert "No feed is found" in editor.get("/feeds?q=nothing-like-it").text
    # Words that no list is sorted by, keys that are not there.
    assert editor.get("/feeds?show=x&sort=y&after=z").status_code == 200


# A feed is made and changed.


def test_a_feed_is_made_and_sending_it_twice_makes_one(editor: AdminClient, blog: FeedsBlog) -> None:
    sent = FORM | {"slug": "", "title": "Iran & Iraq", "rule": "iran or  Iraq", "entries": "07"}
    for _ in range(2):
        done = editor.post("/feeds/new", sent)
        assert done.headers["location"].endswith("/admin/feeds/configured/iran-and-iraq")
    with blog.database.read() as connection:
        row = configured_feed(connection, "iran-and-iraq")
    assert row is not None
    assert (row.rule, row.entries, row.is_private) == ("iran or Iraq", 7, False)
    assert [one[:2] for one in _audit(blog)] == [("feed.add", "iran-and-iraq")]
    shown = _text(editor.get("/feeds/configured/iran-and-iraq"))
    assert "3 posts under iran or Iraq" in shown


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"rule": "Iran Iraq"}, "rule", 'put "and" or "or" before it'),
        ({"rule": " "}, "rule", "A rule is missing"),
        ({"slug": "iran"}, "slug", "The label of that name has it already"),
        ({"slug": "A B"}, "slug", "Not fit for an address; a-b would be"),
        ({"entries": "many"}, "entries", "is a number"),
        ({"entries": "5000"}, "entries", "at most 1000"),
        ({"language": "?"}, "language", "no language tag"),
        ({"content": "half"}, "content", "It can be"),
        ({"subtitle": "a\nb"}, "subtitle", "line break"),
    ],
)
def test_what_cannot_be_is_said_in_its_place_and_what_was_typed_stays(
    editor: AdminClient, blog: FeedsBlog, typed: dict[str, str], field: str, said: str
) -> None:
    answer = editor.post("/feeds/new", FORM | {"title": "Kept <words>"} | typed)
    assert answer.status_code == 422
    page = tree(answer.text)
    wrong = page.xpath(f"string(//*[@id='f-{field}-error'])")
    assert said.lower() in wrong.lower()
    assert page.xpath(f"//*[@id='f-{field}']/@aria-invalid") == ["true"]
    assert page.xpath("//input[@name='title']/@value") == ["Kept <words>"]
    assert _audit(blog) == []


def test_an_address_is_missing_where_there_is_no_title_either(editor: AdminClient) -> None:
    answer = editor.post("/feeds/new", FORM | {"slug": ""})
    assert (answer.status_code, "An address is missing" in answer.text) == (422, True)


def test_looking_keeps_nothing(editor: AdminClient, blog: FeedsBlog) -> None:
    answer = editor.post("/feeds/new", FORM | {"do": "look", "rule": "Iran and )"})
    assert answer.status_code == 200
    page = tree(answer.text)
    assert page.xpath("string(//p[@class='rule']//mark)") == ")"
    with blog.database.read() as connection:
        assert configured_feed(connection, "west") is None


def test_who_saves_later_is_told_and_may_save_all_the_same(editor: AdminClient, blog: FeedsBlog) -> None:
    editor.post("/feeds/new", FORM)
    where = "/feeds/configured/west"
    mine, theirs = (_hidden(editor.get(where)) for _ in range(2))
    assert editor.post(where, FORM | mine | {"title": "Mine"}).status_code == 303
    stale = editor.post(where, FORM | theirs | {"title": "Theirs"})
    assert stale.status_code == 409
    assert "Title: Mine (yours: Theirs)" in _text(stale)
    assert editor.page(where).xpath("//input[@name='title']/@value") == ["Mine"]
    assert editor.post(where, FORM | _hidden(stale) | {"title": "Theirs"}).status_code == 303
    assert editor.page(where).xpath("//input[@name='title']/@value") == ["Theirs"]
    # Taken away meanwhile.
    form = _hidden(editor.get(f"{where}/delete"))
    assert editor.post(f"{where}/delete", form).status_code == 303
    assert editor.post(where, FORM | theirs).status_code == 404
    # A feed is taken away once, and only as it was shown.
    assert editor.post(f"{where}/delete", form).headers["location"].endswith("/admin/feeds")
    assert [one[0] for one in _audit(blog)] == ["feed.add", "feed.change", "feed.change", "feed.delete"]


def test_of_some_who_save_at_once_one_does_and_the_others_are_told(feed_blog: FeedsBlog) -> None:
    first = admin_client(_with_posts(feed_blog), Role.EDITOR)
    first.post("/feeds/new", FORM)
    where = "/feeds/configured/west"
    form = _hidden(first.get(where))
    others = [AdminClient(admin_app_client(feed_blog), first.token) for _ in range(3)]
    for one in others:
        one.client.cookies.set(COOKIE, first.token, path="/admin")

    def save(one: AdminClient) -> int:
        status: int = one.post(where, FORM | form | {"title": f"Of {id(one)}"}).status_code
        return status

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(save, others)) == [303, 409, 409]
    assert [one[0] for one in _audit(feed_blog)] == ["feed.add", "feed.change"]


def test_what_becomes_private_or_public_is_said_before(editor: AdminClient, blog: FeedsBlog) -> None:
    asked = editor.post("/feeds/new", FORM | {"private": "1"})
    assert asked.status_code == 422
    assert "2 public posts will be private" in _text(asked)
    # One more than was agreed to.
    agreed = _hidden(asked)
    blog.store(9, "Iran")
    asked = editor.post("/feeds/new", FORM | agreed | {"private": "1"})
    assert "3 public posts will be private" in _text(asked)
    assert editor.post("/feeds/new", FORM | _hidden(asked) | {"private": "1"}).status_code == 303
    with blog.database.read() as connection:
        found = find_label(connection, "iran")
    assert found is not None
    assert found.posts == 0
    where = "/feeds/configured/west"
    opened = editor.post(where, FORM | _hidden(editor.get(where)))
    assert "3 private posts will be public" in _text(opened)
    stale = editor.get(f"{where}/delete")
    assert "3 private posts will be public" in _text(stale)
    blog.store(10, "Iran")
    assert editor.post(f"{where}/delete", _hidden(stale)).headers["location"].endswith("/west/delete")
    told = editor.get(f"{where}/delete")
    assert "4 private posts will be public" in _text(told)
    assert "there is no such feed (404)" in _text(told)
    assert editor.post(f"{where}/delete", _hidden(told)).status_code == 303
    with blog.database.read() as connection:
        found = find_label(connection, "iran")
    assert found is not None
    assert found.posts == 4


def test_a_key_is_shown_once_and_opens_the_feed(editor: AdminClient, blog: FeedsBlog) -> None:
    _private(blog)
    where = "/feeds/configured/club/keys"
    given = editor.post(where, {"do": "grant", "reader": "ann@example.net", "format": "json"})
    address = str(tree(given.text).xpath("//input[@id='given']/@value")[0])
    key = urlsplit(address).query.removeprefix("key=")
    assert urlsplit(address).path == "/feeds/club.json"
    assert editor.client.get(address).status_code == 200
    assert key not in editor.get(where).text
    # Sent again it takes nothing away before that is said.
    again = editor.post(where, {"do": "grant", "reader": "ann@example.net"})
    assert again.status_code == 409
    assert editor.client.get(address).status_code == 200
    replaced = editor.post(where, {"do": "grant", "reader": "ann@example.net", "replace": "ann@example.net"})
    assert replaced.status_code == 200
    with blog.database.read() as connection:
        assert not may_read(connection, "club", key)
    assert editor.post(where, {"do": "revoke", "reader": "ann@example.net"}).status_code == 303
    assert "revoked" in _text(editor.get(where))
    assert editor.post(where, {"do": "grant", "reader": "two\x00lines"}).status_code == 422
    audit = _audit(blog)
    assert [one[0] for one in audit] == ["feed.grant", "feed.grant", "feed.revoke"]
    assert "ann@example.net" not in repr(audit)


def test_keys_are_paged_and_found(editor: AdminClient, blog: FeedsBlog) -> None:
    _private(blog)
    where = "/feeds/configured/club/keys"
    for number in range(52):
        editor.post(where, {"do": "grant", "reader": f"reader {number:02}%"})
    first = editor.page(where)
    assert len(first.xpath("//tbody/tr")) == 50
    following = str(first.xpath("//a[@rel='next']/@href")[0]).partition("?")[2]
    assert [one.text for one in editor.page(f"{where}?{following}").xpath("//tbody//th")] == [
        "reader 50%",
        "reader 51%",
    ]
    assert len(editor.page(f"{where}?q=3%25").xpath("//tbody/tr")) == 5
    editor.post("/feeds/new", FORM)
    assert "everybody reads it" in editor.get("/feeds/configured/west/keys").text


def test_keys_are_found_in_order(feed_blog: FeedsBlog) -> None:
    _private(feed_blog)
    with feed_blog.database.write() as connection:
        for reader in ("c%", "a", "b%"):
            grant(connection, "club", reader, now=feed_blog.now)
        assert has_key(connection, "club", "a")
        assert not has_key(connection, "club", "a\x00")
        assert [one.reader for one in grants(connection, "club", after="a", limit=1)] == ["b%"]
        assert [one.reader for one in grants(connection, "club", words="%")] == ["b%", "c%"]


# Labels.


def _subscribed(blog: FeedsBlog, *chosen: list[str]) -> None:
    with blog.database.write() as connection:
        its = add_digest(connection, "weekly", rule="Iran or Sports", now=blog.now)
        for number, labels in enumerate(chosen):
            reader = add_subscriber(
                connection, f"r{number}@example.net", confirmed=True, now=blog.now, salt="x"
            )
            subscribe(connection, subscriber_id=reader.id, digest_id=its.id, now=blog.now, labels=labels)


def test_who_chose_a_label_is_counted(feed_blog: FeedsBlog) -> None:
    _subscribed(feed_blog, ["straße"], ["straße", "iran"], ["iran"], [], ["stra"])
    with feed_blog.database.read() as connection:

        def counted(*slugs: str, at_most: int = 9) -> tuple[int, int]:
            found = count_choosing(connection, slugs, at_most=at_most)
            return found.chosen, found.alone

        assert counted("straße") == (2, 1)
        assert counted("straße", "iran") == (3, 2)
        # Neither number is of just those that were counted for the other.
        assert counted("iran", at_most=1) == (1, 1)
        assert counted("straße", "iran", at_most=3) == (3, 2)
        assert counted("straße", at_most=2) == (2, 1)
        assert counted("ran") == (0, 0)


def test_of_many_readers_who_chose_a_label_is_told_as_it_was_counted(
    editor: AdminClient, blog: FeedsBlog, monkeypatch: pytest.MonkeyPatch
) -> None:
    _subscribed(blog, ["sports"], ["sports", "iran"], ["iran"])
    monkeypatch.setattr("subscribers.choosing.MOST_COUNTED", 2)
    where = "/feeds/label/sports/delete"
    assert "is counted once an hour, and was not yet" in _text(editor.get(where))
    Figures(blog.database).count(blog.now)
    with blog.database.write() as connection:
        late = add_subscriber(connection, "late@example.net", confirmed=True, now=blog.now, salt="x")
        subscribe(connection, subscriber_id=late.id, digest_id=1, now=blog.now, labels=["sports"])
    said = _text(editor.get(where))
    assert "about 2 subscriptions by email chose it; 1 chose nothing else" in said
    assert "will bring no more mail (counted " in said
    assert ", 12:04 UTC)." in said
    assert "No reader by email chose it (counted" in _text(editor.get("/feeds/label/u.s-politics/delete"))


def test_a_merge_is_told_and_done_as_told(editor: AdminClient, blog: FeedsBlog) -> None:
    _subscribed(blog, ["sports"], ["sports", "iran"], ["iran"])
    where = "/feeds/label/sports/merge"
    told = editor.get(f"{where}?to=IRAN")
    said = _text(told)
    assert "1 post will be under Iran instead, 1 of them public now; 1 is there already" in said
    assert "It will have 2 public posts then." in said
    assert "Its address sports will lead to iran, page and feeds alike." in said
    assert "2 subscriptions by email chose it" in said
    assert tree(told.text).xpath("//tbody//td[@class='number']/text()") == ["2", "2"]
    for _ in range(2):
        done = editor.post(where, _hidden(told))
        assert done.headers["location"].endswith("/admin/feeds/label/iran")
    assert editor.client.get("/feeds/sports.atom").headers["location"].endswith("iran.atom")
    assert "merge" in editor.get("/feeds/label/iran").text
    assert [one[:2] for one in _audit(blog)] == [("label.merge", "Sports")]


def test_what_changed_since_it_was_told_is_told_again(editor: AdminClient, blog: FeedsBlog) -> None:
    where = "/feeds/label/sports/rename"
    told = _hidden(editor.get(f"{where}?to=Members"))
    _private(blog, rule="members")
    again = editor.post(where, told)
    assert again.status_code == 409
    assert "1 public post will be private" in _text(again)
    assert editor.post(where, _hidden(again)).status_code == 303
    assert editor.post(where, _hidden(again)).status_code == 303
    assert [one[:2] for one in _audit(blog)] == [("label.rename", "Sports")]
    # Its old address leads on; its name in another case keeps the address.
    assert editor.get("/feeds/label/sports").headers["location"].endswith("/label/members")
    told = editor.get("/feeds/label/members/rename?to=MEMBERS")
    assert "Its address stays, members, with 1 older one that leads to it: sports." in _text(told)
    for _ in range(2):
        assert editor.post("/feeds/label/members/rename", _hidden(told)).status_code == 303


def test_a_label_that_a_private_feed_is_made_of_cannot_be_deleted(
    editor: AdminClient, blog: FeedsBlog
) -> None:
    _private(blog, rule="Sports")
    refused = editor.get("/feeds/label/sports/delete")
    assert "It cannot be deleted: the private feed club names it" in _text(refused)
    assert not tree(refused.text).xpath("//main//form[@method='post']")
    assert editor.post("/feeds/label/sports/delete", {"seal": "x"}).status_code == 409
    told = editor.get("/feeds/label/iraq/delete")
    assert "Its address iraq will answer that it is gone (410), page and feeds alike." in _text(told)
    for _ in range(2):
        assert editor.post("/feeds/label/iraq/delete", _hidden(told)).status_code == 303
    assert editor.client.get("/feeds/iraq.atom").status_code == 410


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("merge?to=Irann", "did you mean 'Iran'"),
        ("merge?to=sports", "this very label"),
        ("merge?to=", "no label is called ''"),
        ("rename?to=Iran", "another label is called 'Iran'"),
        ("rename?to=%00", "is no name for a label"),
    ],
)
def test_a_slip_of_the_hand_is_said_in_its_place(editor: AdminClient, asked: str, said: str) -> None:
    answer = editor.get(f"/feeds/label/sports/{asked}")
    assert answer.status_code == 422
    wrong = tree(answer.text).xpath("string(//p[@class='error'])")
    assert said.lower() in wrong.lower()


@pytest.mark.parametrize("path", ["/feeds/label/x%00y", "/feeds/configured/x%00y", "/feeds/label/nope"])
@pytest.mark.parametrize("more", ["", "/delete", "/keys", "/merge?to=Iran"])
def test_what_is_not_there_is_not_found(editor: AdminClient, path: str, more: str) -> None:
    assert editor.get(f"{path}{more}").status_code == 404
    assert editor.post(f"{path}{more}", {"do": "grant", "reader": "x", "to": "Iran"}).status_code in {
        303,
        404,
        405,
    }
