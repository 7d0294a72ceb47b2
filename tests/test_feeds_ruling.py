"""Rules of labels' names as the names of feeds."""

import pytest

from feeds.addresses import AddressError
from feeds.ruling import name_of_rule, stranger_in
from posts.curation import delete_label
from posts.rules import parse
from tests.feeds_blog import FeedsBlog, post


@pytest.fixture
def stored(sqlite_feed_blog: FeedsBlog) -> FeedsBlog:
    """A post under A, B, C and a label with signs in its name; one under a label that was deleted."""
    sqlite_feed_blog.store_all([post(1, "A", "B", "C", "x+y, z"), post(2, "Old")])
    with sqlite_feed_blog.database.write() as connection:
        delete_label(connection, "Old", now=sqlite_feed_blog.now)
    return sqlite_feed_blog


def named(blog: FeedsBlog, rule: str) -> str | None:
    with blog.database.read() as connection:
        return name_of_rule(connection, parse(rule), guess=lambda _, name: "a" if name == "ah" else None)


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("all", "all"),
        ("A", "a"),
        ("ah", "a"),
        ("B and A", "a+b"),
        ("b or A", "a,b"),
        ("not A", "-a"),
        ("A and not B", "a+-b"),
        ("not (A or B)", "-a+-b"),
        ("not (A and not B)", "b,-a"),
        ("(A or B) and C", "a+c,b+c"),
        ("A and A", "a"),
        ("A or A and B", "a"),
        ("A or not A", "all"),
        ("A and all", "a"),
        ('"x+y, z"', "x-plus-y-z"),
        ('"x+y, z" and A', "a+x-plus-y-z"),
        ("A and not A", None),
        ("not all", None),
        ("A and none", None),
        ("A or Old", None),
    ],
)
def test_a_rule_has_the_name_of_its_meaning(stored: FeedsBlog, rule: str, name: str | None) -> None:
    assert named(stored, rule) == name


def test_the_one_that_is_not_known_is_told_before_one_that_was_deleted(stored: FeedsBlog) -> None:
    with stored.database.read() as connection:
        for rule, stranger in (
            ("A or Old or none", "none"),
            ("A and Old", "Old"),
            ("A and not A", ""),
            ("all", ""),
        ):
            assert stranger_in(connection, parse(rule), guess=lambda *_: None) == stranger


def test_more_labels_than_an_address_takes_are_too_much(stored: FeedsBlog) -> None:
    names = [f"l{number}" for number in range(9)]
    stored.store(3, *names)
    with pytest.raises(AddressError, match="at most 8"):
        named(stored, " or ".join(names))
