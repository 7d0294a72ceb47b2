"""The part of the object graph that the web needs: feeds, pages, and what stands behind their forms.

A room is imported where its part is made: no command waits for rooms that it does not enter.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from labelcast.wiring_mail import MailWiring

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

    from feeds.build import FeedBuilder
    from feeds.readership import Readership
    from feeds.site import FeedSite
    from web.accounts.uses import TokenUses
    from web.app import Administration, FeedServing
    from web.operations.counting import Counting
    from web.pages import Pages
    from web.readers.readerlinks import ReaderLinks
    from web.readers.signup import Signup

# Of the database's pages for a connection, and of rendered entries; more makes a build no faster.
ECONOMY_BYTES = 6 * 1024 * 1024


class WebWiring(MailWiring):
    """What answers a browser or a program. Each part is made when it is first asked for, once."""

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

    def app(
        self,
        *,
        trouble: Callable[[], str | None] | None = None,
        outbox: Path | None = None,
        logged: bool = False,
    ) -> "Starlette":
        """The web application; ``trouble`` says what ails the scheduler; ``outbox`` is for the demo only.

        ``logged``: requests are logged, to stderr.
        """
        from web.app import create_app
        from web.operations.accesslog import AccessLog

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
            admin=self.administration(trouble or (lambda: None)),
            log=AccessLog(sys.stderr.write) if logged else None,
            signup=self.signup,
            api=self._api,
        )

    @cached_property
    def signup(self) -> "Signup":
        """How readers sign up, and how often they may."""
        from web.readers.signup import Signup

        return Signup(self.signup_limits, is_open=self.settings.signup.open)

    def administration(self, trouble: Callable[[], str | None]) -> "Administration":
        """What the publisher's pages need; ``trouble`` as in ``app``."""
        from labelcast.importing import for_pages
        from labelcast.settings_shown import shown_settings
        from labelcast.webwork.digests import digest_work
        from labelcast.webwork.doctor import look
        from labelcast.webwork.readers import reader_work
        from web.admin.work import AdminWork
        from web.app import Administration

        return Administration(
            work=AdminWork(
                settings=lambda: shown_settings(self.settings, self.config),
                examine=lambda: look(self.config),
                trouble=trouble,
                import_posts=for_pages(self.database, timezone=self.settings.timezone),
                digests=digest_work(self),
                readers=reader_work(self.database),
            ),
            now=lambda: datetime.now(UTC),
            idle=timedelta(hours=self.settings.web.session_hours),
        )

    @property
    def reader_links(self) -> "ReaderLinks":
        """What the pages behind mails' links need."""
        from labelcast.reader_export import stream_about
        from labelcast.readers import erase_reader, suppression_salt
        from labelcast.scrubbing import Scrubber
        from web.readers.readerlinks import ReaderLinks

        settings = self.settings.signup
        return ReaderLinks(
            signer=self.signer,
            salt=suppression_salt,
            now=lambda: datetime.now(UTC),
            lasts=timedelta(days=settings.link_days),
            may_join=settings.open,
            erase=lambda connection, email, now: erase_reader(connection, email, now=now),
            scrub=Scrubber(self.database).scrub,
            about=lambda number: stream_about(self.database, number),
            wake=self._wake_postman,
            is_over=self.signup.limits.is_over,
        )

    def _wake_postman(self) -> None:
        # Made when there is mail for the first time: whatever ails the settings of mail, pages are served.
        self.postman.wake()

    @property
    def serving(self) -> "FeedServing":
        """How feeds are served."""
        from web.app import FeedServing
        from web.feeds.moved import MovedFeeds

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
        from web.operations.counting import Counting

        return Counting()

    def _api(self, pages: "Pages") -> "ASGIApp":
        from labelcast.webwork.api import make_api

        return make_api(self, pages, wake=self._wake_postman)

    @cached_property
    def token_uses(self) -> "TokenUses":
        """Notes when programs use their tokens; what it noted waits in memory until it is flushed."""
        from web.accounts.uses import TokenUses

        return TokenUses(self.database)

    @cached_property
    def readership(self) -> "Readership":
        """Counts who reads feeds; what it counted waits in memory until it is flushed."""
        from feeds.readership import Readership

        return Readership(self.database)
