"""What all pages share: the layout, the style sheet, and how a page becomes an answer."""

from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from feeds.built import etag_of
from feeds.site import FeedSite
from web.links import Links
from web.responding import Representation, respond

HTML = "text/html; charset=utf-8"
CSS = "text/css; charset=utf-8"
JAVASCRIPT = "text/javascript; charset=utf-8"
SCRIPTS = ("script", "admin/script")
PAGE_CACHING = "no-cache"
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders pages of one site.

    ``timezone`` is where its days begin and end. ``signup_url`` is where readers sign up for email: a whole
    address, or one from the front page on (None: nowhere, and no page offers it).
    """

    environment: Environment
    site: FeedSite
    timezone: str
    stylesheet: bytes
    has_outbox: bool = False
    signup_url: str | None = None
    style_version: str = ""
    # What helps on readers' pages and on the publisher's; each works without.
    script: bytes = b""
    admin_script: bytes = b""
    script_version: str = ""
    # Whether readers sign up here, on ``/subscribe``.
    has_signup: bool = False
    # Whether who has lost their links can have new ones sent.
    has_new_links: bool = False

    @classmethod
    def of(
        cls,
        environment: Environment,
        site: FeedSite,
        *,
        timezone: str,
        has_outbox: bool = False,
        signup_url: str | None = None,
        has_signup: bool = False,
        has_new_links: bool = False,
    ) -> "Pages":
        """The pages of a site, with the style sheet rendered once."""
        stylesheet = environment.get_template("page/style.css").render().encode()
        script, admin_script = (
            environment.get_template(f"page/{name}.js").render().encode() for name in SCRIPTS
        )
        return cls(
            environment,
            site,
            timezone,
            stylesheet,
            has_outbox,
            signup_url,
            _tag(stylesheet)[:12],
            script,
            admin_script,
            _tag(script + admin_script)[:12],
            has_signup and signup_url is None,
            has_new_links,
        )

    @property
    def version(self) -> str:
        """A short text that changes whenever the bytes of all pages may: with the site, or the templates."""
        loader = self.environment.loader
        names = self.environment.list_templates(filter_func=lambda name: name.startswith("page/"))
        sources = [loader.get_source(self.environment, name)[0] for name in names] if loader else []
        told = (
            self.site,
            self.timezone,
            self.stylesheet,
            self.has_outbox,
            self.signup_url,
            self.has_signup,
            sources,
        )
        return _tag(repr(told).encode(errors="surrogatepass"))

    def links(self, request: Request) -> Links:
        """The addresses as they stand on the page asked for."""
        return Links(self.site, _way_up(request))

    def text(self, links: Links, template: str, **context: Any) -> bytes:
        """The page of the template ``page/{template}``, standing where ``links`` lead on from."""
        page = self.environment.get_template(f"page/{template}").render(
            site=self.site,
            links=links,
            root=links.root,
            timezone=self.timezone,
            style_version=self.style_version,
            script_version=self.script_version,
            has_outbox=self.has_outbox,
            has_new_links=self.has_new_links,
            **context,
        )
        return page.encode()

    def render(self, request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
        """The same as an answer; at 200 with an ETag, so that a repeat is a 304."""
        body = self.text(self.links(request), template, **context)
        shown = Representation(body, HTML, etag_of(body), PAGE_CACHING)
        if status == 200:
            return respond(request, shown)
        return Response(
            b"" if request.method == "HEAD" else body,
            status_code=status,
            media_type=shown.media_type,
            headers={"Cache-Control": "no-store", "Content-Length": str(len(body))},
        )

    def signup(self, links: Links, label: str | None) -> str | None:
        """Where readers sign up for a label by email, or for anything (None)."""
        if self.signup_url is None:
            return None
        scheme, mark, _ = self.signup_url.partition("/")[0].partition(":")
        where = self.signup_url if mark else f"{links.root}/{self.signup_url.lstrip('/')}"
        if label is None:
            return where
        # In a mailto: a blank is no plus sign (RFC 6068 §5).
        told = urlencode({"subject" if scheme == "mailto" else "label": label}, quote_via=quote)
        return f"{where}{'&' if '?' in where else '?'}{told}"

    def assets(self) -> list[Route]:
        """The addresses of the style sheet and the scripts, each of which changes with what is there."""
        return [
            Route("/style.css", partial(_asset, self.stylesheet, CSS)),
            Route("/script.js", partial(_asset, self.script, JAVASCRIPT)),
            Route("/admin/script.js", partial(_asset, self.admin_script, JAVASCRIPT)),
        ]


def _asset(body: bytes, media_type: str, request: Request) -> Response:
    """One of them; what is asked for by its version may be kept for good."""
    caching = _FOREVER if "v" in request.query_params else PAGE_CACHING
    return respond(request, Representation(body, media_type, etag_of(body), caching))


def _way_up(request: Request) -> str:
    """From the page asked for to the front page: ``.``, ``..``, ``../..``.

    So links work whatever the address the site is reached by, also below a path that a proxy takes off.
    """
    asked = request.scope.get("raw_path") or request.url.path.encode()
    return "/".join([".."] * (asked.count(b"/") - 1)) or "."


def _tag(body: bytes) -> str:
    return sha256(body).hexdigest()[:32]
