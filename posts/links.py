"""The URLs in a post, and the other attributes whose values must be looked at one by one."""

import re
from collections.abc import Callable
from urllib.parse import quote, urljoin, urlsplit

from posts.cleaning import counted, legal

LINK_SCHEMES = frozenset(
    {"http", "https", "mailto", "tel", "sms", "ftp", "geo", "xmpp", "irc", "ircs", "magnet", "webcal"}
)
MEDIA_SCHEMES = frozenset({"http", "https"})
MAX_URL = 4096
MAX_EMBEDDED_IMAGE = 32 * 1024
"""Characters of a ``data:`` URL; larger pictures belong on a server, not in every feed and mail."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_IMAGE = re.compile(r"data:image/(?:png|gif|jpeg|webp|avif);base64,[A-Za-z0-9+/=%]*", re.IGNORECASE)
# What no URL may hold (RFC 3986 §2, RFC 3987 §2.2); letters beyond ASCII may stay.
_UNSAFE = re.compile(r'[\x00-\x20"<>\\^`{|}\x7f-\xa0]')
# Already absolute and with nothing to escape: as nearly all are.
_PLAIN = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?(?:[/?#][!#-;=?-\[\]_a-z~]*)?")
_ROOTED = re.compile(r"/(?!/)[!#-;=?-\[\]_a-z~]*")
# A path from the post's own folder, likewise, that is no URL with a scheme.
_BESIDE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
_BREAKS = str.maketrans("", "", "\t\n\r")
_ENDS = "".join(map(chr, range(0x21)))

_CANDIDATE = re.compile(r"[\s,]*(\S*[^\s,])(?:\s+([^,]*))?,?")
_DESCRIPTOR = re.compile(r"\d{1,5}(?:\.\d{1,3})?[wxh]")

_STYLES = {
    "text-align": re.compile("left|right|center|justify|start|end"),
    "text-decoration": re.compile("none|underline|line-through|overline"),
    "font-style": re.compile("normal|italic|oblique"),
    "font-weight": re.compile("normal|bold|bolder|lighter|[1-9]00"),
    "vertical-align": re.compile("baseline|sub|super|top|middle|bottom|text-top|text-bottom"),
    "list-style-type": re.compile("none|[a-z]+(?:-[a-z]+)*"),
    "white-space": re.compile("normal|nowrap|pre|pre-wrap|pre-line"),
    "float": re.compile("left|right|none"),
    "clear": re.compile("left|right|both|none"),
    **{
        f"margin-{side}": re.compile(r"0|auto|\d{1,2}(?:px|em|%|pt)|\d\.\d{1,2}em")
        for side in ("left", "right", "top", "bottom")
    },
}


def http_url(url: str, *, base: str | None = None) -> str | None:
    """An absolute http(s) URL with a host, its illegal characters escaped; None when this is none."""
    found = absolute(url, base=base)
    if found is None or _scheme(found) not in MEDIA_SCHEMES:
        return None
    return found


def absolute(url: str, *, base: str | None) -> str | None:
    """A URL made absolute against ``base`` (RFC 3986 §5); None when that cannot be, or it is none at all.

    Without a base only a URL that is absolute already, or ``//host/…``, can be told.
    """
    trimmed = legal(url.strip(_ENDS).translate(_BREAKS)).strip(_ENDS)
    if not trimmed or len(trimmed) > MAX_URL:
        return None
    try:
        if not _SCHEME.match(trimmed):
            if base is None and not trimmed.startswith("//"):
                return None
            trimmed = urljoin(base or "https://", trimmed)
        escaped = _UNSAFE.sub(lambda char: quote(char[0]), trimmed)
        if _scheme(escaped) in MEDIA_SCHEMES and not urlsplit(escaped).hostname:
            return None
    except ValueError:
        return None
    return escaped if len(escaped) <= MAX_URL else None


def _scheme(url: str) -> str:
    found = _SCHEME.match(url)
    return found[1].lower() if found else ""


class Links:
    """Decides on each attribute of one post after another, and counts what it did since ``start``."""

    def __init__(self) -> None:
        self._judges: dict[str, Callable[[str, str], str | None]] = {
            "href": self._link,
            "cite": self._link,
            "src": self._media,
            "poster": self._media,
            "srcset": self._srcset,
            "style": lambda _, value: safe_style(value),
        }
        self.start(None)

    def start(self, base: str | None) -> None:
        """Begin a post whose relative URLs hang on ``base``."""
        self._base = base
        # Where a URL beginning with "/" goes on, and one beginning with a name; looked up when there is one.
        self._origin = self._folder = ""
        self._made_absolute = 0
        self._hanging = 0
        self._refused = 0
        self._too_large = 0

    def judge(self, tag: str, attribute: str, value: str) -> str | None:
        """The value to keep, or None to drop the attribute."""
        judge = self._judges.get(attribute)
        return value if judge is None else judge(tag, value)

    def notes(self) -> list[str]:
        """What was done since ``start``, in plain words."""
        said = (
            (self._made_absolute, "made {} absolute", "link"),
            (self._hanging, "removed {} that the post has no link to hang on", "relative link"),
            (self._refused, "removed {} of a scheme that is not allowed", "link"),
            (
                self._too_large,
                f"removed {{}} larger than {MAX_EMBEDDED_IMAGE // 1024} KB",
                "embedded picture",
            ),
        )
        return [text.format(counted(number, noun)) for number, text, noun in said if number]

    def _link(self, _tag: str, value: str) -> str | None:
        return self._resolve(value, LINK_SCHEMES)

    def _media(self, tag: str, value: str) -> str | None:
        if tag == "img" and value.lstrip(_ENDS)[:5].lower() == "data:":
            return self._embedded(value)
        return self._resolve(value, MEDIA_SCHEMES)

    def _embedded(self, value: str) -> str | None:
        image = "".join(value.split())
        if len(image) > MAX_EMBEDDED_IMAGE:
            self._too_large += 1
            return None
        if not _IMAGE.fullmatch(image):
            self._refused += 1
            return None
        return image

    def _resolve(self, value: str, schemes: frozenset[str]) -> str | None:
        # First what needs no pains, as most does not.
        if len(value) <= MAX_URL // 2:
            if _PLAIN.fullmatch(value):
                return value
            if (start := self._start_of(value)) and "/." not in value:
                self._made_absolute += 1
                return start + value
        found = absolute(value, base=self._base)
        is_relative = not _SCHEME.match(value.strip(_ENDS))
        if found is None:
            self._hanging += is_relative and self._base is None and bool(value.strip())
            return None
        if _scheme(found) not in schemes:
            self._refused += 1
            return None
        self._made_absolute += is_relative
        return found

    def _start_of(self, value: str) -> str:
        """What simply to put before a relative URL; empty where it is not as simple as that."""
        if self._base is None:
            return ""
        if not self._origin:
            self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(self._base))
            self._folder = urljoin(self._base, ".")
        if _ROOTED.fullmatch(value):
            return self._origin
        return self._folder if _BESIDE.fullmatch(value) else ""

    def _srcset(self, _tag: str, value: str) -> str | None:
        if len(value) > MAX_URL:
            return None
        kept = []
        for url, descriptor in _CANDIDATE.findall(value):
            found = self._resolve(url, MEDIA_SCHEMES)
            if found is None:
                continue
            # A comma at an end would be read as the end of the candidate.
            found = found.replace(",", "%2C") if found[0] == "," or found[-1] == "," else found
            size = descriptor.strip()
            kept.append(f"{found} {size}" if _DESCRIPTOR.fullmatch(size) else found)
        return ", ".join(kept) or None


def safe_style(value: str) -> str | None:
    """The declarations of a style that lay text out and can do no harm; None when none is left.

    No colours: a post's black text would vanish for a reader in the dark.
    """
    kept = []
    for declaration in value.lower().split(";"):
        name, _, setting = declaration.partition(":")
        name, setting = name.strip(), setting.strip()
        allowed = _STYLES.get(name)
        if allowed is not None and allowed.fullmatch(setting):
            kept.append(f"{name}: {setting}")
    return "; ".join(dict.fromkeys(kept)) or None
