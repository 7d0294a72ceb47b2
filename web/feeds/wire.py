"""The shortest way to a feed: what is at hand is written to the connection as it is, with no task for it.

uvicorn spends ten times as long on a request as the short way itself. So its protocol is asked to look there
first, at the one place where it starts the application; were that place to go, all would be as without.
"""

from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from web.feeds.shortway import ShortWay
from web.operations.accesslog import AccessLog
from web.operations.prefix import Prefix


def protocol_for(
    short_way: ShortWay, *, prefix: Prefix | None = None, log: AccessLog | None = None
) -> type[HttpToolsProtocol]:
    """uvicorn's protocol for HTTP/1.1 with a short way to feeds in it.

    ``prefix`` is taken off addresses, ``log`` told of what was answered here.
    """

    class FeedProtocol(HttpToolsProtocol):
        def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
            # Who does not read what it asks for must wait, and so must what stands behind another answer.
            is_free = not self.pipeline and not self.flow.write_paused
            if not is_free or not _answer(short_way, cycle, prefix, log):
                super()._start_asgi_task(cycle, app)

    return FeedProtocol


def _answer(
    short_way: ShortWay, cycle: RequestResponseCycle, prefix: Prefix | None, log: AccessLog | None
) -> bool:
    """Answer a request if its answer is at hand; tell whether it was."""
    scope = cast("Scope", cycle.scope)
    # A proxy in front knows whose address this is: uvicorn's own middleware reads it.
    if any(name == b"x-forwarded-for" for name, _ in scope["headers"]):
        return False
    reply = short_way.at_hand(prefix.strip(scope) if prefix is not None and prefix.path else scope)
    if reply is None:
        return False
    lines = [reply.head, *(b"%b: %b\r\n" % header for header in cycle.default_headers)]
    lines.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(b"".join(lines))
    if reply.body and scope["method"] != "HEAD":
        cycle.transport.write(reply.body)
    if not cycle.keep_alive:
        cycle.transport.close()
    if log is not None:
        octets = 0 if scope["method"] == "HEAD" else len(reply.body)
        log.note(scope["method"], scope["path"], reply.status, octets, 0.0)
    done, cycle.on_response = cycle.on_response, _nothing
    done()
    return True


def _nothing() -> None:
    """What is left to do when an answer was sent; so a request and its connection let go of each other."""
