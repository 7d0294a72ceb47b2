"""What goes with an entry beside its text: files, a picture, a language, as each kind of feed writes them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from posts.attached import media_type
from posts.importers.tree import local, namespace, raw_text
from posts.model import Enclosure

_MEDIA = re.compile(r"https?://(?:search\.yahoo\.com/mrss/?|www\.rssboard\.org/media-rss)")
_ITUNES = re.compile(r"https?://www\.itunes\.com/dtds/podcast-1\.0\.dtd", re.IGNORECASE)
_DC = re.compile(r"http://purl\.org/dc/(?:elements/1\.1|terms)/")
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# WordPress.com gives the author's portrait as the first picture of each post.
_PORTRAIT = re.compile(r"https?://[a-z0-9.]*\bgravatar\.com/avatar", re.IGNORECASE)
_FLASH = "application/x-shockwave-flash"
# Narrower ones are made for lists; Blogger's are the post's own first picture cut to 72 pixels.
_WIDE = 200
_SHOWS = re.compile(r"<img\b", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class Medium:
    """What Media RSS's ``content`` or ``thumbnail`` tells (https://www.rssboard.org/media-rss)."""

    url: str
    kind: str = ""
    medium: str = ""
    length: str = ""
    width: str = ""
    height: str = ""

    @property
    def is_picture(self) -> bool:
        """Whether it is one, by what it says of itself, else by its name."""
        said = self.medium.strip().lower() or media_type(self.kind, self.url).partition("/")[0]
        return said == "image"

    @property
    def is_small(self) -> bool:
        """Whether it says that it is."""
        return any(0 < whole(side) < _WIDE for side in (self.width, self.height))


def whole(text: str) -> int:
    """A whole number as an attribute holds it; 0 where there is none."""
    bare = text.strip()
    return int(bare) if _DIGITS.fullmatch(bare) else 0


def files_of(media: Iterable[Medium]) -> list[Enclosure]:
    """What of it are files to fetch: sound, film, documents."""
    return [
        Enclosure(one.url, one.kind, whole(one.length))
        for one in media
        if one.url.strip() and not one.is_picture and one.kind != _FLASH and (one.kind or one.medium)
    ]


def picture_of(
    contents: Iterable[Medium], thumbnails: Iterable[Medium], *, cover: str, html: str
) -> str | None:
    """The picture that stands for an entry: the widest content, else its cover, else the widest thumbnail.

    A small thumbnail only where its text shows no picture: that one is larger.
    """
    shown = [one for one in contents if one.is_picture]
    small_ones = bool(_SHOWS.search(html))
    small = [one for one in thumbnails if not (small_ones and one.is_small)]
    return _widest(shown) or cover.strip() or _widest(small)


def _widest(media: Iterable[Medium]) -> str | None:
    found = [one for one in media if one.url.strip() and not _PORTRAIT.match(one.url.strip())]
    return max(found, key=lambda one: whole(one.width)).url if found else None


def enclosures(children: Sequence[etree._Element]) -> list[Enclosure]:
    """An entry's files: RSS's ``enclosure``, Atom's links (RFC 4287 §4.2.7.2), then Media RSS's."""
    found = []
    for child in children:
        is_link = local(child) == "link" and child.get("rel") == "enclosure"
        if is_link or (local(child) == "enclosure" and child.get("url")):
            url = child.get("href" if is_link else "url", "")
            found.append(Enclosure(url, child.get("type", ""), whole(child.get("length", ""))))
    return found + files_of(_media(children, "content"))


def picture(children: Sequence[etree._Element], html: str) -> str | None:
    """The address of an entry's picture, by Media RSS or the iTunes podcast tags."""
    covers = (
        child.get("href", "")
        for child in children
        if local(child) == "image" and _ITUNES.fullmatch(namespace(child))
    )
    contents, thumbnails = (list(_media(children, name)) for name in ("content", "thumbnail"))
    return picture_of(contents, thumbnails, cover=next(covers, ""), html=html)


def _media(children: Iterable[etree._Element], name: str) -> Iterator[Medium]:
    """Media RSS's elements of a name, also those inside its own others (``media:group``)."""
    for child in children:
        if not _MEDIA.fullmatch(namespace(child)):
            continue
        for inner in child.iter("{*}" + name):
            said = (inner.get(key, "") for key in ("url", "type", "medium", "fileSize", "width", "height"))
            yield Medium(*said)


def language(element: etree._Element, children: Iterable[etree._Element]) -> str | None:
    """An entry's language: ``dc:language``, else the nearest ``xml:lang`` (XML 1.0 §2.12).

    None where neither it nor what stands around it says any; empty where it says that it has none.
    """
    if said := tongue(children):
        return said
    around = (element, *element.iterancestors())
    return next((lang for one in around if (lang := one.get(_XML_LANG)) is not None), None)


def tongue(children: Iterable[etree._Element]) -> str:
    """What an RSS channel's ``language`` or a ``dc:language`` says."""
    for child in children:
        own = namespace(child)
        if local(child) == "language" and (not own or _DC.fullmatch(own) or "rss" in own):
            return raw_text(child).strip()
    return ""
