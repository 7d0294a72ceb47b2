"""OPML 2.0: a site's feeds as one list, for a reader to subscribe to any or all of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from lxml import etree

from feeds.formats.markup import legal
from feeds.formats.moments import rfc822
from feeds.selection import FeedSpec
from feeds.site import FeedSite


def opml(site: FeedSite, outlines: Iterable[FeedSpec], *, updated: datetime, suffix: str = "atom") -> bytes:
    """The list as a document: feeds of the publisher's own, then a group of labels', then one of authors'.

    Each group keeps the order of ``outlines``. ``updated`` is when any of it last changed; ``suffix`` is the
    format that the addresses lead to.
    """
    groups: dict[str, list[FeedSpec]] = {"": [], "labels": [], "authors": []}
    for spec in outlines:
        groups[_group_of(spec)].append(spec)
    document = etree.Element("opml", version="2.0")
    head = etree.SubElement(document, "head")
    etree.SubElement(head, "title").text = legal(site.title) or legal(site.home_url)
    etree.SubElement(head, "dateModified").text = rfc822(updated).decode()
    etree.SubElement(head, "ownerName").text = legal(site.author_name)
    body = etree.SubElement(document, "body")
    for of, specs in groups.items():
        if specs:
            group = etree.SubElement(body, "outline", text=f"{legal(site.title)}: {of}") if of else body
            _add(group, site, specs, suffix=suffix)
    written: bytes = etree.tostring(document, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return written


def _group_of(spec: FeedSpec) -> str:
    if spec.author_id is not None:
        return "authors"
    return "" if spec.label_id is None else "labels"


def _add(parent: etree._Element, site: FeedSite, specs: Sequence[FeedSpec], *, suffix: str) -> None:
    for spec in specs:
        title = spec.title or spec.slug
        told = {
            "type": "rss",
            "text": title,
            "title": title,
            "description": spec.subtitle,
            "xmlUrl": site.feed_url(spec.slug, suffix, spec.params),
            "htmlUrl": spec.alternate_url,
            "language": spec.language,
        }
        etree.SubElement(parent, "outline", {name: legal(value) for name, value in told.items() if value})
