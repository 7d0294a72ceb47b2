"""An edition rendered once into a message: its two parts, and every header that a digest must have."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.utils import parseaddr
from urllib.parse import quote, urlsplit

import idna
from jinja2 import Environment

from digests.model import Digest, Edition
from digests.rendering.composing import HTML_LIMIT, Content, Publisher, RenderingError, compose
from digests.rendering.content import one_line
from outbox.bulk import bulk_headers
from outbox.headers import HeaderError
from outbox.marks import mark
from outbox.message import MessageTemplate
from posts.model import Post

__all__ = [
    "HTML_LIMIT",
    "Content",
    "Printed",
    "Publisher",
    "RenderingError",
    "compose",
    "list_id",
    "print_edition",
    "render_edition",
]


@dataclass(frozen=True, slots=True)
class Printed:
    """An edition's message, and its subject for those who look the edition up."""

    subject: str
    message: MessageTemplate


def render_edition(
    environment: Environment, *, digest: Digest, edition: Edition, posts: Sequence[Post], publisher: Publisher
) -> MessageTemplate:
    """The message alone of ``print_edition``."""
    return print_edition(
        environment, digest=digest, edition=edition, posts=posts, publisher=publisher
    ).message


def print_edition(
    environment: Environment, *, digest: Digest, edition: Edition, posts: Sequence[Post], publisher: Publisher
) -> Printed:
    """An edition's message, rendered once, of ``posts`` in the order in which they are to be shown.

    Its marks: ``TO``, ``MESSAGE_ID`` (with angle brackets), ``UNSUBSCRIBE``, ``PREFERENCES`` and ``STOP``
    (tokens in URLs). The same input gives the same bytes. Raises ``RenderingError`` (no posts, a template
    that fails) and ``outbox.headers.HeaderError`` (an address that is none, CR or LF where a header goes).
    """
    publisher = replace(publisher, site_url=_ascii_url(publisher.site_url.rstrip("/")))
    content = compose(environment, digest=digest, edition=edition, posts=posts, publisher=publisher)
    identity = list_id(digest.slug, publisher.site_url)
    headers = bulk_headers(
        sender=_address("from", publisher.sender),
        reply_to=_address("reply_to", publisher.reply_to) if publisher.reply_to else None,
        date=edition.created_at,
        list_id=(one_line(digest.title, 120), identity),
        unsubscribe_url=f"{publisher.site_url}/unsubscribe/{mark('UNSUBSCRIBE')}",
        feedback_id=_feedback_id(digest, edition),
        language=edition.language or digest.language,
    )
    message = MessageTemplate.build(
        subject=content.subject, text=content.text, html=content.html, headers=headers
    )
    return Printed(content.subject, message)


def list_id(slug: str, site_url: str) -> str:
    """A digest's List-Id without its brackets: ``weekly.example.org`` (RFC 2919).

    A slug that is no ASCII goes to punycode, so that distinct digests keep distinct ids.
    """
    host = urlsplit(site_url).hostname or "localhost"
    labels = [label if _is_atom(label) else _punycode(label) for label in slug.split(".") if label]
    return ".".join([*labels, host.replace(":", "-")])


def _is_atom(label: str) -> bool:
    return label.isascii() and label.replace("-", "").replace("_", "").isalnum()


def _punycode(label: str) -> str:
    encoded = label.encode("punycode").decode("ascii")
    return "xn--" + "".join(c if c.isalnum() or c == "-" else f"-{ord(c):02x}-" for c in encoded)


def _feedback_id(digest: Digest, edition: Edition) -> str:
    # Campaign, customer, kind of mail, sender: Gmail counts complaints under each, and wants the last one.
    return f"{edition.id}:{digest.id}:digest:labelcast"


def _address(setting: str, text: str) -> tuple[str, str]:
    """A setting's ``Name <address>`` as its two parts."""
    name, address = parseaddr(text)
    if not address or any(character < " " or character == "\x7f" for character in text):
        raise HeaderError(f"mail.{setting}: {text!r} is no address: write it as `Name <name@example.org>`")
    return name, address


def _ascii_url(url: str) -> str:
    """A site's address in ASCII: its host in punycode, the rest percent-encoded (RFC 3987, 3.1)."""
    if url.isascii():
        return url
    parts = urlsplit(url)
    try:
        host = idna.encode(parts.hostname or "", uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise HeaderError(f"site_url: {url!r} has no valid host: {error}") from error
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{quote(parts.path, safe='/%')}"
