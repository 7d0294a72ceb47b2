"""A feed's answers, ready to be sent: headers as bytes, and a body for each content coding, made once."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import Send

from feeds.build import BuiltFeed
from feeds.lasting import is_lasting
from web.feeds.encodings import CODINGS, WORTH_COMPRESSING, Coding, encode
from web.feeds.rhythm import max_age
from web.responding import client_has, http_date, tag_of

# Of an archive document that no entry ever comes to. No longer: its feed may be private tomorrow.
CLOSED_CACHING = "public, max-age=3600"
# To be kept by no cache that others share; where the key stands in a header, the address says nothing of it.
PRIVATE_CACHING = "private, no-cache"
PRIVATE_VARY = "Accept-Encoding, Authorization"
# Scripts of other sites may read feeds, and see these of their headers.
CROSS_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, IM, Last-Modified, Link, Retry-After",
}
_NO_CONTENT = {"type": "http.response.body", "body": b""}
_NOT_IN_LINKS = re.compile(r"[^!-;=?-~]")


class Reply:
    """An answer that is ready to be sent.

    ``begin`` and ``content`` are its ASGI messages, which no server changes, ``head`` the bytes of its status
    and headers as HTTP/1.1 has them, without the empty line that ends them.
    """

    __slots__ = ("begin", "body", "content", "head", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.status = status
        self.body = body
        self.headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        self.begin = {"type": "http.response.start", "status": status, "headers": self.headers}
        self.content = {"type": "http.response.body", "body": body}
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        self.head = b"\r\n".join([*lines, *(name + b": " + value for name, value in self.headers), b""])

    async def send(self, send: Send, method: str) -> None:
        """Send it by ASGI, to a HEAD without the body."""
        await send(self.begin)
        await send(_NO_CONTENT if method == "HEAD" else self.content)

    def as_response(self, method: str) -> Response:
        """It as Starlette has answers."""
        response = Response(b"" if method == "HEAD" else self.body, self.status)
        response.raw_headers = list(self.headers)
        return response


class Answer:
    """What a feed's address answers while the feed stays as it was built.

    ``extra`` are headers that every answer bears. A body is coded when it is first asked for, which takes
    milliseconds: do so in a thread.
    """

    def __init__(self, built: BuiltFeed, *, extra: Mapping[str, str]) -> None:
        self.built = built
        # Of feeds without end readers are not counted.
        self.uri = built.spec.uri if is_lasting(built.spec) else None
        self.last_modified = http_date(built.last_modified).encode()
        self._headers = dict(extra) | caching(built)
        codings: tuple[Coding, ...] = CODINGS if len(built.body) >= WORTH_COMPRESSING else ()
        tags: dict[Coding, str] = {coding: tag_of(built.etag, coding) for coding in ("identity", *codings)}
        self.tags = {coding: tag.encode() for coding, tag in tags.items()}
        self._known = {coding: Reply(304, self._headers | {"ETag": tag}) for coding, tag in tags.items()}
        self._made: dict[Coding, Reply] = {}

    @property
    def size(self) -> int:
        """How many bytes of memory it takes, about."""
        return 4096 + len(self.built.body) + sum(len(made.body) for made in self._made.values())

    def whole(self, coding: Coding) -> Reply | None:
        """A 200 in a coding; None while it is not made."""
        return self._made.get(coding)

    def make(self, coding: Coding) -> Reply:
        """A 200 in a coding, made if need be."""
        made = self._made.get(coding)
        if made is None:
            made = self._made[coding] = self._with_body(200, self.built.body, coding, {})
        return made

    def known(self, coding: Coding) -> Reply:
        """A 304: the client has what it would get in this coding."""
        return self._known[coding]

    def difference(self, body: bytes, base: str, coding: Coding) -> Reply:
        """A 226: ``body`` has what is new since the feed of the ETag ``base`` (RFC 3229).

        Only a cache that knows what it is may keep it (10.8.3).
        """
        scope = "private, " if self.built.spec.is_private else ""
        headers = {
            "IM": "feed",
            "Delta-Base": base,
            "Cache-Control": f"{scope}no-store, im",
            "Vary": f"{self._headers['Vary']}, A-IM, If-None-Match",
        }
        return self._with_body(226, body, coding, headers)

    def is_known(self, coding: Coding, none_match: Sequence[str], modified_since: str | None) -> bool:
        """Whether the client has what it would get in this coding."""
        tag = tag_of(self.built.etag, coding)
        return client_has(none_match, modified_since, tag, self.built.last_modified)

    def _with_body(self, status: int, plain: bytes, coding: Coding, more: Mapping[str, str]) -> Reply:
        body = encode(plain, coding)
        headers = self._headers | about(self.built, coding, len(body)) | dict(more)
        return Reply(status, headers, body)


def caching(built: BuiltFeed) -> dict[str, str]:
    """What answers say of keeping a feed, whether they bear its body or not."""
    headers = {"Last-Modified": http_date(built.last_modified)}
    if built.spec.is_private:
        return headers | {"Cache-Control": PRIVATE_CACHING, "Vary": PRIVATE_VARY}
    caching = CLOSED_CACHING if built.is_closed else f"public, max-age={max_age(built.body)}"
    return headers | {"Cache-Control": caching, "Vary": "Accept-Encoding"} | CROSS_ORIGIN


def about(built: BuiltFeed, coding: Coding, length: int) -> dict[str, str]:
    """What answers say of a feed's body."""
    coded = {} if coding == "identity" else {"Content-Encoding": coding}
    return coded | {
        "ETag": tag_of(built.etag, coding),
        "Content-Type": content_type(built.media_type),
        "Content-Length": str(length),
        "Link": links(built),
    }


def content_type(media_type: str) -> str:
    """A media type with its charset; JSON has none (RFC 8259, 8.1)."""
    return f"{media_type}; charset=utf-8" if media_type.endswith("xml") else media_type


def links(built: BuiltFeed) -> str:
    """The value of ``Link``: itself, its hubs (WebSub 1.0, 4) and its page."""
    found = [
        (built.self_url, f'rel="self"; type="{built.media_type}"'),
        *((hub, 'rel="hub"') for hub in built.hubs),
        (built.spec.alternate_url, 'rel="alternate"; type="text/html"'),
    ]
    return ", ".join(f"<{_NOT_IN_LINKS.sub('', url)}>; {what}" for url, what in found)


def refusal(seconds: int, extra: Mapping[str, str]) -> Reply:
    """A 429: the client may come back after so many seconds."""
    body = f"You ask for this feed too often: come back in {seconds} seconds.\n".encode()
    headers = {
        "Retry-After": str(seconds),
        "Cache-Control": "no-store",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(body)),
    }
    return Reply(429, dict(extra) | CROSS_ORIGIN | headers, body)
