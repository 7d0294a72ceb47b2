"""The pages behind the links in a mail: what a link stands for is signed, and none acts but by a POST.

Mail programs and their scanners follow every link, and some run scripts: so a GET changes nothing, ever. A
POST needs no cookie and nothing but the token in its address (RFC 8058, 3.1), and may be repeated.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from database import Database, DatabaseUnavailable
from subscribers.address import Address
from subscribers.tokens import TokenSigner
from web.forms import Form, TooLarge, read_body, read_form
from web.missing import Missing
from web.pages import HTML, Pages
from web.security import PRIVATE, policy

# A token is its reader's: it is kept by no cache, told to no other site, and found by no search.
PRIVATE_PAGE = PRIVATE | {"Content-Security-Policy": policy(img_src="data:")}
_TOO_LARGE = "This is more than such a form ever sends.\n"


@dataclass(frozen=True, slots=True)
class ReaderLinks:
    """What the pages of readers' links need of the rest.

    ``salt`` is that of suppressed addresses; ``now`` is asked at each POST. A question that is mailed can be
    answered for as long as ``lasts``. ``may_join``: readers may take up further digests on their own.
    ``erase`` forgets a reader by their address, ``scrub`` then goes over the database's file; ``about`` is
    all that is kept about one by their number, piece by piece. ``wake`` tells whoever sends mail that there
    is some. ``is_over`` counts a mail to an address that somebody typed: whether it has had all of its mails
    for today.
    """

    signer: TokenSigner
    salt: Callable[[Connection], str]
    now: Callable[[], datetime]
    lasts: timedelta = timedelta(days=7)
    may_join: bool = True
    erase: Callable[[Connection, str, datetime], object] | None = None
    scrub: Callable[[], object] = lambda: None
    about: Callable[[int], Iterator[bytes]] | None = None
    wake: Callable[[], object] = lambda: None
    is_over: Callable[[Address], bool] = lambda _address: False


@dataclass(frozen=True, slots=True)
class Told:
    """What a page tells: its template below ``page/``, and what that is handed.

    ``after`` is done once the answer was sent.
    """

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    after: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be kept: what it is called, what it is, and its bytes, piece by piece."""

    name: str
    media_type: str
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Posted:
    """What a POST brought: its fields, and the address it came from, for the record of a consent."""

    form: Form
    origin: str


@dataclass(frozen=True, slots=True)
class Door:
    """Where links of one purpose lead: what a GET shows of the number in a token, what a POST does with it.

    Each is handed a connection, and returns None where there is nothing behind the number. ``page`` is one of
    several behind the same token; None in ``act``: there is nothing to post to.
    """

    purpose: str
    look: Callable[[Connection, int], Told | Download | None]
    act: Callable[[Connection, int, Posted], Told | None] | None
    page: str = ""


@dataclass(frozen=True, slots=True)
class Doors:
    """Answers requests for readers' links."""

    database: Database
    pages: Pages
    missing: Missing
    links: ReaderLinks

    def route(self, door: Door) -> Route:
        """The address of a door: ``/{purpose}/{token}``, and the page behind it."""

        async def answer(request: Request) -> Response:
            try:
                posted = await _posted(request) if request.method == "POST" else None
            except TooLarge:
                return PlainTextResponse(_TOO_LARGE, status_code=413, headers=PRIVATE_PAGE)
            return await run_in_threadpool(self._answer, request, door, posted)

        methods = ["GET", "POST"] if door.act else ["GET"]
        return Route(_path(door.purpose, "{token}", door.page), answer, methods=methods)

    def path(self, root: str, purpose: str, number: int, page: str = "") -> str:
        """A link of a purpose, from the page that ``root`` leads up from."""
        return root + _path(purpose, self.links.signer.sign(purpose, number), page)

    def _answer(self, request: Request, door: Door, posted: Posted | None) -> Response:
        number = self.links.signer.read(door.purpose, request.path_params["token"])
        try:
            told = None if number is None else self._told(door, number, posted)
        except DatabaseUnavailable as error:
            answer = self.missing.unavailable(request, error)
            answer.headers.update(PRIVATE_PAGE)
            return answer
        if isinstance(told, Download):
            return _download(request, told)
        return self._page(request, told or NO_LINK)

    def _told(self, door: Door, number: int, posted: Posted | None) -> Told | Download | None:
        if posted is None or door.act is None:
            with self.database.read() as connection:
                return door.look(connection, number)
        with self.database.write() as connection:
            return door.act(connection, number, posted)

    def _page(self, request: Request, told: Told) -> Response:
        links = self.pages.links(request)
        body = self.pages.text(links, told.template, path=self._from(links.root), **told.context)
        headers = PRIVATE_PAGE | {"Content-Length": str(len(body))}
        shown = b"" if request.method == "HEAD" else body
        after = None if told.after is None else BackgroundTask(told.after)
        return Response(shown, told.status, headers, HTML, after)

    def _from(self, root: str) -> Callable[..., str]:
        return lambda purpose, number, page="": self.path(root, purpose, number, page)


def _path(purpose: str, token: str, page: str) -> str:
    return f"/{purpose}/{token}" + (f"/{page}" if page else "")


def _download(request: Request, told: Download) -> Response:
    headers = PRIVATE_PAGE | {"Content-Disposition": f'attachment; filename="{told.name}"'}
    if request.method == "HEAD":
        answer = Response(b"", headers=headers, media_type=told.media_type)
        # A GET tells none either, for it goes in pieces.
        del answer.headers["Content-Length"]
        return answer
    return StreamingResponse(told.pieces, headers=headers, media_type=told.media_type)


# Whatever is wrong with a link, nobody learns what.
NO_LINK = Told("no_link.html", {"heading": "This link does not work"}, 404)


async def _posted(request: Request) -> Posted:
    body = await read_body(request)
    origin = request.client.host if request.client else ""
    return Posted(read_form(request.headers.get("content-type", ""), body), origin)
