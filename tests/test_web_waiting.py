"""What waits for its time, or is not for everybody, shows in no answer; at its time it is everywhere."""

from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from posts.curation import delete_label, rename_label
from posts.intake import release_scheduled
from posts.model import PostState
from posts.privacy import set_private_rule
from posts.rules import parse
from posts.store import find_label
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import open_client
from web.app import FeedServing
from web.feeds.moved import MovedFeeds

DAY = timedelta(days=1)
# Where it would show, once it is there; and what has it in passing, or only asks for something like it.
OWN = (
    "/labels/merger",
    "/feeds/merger.atom",
    "/feeds/merger+open.json",
    "/feeds/authors/sly.rss",
    "/feeds/posts/default/-/merger",
)
SHARED = (
    "/",
    "/feeds/all.atom",
    "/feeds/all.rss",
    "/feeds/open.json",
    "/labels/open",
    "/feeds/open.atom?q=merger",
)
NEAR = ("/labels/merge", "/feeds/merge.atom", "/feeds.opml")

SECRET = replace(post(9, "open", "Merger"), title="Merger of two", html="<p>merger</p>", authors=("Sly",))


def answers(client: TestClient) -> dict[str, tuple[int, bytes, str | None, str | None]]:
    """What anybody is told at each address."""
    found = {address: client.get(address) for address in (*OWN, *SHARED, *NEAR)}
    return {
        address: (one.status_code, one.content, one.headers.get("etag"), one.headers.get("last-modified"))
        for address, one in found.items()
    }


def client_of(blog: FeedsBlog) -> TestClient:
    """A client of a site that answers other systems' addresses too."""
    return open_client(blog, serving=FeedServing(resolvers=(MovedFeeds().read,)))


@pytest.fixture
def opened(feed_blog: FeedsBlog) -> FeedsBlog:
    """A blog whose one post anybody may read."""
    feed_blog.store(1, "open")
    return feed_blog


@pytest.mark.parametrize(
    "state", [PostState.SCHEDULED, PostState.DRAFT, PostState.DELETED, PostState.PRIVATE]
)
def test_what_nobody_is_to_see_yet_changes_no_answer(opened: FeedsBlog, state: PostState) -> None:
    with opened.database.write() as connection:
        set_private_rule(connection, "ours", parse("merged"), now=opened.now)
    before = answers(client_of(opened))
    assert [before[address][0] for address in OWN] == [404] * len(OWN)
    if state is PostState.SCHEDULED:
        hidden = replace(SECRET, published=opened.now + DAY, updated=None)
    elif state is PostState.PRIVATE:
        hidden = replace(SECRET, labels=(*SECRET.labels, "merged"))
    else:
        hidden = replace(SECRET, state=state)
    opened.store_all([hidden])
    assert answers(client_of(opened)) == before
    opened.store_all([replace(hidden, title="Merger of three")])
    with opened.database.write() as connection:
        rename_label(connection, "merger", "The Merger", now=opened.now)
        found = find_label(connection, "merger")
        assert found is not None
        assert not found.is_met
        rename_label(connection, "The Merger", "Merger", now=opened.now)
    assert answers(client_of(opened)) == before
    with opened.database.write() as connection:
        delete_label(connection, "Merger", now=opened.now)
    assert answers(client_of(opened)) == before


def test_at_its_time_it_is_everywhere(opened: FeedsBlog) -> None:
    opened.store_all([replace(SECRET, published=opened.now + DAY, updated=None)])
    client = client_of(opened)
    before = answers(client)
    with opened.database.write() as connection:
        assert release_scheduled(connection, now=opened.now + DAY) == 1
    after = answers(client)
    for address in (*OWN, *SHARED):
        assert after[address][0] == 200, address
        assert b"Merger" in after[address][1], address
        assert after[address] != before[address]
