"""Requests that mean harm, to every address there is: from other sites, with forged hosts, odd, huge."""

import re
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urljoin

import pytest
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from database import Database
from tests.besieged import ACTS, SITE, Besieged, addresses, every_route
from tests.mailed_digests import dump
from web.admin.frame import CSRF_FIELD
from web.forms import LARGEST

EVIL = "https://evil.example"
ELSEWHERE = (
    {"origin": EVIL},
    {"origin": "null"},
    {"origin": "http://siege.example"},
    {"origin": f"{SITE}.evil.example"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": SITE},
    {"sec-fetch-site": ""},
)


def everything(site: Besieged, headers: dict[str, str], client: TestClient) -> None:
    """Ask all that acts, as the owner and with a token, and nothing comes of it."""
    asked = 0
    for method, path in addresses(site, acting=True):
        own = {"authorization": f"Bearer {site.secret}"} if path.startswith("/api") else {}
        data = None if own else {CSRF_FIELD: site.csrf}
        answer = client.request(method, site.path + path, data=data, headers=headers | own)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False), (path, headers)
        asked += 1
    assert asked > 60


@pytest.fixture
def site(besieged: Besieged) -> Besieged:
    return besieged


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
def test_nothing_from_a_page_of_another_site_is_done(site: Besieged, headers: dict[str, str]) -> None:
    before = dump(site.database)
    everything(site, headers, site.client(is_in=True))
    assert dump(site.database) == before


def test_nor_below_a_path_or_behind_a_proxy(sqlite_database: Database, tmp_path: Path) -> None:
    site = Besieged(sqlite_database, tmp_path, path="/blog")
    before = dump(site.database)
    client = site.client(is_in=True)
    everything(site, {"origin": EVIL}, client)
    # A proxy that ends https: the application is asked by http, at an address of its own.
    proxied: Any = ProxyHeadersMiddleware(cast("Any", site.app), trusted_hosts=["testclient"])
    inner = TestClient(
        proxied,
        base_url="http://127.0.0.1:8000",
        follow_redirects=False,
    )
    inner.cookies.update(client.cookies)
    for told in ({"x-forwarded-proto": "https"}, {}):
        everything(site, {"origin": EVIL, "x-forwarded-host": "evil.example", **told}, inner)
        # Its own form is taken, whatever the proxy tells.
        answer = inner.post("/blog/subscribe/links", data={"email": "no"}, headers={"origin": SITE, **told})
        assert answer.status_code == 422
    assert dump(site.database) == before
    site.close()


def test_no_answer_is_made_of_the_host_that_a_request_names(site: Besieged) -> None:
    forged = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    forged |= {"x-original-url": "/admin/", "x-rewrite-url": "/admin/", "x-forwarded-prefix": "/evil.example"}
    plain, owner = site.client(), site.client(is_in=True)
    for path in [path for _, path in addresses(site, acting=False)] + site.links():
        for client in (plain, owner) if path.startswith("/admin") else (plain,):
            answer = client.get(path, headers=forged)
            assert "evil.example" not in answer.text, path
            assert "evil.example" not in str(answer.headers), path
            assert answer.headers.get("location", ".").startswith((".", "/feeds", "api/", "docs", SITE)), path
    before = dump(site.database)["notice"]
    for path in ("/subscribe", "/subscribe/links"):
        plain.post(path, data={"email": "who@readers.example", "digest": "digest"}, headers=forged)
    new = [row for row in dump(site.database)["notice"] if row not in before]
    assert len(new) == 2
    assert "evil" not in "".join(new)


REDIRECTS = [
    "//evil.example",
    "//evil.example/%2e%2e",
    "/\\evil.example",
    "https://evil.example",
    "https:evil.example",
    "///evil.example",
    "/%2f/evil.example",
    "/%5cevil.example",
    "/.//evil.example",
    "/..//evil.example",
    "\t//evil.example",
    "/\t/evil.example",
    "/\nevil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/@evil.example",
    ".evil.example",
    "/admin@evil.example",
]


@pytest.mark.parametrize("to", REDIRECTS)
def test_no_redirect_leads_to_another_site(site: Besieged, to: str) -> None:
    client, owner = site.client(), site.client(is_in=True)
    encoded = quote(to, safe="")
    for path in (
        f"/admin/login?next={encoded}",
        f"/admin?next={encoded}",
        f"/admin{to if to.startswith('/') else '/' + encoded}",
        to if to.startswith("/") and "\n" not in to and "\t" not in to else f"/{encoded}",
        f"/feeds/{encoded}.atom",
        f"/labels/{encoded}",
        f"/tag/{encoded}/feed",
        f"/feeds/posts/default/-/{encoded}",
        f"/{encoded}/",
    ):
        for one in (client, owner):
            request = one.build_request("GET", SITE + "/")
            # As it is written: no client of ours may tidy it up.
            request.url = request.url.copy_with(
                raw_path=path.encode().replace(b"\n", b"%0A").replace(b"\t", b"%09")
            )
            answer = one.send(request)
            assert answer.status_code < 500, path
            if "location" in answer.headers:
                led = urljoin(SITE + path.replace("\\", "/"), answer.headers["location"].replace("\\", "/"))
                assert led.startswith(f"{SITE}/"), (path, led)


