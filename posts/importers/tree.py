"""What the importers ask an lxml tree, typed: names, texts, children, and what an XPath finds."""

from lxml import etree


def local(element: etree._Element) -> str:
    """An element's name without its namespace, or without a prefix that nobody declared."""
    return str(element.tag).rpartition("}")[2].rpartition(":")[2]


def namespace(element: etree._Element) -> str:
    """An element's namespace; empty when it has none."""
    tag = str(element.tag)
    return tag[1:].partition("}")[0] if tag.startswith("{") else ""


def raw_text(element: etree._Element) -> str:
    """All text inside an element."""
    return "".join(map(str, element.itertext()))


def flat_text(element: etree._Element) -> str:
    """All text inside an element, white space collapsed."""
    return " ".join(raw_text(element).split())


def find(path: etree.XPath, element: etree._Element) -> list[etree._Element]:
    """The elements that a path finds."""
    found = path(element)
    return [item for item in found if etree.iselement(item)] if isinstance(found, list) else []


def find_texts(path: etree.XPath, element: etree._Element) -> list[str]:
    """The attributes' values that a path finds."""
    found = path(element)
    return [str(item) for item in found if isinstance(item, str)] if isinstance(found, list) else []
