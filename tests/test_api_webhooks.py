"""What Ghost and WordPress send when a post is published becomes a post, the same that an import knows."""

import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from database import Database
from labelcast.webwork.secrets import webhook_secrets
from posts.intake import store_posts
from posts.model import PostState, SourcePost
from tests.api_blog import EVERY, SECRETS, ApiBlog
from web.accounts.tokens import find_named
from web.api.webhooks import ghost, wordpress
from web.api.webhooks.told import NotUnderstood

GHOST_POST: dict[str, Any] = {
    "id": "67447438e61fb200012f48e0",
    "uuid": "001cdb2b-98bf-4b05-b46c-15b3b93cade0",
    "title": "The harbour",
    "slug": "harbour",
    "html": "<p>It is closed.</p>",
    "status": "published",
    "visibility": "public",
    "updated_at": "2026-11-23T12:57:31.000Z",
    "published_at": "2026-11-23T12:57:31.000Z",
    "url": "https://ghost.example/harbour/",
    "feature_image": "https://ghost.example/a.jpg",
    "authors": [{"id": "1", "name": "Ada", "email": "ada@example.org"}],
    "tags": [{"name": "Boats", "slug": "boats"}, {"name": "#internal", "slug": "hash-internal"}],
}
WORDPRESS_COM = {
    "hook": "publish_post",
    "ID": "17",
    "guid": "https://wp.example/?p=17",
    "post_title": "The harbour",
    "post_content": "<p>It is closed.</p>",
    "post_date_gmt": "2026-11-23 12:00:00",
    "post_status": "publish",
    "post_type": "post",
    "post_url": "https://wp.example/2026/harbour/",
}
WP_WEBHOOKS = {
    "post_id": 17,
    "post": {
        "ID": 17,
        "post_title": "The harbour",
        "post_content": "<p>It is closed.</p>",
        "post_status": "publish",
        "post_type": "post",
        "post_date_gmt": "2026-11-23 12:00:00",
        "guid": "https://wp.example/?p=17",
    },
    "taxonomies": {
        "category": {"boats": {"name": "Boats", "slug": "boats"}, "uncategorized": {"name": "Uncategorized"}},
        "post_tag": {"sea": {"name": "Sea"}},
        "post_format": {"aside": {"name": "Aside"}},
    },
    "post_permalink": "https://wp.example/2026/harbour/",
}
WP_REST = {
    "id": 17,
    "type": "post",
    "status": "publish",
    "date_gmt": "2026-11-23T12:00:00",
    "guid": {"rendered": "https://wp.example/?p=17"},
    "link": "https://wp.example/2026/harbour/",
    "title": {"rendered": "The harbour"},
    "content": {"rendered": "<p>It is closed.</p>", "protected": False},
    "categories": [1, 4],
    "tags": [],
}


EMBEDDED = {"_embedded": {"wp:term": [[{"taxonomy": "category", "name": "Boats"}], []]}}


class Hooked:
    """A blog that Ghost and WordPress tell of their posts."""

    def __init__(self, database: Database) -> None:
        self.api = ApiBlog(database)
        self.secret = self.api.token("blog", ["posts:write"])

    def ghost(self, current: dict[str, Any], previous: dict[str, Any] | None = None) -> Any:
        """What an event of Ghost is answered."""
        body = {"post": {"current": current, "previous": previous or {}}}
        return self.api.do("POST", f"/webhooks/ghost?token={self.secret}", body, token="")

    def wordpress(self, body: Any) -> Any:
        """What an event of WordPress is answered, sent as JSON, or as a form."""
        path = f"/webhooks/wordpress?token={self.secret}"
        if isinstance(body, str):
            form = "application/x-www-form-urlencoded"
            return self.api.do("POST", path, body.encode(), token="", content_type=form)
        return self.api.do("POST", path, body, token="")

    def posts(self) -> list[Any]:
        """All posts that are stored."""
        items: list[Any] = self.api.get("/posts?html=true")["items"]
        return items


@pytest.fixture
def hooked(sqlite_database: Database) -> Hooked:
    """The same on SQLite."""
    return Hooked(sqlite_database)


