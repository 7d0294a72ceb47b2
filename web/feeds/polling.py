"""How often one client may ask for one feed: a token bucket for each, in memory."""

from collections import OrderedDict
from collections.abc import Hashable
from math import ceil

# What a client may ask for at once: a reader that starts anew, or several behind one address.
_PART_AT_ONCE = 1 / 4
_LEAST_AT_ONCE = 10
CLIENTS = 50_000


class Polling:
    """Lets each client poll a feed ``an_hour`` times an hour (0: as often as it likes), and some at once.

    Of a client and its feed one number is kept, of at most ``clients`` of them: who has not asked for longest
    is forgotten first, and so never told to wait by mistake. Not thread-safe.
    """

    def __init__(self, an_hour: int, *, clients: int = CLIENTS) -> None:
        self._interval = 3600 / an_hour if an_hour else 0.0
        at_once = max(_LEAST_AT_ONCE, int(an_hour * _PART_AT_ONCE))
        self._tolerance = (at_once - 1) * self._interval
        self._clients = clients
        # When the bucket of each is full again.
        self._full_at: OrderedDict[int, float] = OrderedDict()

    def wait(self, client: Hashable, *, now: float) -> int:
        """Whole seconds that a client should wait; 0: it may have the feed, and is counted.

        ``client`` stands for who asks, by which program, for which feed. ``now`` is in seconds of any clock
        that never goes back.
        """
        if not self._interval:
            return 0
        key = hash(client)
        full_at = max(now, self._full_at.get(key, now))
        too_early = full_at - now - self._tolerance
        # A part of an interval is only rounding.
        is_too_early = too_early > self._interval / 1000
        self._full_at[key] = full_at if is_too_early else full_at + self._interval
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._clients:
            self._full_at.popitem(last=False)
        return ceil(too_early) if is_too_early else 0
