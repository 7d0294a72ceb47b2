"""A Blogger label page that somebody saved, as text or as HTML: often all that is left of a blog."""

import re
from collections.abc import Iterator
from datetime import UTC, tzinfo

from posts.importers.encodings import decode
from posts.importers.errors import ImporterError
from posts.importers.label_html import read_html
from posts.importers.label_text import label_of, read_text
from posts.importers.source import HEAD_BYTES, Source
from posts.model import SkippedPost, SourcePost

# A saved page is read whole; Blogger's own hold 500 posts at most.
MAX_BYTES = 16 << 20

_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body|div|h[1-6]|meta)\b", re.IGNORECASE)
_BLOGGER = re.compile(
    r"""content=["']blogger["']|class=["'][^"']*\bpost-body\b|/search/label/|Showing posts with (?:the
    )?label""",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"\s*<(?:\?xml|rss|feed|rdf:RDF|entry)\b", re.IGNORECASE)


class LabelPageImporter:
    """Reads "Showing posts with label X" pages.

    ``timezone`` is the blog's: a date heading says the day only, and a post is taken as published at 12:00
    there (or at the time of its "Posted by … at …" line), each further post of the day a minute earlier.
    """

    name = "label-page"

    def __init__(self, *, timezone: tzinfo = UTC) -> None:
        self._timezone = timezone

    def sniff(self, head: bytes, name: str) -> bool:  # noqa: ARG002 - the protocol's
        """Whether it is a page of Blogger's, as HTML, or text with the line that every label page has."""
        text = decode(head)
        if _MARKUP.match(text):
            return False
        if _HTML.search(text):
            return bool(_BLOGGER.search(text))
        return any(label_of(line) for line in text.splitlines())

    def read(self, source: Source) -> Iterator[SourcePost | SkippedPost]:
        """The posts of the page, newest first."""
        data = source.read_all(limit=MAX_BYTES)
        if b"\x00" in data[:HEAD_BYTES] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ImporterError(f"{source.name}: is no text")
        text = decode(data, source.charset)
        if _HTML.search(text[:HEAD_BYTES]):
            yield from read_html(text, name=source.name, timezone=self._timezone)
        else:
            yield from read_text(text, name=source.name, timezone=self._timezone)
