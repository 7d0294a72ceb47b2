"""``python -m tests.short_leases SETTINGS SECONDS``: a tick whose leases last so long only."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from digests.engine import Sending
from labelcast.settings import load_settings
from labelcast.wiring import Wiring


class ShortWiring(Wiring):
    """The wiring, but for the leases."""

    lease = timedelta(0)

    @property
    def sending(self) -> Sending:
        """How mail leaves, with short leases."""
        return replace(super().sending, lease=self.lease)


if __name__ == "__main__":
    wiring = ShortWiring(load_settings(Path(sys.argv[1])))
    wiring.lease = timedelta(seconds=float(sys.argv[2]))
    done = wiring.scheduler().tick(datetime.now(UTC))
    wiring.close()
    sys.exit(any(one.error for one in done))
