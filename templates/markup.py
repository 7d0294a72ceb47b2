"""A post's HTML taken apart: its tree, the words of its paragraphs, and its fitting into another page."""

import re
from collections.abc import Iterator

from lxml import etree, html

# What holds no words of the post.
SILENT = frozenset(
    {"script", "style", "head", "title", "template", "noscript", "svg", "math", "form", "object"}
)
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
# A blank line stands before and after these.
SPACED = HEADINGS | {
    *("p", "ul", "ol", "dl", "blockquote", "pre"),
    *("table", "figure", "hr", "address", "details"),
}
# These only begin a new line.
LINED = frozenset(
    {"article", "aside", "caption", "center", "dd", "div", "dt", "fieldset", "figcaption", "footer", "header"}
    | {"li", "main", "nav", "section", "summary", "tr"}
)
# Passed over by an excerpt.
_NO_PROSE = HEADINGS | {"pre", "table", "figure", "dl"}


def parse(source: str) -> html.HtmlElement:
    """A post's HTML as the children of one ``div``; whatever it is, it parses."""
    try:
        return html.fragment_fromstring(source, create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        element = html.Element("div")
        element.text = re.sub(r"<[^>]*>|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", " ", source)
        return element


def prose(source: str, *, enough: int = 1_000_000) -> str:
    """The words of a post's paragraphs on one line, until there are ``enough`` characters of them.

    Falls back to all of its text when it has no paragraphs (a picture, a table).
    """
    tree = parse(source)
    text = _words(tree, SILENT | _NO_PROSE, enough)
    return text or _words(tree, SILENT, enough)


def _words(tree: html.HtmlElement, skipped: frozenset[str], enough: int) -> str:
    found: list[str] = []
    size = 0
    for event, element, inside in walk(tree, skipped):
        if element.tag in SPACED or element.tag in LINED or element.tag == "br":
            found.append(" ")
        text = element.text if event == "start" and inside else element.tail if event == "end" else None
        if text:
            found.append(text)
            size += len(text)
        if size > enough:
            break
    return " ".join("".join(found).split())


def walk(tree: html.HtmlElement, skipped: frozenset[str]) -> Iterator[tuple[str, html.HtmlElement, bool]]:
    """Each element's start and end; of a skipped one and of a comment only the two, with nothing inside.

    By hand and not by recursion: a hostile post nests deeper than Python's stack.
    """
    silent = 0
    for event, element in etree.iterwalk(tree, events=("start", "end", "comment", "pi")):
        if event in ("comment", "pi"):
            if not silent:
                yield "end", element, False
            continue
        enters = event == "start"
        skips = element.tag in skipped
        if skips and not enters:
            silent -= 1
        if not silent:
            yield event, element, not skips
        if skips and enters:
            silent += 1


def inner_html(tree: html.HtmlElement) -> str:
    """What stands in the ``div`` that ``parse`` made, as HTML."""
    whole: str = html.tostring(tree, encoding="unicode", method="html")
    return whole.removeprefix("<div>").removesuffix("</div>").strip()


def lower_headings(tree: html.HtmlElement, top: int) -> None:
    """Move the headings down so that the highest stands at level ``top``: a page above has its own."""
    headings = list(tree.iter(*HEADINGS))
    highest = min((int(heading.tag[1]) for heading in headings), default=top)
    for heading in headings:
        heading.tag = f"h{min(int(heading.tag[1]) + max(top - highest, 0), 6)}"


def box_tables(tree: html.HtmlElement) -> None:
    """Put each table into a ``div class="scroll"``, so that a wide one scrolls and not the whole page."""
    for table in list(tree.iter("table")):
        box = html.Element("div", {"class": "scroll"})
        box.tail, table.tail = table.tail, None
        table.addprevious(box)
        box.append(table)
