"""What comes with a post's text made fit to store: its enclosures, its picture, its language. All pure.

As in ``posts.cleaning``, the list ``notes`` is told what had to be done.
"""

import re
from collections.abc import Iterable
from html import unescape
from posixpath import splitext
from urllib.parse import unquote, urlsplit

from posts.cleaning import counted, legal, shortened
from posts.links import http_url
from posts.model import Enclosure

MAX_ENCLOSURES = 20
MAX_LENGTH = 2**53 - 1
"""Bytes of an enclosure: the largest whole number that every reader of JSON holds exactly."""
MAX_LANGUAGE = 35
ANY_TYPE = "application/octet-stream"

# RFC 6838 §4.2.
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
# Of what blogs link to. Not the standard library's: its answer depends on the machine's own table.
_TYPES = {
    ".aac": "audio/aac",
    ".avif": "image/avif",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".torrent": "application/x-bittorrent",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".zip": "application/zip",
}

# In cleaned HTML every value stands between double quotes, and none holds one.
_IMG = re.compile(r'<img((?: [a-z]+="[^"]*")*)')
_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"]*)"')
_TINY = re.compile(r"\s*0*[01](?:\.\d*)?\s*(?:px)?\s*")

# RFC 5646 §2.1, with languages of two or three letters: longer ones are registered nowhere, so that
# "english" is none.
_TAG = re.compile(
    r"[a-z]{2,3}(?:-[a-z]{3}){0,3}(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+"
)


def clean_enclosures(
    enclosures: Iterable[Enclosure], *, base: str | None, notes: list[str]
) -> tuple[Enclosure, ...]:
    """Files with an http(s) URL, each once, the first ``MAX_ENCLOSURES``; relative URLs hang on ``base``."""
    kept: dict[str, Enclosure] = {}
    lost = 0
    for one in enclosures:
        url = http_url(one.url, base=base)
        if url is None:
            lost += 1
            continue
        length = one.length if 0 <= one.length <= MAX_LENGTH else 0
        kept.setdefault(url, Enclosure(url, media_type(one.media_type, url), length))
    if lost:
        notes.append(f"removed {counted(lost, 'enclosure')} without an http(s) URL")
    if len(kept) > MAX_ENCLOSURES:
        notes.append(f"kept {MAX_ENCLOSURES} of {counted(len(kept), 'enclosure')}")
    return tuple(kept.values())[:MAX_ENCLOSURES]


def media_type(said: str, url: str) -> str:
    """A media type as it was said, without parameters; where that is none, the one the file's name tells."""
    bare = said.partition(";")[0].strip().lower()
    if _MEDIA_TYPE.fullmatch(bare):
        return bare
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    return _TYPES.get(splitext(name)[1].lower(), ANY_TYPE)


def clean_picture(said: str | None, html: str, *, base: str | None, notes: list[str]) -> str | None:
    """The URL of the picture that the source tells, else of the first one in the cleaned HTML."""
    if said is not None and said.strip():
        url = http_url(said, base=base)
        if url is not None:
            return url
        notes.append(f"its picture has no http(s) URL: {shortened(legal(said.strip()), 60)}")
    return first_picture(html)


def first_picture(html: str) -> str | None:
    """The first picture of cleaned HTML that is on the web and no tracking pixel."""
    for found in _IMG.finditer(html):
        attributes = {name: unescape(value) for name, value in _ATTRIBUTE.findall(found[1])}
        if any(_TINY.fullmatch(attributes.get(side, "")) for side in ("width", "height")):
            continue
        if url := http_url(attributes.get("src", "")):
            return url
    return None


def clean_language(said: str | None, notes: list[str]) -> str | None:
    """A language tag that may be one (BCP 47), in the usual case (RFC 5646 §2.1.1): ``pt-BR``."""
    written = legal(said or "").strip()
    tag = written.replace("_", "-").lower()
    if not tag:
        return None
    if len(tag) > MAX_LANGUAGE or not _TAG.fullmatch(tag):
        notes.append(f"its language is no BCP 47 tag: {shortened(written, MAX_LANGUAGE)}")
        return None
    return _cased(tag)


def _cased(tag: str) -> str:
    first, *others = tag.split("-")
    parts = [first]
    is_plain = len(first) > 1
    for part in others:
        # What follows a single letter is an extension's own.
        is_plain = is_plain and len(part) > 1
        if is_plain and len(part) == 4 and part.isalpha():
            parts.append(part.capitalize())
        else:
            parts.append(part.upper() if is_plain and len(part) == 2 else part)
    return "-".join(parts)
