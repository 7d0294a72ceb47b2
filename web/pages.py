"""What all pages share: the layout, the style sheet, and how a page becomes an answer."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response

from feeds.site import FeedSite
from web.responding import Representation, respond

PAGE_CACHING = "no-cache"
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders pages of one site. ``timezone`` is where its days begin and end."""

    environment: Environment
    site: FeedSite
    timezone: str
    stylesheet: bytes
    has_outbox: bool = False

    @classmethod
    def of(
        cls, environment: Environment, site: FeedSite, *, timezone: str, has_outbox: bool = False
    ) -> "Pages":
        """The pages of a site, with the style sheet rendered once."""
        stylesheet = environment.get_template("page/style.css").render().encode()
        return cls(environment, site, timezone, stylesheet, has_outbox)

    def render(self, request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
        """The page of the template ``page/{template}``; at 200 with an ETag, so that a repeat is a 304."""
        page = self.environment.get_template(f"page/{template}").render(
            site=self.site,
            root=_way_up(request),
            timezone=self.timezone,
            style_version=_tag(self.stylesheet)[:12],
            has_outbox=self.has_outbox,
            **context,
        )
        body = page.encode()
        shown = Representation(body, "text/html; charset=utf-8", f'"{_tag(body)}"', PAGE_CACHING)
        if status == 200:
            return respond(request, shown)
        return Response(
            b"" if request.method == "HEAD" else body,
            status_code=status,
            media_type=shown.media_type,
            headers={"Cache-Control": "no-store", "Content-Length": str(len(body))},
        )

    def style(self, request: Request) -> Response:
        """The one style sheet; its address changes with it, so it may be kept for good."""
        caching = _FOREVER if "v" in request.query_params else PAGE_CACHING
        shown = Representation(
            self.stylesheet, "text/css; charset=utf-8", f'"{_tag(self.stylesheet)}"', caching
        )
        return respond(request, shown)


def _way_up(request: Request) -> str:
    """From the page asked for to the front page: ``.``, ``..``, ``../..``.

    So links work whatever the address the site is reached by, also below a path that a proxy takes off.
    """
    asked = request.scope.get("raw_path") or request.url.path.encode()
    return "/".join([".."] * (asked.count(b"/") - 1)) or "."


def _tag(body: bytes) -> str:
    return sha256(body).hexdigest()[:32]
