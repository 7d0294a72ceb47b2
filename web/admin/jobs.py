"""What takes longer than a request: a job is a thread of this process, and a row that tells how it goes.

A page's ``act`` begins one and goes on to its page::

    def act(visit: Visit) -> Done:
        def work(progress: Progress) -> Mapping[str, Any]:
            for number, row in enumerate(rows, start=1):
                progress(number, total)          # raises Stopped when the service stops: let it through
            return {"new": 17, "skipped": []}    # the report: JSON, kept in the row

        try:
            number = visit.frame.jobs.begin(
                Plan("readers.import", title=upload.name, actor=f"account:{visit.account.name}", work=work,
                     expected=(CsvError,), also=lambda connection: visit.record(connection, …)),
                now=visit.now,
            )
        except JobRuns as error: …               # one of a kind at a time: ``error.job`` is the one that runs
        return Done(f"/import/{number}")

``Visit.files`` are gone when the request ends: keep what the work needs (``web.admin.keeping``). An
error that is ``expected`` ends a job with its one line, any other with a line that leads to the log. Its page
asks ``visit.job("readers.import")`` and looks at ``standing``. A job whose process died goes on saying that
it runs, but beats no more: it is then ``INTERRUPTED``. The work may hold the database's write lock as long as
it likes: beats are written by a thread of their own, which waits for it.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import Connection, Row, insert, select, update

from database import Database, DatabaseUnavailable
from posts.blog import get_blog
from web.model import JobState, job

WRITTEN_EVERY = 0.5
BEATS_EVERY = 5.0
# Longer than any other writer is waited for.
DEAD_AFTER = timedelta(seconds=45)
STOPPING_SECONDS = 10.0
_STOPPED = "the service was stopped before this was done"

log = structlog.get_logger("jobs")


class Standing(StrEnum):
    """How a job stands, as a person is told."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Stopped(Exception):
    """The service stops: whatever the work holds is to be let go."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job's row.

    ``total`` is None where nobody knows; ``report`` is what came of it, or ``{"error": …}``.
    """

    id: int
    kind: str
    title: str
    actor: str
    standing: Standing
    done: int
    total: int | None
    report: Mapping[str, Any] | None
    started_at: datetime
    beat_at: datetime
    finished_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        return self.standing is not Standing.RUNNING

    @property
    def error(self) -> str:
        """Why it failed, in one line; empty where it did not."""
        return str((self.report or {}).get("error", ""))


class JobRuns(RuntimeError):
    """One of this kind runs already: ``job``."""

    def __init__(self, found: Job) -> None:
        super().__init__(f"“{found.title}” is still at work")
        self.job = found


class Progress:
    """What the work says how far it is with: ``progress(done, total)``, as often as it likes."""

    def __init__(self, stopping: threading.Event) -> None:
        self.done = 0
        self.total: int | None = None
        self._stopping = stopping

    def __call__(self, done: int, total: int | None = None) -> None:
        """So many are done, of so many where that is known. Raises ``Stopped`` when the service stops."""
        self.done = done
        self.total = self.total if total is None else total
        if self._stopping.is_set():
            raise Stopped


