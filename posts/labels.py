"""Labels' names and addresses: what makes two names one label, and the slug a label gets. All pure."""

import re
import unicodedata
from collections.abc import Callable
from itertools import count

MAX_SLUG_BYTES = 120
MAX_NAME_LENGTH = 1000

# Invisible characters that make two names look alike: soft hyphen, zero width space, direction marks and
# overrides, word joiner, byte order mark, interlinear marks. The joiners that Persian and emoji need stay.
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
# All that XML 1.0 (production 2, Char) cannot hold, the C1 controls, and noncharacters; white space is kept.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef]")
_JOINERS = "\u200c\u200d"

_SPOKEN = {"+": "-plus-", "&": "-and-", "\u200c": "-", "'": "", "\u2019": "", "\u200d": ""}
# A sharp after a letter is spoken (C#, F#); elsewhere it is a hashtag's sign.
_SHARP = re.compile(r"(?<=\w)#")
_RUNS = re.compile(r"[-._]{2,}")

# Reserved for all posts together.
_RESERVED = {"all"}
# Windows takes these for devices, with any extension and in any case.
_DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{device}{number}" for device in ("com", "lpt") for number in "0123456789¹²³"
}


def clean_name(name: str) -> str:
    """A label's name as it is stored and shown; empty when nothing readable is left of it.

    Unicode NFC; white space collapsed to single blanks; without control characters, without what XML cannot
    hold and without invisible characters that would make two names look alike. At most 1,000 characters.
    """
    if name.isascii() and name.isprintable():
        # The same as below, in a tenth of the time: thousands of names stand in the rules of many feeds.
        return " ".join(name.split())[:MAX_NAME_LENGTH].rstrip()
    # Form feeds and the like separate words although XML has no place for them.
    words = re.sub(r"\s+", " ", name)
    seen = _INVISIBLE.sub("", _ILLEGAL.sub("", words))
    seen = "".join(char for char in seen if ord(char) & 0xFFFE != 0xFFFE)
    cleaned = " ".join(unicodedata.normalize("NFC", seen).split())[:MAX_NAME_LENGTH].rstrip()
    return cleaned if cleaned.strip(_JOINERS + " ") else ""


def label_key(name: str) -> str:
    """What makes two names one label: the clean name without its case (canonical caseless matching)."""
    cleaned = clean_name(name)
    if cleaned.isascii():
        return cleaned.casefold()
    folded = unicodedata.normalize("NFD", cleaned).casefold()
    return clean_name(unicodedata.normalize("NFD", folded).casefold())


def slugify(name: str, *, taken: Callable[[str], bool]) -> str:
    """A label's address: lower case, Unicode letters and digits kept, all else a hyphen.

    Safe as a segment of a URL and as a file's name on any system, at most 120 bytes of UTF-8, never ``all``.
    ``taken`` tells whether a slug is in use already, or one that differs from it in case only: then a number
    is appended, so that distinct labels have distinct slugs.
    """
    base = _safe(_readable(clean_name(name)) or _described(name) or "label")
    slug = base
    for number in count(2):
        if not taken(slug):
            return slug
        suffix = f"-{number}"
        slug = _cut(base, MAX_SLUG_BYTES - len(suffix)) + suffix
    raise AssertionError("counting never ends")


def _readable(name: str) -> str:
    """The name's letters, digits, marks, inner dots and underscores, in lower case; the rest as hyphens."""
    spoken = _SHARP.sub("-sharp-", name)
    for sign, words in _SPOKEN.items():
        spoken = spoken.replace(sign, words)
    lowered = unicodedata.normalize("NFC", spoken.lower())
    kept = "".join(
        char if unicodedata.category(char)[0] in "LMN" or char in "._" else "-" for char in lowered
    )
    return _trim(_RUNS.sub(lambda run: "-" if "-" in run[0] else run[0][0], kept))


def _trim(slug: str) -> str:
    """Without hyphens, dots and underscores at the ends, and without a mark that has no letter before it."""
    slug = slug.strip("-._")
    while slug and unicodedata.category(slug[0])[0] == "M":
        slug = slug[1:].strip("-._")
    return slug


def _described(name: str) -> str:
    """For a name of nothing but signs (🎉): what Unicode calls the first of them (party-popper)."""
    names = (unicodedata.name(char, "") for char in clean_name(name))
    return next((_readable(found) for found in names if found), "")


def _safe(slug: str) -> str:
    """Not a reserved word, not a device of Windows, and not too long."""
    if slug in _RESERVED or slug.partition(".")[0] in _DEVICES:
        slug = f"label-{slug}"
    return _cut(slug, MAX_SLUG_BYTES)


def _cut(slug: str, size: int) -> str:
    return slug.encode()[:size].decode(errors="ignore").rstrip("-._")
