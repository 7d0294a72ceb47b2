"""Every address of the publisher's pages, walked: who is let in, and what no form from outside does."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.routing import Route

from feeds.configured import configured_feed
from tests.admin_client import AdminClient, admin_app_client, log_in
from tests.feeds_blog import FeedsBlog
from tests.mailed_digests import dump
from web.accounts.accounts import set_role
from web.accounts.sessions import end_session
from web.admin.frame import CSRF_FIELD
from web.model import Role

# These are for everybody: the login, what helps it, and the way in.
OPEN = {"/admin", "/admin/login", "/admin/script.js"}
# What is each account's own needs no role.
OWN = {"/admin/logout", "/admin/account/password", "/admin/account/sessions"}
# What only shows, of more than an address holds.
SHOWS = {"/admin/digests/1/preview"}


@pytest.fixture
def blog(sqlite_feed_blog: FeedsBlog) -> FeedsBlog:
    """A blog with a post."""
    sqlite_feed_blog.store(1, "MEK")
    return sqlite_feed_blog


def routes(client: AdminClient) -> Iterator[tuple[str, set[str]]]:
    """Each address with something put in for its parameters, and what it answers to."""
    app = client.client.app
    for route in getattr(app, "routes", ()):
        if isinstance(route, Route) and route.path.startswith("/admin") and route.path not in OPEN:
            filled = dict.fromkeys(route.param_convertors, "1")
            yield str(route.url_path_for(route.name, **filled)), set(route.methods or ())


def test_who_is_not_logged_in_sees_and_does_nothing(blog: FeedsBlog) -> None:
    client = admin_app_client(blog)
    somebody = AdminClient(client, "a token that nobody was given")
    before, walked = dump(blog.database), 0
    for path, methods in routes(somebody):
        walked += 1
        if "GET" in methods:
            shown = client.get(path)
            assert shown.status_code in {303, 404}, path
            assert shown.status_code == 404 or "/login" in shown.headers["location"], path
        if "POST" in methods:
            done = client.post(path, data={CSRF_FIELD: somebody.csrf})
            assert done.status_code == 303, path
            assert done.headers["location"].endswith("/admin/login"), path
    assert walked > 15
    assert dump(blog.database) == before


@pytest.mark.parametrize("role", Role)
def test_a_form_that_is_not_the_sessions_own_does_nothing(blog: FeedsBlog, role: Role) -> None:
    client = admin_app_client(blog)
    me = log_in(client, blog, role)
    other = log_in(admin_app_client(blog), replace(blog), Role.OWNER) if role is not Role.OWNER else None
    before = dump(blog.database)
    for path, methods in routes(me):
        if "POST" not in methods:
            continue
        for data in ({}, {CSRF_FIELD: ""}, {CSRF_FIELD: other.csrf if other else "0" * 64}):
            assert client.post(path, data=data).status_code == 403, path
        mine = {CSRF_FIELD: me.csrf}
        for header in (
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"origin": "https://evil.example"},
            {"origin": "null"},
        ):
            assert client.post(path, data=mine, headers=header).status_code == 403, path
    assert dump(blog.database) == before


def test_a_viewer_changes_nothing_but_their_own(blog: FeedsBlog) -> None:
    client = admin_app_client(blog)
    viewer = log_in(client, blog, Role.VIEWER)
    before = dump(blog.database)
    for path, methods in routes(viewer):
        if "POST" in methods and path not in OWN | SHOWS:
            answer = client.post(path, data={CSRF_FIELD: viewer.csrf})
            assert (answer.status_code, "and you are a viewer" in answer.text) == (403, True), path
    assert dump(blog.database) == before


@pytest.mark.parametrize("path", ["/accounts", "/accounts/owner", "/accounts/owner/remove", "/tokens"])
def test_who_may_log_in_is_for_owners(blog: FeedsBlog, path: str) -> None:
    editor = log_in(admin_app_client(blog), blog, Role.EDITOR)
    owner = log_in(admin_app_client(blog), blog, Role.OWNER)
    assert editor.get(path).status_code == 403
    assert owner.get(path).status_code == 200
    assert "Accounts" not in editor.page("/settings").xpath("//nav[@class='tabs']/a/text()")
    assert "Accounts" in owner.page("/settings").xpath("//nav[@class='tabs']/a/text()")


def test_a_get_changes_nothing(blog: FeedsBlog) -> None:
    owner = log_in(admin_app_client(blog), blog, Role.OWNER)
    before = dump(blog.database)
    for path, methods in routes(owner):
        if "GET" in methods:
            assert owner.client.get(path).status_code < 500, path
            assert owner.client.head(path).status_code < 500, path
    assert dump(blog.database) == before


def test_what_is_sent_is_not_read_before_its_sender_may_send_it(blog: FeedsBlog) -> None:
    client = admin_app_client(blog)
    log_in(client, blog, Role.VIEWER)
    huge = {"content-length": str(1 << 40), "content-type": "multipart/form-data; boundary=x"}
    assert client.post("/admin/doctor", headers=huge, content=b"").status_code == 403
    log_in(client, blog, Role.EDITOR)
    assert client.post("/admin/doctor", headers=huge, content=b"").status_code == 413
    for odd in ("-1", "", "9" * 5000):
        told = huge | {"content-length": odd}
        assert client.post("/admin/doctor", headers=told, content=b"").status_code == 413


@pytest.mark.parametrize("is_multipart", [True, False])
@pytest.mark.parametrize("becomes", ["logged out", "a viewer"])
def test_who_may_no_more_when_all_is_sent_does_nothing(
    blog: FeedsBlog, becomes: str, *, is_multipart: bool
) -> None:
    client = admin_app_client(blog)
    me = log_in(client, blog, Role.EDITOR)
    form = f"csrf={me.csrf}&slug=new&rule=MEK"
    sent, kind = form, "application/x-www-form-urlencoded"
    if is_multipart:
        fields = (pair.split("=") for pair in form.split("&"))
        part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
        sent, kind = (
            "".join(part.format(*pair) for pair in fields) + "--x--\r\n",
            "multipart/form-data; boundary=x",
        )

    def slowly() -> Iterator[bytes]:
        yield sent[:10].encode()
        with blog.database.write() as connection:
            if becomes == "a viewer":
                set_role(connection, "editor", Role.VIEWER)
            else:
                end_session(connection, me.token)
        yield sent[10:].encode()

    headers = {"content-type": kind, "content-length": str(len(sent))}
    answer = client.post("/admin/feeds/new", content=slowly(), headers=headers)
    assert answer.status_code == (403 if becomes == "a viewer" else 303)
    assert "login" in answer.headers.get("location", "login")
    with blog.database.read() as connection:
        assert configured_feed(connection, "new") is None


def test_fields_beside_a_file_take_little_memory(blog: FeedsBlog) -> None:
    me = log_in(admin_app_client(blog), blog, Role.VIEWER)
    for fields in ({"old": "x" * 70_000}, {f"f{number}": "x" for number in range(101)}):
        answer = me.post("/account/password", fields, files={"file": ("a", b"a")})
        assert (answer.status_code, "cannot be read" in answer.text) == (413, True)
    broken = {"content-type": "multipart/form-data"}
    assert "cannot be read" in me.client.post("/admin/account/password", content=b"x", headers=broken).text


def test_every_page_is_kept_by_no_cache_and_runs_no_foreign_script(blog: FeedsBlog) -> None:
    owner = log_in(admin_app_client(blog), blog, Role.OWNER)
    for path in ("/", "/account", "/settings", "/doctor", "/audit", "/accounts", "/tokens"):
        answer = owner.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        page = owner.page(path)
        assert not page.xpath("//*[@style] | //style | //script[not(@src)] | //@*[starts-with(name(), 'on')]")
        assert len(page.xpath("//h1")) == 1
        for form in page.xpath("//form[@method='post']"):
            assert form.xpath(f".//input[@name='{CSRF_FIELD}']/@value") == [owner.csrf], path
