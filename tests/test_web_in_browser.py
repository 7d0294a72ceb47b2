"""The pages in a real browser, served by uvicorn: on a phone, in the dark, and by keyboard."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from database import open_database, upgrade
from posts.blog import create_blog
from templates import DARK
from tests.feeds_blog import SITE, START, FeedsBlog, post
from tests.web_client import web_app

RICH = (
    "<h1>Figures</h1><table><tr>"
    + "<th>A long heading</th>" * 9
    + "</tr></table><pre>"
    + "x" * 200
    + "</pre>"
    "<p>" + "y" * 200 + "</p><img src='https://pictures.example/wide.png' alt='A wide picture' width='2000'>"
    "<p style='color:#000'>Chosen for a white page</p>"
)
READ = (
    "/",
    "/labels/mek",
    "/labels/all",
    "/labels/mek/2023-04",
    "/authors/ann",
    "/search?q=figures",
    "/posts/1",
)
ADDRESSES = (*READ, "/search", "/labels/nope", "/outbox", "/outbox/1.mail.host")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running site with a few posts and a mail."""
    folder = tmp_path_factory.mktemp("site")
    database = open_database(f"sqlite:///{folder / 'labelcast.db'}")
    upgrade(database)
    with database.write() as connection:
        create_blog(connection, site_url=SITE.url, now=START)
    blog = FeedsBlog(database)
    blog.store_all([post(n, "MEK", f"A label with quite a long name {n}", html=RICH) for n in range(1, 13)])
    new = folder / "outbox" / "new"
    new.mkdir(parents=True)
    golden = Path(__file__).parent / "data" / "mails" / "weekly.html"
    header = "To: a@example.net\nSubject: Golden\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n"
    new.joinpath("1.mail.host").write_text(
        f"{header}\n{golden.read_text(encoding='utf-8')}", encoding="utf-8"
    )
    with served(web_app(blog, outbox=folder / "outbox")) as address:
        yield address
    database.dispose()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The application on a free port of its own, in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "uvicorn did not start"
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@contextmanager
def opened(browser: Any, site: str, address: str, **options: Any) -> Iterator[Any]:
    """A page on a phone; nothing is loaded from elsewhere."""
    page = browser.new_page(viewport={"width": 375, "height": 800}, **options)
    page.route(
        "**/*",
        lambda route: route.continue_() if route.request.url.startswith((site, "data:")) else route.abort(),
    )
    page.goto(site + address)
    yield page
    page.close()


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_fits_a_phone_and_is_dark_in_the_dark(browser: Any, site: str, address: str) -> None:
    with opened(browser, site, address, color_scheme="dark") as page:
        for width in (375, 320, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        for name, colour in (("backgroundColor", DARK.page), ("color", DARK.ink)):
            shown = page.evaluate("name => getComputedStyle(document.body)[name]", name)
            assert shown == f"rgb{tuple(bytes.fromhex(colour[1:]))}"


@pytest.mark.parametrize("address", READ)
@pytest.mark.parametrize("has_script", [True, False])
def test_a_page_needs_no_script_and_its_data_block_is_no_error(
    browser: Any, site: str, address: str, *, has_script: bool
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, java_script_enabled=has_script)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    # A picture of another site: nothing is loaded from elsewhere.
    page.route(
        lambda url: not url.startswith(site),
        lambda route: route.fulfill(content_type="image/svg+xml", body="<svg/>"),
    )
    assert page.goto(site + address).status == 200
    assert page.locator("h1").count() == 1
    assert page.locator("script[type='application/ld+json']").count() == 1
    assert said == []
    page.close()


def test_a_reader_searches_with_the_keyboard_and_opens_a_year(browser: Any, site: str) -> None:
    with opened(browser, site, "/labels/mek") as page:
        page.click("summary")
        assert not page.is_visible("aside li a")
        page.click("summary")
        page.click("aside li a")
        assert page.url == f"{site}/labels/mek/2023-04"
        page.fill("input[name=q]", '"chosen for"')
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.url.startswith(f"{site}/labels/mek?q=")
        assert page.input_value("input[name=q]") == '"chosen for"'
        assert page.locator("article").count() == 10


def test_a_colour_that_a_post_chose_does_not_hide_its_text_in_the_dark(browser: Any, site: str) -> None:
    with opened(browser, site, "/labels/mek", color_scheme="dark") as page:
        ink = page.evaluate("getComputedStyle([...document.querySelectorAll('.body p')].at(-1)).color")
        assert ink == f"rgb{tuple(bytes.fromhex(DARK.ink[1:]))}"


def test_the_keyboard_reaches_the_links_and_shows_where_it_is(browser: Any, site: str) -> None:
    with opened(browser, site, "/labels/mek") as page:
        seen = []
        for _ in range(6):
            page.keyboard.press("Tab")
            seen.append(
                page.evaluate(
                    "(() => { const e = document.activeElement, s = getComputedStyle(e);"
                    " const b = e.getBoundingClientRect();"
                    " return [e.textContent.trim(), s.outlineStyle, s.outlineWidth, b.left >= 0]; })()"
                )
            )
        assert [text for text, *_ in seen][:2] == ["Skip to the content", "The Blog"]
        for text, style, width, inside in seen:
            assert (style, width, inside) == ("solid", "3px", True), text


def test_a_reader_goes_from_the_labels_to_older_posts_and_back(browser: Any, site: str) -> None:
    with opened(browser, site, "/") as page:
        page.click("text=MEK")
        assert page.text_content("article h3 >> nth=0") == "Post 12"
        page.click("text=Older posts")
        assert page.text_content("article h3 >> nth=0") == "Post 2"
        page.click("text=Newer posts")
        assert page.text_content("article h3 >> nth=0") == "Post 12"


def test_the_mail_is_shown_in_its_fence(browser: Any, site: str) -> None:
    refused: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("console", lambda message: refused.append(message.text))
    page.goto(f"{site}/outbox/1.mail.host")
    frame = page.frame_locator("iframe.mail")
    assert frame.locator("h1").text_content() == "The town this week"
    assert frame.locator(".content.card").evaluate("e => getComputedStyle(e).paddingLeft") == "33px"
    assert [text for text in refused if "Content Security Policy" in text] == []
    page.close()
