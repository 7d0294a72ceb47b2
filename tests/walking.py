"""Every page there is, with an address of each on the stage: for who seeks faults, and for pictures."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from labelcast.demo import WEEKLY
from tests.stage import Stage
from web.admin.frame import COOKIE

Address = str | Callable[[Stage], str]


def _linked(purpose: str, page: str = "", number: int = 1) -> Callable[[Stage], str]:
    return lambda stage: stage.link(purpose, number) + page


# Routes that have something in their address, or need something behind it, and what to put there.
ADDRESSES: Mapping[str, Address] = {
    "/search": "/search?q=bees",
    "/labels/{slug}": "/labels/cycling",
    "/labels/{slug}/{period}": "/labels/all/2025",
    "/authors/{slug}": "/authors/nell-achterberg",
    "/authors/{slug}/{period}": "/authors/nell-achterberg/2025",
    "/posts/{id}": "/posts/3",
    "/digests/{slug}": f"/digests/{WEEKLY}",
    "/digests/{slug}/{edition}": lambda stage: f"/digests/{WEEKLY}/{stage.listed_edition}",
    "/unsubscribe/{token}": _linked("unsubscribe"),
    "/resubscribe/{token}": _linked("resubscribe"),
    "/stop/{token}": _linked("stop"),
    "/confirm/{token}": lambda stage: stage.link("confirm", stage.question),
    "/preferences/{token}": _linked("preferences"),
    "/preferences/{token}/address": _linked("preferences", "/address"),
    "/preferences/{token}/data": _linked("preferences", "/data"),
    "/preferences/{token}/erase": _linked("preferences", "/erase"),
    "/address-old/{token}": _linked("address-old"),
    "/address-new/{token}": _linked("address-new"),
    "/address-no/{token}": _linked("address-no"),
    "/data/{token}": lambda stage: stage.link("data", stage.dated_reader),
    "/subscribe/frame": "/subscribe/frame?label=bees",
    "/subscribe/embed": "/subscribe/embed?label=bees",
    "/admin/accounts/{name}": "/admin/accounts/ben",
    "/admin/accounts/{name}/remove": "/admin/accounts/ben/remove",
    "/admin/tokens/{name}/revoke": "/admin/tokens/statistics/revoke",
    "/admin/posts": "/admin/posts?q=bees",
    "/admin/posts/change": "/admin/posts/change?id=3&id=4&do=hide",
    "/admin/posts/{number:int}": "/admin/posts/3",
    "/admin/import/{number:int}": "/admin/import/1",
    "/admin/feeds/new": "/admin/feeds/new?rule=Cycling+and+not+Letters&title=On+the+road",
    "/admin/feeds/configured/{slug}": "/admin/feeds/configured/on-two-wheels",
    "/admin/feeds/configured/{slug}/delete": "/admin/feeds/configured/on-two-wheels/delete",
    "/admin/feeds/configured/{slug}/keys": "/admin/feeds/configured/code-club-papers/keys",
    "/admin/feeds/label/{slug}": "/admin/feeds/label/cycling",
    "/admin/feeds/label/{slug}/rename": "/admin/feeds/label/cycling/rename?to=Bicycles",
    "/admin/feeds/label/{slug}/merge": "/admin/feeds/label/letters/merge?to=Lost+%26+found",
    "/admin/feeds/label/{slug}/delete": "/admin/feeds/label/letters/delete",
    "/admin/digests/{slug}": f"/admin/digests/{WEEKLY}",
    "/admin/digests/{slug}/edit": f"/admin/digests/{WEEKLY}/edit",
    "/admin/digests/{slug}/pause": f"/admin/digests/{WEEKLY}/pause",
    "/admin/digests/{slug}/send": f"/admin/digests/{WEEKLY}/send",
    "/admin/digests/{slug}/remove": f"/admin/digests/{WEEKLY}/remove",
    "/admin/digests/{slug}/preview": f"/admin/digests/{WEEKLY}/preview",
    "/admin/deliveries/{number:int}": lambda stage: f"/admin/deliveries/{stage.edition}",
    "/admin/deliveries/{number:int}/again": lambda stage: (
        f"/admin/deliveries/{stage.edition}/again?state=failed"
    ),
    "/admin/deliveries/again": "/admin/deliveries/again?state=in_doubt",
    "/admin/readers/import/{number:int}": "/admin/readers/import/2",
    "/admin/readers/{number:int}": "/admin/readers/4",
    "/admin/readers/{number:int}/{deed}": "/admin/readers/4/erase",
}
# What answers where there is nothing, and what stands in no list of routes.
MORE: Mapping[str, str] = {
    "missing": "/labels/nope",
    "no-link": "/unsubscribe/forged",
    "api-docs": "/api/docs",
    "admin-missing": "/admin/digests/nope",
}
# What is no page, and why.
NO_PAGES: Mapping[str, str] = {
    "/admin": "leads on to /admin/",
    "/api": "leads on to /api/docs",
    "/admin/account/password": "leads on to /admin/account",
    "/admin/account/sessions": "leads on to /admin/account",
    "/admin/logout": "leads on to /admin/login",
    "/feeds.opml": "a list of feeds, for programs",
    "/digests/{slug}.atom": "a feed",
    "/admin/digests/{slug}/introduction": "a button's",
    "/admin/digests/{slug}/resume": "a button's",
    "/admin/digests/{slug}/test": "a button's",
    "/admin/readers/{number:int}/data": "a button's",
    "/healthz": "for programs",
    "/readyz": "for programs",
    "/metrics": "for programs",
    "/style.css": "a style sheet",
    "/script.js": "a script",
    "/admin/script.js": "a script",
    "/data/{token}/labelcast.json": "a file",
    "/admin/import/{number:int}/report.json": "a file",
    "/admin/digests/{slug}/preview/message.eml": "a file",
    "/admin/digests/{slug}/preview/mail": "the mail itself, in the preview's frame",
    "/admin/posts/{number:int}/text": "the post itself, in its page's frame",
    "/admin/feeds/labels": "names of labels, for a script",
    "/admin/feeds/matches": "part of a page",
    "/admin/digests/_live": "part of a page",
    "/admin/import/{number:int}/state": "part of a page",
    "/admin/readers/import/{number:int}/state": "part of a page",
    "/admin/deliveries/{number:int}/standing": "part of a page",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page: what its pictures are called, and where it is."""

    name: str
    address: str

    @property
    def is_admins(self) -> bool:
        """Whether it is behind the login."""
        return self.address.startswith("/admin") and self.name != "admin-login"

    @property
    def is_fenced(self) -> bool:
        """Whether it is a mail, whose policy lets nothing run."""
        return self.name == "digests-slug-edition"


