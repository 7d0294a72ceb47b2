"""The one place that builds the object graph: what each room needs, it is handed from here.

``wiring_mail.py`` has what mail needs, ``wiring_web.py`` what the web needs; here is the scheduler.

A room is imported where its part is made: no command waits for rooms that it does not enter.
"""

import math
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from database import DatabaseUnavailable
from labelcast.settings import Settings
from labelcast.wiring_web import WebWiring

if TYPE_CHECKING:
    from feeds.hubs.pinging import Pinger
    from labelcast.publishing import SitePublisher
    from scheduler import Duty, Scheduler

# Of the database's pages for a connection, and of rendered entries; more makes a build no faster.
ECONOMY_BYTES = 6 * 1024 * 1024
# Then a hub that sends its answer a byte at a time is left alone.
CLOSING_SECONDS = 90.0


class Wiring(WebWiring):
    """The application over one settings file. Each part is made when it is first asked for, once.

    Nothing is connected to by making it. ``close`` it in the end.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.pingers: list[Pinger] = []

    def publishing(
        self, place: str | None = None, *, suffixes: Sequence[str] | None = None
    ) -> "SitePublisher":
        """What publishes the site to a place, else to that of the settings; its feeds in these formats."""
        from feeds.formats.known import SUFFIXES
        from labelcast.publishing import SitePublisher
        from web.blog.published import PageDocuments
        from web.pages import Pages

        suffixes = SUFFIXES if suffixes is None else suffixes
        settings = self.settings
        pages = Pages.of(
            self.page_environment,
            self.site,
            timezone=settings.timezone,
            signup_url=settings.web.signup_url or None,
            has_signup=settings.signup.open,
        )
        return SitePublisher(
            self.builder,
            place or settings.feeds.public_dir,
            suffixes=suffixes,
            pages=(PageDocuments(self.builder, pages, suffixes=suffixes),),
        )

    def scheduler(
        self, *, sending_seconds: float | None = None, progress: Callable[[int], None] = lambda _count: None
    ) -> "Scheduler":
        """A scheduler with all its duties; sending ends after so many seconds a tick, and when it stops."""
        from digests.engine import for_at_most
        from feeds.hubs.announcing import Announcer
        from feeds.hubs.pinging import Pinger
        from labelcast.duties import Duties, forgetting, keeping_programs
        from labelcast.postman import draining
        from scheduler import Scheduler
        from web.admin.keeping import Keeping

        stop = threading.Event()
        pinger = Pinger(self.database, self.site.hubs, stop=stop)
        self.pingers.append(pinger)
        limit = math.inf if sending_seconds is None else sending_seconds
        duties = Duties(
            self.database,
            self.engine,
            self.publishing(),
            announcer=Announcer(self.builder, pinger),
            readership=self.readership,
            counting=self.counting,
            alerts=self.alerts,
            enough=lambda: for_at_most(limit, stop.is_set),
            stopping=stop.is_set,
            progress=progress,
        )
        # First: somebody waits for it.
        notices = draining(self.notices, stopping=stop.is_set)
        programs = keeping_programs(self.database, self.token_uses)
        lasts = timedelta(days=self.settings.signup.link_days)
        forgotten = forgetting(self.database, Keeping.usual(), lasts=lasts)
        every = [notices, *duties.all(), programs, forgotten, *self._bounce_duties(stop.is_set)]
        return Scheduler(every, seconds=self.settings.scheduler.tick_seconds, stop=stop)

    def _bounce_duties(self, stopping: Callable[[], bool]) -> "Sequence[Duty]":
        mailbox = self.settings.bounces.mailbox
        if not mailbox:
            return ()
        from labelcast.bounces import reading_bounces

        return (reading_bounces(self.bounces, mailbox, stopping=stopping),)

    def web_scheduler(self) -> "Scheduler":
        """A scheduler for a process that serves the web and leaves all else to others."""
        from labelcast.duties import counting_readers, keeping_programs
        from scheduler import Scheduler

        duties = [counting_readers(self.readership), keeping_programs(self.database, self.token_uses)]
        return Scheduler(duties, seconds=self.settings.scheduler.tick_seconds)

    def close(self) -> None:
        """Store what was counted, let hubs hear what they are being told, and let go of the database.

        Mail in hand is sent first.
        """
        if "postman" in self.__dict__:
            self.postman.stop()
        for pinger in self.pingers:
            pinger.finish(CLOSING_SECONDS)
        if "readership" in self.__dict__ and self.readership.waits():
            try:
                self.readership.flush(datetime.now(UTC))
            except DatabaseUnavailable as error:
                import structlog

                log = structlog.get_logger("labelcast")
                log.warning("readers not counted", error=" ".join(str(error).split()))
        for name in ("ledger_database", "database"):
            if name in self.__dict__:
                self.__dict__[name].dispose()
