"""The tick asks each duty and answers; it remembers nothing and no duty keeps another from its turn."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from scheduler import Duty, Scheduler

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
LONG = 30


def duty(name: str, *, due: bool = True, do: Callable[[datetime], str | None] = lambda _now: "done") -> Duty:
    return Duty(name, lambda _now: due, do)


def stumble(_now: datetime) -> str:
    raise RuntimeError("no more\nroom")


def test_only_what_is_due_is_done_and_in_order() -> None:
    done = Scheduler([duty("a"), duty("b", due=False), duty("c")], seconds=60).tick(NOW)
    assert [(one.duty, one.said) for one in done] == [("a", "done"), ("b", None), ("c", "done")]


def test_question_and_answer_are_given_the_tick_s_instant() -> None:
    told: list[datetime] = []

    def ask(now: datetime) -> bool:
        told.append(now)
        return True

    def answer(now: datetime) -> None:
        told.append(now)

    Scheduler([Duty("a", ask, answer)], seconds=60).tick(NOW)
    assert told == [NOW, NOW]


def test_a_duty_that_raises_is_told_of_and_the_next_gets_its_turn() -> None:
    scheduler = Scheduler([duty("bad", do=stumble), duty("good")], seconds=60)
    bad, good = scheduler.tick(NOW)
    assert str(bad.error) == "no more\nroom"
    assert good.said == "done"
    assert scheduler.trouble() == "bad: no more room"


def test_all_is_well_again_after_a_tick_without_errors() -> None:
    failing = iter([True, False])
    scheduler = Scheduler(
        [duty("a", do=lambda now: stumble(now) if next(failing) else "done")], seconds=60, clock=lambda: NOW
    )
    scheduler.tick(NOW)
    scheduler.tick(NOW)
    assert scheduler.trouble() is None


def test_a_scheduler_that_stopped_ticking_is_not_well() -> None:
    clock = [NOW]
    scheduler = Scheduler([], seconds=5, clock=lambda: clock[0])
    assert scheduler.trouble() == "the scheduler has not ticked yet"
    scheduler.tick(NOW)
    assert scheduler.trouble() is None
    clock[0] += timedelta(hours=1)
    assert scheduler.trouble() == "the scheduler has not ticked since 2026-03-02T14:00:00Z"


def test_started_it_ticks_at_once_and_again() -> None:
    ticks = threading.Semaphore(0)

    def count(_now: datetime) -> None:
        ticks.release()

    scheduler = Scheduler([Duty("a", lambda _now: True, count)], seconds=0.05)
    scheduler.start()
    try:
        assert all(ticks.acquire(timeout=LONG) for _ in range(3))
    finally:
        scheduler.stop()


def test_two_ticks_never_overlap() -> None:
    inside, overlaps = [0], [0]
    ticked = threading.Semaphore(0)

    def linger(_now: datetime) -> None:
        inside[0] += 1
        overlaps[0] = max(overlaps[0], inside[0])
        threading.Event().wait(0.1)
        inside[0] -= 1
        ticked.release()

    scheduler = Scheduler([Duty("slow", lambda _now: True, linger)], seconds=0.01)
    scheduler.start()
    try:
        assert all(ticked.acquire(timeout=LONG) for _ in range(4))
    finally:
        scheduler.stop()
    assert overlaps == [1]


def test_stopping_waits_for_the_duty_in_hand_and_leaves_the_rest() -> None:
    begun, later = threading.Event(), threading.Event()
    finished: list[str] = []

    def long_one(_now: datetime) -> None:
        begun.set()
        later.wait(LONG)
        finished.append("long")

    scheduler = Scheduler(
        [Duty("long", lambda _now: True, long_one), duty("rest", do=lambda _now: finished.append("rest"))],
        seconds=60,
    )
    scheduler.start()
    assert begun.wait(LONG)
    stopper = threading.Thread(target=scheduler.stop)
    stopper.start()
    while not scheduler.stopping():
        pass
    later.set()
    stopper.join(LONG)
    assert finished == ["long"]


def test_what_takes_long_keeps_nothing_else_waiting_and_its_errors_are_told() -> None:
    ended = threading.Event()
    ticked = threading.Semaphore(0)

    def linger(_now: datetime) -> None:
        ended.wait(LONG)
        raise RuntimeError("no room")

    def count(_now: datetime) -> None:
        ticked.release()

    scheduler = Scheduler(
        [Duty("long", lambda _now: True, linger, is_long=True), Duty("short", lambda _now: True, count)],
        seconds=0.05,
    )
    scheduler.start()
    try:
        assert all(ticked.acquire(timeout=LONG) for _ in range(3))
        assert scheduler.trouble() is None
    finally:
        ended.set()
        scheduler.stop()
    assert scheduler.trouble() == "long: no room"


def test_a_tick_that_is_asked_for_does_what_takes_long_in_its_turn() -> None:
    duties = [Duty("long", lambda _now: True, lambda _now: "done", is_long=True), duty("short")]
    assert [one.duty for one in Scheduler(duties, seconds=60).tick(NOW)] == ["long", "short"]


def test_what_takes_far_too_long_is_told_of() -> None:
    ahead = [timedelta(0)]
    ended = threading.Event()
    ticked = threading.Semaphore(0)

    def linger(_now: datetime) -> None:
        ended.wait(LONG)

    def count(_now: datetime) -> None:
        ticked.release()

    scheduler = Scheduler(
        [Duty("long", lambda _now: True, linger, is_long=True), Duty("short", lambda _now: True, count)],
        seconds=0.05,
        clock=lambda: datetime.now(UTC) + ahead[0],
    )
    scheduler.start()
    try:
        assert all(ticked.acquire(timeout=LONG) for _ in range(3))
        ahead[0] = timedelta(hours=2)
        assert all(ticked.acquire(timeout=LONG) for _ in range(3))
        said = scheduler.trouble()
    finally:
        ended.set()
        scheduler.stop()
    assert said is not None
    assert "at one thing since" in said
