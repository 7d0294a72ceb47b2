"""What a request passes before it is routed: a token, a size, a method; and what it said, hashed."""

from collections.abc import AsyncIterator
from hashlib import sha256
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from database import DatabaseUnavailable
from posts.blog import BlogMissing
from web.api.access import Api, Caller, bearer
from web.api.problems import Problem, wrong

LARGEST_BODY = 16 << 20
# Bodies that are streamed by who reads them.
_STREAMED = frozenset({"/import"})
_PUBLIC = frozenset({"", "/", "/docs", "/openapi.json"})
_WEBHOOKS = "/webhooks/"
_JSON = ("application/json", "application/merge-patch+json")


class Gate:
    """Lets programs with a token through to the API, each with what it sent, bounded."""

    def __init__(self, app: ASGIApp, api: Api) -> None:
        self._app = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            ready, body = await self._prepared(scope, receive)
        except Problem as problem:
            await problem.response()(scope, receive, send)
        except (DatabaseUnavailable, BlogMissing) as error:
            await unavailable(error).response()(scope, receive, send)
        except ClientDisconnect:
            await broken_off().response()(scope, receive, send)
        else:
            await self._app(ready, body, _headless(send) if scope["method"] == "HEAD" else send)

    async def _prepared(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        """The request as the API is to see it."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        # A GET without its body; FastAPI knows no HEAD.
        ready = {**scope, "method": "GET"} if scope["method"] == "HEAD" else dict(scope)
        _require_plain(scope, path)
        if path in _PUBLIC:
            return ready, receive
        host = scope["client"][0] if scope.get("client") else ""
        if path.startswith(_WEBHOOKS):
            asked = Request(scope).query_params
            said = (asked.get("token", ""), asked.get("name", ""), host)
            await run_in_threadpool(self._api.require_sender, *said)
            body = await _read(scope, receive)
            return {**ready, "labelcast.body": body}, _again(body)
        token = await run_in_threadpool(self._api.admit, bearer(scope["headers"]), host)
        if path in _STREAMED:
            ready["labelcast.caller"] = Caller(self._api, token, Request(scope), "")
            return ready, receive
        _require_json(scope)
        if not any(name == b"content-type" for name, _ in scope["headers"]):
            # FastAPI takes nothing for JSON that does not say so.
            ready["headers"] = [*scope["headers"], (b"content-type", _JSON[0].encode())]
        body = await _read(scope, receive)
        ready["labelcast.caller"] = Caller(self._api, token, Request(scope), sha256(body).hexdigest())
        return ready, _again(body)


def unavailable(error: Exception) -> Problem:
    """The database cannot be read: it may be back in a moment."""
    said = error.public if isinstance(error, DatabaseUnavailable) else str(error)
    return Problem(503, said, headers={"Retry-After": "30"})


def broken_off() -> Problem:
    """Who asked went away before all was sent: nobody reads this, but the log has it as theirs."""
    return Problem(400, "this broke off before all was sent")


def _require_plain(scope: Scope, path: str) -> None:
    """No name of ours holds a control character, and no database takes them all."""
    if not path.isprintable():
        raise Problem(404, "there is nothing at this address")
    query = scope["query_string"].decode("latin-1")
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise wrong(f"?{name[:80]}", "holds a line break or another control character")


def _require_json(scope: Scope) -> None:
    """What is sent is JSON, or does not say that it is something else."""
    for name, value in scope["headers"]:
        if name == b"content-type" and value.decode("latin-1").partition(";")[0].strip().lower() not in _JSON:
            raise Problem(415, "send JSON: Content-Type: application/json", headers={"Accept": _JSON[0]})


async def _read(scope: Scope, receive: Receive) -> bytes:
    """A request's body; raises ``Problem`` (413) once there is too much of it."""
    body = bytearray()
    async for part in bounded(Request(scope, receive), LARGEST_BODY):
        body += part
    return bytes(body)


async def bounded(request: Request, most: int) -> AsyncIterator[bytes]:
    """A request's body in parts; raises ``Problem`` (413) once there is more than that of it."""
    told = request.headers.get("content-length", "")
    too_large = Problem(413, f"more was sent than the {most >> 20} MiB that fit here")
    if told.isascii() and told.isdigit() and (len(told) > 15 or int(told) > most):
        raise too_large
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise too_large
        yield part


def _again(body: bytes) -> Receive:
    """Hands a body that was read to who reads it next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _headless(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