ODD = [
    b"\xff\xfe",
    b"\x00",
    b"\xed\xa0\x80",
    b"%",
    b"\xc0\xaf..",
    b"../../etc/passwd",
    b"1" * 400,
    b"-1",
    b"1e309",
]
ODD += [
    b"9223372036854775808",
    b"'\"<>",
    b"\r\nX: y",
    b"\xf0\x9f\xa4\xb7" * 50,
    b"{{7*7}}",
    b"NaN",
    b"",
    b" ",
    b".",
]


def _percent(value: bytes) -> str:
    return "".join(f"%{octet:02X}" for octet in value)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd[:12]))
def test_nothing_odd_in_an_address_is_answered_with_an_error(site: Besieged, odd: bytes) -> None:
    owner, program = site.client(is_in=True), site.client()
    program.headers["authorization"] = f"Bearer {site.secret}"
    names = (
        "q page before after show sort rule title label labels state digest next limit cursor id url at to do"
    )
    query = "&".join(f"{name}={_percent(odd)}" for name in f"{names} slug day month since until kind".split())
    for path, route in every_route(site.app.routes):
        filled = re.sub(r"\{[^}]*\}", lambda _found: _percent(odd), path)
        plain = re.sub(r"\{[^}]*\}", "1", path)
        client = program if path.startswith("/api") else owner
        for method in (getattr(route, "methods", None) or {"GET"}) - ACTS:
            if method != "HEAD":
                # Where it has no part to be filled in, an address by itself is nothing odd.
                for asked in {filled, f"{plain}?{query}"} - {plain}:
                    answer = client.get(asked)
                    assert answer.status_code < 500, asked
                    assert "Traceback" not in answer.text


@pytest.mark.parametrize("odd", ODD[:7:2], ids=lambda odd: repr(odd[:12]))
def test_nothing_odd_in_a_form_is_answered_with_an_error(
    odd: bytes, sqlite_database: Database, tmp_path: Path
) -> None:
    site = Besieged(sqlite_database, tmp_path)
    owner, program = site.client(is_in=True), site.client()
    program.headers["authorization"] = f"Bearer {site.secret}"
    names = (
        "email digest title rule slug name role password next label cadence at timezone language template to"
    )
    names += " scopes reader day do id url form state paused_until introduction min_posts max_age agreed seal"
    form = "&".join(f"{name}={_percent(odd)}" for name in names.split()).encode()
    kinds = {"content-type": "application/x-www-form-urlencoded"}
    for method, path in addresses(site, acting=True):
        if path.startswith("/api"):
            for body in (odd, b'{"title": "' + odd + b'"}', b"[" * 5000, b'{"a":' * 5000 + b"1", b"1" * 5000):
                sent = {"content-type": "application/json"}
                answer = program.request(method, path, content=body, headers=sent)
                assert answer.status_code < 500, (path, body[:40])
        else:
            body = f"{CSRF_FIELD}={site.csrf}&".encode() + form
            assert owner.post(path, content=body, headers=kinds).status_code < 500, path
            multipart = (
                b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n'
                + site.csrf.encode()
                + b"\r\n--x\r\n"
                b'Content-Disposition: form-data; name="file"; filename="'
                + odd
                + b'"\r\n\r\n'
                + odd
                + b"\r\n--x--\r\n"
            )
            sent = {"content-type": "multipart/form-data; boundary=x"}
            answer = owner.post(path, content=multipart, headers=sent)
            assert answer.status_code < 500, path
        if "logout" in path or "sessions" in path:
            owner = site.client(is_in=True)
    site.close()


def test_no_form_is_too_large_or_has_too_many_fields_to_be_answered(site: Besieged) -> None:
    owner = site.client(is_in=True)
    # What acts keeps the session going.
    owner.post("/admin/doctor")
    before = dump(site.database)
    form = {"content-type": "application/x-www-form-urlencoded"}
    many = b"&".join(b"a%d=1" % number for number in range(10_000))[:LARGEST]
    for _, path in addresses(site, acting=True):
        if path.startswith("/api"):
            continue
        assert owner.post(path, content=b"a=" + b"x" * LARGEST, headers=form).status_code == 413, path
        if re.search(r"/\w+\.[\w-]{40}", path):
            # A click needs no field of ours (RFC 8058).
            continue
        answer = owner.post(path, content=many, headers=form)
        assert answer.status_code < 500, path
        if path.startswith("/admin") and "login" not in path:
            assert answer.status_code == 403, path
            boundary = "".join(
                f'--x\r\nContent-Disposition: form-data; name="a{number}"\r\n\r\n1\r\n'
                for number in range(3000)
            )
            sent = {"content-type": "multipart/form-data; boundary=x"}
            assert owner.post(path, content=boundary + "--x--\r\n", headers=sent).status_code == 413, path
    assert dump(site.database) == before
    for path in ("/", "/admin/", "/api/posts", "/subscribe"):
        assert owner.get(path, headers={"cookie": "a=" + "b" * 60_000}).status_code < 500
        assert owner.get(path, headers={"x-a": "b" * 60_000}).status_code < 500
        assert owner.get(path + "?" + "a=1&" * 2000).status_code < 500
