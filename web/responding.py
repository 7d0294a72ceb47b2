"""Answering a GET or HEAD as HTTP wants it: validators, 304, and gzip with its own ETag."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

# Below this a compressed answer is no smaller.
_WORTH_COMPRESSING = 500


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


def compress(body: bytes) -> bytes:
    """``body`` as gzip, the same bytes each time."""
    return gzip.compress(body, compresslevel=6, mtime=0)


def respond(
    request: Request, shown: Representation, *, compressed: Callable[[], bytes] | None = None
) -> Response:
    """The answer to a GET or HEAD of ``shown``: 200, or 304 when the client has it.

    ``compressed`` gives the body as gzip, kept from before where it is. The gzip form is another
    representation with a strong ETag of its own (RFC 9110, 8.8.3.3), and what the client has is compared with
    the form that it would get. If-None-Match wins over If-Modified-Since (13.2.2).
    """
    zips = len(shown.body) >= _WORTH_COMPRESSING and _wants_gzip(request.headers.get("accept-encoding", ""))
    etag = f'{shown.etag[:-1]}-gzip"' if zips else shown.etag
    headers = {"ETag": etag, "Cache-Control": shown.cache_control, "Vary": "Accept-Encoding"}
    if shown.last_modified is not None:
        headers["Last-Modified"] = format_datetime(shown.last_modified.astimezone(UTC), usegmt=True)
    if _client_has(request, etag, shown.last_modified):
        return Response(status_code=304, headers=headers)
    body = shown.body
    if zips:
        body = compressed() if compressed is not None else compress(body)
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    return Response(b"" if request.method == "HEAD" else body, headers=headers, media_type=shown.media_type)


def _client_has(request: Request, etag: str, last_modified: datetime | None) -> bool:
    wanted = request.headers.getlist("if-none-match")
    if wanted:
        tags = [tag.strip().removeprefix("W/") for value in wanted for tag in value.split(",")]
        return "*" in tags or etag in tags
    since = request.headers.get("if-modified-since")
    if since is None or last_modified is None:
        return False
    try:
        known = parsedate_to_datetime(since)
    except ValueError:
        return False
    if known.tzinfo is None:
        known = known.replace(tzinfo=UTC)
    return last_modified.replace(microsecond=0) <= known


def _wants_gzip(accepts: str) -> bool:
    """Whether gzip is acceptable and no less wanted than the plain form (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for item in accepts.lower().split(","):
        coding, *parameters = (part.strip() for part in item.split(";"))
        weights[coding] = _weight(parameters)
    gzip_weight = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip_weight > 0 and gzip_weight >= weights.get("identity", 0.0)


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
