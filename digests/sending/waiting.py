"""What waits in memory to be sent, domain by domain, and whose turn it is. Decisions only; time is handed in.

A slow domain must not keep the others from being sent to. So a domain may have only as many lanes as are free
at the moment: one takes half of them at most, a second slow one half of the rest, and so on (the dynamic
threshold of shared-memory switches; Choudhury and Hahne, 1998). Nothing is held back by that when nobody else
waits.
"""

from collections import Counter, deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from digests.sending.due import Pending

_Place = tuple[int, int, str]


class Waiting:
    """Deliveries by domain. ``lanes`` is how many send, ``per_domain`` how many to one domain (0: as above).

    A domain with deliveries is ready, choked (it has too many lanes) or held (a limit says until when).
    Every delivery taken is given back by ``done`` or ``put_back``.
    """

    def __init__(self, lanes: int, *, per_domain: int = 0) -> None:
        self.lanes = lanes
        self.busy = 0
        self._per_domain = per_domain or lanes
        self._lines: dict[str, deque[Pending]] = {}
        self._under_way: Counter[str] = Counter()
        self._ready: list[_Place] = []
        self._choked: set[str] = set()
        self._held: dict[str, float] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def count(self, domain: str) -> int:
        """How many wait for one domain."""
        return len(self._lines.get(domain, ()))

    @property
    def blocked(self) -> list[str]:
        """The domains with deliveries none of which may go at the moment."""
        return [*self._choked, *self._held]

    @property
    def first_release(self) -> float | None:
        """When the first of the held domains may go on."""
        return min(self._held.values(), default=None)

    def add(self, found: Iterable[Pending]) -> None:
        """More that waits; within a domain in turn, after what is there."""
        for pending in found:
            line = self._lines.get(pending.domain)
            if line is None:
                self._lines[pending.domain] = deque([pending])
                heappush(self._ready, (pending.priority, pending.id, pending.domain))
            else:
                line.append(pending)
            self._count += 1

    def take(self, now: float, *, is_all: bool) -> Pending | None:
        """The next that may go at ``now``; ``is_all`` tells that no other domain waits than those here."""
        if self._held:
            self._release(now)
        while self._ready:
            domain = heappop(self._ready)[2]
            if self._has_room(domain):
                return self._begin(domain)
            self._choked.add(domain)
        if is_all and not self._held:
            alone = [one for one in self._choked if self._under_way[one] < self._per_domain]
            if alone:
                # Nobody else waits: let the one with the fewest lanes have this one.
                domain = min(alone, key=lambda one: (self._under_way[one], one))
                self._choked.discard(domain)
                return self._begin(domain)
        return None

    def done(self, domain: str) -> None:
        """A lane is through with one to this domain."""
        self.busy -= 1
        self._under_way[domain] -= 1
        if not self._under_way[domain]:
            del self._under_way[domain]
        for choked in self._choked:
            self._make_ready(choked)
        self._choked.clear()

    def put_back(self, pending: Pending, *, until: float | None = None) -> None:
        """It was not begun: it is the domain's next again, held until then where a limit says so."""
        domain = pending.domain
        line = self._lines.get(domain)
        if line is None:
            self._lines[domain] = deque([pending])
            self._make_ready(domain)
        else:
            line.appendleft(pending)
        self._count += 1
        self.done(domain)
        if until is not None:
            self._choked.discard(domain)
            self._ready = [place for place in self._ready if place[2] != domain]
            heapify(self._ready)
            self._held[domain] = max(until, self._held.get(domain, until))

    def _has_room(self, domain: str) -> bool:
        has = self._under_way[domain]
        return has < self.lanes - self.busy and has < self._per_domain

    def _begin(self, domain: str) -> Pending:
        line = self._lines[domain]
        pending = line.popleft()
        if line:
            self._make_ready(domain)
        else:
            del self._lines[domain]
        self._under_way[domain] += 1
        self.busy += 1
        self._count -= 1
        return pending

    def _make_ready(self, domain: str) -> None:
        first = self._lines[domain][0]
        heappush(self._ready, (first.priority, first.id, domain))

    def _release(self, now: float) -> None:
        for domain in [one for one, until in self._held.items() if until <= now]:
            del self._held[domain]
            self._make_ready(domain)