def test_a_post_of_ghost_goes_its_way(database: Database) -> None:
    hooked = Hooked(database)
    assert hooked.ghost(GHOST_POST) == {"done": "stored", "number": 1, "why": None}
    (stored,) = hooked.posts()
    assert (stored["title"], stored["labels"], stored["authors"]) == ("The harbour", ["Boats"], ["Ada"])
    assert (stored["url"], stored["state"]) == (GHOST_POST["url"], "live")
    assert stored["published"] == "2026-11-23T12:57:31Z"
    assert hooked.ghost(GHOST_POST)["done"] == "unchanged"
    edited = {name: value for name, value in GHOST_POST.items() if name != "tags"} | {"title": "The quay"}
    assert hooked.ghost(edited, {"title": "The harbour"})["done"] == "stored"
    (stored,) = hooked.posts()
    assert (stored["title"], stored["labels"]) == ("The quay", ["Boats"])
    draft = GHOST_POST | {"status": "draft", "url": f"https://ghost.example/p/{GHOST_POST['uuid']}/"}
    assert hooked.ghost(draft, {"status": "published"})["done"] == "withdrawn"
    (stored,) = hooked.posts()
    assert (stored["state"], stored["url"]) == ("draft", GHOST_POST["url"])
    hooked.ghost(GHOST_POST)
    previous = {name: GHOST_POST[name] for name in ("id", "title", "slug")}
    assert hooked.ghost({}, previous)["done"] == "withdrawn"
    assert [one["state"] for one in hooked.posts()] == ["deleted"]
    assert ("token:blog", "post.delete", "The harbour") in hooked.api.audited()


@pytest.mark.parametrize("first", ["hook", "import"])
def test_an_import_of_the_same_ghost_doubles_nothing(hooked: Hooked, first: str) -> None:
    # As its feed tells it: the guid is the post's id.
    told = SourcePost(
        uri=GHOST_POST["id"], url=GHOST_POST["url"], title="The harbour", html="<p>It is closed.</p>",
        published=hooked.api.now, updated=None, labels=("Boats",), authors=("Ada",),
    )  # fmt: skip
    for turn in (first, "import" if first == "hook" else "hook"):
        if turn == "hook":
            hooked.ghost(GHOST_POST)
        else:
            store_posts(hooked.api.database, [told], now=hooked.api.now)
    assert len(hooked.posts()) == 1


def test_a_post_that_was_stored_by_its_link_alone_is_known_by_it(hooked: Hooked) -> None:
    hooked.api.do("POST", "/posts", {"url": GHOST_POST["url"], "title": "Old"})
    hooked.ghost(GHOST_POST)
    assert [(one["id"], one["title"]) for one in hooked.posts()] == [(GHOST_POST["url"], "The harbour")]


@pytest.mark.parametrize("visibility", ["members", "paid", "tiers"])
def test_what_is_for_members_is_not_told_to_everybody(hooked: Hooked, visibility: str) -> None:
    html = "<p>Free.</p><!--members-only--><p>Secret.</p>"
    hooked.ghost(GHOST_POST | {"visibility": visibility, "html": html})
    assert hooked.posts()[0]["html"] == "<p>Free.</p>"
    hooked.ghost(
        GHOST_POST | {"visibility": visibility, "html": "<p>Secret.</p>", "custom_excerpt": "Short."}
    )
    assert hooked.posts()[0]["html"] == "Short."


def test_what_nobody_had_is_not_taken_from_them(hooked: Hooked) -> None:
    assert hooked.ghost(GHOST_POST | {"status": "draft"})["done"] == "ignored"
    assert hooked.ghost({}, {"id": "unknown"})["done"] == "ignored"
    assert (
        hooked.api.do("POST", f"/webhooks/ghost?token={hooked.secret}", {"page": {}}, token="")["done"]
        == "ignored"
    )
    assert hooked.posts() == []


@pytest.mark.parametrize(
    ("sent", "labels"),
    [
        (urlencode(WORDPRESS_COM), []),
        (WORDPRESS_COM, []),
        (WP_WEBHOOKS, ["Boats", "Sea"]),
        (WP_REST, []),
        (
            [WP_REST | {"_embedded": {"wp:term": [[{"taxonomy": "category", "name": "Boats"}], []]}}],
            ["Boats"],
        ),
    ],
)
def test_wordpress_is_read_however_it_sends(hooked: Hooked, sent: Any, labels: list[str]) -> None:
    assert hooked.wordpress(sent)["done"] == "stored"
    (stored,) = hooked.posts()
    assert (stored["id"], stored["url"]) == ("https://wp.example/?p=17", "https://wp.example/2026/harbour/")
    assert (stored["title"], stored["html"]) == ("The harbour", "<p>It is closed.</p>")
    assert (stored["published"], stored["labels"]) == ("2026-11-23T12:00:00Z", labels)
    assert hooked.wordpress(sent)["done"] == "unchanged"


def test_labels_that_wordpress_does_not_tell_stay(hooked: Hooked) -> None:
    hooked.wordpress(WP_WEBHOOKS)
    hooked.wordpress(WORDPRESS_COM | {"post_title": "The quay"})
    assert [(one["title"], one["labels"]) for one in hooked.posts()] == [("The quay", ["Boats", "Sea"])]


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"post_status": "draft"}, "draft"),
        ({"post_status": "private"}, "draft"),
        ({"post_password": "secret"}, "draft"),
        ({"post_status": "trash"}, "deleted"),
        ({"hook": "delete_post"}, "deleted"),
    ],
)
def test_wordpress_takes_a_post_back(hooked: Hooked, change: dict[str, str], state: str) -> None:
    hooked.wordpress(WORDPRESS_COM)
    assert hooked.wordpress(WORDPRESS_COM | change)["done"] == "withdrawn"
    assert [one["state"] for one in hooked.posts()] == [state]


