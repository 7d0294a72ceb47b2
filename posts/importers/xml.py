"""Reading XML that nobody vouches for, piece by piece: no entities, no DTD, nothing fetched, memory bounded.

The parser is only ever given UTF-8 text that was looked at first: a document type that declares anything is
refused before it, and what XML 1.0 has no place for (control characters) is taken out.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

from lxml import etree

from posts.importers.encodings import candidates, texts
from posts.importers.errors import ImporterError, one_line
from posts.importers.source import Source
from posts.importers.tree import local

# All an entry may be; what is longer is no post of a blog, and would fill the memory.
MAX_ENTRY_CHARS = 32 << 20
MAX_ENTRY_TAGS = 200_000
_MAX_PROLOG = 1 << 20

_PREFIXES = {
    "app": "http://purl.org/atom/app#",
    "atom": "http://www.w3.org/2005/Atom",
    "blogger": "http://schemas.google.com/blogger/2018",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "gd": "http://schemas.google.com/g/2005",
    "georss": "http://www.georss.org/georss",
    "media": "http://search.yahoo.com/mrss/",
    "openSearch": "http://a9.com/-/spec/opensearchrss/1.0/",
    "thr": "http://purl.org/syndication/thread/1.0",
}
# An element around the whole document: so it may have several roots, and prefixes that it does not declare.
_WRAPPER = "labelcast"
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));")
_HALF_REFERENCE = re.compile(r"&#?[0-9a-zA-Z]{0,10}\Z")


class XmlFault(ImporterError):
    """A document is no well-formed XML."""


class HostileXml(ImporterError):
    """A document declares entities or a DTD of its own, or is built to fill the memory."""


def elements(
    source: Source, names: Iterable[str], *, default_namespace: str | None = None, errors: str = "strict"
) -> Iterator[etree._Element]:
    """The outermost elements of some local names, whole, in order; each is gone when the next is asked for.

    Undeclared prefixes, several roots and text before the first are taken as they come. Raises
    ``HostileXml``, ``XmlFault`` (with the line) when it is not well-formed, and ``UnicodeDecodeError``
    when it is not in the encoding it says (unless ``errors`` is ``replace``).
    """
    parser = etree.XMLPullParser(
        events=("start", "end"),
        tag=[f"{{*}}{name}" for name in (*names, _WRAPPER)],
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=True,
        # Entries are counted here; the parser's own limit would refuse a post with a picture in it.
        huge_tree=True,
    )
    with closing(_pieces(source, errors)) as pieces:
        yield from _Reading(parser, source.name, default_namespace).run(pieces)


class _Reading:
    """One pass of a parser over a document."""

    def __init__(self, parser: etree.XMLPullParser, name: str, default_namespace: str | None) -> None:
        self._parser = parser
        self._name = name
        self._default = default_namespace
        self._depth = 0
        self._chars = 0
        self._tags = 0
        self._is_whole = False
        self._lines = 1

    def run(self, pieces: Iterator[str]) -> Iterator[etree._Element]:
        yield from self._feed(self._wrapper())
        for piece in pieces:
            self._count(piece)
            self._lines += piece.count("\n")
            yield from self._feed(piece)
        yield from self._end()

    def _end(self) -> Iterator[etree._Element]:
        try:
            self._parser.feed(f"</{_WRAPPER}>".encode())
            yield from self._found()
            self._parser.close()
        except etree.XMLSyntaxError as error:
            # Prefixes that nobody declared are told last, and harm nothing.
            if not self._is_whole:
                where = f"{self._name}:{error.lineno or self._lines}"
                raise XmlFault(f"{where}: is cut off: it ends inside an element") from error

    def _wrapper(self) -> str:
        declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in _PREFIXES.items())
        default = f' xmlns="{self._default}"' if self._default else ""
        return f"<{_WRAPPER}{default}{declared}>"

    def _feed(self, text: str) -> Iterator[etree._Element]:
        try:
            self._parser.feed(text.encode("utf-8"))
        except etree.XMLSyntaxError as error:
            yield from self._found()
            raise _fault(self._name, error) from error
        yield from self._found()

    def _found(self) -> Iterator[etree._Element]:
        for event, element in self._parser.read_events():
            if element is None or isinstance(element, tuple):
                continue
            if local(element) == _WRAPPER:
                self._is_whole = event == "end"
                continue
            if event == "start":
                self._depth += 1
                continue
            self._depth -= 1
            if self._depth == 0:
                yield element
                self._chars = self._tags = 0
                _forget(element)

    def _count(self, piece: str) -> None:
        self._chars += len(piece)
        self._tags += piece.count("<")
        if self._chars > MAX_ENTRY_CHARS or self._tags > MAX_ENTRY_TAGS:
            raise HostileXml(
                f"{self._name}: holds an element too large to be a post "
                f"(over {MAX_ENTRY_CHARS >> 20} million characters or {MAX_ENTRY_TAGS:,} tags)"
            )


def _fault(name: str, error: etree.XMLSyntaxError) -> XmlFault:
    message, line = error.msg or "it cannot be read", error.lineno
    if message.startswith("Namespace prefix"):
        # The first error is told, but this one was none that ends the reading.
        log: Any = error.error_log
        fatal = [entry for entry in log if entry.domain_name == "PARSER"]
        message, line = (fatal[-1].message, fatal[-1].line) if fatal else (message, line)
    reason = re.sub(r",? line \d+, column \d+.*", "", one_line(message))
    return XmlFault(f"{name}:{line or 1}: is no well-formed XML: {reason}")


def _forget(element: etree._Element) -> None:
    """Free an element that was read, and those before it; what stands above the first entry stays."""
    element.clear()
    parent = element.getparent()
    if parent is None:
        return
    previous = element.getprevious()
    while previous is not None and previous.tag == element.tag:
        parent.remove(previous)
        previous = element.getprevious()


def _pieces(source: Source, errors: str) -> Generator[str]:
    """The document's text from its first element on, cleaned; blank lines stand for what came before it."""
    with source.open() as stream:
        head = stream.read(1024)
        stream.seek(0)
        pieces = texts(stream, candidates(head, source.charset)[0], errors=errors)
        yield from _cleaned(_without_prolog(pieces, source.name))


