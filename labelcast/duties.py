"""What the scheduler is handed to do: posts released, feeds built and told of, digests sent."""

from collections.abc import Callable
from datetime import datetime, timedelta

from database import Database
from digests.engine import Engine
from digests.model import DeliveryState
from digests.removing import has_removals, remove_marked
from feeds.hubs.announcing import Announcer
from feeds.readership import Readership
from feeds.selection import changes
from labelcast.alerts import Alerts
from labelcast.publishing import SitePublisher
from posts.intake import has_scheduled, release_scheduled
from scheduler import Duty
from subscribers.changing import drop_old_changes, has_old_changes
from subscribers.signup import forget_unanswered, has_unanswered
from web.accounts.uses import TokenUses
from web.admin.keeping import Keeping
from web.api.keeping import has_old, sweep
from web.operations.counting import Counting
from web.operations.figures import Figures

# How long who was asked and did not answer is known, and how often and how many of them are looked for.
UNANSWERED = timedelta(days=30)
LOOKED_EVERY = timedelta(hours=1)
SOME = 1000


class Duties:
    """What is to be done when it is due, over one database.

    ``enough``, made anew for each run of rendering or sending, ends it early; ``stopping`` tells that the
    process is about to end; ``progress`` is told of each message.
    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        site: SitePublisher,
        *,
        announcer: Announcer,
        readership: Readership,
        counting: Counting,
        alerts: Alerts,
        enough: Callable[[], Callable[[], bool]],
        stopping: Callable[[], bool],
        progress: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._database = database
        self._engine = engine
        self._site = site
        self._announcer = announcer
        self._readership = readership
        self._counting = counting
        self._alerts = alerts
        self._enough = enough
        self._stopping = stopping
        self._progress = progress
        self._figures = Figures(database, stopping)
        self._published: str | None = None

    def all(self) -> list[Duty]:
        """In the order of a tick: first what becomes visible, then who is told of it."""
        engine = self._engine
        return [
            Duty("scheduled posts", self._has_scheduled, self._release),
            Duty("feeds", self._has_changed, self._publish, is_long=True),
            Duty("hubs", self._announcer.is_due, self._announcer.announce, is_long=True),
            Duty("digests", engine.has_plans, self._plan),
            Duty("editions", engine.has_unrendered, self._render),
            Duty("deliveries", engine.has_mail, self._deliver, waits_for=engine.waits_for),
            Duty("alerts", self._alerts.is_due, self._alerts.tell),
            Duty("removals", self._has_removals, self._remove, is_long=True),
            Duty("figures", self._figures.is_due, self._figures.count, is_long=True),
            counting_readers(self._readership),
        ]

    def _has_scheduled(self, now: datetime) -> bool:
        with self._database.read() as connection:
            return has_scheduled(connection, now=now)

    def _release(self, now: datetime) -> str:
        with self._database.write() as connection:
            return f"{release_scheduled(connection, now=now)} scheduled posts are live"

    def _has_removals(self, _now: datetime) -> bool:
        with self._database.read() as connection:
            return has_removals(connection)

    def _remove(self, _now: datetime) -> str:
        gone = remove_marked(self._database, stopping=self._stopping)
        return f"{', '.join(its.slug for its in gone) or 'no digest yet'} removed"

    def _changes(self) -> str:
        with self._database.read() as connection:
            return changes(connection)

    def _has_changed(self, _now: datetime) -> bool:
        return self._changes() != self._published

    def _publish(self, _now: datetime) -> str | None:
        seen = self._changes()
        report = self._site.publish()
        self._published = seen
        self._counting.built(len(report.written))
        if not report.written and not report.removed:
            return None
        where = self._site.place
        return f"{len(report.written)} documents written to {where}, {len(report.removed)} removed"

    def _plan(self, now: datetime) -> str:
        return str(self._engine.plan(now, stopping=self._stopping))

    def _render(self, now: datetime) -> str:
        count = self._engine.render(now, enough=self._enough(), stopping=self._stopping)
        return f"{count} edition{'' if count == 1 else 's'} rendered"

    def _deliver(self, now: datetime) -> str | None:
        report = self._engine.deliver(
            now, enough=self._enough(), stopping=self._stopping, progress=self._progress
        )
        self._counting.delivered({str(state): count for state, count in report.states.items()})
        if report.states[DeliveryState.FAILED]:
            self._alerts.noticed()
        if report.trouble:
            raise ConnectionError(str(report))
        return str(report) or None


def counting_readers(readership: Readership) -> Duty:
    """The one duty of a process that only serves the web: what it counted is in no other's memory."""
    return Duty("readers", readership.is_due, readership.flush)


def forgetting(database: Database, keeping: Keeping, *, lasts: timedelta) -> Duty:
    """Lets go of what strangers left: addresses that nobody agreed to in time, files that nobody came for."""
    looked: list[datetime] = []
    kept = max(lasts, UNANSWERED)

    def is_due(now: datetime) -> bool:
        with database.read() as connection:
            if has_old_changes(connection, now=now, lasts=lasts) or keeping.has_old():
                return True
            if looked and abs(now - looked[0]) < LOOKED_EVERY:
                return False
            looked[:] = [now]
            return has_unanswered(connection, before=now - kept)

    def do(now: datetime) -> None:
        keeping.sweep()
        with database.write() as connection:
            drop_old_changes(connection, now=now, lasts=lasts)
            if forget_unanswered(connection, before=now - kept, limit=SOME) == SOME:
                # There are more: at the next tick.
                looked.clear()

    return Duty("forgetting", is_due, do)


def keeping_programs(database: Database, uses: TokenUses) -> Duty:
    """Keeps when programs used their tokens, and forgets the answers that they were given a day ago."""

    def is_due(now: datetime) -> bool:
        with database.read() as connection:
            return uses.is_due(now) or has_old(connection, now=now)

    def do(now: datetime) -> None:
        uses.flush(now)
        with database.write() as connection:
            sweep(connection, now=now)

    return Duty("programs", is_due, do)
