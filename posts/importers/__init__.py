"""The ways in: one importer for each kind of source, and the choice between them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, tzinfo

from posts.importers.blogger import BloggerImporter
from posts.importers.encodings import decode
from posts.importers.errors import ImporterError
from posts.importers.feed import FeedImporter, is_wordpress
from posts.importers.jsonl import JsonlImporter
from posts.importers.label_page import LabelPageImporter
from posts.importers.source import Importer, Source, open_source
from posts.model import SkippedPost, SourcePost

__all__ = ["FORMATS", "Importer", "ImporterError", "Source", "find_importer", "open_source"]

# In the order in which a source is tried: the more particular first.
FORMATS = ("blogger", "label-page", "feed", "jsonl")
_READABLE = (".atom", ".htm", ".html", ".json", ".jsonl", ".ndjson", ".rdf", ".rss", ".txt", ".xml")
_PACKED = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip", b"7z\xbc\xaf": "7z", b"\xfd7zXZ": "xz", b"BZh": "bzip2"}


def find_importer(
    format: str,  # noqa: A002 - the word of the command line
    source: Source,
    *,
    timezone: tzinfo = UTC,
    blog_url: str | None = None,
) -> Importer:
    """The importer for a format, or with ``auto`` the one that knows the source when it sees it.

    ``timezone`` is that of a blog whose pages tell days only; ``blog_url`` the address of a Blogger blog
    whose export leaves it out. A folder is read file by file. Raises ``ImporterError`` when no importer
    fits.
    """
    importers = _importers(timezone, blog_url)
    if format != "auto" and format not in importers:
        raise ImporterError(
            f"{format}: is no format that can be imported; these are: {', '.join(('auto', *FORMATS))}"
        )
    if source.unchanged:
        return _Unchanged()
    if source.is_folder:
        return _Folder(importers, format)
    head = source.head()
    if not head.strip():
        raise ImporterError(f"{source.name}: is empty")
    if format != "auto":
        return importers[format]
    for importer in importers.values():
        if importer.sniff(head, source.name):
            return importer
    raise ImporterError(f"{source.name}: {_unknown(head)}")


def _importers(timezone: tzinfo, blog_url: str | None) -> dict[str, Importer]:
    found: tuple[Importer, ...] = (
        BloggerImporter(blog_url=blog_url),
        LabelPageImporter(timezone=timezone),
        FeedImporter(),
        JsonlImporter(),
    )
    return {importer.name: importer for importer in found}


def _unknown(head: bytes) -> str:
    """What a source is that no importer reads, as far as can be seen, and what to do."""
    for mark, kind in _PACKED.items():
        if head.startswith(mark):
            return f"is a {kind} archive: unpack it first"
    advice = "turn it into JSON Lines (docs/jsonl.md)"
    if is_wordpress(decode(head)):
        return f"is a WordPress export, which no importer here reads: {advice}"
    return f"is none of the formats that are known ({', '.join(FORMATS)}): name it with --format, or {advice}"


class _Unchanged:
    """For a source whose server says that it is as it was: there is nothing to read."""

    name = "unchanged"

    def sniff(self, head: bytes, name: str) -> bool:  # noqa: ARG002 - the protocol's
        """Never found by looking at bytes: there are none."""
        return False

    def read(self, source: Source) -> Iterator[SourcePost | SkippedPost]:  # noqa: ARG002 - the protocol's
        """No posts."""
        return iter(())


class _Folder:
    """Reads the files of a folder, each with the importer that knows it."""

    name = "folder"

    def __init__(self, importers: dict[str, Importer], format_name: str) -> None:
        self._importers = importers
        self._format = format_name

    def sniff(self, head: bytes, name: str) -> bool:  # noqa: ARG002 - the protocol's
        """Never found by looking at bytes: a folder has none."""
        return False

    def read(self, source: Source) -> Iterator[SourcePost | SkippedPost]:
        """The posts of its files; one that could be read by its name but is of no known format is listed."""
        found = False
        for file in source.files():
            importer = self._importer(file)
            if importer is not None:
                found = True
                for item in importer.read(file):
                    yield replace(item, where=f"{file.name}, {item.where}")
            elif file.name.lower().endswith(_READABLE):
                yield SkippedPost(id=file.name, reason="no importer reads this file", where=file.name)
        if not found:
            raise ImporterError(f"{source.name}: holds no file that an importer reads")

    def _importer(self, file: Source) -> Importer | None:
        head = file.head()
        importers = self._importers.values() if self._format == "auto" else [self._importers[self._format]]
        return next(
            (importer for importer in importers if head.strip() and importer.sniff(head, file.name)), None
        )
