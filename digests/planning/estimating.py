"""What would be mailed if a digest were sent now: told by the planner's own functions; nothing is written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from digests.cadence import Cadence, PassOver, Send, decide, first_window
from digests.model import Digest, NoMail
from digests.planning.agenda import readers_alike, rhythm_of
from digests.planning.freezing import no_mail, window_news
from digests.selection import choose
from posts.lookup import label_aliases
from posts.store import News

# Readers who are looked at: so many tell what it comes to, and take no time.
LOOKED_AT = 5_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of ``readers``, how many would get how many posts (``mailed``: posts to readers), and how many none.

    ``is_all``: these are all its readers; else there may be more than these.
    """

    readers: int
    is_all: bool
    mailed: Mapping[int, int] = field(default_factory=dict)
    nothing_new: int = 0
    too_few: int = 0
    paused: int = 0

    @property
    def mails(self) -> int:
        """How many would get a mail."""
        return sum(self.mailed.values())


def estimate(connection: Connection, its: Digest, *, now: datetime, limit: int = LOOKED_AT) -> Estimate:
    """What a digest sent at ``now`` would come to, from so many readers at most."""
    rows = readers_alike(connection, its, limit=limit)
    looked = _Looked(connection, its, now)
    found: Counter[int | NoMail | None] = Counter()
    for row in rows:
        found[looked.outcome(row)] += row.readers
    readers = sum(found.values())
    return Estimate(
        readers,
        readers < limit,
        {posts: found[posts] for posts in sorted(one for one in found if isinstance(one, int))},
        nothing_new=found[NoMail.NOTHING_NEW],
        too_few=found[NoMail.TOO_FEW],
        paused=found[None],
    )


class _Looked:
    """The news of the windows that were asked for, each read once."""

    def __init__(self, connection: Connection, its: Digest, now: datetime) -> None:
        self._connection = connection
        self._its = its
        self._now = now
        self._aliases = label_aliases(connection)
        self._news: dict[tuple[datetime, datetime], Sequence[News]] = {}

    def outcome(self, row: Row[Any]) -> int | NoMail | None:
        """How many posts these readers would get, or why none; None: they pause."""
        rhythm = rhythm_of(row)
        start = row.window_start or first_window(rhythm, self._now).window_start
        decision = decide(
            rhythm,
            window_start=start,
            next_slot=None,
            now=self._now,
            max_lateness=self._its.max_lateness,
            paused_until=row.paused_until,
            extra=None if rhythm.cadence is Cadence.INSTANT else self._now,
        )
        if isinstance(decision, PassOver):
            return None
        if not isinstance(decision, Send):
            return NoMail.NOTHING_NEW
        found = self._in(decision.window_start, decision.window_end)
        count = len(choose(found, row.labels, aliases=self._aliases))
        return no_mail(count, self._its) or count

    def _in(self, start: datetime, end: datetime) -> Sequence[News]:
        if (start, end) not in self._news:
            self._news[start, end] = window_news(self._connection, self._its, start, end)
        return self._news[start, end]
