"""The pages behind the links in a mail: what a link stands for is signed, and none acts but by a POST.

Mail programs and their scanners follow every link, and some run scripts: so a GET changes nothing, ever. A
POST needs no cookie and nothing but the token in its address (RFC 8058, 3.1), and may be repeated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from database import Database, DatabaseUnavailable
from subscribers.tokens import TokenSigner
from web.forms import Form, TooLarge, read_body, read_form
from web.missing import Missing
from web.pages import HTML, Pages

# A token is its reader's: it is kept by no cache, told to no other site, and found by no search.
PRIVATE_PAGE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
_TOO_LARGE = "This is more than such a form ever sends.\n"


@dataclass(frozen=True, slots=True)
class ReaderLinks:
    """What the pages of readers' links need of the rest.

    ``salt`` is that of suppressed addresses; ``now`` is asked at each POST.
    """

    signer: TokenSigner
    salt: Callable[[Connection], str]
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Told:
    """What a page tells: its template below ``page/``, and what that is handed."""

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Posted:
    """What a POST brought: its fields, and the address it came from, for the record of a consent."""

    form: Form
    origin: str


@dataclass(frozen=True, slots=True)
class Door:
    """Where links of one purpose lead: what a GET shows of the number in a token, what a POST does with it.

    Each is handed a connection, and returns None where there is nothing behind the number.
    """

    purpose: str
    look: Callable[[Connection, int], Told | None]
    act: Callable[[Connection, int, Posted], Told | None]


@dataclass(frozen=True, slots=True)
class Doors:
    """Answers requests for readers' links."""

    database: Database
    pages: Pages
    missing: Missing
    links: ReaderLinks

    def route(self, door: Door) -> Route:
        """The address of a door: ``/{purpose}/{token}``."""

        async def answer(request: Request) -> Response:
            try:
                posted = await _posted(request) if request.method == "POST" else None
            except TooLarge:
                return PlainTextResponse(_TOO_LARGE, status_code=413, headers=PRIVATE_PAGE)
            return await run_in_threadpool(self._answer, request, door, posted)

        return Route(f"/{door.purpose}/{{token}}", answer, methods=["GET", "POST"], name=door.purpose)

    def path(self, root: str, purpose: str, number: int) -> str:
        """A link of a purpose, from the page that ``root`` leads up from."""
        return f"{root}/{purpose}/{self.links.signer.sign(purpose, number)}"

    def _answer(self, request: Request, door: Door, posted: Posted | None) -> Response:
        number = self.links.signer.read(door.purpose, request.path_params["token"])
        try:
            told = None if number is None else self._told(door, number, posted)
        except DatabaseUnavailable as error:
            answer = self.missing.unavailable(request, error)
            answer.headers.update(PRIVATE_PAGE)
            return answer
        return self._page(request, told or _NO_LINK)

    def _told(self, door: Door, number: int, posted: Posted | None) -> Told | None:
        if posted is None:
            with self.database.read() as connection:
                return door.look(connection, number)
        with self.database.write() as connection:
            return door.act(connection, number, posted)

    def _page(self, request: Request, told: Told) -> Response:
        links = self.pages.links(request)
        body = self.pages.text(links, told.template, path=self._from(links.root), **told.context)
        headers = PRIVATE_PAGE | {"Content-Length": str(len(body))}
        shown = b"" if request.method == "HEAD" else body
        return Response(shown, status_code=told.status, headers=headers, media_type=HTML)

    def _from(self, root: str) -> Callable[[str, int], str]:
        return lambda purpose, number: self.path(root, purpose, number)


# Whatever is wrong with a link, nobody learns what.
_NO_LINK = Told(
    "told.html",
    {
        "heading": "This link does not work",
        "words": ("It may have been cut off on its way. Please open it once more from the mail.",),
    },
    404,
)


async def _posted(request: Request) -> Posted:
    body = await read_body(request)
    origin = request.client.host if request.client else ""
    return Posted(read_form(request.headers.get("content-type", ""), body), origin)
