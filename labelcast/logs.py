"""Logs: to stderr, so that stdout holds the answer and nothing else."""

import logging
import sys

import structlog


def configure_logs(*, running: bool = False) -> None:
    """What a service does is logged as it goes (``running``); a command says by itself what became of it."""
    # A tick that takes longer than the time between two is as it should be.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if running else logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
