"""The API as an application of its own: its routes, its description, and what it says of errors."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp

from database import DatabaseUnavailable
from digests.cadence import CadenceError
from digests.offer import DigestError
from feeds.configured import FeedError
from posts.blog import BlogMissing
from posts.curation import LabelError
from posts.putting import PutError
from posts.rules import RuleError
from posts.spool import SpoolError
from subscribers.address import AddressError
from subscribers.store import SubscriberError
from web.api import deliveries, digests, feeds, hooks, imports, labels, posts, subscribers
from web.api.access import Api
from web.api.gate import Gate, broken_off, unavailable
from web.api.pages import documentation
from web.api.problems import Fault, Problem, wrong

# What the rooms below say of what cannot be, and where in a request that stands (empty: not in one place).
_REFUSED: dict[type[Exception], tuple[int, str]] = {
    RuleError: (422, ""),
    AddressError: (422, "#/email"),
    CadenceError: (422, ""),
    DigestError: (422, ""),
    FeedError: (422, ""),
    PutError: (422, ""),
    LabelError: (409, ""),
    SubscriberError: (409, ""),
}


def create_api(api: Api, page: Callable[[Request, Mapping[str, Any]], Response]) -> ASGIApp:
    """The API over what it stands on; ``page`` renders its documentation."""
    app = FastAPI(
        title="Labelcast",
        summary="Posts, labels, feeds, digests and readers, for programs.",
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Who sends what, a token in an address too, is nobody else's to watch.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    for part in (posts, labels, feeds, digests, subscribers, deliveries, imports, hooks):
        app.router.routes.extend(part.router.routes)
    app.router.routes.extend(documentation(app, page).routes)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for kind in _REFUSED:
        app.add_exception_handler(kind, _refused)
    for kind in (DatabaseUnavailable, BlogMissing, SpoolError):
        app.add_exception_handler(kind, _unavailable)
    app.add_exception_handler(ClientDisconnect, _broken_off)
    app.add_exception_handler(Exception, _fault)
    app.state.labelcast = api
    return Gate(app, api)


def _problem(_request: Request, error: Exception) -> Response:
    return error.response() if isinstance(error, Problem) else _fault(_request, error)


def _refused(_request: Request, error: Exception) -> Response:
    kind = next(one for one in type(error).__mro__ if one in _REFUSED)
    status, pointer = _REFUSED[kind]
    faults = [Fault(pointer=pointer, detail=str(error))] if pointer else []
    return Problem(status, str(error), errors=faults).response()


def _unavailable(_request: Request, error: Exception) -> Response:
    return unavailable(error).response()


def _fault(_request: Request, _error: Exception) -> Response:
    return Problem(500, "this is a fault of Labelcast; the log has more").response()


def _broken_off(_request: Request, _error: Exception) -> Response:
    return broken_off().response()


def _http(request: Request, error: Exception) -> Response:
    """What the routing says: nothing there, or another method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        allowed = ", ".join(sorted(_methods(request)))
        return Problem(405, f"this address takes {allowed}", headers={"Allow": allowed}).response()
    if status == 404:
        return Problem(404, "there is nothing at this address").response()
    if status == 400:
        return Problem(422, "what was sent is no JSON that can be read").response()
    return Problem(status, str(getattr(error, "detail", "this cannot be done"))).response()


def _methods(request: Request) -> set[str]:
    """All methods that some route takes at this address."""
    found: set[str] = set()
    for route in request.app.router.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            found |= set(getattr(route, "methods", None) or ())
    return found | ({"HEAD"} if "GET" in found else set())


def _invalid(_request: Request, error: Exception) -> Response:
    """A request whose parts are not of the kinds they should be: where, and what is wrong there."""
    told = error.errors() if isinstance(error, RequestValidationError) else []
    if any(one["type"] == "json_invalid" for one in told):
        return wrong("#", "is no JSON that can be read").response()
    faults = [Fault(pointer=_pointer(one["loc"]), detail=_words(str(one["msg"]))) for one in told[:20]]
    first = faults[0] if faults else Fault(pointer="", detail="it cannot be read")
    return Problem(422, f"{first.pointer}: {first.detail}", errors=faults).response()


def _pointer(where: tuple[int | str, ...]) -> str:
    """A place in a request: a JSON pointer into its body (RFC 6901), or the name of a parameter."""
    kind, *rest = where or ("body",)
    if kind == "body":
        parts = [str(part).replace("~", "~0").replace("/", "~1")[:80] for part in rest]
        return "#" + "".join(f"/{part}" for part in parts)
    return ("?" if kind == "query" else "") + ".".join(str(part)[:80] for part in rest)


def _words(message: str) -> str:
    return " ".join(message.removeprefix("Value error, ").split())
