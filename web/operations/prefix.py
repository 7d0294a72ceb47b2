"""A site below a path of its host: ``https://example.org/blog``.

Some proxies take the path off, some pass it on. Both ways the application sees addresses that begin at the
site; what it links to is relative, so it fits either.
"""

from typing import cast
from urllib.parse import quote, urlsplit

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


def prefix_of(site_url: str) -> str:
    """The path that a site stands below: ``/blog``; empty at the root of a host."""
    return urlsplit(site_url).path.rstrip("/")


class Prefix:
    """Takes the site's path off the addresses of requests that have it; empty: off none."""

    def __init__(self, site_url: str) -> None:
        self.path = prefix_of(site_url)
        self._raw = quote(self.path, safe="/%:@!$&'()*+,;=~").encode()

    def strip(self, scope: Scope) -> Scope:
        """The request as the application is to see it."""
        raw = cast("bytes", scope.get("raw_path") or quote(scope["path"]).encode())
        if not self._raw or not raw.startswith(self._raw + b"/"):
            return scope
        path = scope["path"][len(self.path) :]
        return {**scope, "path": path, "raw_path": raw[len(self._raw) :]}

    def is_bare(self, scope: Scope) -> bool:
        """Whether the path alone was asked for: without its slash, links from there would lead astray."""
        return bool(self.path) and scope["path"] == self.path

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """An application that is asked for what stands behind the path."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
            elif self.is_bare(scope):
                await RedirectResponse(f"{self.path}/", 308)(scope, receive, send)
            else:
                await app(self.strip(scope), receive, send)

        return answer
