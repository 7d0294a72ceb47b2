"""Answering a GET or HEAD as HTTP wants it: validators, 304, and each content coding with its own ETag."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

from web.feeds.encodings import WORTH_COMPRESSING, Coding, choose, encode, weight_of

# An entity tag: what stands between the quotes may hold a comma.
_TAG = re.compile(r'(?:W/)?("[^"]*")|(\*)')
# feedparser asks for differences in the name of all who use it, and not all know what they are: to rss2email,
# which bears its name, a 226 is an error, and with it no post would come any more.
_STUMBLES_AT_226 = ("feedparser/", "rss2email/", "UniversalFeedParser/")
# Of a header no more is read: short answers are given where nobody else is answered meanwhile.
_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class Representation:
    """What a URL stands for now: its bytes and what HTTP says of them.

    ``etag`` has its quotes and is strong, of these very bytes; ``last_modified`` is aware.
    """

    body: bytes
    media_type: str
    etag: str
    cache_control: str
    last_modified: datetime | None = None
    vary: str = "Accept-Encoding"


def respond(request: Request, shown: Representation) -> Response:
    """The answer to a GET or HEAD of ``shown``: 200, or 304 when the client has it.

    A coded form is another representation with a strong ETag of its own (RFC 9110, 8.8.3.3), and what the
    client has is compared with the form that it would get.
    """
    coding = coding_for(request.headers.get("accept-encoding"), len(shown.body))
    etag = tag_of(shown.etag, coding)
    headers = {"ETag": etag, "Cache-Control": shown.cache_control, "Vary": shown.vary}
    if shown.last_modified is not None:
        headers["Last-Modified"] = http_date(shown.last_modified)
    none_match = request.headers.getlist("if-none-match")
    if client_has(none_match, request.headers.get("if-modified-since"), etag, shown.last_modified):
        return Response(status_code=304, headers=headers)
    if coding != "identity":
        headers["Content-Encoding"] = coding
    body = encode(shown.body, coding)
    headers["Content-Length"] = str(len(body))
    return Response(b"" if request.method == "HEAD" else body, headers=headers, media_type=shown.media_type)


def coding_for(accepts: str | None, size: int) -> Coding:
    """The coding for a body of so many bytes: none where it would be no smaller."""
    return choose(accepts) if size >= WORTH_COMPRESSING else "identity"


def tag_of(etag: str, coding: Coding) -> str:
    """The ETag of a coded form; ``etag`` is that of the plain one."""
    return etag if coding == "identity" else f'{etag[:-1]}-{coding}"'


def http_date(moment: datetime) -> str:
    """An aware moment as HTTP writes it (RFC 9110, 5.6.7)."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def client_has(
    none_match: Sequence[str], modified_since: str | None, etag: str, last_modified: datetime | None
) -> bool:
    """Whether a client has what it asks for, by the values of If-None-Match and of If-Modified-Since.

    The first wins over the second (RFC 9110, 13.2.2), and compares weakly (13.1.2).
    """
    if none_match:
        tags = tags_in(none_match)
        return "*" in tags or etag in tags
    if modified_since is None or last_modified is None:
        return False
    try:
        known = parsedate_to_datetime(modified_since)
        if known.tzinfo is None:
            known = known.replace(tzinfo=UTC)
        return last_modified.replace(microsecond=0) <= known
    except (ValueError, OverflowError):
        return False


def tags_in(none_match: Sequence[str]) -> list[str]:
    """The entity tags in values of If-None-Match, each with its quotes and without ``W/``; or ``*``.

    Of very long values those at the beginning.
    """
    return [tag or star for tag, star in _TAG.findall(",".join(none_match)[:_LONGEST])]


def wants_difference(a_im: str, agent: str) -> bool:
    """Whether a client with this value of A-IM takes just the new entries of a feed (RFC 3229, 10.5.3)."""
    if agent.startswith(_STUMBLES_AT_226):
        return False
    for item in a_im[:_LONGEST].lower().split(","):
        manipulation, *parameters = (part.strip() for part in item.split(";"))
        if manipulation == "feed":
            return weight_of(parameters) > 0
    return False
