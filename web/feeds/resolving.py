"""Which feed an address asks for: our own addresses first, then those that others read. No query is made."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import cast, get_args
from urllib.parse import parse_qsl, unquote

from starlette.datastructures import URLPath
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound, request_response
from starlette.types import Receive, Scope, Send

from feeds.formats.known import SUFFIXES
from feeds.site import Content
from web.feeds.asked import Asked, BadRequest

# From a path, percent-encoded still, and its query; None: no feed's address. Raises ``BadRequest``.
Resolver = Callable[[str, Mapping[str, str]], Asked | None]

KEY = "key"
_OURS = re.compile(
    rf"/feeds/(?P<name>(?:authors/)?[^/]+?)(?:/archive/(?P<number>[1-9]\d{{0,8}}))?\.(?P<suffix>{'|'.join(SUFFIXES)})"
)
_REMEMBERED = 8192
_LONGEST = 1000


def read_ours(path: str, query: Mapping[str, str]) -> Asked | None:
    """What an address below ``/feeds/`` asks for; parameters that it does not know make no difference.

    Raises ``BadRequest`` where ``content`` is none.
    """
    found = _OURS.fullmatch(path)
    if found is None:
        return None
    content = query.get("content")
    if content is not None and content not in get_args(Content):
        raise BadRequest(f"content={content[:40]!r}: use full or summary")
    return Asked(
        name=unquote(found["name"]),
        suffix=found["suffix"],
        content=cast("Content | None", content),
        query=query.get("q") or None,
        number=int(found["number"]) if found["number"] else None,
        edition=query.get("edition") or None,
        before=query.get("before") or None,
        is_ours=True,
    )


class Addresses:
    """Finds the feed that is asked for; ``others`` read what is no address of ours, the first that can.

    What an address was found to ask for is remembered, unless a key stands in it.
    """

    def __init__(self, others: Sequence[Resolver] = ()) -> None:
        self._resolvers = (read_ours, *others)
        self._known: dict[tuple[bytes, bytes], Asked | None] = {}

    def find(self, path: bytes, query: bytes) -> Asked | None:
        """What a path (as it was sent, percent-encoded) with a query asks for; None when it is no feed.

        Raises ``BadRequest``.
        """
        address = (path, query)
        try:
            return self._known[address]
        except KeyError:
            told = parse_query(query)
            asked = self._read(path.decode(errors="replace"), told)
        if len(path) + len(query) <= _LONGEST and KEY not in told:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[address] = asked
        return asked

    def _read(self, path: str, query: Mapping[str, str]) -> Asked | None:
        return next((asked for read in self._resolvers if (asked := read(path, query)) is not None), None)


def parse_query(query: bytes) -> dict[str, str]:
    """A query's parameters; of several with one name the last."""
    return dict(parse_qsl(query.decode(errors="replace"), keep_blank_values=True))


def split_address(address: str) -> tuple[str, dict[str, str]]:
    """The path of an address of this site, percent-encoded still, and its parameters."""
    path, _, query = address.partition("?")
    return path, parse_query(query.encode())


class AddressRoute(BaseRoute):
    """Leads every address of a feed to one endpoint, whatever the method."""

    def __init__(self, addresses: Addresses, endpoint: Callable[[Request], Response]) -> None:
        self._addresses = addresses
        self._app = request_response(endpoint)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether this is the address of a feed, or one of which the endpoint has to say what is wrong."""
        if scope["type"] != "http":
            return Match.NONE, {}
        try:
            asked = self._addresses.find(scope["raw_path"], scope["query_string"])
        except BadRequest:
            return Match.FULL, {}
        return (Match.NONE if asked is None else Match.FULL), {}

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        """None has a name."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that matches."""
        await self._app(scope, receive, send)
