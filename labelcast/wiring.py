"""The one place that builds the object graph: what each room needs, it is handed from here."""

from functools import cached_property

from database import Database, open_database
from feeds.build import FeedBuilder
from feeds.site import FeedSite
from labelcast.settings import Settings


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

    def close(self) -> None:
        """Let go of the database."""
        if "database" in self.__dict__:
            self.database.dispose()
