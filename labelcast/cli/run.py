"""``labelcast run``: the service."""

from typing import Annotated

import typer

from labelcast.cli.errors import UsageProblem
from labelcast.cli.opening import opened
from labelcast.cli.output import say

# A tick sends for so long at most, so that other duties get their turn; the next tick goes on.
SENDING_SECONDS = 30.0


def command(
    context: typer.Context,
    *,
    no_web: Annotated[bool, typer.Option("--no-web", help="Serve no pages and feeds.")] = False,
    no_scheduler: Annotated[
        bool, typer.Option("--no-scheduler", help="Build no feeds and send no digests.")
    ] = False,
) -> None:
    """Run the service: scheduler, sending and web. It ends by SIGTERM or Ctrl-C.

    Stopping finishes what is in hand; the rest waits for the next start. Any number may run on one database.
    """
    if no_web and no_scheduler:
        raise UsageProblem("--no-web and --no-scheduler together leave nothing to run: leave one of them out")
    from labelcast.logs import configure_logs
    from labelcast.service import Service

    configure_logs(running=True)
    with opened(context) as wiring:
        settings = wiring.settings
        ticking = wiring.scheduler(sending_seconds=SENDING_SECONDS) if not no_scheduler else None
        trouble = ticking.trouble if ticking else None
        app = wiring.app(trouble=trouble, logged=settings.web.access_log) if not no_web else None
        if not no_web:
            say(f"serving http://{settings.web.host}:{settings.web.port}/ (stop with Ctrl-C)")
        Service(
            ticking or wiring.web_scheduler(),
            app,
            host=settings.web.host,
            port=settings.web.port,
            trusted_proxies=settings.web.trusted_proxies,
        ).run()
