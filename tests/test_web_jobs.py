"""What takes longer than a request: one of a kind at a time, told as it is, stopped with the service."""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from database import Database
from posts.blog import create_blog
from web.admin.jobs import BEATS_EVERY, DEAD_AFTER, Job, JobRuns, Jobs, Plan, Progress, Standing
from web.model import JobState, job

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


class Bad(ValueError):
    """What this work expects to go wrong."""


@pytest.fixture
def jobs(database: Database) -> Iterator[Jobs]:
    with database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
    made = Jobs(database, lambda: NOW)
    yield made
    made.stop()


def plan(work: Callable[[Progress], Mapping[str, Any]], **further: Any) -> Plan:
    return Plan("a.kind", title="work", actor="account:ann", work=work, **further)


def found(jobs: Jobs, number: int, *, now: datetime = NOW) -> Job:
    with jobs.database.read() as connection:
        one = jobs.find(connection, number, now=now)
    assert one is not None
    return one


def ended(jobs: Jobs, number: int) -> Job:
    """A job once its thread is through."""
    for thread in threading.enumerate():
        if thread.name == f"job-{number}":
            thread.join(30)
    return found(jobs, number)


def test_a_job_says_how_far_it_is_and_what_came_of_it(jobs: Jobs) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def work(progress: Progress) -> Mapping[str, Any]:
        progress(3, 10)
        reached.set()
        assert go_on.wait(30)
        progress(10)
        return {"new": 10}

    number = jobs.begin(plan(work), now=NOW)
    assert reached.wait(30)
    at_work = found(jobs, number)
    assert (at_work.standing, at_work.done, at_work.total) == (Standing.RUNNING, 3, 10)
    go_on.set()
    over = ended(jobs, number)
    assert (over.standing, over.done, over.total, over.report) == (Standing.DONE, 10, 10, {"new": 10})
    assert over.is_over
    assert not over.error


def test_one_of_a_kind_at_a_time(jobs: Jobs) -> None:
    go_on = threading.Event()

    def work(_progress: Progress) -> Mapping[str, Any]:
        go_on.wait(30)
        return {}

    number = jobs.begin(plan(work), now=NOW)
    with pytest.raises(JobRuns) as told:
        jobs.begin(plan(work), now=NOW)
    assert told.value.job.id == number
    # Another process sees the same, by the beat; when that is too old, the job is over for it.
    other = Jobs(jobs.database, lambda: NOW)
    with pytest.raises(JobRuns):
        other.begin(plan(work), now=NOW + DEAD_AFTER)
    assert timedelta(seconds=2 * BEATS_EVERY) < DEAD_AFTER
    go_on.set()
    assert ended(jobs, number).standing is Standing.DONE
    again = jobs.begin(plan(work), now=NOW)
    assert ended(jobs, again).standing is Standing.DONE


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Bad("line 3:\n  is no post"), "line 3: is no post"),
        (ValueError("a secret of the house"), "this went wrong; the log has more of job "),
    ],
)
def test_a_job_that_fails_says_why_in_a_line(jobs: Jobs, error: Exception, said: str) -> None:
    def work(_progress: Progress) -> Mapping[str, Any]:
        raise error

    gone: list[bool] = []
    number = jobs.begin(plan(work, expected=(Bad,), afterwards=lambda: gone.append(True)), now=NOW)
    over = ended(jobs, number)
    assert over.standing is Standing.FAILED
    assert over.error.startswith(said)
    assert gone == [True]


def test_what_goes_with_the_beginning_is_in_its_transaction(jobs: Jobs) -> None:
    def refuse(_connection: Any) -> None:
        raise Bad

    with pytest.raises(Bad):
        jobs.begin(plan(lambda _: {}, also=refuse), now=NOW)
    with jobs.database.read() as connection:
        assert connection.execute(select(job)).all() == []


def test_jobs_stop_with_the_service_and_say_so(jobs: Jobs) -> None:
    began = threading.Event()

    def work(progress: Progress) -> Mapping[str, Any]:
        for count in range(10**9):
            progress(count)
            began.set()
        return {}

    number = jobs.begin(plan(work), now=NOW)
    assert began.wait(30)
    jobs.stop()
    over = ended(jobs, number)
    assert (over.standing, over.finished_at) == (Standing.INTERRUPTED, NOW)


def test_a_job_whose_process_died_is_interrupted_by_its_old_beat(jobs: Jobs) -> None:
    row = {"kind": "a.kind", "title": "dead", "actor": "account:ann", "state": JobState.RUNNING}
    with jobs.database.write() as connection:
        made = insert(job).values(**row, started_at=NOW, beat_at=NOW).returning(job.c.id)
        number: int = connection.execute(made).scalar_one()
    assert found(jobs, number, now=NOW + DEAD_AFTER).standing is Standing.RUNNING
    late = NOW + DEAD_AFTER + timedelta(seconds=1)
    assert found(jobs, number, now=late).standing is Standing.INTERRUPTED
    again = jobs.begin(plan(lambda _: {}), now=late)
    assert ended(jobs, again).standing is Standing.DONE
    with jobs.database.read() as connection:
        listed = jobs.newest(connection, ["a.kind"], now=late)
    assert [one.id for one in listed] == [again, number]


def test_work_that_holds_the_database_is_not_held_up_by_its_own_beat(jobs: Jobs) -> None:
    def work(progress: Progress) -> Mapping[str, Any]:
        with jobs.database.write():
            for count in range(40):
                progress(count, 40)
                threading.Event().wait(0.02)
        return {}

    assert ended(jobs, jobs.begin(plan(work), now=NOW)).standing is Standing.DONE
