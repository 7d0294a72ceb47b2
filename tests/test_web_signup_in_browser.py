"""The form to sign up with in a real browser: its script proposes a timezone, and nobody sees the trap."""

from collections.abc import Iterator
from typing import Any

import pytest

from database import open_database, upgrade
from digests.store import add_digest
from posts.blog import create_blog
from tests.feeds_blog import SITE, START, FeedsBlog
from tests.mailed_digests import NOW
from tests.test_web_in_browser import served
from tests.test_web_signup import desk_of

ADDRESSES = ("/", "/labels/mek", "/subscribe?label=mek", "/subscribe/frame", "/subscribe/embed", "/confirm/x")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running site with two digests."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('site') / 'labelcast.db'}")
    upgrade(database)
    with database.write() as connection:
        create_blog(connection, site_url=SITE.url, now=START)
    desk = desk_of(FeedsBlog(database))
    with database.write() as connection:
        add_digest(connection, "daily", rule="all", title="The day", cadence="daily", now=NOW)
    with served(desk.client.app) as address:
        yield address
    database.dispose()


def test_it_fits_a_phone_and_breaks_no_rule_of_accessibility(site: str, browser: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing").Axe()
    context = browser.new_context(viewport={"width": 375, "height": 800}, bypass_csp=True)
    page = context.new_page()
    for path in ADDRESSES:
        page.goto(site + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path
        for summary in page.locator("summary:visible").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path
        found = axe.run(page, context="main").response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == [], path
    context.close()


def test_it_proposes_the_readers_timezone_and_says_what_is_wrong_where_it_is(site: str, browser: Any) -> None:
    context = browser.new_context(timezone_id="Asia/Tehran")
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Policy" in said.text else None)
    page.goto(f"{site}/labels/mek")
    assert page.locator("select[data-timezone]").input_value() == "Asia/Tehran"
    assert page.locator(".trap input").bounding_box()["x"] < 0
    # What belongs to a digest that is not chosen is out of sight.
    assert page.locator(".its:visible").count() == 1
    page.get_by_label("Your email address").fill("ann@localhost")
    page.get_by_role("button", name="Subscribe").click()
    page.wait_for_load_state()
    assert page.locator("#signup-email").evaluate("field => field === document.activeElement")
    assert page.locator("select[data-timezone]").input_value() == "Asia/Tehran"
    page.get_by_label("Your email address").fill("ann@example.org")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Look into your mail").wait_for()
    assert refused == []
    context.close()
