"""A page of posts: what its template is handed, whether it is served or written to a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from feeds.specs import FeedSpec
from templates.environment import period_name
from web.blog.archive_list import ArchiveLine, ArchiveYear
from web.blog.entries import Entry, by_day
from web.blog.periods import Period
from web.blog.signingup import Ways
from web.blog.structured import as_json_ld, collection
from web.blog.subjects import Subject
from web.links import Links, page_url


@dataclass(frozen=True, slots=True)
class Turn:
    """The way to older or newer posts: its address, and the period it leads to if that is another one."""

    href: str
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the posts of a feed, all of them or those of a ``period``.

    ``count`` is of all posts (None: not told). ``parts`` stand in place of entries where there are too many.
    ``search`` is where the form leads to (None: there is no form). ``ways`` are those to sign up: a form, and
    a link.
    """

    spec: FeedSpec
    subject: Subject
    entries: Sequence[Entry] = ()
    period: Period | None = None
    count: int | None = None
    newer: Turn | None = None
    older: Turn | None = None
    is_first: bool = True
    archive: Sequence[ArchiveYear] = field(default=())
    parts: Sequence[ArchiveLine] = field(default=())
    search: str | None = None
    typed: str = ""
    ways: Ways = (None, None)

    def context(self, links: Links) -> dict[str, Any]:
        """What ``page/posts.html`` is handed."""
        site, spec = links.site, self.spec
        url = page_url(site, spec, self.period)
        facts = [entry.facts for entry in self.entries]
        is_all = self.subject.kind == "all" and not spec.query and self.period is None
        form, link = self.ways
        # A form stands where somebody begins to read; further on a link will do.
        begins = self.subject.kind == "label" and self.is_first and self.period is None and not spec.query
        return {
            "listing": self,
            "heading": self._heading(),
            "canonical": url,
            "address": links.page(spec, self.period),
            "newest": links.page(spec),
            "parent": links.page(spec, self.period.parent) if self.period and self.period.parent else None,
            "feeds": links.feeds(spec),
            "days": by_day(self.entries),
            "signup": link,
            "signup_form": form if begins else None,
            "structured": as_json_ld(collection(site, self._heading(), url, is_all=is_all), facts),
        }

    def _heading(self) -> str:
        name = self.subject.name if not self.spec.query else f"Search: {self.spec.query}"
        return f"{name}, {period_name(self.period)}" if self.period else name
