"""An address as a URI: what RSS wants, and what every reader can follow."""

import re
from urllib.parse import quote

import idna

from feeds.formats.markup import legal

_HOST = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<host>[^/?#@:]+)(?=(?::[0-9]*)?(?:[/?#]|\Z))")
# All but the characters of RFC 3986 §2; the brackets of an IPv6 address are none of a path.
_FOREIGN = re.compile(r"[^!#$%&'()*+,\-./0-9:;=?@A-Z_a-z~]+")
_BRACKETED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?\[[0-9A-Fa-f:.]+\]")


def uri_of(url: str) -> str:
    """The address with all that no URI holds percent-encoded, its host by IDNA (RFC 3987 §3.1)."""
    if _FOREIGN.search(url) is None:
        return url
    url = legal(url)
    url = url if url.isascii() else _HOST.sub(_with_ascii_host, url, count=1)
    host = _BRACKETED.match(url)
    kept = host[0] if host else ""
    return kept + _FOREIGN.sub(lambda found: quote(found[0]), url.removeprefix(kept))


def _with_ascii_host(found: re.Match[str]) -> str:
    host = found["host"]
    if host.isascii():
        return found[0]
    try:
        return found["scheme"] + idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return found[0]
