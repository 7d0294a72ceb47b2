"""The one place that builds the object graph: what each room needs, it is handed from here."""

from functools import cached_property

from jinja2 import Environment

import templates
from database import Database, open_database
from digests.composing import Publisher
from feeds.build import FeedBuilder
from feeds.site import FeedSite
from labelcast.settings import Settings
from subscribers.tokens import TokenSigner


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

    def close(self) -> None:
        """Let go of the database."""
        if "database" in self.__dict__:
            self.database.dispose()
