"""Posts by the API: stored by the rules of an import, changed, withdrawn; listed a page at a time."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from database import Database
from feeds.build import FeedBuilder
from posts.importers.jsonl import FIELDS
from posts.model import post
from posts.overriding import hide
from tests.api_blog import SITE, ApiBlog
from web.api.answering import read_cursor, write_cursor
from web.api.post_documents import PostWhole
from web.api.problems import Problem

HARBOUR = {
    "id": "tag:blog.example,2020:harbour",
    "url": "https://blog.example/harbour",
    "title": "The harbour",
    "html": "<p>It is closed.<script>x</script></p>",
    "published": "2026-11-01T12:00:00+02:00",
    "labels": ["Boats", "U.S. politics"],
    "author": "Ada",
    "enclosures": [{"url": "https://blog.example/a.mp3"}],
    "language": "en",
}
NAMED = "/post?id=tag:blog.example,2020:harbour"


@pytest.fixture
def api(sqlite_database: Database) -> ApiBlog:
    """A blog with an API."""
    return ApiBlog(sqlite_database)


def test_the_names_are_those_of_json_lines() -> None:
    assert set(PostWhole.model_fields) == set(FIELDS)


def test_a_post_is_stored_as_an_import_would(database: Database) -> None:
    api = ApiBlog(database)
    made = api.do("POST", "/posts", HARBOUR)
    assert made["number"] == 1
    assert (made["id"], made["url"], made["title"]) == (HARBOUR["id"], HARBOUR["url"], "The harbour")
    assert made["html"] == "<p>It is closed.</p>"
    assert made["published"] == "2026-11-01T10:00:00Z"
    assert made["labels"] == ["Boats", "U.S. politics"]
    assert (made["author"], made["authors"], made["state"]) == ("Ada", ["Ada"], "live")
    assert made["enclosures"] == [{"url": "https://blog.example/a.mp3", "type": "audio/mpeg", "length": 0}]
    assert made["notes"] == ["removed 1 script"]
    assert api.get("/posts/1") == api.get(NAMED) == api.get(f"/post?url={HARBOUR['url']}") == made
    assert api.audited()[-1] == ("token:cms", "post.add", "The harbour")
    built = FeedBuilder(database, SITE).build("boats", "atom")
    assert built is not None
    assert b"The harbour" in built.body
    assert api.wrong("POST", "/posts", HARBOUR)[0] == 409


def test_put_stores_and_replaces_and_the_same_again_changes_nothing(database: Database) -> None:
    api = ApiBlog(database)
    body = {name: value for name, value in HARBOUR.items() if name != "id"}
    made = api.ask("PUT", NAMED, body)
    assert (made.status_code, made.headers["location"]) == (201, "posts/1")
    entries = len(api.audited())
    again = api.ask("PUT", NAMED, body)
    assert (again.status_code, again.json()) == (200, made.json())
    assert len(api.audited()) == entries
    api.now += timedelta(hours=1)
    changed = api.do("PUT", NAMED, body | {"title": "The quay"})
    assert (changed["number"], changed["title"], changed["updated"]) == (
        1,
        "The quay",
        "2026-11-23T15:00:00Z",
    )
    assert changed["first_stored"] == made.json()["first_stored"]


def test_by_its_url_a_post_is_found_that_an_import_stored_under_an_id(api: ApiBlog) -> None:
    api.do("POST", "/posts", HARBOUR)
    put = api.do("PUT", f"/post?url={HARBOUR['url']}", {"title": "The quay"})
    assert (put["number"], put["id"], put["title"]) == (1, HARBOUR["id"], "The quay")
    # Nothing was said of labels.
    assert put["labels"] == ["Boats", "U.S. politics"]


def test_what_is_not_named_stays(database: Database) -> None:
    api = ApiBlog(database)
    made = api.do("POST", "/posts", HARBOUR)
    api.now += timedelta(hours=1)
    changed = api.do("PATCH", "/posts/1", {"title": "The quay"})
    stays = set(made) - {"title", "updated", "notes"}
    assert {name: changed[name] for name in stays} == {name: made[name] for name in stays}
    assert api.do("PATCH", NAMED, {"labels": ["Quays"], "author": None})["labels"] == ["Quays"]
    assert api.do("PATCH", "/posts/1", {"draft": True})["state"] == "draft"
    assert api.do("PATCH", "/posts/1", {"state": "live"})["state"] == "live"
    assert api.do("PATCH", "/posts/1", {}) == api.get("/posts/1")


def test_a_deleted_post_leaves_a_tombstone(database: Database) -> None:
    api = ApiBlog(database)
    api.do("POST", "/posts", HARBOUR)
    assert api.do("DELETE", "/posts/1")["state"] == "deleted"
    built = FeedBuilder(database, SITE).build("all", "atom")
    assert built is not None
    assert b"deleted-entry" in built.body
    assert api.audited()[-1] == ("token:cms", "post.delete", "The harbour")
    entries = len(api.audited())
    assert api.do("DELETE", NAMED)["state"] == "deleted"
    assert len(api.audited()) == entries


def test_what_lies_ahead_is_scheduled(api: ApiBlog) -> None:
    ahead = (api.now + timedelta(days=1)).isoformat()
    assert api.do("POST", "/posts", {"title": "Soon", "published": ahead})["state"] == "scheduled"


def test_a_hidden_post_stays_hidden(api: ApiBlog) -> None:
    api.do("POST", "/posts", HARBOUR)
    with api.database.write() as connection:
        hide(connection, [1], now=api.now)
    assert api.do("PATCH", "/posts/1", {"title": "The quay"})["state"] == "hidden"
    assert [one["title"] for one in api.get("/posts?state=hidden")["items"]] == ["The quay"]
    assert api.get("/posts?state=live")["items"] == []


def test_two_programs_do_not_undo_each_other(api: ApiBlog) -> None:
    etag = api.ask("POST", "/posts", HARBOUR).headers["etag"]
    assert api.ask("GET", "/posts/1", if_none_match=etag).status_code == 304
    api.do("PATCH", "/posts/1", {"title": "One"}, if_match=etag)
    assert api.wrong("PATCH", "/posts/1", {"title": "Two"}, if_match=etag)[0] == 412
    assert api.wrong("DELETE", "/posts/1", if_match=etag)[0] == 412
    assert api.wrong("PUT", NAMED, {"title": "x"}, if_none_match="*")[0] == 412
    assert api.wrong("PUT", "/post?id=tag:new", {"title": "x"}, if_match="*")[0] == 412
    current = api.ask("GET", "/posts/1").headers["etag"]
    assert api.wrong("PATCH", "/posts/1", {"title": "Two"}, if_match=f"W/{current}")[0] == 412
    assert api.do("PATCH", "/posts/1", {"title": "Two"}, if_match=f'"x", {current}')["title"] == "Two"


def test_pages_hold_each_post_once_whatever_comes_meanwhile(database: Database) -> None:
    api = ApiBlog(database)
    for number in range(7):
        at = (api.now - timedelta(days=number // 2)).isoformat()
        state = "draft" if number % 3 == 0 else "live"
        api.do("POST", "/posts", {"id": f"tag:x,{number}", "title": "T", "published": at, "state": state})
    expected = [one["id"] for one in api.get("/posts?limit=100")["items"]]
    assert len(expected) == 7
    met, cursor = [], ""
    for turn in range(10):
        answer = api.ask("GET", f"/posts?limit=2{cursor}")
        page = answer.json()
        met += [one["id"] for one in page["items"]]
        api.do("POST", "/posts", {"title": "New", "id": f"tag:new,{turn}"})
        if page["next"] is None:
            assert "link" not in answer.headers
            break
        cursor = f"&cursor={page['next']}"
        assert answer.headers["link"] == f'<?limit=2{cursor}>; rel="next"'
    assert met == expected


def test_lists_are_narrowed(database: Database) -> None:
    api = ApiBlog(database)
    for title, labels, state in (
        ("red boat", ["A"], "live"),
        ("blue boat", ["A", "B"], "live"),
        ("car", ["B"], "draft"),
    ):
        api.do("POST", "/posts", {"title": title, "labels": labels, "state": state, "html": "<p>x</p>"})

    def titles(query: str) -> set[str]:
        return {one["title"] for one in api.get(f"/posts?{query}")["items"]}

    assert titles("rule=A and not B") == {"red boat"}
    assert titles("label=b") == {"blue boat", "car"}
    assert titles("rule=A&label=B") == {"blue boat"}
    assert titles("state=draft") == {"car"}
    assert titles("words=boat -red") == {"blue boat"}
    assert titles("words=car") == {"car"}
    assert titles("label=none") == set()
    assert api.get("/posts?html=true")["items"][0]["html"] == "<p>x</p>"
    assert api.get("/posts")["items"][0]["html"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/posts/9", None, 404),
        ("PATCH", "/posts/9", {"title": "x"}, 404),
        ("DELETE", "/posts/9", None, 404),
        ("GET", "/post", None, 422),
        ("GET", "/post?id=", None, 422),
        ("GET", "/post?id=a&url=b", None, 422),
        ("GET", "/post?id=tag:none", None, 404),
        ("PUT", "/post", {}, 422),
        ("PUT", "/post?id=tag:a", {"id": "tag:b"}, 422),
        ("PUT", "/post?url=https://a.example/", {"url": "https://b.example/"}, 422),
        ("PUT", "/post?url=mailto:x", {"title": "x"}, 422),
        ("POST", "/posts", {"published": "yesterday"}, 422),
        ("POST", "/posts", {"published": "2026-11-01T12:00:00"}, 422),
        ("POST", "/posts", {"published": 1700000000}, 422),
        ("POST", "/posts", {"state": "scheduled"}, 422),
        ("POST", "/posts", {"enclosures": [{"url": "x", "length": -1}]}, 422),
        ("POST", "/posts", {"title": "a\x00b"}, 422),
    ],
)
def test_what_cannot_be_is_refused(
    api: ApiBlog, method: str, path: str, body: dict[str, object] | None, status: int
) -> None:
    assert api.wrong(method, path, body)[0] == status
    assert api.get("/posts")["items"] == []


@given(st.integers(min_value=0, max_value=2**63 - 1), st.text(alphabet=st.characters(categories=("L", "N"))))
def test_a_cursor_is_read_as_it_was_written(number: int, text: str) -> None:
    assert read_cursor(write_cursor(number, text), int, str) == (number, text)


@given(st.text())
def test_no_text_is_taken_for_a_cursor(text: str) -> None:
    with pytest.raises(Problem):
        read_cursor(text, int, str, int)


def test_a_post_is_found_by_its_address_by_an_index(api: ApiBlog) -> None:
    query = select(post.c.id).where(post.c.url == "https://blog.example/x").order_by(post.c.id.desc())
    asked = str(query.compile(api.database.engine, compile_kwargs={"literal_binds": True}))
    with api.database.read() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}").all())
    assert "ix_post_url" in plan


def test_an_address_of_any_length_is_kept(database: Database) -> None:
    api = ApiBlog(database)
    url = "https://blog.example/" + "x" * 4000
    assert api.do("POST", "/posts", {"url": url, "title": "Long"})["url"] == url


@pytest.mark.parametrize(
    ("named", "body"),
    [
        ("id=17", {}),
        ("id=17", {"url": "https://blog.example/harbour"}),
        ("id=https://blog.example/%3Fp%3D17", {}),
        ("url=https://blog.example/h%C3%A4fen", {}),
        ("url=https://BLOG.example/harbour", {}),
    ],
)
def test_what_a_post_is_stored_by_it_is_found_by(
    sqlite_database: Database, named: str, body: dict[str, str]
) -> None:
    api = ApiBlog(sqlite_database)
    number = api.do("PUT", f"/post?{named}", {"title": "Harbour", **body})["number"]
    assert api.do("PUT", f"/post?{named}", {"title": "Harbour", **body})["number"] == number
    assert api.get(f"/post?{named}")["number"] == number
    assert api.do("PATCH", f"/post?{named}", {"title": "Haven"})["number"] == number
    assert api.do("DELETE", f"/post?{named}")["state"] == "deleted"


def test_an_id_that_two_blogs_have_is_not_guessed_at(sqlite_database: Database) -> None:
    api = ApiBlog(sqlite_database)
    for host in ("one", "two"):
        api.do("PUT", "/post?id=17", {"title": host, "url": f"https://{host}.example/a"})
    assert api.wrong("DELETE", "/post?id=17")[0] == 409


def test_who_may_only_write_is_told_nothing_of_what_is_there(sqlite_database: Database) -> None:
    api = ApiBlog(sqlite_database)
    draft = api.do(
        "PUT", "/post?id=tag:blog.example,2026:a", {"title": "Secret", "html": "S", "labels": ["S"]}
    )
    blog = api.token("blog", ["posts:write"])
    for method, body in (("PATCH", {}), ("PATCH", {"language": "de"}), ("DELETE", None)):
        answer = api.ask(method, f"/posts/{draft['number']}", body, token=blog)
        told = answer.json()
        assert (answer.status_code, told["number"], told["id"]) == (200, draft["number"], draft["id"])
        assert (told["title"], told["html"], told["labels"]) == ("", None, [])
    # The tag is that of the whole, so that it tells of every change.
    read = api.ask("PATCH", f"/posts/{draft['number']}", {}, token=blog).headers["etag"]
    assert read == api.ask("GET", f"/posts/{draft['number']}").headers["etag"]
