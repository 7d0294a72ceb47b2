"""Timing several ways to do one thing, in turns, so that a noisy machine is as unkind to each."""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Timed:
    """One way: seconds of its median run and of its best."""

    median: float
    best: float


def in_turns(
    ways: Mapping[str, Callable[[], object]], *, rounds: int, before: Callable[[str], object] | None = None
) -> dict[str, Timed]:
    """Run each way once a round; ``before`` prepares one, untimed."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            if before is not None:
                before(name)
            gc.collect()
            start = perf_counter()
            way()
            taken[name].append(perf_counter() - start)
    return {name: Timed(median(seconds), min(seconds)) for name, seconds in taken.items()}


def show(timed: Mapping[str, Timed]) -> None:
    """Print a line for each way, in milliseconds."""
    width = max(map(len, timed))
    print(f"{'':{width}}  median ms    best ms")
    for name, one in timed.items():
        print(f"{name:{width}}  {one.median * 1000:9.2f}  {one.best * 1000:9.2f}")


def verdict(what: str, ratio: float, *, at_most: float | None = None, at_least: float | None = None) -> bool:
    """Print a ratio beside its figure; tell whether it is met."""
    met = (at_most is None or ratio <= at_most) and (at_least is None or ratio >= at_least)
    figure = f"at most {at_most:g}" if at_most is not None else f"at least {at_least:g}"
    print(f"{'met ' if met else 'NOT '} {what}: {ratio:.2f} ({figure})")
    return met