def test_other_things_of_wordpress_are_passed_over(hooked: Hooked) -> None:
    assert hooked.wordpress(WORDPRESS_COM | {"post_type": "page"})["done"] == "ignored"
    assert hooked.wordpress({"hook": "comment_post", "comment_ID": "1"})["done"] == "ignored"
    assert hooked.posts() == []


def _signed(body: bytes, secret: str, at: float) -> str:
    moment = str(int(at * 1000))
    return f"sha256={hmac.new(secret.encode(), body + moment.encode(), sha256).hexdigest()}, t={moment}"


def test_a_signed_message_needs_no_token_in_its_address(hooked: Hooked) -> None:
    api = hooked.api
    with api.database.read() as connection:
        token = find_named(connection, "blog")
    assert token is not None
    secrets = webhook_secrets(token, SECRETS)
    body = json.dumps({"post": {"current": GHOST_POST, "previous": {}}}).encode()
    now = api.now.timestamp()

    def send(signature: str, *, sent: bytes = body, name: str = "blog") -> int:
        path = f"/webhooks/ghost?name={name}"
        return int(api.ask("POST", path, sent, token="", x_ghost_signature=signature).status_code)

    assert send(_signed(body, secrets[0], now)) == 200
    # Secrets are changed one after the other.
    assert send(_signed(body, secrets[1], now)) == 200
    assert send(_signed(body, "another", now)) == 401
    assert send(_signed(body, secrets[0], now), sent=body + b" ") == 401
    assert send(_signed(body, secrets[0], now - 3600)) == 401
    assert send(_signed(body, secrets[0], now), name="nobody") == 401
    assert send("") == 401
    api.token("reader", ["posts:read"])
    assert send(_signed(body, secrets[0], now), name="reader") == 401
    api.now += timedelta(hours=1)
    assert send(_signed(body, secrets[0], now)) == 401


@pytest.mark.parametrize(
    "said", ["", "?token=lc_wrong", "?name=nobody", "?name=%00", "?token=", "?name=a&name=b"]
)
def test_nothing_is_read_of_what_a_stranger_sends(hooked: Hooked, said: str) -> None:
    read = []

    def sending() -> Iterator[bytes]:
        read.append(1)
        yield b"{}"

    for where in ("ghost", "wordpress", "none"):
        answer = hooked.api.client.post(f"/api/webhooks/{where}{said}", content=sending())
        assert answer.status_code in {401, 422}
    assert read == []
    answer = hooked.api.client.post(f"/api/webhooks/ghost?token={hooked.secret}", content=sending())
    assert (answer.status_code, read) == (422, [1])


@pytest.mark.parametrize("where", ["ghost", "wordpress"])
def test_a_token_in_an_address_may_do_no_more_than_this(hooked: Hooked, where: str) -> None:
    api, path = hooked.api, f"/webhooks/{where}?token="
    assert api.wrong("POST", path + "lc_wrong", {}, token="")[0] == 401
    assert api.wrong("POST", f"/webhooks/{where}", {}, token="")[0] == 401
    assert api.wrong("POST", path + api.token("all", EVERY), {}, token="")[0] == 403
    assert api.wrong("POST", path + api.token("reads", ["posts:read"]), {}, token="")[0] == 403
    assert api.wrong("POST", path + hooked.secret, b"no JSON", token="")[0] == 422
    # Nor is it taken anywhere else.
    assert api.ask("GET", f"/posts?token={hooked.secret}", token="").status_code == 401
    assert hooked.posts() == []


@given(st.binary())
def test_no_body_breaks_a_reader(body: bytes) -> None:
    for read in (ghost.read, lambda sent: wordpress.read("application/json", sent)):
        try:
            read(body)
        except NotUnderstood:
            continue


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(GHOST_POST)), _ANYTHING))
def test_whatever_ghost_tells_is_read_or_refused(values: dict[str, Any]) -> None:
    try:
        told = ghost.read(json.dumps({"post": {"current": GHOST_POST | values}}).encode())
    except NotUnderstood:
        return
    assert told.state in {PostState.LIVE, PostState.DRAFT}


@given(st.dictionaries(st.sampled_from(sorted({**WORDPRESS_COM, **WP_REST, **WP_WEBHOOKS})), _ANYTHING))
def test_whatever_wordpress_tells_is_read_or_refused(values: dict[str, Any]) -> None:
    told = wordpress.read("application/json", json.dumps({**WORDPRESS_COM, **values}).encode())
    assert told.state is None or isinstance(told.state, PostState)
