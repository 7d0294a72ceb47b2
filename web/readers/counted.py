"""How often something was done, by whom or to whom: counted exactly, in memory, and forgotten in time.

The keys are what strangers send, so what is counted no more leaves no trace, and there is a most of it all.
(``limits`` keeps a key of a moving window for as long as the process lives.)
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from time import monotonic

# Of more keys at once those are forgotten that were counted the longest ago.
MOST_KEYS = 200_000


@dataclass(frozen=True, slots=True)
class Counted:
    """Lets each key through ``most`` times in any time so long; any thread may ask. ``most`` 0: any number.

    ``clock`` tells seconds, and never goes back.
    """

    most: int
    within: timedelta
    clock: Callable[[], float] = monotonic
    most_keys: int = MOST_KEYS
    _times: OrderedDict[Hashable, deque[float]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def __len__(self) -> int:
        """How many keys are known."""
        return len(self._times)

    def wait(self, key: Hashable) -> float:
        """How many seconds it is until the key is let through again; 0: it would be now."""
        with self._lock:
            self._forget()
            return self._wait(key)

    def take(self, key: Hashable) -> bool:
        """Count it once more, if it is let through; whether it is."""
        with self._lock:
            self._forget()
            if self._wait(key):
                return False
            if self.most:
                self._times.setdefault(key, deque(maxlen=self.most)).append(self.clock())
                self._times.move_to_end(key)
            return True

    def _wait(self, key: Hashable) -> float:
        times = self._times.get(key)
        if times is None or len(times) < self.most:
            return 0.0
        return max(0.0, times[0] + self.within.total_seconds() - self.clock())

    def _forget(self) -> None:
        """The keys stand in the order in which they were counted last: what is too old is in front."""
        over = self.clock() - self.within.total_seconds()
        while self._times:
            key, times = next(iter(self._times.items()))
            if times[-1] > over and len(self._times) < self.most_keys:
                return
            del self._times[key]
