"""The one place that builds the object graph: what each room needs, it is handed from here.

A room is imported where its part is made: no command waits for rooms that it does not enter.
"""

import math
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from database import DatabaseUnavailable
from labelcast.settings import Settings
from labelcast.wiring_mail import MailWiring

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from feeds.build import FeedBuilder
    from feeds.hubs.pinging import Pinger
    from feeds.readership import Readership
    from feeds.site import FeedSite
    from labelcast.publishing import SitePublisher
    from scheduler import Duty, Scheduler
    from web.app import FeedServing
    from web.counting import Counting
    from web.readerlinks import ReaderLinks

# Of the database's pages for a connection, and of rendered entries; more makes a build no faster.
ECONOMY_BYTES = 6 * 1024 * 1024
# Then a hub that sends its answer a byte at a time is left alone.
CLOSING_SECONDS = 90.0


class Wiring(MailWiring):
    """The application over one settings file. Each part is made when it is first asked for, once.

    Nothing is connected to by making it. ``close`` it in the end.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.pingers: list[Pinger] = []

    @cached_property
    def site(self) -> "FeedSite":
        """The site as its feeds show it."""
        from feeds.site import FeedSite

        settings = self.settings
        return FeedSite(
            url=settings.site_url,
            title=settings.site_title,
            author=settings.author,
            language=settings.language,
            entries=settings.feeds.entries,
            content=settings.feeds.content,
            hubs=settings.feeds.hubs,
        )

    @cached_property
    def builder(self) -> "FeedBuilder":
        """The builder of feeds, which grows warm with use."""
        from feeds.build import FeedBuilder

        return FeedBuilder(self.database, self.site)

    def economise(self) -> None:
        """Keep little in memory: for a process that builds everything once. Call it before all else."""
        from feeds.build import FeedBuilder
        from feeds.fragments import FragmentStore

        self.database.limit_cache(ECONOMY_BYTES // 1024)
        store = FragmentStore(self.database, memory=ECONOMY_BYTES)
        self.builder = FeedBuilder(self.database, self.site, fragments=store)

    def publishing(
        self, place: str | None = None, *, suffixes: Sequence[str] | None = None
    ) -> "SitePublisher":
        """What publishes the site to a place, else to that of the settings; its feeds in these formats."""
        from feeds.formats.known import SUFFIXES
        from labelcast.publishing import SitePublisher
        from web.pages import Pages
        from web.published import PageDocuments

        suffixes = SUFFIXES if suffixes is None else suffixes
        settings = self.settings
        pages = Pages.of(
            self.page_environment,
            self.site,
            timezone=settings.timezone,
            signup_url=settings.web.signup_url or None,
        )
        return SitePublisher(
            self.builder,
            place or settings.feeds.public_dir,
            suffixes=suffixes,
            pages=(PageDocuments(self.builder, pages, suffixes=suffixes),),
        )

    def app(
        self, *, trouble: Callable[[], str | None] | None = None, outbox: Path | None = None
    ) -> "Starlette":
        """The web application; ``trouble`` says what ails the scheduler; ``outbox`` is for the demo only."""
        from web.app import create_app

        return create_app(
            database=self.database,
            builder=self.builder,
            environment=self.page_environment,
            site=self.site,
            timezone=self.settings.timezone,
            trouble=trouble or (lambda: None),
            outbox=outbox,
            serving=self.serving,
            counting=self.counting,
            signup_url=self.settings.web.signup_url or None,
            reader_links=self.reader_links,
        )

    @property
    def reader_links(self) -> "ReaderLinks":
        """What the pages behind mails' links need."""
        from labelcast.readers import suppression_salt
        from web.readerlinks import ReaderLinks

        return ReaderLinks(signer=self.signer, salt=suppression_salt, now=lambda: datetime.now(UTC))

    @property
    def serving(self) -> "FeedServing":
        """How feeds are served."""
        from web.app import FeedServing
        from web.moved import MovedFeeds

        feeds = self.settings.feeds
        return FeedServing(
            fresh_seconds=1.0,
            polls_an_hour=feeds.polls_an_hour,
            renamed=feeds.renamed,
            note=self._note_reader,
            resolvers=(MovedFeeds(feeds.aliases).read,),
        )

    def _note_reader(self, feed_uri: str, address: str, agent: str, asked: str) -> None:
        self.readership.note(feed_uri, address, agent, datetime.now(UTC), asked=asked)

    @cached_property
    def counting(self) -> "Counting":
        """Counts what this process does."""
        from web.counting import Counting

        return Counting()

    @cached_property
    def readership(self) -> "Readership":
        """Counts who reads feeds; what it counted waits in memory until it is flushed."""
        from feeds.readership import Readership

        return Readership(self.database)

    def scheduler(
        self, *, sending_seconds: float | None = None, progress: Callable[[int], None] = lambda _count: None
    ) -> "Scheduler":
        """A scheduler with all its duties; sending ends after so many seconds a tick, and when it stops."""
        from digests.engine import for_at_most
        from feeds.hubs.announcing import Announcer
        from feeds.hubs.pinging import Pinger
        from labelcast.duties import Duties
        from scheduler import Scheduler

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
        every = [*duties.all(), *self._bounce_duties(stop.is_set)]
        return Scheduler(every, seconds=self.settings.scheduler.tick_seconds, stop=stop)

    def _bounce_duties(self, stopping: Callable[[], bool]) -> "Sequence[Duty]":
        mailbox = self.settings.bounces.mailbox
        if not mailbox:
            return ()
        from labelcast.bounces import reading_bounces

        return (reading_bounces(self.bounces, mailbox, stopping=stopping),)

    def web_scheduler(self) -> "Scheduler":
        """A scheduler for a process that serves the web and leaves all else to others."""
        from labelcast.duties import counting_readers
        from scheduler import Scheduler

        return Scheduler([counting_readers(self.readership)], seconds=self.settings.scheduler.tick_seconds)

    def close(self) -> None:
        """Store what was counted, let hubs hear what they are being told, and let go of the database."""
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
