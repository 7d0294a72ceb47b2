"""What keeps a browser from doing what nobody asked of it: headers, and no forms from other sites."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def policy(**extra: str) -> str:
    """A Content-Security-Policy: nothing from anywhere but what is named, and that no page of others frames.

    Keywords are directives with underscores for hyphens; they stand above those of all pages.
    """
    said = {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    } | {name.replace("_", "-"): value for name, value in extra.items()}
    return "; ".join(f"{name} {value}" for name, value in said.items())


# Posts show pictures and players of other sites; their styles are not taken, and no script runs.
CONTENT_SECURITY_POLICY = policy(
    img_src="'self' https: http: data:", media_src="https: http:", frame_src="'self'"
)
# The same where a script of ours helps: with the form to sign up.
SCRIPTED = {
    "Content-Security-Policy": policy(
        img_src="'self' https: http: data:",
        media_src="https: http:",
        frame_src="'self'",
        script_src="'self'",
    )
}
SECURITY = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), interest-cohort=()",
}
# To be kept by no cache, told to no other site, and found by no search: for what is one person's.
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ELSEWHERE = PlainTextResponse(
    "This came from a page of another site, and was not done.\n", status_code=403, headers=PRIVATE
)


class SecurityHeaders:
    """Gives every answer the headers that keep a browser from doing what we never ask of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; an answer that has such a header of its own keeps it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class SameOrigin:
    """Refuses, by 403, whatever would act and comes from a page of another site.

    Browsers say where a request comes from and no page can make them lie: ``Sec-Fetch-Site``, else
    ``Origin``. What says neither is no browser's: a mail program's one click (RFC 8058), a program with a
    token; for those it is the token that counts. ``of_api`` is the answer to what was sent to ``/api``.
    """

    def __init__(self, app: ASGIApp, *, own: str, of_api: ASGIApp = _ELSEWHERE) -> None:
        self._app = app
        self._of_api = of_api
        self._own = _origin(own)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on unless it is another site's."""
        acts = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if acts and not self._is_ours(Headers(scope=scope), scope):
            refuse = self._of_api if scope["path"].startswith("/api/") else _ELSEWHERE
            await refuse(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_ours(self, headers: Headers, scope: Scope) -> bool:
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in {"same-origin", "none"}
        origin = headers.get("origin")
        # The site may be reached by another name than it is known by: at home, or while it is moved.
        return origin is None or origin in {self._own, f"{scope['scheme']}://{headers.get('host', '')}"}


def _origin(url: str) -> str:
    """What a browser calls the origin of an address: ``https://example.org``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
