"""The slots to come, as they are told to people: each in its timezone, and where the clocks change."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from digests.cadence import Cadence, Rhythm, clock, next_slot
from digests.zones import zone

SOON = 5
# So far ahead a change of the clocks is looked for: in most zones there are two a year.
FAR = timedelta(days=380)


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot: ``local`` is in the rhythm's timezone; ``note`` tells what its clocks do then, if anything."""

    at: datetime
    local: datetime
    note: str | None

    @property
    def offset(self) -> str:
        """How far the timezone is from UTC then: ``UTC+02:00``."""
        return offset(self.local)


def offset(local: datetime) -> str:
    """How far a local time is from UTC: ``UTC+02:00``, ``UTC``."""
    return f"UTC{local.isoformat()[-6:]}" if local.utcoffset() else "UTC"


def slots(rhythm: Rhythm, after: datetime) -> Iterator[Slot]:
    """The slots after an instant, one after the other without end; none of the instant cadence."""
    if rhythm.cadence is Cadence.INSTANT:
        return
    place = zone(rhythm.timezone)
    while True:
        after = next_slot(rhythm, after)
        local = after.astimezone(place)
        yield Slot(after, local, _note(rhythm, local))


def coming(rhythm: Rhythm, now: datetime, *, count: int = SOON) -> list[Slot]:
    """The next slots, and the next after them whose hour the clocks change, if there is one in a year."""
    ahead = slots(rhythm, now)
    soon = list(islice(ahead, count))
    if any(one.note for one in soon):
        return soon
    for one in ahead:
        if one.at > now + FAR:
            break
        if one.note:
            return [*soon, one]
    return soon


def _note(rhythm: Rhythm, local: datetime) -> str | None:
    meant, shown = clock(rhythm.minute), f"{local:%H:%M}"
    if shown != meant:
        return f"clocks go forward: {shown} instead of {meant}"
    if _comes_again(local):
        return f"clocks go back: of the two times that it is {meant}, the first"
    return None


def _comes_again(local: datetime) -> bool:
    """Whether the clocks show this local time twice."""
    first, second = local.replace(fold=0), local.replace(fold=1)
    return first.astimezone(UTC) < second.astimezone(UTC)