def page_routes(app: Starlette) -> Iterator[str]:
    """The paths of all routes that a browser can GET."""
    for route in app.routes:
        if isinstance(route, Route) and "GET" in (route.methods or ()):
            yield route.path


def name_of(path: str) -> str:
    """What a route's pictures are called: ``/admin/digests/{slug}/send`` is ``admin-digests-slug-send``."""
    plain = path.replace("{", "").replace("}", "").replace(":int", "").replace("_", "")
    return plain.strip("/").replace("/", "-") or ("front" if path == "/" else "admin")


def pages(stage: Stage) -> list[Page]:
    """Every page on the stage."""
    found: dict[str, Address] = {}
    for path in page_routes(stage.app):
        if path not in NO_PAGES:
            found["admin-overview" if path == "/admin/" else name_of(path)] = ADDRESSES.get(path, path)
    found.update(MORE)
    return [Page(name, where if isinstance(where, str) else where(stage)) for name, where in found.items()]


@contextmanager
def visitors(browser: Any, stage: Stage, address: str) -> Iterator[Callable[[Page], Any]]:
    """Which browser page shows a page: one that is logged in for the publisher's, another for all else.

    They are used again and again, for each new one costs a while. What is mailed is fenced in so well that
    axe could not run in it either: there the fence is left away.
    """
    size = {"width": 1280, "height": 800}
    contexts = [browser.new_context(viewport=size, bypass_csp=bypassed) for bypassed in (False, False, True)]
    contexts[1].add_cookies([{"name": COOKIE, "value": stage.token, "url": f"{address}/admin"}])
    somebody, publisher, fenceless = (context.new_page() for context in contexts)
    yield lambda page: publisher if page.is_admins else fenceless if page.is_fenced else somebody
    for context in contexts:
        context.close()
