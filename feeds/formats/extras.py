"""What feedgen lacks, by its own way of extension: any link, archives, OpenSearch, tombstones."""

from typing import Any

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from lxml import etree

from feeds.formats.frames import EntryTexts, FeedTexts

ATOM = "http://www.w3.org/2005/Atom"
HISTORY = "http://purl.org/syndication/history/1.0"
SEARCH = "http://a9.com/-/spec/opensearch/1.1/"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


class EntryExtras(BaseEntryExtension):  # type: ignore[misc] # feedgen ships no types
    """An entry's language, and in Atom its links with rel and type, which feedgen's own lose."""

    texts: EntryTexts | None = None

    def extend_atom(self, entry: Any) -> Any:
        """Put them into the entry; without a namespace, as feedgen makes its own elements."""
        if (texts := self.texts) is None:
            return entry
        if texts.language:
            entry.set(LANGUAGE, texts.language)
        if texts.body is None and texts.url:
            # An entry with a link has its summary for all content (RFC 4287 §4.1.1.1).
            entry.remove(entry.find("content"))
        if texts.url:
            etree.SubElement(entry, "link", href=texts.url, rel="alternate", type="text/html")
        for file in texts.files:
            link = etree.SubElement(entry, "link", href=file.url, rel="enclosure", type=file.media_type)
            if file.length:
                link.set("length", file.length)
        return entry


class FeedExtras(BaseExtension):  # type: ignore[misc] # feedgen ships no types
    """A feed's links beside itself and its page, and what else feedgen has no word for."""

    texts: FeedTexts | None = None

    def extend_ns(self) -> dict[str, str]:
        """The prefixes that this feed's head needs; a tombstone is Atom's alone, and harmless in RSS."""
        texts = self.texts
        if texts is None:
            return {}
        needed = {
            "fh": HISTORY if texts.is_archive or texts.is_complete else None,
            "opensearch": SEARCH if texts.total or texts.start else None,
            "at": TOMBSTONES if texts.deleted else None,
        }
        return {prefix: name for prefix, name in needed.items() if name}

    def extend_atom(self, feed: Any) -> Any:
        """Links, marks of the archive, OpenSearch, and those that are gone."""
        if (texts := self.texts) is None:
            return feed
        for relation, href in texts.links:
            etree.SubElement(feed, "link", href=href, rel=relation)
        _add_marks(feed, texts)
        for gone in texts.deleted:
            etree.SubElement(feed, f"{{{TOMBSTONES}}}deleted-entry", ref=gone.uri, when=gone.when)
        return feed

    def extend_rss(self, feed: Any) -> Any:
        """The same in RSS, by Atom's links, but for those that are gone: RSS has no word for them."""
        if (texts := self.texts) is None:
            return feed
        (channel,) = feed
        for relation, href in texts.links:
            etree.SubElement(channel, f"{{{ATOM}}}link", href=href, rel=relation)
        _add_marks(channel, texts)
        return feed


def _add_marks(parent: Any, texts: FeedTexts) -> None:
    if texts.is_archive:
        etree.SubElement(parent, f"{{{HISTORY}}}archive")
    if texts.is_complete:
        etree.SubElement(parent, f"{{{HISTORY}}}complete")
    told = {"totalResults": texts.total, "startIndex": texts.start, "itemsPerPage": texts.per_page}
    for name, number in told.items():
        if number:
            etree.SubElement(parent, f"{{{SEARCH}}}{name}").text = number
