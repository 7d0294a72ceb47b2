"""Any feed: Atom, RSS, RDF or JSON Feed, well-formed or not.

A well-formed one is read entry by entry, however large. A broken one goes to feedparser, whole, which
mends what can be mended.
"""

import re
from collections.abc import Iterator

from posts.importers.encodings import decode
from posts.importers.errors import ImporterError
from posts.importers.feed_broken import read_broken
from posts.importers.feed_json import is_json_feed, read_json
from posts.importers.feed_xml import NAMES, read_xml
from posts.importers.source import Source
from posts.importers.xml import XmlFault, elements
from posts.model import SkippedPost, SourcePost

_ROOT = re.compile(r"<(?:\w+:)?(?:rss|feed|RDF|channel)\b(?![^<>]*/xhtml)", re.IGNORECASE)
_PROLOG = re.compile(r"<!--.*?(?:-->|\Z)|<[?!][^<>]*>", re.DOTALL)
_FIRST_TAG = re.compile(r"<[A-Za-z_]")
_WORDPRESS = re.compile(r"wordpress\.org/export/")


class FeedImporter:
    """Reads feeds; ids and dates are kept as they are."""

    name = "feed"

    def sniff(self, head: bytes, name: str) -> bool:  # noqa: ARG002 - the protocol's; feeds have any name
        """Whether it is a JSON Feed or its first element a feed's; WordPress's export only looks so."""
        text = decode(head)
        return is_json_feed(text) or (_is_xml_feed(text) and not is_wordpress(text))

    def read(self, source: Source) -> Iterator[SourcePost | SkippedPost]:
        """The posts of the feed."""
        text = decode(source.head(), source.charset)
        if is_json_feed(text):
            yield from read_json(source)
            return
        if is_wordpress(text):
            raise ImporterError(f"{source.name}: is a WordPress export, no feed")
        if not _is_xml_feed(text):
            raise ImporterError(f"{source.name}:1: is no feed: neither Atom, RSS, RDF nor JSON Feed")
        fault = _fault(source)
        if fault is None:
            yield from read_xml(source)
        else:
            yield from read_broken(source, fault)


def is_wordpress(text: str) -> bool:
    """Whether this is the beginning of a WordPress export."""
    return bool(_WORDPRESS.search(text[:20000]))


def _is_xml_feed(text: str) -> bool:
    bare = _PROLOG.sub("", text)
    first = _FIRST_TAG.search(bare)
    return bool(first and _ROOT.match(bare, first.start()))


def _fault(source: Source) -> XmlFault | None:
    """What keeps the feed from being read as XML, found before any of it is given on; refuses hostile XML."""
    try:
        for _ in elements(source, NAMES):
            pass
    except XmlFault as fault:
        return fault
    except UnicodeDecodeError as error:
        return XmlFault(f"{source.name}: is not in the encoding it says: {error.reason}")
    return None
