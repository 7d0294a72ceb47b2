"""Logging in to the publisher's pages, and out."""

from dataclasses import replace
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import time_machine
from argon2 import PasswordHasher
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Connection, select
from starlette.testclient import TestClient

from tests.admin_client import IDLE, admin_app, admin_app_client, log_in
from tests.feeds_blog import FeedsBlog
from tests.web_client import break_off, open_client, tree
from web.accounts import accounts
from web.accounts.accounts import Account, check_password, remove_account, set_password
from web.accounts.attempts import PER_NAME, PER_NETWORK, Attempts, mark, network_of, read_mark
from web.admin.entry.login import KNOWN, checked_next
from web.admin.frame import COOKIE
from web.admin.work import AdminWork
from web.app import Administration
from web.model import Role, audit_entry, session

PASSWORD = "correct horse battery"


@pytest.fixture
def blog(sqlite_feed_blog: FeedsBlog, monkeypatch: pytest.MonkeyPatch) -> FeedsBlog:
    """A blog with one account, anna's, whose password costs no time."""
    monkeypatch.setattr(accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    with sqlite_feed_blog.database.write() as connection:
        set_password(connection, "anna", PASSWORD, now=sqlite_feed_blog.now)
    return sqlite_feed_blog


def enter(client: TestClient, password: str = PASSWORD, name: str = "anna", **more: str) -> int:
    """What becomes of a login."""
    sent = {"name": name, "password": password} | more
    return int(client.post("/admin/login", data=sent).status_code)


def unhurried(client: TestClient) -> list[float]:
    """Let nobody wait; what they would have waited is noted."""
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    for route in getattr(client.app, "routes", ()):
        if getattr(route, "path", "") == "/admin/login":
            object.__setattr__(route.endpoint.__self__, "pause", pause)
    return waited


def test_who_is_not_logged_in_is_led_to_the_login_and_back(blog: FeedsBlog) -> None:
    client = admin_app_client(blog)
    answer = client.get("/admin/?x=a%20b")
    assert (answer.status_code, answer.headers["location"]) == (303, "../admin/login?next=/%3Fx%3Da%2520b")
    form = client.get(urljoin("/admin/", answer.headers["location"]))
    assert tree(form.text).xpath("string(//input[@name='next']/@value)") == "/?x=a%20b"
    sent = {"name": " Anna ", "password": PASSWORD, "next": "/?x=a%20b"}
    done = client.post("/admin/login", data=sent)
    assert (done.status_code, done.headers["location"]) == (303, "../admin/?x=a%20b")
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/login?next=/audit").headers["location"] == "../admin/audit"
    assert client.get("/admin").headers["location"] == "./admin/"


def test_a_login_is_a_new_session_and_its_cookie_is_for_these_pages_alone(blog: FeedsBlog) -> None:
    client = admin_app_client(blog)
    client.cookies.set(COOKIE, "planted", path="/admin")
    answer = client.post("/admin/login", data={"name": "anna", "password": PASSWORD})
    given = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(f"{COOKIE}="))
    token, *flags = given.split("; ")
    assert set(flags) == {"HttpOnly", "Path=/admin", "SameSite=lax", "Secure"}
    first = token.partition("=")[2]
    assert "planted" not in token
    client.cookies.clear()
    client.cookies.set(COOKIE, first, path="/admin")
    assert enter(client) == 303
    with blog.database.read() as connection:
        # That of before is over: no two of one browser.
        assert len(connection.execute(select(session)).all()) == 1
        did = connection.execute(select(audit_entry.c.actor, audit_entry.c.action)).all()
    assert set(did) == {("account:anna", "account.login")}


def test_a_site_without_https_and_below_a_path_has_cookies_that_fit(blog: FeedsBlog) -> None:
    below = replace(blog, site=replace(blog.site, url="http://home.example/news"))
    client = open_client(below, admin=Administration(AdminWork(), lambda: blog.now, IDLE))
    answer = client.post("/admin/login", data={"name": "anna", "password": PASSWORD})
    for cookie in answer.headers.get_list("set-cookie"):
        assert "; Path=/news/admin" in cookie
        assert "Secure" not in cookie


