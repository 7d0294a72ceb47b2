"""The form of a feed in a real browser: labels completed by keyboard, matches at once, and with no script."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from database import open_database, upgrade
from posts.blog import create_blog
from tests.admin_client import IDLE, log_in
from tests.feeds_blog import SITE, START, FeedsBlog, post
from tests.test_web_in_browser import served
from tests.web_client import open_client, web_app
from web.admin.frame import COOKIE
from web.admin.work import AdminWork
from web.app import Administration
from web.model import Role


@pytest.fixture(scope="module")
def axe() -> str:
    """What looks for what is wrong for who does not see a page."""
    found = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is missing")
    return next(Path(found.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a running site with a few labels, and the token of who may change it."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('site') / 'labelcast.db'}")
    upgrade(database)
    with database.write() as connection:
        create_blog(connection, site_url=SITE.url, now=START)
    blog = FeedsBlog(database)
    blog.store_all([post(1, "Iran", "U.S. politics"), post(2, "Iran"), post(3, 'A "quoted" name', "Law")])
    token = log_in(open_client(blog), blog, Role.EDITOR).token
    app = web_app(blog, admin=Administration(AdminWork(), lambda: blog.now, IDLE))
    with served(app) as address:
        yield address, token
    database.dispose()


@contextmanager
def opened(browser: Any, site: tuple[str, str], path: str, **options: Any) -> Iterator[Any]:
    """A page of who is logged in, in a browser of its own."""
    address, token = site
    context = browser.new_context(viewport={"width": 375, "height": 800}, **options)
    context.add_cookies([{"name": COOKIE, "value": token, "url": f"{address}/admin"}])
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{address}/admin{path}")
    yield page
    assert said == []
    context.close()


def _faults(page: Any, axe: str) -> list[str]:
    page.evaluate(axe)
    found = page.evaluate("axe.run()")["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]


def test_a_rule_is_written_by_keyboard(browser: Any, site: tuple[str, str], axe: str) -> None:
    with opened(browser, site, "/feeds/new", bypass_csp=True, color_scheme="dark") as page:
        page.focus("#f-rule")
        page.keyboard.type("law or (not u.s. pol")
        page.wait_for_selector("[role=option]")
        assert page.get_attribute("#f-rule", "aria-expanded") == "true"
        page.keyboard.press("ArrowDown")
        active = page.get_attribute("#f-rule", "aria-activedescendant")
        assert page.inner_text(f"#{active}").startswith("U.S. politics")
        assert _faults(page, axe) == []
        page.keyboard.press("Enter")
        assert page.input_value("#f-rule") == 'law or (not "U.S. politics"'
        assert page.get_attribute("#f-rule", "aria-expanded") == "false"
        page.wait_for_selector("#matches .rule mark, #matches .rule .caret")
        page.keyboard.type(' and "a \\"q')
        page.wait_for_selector("[role=option]")
        # Away with the list: what was typed stays, and the keys are the form's again.
        page.keyboard.press("Escape")
        assert page.is_hidden("[role=listbox]")
        page.keyboard.type("u")
        page.wait_for_selector("[role=option]")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        page.keyboard.type(")")
        assert page.input_value("#f-rule") == 'law or (not "U.S. politics" and "A \\"quoted\\" name")'
        page.wait_for_selector("#matches .matched")
        assert page.inner_text("#matches .matched").startswith("1 post under")
        # In the middle, the word at the cursor alone is replaced.
        page.fill("#f-rule", "ira and law")
        for key in ("Home", "ArrowRight", "ArrowRight", "ArrowRight", "Backspace"):
            page.keyboard.press(key)
        page.wait_for_selector("[role=option]")
        page.click("[role=option]")
        assert page.input_value("#f-rule") == "Iran and law"
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        page.wait_for_function("document.querySelector('#matches').innerText.includes('Iran and law')")
        assert _faults(page, axe) == []


def test_a_target_is_chosen_and_all_works_without_script(browser: Any, site: tuple[str, str]) -> None:
    with opened(browser, site, "/feeds/label/law") as page:
        page.focus("#f-to-merge")
        page.keyboard.type("politcs")
        page.wait_for_selector("[role=option]")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert page.input_value("#f-to-merge") == "U.S. politics"
    with opened(browser, site, "/feeds/new", java_script_enabled=False) as page:
        page.fill("#f-rule", "Iran and )")
        page.click("text=Show what it matches")
        assert page.inner_text("#matches mark") == ")"
        page.fill("#f-rule", "Iran")
        page.fill("#f-title", "Of Iran")
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin/feeds/configured/of-iran")
        page.click("a.button.danger:has-text('Remove')")
        page.click("main button")
        page.wait_for_url("**/admin/feeds")
