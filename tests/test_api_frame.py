"""Who is let in to the API, how often, what it says of errors, and what is done once."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from fastapi.routing import APIRoute
from limits import parse
from sqlalchemy import func, insert, select

from database import Database
from labelcast.duties import keeping_programs
from posts.model import post
from tests.api_blog import EVERY, ApiBlog
from tests.web_client import break_off
from web.accounts.tokens import list_tokens, revoke_token
from web.api import deliveries, digests, feeds, imports, labels, posts, subscribers
from web.api.access import Need, Rates, network_of
from web.api.keeping import KEPT_FOR, Kept, claim, has_old, keep, sweep
from web.model import idempotent_answer

PARTS = (posts, labels, feeds, digests, subscribers, deliveries, imports)
OPERATIONS = [
    (
        method,
        route.path_format,
        next(one.call for one in route.dependant.dependencies if isinstance(one.call, Need)),
    )
    for part in PARTS
    for route in part.router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]


@pytest.fixture
def api(sqlite_database: Database) -> ApiBlog:
    """A blog with an API."""
    return ApiBlog(sqlite_database)


def _path(template: str) -> str:
    return template.replace("{number}", "1").replace("{slug}", "x").replace("{digest}", "x")


def test_every_operation_needs_a_token_and_its_scope(api: ApiBlog) -> None:
    assert len(OPERATIONS) > 35
    for number, (method, template, need) in enumerate(OPERATIONS):
        assert isinstance(need, Need)
        path = _path(template)
        assert api.ask(method, path, token="").status_code == 401, (method, path)
        others = [scope for scope in EVERY if scope != need.scope]
        token = api.token(f"t{number}", others)
        refused = api.ask(method, path, {} if method in {"POST", "PUT", "PATCH"} else None, token=token)
        assert refused.status_code == 403, (method, path, refused.text)
        assert refused.json()["detail"].endswith(f"it needs the scope {need.scope}")
        assert f'scope="{need.scope}"' in refused.headers["www-authenticate"]


def test_a_get_needs_the_scope_to_read_and_others_one_to_write() -> None:
    for method, template, need in OPERATIONS:
        assert isinstance(need, Need)
        assert need.scope.endswith(":read" if method == "GET" else ":write"), (method, template)


@pytest.mark.parametrize("secret", ["lc_wrong", "other", "lc_" + "x" * 5000])
def test_a_wrong_token_is_told_so(api: ApiBlog, secret: str) -> None:
    answer = api.ask("GET", "/posts", token=secret)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="labelcast", error="invalid_token"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"


def test_an_expired_token_lets_nobody_in(api: ApiBlog) -> None:
    token = api.token("brief", EVERY, life=timedelta(days=1))
    assert api.ask("GET", "/posts", token=token).status_code == 200
    api.now += timedelta(days=1)
    assert api.ask("GET", "/posts", token=token).status_code == 401


def test_the_scheme_is_read_in_any_case_and_no_other_is_taken(api: ApiBlog) -> None:
    for scheme, status in (("bearer", 200), ("BEARER", 200), ("Basic", 401), ("Token", 401)):
        given = {"authorization": f"{scheme} {api.secret}"}
        assert api.client.get("/api/labels", headers=given).status_code == status


def test_who_asks_too_often_is_told_to_wait(sqlite_database: Database) -> None:
    api = ApiBlog(
        sqlite_database, rates=Rates(per_token=parse("3/minute"), bad_per_network=parse("2/minute"))
    )
    assert [api.ask("GET", "/labels").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = api.ask("GET", "/labels")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert api.ask("GET", "/labels", token=api.token("other", EVERY)).status_code == 200
    assert [api.ask("GET", "/labels", token="lc_bad").status_code for _ in range(3)] == [401, 401, 429]
    # Whoever shares that network and has a token is let in all the same.
    assert api.ask("GET", "/labels", token=api.token("third", EVERY)).status_code == 200


def test_an_address_counts_with_its_network() -> None:
    assert network_of("192.0.2.7") == network_of("192.0.2.200") == "192.0.2.0/24"
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff") == "2001:db8::/64"
    assert network_of("testclient") == "testclient"


def test_a_use_is_noted_and_no_get_writes_it(api: ApiBlog) -> None:
    def used() -> object:
        with api.database.read() as connection:
            return next(one.used_at for one in list_tokens(connection) if one.name == "cms")

    assert not api.uses.is_due(api.now)
    api.get("/posts")
    assert used() is None
    api.uses.flush(api.now)
    assert used() == api.now
    api.now += timedelta(minutes=4)
    api.get("/posts")
    assert not api.uses.is_due(api.now)
    api.now += timedelta(minutes=1)
    api.get("/posts")
    assert api.uses.is_due(api.now)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/posts/1/x", 404),
        ("GET", "/labels/a%0Ab", 404),
        ("GET", "/labels/%00", 404),
        ("GET", "/posts?words=%00", 422),
        ("GET", "/posts/0", 422),
        ("GET", "/posts/99999999999999999999", 422),
        ("GET", "/posts?limit=0", 422),
        ("GET", "/posts?limit=101", 422),
        ("GET", "/posts?cursor=x", 422),
        ("GET", "/posts?cursor=WyIyMDI2LTExLTIzIiwxXQ", 422),
        ("GET", "/posts?rule=a%20and%20(", 422),
        ("GET", "/posts?state=gone", 422),
        ("GET", "/posts?stat=live", 422),
        ("GET", "/posts?words=" + "x" * 8200, 414),
    ],
)
def test_every_error_is_a_problem(api: ApiBlog, method: str, path: str, status: int) -> None:
    assert api.wrong(method, path)[0] == status


def test_another_method_is_told_which_there_are(api: ApiBlog) -> None:
    answer = api.ask("PUT", "/posts/1", {})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PATCH"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"null", b"\xff", b"[" * 10**5])
def test_a_body_that_is_none_is_refused(api: ApiBlog, body: bytes) -> None:
    assert api.wrong("POST", "/posts", body)[0] == 422


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/posts", b'{"title": "x", "labels": ["\\ud800"]}'),
        ("/posts", b'{"title": "x", "id": "tag:blog.example,2026:\\uDFFF"}'),
        ("/feeds", b'{"slug": "x", "rule": "all", "title": "\\ud800"}'),
        ("/digests", b'{"slug": "x", "rule": "all", "title": "\\ud800"}'),
        ("/suppressions", b'{"email": "\\ud800@example.org"}'),
        ("/posts", b'{"\\ud800": 1}'),
        ("/posts", b'{"title": "x", "state": "\\ud800"}'),
        ("/posts", b'{"title": "x", "enclosures": [{"url": "https://a.example/\\ud800", "\\ud800": 2}]}'),
    ],
)
def test_half_a_character_is_refused(api: ApiBlog, path: str, body: bytes) -> None:
    assert api.wrong("POST", path, body)[0] == 422


def test_a_character_of_two_halves_is_one(api: ApiBlog) -> None:
    assert api.do("POST", "/posts", b'{"title": "\\ud83d\\ude00"}')["title"] == "\U0001f600"


def test_where_something_is_wrong_is_told(api: ApiBlog) -> None:
    answer = api.ask("POST", "/posts", {"labels": ["a", 1], "titel": "x"})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["#/labels/1", "#/titel"]


def test_what_is_no_json_is_not_taken_for_it(api: ApiBlog) -> None:
    assert api.wrong("POST", "/posts", b"{}", content_type="text/plain")[0] == 415


def test_what_does_not_say_what_it_is_is_taken_for_json(api: ApiBlog) -> None:
    assert api.do("POST", "/posts", b'{"title": "One"}')["title"] == "One"


def test_too_much_is_refused_before_it_is_read(api: ApiBlog) -> None:
    assert api.wrong("POST", "/posts", b"x", content_length=str(1 << 40))[0] == 413
    assert api.wrong("POST", "/posts", b"x" * ((16 << 20) + 1))[0] == 413


def test_a_head_is_a_get_without_its_body(api: ApiBlog) -> None:
    answer = api.ask("HEAD", "/posts")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_page_of_another_site_is_refused(api: ApiBlog) -> None:
    assert api.wrong("POST", "/posts", {}, origin="https://evil.example")[0] == 403
    assert (
        "access-control-allow-origin" not in api.ask("GET", "/posts", origin="https://evil.example").headers
    )


def test_the_same_key_is_done_once(database: Database) -> None:
    api = ApiBlog(database)
    first = api.ask("POST", "/posts", {"title": "One"}, idempotency_key="k")
    again = api.ask("POST", "/posts", {"title": "One"}, idempotency_key="k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (first.headers["location"], first.headers["etag"]) == (
        again.headers["location"],
        again.headers["etag"],
    )
    assert len(api.get("/posts")["items"]) == 1
    assert api.wrong("POST", "/posts", {"title": "Two"}, idempotency_key="k")[0] == 422
    other = api.token("other", EVERY)
    assert api.ask("POST", "/posts", {"title": "Two"}, token=other, idempotency_key="k").status_code == 201


def test_a_key_of_what_failed_may_come_again(api: ApiBlog) -> None:
    assert api.wrong("POST", "/feeds", {"slug": "x", "rule": "("}, idempotency_key="k")[0] == 422
    assert api.do("POST", "/feeds", {"slug": "x", "rule": "all"}, idempotency_key="k")["slug"] == "x"


@pytest.mark.parametrize("key", ["", "é", "x" * 256])
def test_a_key_that_is_none_is_refused(api: ApiBlog, key: str) -> None:
    answer = api.client.post(
        "/api/posts",
        json={"title": "x"},
        headers=[(b"authorization", f"Bearer {api.secret}".encode()), (b"idempotency-key", key.encode())],
    )
    assert answer.status_code == 422


def test_many_at_once_with_one_key_are_one(database: Database) -> None:
    api = ApiBlog(database)
    api.get("/posts")
    answers: list[str] = []

    def send() -> None:
        answers.append(api.ask("POST", "/posts", {"title": "One"}, idempotency_key="k").text)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert json.loads(answers[0])["number"] == 1
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(post)).scalar_one() == 1


def _at_once(do: Callable[[int], int]) -> list[int]:
    """What comes of something that six do at the same time."""
    ready, statuses = threading.Barrier(6), list[int]()

    def run(number: int) -> None:
        ready.wait()
        statuses.append(do(number))

    threads = [threading.Thread(target=run, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(statuses)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/feeds", {"slug": "x", "rule": "all"}),
        ("/digests", {"slug": "x", "rule": "all"}),
        ("/posts", {"id": "tag:blog.example,2026:x", "title": "x"}),
    ],
)
def test_of_many_who_make_the_same_at_once_one_does(
    database: Database, path: str, body: dict[str, str]
) -> None:
    api = ApiBlog(database)
    api.get("/posts")
    assert _at_once(lambda _: int(api.ask("POST", path, body).status_code)) == [201, *[409] * 5]


def test_of_many_who_change_what_they_read_at_once_one_does(database: Database) -> None:
    api = ApiBlog(database)
    read = api.ask("POST", "/digests", {"slug": "x", "rule": "all"}).headers["etag"]

    def change(number: int) -> int:
        body = {"title": f"Number {number}"}
        return int(api.ask("PATCH", "/digests/x", body, if_match=read).status_code)

    assert _at_once(change) == [200, *[412] * 5]


def test_a_claim_holds_others_off_until_it_is_old(database: Database) -> None:
    now = ApiBlog(database).now
    with database.write() as connection:
        assert claim(connection, "k", "h", now=now) is None
        assert claim(connection, "k", "h", now=now) == Kept(is_same=True, status=None)
        assert claim(connection, "k", "h", now=now + timedelta(hours=1)) is None
        keep(connection, "k", Kept(is_same=True, status=200, body=b"x"))
        kept = claim(connection, "k", "other", now=now + timedelta(hours=2))
        assert kept is not None
        assert (kept.is_same, kept.status, kept.body) == (False, 200, b"x")


def test_answers_are_forgotten_after_a_day(database: Database) -> None:
    now = ApiBlog(database).now
    with database.write() as connection:
        rows = [
            {"key": key, "request_hash": "h", "at": now - age}
            for key, age in (("a", KEPT_FOR), ("b", KEPT_FOR / 2))
        ]
        connection.execute(insert(idempotent_answer), rows)
        assert has_old(connection, now=now)
        assert sweep(connection, now=now) == 1
        assert not has_old(connection, now=now)


def test_what_it_offers_is_told_to_all(api: ApiBlog) -> None:
    described = api.client.get("/api/openapi.json")
    assert described.status_code == 200
    schema = described.json()
    assert schema["openapi"].startswith("3.1")
    assert schema["paths"]["/posts"]["post"]["security"] == [{"token": ["posts:write"]}]
    assert "HTTPValidationError" not in described.text
    page = api.client.get("/api/docs")
    assert page.status_code == 200
    for method, template, _ in OPERATIONS:
        assert f"{method} /api{template}</code>" in page.text
    assert "<script src" not in page.text
    assert "cdn" not in page.text
    assert "content-security-policy" in page.headers
    assert api.client.get("/api").headers["location"] == "api/docs"
    assert api.client.get("/api/").headers["location"] == "docs"


def test_the_scheduler_keeps_uses_and_forgets_old_answers(api: ApiBlog) -> None:
    duty = keeping_programs(api.database, api.uses)
    assert not duty.is_due(api.now)
    api.do("POST", "/posts", {"title": "One"}, idempotency_key="k")
    assert duty.is_due(api.now)
    duty.do(api.now)
    assert not duty.is_due(api.now)
    later = api.now + timedelta(hours=24)
    assert duty.is_due(later)
    duty.do(later)
    assert not duty.is_due(later)
    api.do("POST", "/posts", {"title": "Two"}, idempotency_key="k")
    assert len(api.get("/posts")["items"]) == 2


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/posts", b""),
        ("POST", "/posts", b'{"title": "One"}'),
        ("POST", "/import?format=jsonl", b'{"id": "tag:blog.example,2026:a", "title": "One"}\n'),
    ],
)
def test_a_token_that_is_revoked_while_it_sends_does_nothing(
    api: ApiBlog, method: str, path: str, body: bytes
) -> None:
    def slowly() -> Iterator[bytes]:
        yield body[:5]
        with api.database.write() as connection:
            revoke_token(connection, "cms")
        yield body[5:]

    answer = api.client.request(
        method, f"/api{path}", content=slowly(), headers={"authorization": f"Bearer {api.secret}"}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    with api.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(post)).scalar_one() == 0


def test_a_token_of_a_number_that_another_had_has_no_answers_of_it(api: ApiBlog) -> None:
    told = []
    for number in range(2):
        api.now += timedelta(seconds=number)
        secret = api.token("form", EVERY)
        told.append(
            api.ask("POST", "/posts", {"title": "One"}, token=secret, idempotency_key="k").json()["id"]
        )
        with api.database.write() as connection:
            revoke_token(connection, "form")
    assert told[0] != told[1]


@pytest.mark.parametrize("path", ["/api/posts", "/api/import", "/api/webhooks/ghost"])
def test_who_goes_away_while_they_send_leaves_no_fault_behind(api: ApiBlog, path: str) -> None:
    query = f"token={api.token('hook', ['posts:write'])}" if "webhooks" in path else ""
    assert break_off(api.app(), path, query, authorization=f"Bearer {api.secret}") == [400]
