"""Every page there is in a real browser: on phone and desk, light and dark, by screen reader and keyboard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.screens import document, file_names
from tests.stage import Stage, serving
from tests.walking import ADDRESSES, MORE, NO_PAGES, Page, page_routes, pages, visitors

MOST_BYTES = 100_000
PARTS = 4
# What is expected of a page that answers with an error, by its name.
STATUS = {"missing": 404, "no-link": 404, "admin-missing": 404}
# Rings around what has the focus, for all that can have it; one that is behind a fold has none.
# What depends on colours alone is looked at again in the dark.
AXE = """isAgain => axe.run({
  resultTypes: ['violations'],
  iframes: false,
  ...(isAgain ? {runOnly: {type: 'rule', values: ['color-contrast', 'link-in-text-block']}} : {}),
})"""
UNSEEN_FOCUS = """() => {
  const all = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  const reached = e => e.checkVisibility({visibilityProperty: true}) && !e.disabled
    && !e.closest('[aria-hidden=true]');
  const unseen = e => {
    e.focus({preventScroll: true});
    const style = getComputedStyle(e);
    const isSeen = style.outlineStyle === 'auto'
      || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    return document.activeElement === e && !isSeen;
  };
  return [...document.querySelectorAll(all)].slice(0, 150).filter(reached).filter(unseen)
    .map(e => e.outerHTML.slice(0, 120));
}"""


@pytest.fixture(scope="module")
def axe() -> str:
    """What looks for what is wrong for who does not see a page."""
    found = pytest.importorskip(
        "axe_playwright_python",
        reason="axe is missing: pip install axe-playwright-python",
    )
    return next(Path(found.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A blog with all there is to see."""
    made = Stage(tmp_path_factory.mktemp("stage"))
    yield made
    made.wiring.close()


def test_no_page_is_forgotten(stage: Stage) -> None:
    routes = set(page_routes(stage.app))
    assert not (set(ADDRESSES) | set(NO_PAGES)) - routes, "these addresses are no more"
    assert not set(ADDRESSES) & set(NO_PAGES)
    # Whatever has a part to be filled in has to be told what with.
    assert not {path for path in routes - set(NO_PAGES) - set(ADDRESSES) if "{" in path}
    assert len(pages(stage)) == len(routes - set(NO_PAGES)) + len(MORE) > 60


def test_every_page_has_its_pictures_and_is_shown(checkout: Path, stage: Stage) -> None:
    names = {name for page in pages(stage) for name, _ in file_names(page)}
    taken = {one.name: one.stat().st_size for one in (checkout / "docs" / "screens").iterdir()}
    assert set(taken) == names, "take them anew: ./run screens"
    assert sum(taken.values()) < 4_000_000
    shown = (checkout / "docs" / "screens.md").read_text(encoding="utf-8")
    assert shown == document(pages(stage)), "write it anew: ./run screens"


# In parts, for it takes long: other tests can run beside it to the end.
@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_is_sound(browser: Any, stage: Stage, axe: str, part: int) -> None:
    faults: list[object] = []
    with serving(stage.app) as address, visitors(browser, stage, address) as shown_in:
        for page in pages(stage)[part::PARTS]:
            faults += [(page.name, *found) for found in _walk(shown_in(page), address, page, axe)]
    assert not faults, "\n".join(map(str, faults))


def _walk(browser_page: Any, address: str, page: Page, axe: str) -> Iterator[tuple[object, ...]]:
    """What is wrong with a page."""
    said: list[tuple[object, ...]] = []

    def hear(message: Any) -> None:
        expected = STATUS.get(page.name) and "Failed to load resource" in message.text
        if message.type in {"error", "warning"} and not expected:
            said.append(("console", message.text))

    def ask(request: Any) -> None:
        if not request.url.startswith((f"{address}/", "data:")):
            said.append(("elsewhere", request.url))

    def fail(error: Any) -> None:
        said.append(("script", str(error)))

    heard = {"console": hear, "request": ask, "pageerror": fail}
    for event, listener in heard.items():
        browser_page.on(event, listener)
    browser_page.emulate_media(color_scheme="light")
    answer = browser_page.goto(address + page.address, wait_until="load")
    if answer.status != STATUS.get(page.name, 200) or browser_page.url != address + page.address:
        yield ("answer", answer.status, browser_page.url)
    if (size := len(answer.body())) > MOST_BYTES:
        yield ("large", size)
    browser_page.evaluate(axe)
    for width, scheme in ((1280, "light"), (375, "dark")):
        browser_page.set_viewport_size({"width": width, "height": 800})
        browser_page.emulate_media(color_scheme=scheme)
        if (wide := browser_page.evaluate("document.documentElement.scrollWidth")) > width:
            yield ("wide", width, wide)
        found = browser_page.evaluate(AXE, scheme == "dark")
        yield from (
            ("axe", scheme, one["id"], one["nodes"][0]["html"][:200], one["nodes"][0]["failureSummary"][:300])
            for one in found["violations"]
        )
    browser_page.keyboard.press("Tab")
    yield from (("focus", one) for one in browser_page.evaluate(UNSEEN_FOCUS))
    for event, listener in heard.items():
        browser_page.remove_listener(event, listener)
    yield from said
