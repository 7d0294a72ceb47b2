"""Private feeds: the key in the address or as Basic's password (RFC 7617), and the answer without one."""

from base64 import b64decode
from binascii import Error

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from feeds.keys import may_read
from web.feeds.resolving import KEY, parse_query


def may_have(connection: Connection, request: Request, slug: str) -> bool:
    """Whether a request bears a key of this private feed."""
    told = parse_query(request.scope["query_string"]).get(KEY)
    key = told if told is not None else _password(request.headers.get("authorization", ""))
    return may_read(connection, slug, key)


def unauthorized() -> Response:
    """The one answer to whoever bears no key, a wrong one, one of another feed, or one that was revoked."""
    return PlainTextResponse(
        "This feed is private. It opens with the address that you were given, or with its key as password.\n",
        status_code=401,
        headers={
            "WWW-Authenticate": 'Basic realm="A private feed", charset="UTF-8"',
            "Cache-Control": "private, no-store",
        },
    )


def _password(authorization: str) -> str:
    scheme, _, told = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(told.strip(), validate=True).decode().partition(":")[2]
    except (Error, ValueError):
        return ""
