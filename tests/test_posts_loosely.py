"""Labels found by the addresses that other systems gave them."""

import pytest

from posts.curation import delete_label, rename_label
from posts.loosely import LooseLabels, loose_slug
from posts.model import PostState
from tests.feeds_blog import FeedsBlog, post


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("U.S. politics", "u-s-politics"),
        ("  Wait -- what?! ", "wait-what"),
        ("Café Noël", "cafe-noel"),
        ("Straße", "strasse"),
        ("Łódź & Ærø", "lodz-aero"),
        ("Don’t panic", "dont-panic"),
        ("AC/DC", "ac-dc"),
        ("snake_case", "snake-case"),
        ("U.S.+politics", "u-s-politics"),
        ("u.s.-politics", "u-s-politics"),
        ("ایران", "ایران"),
        ("C++", "c"),
        ("🎉", ""),
        ("", ""),
    ],
)
def test_names_and_addresses_come_to_one_spelling(name: str, slug: str) -> None:
    assert loose_slug(name) == slug
    assert loose_slug(slug) == slug


def found(blog: FeedsBlog, text: str, labels: LooseLabels | None = None) -> str | None:
    with blog.database.read() as connection:
        return (labels or LooseLabels()).find(connection, text)


def test_a_label_is_found_by_what_other_systems_called_it(feed_blog: FeedsBlog) -> None:
    names = ["U.S. politics", "Q&A", "Café", "ایران", "🎉"]
    feed_blog.store_all([post(number, name) for number, name in enumerate(names)])
    feed_blog.store(9, "Waiting, still", state=PostState.DRAFT)
    for text, slug in (
        ("u-s-politics", "u.s-politics"),
        ("qa", "q-and-a"),
        ("q-a", "q-and-a"),
        ("cafe", "café"),
        ("ایران", "ایران"),
        ("politics", None),
        ("waiting-still", None),
        ("-", None),
        ("", None),
    ):
        assert (text, found(feed_blog, text)) == (text, slug)


def test_of_two_alike_the_first_has_it_and_a_spelling_of_most_goes_before_wordpress_own(
    sqlite_feed_blog: FeedsBlog,
) -> None:
    for number, name in enumerate(["A&B", "C!", "C?", "AB"]):
        sqlite_feed_blog.store(number, name)
    assert found(sqlite_feed_blog, "c") == "c"
    assert found(sqlite_feed_blog, "ab") == "ab"


def test_what_is_known_follows_the_labels(sqlite_feed_blog: FeedsBlog) -> None:
    labels = LooseLabels()
    sqlite_feed_blog.store(1, "R & D")
    assert found(sqlite_feed_blog, "r-d", labels) == "r-and-d"
    with sqlite_feed_blog.database.write() as connection:
        rename_label(connection, "R & D", "Lab notes!", now=sqlite_feed_blog.now)
    assert found(sqlite_feed_blog, "r-d", labels) is None
    assert found(sqlite_feed_blog, "lab_notes", labels) == "lab-notes"
    with sqlite_feed_blog.database.write() as connection:
        delete_label(connection, "Lab notes!", now=sqlite_feed_blog.now)
    assert found(sqlite_feed_blog, "lab_notes", labels) is None