def test_logging_out_ends_the_session_everywhere(blog: FeedsBlog) -> None:
    client = admin_app_client(blog)
    me = log_in(client, blog, Role.VIEWER)
    assert me.post("/logout").status_code == 303
    client.cookies.set(COOKIE, me.token, path="/admin")
    assert me.get("/").status_code == 303
    assert client.get("/admin/logout").status_code == 404


def test_who_was_logged_out_meanwhile_is_told_that_nothing_was_done(blog: FeedsBlog) -> None:
    client = admin_app_client(blog)
    answer = client.post("/admin/accounts", data={"name": "x"})
    assert answer.headers["location"] == "../admin/login"
    assert "nothing was done" in client.get("/admin/login").text
    assert "nothing was done" not in client.get("/admin/login").text


def test_a_password_that_is_changed_while_it_is_looked_at_lets_nobody_in(
    blog: FeedsBlog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked_at(connection: Connection, name: str, password: str) -> Account | None:
        found = check_password(connection, name, password)
        with blog.database.write() as other:
            set_password(other, "anna", "another password of hers", now=blog.now)
        return found

    monkeypatch.setattr("web.admin.entry.login.check_password", looked_at)
    assert enter(admin_app_client(blog)) == 422
    with blog.database.read() as connection:
        assert connection.execute(select(session)).all() == []


def test_who_goes_away_while_they_log_in_leaves_no_fault_behind(blog: FeedsBlog) -> None:
    assert break_off(admin_app(blog), "/admin/login") == [400]


def test_a_session_ends_when_it_is_not_used(blog: FeedsBlog) -> None:
    me = log_in(admin_app_client(blog, now=blog.now + IDLE), blog, Role.VIEWER, now=blog.now)
    assert me.get("/").status_code == 303


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(blog: FeedsBlog) -> None:
    said = set()
    for name, password in [("anna", "not hers at all"), ("nobody", PASSWORD), ("an\0na", PASSWORD), ("", "")]:
        client = admin_app_client(blog)
        answer = client.post("/admin/login", data={"name": name, "password": password})
        page = answer.text.replace(f'value="{name}"', "")
        said.add((answer.status_code, page.replace("\ufffd", "").replace("an\0na", "")))
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers
        assert password not in answer.text or not password
    assert len({status for status, _ in said}) == 1
    assert "The name or the password is wrong." in said.pop()[1]


def test_a_login_from_a_page_of_another_site_is_none(blog: FeedsBlog) -> None:
    for header in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}):
        client = admin_app_client(blog)
        sent = {"name": "anna", "password": PASSWORD}
        answer = client.post("/admin/login", data=sent, headers=header)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_who_guesses_is_let_wait_then_refused_for_a_while(blog: FeedsBlog) -> None:
    client = admin_app_client(blog)
    waited = unhurried(client)
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as traveller:
        assert [enter(client, "wrong") for _ in range(PER_NETWORK)] == [422] * PER_NETWORK
        assert waited == sorted(waited)
        assert 0 < waited[0] < waited[-1] <= 3
        refused = client.post("/admin/login", data={"name": "anna", "password": PASSWORD})
        assert (refused.status_code, int(refused.headers["retry-after"])) == (429, 901)
        assert "Try again in 16 minutes" in refused.text
        traveller.shift(902)
        assert enter(client) == 303


