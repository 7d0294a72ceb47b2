"""Atom (1.0, 0.3), RSS (0.9x, 2.0) and RDF (1.0) that is well-formed, entry by entry, in bounded memory."""

import itertools
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lxml import etree

from posts.importers.feed_entry import FeedEntry, to_post
from posts.importers.feed_media import enclosures, language, picture, tongue
from posts.importers.markup import inner_xhtml, paragraphs, plain, title_text, with_base
from posts.importers.source import Source
from posts.importers.tree import local, namespace, raw_text
from posts.importers.xml import elements
from posts.links import http_url
from posts.model import PostState, SkippedPost, SourcePost

NAMES = ("entry", "item", "deleted-entry")

_ATOM = {"http://www.w3.org/2005/Atom", "http://purl.org/atom/ns#"}
_DC = {"http://purl.org/dc/elements/1.1/", "http://purl.org/dc/terms/"}
_CONTENT = {"http://purl.org/rss/1.0/modules/content/"}
_FEEDBURNER = {"http://rssnamespace.org/feedburner/ext/1.0"}
_APP = {"http://www.w3.org/2007/app", "http://purl.org/atom/app#"}
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_KIND = "http://schemas.google.com/g/2005#kind"
_HTML_TYPES = {"html", "text/html", "xhtml", "application/xhtml+xml"}


@dataclass(frozen=True, slots=True)
class _Site:
    """What the feed says of itself above its first entry."""

    link: str | None
    authors: tuple[str, ...]
    language: str


def read_xml(source: Source) -> Iterator[SourcePost | SkippedPost]:
    """The posts of a feed that was found well-formed."""
    site: _Site | None = None
    for element in elements(source, NAMES):
        where = f"line {element.sourceline}"
        if site is None:
            site = _site(element, source.url)
        if local(element) == "deleted-entry":
            yield _deleted(element, where)
            continue
        entry = _atom_entry(element, where) if _is_atom(element) else _rss_item(element, where)
        yield to_post(_placed(entry, element, source.url, site))


def _placed(read: FeedEntry, element: etree._Element, url: str | None, site: _Site) -> FeedEntry:
    """The entry with what the feed says for all, and what links are relative to (RFC 3986 §5)."""
    declared = element.base
    base = http_url(declared, base=url or site.link) if declared else None
    own_language = language(element, list(element))
    return replace(
        read,
        html=with_base(read.html, base) if base else read.html,
        authors=read.authors or site.authors,
        base=base or url or site.link,
        language=site.language if own_language is None else own_language,
    )


def _deleted(element: etree._Element, where: str) -> SourcePost | SkippedPost:
    """RFC 6721: the entry of this id is gone."""
    entry = FeedEntry(
        id=element.get("ref", ""),
        link="",
        title=None,
        html="",
        published="",
        updated=element.get("when", ""),
        labels=(),
        authors=(),
        where=where,
        state=PostState.DELETED,
    )
    return to_post(entry)


def _site(first: etree._Element, url: str | None) -> _Site:
    before = list(first.itersiblings(preceding=True))
    parent = first.getparent()
    # RDF has its items beside the channel, not in it.
    channels = [sibling for sibling in before if local(sibling) == "channel"]
    head = [*itertools.chain.from_iterable(channels), *before[::-1]]
    base = http_url(parent.base, base=url) if parent is not None and parent.base else url
    links = (
        child.get("href") or child.text or ""
        for child in head
        if local(child) == "link" and _alternate(child)
    )
    link = next(filter(None, (http_url(text, base=base) for text in links)), None)
    return _Site(link=link or url, authors=tuple(_authors(head)), language=tongue(head))


def _atom_entry(element: etree._Element, where: str) -> FeedEntry:
    children = list(element)
    source = [child for child in children if local(child) == "source" and _in(child, _ATOM)]
    drafts = (inner for child in children if _in(child, _APP) for inner in child.iter("{*}draft"))
    is_draft = any(_text(draft).lower() == "yes" for draft in drafts)
    html = _atom_content(children)
    return FeedEntry(
        id=_first(children, "id"),
        link=_link(children),
        title=_atom_title(children),
        html=html,
        published=_first(children, "published", "issued", "created"),
        updated=_first(children, "updated", "modified"),
        labels=_labels(children),
        authors=_authors(children) or _authors([inner for child in source for inner in child]),
        where=where,
        state=PostState.DRAFT if is_draft else PostState.LIVE,
        enclosures=enclosures(children),
        picture=picture(children, html),
    )


