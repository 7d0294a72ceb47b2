"""Planning: which digests are due, which posts each edition holds, and who gets it.

It goes on in batches of readers, each in one transaction: editions are frozen, their deliveries are entered
in the ledger and the subscriptions' windows move on together, or not at all. Readers of one edition may be
in several batches: the first makes it, the others find it.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from database import Database
from digests.cadence import Cadence, Fold, Hold, PassOver, Send, previous_slot
from digests.model import Digest, NoMail
from digests.planning.agenda import Due, due_batch, is_anything_due
from digests.planning.arming import arm
from digests.planning.calling import call_up, is_anybody_called
from digests.planning.enlisting import Entry, Move, enlist, move
from digests.planning.freezing import EditionKey, Editions, Verdict, window_news
from digests.selection import choose, current_labels
from digests.store import list_digests
from posts.blog import close_news, get_blog
from posts.intake import release_scheduled
from posts.lookup import label_aliases

# Of about a second: so long nobody else writes to SQLite.
BATCH = 20_000
# Who waits to write to SQLite looks every tenth of a second whether they may.
BREATH_SECONDS = 0.12


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What planning came to: new editions, new deliveries, and digests too late that fold into the next."""

    editions: int = 0
    deliveries: int = 0
    folded: int = 0
    decided: int = 0

    def __str__(self) -> str:
        """In a line; empty when nothing worth a word was done."""
        words = []
        if self.deliveries:
            words.append(f"{self.deliveries} deliveries of {self.editions} new editions")
        if self.folded:
            words.append(f"{self.folded} digests too late, folded into the next")
        return ", ".join(words)

    def __add__(self, other: "PlanReport") -> "PlanReport":
        """Both together."""
        return PlanReport(
            self.editions + other.editions,
            self.deliveries + other.deliveries,
            self.folded + other.folded,
            self.decided + other.decided,
        )


class Planner:
    """Turns due subscriptions into editions and deliveries. ``mail_domain`` ends each Message-ID.

    ``batch`` of them are planned for in a transaction; ``breath`` seconds pass between two on SQLite.
    """

    def __init__(
        self,
        database: Database,
        *,
        mail_domain: str,
        batch: int = BATCH,
        breath: float = BREATH_SECONDS,
    ) -> None:
        self._database = database
        self._mail_domain = mail_domain
        self._batch = batch
        self._breath = breath if database.is_sqlite else 0

    def is_due(self, now: datetime) -> bool:
        """Whether there is anything to plan at ``now``."""
        with self._database.read() as connection:
            return is_anything_due(connection, now) or is_anybody_called(connection, now)

    def plan(self, now: datetime, *, stopping: Callable[[], bool] = lambda: False) -> PlanReport:
        """Plan all that is due at ``now``, a transaction per batch of subscriptions.

        The batches that are left when the process is ``stopping`` are due at the next start.
        """
        report = PlanReport()
        self._call_up(now, stopping)
        way: int | None = 0
        while way is not None and not stopping():
            with self._database.write() as connection:
                part, way = self._plan_batch(connection, now, way)
            report += part
            if way is not None:
                time.sleep(self._breath)
        return report

    def _call_up(self, now: datetime, stopping: Callable[[], bool]) -> None:
        """Make those due whose digest calls them up."""
        while self._is_anybody_called(now) and not stopping():
            with self._database.write() as connection:
                get_blog(connection, lock=True)
                call_up(connection, now, limit=self._batch)
            time.sleep(self._breath)

    def _is_anybody_called(self, now: datetime) -> bool:
        with self._database.read() as connection:
            return is_anybody_called(connection, now)

    def _plan_batch(self, connection: Connection, now: datetime, way: int) -> tuple[PlanReport, int | None]:
        """Plan for the next subscriptions; the way of being due to go on with, or None: there are no more."""
        # Held to the end: no import may store news into a window while it is being closed.
        get_blog(connection, lock=True)
        # What becomes visible by now does so before a window that ends by now is closed.
        release_scheduled(connection, now=now)
        if arm(connection, now, limit=self._batch) == self._batch:
            return PlanReport(), way
        digests = {one.id: one for one in list_digests(connection)}
        batch = due_batch(connection, now, digests=digests, way=way, limit=self._batch)
        if not batch.readers:
            return PlanReport(), None
        aliases = label_aliases(connection)
        editions = Editions(connection, digests, aliases=aliases, now=now)
        groups = _by_edition(batch.groups, aliases)
        verdicts = {key: editions.judge(key, group) for key, group in groups.items()}
        editions.write()
        mailed = [
            _entry(verdict.number, one)
            for key, verdict in verdicts.items()
            if verdict.number is not None and verdict.reason is None
            for one in groups[key]
        ]
        entered = enlist(connection, mailed, now=now, mail_domain=self._mail_domain)
        if entered < sum(one.members.count(",") + 1 for one in mailed):
            editions.recount({one.edition_id for one in mailed})
        move(connection, _passed_by(batch.groups))
        move(connection, [_moved(one, verdicts[key]) for key, group in groups.items() for one in group])
        if groups:
            close_news(connection, until=max(key.window_end for key in groups))
        made = sum(one.is_new and one.reason is None for one in verdicts.values())
        late = sum(one.readers for one in batch.groups if _is_late(one, now))
        return PlanReport(made, entered, late, batch.readers), batch.then


def news_of(
    connection: Connection, its: Digest, start: datetime, end: datetime, labels: Sequence[str]
) -> tuple[int, ...]:
    """The posts that are news to a digest in the window ``(start, end]``, for the labels a reader chose."""
    found = window_news(connection, its, start, end)
    return choose(found, labels, aliases=label_aliases(connection), sort=its.sort)


def _by_edition(due: Iterable[Due], aliases: Mapping[str, str]) -> Mapping[EditionKey, list[Due]]:
    """Readers who share an edition, together: also those whose labels had other names when they chose."""
    groups: dict[EditionKey, list[Due]] = defaultdict(list)
    for one in due:
        if isinstance(one.decision, Send):
            window = (one.decision.window_start, one.decision.window_end)
            labels = current_labels(one.labels, aliases=aliases)
            groups[EditionKey(one.digest_id, *window, labels, one.language, one.content, one.form)].append(
                one
            )
    return groups


def _entry(edition_id: int, due: Due) -> Entry:
    return Entry(edition_id, 0 if due.rhythm.cadence is Cadence.INSTANT else 1, due.members)


def _moved(due: Due, verdict: Verdict) -> Move:
    """Where readers stand after their window: too few posts leave it open."""
    decision = due.decision
    if not isinstance(decision, Send):
        raise TypeError(f"no window ends with {decision}")
    if verdict.reason is NoMail.TOO_FEW:
        # Without slots there is nothing to do until there is newer news.
        slot = decision.window_end if decision.next_slot is None else decision.next_slot
        return Move(decision.window_start, slot, due.members)
    return Move(decision.window_end, decision.next_slot, due.members)


def _passed_by(due: Iterable[Due]) -> Iterable[Move]:
    """Where readers stand whose window does not end now."""
    for one in due:
        match one.decision:
            case Fold(next_slot) | Hold(next_slot):
                yield Move(one.window_start, next_slot, one.members)
            case PassOver(window_start, next_slot):
                yield Move(window_start, next_slot, one.members)
            case Send():
                pass
            case _:
                # An instant subscription that once had a slot: it is of no more use.
                yield Move(one.window_start, None, one.members)


def _is_late(due: Due, now: datetime) -> bool:
    """Whether a slot was missed; a subscription that was just given its next has missed none."""
    return isinstance(due.decision, Fold) and previous_slot(due.rhythm, now) > due.window_start
