"""Labels renamed, merged and deleted: ids and addresses live on, and what shows them counts as changed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from posts.blog import get_blog
from posts.curation import LabelError, delete_label, merge_labels, rename_label
from posts.labelbook import LabelBook
from posts.model import Label, PostState, label_alias
from posts.rules import parse
from posts.store import (
    find_label,
    get_posts,
    is_deleted_label,
    labels,
    load_labels,
    newest,
    rule_revision,
    unknown_labels,
)
from posts.withdrawals import withdrawn

StorePost = Callable[..., int]
START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=1)


def must_find(connection: Connection, name: str) -> Label:
    found = find_label(connection, name)
    assert found is not None
    return found


def listed(connection: Connection) -> list[tuple[str, str, int]]:
    return [(one.name, one.slug, one.posts) for one in labels(connection)]


@pytest.fixture
def blog(connection: Connection, store_post: StorePost) -> Connection:
    """``one`` under Foo and Bar, ``two`` under Foo, ``three`` under Bar, ``four`` under Other."""
    for uri, named in (("one", ["Foo", "Bar"]), ("two", ["Foo"]), ("three", ["Bar"]), ("four", ["Other"])):
        store_post(connection, uri, labels=named)
    return connection


def revisions(connection: Connection) -> dict[str, int]:
    return {one.slug: one.revision for one in labels(connection)}


def post_revisions(connection: Connection) -> dict[str, int]:
    ids = newest(connection, parse("all"), limit=None)
    return {found.uri: found.revision for found in get_posts(connection, ids)}


def test_a_renamed_label_keeps_its_ids_and_its_old_name_and_address_lead_to_it(blog: Connection) -> None:
    before = must_find(blog, "Foo")
    renamed = rename_label(blog, "foo", " C++ ", now=LATER)
    assert (renamed.id, renamed.feed_uri) == (before.id, before.feed_uri)
    assert (renamed.name, renamed.slug, renamed.changed_at) == ("C++", "c-plus-plus", LATER)
    for name in ("C++", "c-plus-plus", "foo", "FOO"):
        assert must_find(blog, name).id == before.id
    for rule in ("Foo", "c++", "c-plus-plus"):
        assert len(newest(blog, parse(rule), limit=9)) == 2
        assert unknown_labels(blog, parse(rule)) == []


def test_an_old_address_that_is_unlike_the_old_name_leads_on_too(blog: Connection) -> None:
    first = rename_label(blog, "Foo", "U.S. politics", now=LATER)
    rename_label(blog, "Foo", "News", now=LATER)
    assert must_find(blog, "u.s-politics").id == first.id
    assert len(newest(blog, parse("u.s-politics"), limit=9)) == 2


def test_a_rename_counts_as_a_change_of_all_that_shows_the_name(blog: Connection) -> None:
    before, posts = revisions(blog), post_revisions(blog)
    whole = rule_revision(blog, parse("all"))
    rename_label(blog, "Foo", "Baz", now=LATER)
    after = revisions(blog)
    # Bar's feed holds a post that is under both, and shows the name as its category.
    assert after == {"baz": before["foo"] + 1, "bar": before["bar"] + 1, "other": before["other"]}
    assert post_revisions(blog) == posts | {"one": posts["one"] + 1, "two": posts["two"] + 1}
    assert rule_revision(blog, parse("all")).token != whole.token


def test_posts_that_go_on_writing_the_old_name_keep_the_label(
    blog: Connection, store_post: StorePost
) -> None:
    renamed = rename_label(blog, "Foo", "Baz", now=LATER)
    for number in range(5):
        store_post(blog, f"new{number}", labels=["FOO", "Foo"])
    assert listed(blog) == [("Bar", "bar", 2), ("Baz", "baz", 7), ("Other", "other", 1)]
    assert must_find(blog, "foo").id == renamed.id


def test_posts_do_not_vote_on_a_name_that_was_chosen(blog: Connection, store_post: StorePost) -> None:
    rename_label(blog, "foo", "FOO", now=LATER)
    for number in range(5):
        store_post(blog, f"new{number}", labels=["foo"])
    assert must_find(blog, "foo").name == "FOO"
    assert blog.execute(select(label_alias)).all() == []


def test_a_rename_to_the_name_it_has_changes_nothing(blog: Connection, store_post: StorePost) -> None:
    before = revisions(blog), post_revisions(blog), rule_revision(blog, parse("all"))
    rename_label(blog, "foo", "Foo", now=LATER)
    assert (revisions(blog), post_revisions(blog), rule_revision(blog, parse("all"))) == before


def test_a_label_renamed_back_has_its_first_address_again(blog: Connection) -> None:
    first = must_find(blog, "Foo")
    rename_label(blog, "Foo", "Baz", now=LATER)
    back = rename_label(blog, "Foo", "Foo", now=LATER)
    assert (back.id, back.slug) == (first.id, "foo")
    assert must_find(blog, "baz").id == first.id
    again = rename_label(blog, "baz", "Baz", now=LATER)
    assert (again.id, again.slug) == (first.id, "baz")


def test_names_that_share_a_slug_pass_it_on(blog: Connection) -> None:
    first = must_find(blog, "Foo")
    names = ("(Foo)", "[foo]", "Baz", "{foo}", "Qux")
    slugs = [rename_label(blog, "foo", name, now=LATER).slug for name in names]
    assert slugs == ["foo", "foo", "baz", "foo", "qux"]
    for name in ("foo", "(foo)", "[Foo]", "{FOO}", "baz", "qux"):
        assert must_find(blog, name).id == first.id


def test_a_new_label_never_takes_an_address_that_another_once_had(
    blog: Connection, store_post: StorePost
) -> None:
    first = must_find(blog, "Foo")
    rename_label(blog, "Foo", "Baz", now=LATER)
    store_post(blog, "new", labels=["(foo)"])
    assert must_find(blog, "(foo)").slug == "foo-2"
    assert must_find(blog, "foo").id == first.id
    assert must_find(blog, "(foo)").feed_uri != first.feed_uri


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Fo", "Baz", "no label is called 'Fo': did you mean 'Foo'?"),
        ("xyzzy", "Baz", "`labelcast labels` lists them all"),
        ("Foo", "BAR", "another label is called 'BAR'; merge the two"),
        ("Foo", " \x00", "is no name for a label"),
        ("Foo", "once", "'Other' was once called 'once'; merge the two"),
    ],
)
def test_a_rename_that_cannot_be_is_refused(blog: Connection, old: str, new: str, says: str) -> None:
    rename_label(blog, "Other", "Once", now=LATER)
    rename_label(blog, "Once", "Other", now=LATER)
    before = listed(blog), revisions(blog)
    with pytest.raises(LabelError) as raised:
        rename_label(blog, old, new, now=LATER)
    assert says in str(raised.value)
    assert (listed(blog), revisions(blog)) == before


def test_two_labels_become_one(blog: Connection, store_post: StorePost) -> None:
    before, posts = revisions(blog), post_revisions(blog)
    stays = must_find(blog, "Bar")
    merged = merge_labels(blog, "Foo", "Bar", now=LATER)
    assert (merged.id, merged.feed_uri, merged.changed_at) == (stays.id, stays.feed_uri, LATER)
    assert listed(blog) == [("Bar", "bar", 3), ("Other", "other", 1)]
    assert revisions(blog) == {"bar": before["bar"] + 1, "other": before["other"]}
    assert post_revisions(blog) == posts | {"one": posts["one"] + 1, "two": posts["two"] + 1}
    for name in ("foo", "Foo", "bar"):
        assert must_find(blog, name).id == stays.id
    # Many posts that write the old name neither bring the label back nor give the other its name.
    for number in range(5):
        store_post(blog, f"new{number}", labels=["Foo", "bar"] if number == 0 else ["Foo"])
    assert listed(blog) == [("Bar", "bar", 8), ("Other", "other", 1)]


def test_what_a_label_once_was_follows_it_into_a_merge_and_a_deletion(blog: Connection) -> None:
    rename_label(blog, "Foo", "Baz", now=LATER)
    merge_labels(blog, "baz", "bar", now=LATER)
    rename_label(blog, "Bar", "Qux", now=LATER)
    qux = must_find(blog, "qux")
    for name in ("foo", "baz", "bar"):
        assert must_find(blog, name).id == qux.id
    delete_label(blog, "foo", now=LATER)
    for name in ("foo", "baz", "bar", "qux"):
        assert find_label(blog, name) is None
        assert is_deleted_label(blog, name)


def test_a_merge_tells_the_rules_that_named_the_label_that_went(blog: Connection) -> None:
    asked = [parse(rule) for rule in ("foo", "foo and not bar", "foo or other", "other and not foo")]
    before = [rule_revision(blog, rule) for rule in asked]
    merge_labels(blog, "Foo", "Bar", now=LATER)
    after = [rule_revision(blog, rule) for rule in asked]
    assert all(one.token != other.token for one, other in zip(before, after, strict=True))
    assert after[0].changed_at == LATER
    assert newest(blog, parse("foo and not bar"), limit=9) == []
    assert len(newest(blog, parse("foo"), limit=9)) == 3


@pytest.mark.parametrize(("source", "into"), [("foo", "FOO"), ("nil", "foo"), ("foo", "nil")])
def test_a_merge_that_cannot_be_is_refused(blog: Connection, source: str, into: str) -> None:
    before = listed(blog), revisions(blog)
    with pytest.raises(LabelError):
        merge_labels(blog, source, into, now=LATER)
    assert (listed(blog), revisions(blog)) == before


def test_a_deleted_label_leaves_its_posts_and_does_not_come_back(
    blog: Connection, store_post: StorePost
) -> None:
    before, posts = revisions(blog), post_revisions(blog)
    rule = parse("foo or bar")
    asked = rule_revision(blog, rule)
    gone = delete_label(blog, "FOO", now=LATER)
    assert gone.name == "Foo"
    assert listed(blog) == [("Bar", "bar", 2), ("Other", "other", 1)]
    assert revisions(blog) == {"bar": before["bar"] + 1, "other": before["other"]}
    assert post_revisions(blog) == posts | {"one": posts["one"] + 1, "two": posts["two"] + 1}
    told = rule_revision(blog, rule)
    assert told.token != asked.token
    assert told.changed_at == LATER
    assert find_label(blog, "foo") is None
    assert is_deleted_label(blog, "foo")
    assert unknown_labels(blog, parse("Foo")) == ["Foo"]
    store_post(blog, "new", labels=["foo", "bar"])
    assert listed(blog) == [("Bar", "bar", 3), ("Other", "other", 1)]


def test_when_a_rule_changed_does_not_go_back_as_its_label_goes(
    blog: Connection, store_post: StorePost
) -> None:
    store_post(blog, "new", labels=["foo"], now=LATER)
    rule = parse("foo or other")
    before = rule_revision(blog, rule)
    delete_label(blog, "foo", now=LATER + timedelta(hours=1))
    assert rule_revision(blog, rule).changed_at > before.changed_at


def test_a_name_that_was_deleted_can_be_given_to_another_label(blog: Connection) -> None:
    gone = delete_label(blog, "Foo", now=LATER)
    renamed = rename_label(blog, "Bar", "Foo", now=LATER)
    assert renamed.slug == "foo"
    assert renamed.feed_uri != gone.feed_uri
    assert not is_deleted_label(blog, "foo")
    assert must_find(blog, "bar").id == renamed.id


def test_a_label_that_nobody_met_was_never_there(connection: Connection, store_post: StorePost) -> None:
    store_post(connection, "one", labels=["open"])
    store_post(connection, "two", labels=["first", "second", "third"], state=PostState.DRAFT)
    before = get_blog(connection).public_revision, find_label(connection, "open")
    rule = parse("open and not third")
    token = rule_revision(connection, rule).token
    rename_label(connection, "first", "later", now=LATER)
    delete_label(connection, "second", now=LATER)
    merge_labels(connection, "third", "open", now=LATER)
    assert (get_blog(connection).public_revision, find_label(connection, "open")) == before
    assert rule_revision(connection, rule).token != token
    for name in ("first", "second", "third", "later"):
        assert not is_deleted_label(connection, name)
        assert load_labels(connection, [name]).met().addressed(name) is None
    store_post(connection, "three", labels=["later"])
    assert load_labels(connection, ["later"]).met().addressed("later") is not None
    # What it was called before is for whoever writes rules, and posts.
    assert load_labels(connection, ["first"]).met().addressed("first") is None
    assert newest(connection, parse("first"), limit=9) == newest(connection, parse("later"), limit=9)
    seen = rule_revision(connection, parse("first")).token
    store_post(connection, "four", labels=["first"])
    assert rule_revision(connection, parse("first")).token != seen
    delete_label(connection, "later", now=LATER)
    assert is_deleted_label(connection, "later")


def test_whoever_knew_a_label_finds_at_its_address_what_it_was_merged_into(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "one", labels=["known"])
    store_post(connection, "one", labels=["known"], state=PostState.DRAFT)
    store_post(connection, "two", labels=["unknown"], state=PostState.DRAFT)
    merge_labels(connection, "known", "unknown", now=LATER)
    found = load_labels(connection, ["known"]).met().addressed("known")
    assert found is not None
    assert found.name == "unknown"
    gone = withdrawn(connection, label_id=found.id, since=None, limit=9)
    assert [one.uri for one in gone] == ["one"]


def test_curating_counts_drafts_for_themselves_only(connection: Connection, store_post: StorePost) -> None:
    draft = store_post(connection, "draft", labels=["a", "b"], state=PostState.DRAFT)
    before = revisions(connection)
    rename_label(connection, "a", "c", now=LATER)
    assert revisions(connection)["b"] == before["b"]
    # Its kept entry, should it once have been live, is stale all the same.
    assert get_posts(connection, [draft])[0].revision == 2
    merge_labels(connection, "c", "b", now=LATER)
    assert get_posts(connection, [draft])[0].labels == ("b",)
    book = LabelBook(connection, now=LATER)
    assert book.label_id("A") == book.label_id("c") == must_find(connection, "b").id
