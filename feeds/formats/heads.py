"""A feed's head in Atom and in RSS: its shape, its texts, and where it leads to."""

from collections.abc import Callable

from feeds.formats.format import FeedHead
from feeds.formats.frames import FeedShape, marks
from feeds.formats.markup import attribute
from feeds.formats.moments import rfc3339


def links_of(head: FeedHead) -> list[tuple[str, str]]:
    """Relations and addresses beside the document's own and its page's (RFC 5005 §3 and §4, WebSub §4).

    A feed that is complete leads to no other part (RFC 5005 §2).
    """
    parts = [
        ("current", head.current),
        ("prev-archive", head.prev_archive),
        ("next-archive", head.next_archive),
        ("next", head.next_page),
        ("previous", head.previous_page),
    ]
    links = [(relation, address) for relation, address in parts if address and not head.is_complete]
    return links + [("hub", hub) for hub in head.site.hubs]


def head_shape(head: FeedHead, *, deleted: int) -> FeedShape:
    """What tells the frame of this head from others."""
    return FeedShape(
        bool(head.spec.subtitle),
        bool(head.spec.language),
        tuple(relation for relation, _ in links_of(head)),
        head.is_archive,
        head.is_complete,
        head.total is not None,
        head.start is not None,
        deleted,
    )


def head_texts(head: FeedHead, *, entries: int, escaped: Callable[[str], bytes]) -> dict[str, bytes]:
    """The texts of this head by their marks, its moments aside; ``escaped`` makes those of elements."""
    spec = head.spec
    texts = {
        "{id}": escaped(spec.uri),
        "{title}": escaped(spec.title) or escaped(spec.slug),
        "{subtitle}": escaped(spec.subtitle or ""),
        "{author}": escaped(head.site.author_name),
        "{self}": attribute(head.self_url),
        "{page}": attribute(spec.alternate_url),
        "{language}": attribute(spec.language or ""),
        "{total}": b"%d" % (head.total or 0),
        "{start}": b"%d" % (head.start or 0),
        "{per_page}": b"%d" % entries,
    }
    addresses = [address for _, address in links_of(head)]
    gone = head.deleted
    texts.update(zip(marks("link", len(addresses)), map(attribute, addresses), strict=True))
    texts.update(zip(marks("ref", len(gone)), (attribute(one.uri) for one in gone), strict=True))
    texts.update(zip(marks("when", len(gone)), (rfc3339(one.when) for one in gone), strict=True))
    return texts
