"""A post's HTML as text for people: wrapped, with lists, quotes and code, links as numbered notes."""

import re
from dataclasses import dataclass

from lxml import html

from templates.markup import LINED, SILENT, SPACED, parse, walk
from templates.wrapping import columns, wrap

_WHITE = re.compile(r"[ \t\n\r\f]+")
_PLAYERS = frozenset({"iframe", "video", "audio", "embed"})


@dataclass(slots=True)
class _Frame:
    """What stands before the lines of a block: once, then on each further line."""

    tag: str
    first: str = ""
    rest: str = ""
    number: int = 0


class _Writer:
    """Collects inline text, and writes it as wrapped lines whenever a block begins or ends."""

    def __init__(self, width: int, *, links: bool) -> None:
        self.width = width
        self.links = links
        self.lines: list[str] = []
        self.notes: dict[str, int] = {}
        self.frames: list[_Frame] = []
        self.inline: list[str] = []
        self.verbatim = 0
        # A blank line is owed; it stands within this many of the frames.
        self.blank: int | None = None

    def text(self, text: str | None) -> None:
        """Take inline text in, white space collapsed unless within ``pre``."""
        if text:
            self.inline.append(text if self.verbatim else _WHITE.sub(" ", text))

    def break_line(self) -> None:
        """End the line (``br``), with no blank one."""
        self.inline.append("\n")

    def space(self) -> None:
        """Ask for a blank line before whatever comes next."""
        self.flush()
        if self.lines:
            depth = len(self.frames)
            self.blank = depth if self.blank is None else min(self.blank, depth)

    def flush(self) -> None:
        """Write what has been collected."""
        text, self.inline = "".join(self.inline), []
        if self.verbatim:
            rows = text.strip("\n").expandtabs(4).split("\n") if text.strip() else []
        else:
            rows = [row.strip() for row in text.split("\n")]
            while rows and not rows[-1]:
                rows.pop()
            while rows and not rows[0]:
                rows.pop(0)
        for row in rows:
            self._write(row)

    def _write(self, row: str) -> None:
        rest = "".join(frame.rest for frame in self.frames)
        if self.blank is not None:
            self.lines.append("".join(frame.rest for frame in self.frames[: self.blank]).rstrip())
            self.blank = None
        first = "".join(frame.first for frame in self.frames)
        for frame in self.frames:
            frame.first = frame.rest
        if self.verbatim or not row:
            self.lines.append((first + row).rstrip())
        else:
            self.lines.extend(wrap(row, self.width, first=first, rest=rest))

    def note(self, url: str) -> int:
        """The number of the note that holds ``url``, from 1; the same URL has one note."""
        return self.notes.setdefault(url, len(self.notes) + 1)


def to_text(source: str, width: int = 72, *, links: bool = True) -> str:
    """A post's HTML as lines of at most ``width`` columns, with no white space at either end.

    A link is a number in square brackets; the numbers' URLs follow the text. A link that shows its own URL
    stays as it is. A URL too long for a line is never broken.
    """
    writer = _Writer(width, links=links)
    for event, element, inside in walk(parse(source), SILENT):
        if event == "start":
            _start(writer, element)
            if inside:
                writer.text(element.text)
        else:
            _end(writer, element)
            writer.text(element.tail)
    writer.flush()
    if writer.notes:
        writer.lines.append("")
        writer.lines.extend(f"[{number}] {url}" for url, number in writer.notes.items())
    return "\n".join(line.replace("\xa0", " ").rstrip() for line in writer.lines).strip("\n")


def _start(writer: _Writer, element: html.HtmlElement) -> None:
    tag = element.tag
    if tag == "br":
        writer.break_line()
    elif tag == "img":
        _picture(writer, element)
    elif tag in _PLAYERS and (address := element.get("src")):
        writer.text(f"[{element.get('title') or 'player'}: {address}]")
    elif tag in ("td", "th") and element.getprevious() is not None:
        writer.text(" | ")
    elif tag in SPACED and not _is_nested_list(element):
        writer.space()
    elif tag in SPACED or tag in LINED:
        writer.flush()
    if tag == "hr":
        writer.text("* * *")
        writer.space()
    if frame := _frame(writer, element):
        writer.frames.append(frame)
    if tag == "pre":
        writer.verbatim += 1


def _frame(writer: _Writer, element: html.HtmlElement) -> _Frame | None:
    match element.tag:
        case "blockquote":
            return _Frame("blockquote", "> ", "> ")
        case "pre":
            return _Frame("pre", "    ", "    ")
        case "dd":
            return _Frame("dd", "  ", "  ")
        case "ul" | "ol":
            return _Frame(element.tag, number=_number(element.get("start")))
        case "li":
            bullet = _bullet(writer.frames[-1] if writer.frames else None)
            return _Frame("li", bullet, " " * columns(bullet))
    return None


def _bullet(parent: _Frame | None) -> str:
    if parent is None or parent.tag != "ol":
        return "* "
    parent.number += 1
    return f"{parent.number - 1}. "


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 1


def _is_nested_list(element: html.HtmlElement) -> bool:
    parent = element.getparent()
    return element.tag in ("ul", "ol") and parent is not None and parent.tag in ("li", "ul", "ol")


def _picture(writer: _Writer, element: html.HtmlElement) -> None:
    if alt := " ".join((element.get("alt") or "").split()):
        writer.text(f"[{alt}]")


def _end(writer: _Writer, element: html.HtmlElement) -> None:
    tag = element.tag
    if not isinstance(tag, str):
        return
    if tag == "a" and writer.links:
        _link(writer, element)
    if tag in SPACED and not _is_nested_list(element):
        writer.space()
    elif tag in SPACED or tag in LINED:
        writer.flush()
    if tag == "pre":
        writer.verbatim -= 1
    if tag in ("blockquote", "pre", "dd", "ul", "ol", "li") and writer.frames:
        writer.frames.pop()


def _link(writer: _Writer, element: html.HtmlElement) -> None:
    url = (element.get("href") or "").strip()
    shown = " ".join(text for text in (*element.itertext(), *element.xpath(".//img/@alt")) if text.strip())
    if not shown or not url or url.startswith("#"):
        return
    if shown.rstrip("/") in (url.rstrip("/"), url.rstrip("/").partition("://")[2]):
        return
    if url.startswith("mailto:"):
        address = url[7:].partition("?")[0]
        if address not in shown:
            writer.text(f" ({address})")
        return
    writer.text(f" [{writer.note(url)}]")