Work = Callable[[Progress], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A job to be begun. ``also`` is done in the transaction that begins it: its audit entry, say.

    ``expected`` are the errors whose one line tells a person all. ``afterwards`` is called in the end,
    however it went: to take temporary files away.
    """

    kind: str
    title: str
    actor: str
    work: Work
    expected: tuple[type[Exception], ...] = ()
    also: Callable[[Connection], None] = lambda _connection: None
    afterwards: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Jobs:
    """The jobs of this process, each a thread, and the rows of all of them. ``stop`` it in the end."""

    database: Database
    now: Callable[[], datetime]
    _stopping: threading.Event = field(default_factory=threading.Event)
    _running: dict[int, tuple[Progress, threading.Thread]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, plan: Plan, *, now: datetime) -> int:
        """Begin a job and tell its number; raises ``JobRuns``, and then ``afterwards`` is not called."""
        with self.database.read() as connection:
            self._require_free(connection, plan.kind, now)
        with self.database.write() as connection:
            # Between this look and the last another process may have begun one.
            get_blog(connection, lock=True)
            self._require_free(connection, plan.kind, now)
            made = insert(job).values(
                kind=plan.kind,
                title=plan.title,
                actor=plan.actor,
                state=JobState.RUNNING.value,
                started_at=now,
                beat_at=now,
            )
            number: int = connection.execute(made.returning(job.c.id)).scalar_one()
            plan.also(connection)
        progress = Progress(self._stopping)
        thread = threading.Thread(
            target=self._run, args=(number, plan, progress), name=f"job-{number}", daemon=True
        )
        with self._lock:
            self._running[number] = (progress, thread)
        thread.start()
        return number

    def find(self, connection: Connection, number: int, *, now: datetime) -> Job | None:
        """A job by its number."""
        row = connection.execute(select(job).where(job.c.id == number)).first()
        return None if row is None else self._as_job(row, row.report, now)

    def newest(
        self, connection: Connection, kinds: Sequence[str], *, now: datetime, limit: int = 10
    ) -> list[Job]:
        """The last jobs of these kinds, newest first, without their reports."""
        columns = [column for column in job.c if column is not job.c.report]
        query = select(*columns).where(job.c.kind.in_(kinds)).order_by(job.c.id.desc()).limit(limit)
        return [self._as_job(row, None, now) for row in connection.execute(query)]

    def stop(self, seconds: float = STOPPING_SECONDS) -> None:
        """Tell all jobs to stop, and wait for them so long; the process may end then."""
        self._stopping.set()
        with self._lock:
            threads = [thread for _, thread in self._running.values()]
        until = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _require_free(self, connection: Connection, kind: str, now: datetime) -> None:
        columns = [column for column in job.c if column is not job.c.report]
        asked = select(*columns).where(job.c.kind == kind, job.c.state == JobState.RUNNING.value)
        for row in connection.execute(asked.order_by(job.c.id.desc())):
            found = self._as_job(row, None, now)
            if not found.is_over:
                raise JobRuns(found)

    def _as_job(self, row: Row[*tuple[Any, ...]], report: Mapping[str, Any] | None, now: datetime) -> Job:
        found = Job(
            id=row.id,
            kind=row.kind,
            title=row.title,
            actor=row.actor,
            standing=Standing(row.state),
            done=row.done,
            total=row.total,
            report=report,
            started_at=row.started_at,
            beat_at=row.beat_at,
            finished_at=row.finished_at,
        )
        if found.is_over:
            stopped = bool((report or {}).get("interrupted"))
            return replace(found, standing=Standing.INTERRUPTED) if stopped else found
        with self._lock:
            mine = self._running.get(found.id)
        if mine is not None:
            # While the work holds the write lock its beats wait; this process knows better.
            return replace(found, done=mine[0].done, total=mine[0].total, beat_at=now)
        is_dead = found.beat_at + DEAD_AFTER < now
        return replace(found, standing=Standing.INTERRUPTED) if is_dead else found

    def _run(self, number: int, plan: Plan, progress: Progress) -> None:
        ended = threading.Event()
        heart = threading.Thread(target=self._beat, args=(number, progress, ended), daemon=True)
        heart.start()
        try:
            state, report = self._outcome(number, plan, progress)
            ended.set()
            heart.join()
            self._finish(number, progress, state, report)
        finally:
            ended.set()
            with self._lock:
                self._running.pop(number, None)
            plan.afterwards()

    def _outcome(self, number: int, plan: Plan, progress: Progress) -> tuple[JobState, Mapping[str, Any]]:
        try:
            return JobState.DONE, plan.work(progress)
        except Stopped:
            return JobState.FAILED, {"error": _STOPPED, "interrupted": True}
        except DatabaseUnavailable as error:
            log.warning("a job failed", job=number, kind=plan.kind, error=_line(error))
            return JobState.FAILED, {"error": error.public}
        except plan.expected as error:
            return JobState.FAILED, {"error": _line(error)}
        except Exception:
            log.exception("a job failed", job=number, kind=plan.kind)
            return JobState.FAILED, {"error": f"this went wrong; the log has more of job {number}"}

    def _beat(self, number: int, progress: Progress, ended: threading.Event) -> None:
        """Write how far it is whenever that changed, and now and then that it lives."""
        written: tuple[int, int | None] = (0, None)
        at = time.monotonic()
        while not ended.wait(WRITTEN_EVERY):
            state = (progress.done, progress.total)
            if state == written and time.monotonic() - at < BEATS_EVERY:
                continue
            values = {"done": state[0], "total": state[1], "beat_at": self.now()}
            if self._write(number, values):
                written, at = state, time.monotonic()

    def _finish(self, number: int, progress: Progress, state: JobState, report: Mapping[str, Any]) -> None:
        values = {"done": progress.done, "total": progress.total, "report": dict(report)}
        at = self.now()
        if not self._write(number, {**values, "state": state.value, "beat_at": at, "finished_at": at}):
            log.warning("what came of a job could not be written", job=number)

    def _write(self, number: int, values: Mapping[str, Any]) -> bool:
        try:
            with self.database.write() as connection:
                connection.execute(update(job).where(job.c.id == number).values(values))
        except DatabaseUnavailable as error:
            log.warning("a job cannot be written of", job=number, error=_line(error))
            return False
        return True


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
