"""The API, made when it is first asked for: no command and no reader waits for what it is made of."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send


class LazyApi:
    """Passes requests on to an application that the first of them has made."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._made: list[ASGIApp] = []
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if not self._made:
            await run_in_threadpool(self._begin)
        await self._made[0](scope, receive, send)

    def _begin(self) -> None:
        with self._lock:
            if not self._made:
                self._made.append(self._make())


def refusal(status: int, detail: str, headers: Mapping[str, str]) -> Response:
    """What programs are told (RFC 9457) of what does not come as far as the API."""
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return Response(json.dumps(problem), status, dict(headers), "application/problem+json")


def api_routes(make: Callable[[], ASGIApp]) -> list[BaseRoute]:
    """The routes to the API: all below ``/api``, also what no route of ours is named like."""
    mount = Mount("/api", app=LazyApi(make))
    # A dot stands for a line break too, so that whatever is asked for is answered there.
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return [Route("/api", lambda _request: RedirectResponse("api/docs", 307)), mount]
