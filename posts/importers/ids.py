"""Permanent ids: an absolute IRI that is the same on every import of the same post."""

import re
import uuid
from urllib.parse import urljoin, urlsplit

from posts.importers.errors import one_line

# Fixed for ever: every id that is derived from something else grows from this.
NAMESPACE = uuid.UUID("5b1f6c4e-3a0c-5d0e-9c55-0d6f3f1e8a27")

# RFC 3987: a scheme, a colon, and no white space, controls or characters that no IRI may hold.
_IRI = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x20\x7f-\x9f<>"{}|\\^`\ud800-\udfff\ufffe\uffff]+')
_LONGEST = 2000


def derived_id(*parts: str) -> str:
    """An id made of what names the post: the same parts give the same id."""
    return f"urn:uuid:{uuid.uuid5(NAMESPACE, chr(10).join(parts).encode('utf-8', 'replace').decode())}"


def permanent_id(raw: str | None, *, scope: str = "") -> tuple[str | None, str | None]:
    """The permanent id for an id as a source wrote it, and a note when it could not be kept as it is.

    An absolute IRI is kept to the letter. A bare UUID becomes its ``urn:uuid:``. Anything else is unique only
    within its source, so the id is derived from it and ``scope`` (the host of the source's site).
    """
    text = (raw or "").strip()
    if not text:
        return None, None
    if len(text) <= _LONGEST and _IRI.fullmatch(text):
        return text, None
    try:
        uri = f"urn:uuid:{uuid.UUID(text)}"
    except ValueError:
        uri = derived_id("id", scope, text)
    return uri, f"its id “{one_line(text, limit=80)}” is no absolute IRI; it is kept as {uri}"


def host_of(url: str | None) -> str:
    """The host of a URL in lower case, without ``www.``; empty when there is none."""
    try:
        host = urlsplit(url or "").hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.")


def web_url(text: str | None, *, base: str | None = None) -> str | None:
    """An absolute http or https URL, made so by ``base`` where it is relative; else None."""
    stripped = (text or "").strip()
    if not stripped or len(stripped) > _LONGEST:
        return None
    try:
        absolute = urljoin(base or "", stripped)
        parts = urlsplit(absolute)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return None
    return (
        absolute.replace(" ", "%20")
        if usable and not re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", absolute)
        else None
    )
