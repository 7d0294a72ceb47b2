"""Bounds on HTML that would cost too much: too long, too deep, or tangled so that a parser multiplies it.

A browser's parser opens formatting that was not closed again in every paragraph that follows (HTML Standard
§13.2.4.3), and walks all open elements at most tags. So 17 KB of HTML can become 7 MB, and 500 KB take
minutes. Posts that people write come nowhere near these bounds.
"""

import html as entities
import re

from posts.cleaning import counted

MAX_HTML = 2_000_000
"""Characters of a post's HTML."""
MAX_DEPTH = 250
"""Elements inside each other; libxml2, and so many a feed reader, gives up at 256."""
MAX_REFERENCES = 100_000
MAX_ELEMENTS = 20_000
MAX_REOPENED = 1_000_000

_FORMATTING = "b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u"
_FORMATTING_START = re.compile(rf"<(?:{_FORMATTING})(?=[\s/>])", re.IGNORECASE)
_FORMATTING_ATTRIBUTES = re.compile(rf"<({_FORMATTING})[\s/][^<>]*>", re.IGNORECASE)
_FORMATTING_TAG = re.compile(rf"</?(?:{_FORMATTING})(?:[\s/][^<>]*)?>", re.IGNORECASE)
# At most three like each other are opened again, and one link.
_FORMATTING_KINDS = 3 * len(_FORMATTING.split("|")) + 1

# Elements that don't nest by being left open.
_SHALLOW = (
    "p|li|dd|dt|tr|td|th|thead|tbody|tfoot|option|optgroup|br|img|hr|wbr|col|source|input|meta|link|a|h[1-6]"
)
_NESTING = re.compile(rf"<(?!(?:{_SHALLOW}|{_FORMATTING})[\s/>])[a-z]", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)")
_VOID = frozenset({"br", "col", "hr", "img", "source", "wbr"})

_HIDDEN = re.compile(r"<(script|style|template|svg|math)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_BREAKING = re.compile(
    r"</?(?:blockquote|br|div|dd|dl|dt|figure|h[1-6]|hr|li|ol|p|pre|section|table|tr|ul)\b[^<>]*>",
    re.IGNORECASE,
)
_ANY_TAG = re.compile(r"<[a-z/!?][^<>]*>?", re.IGNORECASE)
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def bounded(html: str, notes: list[str], *, room: int = MAX_HTML) -> str:
    """The HTML within the bounds: cut at a tag, untangled, or its text alone; what was done is noted."""
    if len(html) > room:
        notes.append(f"cut the text from {len(html)} to {room} characters")
        html = _cut(html, room)
    if html.count("&") > MAX_REFERENCES:
        html = _with_few_references(html, notes)
    tags = html.count("<")
    if tags > MAX_ELEMENTS and len(_NESTING.findall(html)) > MAX_ELEMENTS:
        notes.append("kept the text alone: it has too many elements")
        return paragraphs(html)
    return _untangled(html, tags, notes)


def _cut(html: str, room: int) -> str:
    """The first characters of the HTML, without a tag or a reference that the cut went through."""
    kept = html[: room - 1]
    if kept.rfind("<") > kept.rfind(">"):
        kept = kept[: kept.rfind("<")]
    if len(kept) - kept.rfind("&") < 34 and ";" not in kept[kept.rfind("&") :]:
        kept = kept[: kept.rfind("&")]
    return kept + "…"


def _with_few_references(html: str, notes: list[str]) -> str:
    """Decode the references that stand for no markup; should too many be left, cut before them."""
    html = _REFERENCE.sub(lambda found: _decoded(found[0]), html)
    number = html.count("&")
    if number > MAX_REFERENCES:
        notes.append(f"cut the text: it has {counted(number, 'character reference')}")
        place = -1
        for _ in range(MAX_REFERENCES):
            place = html.index("&", place + 1)
        html = _cut(html, place)
    return html


def _decoded(reference: str) -> str:
    character = entities.unescape(reference)
    return reference if any(one in "<>&\"'" for one in character) else character


def _untangled(html: str, tags: int, notes: list[str]) -> str:
    """Without what would let a parser reopen formatting in more than ``MAX_REOPENED`` places."""
    if tags * tags <= MAX_REOPENED // 5 or tags * len(_FORMATTING_START.findall(html)) <= MAX_REOPENED // 5:
        return html
    if tags * _FORMATTING_KINDS <= MAX_REOPENED:
        return _FORMATTING_ATTRIBUTES.sub(r"<\1>", html)
    notes.append("removed bold, italics and the like: there was too much of them")
    return _FORMATTING_TAG.sub("", html)


def is_too_deep(html: str) -> bool:
    """Whether elements of cleaned HTML (each closed, ``<`` escaped elsewhere) stand more than 250 deep."""
    if html.count("</") <= MAX_DEPTH:
        return False
    depth = 0
    for closing, name in _TAG.findall(html):
        if closing:
            depth -= 1
        elif name not in _VOID:
            depth += 1
            if depth > MAX_DEPTH:
                return True
    return False


def paragraphs(html: str) -> str:
    """The text of any HTML as plain paragraphs."""
    text = _ANY_TAG.sub("", _BREAKING.sub("\n", _HIDDEN.sub(" ", html)))
    lines = (" ".join(entities.unescape(line).split()) for line in text.split("\n"))
    return "\n".join(f"<p>{entities.escape(line, quote=False)}</p>" for line in lines if line)