def test_a_stranger_keeps_out_nobody_whose_browser_is_known(blog: FeedsBlog) -> None:
    owner = admin_app_client(blog)
    unhurried(owner)
    assert enter(owner) == 303
    attempts = Attempts()
    # From everywhere, all day.
    for number in range(PER_NAME):
        assert not attempts.admit(f"10.0.{number}.1", " ANNA", None).refused
        attempts.done()
    assert attempts.admit("192.0.2.1", "anna", None).refused
    assert not attempts.admit("192.0.2.1", "ben", None).refused
    assert not attempts.admit("10.0.0.1", "anna", "the owner's browser").refused
    # And here, from the owner's own network.
    assert {enter(admin_like(owner, blog), "wrong") for _ in range(PER_NETWORK - 1)} == {422}
    assert enter(admin_like(owner, blog)) == 429
    assert enter(owner) == 303
    # A mark that another account's browser has, or one made up, is none.
    for marked in ("", "x", "x.y", mark(b"another key"), owner.cookies[KNOWN].replace(".", "a.", 1)):
        stranger = admin_like(owner, blog)
        stranger.cookies.set(KNOWN, marked, path="/admin")
        assert enter(stranger) == 429


def admin_like(client: TestClient, blog: FeedsBlog) -> TestClient:
    """Another browser before the same application."""
    return TestClient(client.app, base_url=blog.site.url, follow_redirects=False)


def test_no_more_passwords_are_looked_at_at_once_than_threads_can_bear() -> None:
    attempts = Attempts()
    admitted = [attempts.admit(f"10.0.{number}.1", f"name{number}", None).refused for number in range(10)]
    assert admitted == [0] * 8 + [5] * 2
    assert not attempts.admit("10.0.11.1", "anna", "a known browser").refused
    for _ in range(3):
        attempts.done()
    assert not attempts.admit("10.0.12.1", "anna", None).refused


def test_an_account_that_is_removed_is_logged_out(blog: FeedsBlog) -> None:
    me = log_in(admin_app_client(blog), blog, Role.EDITOR)
    assert me.get("/").status_code == 200
    with blog.database.write() as connection:
        remove_account(connection, "editor")
    assert me.get("/").status_code == 303


def test_the_first_login_tells_how_to_make_an_account(sqlite_feed_blog: FeedsBlog) -> None:
    client = admin_app_client(sqlite_feed_blog)
    assert "labelcast admin password NAME" in client.get("/admin/login").text
    assert client.post("/admin/login", data={"name": "x" * 70_000}).status_code == 413


ODD = "/ // \\ .. . %2e %2E%2e %252e %2f %5c %255C : @ ? # & %0a %00 http: https:// javascript: evil.example"
PIECES = st.sampled_from([*ODD.split(), "\t", "\n", "\0", "feeds", "a b", "ä", "login"])


@given(st.lists(PIECES, max_size=8).map("".join) | st.text())
@example("/\\evil.example")
@example("/feeds/../../logout")
@example("/%2e%2e/%2e%2e/x")
@example("/;/../x")
def test_a_login_leads_on_to_these_pages_only(asked: str) -> None:
    to = checked_next(asked)
    for base in ("https://blog.example/admin/login", "https://blog.example/news/admin/login"):
        arrived = urlsplit(urljoin(base, f"../admin{to}"))
        assert (arrived.scheme, arrived.netloc) == ("https", "blog.example")
        front = urlsplit(base).path.removesuffix("login")
        meant = unquote(unquote(arrived.path))
        assert meant.startswith(front)
        assert not {"..", "."} & set(meant.split("/"))
        assert "\\" not in meant
        assert "//" not in meant
    # No header is broken by it.
    assert to.isascii()
    assert to.isprintable()


@pytest.mark.parametrize("asked", ["/", "/feeds/mek", "/feeds/a%20b?rule=%22x%22&y=", "/posts?q=a/b?c"])
def test_a_page_of_ours_is_led_on_to(asked: str) -> None:
    assert checked_next(asked) == asked


@given(st.binary(min_size=32, max_size=32), st.text())
def test_a_mark_is_read_with_its_own_key_only(key: bytes, other: str) -> None:
    marked = mark(key)
    assert read_mark(key, marked) == marked.partition(".")[0]
    assert read_mark(key[::-1] + b"x", marked) is None
    assert read_mark(None, marked) is None
    assert read_mark(key, other) is None


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_a_network_of_ipv6_is_a_households(host: str, network: str) -> None:
    assert network_of(host) == network
