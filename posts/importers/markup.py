"""Small turns between text and HTML that several importers need; cleaning is done when a post is stored."""

import re
from html import escape, unescape

from lxml import etree, html

from posts.importers.tree import local

_BREAK = re.compile(r"\n[ \t\r]*(?:\n[ \t\r]*)+")
_TAGGED = re.compile(
    r"</?(?:a|abbr|b|br|cite|code|del|em|i|ins|mark|q|s|small|span|strong|sub|sup|tt|u|wbr)\b[^<>]*>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# What lxml writes first of all in an element taken from a larger document: all prefixes declared there.
_DECLARED = re.compile(r'\A(<[^\s<>/]+)(?:\s+xmlns(?::[^\s=]+)?="[^"]*")+')
_RELATIVE = re.compile(
    r"""\b(?:href|src|poster|cite|srcset)\s*=\s*["']?(?![a-z][a-z0-9+.-]*:|#)""", re.IGNORECASE
)


def paragraphs(text: str) -> str:
    """Plain text as HTML: everything escaped; blank lines part paragraphs, other line ends break lines."""
    blocks = (
        block.strip("\n\r\t ") for block in _BREAK.split(text.replace("\r\n", "\n").replace("\r", "\n"))
    )
    return "\n".join(f"<p>{_lines(block)}</p>" for block in blocks if block)


def _lines(block: str) -> str:
    return "<br>\n".join(escape(line.strip("\t "), quote=False) for line in block.split("\n"))


def plain(markup: str) -> str:
    """The text of a piece of HTML, white space collapsed: for titles."""
    if "<" in markup:
        try:
            markup = html.fragment_fromstring(markup, create_parent="div").text_content()
        except (etree.ParserError, ValueError, AssertionError):
            markup = re.sub(r"<[^<>]*>", "", markup)
    else:
        markup = unescape(markup)
    return " ".join(markup.split())


def title_text(text: str) -> str:
    """A title whose format nobody declared: read as HTML only where it holds inline tags or entities."""
    if _ENTITY.search(text) or _TAGGED.search(text):
        return plain(text)
    return " ".join(text.split())


def is_twice_escaped(text: str) -> bool:
    """Whether a plain text still holds an entity."""
    return bool(_ENTITY.search(text))


def inner_xhtml(element: etree._Element) -> str:
    """The children of an element as HTML, without their namespaces (RFC 4287 §3.1.1.3)."""
    children = list(element)
    # The div around xhtml content is not part of it.
    if len(children) == 1 and local(children[0]) == "div" and not (element.text or "").strip():
        element = children[0]
    for inner in element.iter():
        inner.tag = local(inner)
    parts = [escape(element.text or "", quote=False)]
    written = (etree.tostring(child, method="html", encoding="unicode") for child in element)
    parts += [_DECLARED.sub(r"\1", markup, count=1) for markup in written]
    return "".join(parts).strip()


def with_base(markup: str, base: str) -> str:
    """HTML whose relative links are made absolute by ``base``; untouched when it has none."""
    if not _RELATIVE.search(markup):
        return markup
    try:
        tree = html.fragment_fromstring(markup, create_parent="div")
        tree.make_links_absolute(base, resolve_base_href=False, handle_failures="ignore")
    except (etree.ParserError, ValueError, AssertionError):
        return markup
    return inner_html(tree)


def inner_html(element: etree._Element) -> str:
    """What stands inside an HTML element, as HTML."""
    parts = [escape(element.text or "", quote=False)]
    parts += [etree.tostring(child, method="html", encoding="unicode") for child in element]
    return "".join(parts).strip()
