"""Blogger's own exports: the old backup XML, and ``feed.atom`` from Google Takeout.

Pages, comments, the template and the settings stand among the posts; they are no posts and are passed over.
"""

import re
from collections.abc import Iterator
from html import unescape

from lxml import etree

from posts.importers.dates import NoDate, parse_any
from posts.importers.encodings import decode
from posts.importers.errors import ImporterError, one_line
from posts.importers.feed_media import enclosures, language, picture
from posts.importers.markup import inner_xhtml, is_twice_escaped, paragraphs
from posts.importers.source import Source
from posts.importers.tree import local, raw_text
from posts.importers.xml import elements
from posts.links import http_url
from posts.model import PostState, SkippedPost, SourcePost

ATOM = "http://www.w3.org/2005/Atom"
KIND = "http://schemas.google.com/g/2005#kind"
_KINDS = "http://schemas.google.com/blogger/2008/kind#"
_LABEL_SCHEMES = re.compile(r"http://www\.blogger\.com/atom/ns#|tag:blogger\.com,1999:blog-\d+")
_SIGNS = (_KINDS, "schemas.google.com/blogger/2018")
_POST_ID = re.compile(r"tag:blogger\.com,1999:blog-\d+\.post-\d+")
# Entries cut out of an export, without the feed around them.
_FRAGMENT = re.compile(r"\s*(?:<\?[^>]*>\s*)*<entry\b.{0,2000}?tag:blogger\.com,1999:blog-\d", re.DOTALL)
_STATES = {
    "LIVE": PostState.LIVE,
    "DRAFT": PostState.DRAFT,
    "SCHEDULED": PostState.LIVE,
    "SOFT_TRASHED": PostState.DELETED,
    "TRASHED": PostState.DELETED,
}


class BloggerImporter:
    """Reads a Blogger export, entry by entry, in bounded memory.

    ``blog_url`` is the blog's address; Takeout leaves it out, and tells only the path of each post.
    """

    name = "blogger"

    def __init__(self, *, blog_url: str | None = None) -> None:
        self._blog_url = blog_url

    def sniff(self, head: bytes, name: str) -> bool:  # noqa: ARG002 - the protocol's
        """Whether its first entries name Blogger's kinds, or its root Blogger's namespace."""
        text = decode(head)
        return ("<entry" in text and any(sign in text for sign in _SIGNS)) or bool(_FRAGMENT.match(text))

    def read(self, source: Source) -> Iterator[SourcePost | SkippedPost]:
        """The posts of the export: live ones, drafts, and those in the trash as deleted."""
        if not self.sniff(source.head(), source.name):
            raise ImporterError(f"{source.name}: is no Blogger export")
        blog_url = self._blog_url
        entries = elements(source, ["entry"], default_namespace=ATOM, errors="replace")
        for number, element in enumerate(entries, start=1):
            if number == 1:
                blog_url = blog_url or _blog_url(element)
            entry = _Entry(element)
            if entry.is_post:
                yield entry.post(blog_url, where=f"line {element.sourceline}")


class _Entry:
    """One entry: only its own children count, for its author has a ``blogger:type`` as well."""

    def __init__(self, element: etree._Element) -> None:
        self._element = element
        self._children = [(local(child), child) for child in element]
        self._is_takeout = any(name == "type" for name, _ in self._children)

    @property
    def is_post(self) -> bool:
        """Whether it is a post, by ``blogger:type`` or by the category that tells the kind."""
        if self._is_takeout:
            return self._text("type").upper() == "POST"
        kinds = [child.get("term", "") for child in self._all("category") if child.get("scheme") == KIND]
        if not kinds:
            is_reply = any(name == "in-reply-to" for name, _ in self._children)
            return not is_reply and bool(_POST_ID.fullmatch(self._text("id")))
        return f"{_KINDS}post" in kinds

    def post(self, blog_url: str | None, *, where: str) -> SourcePost | SkippedPost:
        """The entry as a post, or why it is none."""
        written = self._text("id")
        url = self._url(blog_url)
        if not written and url is None:
            return SkippedPost(
                id=one_line(self._text("title")), reason="it has no id and no link", where=where
            )
        try:
            published, updated = (
                parse_any(text) if text else None for text in map(self._text, ("published", "updated"))
            )
        except NoDate as error:
            return SkippedPost(id=one_line(written or url or ""), reason=str(error), where=where)
        title, title_note = self._title()
        state, state_note = self._state()
        html, children = self._html(), list(self._element)
        return SourcePost(
            uri=written or None,
            url=url,
            title=title or None,
            html=html,
            published=published,
            updated=updated,
            labels=self._labels(),
            authors=self._authors(),
            state=state,
            where=where,
            notes=tuple(note for note in (title_note, state_note) if note),
            enclosures=tuple(enclosures(children)),
            picture=picture(children, html),
            language=language(self._element, children) or None,
        )

    def _all(self, name: str) -> Iterator[etree._Element]:
        return (child for local, child in self._children if local == name)

    def _text(self, name: str) -> str:
        return next((raw_text(child).strip() for child in self._all(name)), "")

    def _url(self, blog_url: str | None) -> str | None:
        for link in self._all("link"):
            if link.get("rel", "alternate") == "alternate" and (found := http_url(link.get("href", ""))):
                return found
        filename = self._text("filename")
        return http_url(filename, base=blog_url) if filename else None

    def _title(self) -> tuple[str, str | None]:
        title = " ".join(self._text("title").split())
        if self._is_takeout and is_twice_escaped(title):
            return " ".join(unescape(title).split()), "its title was escaped twice"
        return title, None

    def _state(self) -> tuple[PostState, str | None]:
        if self._is_takeout:
            status = self._text("status").upper()
            if status in _STATES:
                return _STATES[status], None
            return PostState.DRAFT, f"its status “{one_line(status)}” is not known; it is kept as a draft"
        # app:control may hold app:draft in any namespace, or in one that nobody declared.
        drafts = (inner for control in self._all("control") for inner in control if local(inner) == "draft")
        is_draft = any((draft.text or "").strip().lower() == "yes" for draft in drafts)
        return (PostState.DRAFT if is_draft else PostState.LIVE), None

    def _html(self) -> str:
        for content in self._all("content"):
            kind = content.get("type", "text")
            if kind == "xhtml":
                return inner_xhtml(content)
            text = raw_text(content)
            return text if kind in {"html", "text/html"} or self._is_takeout else paragraphs(text)
        return ""

    def _labels(self) -> tuple[str, ...]:
        terms = (
            child.get("term", "").strip()
            for child in self._all("category")
            if _LABEL_SCHEMES.fullmatch(child.get("scheme", ""))
        )
        return tuple(dict.fromkeys(term for term in terms if term))

    def _authors(self) -> tuple[str, ...]:
        names = (
            (child.text or "").strip()
            for author in self._all("author")
            for child in author
            if local(child) == "name"
        )
        return tuple(dict.fromkeys(name for name in names if name))


def _blog_url(entry: etree._Element) -> str | None:
    """The blog's address, from the links of the feed that stand before its first entry."""
    for sibling in entry.itersiblings(preceding=True):
        is_link = local(sibling) == "link" and sibling.get("rel", "alternate") == "alternate"
        if is_link and (found := http_url(sibling.get("href", ""))):
            return found
    return None
