"""``/admin/digests``: every digest, when it comes next and how it went last; and one of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response
from starlette.routing import Route

from digests.cadence import describe
from digests.following import LastTime, count_some, following, last_times
from digests.model import DeliveryState, Digest
from digests.slots import Slot, coming
from digests.standing import edition_standings
from digests.store import find_digest, list_digests, reader_rhythm
from web.admin.frame import Frame, Shown, Visit

# Over all digests of the list so many readers are counted, and of each so many at least.
_COUNTED, _LEAST_COUNTED = 4_000, 200
A_PAGE, EDITIONS, _ZONES = 25, 10, 8
# What the bars show, in their order: how it looks, what it counts, and in a word.
_BAR = (
    ("good", (DeliveryState.SENT,), "sent"),
    ("wait", (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.DEFERRED), "waiting"),
    ("bad", (DeliveryState.FAILED, DeliveryState.IN_DOUBT), "failed or in doubt"),
    ("off", (DeliveryState.SKIPPED,), "left out"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A digest as the list has it; ``readers`` are counted up to ``most``."""

    digest: Digest
    rhythm: str
    slot: Slot | None
    last: LastTime | None
    readers: int
    most: int

    @property
    def parts(self) -> list[tuple[str, int, str]]:
        """How its last edition went."""
        return bar_of(self.last.states) if self.last else []


@dataclass(frozen=True, slots=True)
class DigestPages:
    """The list, and a digest's own page."""

    frame: Frame

    def routes(self) -> list[Route]:
        """Their addresses."""
        return [
            self.frame.route("/digests", self.list),
            self.frame.route("/digests/{slug}", self.show),
        ]

    def list(self, visit: Visit) -> Shown:
        """All digests, some at a time, by their slugs."""
        after = visit.query("after")
        with self.frame.database.read() as connection:
            left = [its for its in list_digests(connection) if its.slug > after]
            found = left[:A_PAGE]
            most = max(_LEAST_COUNTED, _COUNTED // max(1, len(found)))
            counted, last = count_some(connection, found, most=most), last_times(connection, found)
        rows = [_row(its, visit.now, last.get(its.id), counted[its.id], most) for its in found]
        further = f"?after={found[-1].slug}" if len(left) > A_PAGE else None
        return Shown("digests.html", {"rows": rows, "further": further, "first": "?" if after else None})

    def show(self, visit: Visit) -> Shown | Response:
        """One of them."""
        with self.frame.database.read() as connection:
            its = find_digest(connection, visit.path("slug"))
            if its is None:
                return self.frame.missing.nothing(visit.request)
            readers = following(connection, its)
            editions = edition_standings(connection, slug=its.slug, limit=EDITIONS)
        zones = readers.zones(its)
        return Shown(
            "digest.html",
            {
                "digest": its,
                "rhythm": describe(reader_rhythm(its)),
                "slots": [] if its.paused_at else coming(reader_rhythm(its), visit.now),
                "elsewhere": elsewhere(its.timezone, self.frame.pages.timezone),
                "readers": readers,
                "cadences": _most_common(readers.cadences(its)),
                "zones": _most_common(zones)[:_ZONES],
                "further_zones": max(0, len(zones) - _ZONES),
                "editions": [(one, bar_of(one.states)) for one in editions],
            },
        )


def elsewhere(timezone: str, publishers: str) -> str | None:
    """The publisher's timezone, where it is another than a digest's."""
    return publishers if publishers != timezone else None


def bar_of(states: Mapping[DeliveryState, int]) -> list[tuple[str, int, str]]:
    """How deliveries stand, for a bar: of what there is none of, only what was sent is told."""
    counted = Counter(states)
    parts = [(kind, sum(counted[one] for one in its), said) for kind, its, said in _BAR]
    return [(kind, number, said) for kind, number, said in parts if number or kind == "good"]


def _most_common(counted: Counter[str]) -> Sequence[tuple[str, int]]:
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))


def _row(its: Digest, now: datetime, last: LastTime | None, readers: int, most: int) -> Row:
    rhythm = reader_rhythm(its)
    ahead = [] if its.paused_at else coming(rhythm, now, count=1)
    return Row(its, describe(rhythm), ahead[0] if ahead else None, last, readers, most)
