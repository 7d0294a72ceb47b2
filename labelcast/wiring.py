"""The one place that builds the object graph: what each room needs, it is handed from here."""

import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parseaddr
from functools import cached_property
from pathlib import Path

from jinja2 import Environment
from starlette.applications import Starlette

import templates
from database import Database, open_database
from digests.composing import Publisher
from digests.delivery import Connection
from digests.editions import Planner
from digests.engine import Engine, Sending, for_at_most
from digests.letters import EditionLetters
from feeds.build import FeedBuilder
from feeds.site import FeedSite
from labelcast.service import Duties
from labelcast.settings import Settings
from outbox.maildir import Maildir
from outbox.smtp import SmtpConnection, SmtpSettings
from scheduler import Scheduler
from subscribers.tokens import TokenSigner
from web.app import create_app


class Wiring:
    """The application over one settings file. Each part is made when it is first asked for, once.

    Nothing is connected to by making it. ``close`` it in the end.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def database(self) -> Database:
        """The database; raises ``DatabaseUnavailable`` when its address is none."""
        return open_database(self.settings.database_url)

    @cached_property
    def site(self) -> FeedSite:
        """The site as its feeds show it."""
        settings = self.settings
        return FeedSite(
            url=settings.site_url,
            title=settings.site_title,
            author=settings.author,
            language=settings.language,
            entries=settings.feeds.entries,
            content=settings.feeds.content,
        )

    @cached_property
    def builder(self) -> FeedBuilder:
        """The builder of feeds, which grows warm with use."""
        return FeedBuilder(self.database, self.site)

    @cached_property
    def environment(self) -> Environment:
        """The templates."""
        return templates.environment()

    @cached_property
    def publisher(self) -> Publisher:
        """Who sends, as digests show it."""
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
    def signer(self) -> TokenSigner:
        """Signs the tokens in links; the newest key first."""
        return TokenSigner(self.settings.secret_key)

    @cached_property
    def sender(self) -> str:
        """The envelope's sender: the address in ``mail.from``."""
        return parseaddr(self.settings.mail.sender)[1]

    def connect(self) -> Connection:
        """A way out for mail, not open yet; raises ``SmtpUrlError`` when the setting is none."""
        scheme, _, folder = self.settings.mail.transport.partition(":")
        if scheme == "maildir":
            return Maildir(Path(folder))
        return SmtpConnection(SmtpSettings.parse(self.settings.mail.transport))

    @property
    def sending(self) -> Sending:
        """How mail leaves."""
        settings = self.settings
        return Sending(
            connect=self.connect,
            connections=settings.mail.connections,
            resend_doubtful=settings.in_doubt == "resend",
        )

    @cached_property
    def engine(self) -> Engine:
        """Digests: planned, rendered and sent."""
        return Engine(
            self.database,
            environment=self.environment,
            publisher=self.publisher,
            planner=Planner(self.database, mail_domain=self.sender.rpartition("@")[2]),
            letters=EditionLetters(self.database, sender=self.sender, signer=self.signer),
            sending=self.sending,
            clock=lambda: datetime.now(UTC),
        )

    def app(
        self, *, trouble: Callable[[], str | None] | None = None, outbox: Path | None = None
    ) -> Starlette:
        """The web application; ``trouble`` says what ails the scheduler; ``outbox`` is for the demo only."""
        return create_app(
            database=self.database,
            builder=self.builder,
            environment=self.environment,
            site=self.site,
            timezone=self.settings.timezone,
            trouble=trouble or (lambda: None),
            outbox=outbox,
        )

    def scheduler(
        self, *, sending_seconds: float | None = None, progress: Callable[[int], None] = lambda _count: None
    ) -> Scheduler:
        """A scheduler with all its duties; sending ends after so many seconds a tick, and when it stops."""
        stop = threading.Event()
        limit = math.inf if sending_seconds is None else sending_seconds
        duties = Duties(
            self.database,
            self.engine,
            self.builder,
            Path(self.settings.feeds.public_dir),
            enough=lambda: for_at_most(limit, stop.is_set),
            stopping=stop.is_set,
            progress=progress,
        )
        return Scheduler(duties.all(), seconds=self.settings.scheduler.tick_seconds, stop=stop)

    def close(self) -> None:
        """Let go of the database."""
        if "database" in self.__dict__:
            self.database.dispose()
