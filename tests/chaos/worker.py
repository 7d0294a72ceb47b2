"""``python -m tests.chaos.worker SETTINGS CLOCK LEASE``: ticks, one after another, by a clock that jumps.

CLOCK is a file with two numbers, read for each tick: by how many seconds this machine's clock is wrong, and
how many seconds of the trial's own time have gone by on top of that. Leases go by the first, what is due by
both. A trouble is told and the next tick comes all the same, as in the service.
"""

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from digests.engine import Sending
from labelcast.settings import load_settings
from labelcast.wiring import Wiring

PAUSE = 0.05


class ShiftedWiring(Wiring):
    """The wiring, but for its leases and for the clock they go by."""

    clock_file = Path()
    lease = timedelta(0)

    @property
    def sending(self) -> Sending:
        """How mail leaves, with short leases."""
        return replace(super().sending, lease=self.lease)

    def shifts(self) -> tuple[timedelta, timedelta]:
        """How wrong the clock is, and the trial's own time."""
        wrong, ahead = self.clock_file.read_text(encoding="ascii").split()
        return timedelta(seconds=float(wrong)), timedelta(seconds=float(ahead))

    def machine_time(self) -> datetime:
        """What this machine takes for the time."""
        return datetime.now(UTC) + self.shifts()[0]


def main() -> None:
    """Tick until killed."""
    settings, clock, lease = sys.argv[1:]
    wiring = ShiftedWiring(load_settings(Path(settings)))
    wiring.clock_file, wiring.lease = Path(clock), timedelta(seconds=float(lease))
    engine = wiring.engine
    while True:
        now = wiring.machine_time() + wiring.shifts()[1]
        for one in (engine.plan, engine.render, engine.deliver):
            try:
                one(now)
            except OSError as error:
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
