"""An address as a URI: what RSS wants, and what every reader can follow."""

import re
from urllib.parse import quote

import idna

from feeds.markup import legal

_HOST = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<host>[^/?#@:]+)(?=(?::[0-9]*)?(?:[/?#]|\Z))")
_NOT_ASCII = re.compile("[^\x00-\x7f]+")


def uri_of(url: str) -> str:
    """The address with all that is not ASCII percent-encoded, its host by IDNA (RFC 3987 §3.1)."""
    if url.isascii():
        return url
    url = _HOST.sub(_with_ascii_host, legal(url), count=1)
    return _NOT_ASCII.sub(lambda found: quote(found[0]), url)


def _with_ascii_host(found: re.Match[str]) -> str:
    host = found["host"]
    if host.isascii():
        return found[0]
    try:
        return found["scheme"] + idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return found[0]
