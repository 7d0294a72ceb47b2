"""Which feeds last: those that a publisher has, and not all that an address can ask for."""

from feeds.addresses import ALL, read
from feeds.selection import FeedSpec
from feeds.site import FeedSite


def is_lasting(spec: FeedSpec) -> bool:
    """Whether a feed is everything's, a label's, an author's or a configured one, without parameters.

    Not a search, a rule in the address, or another content than the feed's own: of these there are endlessly
    many, so nothing is kept of each.
    """
    is_rule = spec.slug != ALL and read(spec.slug) is not None
    return not spec.params and spec.query is None and not is_rule


def hubs_of(site: FeedSite, spec: FeedSpec) -> tuple[str, ...]:
    """The WebSub hubs that are told when a feed changes: none of a private one, or one that does not last.

    Only the others may name hubs: a subscriber that was promised a push may not look for itself.
    """
    return site.hubs if is_lasting(spec) and not spec.is_private else ()
