"""How digests and their editions stand in lists, and the ways to them."""

from dataclasses import dataclass

from digests.model import Digest
from digests.past import PastEdition
from web.digests.digestlinks import digest_url, edition_url, feed_url
from web.digests.editionfeed import MEDIA_TYPE, edition_title
from web.links import FeedLink, Links


@dataclass(frozen=True, slots=True)
class Listed:
    """An edition as a list has it."""

    href: str
    title: str
    edition: PastEdition


def ways(links: Links, its: Digest) -> tuple[str, FeedLink]:
    """The addresses of a digest's archive and of its feed, as they stand on a page."""
    feed = FeedLink("Atom", MEDIA_TYPE, links.relative(feed_url(links.site, its.slug)))
    return links.relative(digest_url(links.site, its.slug)), feed


def listed(links: Links, its: Digest, one: PastEdition) -> Listed:
    """An edition of a digest, as a list on a page has it."""
    return Listed(links.relative(edition_url(links.site, its.slug, one.id)), edition_title(its, one), one)


def turn(href: str, cursor: int | None) -> str | None:
    """The way to another page; by no cursor to the first."""
    return None if cursor is None else f"{href}?before={cursor}" if cursor else href
