"""``/healthz`` and ``/readyz``: whether the process lives, and whether it can do its work."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from database import Database, DatabaseUnavailable, SchemaOutdated, require_current

log = structlog.get_logger("web")

_UNCACHED = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Health:
    """Answers a supervisor. ``trouble`` tells in one line what is wrong with the scheduler; None: nothing."""

    database: Database
    trouble: Callable[[], str | None]

    def routes(self) -> list[Route]:
        """The addresses."""
        return [Route("/healthz", self.alive), Route("/readyz", self.ready)]

    async def alive(self, _request: Request) -> Response:
        """200 as long as the process answers at all: nothing is asked of the database."""
        return PlainTextResponse("ok\n", headers=_UNCACHED)

    def ready(self, _request: Request) -> Response:
        """200, or 503 with a line for each thing that is wrong."""
        wrong = [line for line in (self._database(), self.trouble()) if line]
        status = 503 if wrong else 200
        return PlainTextResponse("\n".join(wrong or ["ready"]) + "\n", status_code=status, headers=_UNCACHED)

    def _database(self) -> str | None:
        try:
            require_current(self.database)
        except DatabaseUnavailable as error:
            # Where the database stands is for the log, not for whoever asks.
            log.warning("not ready", error=" ".join(str(error).split()))
            return "database: cannot be reached"
        except SchemaOutdated as error:
            return f"database: {error}"
        return None
