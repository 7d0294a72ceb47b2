"""The part of the object graph that mail needs: ``wiring_web.py`` adds the web, ``wiring.py`` the scheduler.

A room is imported where its part is made: no command waits for rooms that it does not enter.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from database import Database, open_database
from labelcast.settings import Settings

if TYPE_CHECKING:
    from jinja2 import Environment
    from sqlalchemy import Connection as DatabaseConnection

    from digests.engine import Engine, Sending
    from digests.rendering.composing import Publisher
    from digests.returns.consequences import SoftLimits
    from digests.sending.delivery import Connection
    from digests.sending.limits import Limits
    from labelcast.alerts import Alerts
    from labelcast.bounces import BounceReader
    from labelcast.postman import Postman
    from outbox.dkim import Signer
    from outbox.notices import Notices
    from outbox.servers import Servers
    from subscribers.returnpath import ReturnPaths
    from subscribers.tokens import TokenSigner
    from web.readers.signuplimits import SignupLimits


class MailWiring:
    """What mail is planned, made and sent with, over one settings file; and the database under it all.

    Each part is made when it is first asked for, once. Nothing is connected to by making it.
    """

    # The settings file, where it is not ./labelcast.toml: the publisher's pages tell what stands in it.
    config: "Path | None" = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

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
    def page_environment(self) -> "Environment":
        """The templates of pages, which are those shipped here and no others."""
        import templates

        return templates.environment()

    @cached_property
    def environment(self) -> "Environment":
        """The templates of mails: the publisher's own before those shipped here."""
        import templates

        folder = self.settings.mail.templates
        return templates.environment(Path(folder)) if folder else self.page_environment

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

    @property
    def soft_limits(self) -> "SoftLimits":
        """How often mail may come back, for a reason that may pass, before its reader is suppressed."""
        from digests.returns.consequences import SoftLimits

        settings = self.settings.bounces
        return SoftLimits(bounces=settings.soft_limit, days=settings.soft_days)

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

    @cached_property
    def bounces(self) -> "BounceReader":
        """Reads mail that came back."""
        from labelcast.bounces import BounceReader

        return BounceReader(self.database, signer=self.signer, limits=self.soft_limits)

    @cached_property
    def notices(self) -> "Notices":
        """Mail that is no digest: who writes each kind, and how it leaves."""
        from labelcast.notices import composers
        from labelcast.notices.press import NoticePress
        from outbox.notices import Notices

        lasts = timedelta(days=self.settings.signup.link_days)
        press = NoticePress(
            self.environment,
            self.publisher,
            self.signer,
            lasts=lasts,
            may_mail=self.signup_limits.may_mail,
            may_remind=self.signup_limits.may_remind,
        )
        return Notices(
            self.database,
            composers(press),
            connect=self.connect,
            sender=self.sender,
            clock=self.machine_time,
            signers=self.signers,
        )

    @cached_property
    def signup_limits(self) -> "SignupLimits":
        """How often somebody may sign up, and be mailed for it."""
        from web.readers.signuplimits import Allowed, SignupLimits

        settings = self.settings.signup
        return SignupLimits(
            Allowed(settings.per_address_day, settings.per_network_hour, settings.per_domain_hour)
        )

    @cached_property
    def postman(self) -> "Postman":
        """Sends such mail as soon as it is asked for, in a thread of its own."""
        from labelcast.postman import Postman

        return Postman(self.notices, clock=self.machine_time)

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
