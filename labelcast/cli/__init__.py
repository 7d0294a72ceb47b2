"""The commands, one file for each group of them; ``main`` is where the program starts and ends."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from labelcast.cli.errors import explain, hush_broken_pipe
from labelcast.cli.output import say


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and leave with 0 (done), 1 (could not) or 2 (bad usage or settings).

    Every error ends here, as one line on stderr; with ``--traceback`` it comes as Python tells it.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has gone: `labelcast posts | head`
        hush_broken_pipe()
        code = 1
    except (Exception, KeyboardInterrupt) as error:
        if "--traceback" in given:
            raise
        code, line = explain(error)
        say(f"labelcast: {line}")
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    from labelcast.cli.app import app

    # Typer gives 130 for an interrupt; ours are 0, 1 and 2.
    result = app(arguments, prog_name="labelcast", standalone_mode=False)
    if result == 130:
        raise KeyboardInterrupt
    return result if isinstance(result, int) else 0