def _without_prolog(pieces: Iterator[str], name: str) -> Iterator[str]:
    text = ""
    start = None
    for piece in pieces:
        text += piece
        start = first_element(text, name)
        if start is not None or len(text) > _MAX_PROLOG:
            break
    if start is None:
        raise XmlFault(f"{name}:1: is no XML: it holds no element")
    yield "\n" * text.count("\n", 0, start) + text[start:]
    yield from pieces


def first_element(text: str, name: str) -> int | None:
    """Where the first element starts; None while comments and the like go on. Raises ``HostileXml``."""
    place = 0
    while (place := text.find("<", place)) != -1:
        if text.startswith("<!--", place):
            end = text.find("-->", place + 4)
        elif text.startswith("<?", place):
            end = text.find("?>", place)
        elif text.startswith("<!", place):
            end = _declaration_end(text, place, name)
        elif place + 1 < len(text):
            return place
        else:
            return None
        if end == -1:
            return None
        place = end + 1
    return None


def _declaration_end(text: str, start: int, name: str) -> int:
    declaration = re.compile(r"""<![A-Za-z]*(?:"[^"]*"|'[^']*'|[^"'<>\[]++)*+""").match(text, start)
    end = declaration.end() if declaration else start + 2
    if end >= len(text):
        return -1
    if text[end] != ">" or not text[start:end].lower().startswith("<!doctype"):
        line = text.count("\n", 0, start) + 1
        raise HostileXml(
            f"{name}:{line}: declares a document type of its own, which could hide an attack: it is not read"
        )
    return end


def _cleaned(pieces: Iterator[str]) -> Iterator[str]:
    held = ""
    for piece in pieces:
        text = held + piece
        half = _HALF_REFERENCE.search(text, max(0, len(text) - 12))
        text, held = (text[: half.start()], text[half.start() :]) if half else (text, "")
        yield _REFERENCE.sub(_legal_reference, _ILLEGAL.sub("", text))
    if held:
        yield held


def _legal_reference(found: re.Match[str]) -> str:
    """A character reference as it is; empty where XML 1.0 has no such character (§2.2)."""
    number = int(found[1], 16) if found[1] else int(found[2])
    return found[0] if number <= 0x10FFFF and not _ILLEGAL.match(chr(number)) else ""