def _rss_item(element: etree._Element, where: str) -> FeedEntry:
    children = list(element)
    native = [child for child in children if namespace(child) == namespace(element)]
    guid = next((child for child in native if local(child) == "guid"), None)
    identity = _text(guid) if guid is not None else element.get(_RDF, "")
    permalink = identity if guid is not None and guid.get("isPermaLink", "true").lower() != "false" else ""
    html = next((text for child in children if _in(child, _CONTENT) and (text := _text(child))), "")
    html = html or _first(native, "content", "description")
    return FeedEntry(
        id=identity,
        link=_link(children) or permalink,
        title=title_text(_first(native, "title") or _first([c for c in children if _in(c, _DC)], "title"))
        or None,
        html=html,
        published=_first(native, "pubDate") or _first(children, "published", "issued", "created", "date"),
        updated=_first([child for child in children if _in(child, _ATOM | _DC)], "updated", "modified"),
        labels=_labels(children),
        authors=_authors(children),
        where=where,
        enclosures=enclosures(children),
        picture=picture(children, html),
    )


def _link(children: list[etree._Element]) -> str:
    """Where the post is: what FeedBurner put aside, else the alternate link, HTML before any other type."""
    if original := _first([child for child in children if _in(child, _FEEDBURNER)], "origLink"):
        return original
    links = [child for child in children if local(child) == "link" and _alternate(child)]
    links.sort(key=lambda link: link.get("type", "text/html") not in _HTML_TYPES)
    return next((text for link in links if (text := link.get("href", "").strip() or _text(link))), "")


def _alternate(link: etree._Element) -> bool:
    return link.get("rel", "alternate") == "alternate"


def _atom_title(children: list[etree._Element]) -> str | None:
    for child in children:
        if local(child) == "title" and _in(child, _ATOM):
            text = raw_text(child)
            escaped = child.get("type", "text") in {"html", "text/html"}
            return (plain(text) if escaped else " ".join(text.split())) or None
    return None


def _atom_content(children: list[etree._Element]) -> str:
    """The content, HTML first; the summary where there is none, or it stands elsewhere (RFC 4287 §4.1.3)."""
    for name in ("content", "summary"):
        found = [child for child in children if local(child) == name and _in(child, _ATOM)]
        found.sort(key=lambda content: content.get("type", "text") not in _HTML_TYPES)
        for content in found:
            if html := _construct(content):
                return html
    return ""


def _construct(content: etree._Element) -> str:
    kind, mode = content.get("type", "text"), content.get("mode", "")
    if len(content) and (kind in {"xhtml", "application/xhtml+xml"} or mode == "xml"):
        return inner_xhtml(content)
    text = raw_text(content).strip()
    if mode == "base64":
        try:
            text = b64decode(text).decode("utf-8", "replace")
        except (Base64Error, ValueError):
            return ""
    if kind in _HTML_TYPES or mode == "escaped":
        return text
    return paragraphs(text) if kind == "text" or kind.startswith("text/") else ""


def _labels(children: list[etree._Element]) -> list[str]:
    labels = []
    for child in children:
        if local(child) == "category" and child.get("scheme") != _KIND and _plain_category(child):
            labels.append(child.get("label") or child.get("term") or _text(child))
        elif local(child) == "subject" and _in(child, _DC):
            labels.append(_text(child))
    return labels


def _plain_category(child: etree._Element) -> bool:
    """Whether it is the feed's own category, not one of a shop or a media library."""
    return not re.search(r"itunes|mrss|googleplay", namespace(child))


def _authors(children: list[etree._Element]) -> list[str]:
    """The names of the authors; an Atom author's own, or what RSS and Dublin Core write in one line."""
    names = []
    for child in children:
        name = local(child)
        if name == "author" and len(child):
            names.append(_first(list(child), "name"))
        elif name in {"author", "managingEditor"} or (name == "creator" and _in(child, _DC)):
            names.append(_text(child))
    return [name for name in names if name]


def _first(children: list[etree._Element], *names: str) -> str:
    """The text of the first child that has one of these names, by the order of the names."""
    for name in names:
        for child in children:
            if local(child) == name and (text := _text(child)):
                return text
    return ""


def _in(element: etree._Element, namespaces: set[str]) -> bool:
    """Whether it is of these namespaces; one of none is taken for Atom's, as broken Atom often has none."""
    own = namespace(element)
    return own in namespaces or (not own and namespaces is _ATOM)


def _is_atom(element: etree._Element) -> bool:
    return local(element) == "entry"


def _text(element: etree._Element) -> str:
    """The text of an element, without the white space around it."""
    return raw_text(element).strip()
