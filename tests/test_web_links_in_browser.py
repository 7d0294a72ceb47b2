"""A mail's links and the archive in a real browser: on a phone, in the dark, without a script, fenced in."""

from collections.abc import Iterator
from typing import Any

import pytest

from database import open_database, upgrade
from digests.store import find_digest
from posts.blog import create_blog
from templates import DARK
from tests.feeds_blog import SITE, START, FeedsBlog
from tests.mailed_digests import MONDAY, WEEK, add_edition, link, reading
from tests.test_web_in_browser import opened, served

HOSTILE = (
    "<h1>News</h1><meta http-equiv='refresh' content='0;url=/'><script>document.title = 'ran'</script>"
    "<img src='data:,' onerror=\"document.title = 'ran'\"><form action='/stop'><button>Send</button></form>"
    "<iframe src='/'></iframe><style>h1 { color: rgb(1, 2, 3) }</style>"
)
LONG = "A label with quite a long name indeed, longer than a phone is wide"
ADDRESSES = (
    link("unsubscribe", 1),
    link("unsubscribe", 2),
    link("stop", 1),
    link("preferences", 1),
    f"{link('preferences', 1)}/address",
    f"{link('preferences', 1)}/erase",
    "/unsubscribe/forged",
    "/digests",
    "/digests/weekly",
    "/digests/weekly/2",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running site with a digest, two editions and two readers, one of whom left."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('links') / 'labelcast.db'}")
    upgrade(database)
    with database.write() as connection:
        create_blog(connection, site_url=SITE.url, now=START)
    blog = FeedsBlog(database)
    blog.store(1, LONG, "Bees")
    made = reading(blog, {"erase": lambda *_: None})
    with database.write() as connection:
        its = find_digest(connection, "weekly")
        assert its is not None
        add_edition(connection, its, MONDAY, html=HOSTILE, subject=f"{LONG}: {LONG}")
        add_edition(connection, its, MONDAY + WEEK, html=None)
    made.reader("a")
    made.reader("b")
    made.client.post(link("unsubscribe", 2))
    with served(made.client.app) as address:
        yield address
    database.dispose()


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_fits_a_phone_and_is_dark_in_the_dark(browser: Any, site: str, address: str) -> None:
    with opened(browser, site, address, color_scheme="dark") as page:
        for width in (375, 320, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        shown = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert shown == f"rgb{tuple(bytes.fromhex(DARK.page[1:]))}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_a_form_is_answered_with_breaks_no_rule_of_accessibility(
    browser: Any, site: str, scheme: str
) -> None:
    # All else a reader has is on the walk of all pages.
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing").Axe()
    with opened(browser, site, link("preferences", 1), color_scheme=scheme, bypass_csp=True) as page:
        page.fill("input[name=language]", "<b>")
        page.click("text=Save these choices")
        assert page.get_attribute("input[name=language]", "aria-invalid") == "true"
        assert violations(axe, page) == []


def violations(axe: Any, page: Any) -> list[tuple[str, list[str]]]:
    found = axe.run(page).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def test_a_reader_leaves_comes_back_and_chooses_without_a_script(browser: Any, site: str) -> None:
    with opened(browser, site, link("unsubscribe", 1), java_script_enabled=False) as page:
        page.click("text=Unsubscribe >> nth=-1")
        assert page.text_content("h1") == "You are unsubscribed"
        page.click("text=Subscribe again")
        assert page.text_content("h1") == "You are subscribed"
        page.goto(site + link("preferences", 1))
        page.check("text=Only posts with these labels:")
        page.check("text=Bees")
        page.select_option("select[name=cadence]", "daily")
        page.fill("input[name=at]", "17:30")
        page.click("text=Save these choices")
        assert page.text_content("[role=status]") == "Your choices are saved."
        assert page.is_checked("text=Bees")
        assert "daily, 17:30 UTC" in page.text_content("main")


def test_what_a_publishers_template_holds_does_not_run_and_looks_as_it_was_meant(
    browser: Any, site: str
) -> None:
    with opened(browser, site, "/digests/weekly") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.click(f"text={LONG}")
        page.wait_for_load_state("networkidle")
        # Nothing is framed, no script runs, and nothing leads on by itself.
        assert [url for url in asked if url.startswith("http")] == [f"{site}/digests/weekly/1"]
        assert page.title() != "ran"
        assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(1, 2, 3)"
        # Refused with a word in the console, for the page is sandboxed.
        with page.expect_console_message(lambda said: "form" in said.text.lower()):
            page.click("text=Send")
        assert page.url == f"{site}/digests/weekly/1"
