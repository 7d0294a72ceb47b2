"""Where digests' archives stand: a digest, one of its editions, its feed."""

from sqlalchemy import Connection

from feeds.site import FeedSite
from web.links import Links


def digest_url(site: FeedSite, slug: str) -> str:
    """The whole address of a digest's archive."""
    return f"{site.home_url}digests/{slug}"


def edition_url(site: FeedSite, slug: str, number: int) -> str:
    """The whole address of an edition in it."""
    return f"{digest_url(site, slug)}/{number}"


def feed_url(site: FeedSite, slug: str) -> str:
    """The whole address of the feed of a digest's editions."""
    return f"{digest_url(site, slug)}.atom"


def digest_links(connection: Connection, links: Links) -> list[tuple[str, str]]:
    """Each digest's title and the address of its archive; none where nothing but files answers."""
    if links.is_static:
        return []
    from digests.store import list_digests  # noqa: PLC0415 # whoever publishes files needs no digests

    return [(its.title, links.relative(digest_url(links.site, its.slug))) for its in list_digests(connection)]
