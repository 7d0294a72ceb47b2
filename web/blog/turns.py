"""Going through a list of posts by date: a page of them, and the ways to newer and to older ones."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from feeds.specs import FeedSpec
from posts.scope import Cursor, Page, page_in
from posts.selecting import ALWAYS, Range
from web.blog.cursors import write_cursor
from web.blog.listing import Turn
from web.blog.periods import Period, day_of
from web.links import Links

_LAST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Walk:
    """The posts of a feed, or those of a ``period``, for a page that ``links`` lead on from."""

    connection: Connection
    links: Links
    spec: FeedSpec
    period: Period | None
    timezone: str

    @property
    def _span(self) -> Range:
        return self.period.bounds(self.timezone) if self.period else ALWAYS

    def page(self, *, before: Cursor | None, after: Cursor | None, limit: int) -> Page:
        """Some posts: the newest, or those next to a place."""
        return page_in(
            self.connection,
            self.spec.scope,
            before=before,
            after=None if before else after,
            limit=limit,
            published=self._span,
        )

    def newer(self, found: Page) -> Turn | None:
        """The way from a page to newer posts; past a period's end to the next period that has some."""
        if found.newer:
            return Turn(self.links.page(self.spec, self.period, after=write_cursor(found.newer)))
        end = self._span[1]
        there = None if end is None else self._neighbour(after=_just_before(end))
        if there is None:
            return None
        # At its older end: going on from there shows every post once.
        begin = there.bounds(self.timezone)[0]
        return Turn(self.links.page(self.spec, there, after=write_cursor(Cursor(begin, 0))), there)

    def older(self, found: Page) -> Turn | None:
        """The way from a page to older posts, in the same manner."""
        if found.older:
            return Turn(self.links.page(self.spec, self.period, before=write_cursor(found.older)))
        begin = self._span[0]
        there = None if begin is None else self._neighbour(published=(None, begin))
        return Turn(self.links.page(self.spec, there), there) if there else None

    def _neighbour(self, *, after: Cursor | None = None, published: Range = ALWAYS) -> Period | None:
        """The period, as long as this one, of the first post on the way."""
        posts = page_in(self.connection, self.spec.scope, after=after, published=published, limit=1).posts
        if not posts or self.period is None:
            return None
        return self.period.like(day_of(posts[0].published, self.timezone))


def _just_before(instant: datetime) -> Cursor:
    return Cursor(instant - timedelta(microseconds=1), _LAST_ID)
