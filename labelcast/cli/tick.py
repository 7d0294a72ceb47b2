"""``labelcast tick``: once, all that is due."""

import signal
from contextlib import ExitStack
from types import FrameType
from typing import Annotated

import typer

from labelcast.cli.errors import CommandFailed
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer_json, progress, say


def command(
    context: typer.Context,
    *,
    now: Annotated[
        str | None, typer.Option("--now", metavar="ISO", help="As if it were this instant: for rehearsals.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Run once all that is due, and exit. Posts are released, feeds built, digests planned and sent.

    It is what `labelcast run` does every few seconds, for a timer of your own. Stopped by a signal it
    finishes the messages in hand; the rest waits for the next tick.
    """
    from digests.standing import backlog
    from labelcast.logs import configure_logs

    configure_logs()
    with opened(context) as wiring, ExitStack() as finally_:
        at = moment(now, timezone=wiring.settings.timezone)
        advance = finally_.enter_context(progress("messages"))
        dealt_with = 0
        total: int | None = None

        def count(messages: int) -> None:
            nonlocal dealt_with, total
            if total is None:
                with wiring.database.read() as connection:
                    total = messages + backlog(connection, at).due
            dealt_with += messages
            # What another process sends meanwhile is not this one's.
            advance(dealt_with, max(total, dealt_with))

        scheduler = wiring.scheduler(progress=count)

        def wind_down(_signal: int, _frame: FrameType | None) -> None:
            scheduler.wind_down()

        for number in (signal.SIGTERM, signal.SIGINT):
            finally_.callback(signal.signal, number, signal.signal(number, wind_down))
        done = scheduler.tick(at)
    failed = [one for one in done if one.error is not None]
    if as_json:
        answer_json({one.duty: str(one.error) if one.error else one.said for one in done})
    else:
        for one in done:
            if one.said:
                say(f"{one.duty}: {one.said}")
    if failed:
        raise CommandFailed("; ".join(f"{one.duty}: {one.error}" for one in failed))
