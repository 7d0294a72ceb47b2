"""The publisher's pages in a real browser: for a phone, in the dark, for a screen reader, without script."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Route

from database import open_database, upgrade
from digests.store import add_digest
from posts.blog import create_blog
from tests.admin_client import admin_app, new_session
from tests.feeds_blog import SITE, START, FeedsBlog, post
from tests.test_web_in_browser import served
from web.accounts.accounts import set_password
from web.accounts.tokens import add_token
from web.admin.frame import COOKIE
from web.admin.work import AdminWork, Finding, Setting
from web.model import Role

PASSWORD = "correct horse battery"
LONG = "a-name-without-any-place-to-break-it-" * 5
WORK = AdminWork(
    settings=lambda: [Setting("site_title", [LONG, "more"], "file")],
    examine=lambda: [Finding("mail", "problem", LONG), Finding("dns", "not checked", "no mail leaves")],
    trouble=lambda: LONG,
)
# Those that need something in their address.
FURTHER = (
    *(f"/digests/week{page}" for page in ("", "/edit", "/pause", "/send", "/remove")),
    "/accounts/anna",
    "/accounts/anna/remove",
    "/tokens/cms/revoke",
)


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, list[str]]]:
    """The address of a running site, the token of an owner's session, and the pages."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('admin') / 'labelcast.db'}")
    upgrade(database)
    with database.write() as connection:
        create_blog(connection, site_url=SITE.url, now=START)
        set_password(connection, "anna", PASSWORD, now=START)
        add_digest(connection, "week", rule="all", title=LONG, cadence="weekly", at="mon 08:00", now=START)
        add_token(connection, "cms", ["posts:read", "posts:write", "import:write"], now=START)
    blog = FeedsBlog(database)
    blog.store_all([post(n, "MEK", f"A label with quite a long name {n}") for n in range(1, 5)])
    app = admin_app(blog, work=WORK, is_local=True)
    plain = [
        route.path.removeprefix("/admin")
        for route in app.routes
        if isinstance(route, Route)
        and route.path.startswith("/admin/")
        and "GET" in (route.methods or ())
        and not route.param_convertors
        and not route.path.endswith((".js", "/login", "/logout"))
    ]
    token = new_session(blog, Role.OWNER)
    with served(app) as address:
        yield address, token, [*plain, *FURTHER]
    database.dispose()


def visitor(browser: Any, site: str, token: str = "", **options: Any) -> Any:
    """A page of a browser that holds a session, or none."""
    context = browser.new_context(viewport={"width": 375, "height": 800}, **options)
    if token:
        context.add_cookies([{"name": COOKIE, "value": token, "url": f"{site}/admin"}])
    return context.new_page()


def test_every_page_fits_whatever_it_holds(browser: Any, admin: tuple[str, str, list[str]]) -> None:
    site, token, paths = admin
    faults: list[object] = []
    page = visitor(browser, site, token, color_scheme="dark")
    page.on("console", lambda said: faults.append(said.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    seen = 0
    for path in paths:
        there = page.context.request.get(f"{site}/admin{path}")
        if there.status != 200 or 'class="admin"' not in there.text():
            continue
        seen += 1
        page.goto(f"{site}/admin{path}")
        assert page.locator("h1").count() == 1, path
        for width in (1280, 320, 375):
            page.set_viewport_size({"width": width, "height": 800})
            wide = page.evaluate("document.documentElement.scrollWidth")
            faults.extend([(path, "wide", wide)] if wide > width else [])
    page.context.close()
    assert faults == []
    assert seen > 9


@pytest.mark.parametrize("has_script", [True, False])
def test_somebody_logs_in_by_keyboard_and_out_again(
    browser: Any, admin: tuple[str, str, list[str]], *, has_script: bool
) -> None:
    site, _, _ = admin
    page = visitor(browser, site, java_script_enabled=has_script)
    page.goto(f"{site}/admin/audit?action=x")
    assert page.locator("[aria-label=Administration]").count() == 0
    page.get_by_label("Name").fill("anna")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong, and long enough")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/admin/audit?action=x")
    page.get_by_role("link", name="Doctor").click()
    page.get_by_role("button", name="Have it look").click()
    assert page.get_by_text("1 problem").is_visible()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{site}/admin/login")
    page.goto(f"{site}/admin/")
    assert page.url == f"{site}/admin/login"
    page.context.close()


LIVE = """<!doctype html><title>x</title><script src="script.js" defer></script>
<form data-live="../tried" data-live-into="told"><input name="csrf" value="secret">
<input name="password" type="password" value="secret"><input name="rule" id="rule">
<input type="checkbox" name="a" value="1"><input type="checkbox" name="b" value="2" checked></form>
<div id="told" aria-live="polite">before</div>"""


def test_what_is_typed_is_tried_as_it_is_typed_and_only_the_last_counts(
    browser: Any, admin: tuple[str, str, list[str]]
) -> None:
    site, token, _ = admin
    page = visitor(browser, site, token)
    asked: list[str] = []

    def answer(route: Any) -> None:
        asked.append(route.request.url.partition("?")[2])
        status = {"rule=broken&b=2": 500, "rule=wrong&b=2": 422}.get(asked[-1], 200)
        route.fulfill(status=status, content_type="text/html", body=f"<b>{asked[-1]}</b>")

    page.route(f"{site}/admin/live", lambda route: route.fulfill(content_type="text/html", body=LIVE))
    page.route(f"{site}/tried?*", answer)
    page.goto(f"{site}/admin/live")
    told = page.locator("#told")
    page.locator("#rule").press_sequentially("mek", delay=10)
    told.get_by_text("rule=mek&b=2").wait_for()
    assert asked == ["rule=mek&b=2"]
    page.fill("#rule", "wrong")
    told.get_by_text("rule=wrong&b=2").wait_for()
    page.fill("#rule", "broken")
    page.wait_for_timeout(400)
    assert told.text_content() == "rule=wrong&b=2"
    assert asked[-1] == "rule=broken&b=2"
    page.context.close()
