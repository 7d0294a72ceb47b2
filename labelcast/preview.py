"""A digest as it would be sent, for looking at: nothing is stored or sent, and its links do nothing."""

from collections.abc import Mapping
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal

from sqlalchemy import Connection

from digests.cadence import Rhythm
from digests.model import Digest
from digests.printing import draft_edition, sample_edition
from digests.rendering import render_edition
from digests.store import get_digest, reader_rhythm
from labelcast.wiring import Wiring
from outbox.addresses import recipient_value
from subscribers.model import Subscription
from subscribers.store import find

Form = Literal["html", "text", "eml"]

_SOMEBODY = "reader@example.org"


class NotSubscribed(LookupError):
    """There is no such reader of this digest."""


def preview_digest(
    wiring: Wiring, slug: str, *, at: datetime, email: str | None, form: str
) -> tuple[bytes | None, bool]:
    """A digest's mail (or its HTML or text) as it would be at ``at``, and whether it holds news.

    Where there is no news the newest posts under the rule stand in; None where there are no posts. With
    ``email`` it is this reader's: their labels and rhythm. Raises ``DigestError``, ``NotSubscribed``,
    ``RenderingError``.
    """
    with wiring.database.read() as connection:
        digest = get_digest(connection, slug)
        rhythm, labels = _reader(connection, digest, email)
        edition, posts = draft_edition(connection, digest, at=at, rhythm=rhythm, labels=labels)
        is_news = bool(posts)
        if not posts:
            edition, posts = sample_edition(connection, digest, at=at)
    if not posts:
        return None, False
    template = render_edition(
        wiring.environment, digest=digest, edition=edition, posts=posts, publisher=wiring.publisher
    )
    message = template.splice(_tokens(template.names, email or _SOMEBODY))
    return message if form == "eml" else _part(message, "html" if form == "html" else "plain"), is_news


def _reader(connection: Connection, digest: Digest, email: str | None) -> tuple[Rhythm, tuple[str, ...]]:
    if email is None:
        return reader_rhythm(digest), ()
    its = _subscription(connection, digest, email)
    rhythm = reader_rhythm(
        digest,
        cadence=its.cadence,
        minute=its.minute,
        weekday=its.weekday,
        monthday=its.monthday,
        timezone=its.timezone,
    )
    return rhythm, its.labels


def _subscription(connection: Connection, digest: Digest, email: str) -> Subscription:
    found = find(connection, email)
    for its in found.subscriptions if found else ():
        if its.digest == digest.slug:
            return its
    raise NotSubscribed(
        f"{email}: is not subscribed to {digest.slug}; `labelcast subscribers list` has them all"
    )


def _tokens(names: frozenset[str], email: str) -> Mapping[str, bytes]:
    """Values for a message's marks. The tokens are none: a preview passed on ends nobody's subscription."""
    values = {"TO": recipient_value(email), "MESSAGE_ID": b"<preview@labelcast.invalid>"}
    return {name: values.get(name, b"preview") for name in names}


def _part(message: bytes, kind: str) -> bytes:
    parsed = message_from_bytes(message, _class=EmailMessage, policy=SMTP)
    part = parsed.get_body((kind,))
    return b"" if part is None else str(part.get_content()).encode()
