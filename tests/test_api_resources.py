"""Labels, feeds, digests, readers, deliveries and imports by the API."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from database import Database
from digests.model import delivery, edition
from digests.store import get_digest
from outbox.model import notice
from subscribers.model import ConsentKind, consent
from tests.api_blog import ApiBlog
from web.model import idempotent_answer


@pytest.fixture
def api(sqlite_database: Database) -> ApiBlog:
    """A blog with an API."""
    return ApiBlog(sqlite_database)


def _post(api: ApiBlog, name: str, *labels: str) -> None:
    api.do("POST", "/posts", {"id": f"tag:blog.example,2026:{name}", "title": name, "labels": list(labels)})


def test_labels_are_listed_renamed_merged_and_deleted(database: Database) -> None:
    api = ApiBlog(database)
    _post(api, "one", "Boats", "Ships")
    _post(api, "two", "Ships", "Cars")
    listed = api.get("/labels")
    assert [(one["name"], one["slug"], one["posts"]) for one in listed["items"]] == [
        ("Boats", "boats", 1),
        ("Cars", "cars", 1),
        ("Ships", "ships", 2),
    ]
    first = api.get("/labels?limit=2")
    assert [one["name"] for one in first["items"]] == ["Boats", "Cars"]
    assert [one["name"] for one in api.get(f"/labels?cursor={first['next']}")["items"]] == ["Ships"]
    renamed = api.do("PATCH", "/labels/cars", {"name": "Motor cars"})
    assert (renamed["name"], renamed["slug"]) == ("Motor cars", "motor-cars")
    assert api.get("/labels/cars") == renamed
    assert api.do("POST", "/labels/boats/merge", {"into": "Ships"})["posts"] == 2
    assert api.get("/labels/boats")["name"] == "Ships"
    api.do("DELETE", "/labels/motor-cars")
    assert [one["name"] for one in api.get("/labels")["items"]] == ["Ships"]
    assert [entry[1] for entry in api.audited() if entry[1].startswith("label")] == [
        "label.rename",
        "label.merge",
        "label.delete",
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/labels/none", None, 404),
        ("PATCH", "/labels/none", {"name": "x"}, 404),
        ("PATCH", "/labels/a", {"name": "B"}, 409),
        ("PATCH", "/labels/a", {"name": " "}, 422),
        ("PATCH", "/labels/a", {}, 422),
        ("POST", "/labels/a/merge", {"into": "a"}, 409),
        ("POST", "/labels/a/merge", {"into": "none"}, 422),
        ("DELETE", "/labels/none", None, 404),
    ],
)
def test_labels_that_cannot_be(api: ApiBlog, method: str, path: str, body: Any, status: int) -> None:
    _post(api, "one", "A", "B")
    assert api.wrong(method, path, body)[0] == status


def test_feeds_are_configured(database: Database) -> None:
    api = ApiBlog(database)
    made = api.ask(
        "POST", "/feeds", {"slug": "news", "rule": "MEK and not sports", "title": "News", "entries": 5}
    )
    assert (made.status_code, made.headers["location"]) == (201, "feeds/news")
    assert made.json()["url"] == "https://blog.example/feeds/news.atom"
    assert api.get("/feeds/news") == made.json()
    changed = api.do("PATCH", "/feeds/news", {"rule": "iran", "title": None, "private": True})
    assert (changed["rule"], changed["title"], changed["private"], changed["entries"]) == (
        "iran",
        None,
        True,
        5,
    )
    assert changed["id"] == made.json()["id"]
    assert api.wrong("PATCH", "/feeds/news", {"entries": 1}, if_match=made.headers["etag"])[0] == 412
    assert [one["slug"] for one in api.get("/feeds")["items"]] == ["news"]
    api.do("DELETE", "/feeds/news")
    assert api.get("/feeds")["items"] == []
    assert [entry[1:] for entry in api.audited()] == [
        ("feed.add", "news"),
        ("feed.change", "news"),
        ("feed.remove", "news"),
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/feeds", {"slug": "there", "rule": "all"}, 409),
        ("POST", "/feeds", {"slug": "x", "rule": "("}, 422),
        ("POST", "/feeds", {"slug": "Not fit", "rule": "all"}, 422),
        ("POST", "/feeds", {"slug": "x"}, 422),
        ("POST", "/feeds", {"slug": "x", "rule": "all", "entries": 0}, 422),
        ("POST", "/feeds", {"slug": "x", "rule": "all", "entries": "5"}, 422),
        ("POST", "/feeds", {"slug": "x", "rule": "all", "language": "english!"}, 422),
        ("PATCH", "/feeds/none", {}, 404),
        ("GET", "/feeds/none", None, 404),
        ("DELETE", "/feeds/none", None, 404),
    ],
)
def test_feeds_that_cannot_be(api: ApiBlog, method: str, path: str, body: Any, status: int) -> None:
    api.do("POST", "/feeds", {"slug": "there", "rule": "all"})
    assert api.wrong(method, path, body)[0] == status


def test_digests_are_offered(database: Database) -> None:
    api = ApiBlog(database)
    body = {"slug": "weekly", "rule": "MEK", "cadence": "weekly", "at": "fri 07:30", "max_age_days": 3.5}
    made = api.ask("POST", "/digests", body)
    assert made.status_code == 201, made.text
    assert (made.json()["at"], made.json()["max_age_days"], made.json()["readers"]) == ("fri 1 07:30", 3.5, 0)
    assert made.json()["next_slot"] == "2026-11-27T07:30:00Z"
    changes = {
        "max_posts": 5,
        "group_by": "label",
        "introduction": "<p>Hello<script>x</script></p>",
        "paused": True,
    }
    changed = api.do("PATCH", "/digests/weekly", changes, if_match=made.headers["etag"])
    assert (changed["max_posts"], changed["group_by"]) == (5, "label")
    assert changed["introduction"] == "<p>Hello</p>"
    assert changed["paused_at"] == "2026-11-23T14:00:00Z"
    undone = api.do("PATCH", "/digests/weekly", {"max_posts": None, "introduction": None, "paused": False})
    assert (undone["max_posts"], undone["introduction"], undone["paused_at"]) == (None, None, None)
    etag = api.ask("GET", "/digests/weekly").headers["etag"]
    api.do("POST", "/subscribers", {"email": "ada@example.org", "digest": "weekly", "confirmed": True})
    # Another reader is no change of what a program may change.
    assert api.ask("GET", "/digests/weekly").headers["etag"] == etag
    assert api.get("/digests")["items"][0]["readers"] == 1
    assert api.wrong("DELETE", "/digests/weekly")[0] == 409
    api.do("DELETE", "/digests/weekly?force=true")
    assert api.get("/digests")["items"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/digests", {"slug": "there", "rule": "all"}, 409),
        ("POST", "/digests", {"slug": "No", "rule": "all"}, 422),
        ("POST", "/digests", {"slug": "x", "rule": "and"}, 422),
        ("POST", "/digests", {"slug": "x", "rule": "all", "cadence": "hourly"}, 422),
        ("POST", "/digests", {"slug": "x", "rule": "all", "at": "noon"}, 422),
        ("POST", "/digests", {"slug": "x", "rule": "all", "timezone": "Mars/One"}, 422),
        ("POST", "/digests", {"slug": "x", "rule": "all", "max_age_days": 1e308}, 422),
        ("POST", "/digests", {"slug": "x", "rule": "all", "cadences": ["daily"]}, 422),
        ("PATCH", "/digests/there", {"introduction": " "}, 422),
        ("PATCH", "/digests/none", {"title": "x"}, 404),
        ("GET", "/digests/none", None, 404),
        ("DELETE", "/digests/none", None, 404),
    ],
)
def test_digests_that_cannot_be(api: ApiBlog, method: str, path: str, body: Any, status: int) -> None:
    api.do("POST", "/digests", {"slug": "there", "rule": "all"})
    assert api.wrong(method, path, body)[0] == status
    assert len(api.get("/digests")["items"]) == 1


def _subscribed(api: ApiBlog, name: str = "ada") -> int:
    if not api.get("/digests")["items"]:
        api.do("POST", "/digests", {"slug": "weekly", "rule": "all"})
    body = {"email": f"{name}@example.org", "digest": "weekly", "confirmed": True}
    return int(api.do("POST", "/subscribers", body)["number"])


def test_a_reader_who_is_vouched_for_is_subscribed(database: Database) -> None:
    api = ApiBlog(database)
    number = _subscribed(api)
    reader = api.get(f"/subscribers/{number}")
    assert (reader["email"], reader["state"]) == ("ada@example.org", "confirmed")
    with database.read() as connection:
        row = connection.execute(select(consent)).one()
    assert (row.kind, row.origin) == (ConsentKind.CLAIMED, "api:cms")
    # The same again, now with labels.
    body = {"email": "ADA@example.org", "digest": "weekly", "confirmed": True, "labels": ["Boats"]}
    again = api.ask("POST", "/subscribers", body)
    assert (again.status_code, again.json()["number"]) == (200, number)
    assert again.json()["subscriptions"][0]["labels"] == ["boats"]
    assert "example.org" not in str(api.audited())


def test_others_are_asked_by_mail(database: Database) -> None:
    api = ApiBlog(database)
    api.do("POST", "/digests", {"slug": "weekly", "rule": "all"})
    answer = api.ask("POST", "/subscribers", {"email": "bo@example.org", "digest": "weekly", "labels": ["A"]})
    assert (answer.status_code, answer.json()["state"]) == (202, "asked")
    assert api.get("/subscribers")["items"] == []
    with database.read() as connection:
        row = connection.execute(select(notice)).one()
    assert (row.kind, row.payload["address"], row.payload["choices"]) == (
        "signup",
        "bo@example.org",
        {"labels": ["a"]},
    )


def test_what_a_reader_chose_is_changed(database: Database) -> None:
    api = ApiBlog(database)
    path = f"/subscribers/{_subscribed(api)}/subscriptions/weekly"
    until = (api.now + timedelta(days=3)).isoformat()
    (held,) = api.do("PATCH", path, {"cadence": "daily", "at": "18:30", "paused_until": until})[
        "subscriptions"
    ]
    assert (held["cadence"], held["minute"], held["paused_until"]) == ("daily", 1110, "2026-11-26T14:00:00Z")
    (held,) = api.do("PATCH", path, {"cadence": None, "paused_until": None})["subscriptions"]
    assert (held["cadence"], held["minute"], held["paused_until"]) == (None, 1110, None)
    assert api.wrong("PATCH", path, {"paused_until": "2020-01-01T00:00:00Z"})[0] == 422
    assert api.wrong("PATCH", path, {"timezone": "Mars/One"})[0] == 422
    api.now += timedelta(hours=1)
    (held,) = api.do("DELETE", path)["subscriptions"]
    assert held["state"] == "ended"
    assert api.wrong("DELETE", path)[0] == 404


def test_a_reader_is_suppressed_lifted_and_erased(database: Database) -> None:
    api = ApiBlog(database)
    path = f"/subscribers/{_subscribed(api)}"
    assert api.do("PUT", f"{path}/suppression", {"reason": "complained"})["state"] == "suppressed"
    body = {"email": "ada@example.org", "digest": "weekly", "confirmed": True}
    assert api.wrong("POST", "/subscribers", body)[0] == 409
    assert api.do("DELETE", f"{path}/suppression")["state"] == "confirmed"
    data = api.get(f"{path}/data")
    assert (data["email"], data["consents"][0]["origin"]) == ("ada@example.org", "api:cms")
    assert api.ask("DELETE", path).status_code == 204
    assert api.get(path)["state"] == "erased"
    assert api.wrong("GET", f"{path}/data")[0] == 410
    assert api.wrong("DELETE", path)[0] == 410
    assert api.ask("POST", "/suppressions", {"email": "eve@example.org"}).status_code == 204
    assert api.wrong("POST", "/subscribers", body | {"email": "eve@example.org"})[0] == 409
    assert "example.org" not in str(api.audited())


def test_readers_are_listed(database: Database) -> None:
    api = ApiBlog(database)
    for name in ("ada", "bo", "cy"):
        _subscribed(api, name)
    first = api.get("/subscribers?limit=2")
    assert [one["email"] for one in first["items"]] == ["cy@example.org", "bo@example.org"]
    assert [one["email"] for one in api.get(f"/subscribers?limit=2&cursor={first['next']}")["items"]] == [
        "ada@example.org"
    ]
    assert [one["email"] for one in api.get("/subscribers?email=bo@example.org")["items"]] == [
        "bo@example.org"
    ]
    assert len(api.get("/subscribers?digest=weekly&state=confirmed")["items"]) == 3
    assert api.get("/subscribers?state=pending")["items"] == []
    assert api.wrong("GET", "/subscribers?digest=none")[0] == 422


def test_who_may_only_write_is_told_of_no_reader_whom_they_did_not_name(database: Database) -> None:
    api = ApiBlog(database)
    path = f"/subscribers/{_subscribed(api)}"
    form = api.token("form", ["subscribers:write"])
    for method, there, body in (
        ("PATCH", f"{path}/subscriptions/weekly", {}),
        ("DELETE", f"{path}/suppression", None),
        ("PUT", f"{path}/suppression", {}),
        ("POST", "/subscribers", {"email": "bo@example.org", "digest": "weekly", "confirmed": True}),
    ):
        answer = api.ask(method, there, body, token=form)
        assert answer.status_code < 300
        told = answer.json()
        assert (told["email"], told["language"], told["subscriptions"]) == (None, None, [])
        assert told["number"] in {1, 2}


def test_a_reader_is_changed_only_if_they_are_what_was_read(database: Database) -> None:
    api = ApiBlog(database)
    path = f"/subscribers/{_subscribed(api)}"
    read = api.ask("GET", path).headers["etag"]
    changed = api.ask("PATCH", f"{path}/subscriptions/weekly", {"labels": ["A"]}, if_match=read)
    assert changed.status_code == 200
    for method, there, body in (
        ("PATCH", f"{path}/subscriptions/weekly", {"labels": ["B"]}),
        ("DELETE", f"{path}/subscriptions/weekly", None),
        ("PUT", f"{path}/suppression", {}),
        ("DELETE", f"{path}/suppression", None),
        ("DELETE", path, None),
    ):
        assert api.wrong(method, there, body, if_match=read)[0] == 412
    assert api.ask("DELETE", path, if_match=changed.headers["etag"]).status_code == 204


def test_an_answer_that_is_kept_holds_no_reader(database: Database) -> None:
    api = ApiBlog(database)
    api.do("POST", "/digests", {"slug": "weekly", "rule": "all"})
    ada: dict[str, Any] = {"email": "ada@example.org", "digest": "weekly", "confirmed": True}
    bo = {"email": "bo@example.org", "digest": "weekly"}
    for body, status in ((ada, 201), (ada | {"labels": ["A"]}, 200), (bo, 202)):
        first = api.ask("POST", "/subscribers", body, idempotency_key=f"k{status}")
        again = api.ask("POST", "/subscribers", body, idempotency_key=f"k{status}")
        assert (first.status_code, again.status_code) == (status, status)
        assert first.json() == again.json()
        assert again.headers["idempotency-replayed"] == "true"
        for name in ("location", "etag", "cache-control"):
            assert again.headers.get(name) == first.headers.get(name)
    with database.read() as connection:
        rows = connection.execute(select(idempotent_answer.c.body, idempotent_answer.c.headers)).all()
    assert len(rows) == 3
    assert "example.org" not in str(rows)
    api.do("DELETE", "/subscribers/1")
    assert api.wrong("POST", "/subscribers", ada, idempotency_key="k201")[0] == 410


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/subscribers", {"email": "no address", "digest": "weekly"}, 422),
        ("POST", "/subscribers", {"email": "a@example.org\nBcc: b@example.org", "digest": "weekly"}, 422),
        ("POST", "/subscribers", {"email": "a@example.org", "digest": "none"}, 422),
        ("POST", "/subscribers", {"email": "a@example.org", "digest": "weekly", "cadence": "hourly"}, 422),
        ("POST", "/suppressions", {"email": "no address"}, 422),
        ("GET", "/subscribers/9", None, 404),
        ("GET", "/subscribers/9/data", None, 404),
        ("DELETE", "/subscribers/9", None, 404),
        ("PATCH", "/subscribers/9/subscriptions/weekly", {}, 404),
        ("PATCH", "/subscribers/1/subscriptions/none", {}, 404),
        ("PUT", "/subscribers/1/suppression", {"reason": "erased"}, 422),
        ("DELETE", "/subscribers/9/suppression", None, 404),
    ],
)
def test_readers_that_cannot_be(api: ApiBlog, method: str, path: str, body: Any, status: int) -> None:
    _subscribed(api)
    assert api.wrong(method, path, body)[0] == status
    assert len(api.get("/subscribers")["items"]) == 1


def _mailed(api: ApiBlog) -> None:
    """An edition of which one delivery failed, one is in doubt and one was sent."""
    readers = [_subscribed(api, name) for name in ("ada", "bo", "cy")]
    with api.database.write() as connection:
        number = get_digest(connection, "weekly").id
        made = {
            "digest_id": number,
            "window_start": api.now - timedelta(days=7),
            "window_end": api.now,
            "labels": "",
            "language": "en",
            "template": "digest",
            "content": "full",
            "form": "html",
            "folded": False,
            "readers": 3,
            "created_at": api.now,
        }
        connection.execute(insert(edition).values(made))
        for reader, state in zip(readers, ("failed", "in_doubt", "sent"), strict=True):
            connection.execute(
                insert(delivery).values(
                    edition_id=1,
                    subscriber_id=reader,
                    state=state,
                    attempt=1,
                    doubts=0,
                    message_id=f"<{reader}@blog.example>",
                    due_at=api.now,
                    created_at=api.now,
                    updated_at=api.now,
                )
            )


def test_deliveries_are_listed_and_sent_again(database: Database) -> None:
    api = ApiBlog(database)
    _mailed(api)
    first = api.get("/deliveries?limit=2")
    assert [one["state"] for one in first["items"]] == ["sent", "in_doubt"]
    assert [one["state"] for one in api.get(f"/deliveries?limit=2&cursor={first['next']}")["items"]] == [
        "failed"
    ]
    assert [one["email"] for one in api.get("/deliveries?state=failed&edition=1")["items"]] == [
        "ada@example.org"
    ]
    assert len(api.get("/deliveries?edition=1&limit=2")["items"]) == 2
    assert api.get("/deliveries?edition=2")["items"] == []
    (shown,) = api.get("/editions?digest=weekly")["items"]
    assert shown["states"] == {"failed": 1, "in_doubt": 1, "sent": 1}
    assert api.get("/editions/1") == shown
    assert api.wrong("GET", "/editions/2")[0] == 404
    assert api.do("POST", "/deliveries/retry", {"edition": 2}) == {"queued": 0}
    assert api.do("POST", "/deliveries/retry", {"edition": 1}) == {"queued": 1}
    assert api.do("POST", "/deliveries/release", {}) == {"queued": 1}
    assert len(api.get("/deliveries?state=queued")["items"]) == 2
    assert [entry[1:] for entry in api.audited()[-2:]] == [
        ("delivery.retry", "edition 1"),
        ("delivery.release", "all"),
    ]
    assert api.wrong("POST", "/deliveries/retry", {"edition": "1"})[0] == 422
    assert api.wrong("GET", "/deliveries?state=lost")[0] == 422


def _lines(count: int) -> bytes:
    return b"".join(
        json.dumps({"id": f"tag:blog.example,2026:{n}", "title": f"Post {n}"}).encode() + b"\n"
        for n in range(count)
    )


def test_a_file_is_imported_once(database: Database) -> None:
    api = ApiBlog(database)
    report = api.do("POST", "/import", _lines(3) + b'{"title": "no id"}\n', idempotency_key="k")
    assert (report["new"], report["skipped"][0]["reason"]) == (3, "it has no id and no link")
    assert api.do("POST", "/import", _lines(3) + b'{"title": "no id"}\n', idempotency_key="k") == report
    assert api.wrong("POST", "/import", _lines(1), idempotency_key="k")[0] == 422
    assert api.do("POST", "/import", _lines(3))["unchanged"] == 3
    assert api.do("POST", "/import?dry_run=true", _lines(5))["new"] == 2
    assert len(api.get("/posts")["items"]) == 3
    api.do("POST", "/import?label=Old&label=Boats", _lines(4))
    assert [one["name"] for one in api.get("/labels")["items"]] == ["Boats", "Old"]
    assert api.audited()[0][1:] == ("posts.import", "auto")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/import", b""),
        ("/import", b"what is this"),
        ("/import", _lines(2) + b'{"id": "cut'),
        ("/import?format=feed", _lines(2)),
        ("/import?format=none", _lines(2)),
        ("/import?dry_run=maybe", _lines(2)),
    ],
)
def test_a_file_that_is_none_changes_nothing(api: ApiBlog, path: str, body: bytes) -> None:
    status, detail = api.wrong("POST", path, body, idempotency_key="k")
    assert status == 422
    assert "/tmp" not in detail
    assert api.get("/posts")["items"] == []
    # Its key was not used up by that.
    assert api.do("POST", "/import", _lines(1), idempotency_key="k")["new"] == 1
