"""The one place that builds the object graph: what each room needs, it is handed from here.

A room is imported where its part is made: no command waits for rooms that it does not enter.
"""

import math
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parseaddr
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from database import Database, DatabaseUnavailable, open_database
from labelcast.settings import Settings

if TYPE_CHECKING:
    from jinja2 import Environment
    from sqlalchemy import Connection as DatabaseConnection
    from starlette.applications import Starlette

    from digests.engine import Engine, Sending
    from digests.rendering.composing import Publisher
    from digests.returns.consequences import SoftLimits
    from digests.sending.delivery import Connection
    from digests.sending.limits import Limits
    from feeds.build import FeedBuilder
    from feeds.hubs.pinging import Pinger
    from feeds.readership import Readership
    from feeds.site import FeedSite
    from labelcast.alerts import Alerts
    from labelcast.bounces import BounceReader
    from labelcast.publishing import SitePublisher
    from outbox.dkim import Signer
    from outbox.servers import Servers
    from scheduler import Duty, Scheduler
    from subscribers.returnpath import ReturnPaths
    from subscribers.tokens import TokenSigner
    from web.app import FeedServing
    from web.counting import Counting
    from web.readerlinks import ReaderLinks

# Of the database's pages for a connection, and of rendered entries; more makes a build no faster.
ECONOMY_BYTES = 6 * 1024 * 1024
# Then a hub that sends its answer a byte at a time is left alone.
CLOSING_SECONDS = 90.0


class Wiring:
    """The application over one settings file. Each part is made when it is first asked for, once.

    Nothing is connected to by making it. ``close`` it in the end.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pingers: list[Pinger] = []

    @cached_property
    def database(self) -> Database:
        """The database; raises ``DatabaseUnavailable`` when its address is none."""
        return open_database(self.settings.database_url)

    @cached_property
    def ledger_database(self) -> Database:
        """The same, for sending: however many deliveries there are, it takes no more memory."""
        from digests.sending.ledger import LEDGER_CACHE

        if not self.database.is_sqlite:
            return self.database
        database = open_database(self.settings.database_url)
        database.limit_cache(LEDGER_CACHE)
        return database

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

    @cached_property
    def environment(self) -> "Environment":
        """The templates of mails: the publisher's own before those shipped here."""
        import templates

        folder = self.settings.mail.templates
        return templates.environment(Path(folder)) if folder else self.page_environment

    @cached_property
    def page_environment(self) -> "Environment":
        """The templates of pages, which are those shipped here and no others."""
        import templates

        return templates.environment()

    @cached_property
    def publisher(self) -> "Publisher":
        """Who sends, as digests show it."""
        from digests.rendering.composing import Publisher

        settings = self.settings
        return Publisher(
            site_url=settings.site_url,
            site_title=settings.site_title,
            sender=settings.mail.sender,
            reply_to=settings.mail.reply_to or None,
            postal_address=settings.mail.postal_address or None,
            timezone=settings.timezone,
        )

    @cached_property
    def signer(self) -> "TokenSigner":
        """Signs the tokens in links; the newest key first."""
        from subscribers.tokens import TokenSigner

        return TokenSigner(self.settings.secret_key)

    @cached_property
    def sender(self) -> str:
        """The envelope's sender: the address in ``mail.from``, its domain in ASCII as in Message-IDs."""
        from outbox.addresses import ascii_address

        return ascii_address(parseaddr(self.settings.mail.sender)[1])

    @property
    def return_paths(self) -> "ReturnPaths | None":
        """The envelope sender of each message, in place of ``sender``; None: mail comes back to that one."""
        from subscribers.returnpath import ReturnPaths

        address = self.settings.bounces.return_path
        return ReturnPaths(self.signer, parseaddr(address)[1]) if address else None

    @cached_property
    def signers(self) -> "tuple[Signer, ...]":
        """Who signs mail by DKIM; raises ``DkimError`` when a key or the domain cannot be used."""
        from outbox.dkim import make_signers

        dkim = self.settings.dkim
        return make_signers(domain=dkim.domain, keys=dkim.keys, sender=self.sender)

    def connect(self) -> "Connection":
        """A way out for mail, not open yet: a connection to one of the servers."""
        return self.servers.connection()

    @cached_property
    def servers(self) -> "Servers":
        """The servers that mail goes through; raises ``SmtpUrlError`` when a setting names none."""
        import secrets
        import time

        from outbox.servers import Servers
        from outbox.ways import server_of

        ways = [server_of(one) for one in self.settings.mail.transport]
        return Servers(ways, clock=time.monotonic, start=secrets.randbelow(1000))

    @property
    def sending(self) -> "Sending":
        """How mail leaves."""
        from digests.engine import Sending

        settings = self.settings
        return Sending(
            connect=self.connect,
            connections=settings.mail.connections,
            resend_doubtful=settings.in_doubt == "resend",
            limits=self.limits,
            note_refusals=self._note_refusals,
        )

    def _note_refusals(
        self, connection: "DatabaseConnection", failed: list[tuple[int, str]], now: datetime
    ) -> None:
        from digests.returns.consequences import note_refusals

        note_refusals(connection, failed, now, limits=self.soft_limits)

    @property
    def limits(self) -> "Limits":
        """How fast and when mail may be sent."""
        from digests.sending.limits import Limits

        mail = self.settings.mail
        return Limits(
            per_second=mail.per_second,
            per_domain_second=mail.per_domain_second,
            per_domain=mail.connections_per_domain,
            daily_cap=mail.daily_cap,
            quiet=mail.quiet,
            timezone=self.settings.timezone,
        )

    def machine_time(self) -> datetime:
        """What this machine takes for the time: leases go by it, and limits a second."""
        return datetime.now(UTC)

    @cached_property
    def engine(self) -> "Engine":
        """Digests: planned, rendered and sent."""
        from digests.engine import Engine
        from digests.planning.editions import Planner
        from digests.sending.letters import EditionLetters

        return Engine(
            self.database,
            environment=self.environment,
            publisher=self.publisher,
            planner=Planner(self.database, mail_domain=self.sender.rpartition("@")[2]),
            letters=EditionLetters(
                self.database,
                sender=self.sender,
                signer=self.signer,
                return_paths=self.return_paths,
                signers=self.signers,
            ),
            sending=self.sending,
            clock=self.machine_time,
            ledger_database=self.ledger_database,
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

    @cached_property
    def bounces(self) -> "BounceReader":
        """Reads mail that came back."""
        from labelcast.bounces import BounceReader

        return BounceReader(self.database, signer=self.signer, limits=self.soft_limits)

    @property
    def soft_limits(self) -> "SoftLimits":
        """How often mail may come back, for a reason that may pass, before its reader is suppressed."""
        from digests.returns.consequences import SoftLimits

        settings = self.settings.bounces
        return SoftLimits(bounces=settings.soft_limit, days=settings.soft_days)

    @cached_property
    def alerts(self) -> "Alerts":
        """Tells the operator of mail that fails."""
        from labelcast.alerts import Alerts

        settings = self.settings
        return Alerts(
            self.database,
            to=settings.alerts.to,
            sender=settings.mail.sender,
            site=settings.site_title,
            share=settings.alerts.share,
            connect=self.connect,
            signers=self.signers,
        )

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
