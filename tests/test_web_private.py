"""Private feeds over HTTP: by the key in the address or as Basic's password, and by nothing else."""

from base64 import b64encode
from dataclasses import dataclass

import pytest
from starlette.testclient import TestClient

from feeds.build import FeedBuilder
from feeds.keys import grant, revoke
from feeds.selection import add_feed
from posts.rules import parse
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import open_client
from web.app import FeedServing

FEED = "/feeds/board-only.atom"


@dataclass
class Board:
    """A blog with two private feeds, ``board-only`` and ``staff-only``, and Ann's keys of these."""

    blog: FeedsBlog
    key: str
    other: str

    def client(self) -> TestClient:
        """A client of the blog as it is served: answers are kept for a second."""
        return open_client(self.blog, serving=FeedServing(fresh_seconds=1.0))


@pytest.fixture
def board(sqlite_feed_blog: FeedsBlog) -> Board:
    """Two posts of the board, one of the staff, one of all."""
    blog = sqlite_feed_blog
    blog.store_all([post(1, "Board"), post(2, "Board"), post(3, "Staff"), post(4, "News")])
    with blog.database.write() as connection:
        for slug in ("board", "staff"):
            # The label has the slug itself.
            add_feed(connection, slug=f"{slug}-only", rule=parse(slug), now=blog.now, is_private=True)
        key = grant(connection, "board-only", "ann", now=blog.now)
        other = grant(connection, "staff-only", "ann", now=blog.now)
    return Board(blog, key, other)


def basic(key: str, user: str = "ann") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{key}".encode()).decode()}


def test_the_key_opens_it_in_the_address_and_as_password(board: Board) -> None:
    client = board.client()
    for answer in (
        client.get(FEED, params={"key": board.key}),
        client.get(FEED, headers=basic(board.key)),
        client.get(FEED, headers=basic(board.key, user="")),
    ):
        assert answer.status_code == 200
        assert "Post 2" in answer.text
        assert "Post 4" not in answer.text
        assert board.key not in answer.text


def test_without_the_key_nobody_learns_which_documents_there_are(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*_: object, **__: object) -> None:
        pytest.fail("nothing is built for whoever has no key")

    for address in (FEED, "/feeds/board-only/archive/1.atom", "/feeds/board-only/archive/9.json"):
        client = board.client()
        with monkeypatch.context() as patch:
            patch.setattr(FeedBuilder, "build", build)
            patch.setattr(FeedBuilder, "archive", build)
            assert client.get(address).status_code == 401
            assert client.get(address, params={"key": board.other}).status_code == 401
    assert client.get(address, params={"key": board.key}).status_code == 404


def test_nothing_else_opens_it_and_all_of_it_is_answered_alike(board: Board) -> None:
    client = board.client()
    client.get(FEED, params={"key": board.key})
    with board.blog.database.write() as connection:
        revoked = grant(connection, "board-only", "bob", now=board.blog.now)
        revoke(connection, "board-only", "bob", now=board.blog.now)
    answers = [
        client.get(FEED),
        client.get(FEED, params={"key": ""}),
        client.get(FEED, params={"key": "x" * 5000}),
        client.get(FEED, params={"key": board.other}),
        client.get(FEED, params={"key": revoked}),
        client.get(FEED, params={"key": "wrong"}, headers=basic(board.key)),
        client.get(FEED, headers=basic(board.other)),
        client.get(FEED, headers={"Authorization": "Basic ???"}),
        client.get(FEED, headers={"Authorization": "Basic /w=="}),
        client.get(FEED, headers={"Authorization": f"Bearer {board.key}"}),
        client.get(FEED, headers={"If-None-Match": "*"}),
        client.get(f"{FEED}?q=text"),
        client.get(f"{FEED}?content=full"),
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    for answer in answers:
        assert answer.headers["www-authenticate"] == 'Basic realm="A private feed", charset="UTF-8"'
        assert answer.headers["cache-control"] == "private, no-store"
        assert "access-control-allow-origin" not in answer.headers
        assert "etag" not in answer.headers
    assert client.head(FEED).status_code == 401


def test_no_cache_that_others_share_keeps_it_and_no_script_of_others_reads_it(board: Board) -> None:
    client = board.client()
    first = client.get(FEED, params={"key": board.key})
    again = client.get(FEED, params={"key": board.key}, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    for answer in (first, again):
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["vary"] == "Accept-Encoding, Authorization"
        assert "access-control-allow-origin" not in answer.headers
    allowed = client.options(FEED)
    assert allowed.status_code == 204
    assert "access-control-allow-origin" not in allowed.headers


def test_where_it_leads_takes_the_key_along_and_is_kept_by_nobody(board: Board) -> None:
    moved = board.client().get(f"{FEED}?content=full&key={board.key}")
    assert (moved.status_code, moved.headers["location"]) == (301, f"./board-only.atom?key={board.key}")
    assert moved.headers["cache-control"] == "private, no-store"
    by_password = board.client().get(f"{FEED}?content=full", headers=basic(board.key))
    assert (by_password.status_code, by_password.headers["location"]) == (301, "./board-only.atom")
    assert by_password.headers["cache-control"] == "private, no-store"


def test_a_key_that_is_revoked_opens_it_no_more_from_that_moment(board: Board) -> None:
    client = board.client()
    assert client.get(FEED, params={"key": board.key}).status_code == 200
    with board.blog.database.write() as connection:
        revoke(connection, "board-only", "ann", now=board.blog.now)
    assert client.get(FEED, params={"key": board.key}).status_code == 401


def test_a_key_makes_no_difference_to_a_public_feed(board: Board) -> None:
    client = board.client()
    plain = client.get("/feeds/news.atom")
    keyed = client.get("/feeds/news.atom", params={"key": board.key}, headers=basic("nonsense"))
    assert keyed.status_code == 200
    assert keyed.content == plain.content
    assert keyed.headers["cache-control"] == plain.headers["cache-control"]
