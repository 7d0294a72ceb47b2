"""Timing several ways to do one thing, in turns, so that a noisy machine is as unkind to each."""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time


@dataclass(frozen=True, slots=True)
class Timed:
    """One way: seconds of its median run and of its best, and of processor time in the median run.

    The last is what a busy machine tells most truly, but it leaves out waiting for the disk.
    """

    median: float
    best: float
    processor: float


def in_turns(
    ways: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    before: Callable[[str], object] | None = None,
    collect: bool = True,
) -> dict[str, Timed]:
    """Run each way once a round; ``before`` prepares one, untimed.

    ``collect`` clears garbage away before each, so that none pays for another's. It also leaves the
    processor's caches cold: a way of few milliseconds in a warm process is better off without.
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            if before is not None:
                before(name)
            if collect:
                gc.collect()
            start, worked = perf_counter(), process_time()
            way()
            taken[name].append((perf_counter() - start, process_time() - worked))
    return {name: _timed(runs) for name, runs in taken.items()}


def _timed(runs: list[tuple[float, float]]) -> Timed:
    seconds, worked = zip(*runs, strict=True)
    return Timed(median(seconds), min(seconds), median(worked))


def show(timed: Mapping[str, Timed]) -> None:
    """Print a line for each way, in milliseconds."""
    width = max(map(len, timed))
    print(f"{'':{width}}  median ms    best ms  processor ms")
    for name, one in timed.items():
        told = [seconds * 1000 for seconds in (one.median, one.best, one.processor)]
        print(f"{name:{width}}  {told[0]:9.2f}  {told[1]:9.2f}  {told[2]:12.2f}")


def verdict(what: str, ratio: float, *, at_most: float | None = None, at_least: float | None = None) -> bool:
    """Print a ratio beside its figure; tell whether it is met."""
    met = (at_most is None or ratio <= at_most) and (at_least is None or ratio >= at_least)
    figure = f"at most {at_most:g}" if at_most is not None else f"at least {at_least:g}"
    print(f"{'met ' if met else 'NOT '} {what}: {ratio:.2f} ({figure})")
    return met
