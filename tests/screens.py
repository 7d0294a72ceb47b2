"""Takes a picture of every page, on phone and desk, light and dark: ``python -m tests.screens [FOLDER]``."""

import base64
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import structlog

from tests.conftest import ROOT
from tests.stage import Stage, serving
from tests.walking import Page, pages, visitors

FOLDER = ROOT / "docs" / "screens"
WIDTHS = {375: "on a phone", 1280: "on a desk"}
SCHEMES = ("light", "dark")
HIGHEST = 1800
# A desk is shown smaller than it is: all of them are to stay below 4 MB.
SCALES = {375: 0.75, 1280: 0.42}
QUALITY = 34
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")
INTRODUCTION = """# Every page

What the pages look like, on a phone and on a desk, by day and by night: `./run screens` takes these pictures.
The blog is made up, and it is always 23 November 2026.
"""


def file_name(page: Page, width: int, scheme: str) -> str:
    """What a picture is called."""
    return f"{page.name}-{width}-{scheme}.webp"


def file_names(page: Page) -> Iterator[tuple[str, str]]:
    """The pictures of a page, each with what it shows in words."""
    for width, where in WIDTHS.items():
        for scheme in SCHEMES:
            yield file_name(page, width, scheme), f"{page.name} {where}, {scheme}"


def document(shown: Iterable[Page]) -> str:
    """``docs/screens.md``: every page with its pictures."""
    parts = [INTRODUCTION]
    for page in shown:
        pictures = "\n".join(f"![{words}](screens/{name})" for name, words in file_names(page))
        parts.append(f"## {page.name}\n\n{pictures}\n")
    return "\n".join(parts)


def take(browser_page: Any, address: str, page: Page, folder: Path) -> None:
    """Take a page's pictures."""
    browser_page.goto(address + page.address, wait_until="load")
    session = browser_page.context.new_cdp_session(browser_page)
    for width in WIDTHS:
        browser_page.set_viewport_size({"width": width, "height": 800})
        for scheme in SCHEMES:
            browser_page.emulate_media(color_scheme=scheme)
            high = min(browser_page.evaluate("document.documentElement.scrollHeight"), HIGHEST)
            # So that what is loaded when it comes into view is there.
            browser_page.set_viewport_size({"width": width, "height": high})
            browser_page.wait_for_load_state("networkidle")
            clip = {"x": 0, "y": 0, "width": width, "height": high, "scale": SCALES[width]}
            options = {"format": "webp", "quality": QUALITY, "clip": clip, "captureBeyondViewport": True}
            taken = session.send("Page.captureScreenshot", options)["data"]
            (folder / file_name(page, width, scheme)).write_bytes(base64.b64decode(taken))
    session.detach()


def main(folder: Path = FOLDER) -> None:
    """Take all, and write the document that shows them."""
    # The tests that ask for names alone need no browser.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.webp"):
        old.unlink()
    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        stage = Stage(Path(place))
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        with serving(stage.app) as address, visitors(browser, stage, address) as shown_in:
            for page in pages(stage):
                take(shown_in(page), address, page, folder)
        browser.close()
        folder.with_suffix(".md").write_text(document(pages(stage)), encoding="utf-8")
        stage.wiring.close()
    size = sum(one.stat().st_size for one in folder.glob("*.webp"))
    sys.stdout.write(f"{len(list(folder.glob('*.webp')))} pictures in {folder}, {size // 1024} KB\n")


if __name__ == "__main__":
    main(*(Path(one) for one in sys.argv[1:2]))
