"""Sends mail that is no digest as soon as it is asked for, beside whatever else the process does."""

import threading
from collections.abc import Callable
from datetime import datetime

import structlog

from outbox.notices import Notices
from scheduler import Duty

# A message in hand is waited for when the process ends; a server that never answers is not.
STOP_SECONDS = 30.0

log = structlog.get_logger("notices")


class Postman:
    """A thread that drains the queue whenever somebody says that there is mail.

    It begins with the first ``wake`` and ends with ``stop``. What it cannot send it leaves: the scheduler
    asks again.
    """

    def __init__(self, notices: Notices, *, clock: Callable[[], datetime]) -> None:
        self._notices = notices
        self._clock = clock
        self._lock = threading.Lock()
        self._is_mail = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """There is mail: it is seen to at once, in another thread. Call it after the commit."""
        self._is_mail.set()
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="postman", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Finish the messages in hand; the rest waits for the next start."""
        with self._lock:
            self._stopping.set()
            self._is_mail.set()
            thread = self._thread
        if thread is not None:
            thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while True:
            self._is_mail.wait()
            if self._stopping.is_set():
                return
            self._is_mail.clear()
            try:
                drained = self._notices.drain(self._clock(), stopping=self._stopping.is_set)
            except Exception as error:
                log.warning("mail cannot be sent now", error=" ".join(str(error).split()))
                continue
            if drained.trouble:
                log.warning("mail cannot be sent now", error=drained.trouble)


def draining(notices: Notices, *, stopping: Callable[[], bool]) -> Duty:
    """The scheduler's part: what another process asked for, what is to be tried again, what was left."""

    def drain(now: datetime) -> str | None:
        drained = notices.drain(now, stopping=stopping)
        if drained.trouble:
            raise ConnectionError(drained.trouble)
        return str(drained) or None

    return Duty("notices", notices.is_due, drain)
