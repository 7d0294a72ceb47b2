"""What all feeds of a site have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode

Content = Literal["full", "summary"]
Ordering = Literal["published", "updated"]
Params = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class FeedSite:
    """The site as its feeds show it.

    ``url`` is where it stands, with or without a slash at its end. ``author`` may be empty: the title then
    stands in, for a feed must have one (RFC 4287 §4.1.1). ``language`` is a BCP 47 tag or None. ``entries``
    is how many posts a feed holds and ``content`` how much of each, unless a feed says otherwise. ``hubs``
    are WebSub hubs.
    """

    url: str
    title: str
    author: str = ""
    language: str | None = None
    entries: int = 25
    content: Content = "full"
    hubs: tuple[str, ...] = ()

    @property
    def author_name(self) -> str:
        """Whom a feed names as its author: never empty."""
        return self.author.strip() or self.title.strip() or self.url

    @property
    def home_url(self) -> str:
        """The front page, with a slash at its end."""
        return self.url.rstrip("/") + "/"

    def label_url(self, slug: str, params: Params = ()) -> str:
        """The address of a label's or another feed's page, percent-encoded."""
        return f"{self.home_url}labels/{_path(slug)}{_query(params)}"

    def author_url(self, slug: str) -> str:
        """The address of an author's page, percent-encoded."""
        return f"{self.home_url}authors/{_path(slug)}"

    def search_url(self, query: str) -> str:
        """The address of the page of posts that a search finds, percent-encoded."""
        return f"{self.home_url}search{_query((('q', query),))}"

    def feed_url(self, slug: str, suffix: str, params: Params = ()) -> str:
        """The one canonical address of a feed in one format, percent-encoded."""
        return f"{self.home_url}feeds/{_path(slug)}.{suffix}{_query(params)}"

    def archive_url(self, slug: str, number: int, suffix: str, params: Params = ()) -> str:
        """The address of one of a feed's archive documents (RFC 5005 §4)."""
        return f"{self.home_url}feeds/{_path(slug)}/archive/{number}.{suffix}{_query(params)}"


def _path(slug: str) -> str:
    # A rule's signs and an author's folder stand as they are (RFC 3986 §3.3).
    return quote(slug, safe="+,/")


def _query(params: Params) -> str:
    return f"?{urlencode(list(params), quote_via=quote)}" if params else ""
