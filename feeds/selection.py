"""Which feeds there are: everything, the configured ones, one for each label and each author."""

from collections.abc import Iterable

from sqlalchemy import Connection

from feeds.addresses import ALL
from feeds.configured import FeedError, add_feed, configured_feeds, remove_feed
from feeds.finding import current_feed, find_feed, is_gone, unknown_in
from feeds.site import FeedSite
from feeds.specs import FeedSpec, FeedState, everything, of_author, of_configured, of_label
from posts.authors import authors
from posts.batch import label_stamps, labels_by_id
from posts.blog import get_blog

__all__ = [
    "ALL",
    "FeedError",
    "FeedSpec",
    "FeedState",
    "add_feed",
    "all_feeds",
    "changes",
    "current_feed",
    "current_feeds",
    "find_feed",
    "is_gone",
    "public_feeds",
    "remove_feed",
    "unknown_in",
]


def current_feeds(
    connection: Connection, site: FeedSite, *, known: dict[str, FeedState] | None = None
) -> list[FeedState]:
    """Every public feed as it stands: ``all``, the configured ones, the labels' and authors' in no order.

    Each slug is there once: a configured feed, also a private one, hides a label's feed of the same slug, for
    the publisher chose it. ``known`` is a memory, for this site only, of what was made of labels before: only
    those that changed are then read.
    """
    configured = [of_configured(connection, row, site) for row in configured_feeds(connection)]
    taken = {state.spec.slug for state in configured}
    memory: dict[str, FeedState] = {} if known is None else known
    stamps = label_stamps(connection)
    found = {stamp: memory.get(stamp) for stamp in stamps}
    new = {int(stamp.split(" ", 1)[0]): stamp for stamp, state in found.items() if state is None}
    for label_id, label in labels_by_id(connection, list(new)).items():
        memory[new[label_id]] = found[new[label_id]] = of_label(label, site)
    if len(memory) > 2 * len(found):
        for stamp in memory.keys() - found.keys():
            memory.pop(stamp, None)
    of_labels = [state for state in found.values() if state is not None and state.spec.slug not in taken]
    return [
        everything(get_blog(connection), site),
        *(state for state in configured if not state.spec.is_private),
        *of_labels,
        *(of_author(author, site) for author in authors(connection, counted=False)),
    ]


def changes(connection: Connection) -> str:
    """What is another text whenever any feed may be another: a post, a label, or how a feed is configured."""
    return f"{get_blog(connection).revision} {configured_feeds(connection)}"


def public_feeds(connection: Connection, site: FeedSite) -> list[FeedSpec]:
    """Every feed that anyone may know of: ``all``, the configured ones, labels', authors'; each by name."""
    return _in_order(state.spec for state in current_feeds(connection, site))


def all_feeds(connection: Connection, site: FeedSite) -> list[FeedSpec]:
    """Every feed there is, for the publisher: as ``public_feeds``, with the private ones among them."""
    private = [row for row in configured_feeds(connection) if row.is_private]
    states = [*current_feeds(connection, site), *(of_configured(connection, row, site) for row in private)]
    return _in_order(state.spec for state in states)


def _in_order(specs: Iterable[FeedSpec]) -> list[FeedSpec]:
    return sorted(specs, key=_place)


def _place(spec: FeedSpec) -> tuple[int, str, str]:
    if spec.slug == ALL:
        return 0, "", ""
    if spec.label_id is None and spec.author_id is None:
        return 1, spec.slug, ""
    return (2 if spec.author_id is None else 3), spec.title.casefold(), spec.title
