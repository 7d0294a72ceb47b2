"""A digest as it is sent, for looking at: nothing is stored, and its links do nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from uuid import uuid4

from sqlalchemy import Connection, select

from digests.model import DeliveryState, Digest, NoMail, edition
from digests.planning.foretelling import Foretold, chosen_of, foretell, slot_on
from digests.rendering.message import render_edition
from digests.rendering.printing import sample_edition
from digests.store import get_digest, reader_rhythm
from digests.subscribed import Subscribed, subscribed_of
from labelcast.wiring_mail import MailWiring
from outbox.addresses import recipient_value
from outbox.dkim import sign
from outbox.message import MessageTemplate
from outbox.single import send_one
from subscribers.store import find

_SOMEBODY = "reader@example.org"


class NotSubscribed(LookupError):
    """There is no such reader of this digest."""


@dataclass(frozen=True, slots=True)
class When:
    """The instant a mail is looked at for, or a day: then the slot on it; and what the time is really."""

    now: datetime
    at: datetime
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """A message as it would be, the instant it is of, and what is to be said of it (None: nothing)."""

    message: bytes
    at: datetime
    remark: str | None

    def part(self, form: str) -> bytes:
        """The message itself (``eml``), or its part in ``html`` or ``text``; where it has but one, that."""
        if form == "eml":
            return self.message
        parsed = message_from_bytes(self.message, _class=EmailMessage, policy=SMTP)
        part = parsed.get_body(("html", "plain") if form == "html" else ("plain", "html"))
        return b"" if part is None else str(part.get_content()).encode()


def preview_digest(
    wiring: MailWiring, slug: str, when: When, *, email: str | None, to: str | None = None
) -> Preview | None:
    """A digest's mail at an instant, past or to come; for a reader by ``email`` just what they get.

    An edition that was sent is shown as it was. Where there is no news the newest posts under the rule stand
    in; None where there are none. ``to`` is whom it is addressed to, else the reader. Raises ``DigestError``,
    ``NotSubscribed``, ``RenderingError``.
    """
    with wiring.database.read() as connection:
        digest = get_digest(connection, slug)
        one = None if email is None else _subscribed(connection, digest, email)
        rhythm = reader_rhythm(digest) if one is None else one.rhythm
        instant = when.at if when.day is None else slot_on(when.day, rhythm)
    # Only what is still to come is rehearsed: for the rest nobody who writes has to wait.
    opened = wiring.database.write if instant > when.now else wiring.database.read
    with opened() as connection:
        found = foretell(connection, digest, one, at=instant, now=when.now)
        stored = _stored(connection, found)
        shown, posts = found.edition, list(found.posts)
        if not posts:
            shown, posts = sample_edition(connection, digest, at=instant, chosen=chosen_of(one))
    if stored is None:
        if not posts:
            return None
        stored = render_edition(
            wiring.environment,
            digest=digest,
            edition=shown,
            posts=posts,
            publisher=wiring.publisher,
        )
    message = stored.splice(_tokens(stored.names, to or email or _SOMEBODY))
    return Preview(message, instant, _remark(found, digest))


def send_test(wiring: MailWiring, slug: str, when: When, *, email: str | None, to: str) -> str:
    """Send a digest's mail to an address, as ``preview_digest`` shows it; what the server said.

    Nothing of it is stored, and it ends nobody's subscription. Raises as ``preview_digest`` does,
    ``LookupError`` where there is no post to show, and ``ConnectionError`` when it is not taken.
    """
    shown = preview_digest(wiring, slug, when, email=email, to=to)
    if shown is None:
        raise LookupError(f"digest {slug}: no post is under its rule yet, so there is nothing to send")
    octets = sign(shown.message, wiring.signers, at=when.now)
    outcome = asyncio.run(send_one(wiring.connect(), wiring.sender, to, octets))
    if outcome.kind == "in_doubt":
        raise ConnectionError(f"{to}: nobody knows whether it was taken: {outcome.reply}")
    if outcome.kind != "sent":
        raise ConnectionError(f"{to}: not sent: {outcome.reply}")
    return outcome.reply


def _subscribed(connection: Connection, its: Digest, email: str) -> Subscribed:
    found = find(connection, email)
    for one in subscribed_of(connection, found.id) if found else ():
        if one.digest.slug == its.slug and one.is_active:
            return one
    raise NotSubscribed(
        f"{email}: is not subscribed to {its.slug}; `labelcast subscribers list` has them all"
    )


def _stored(connection: Connection, found: Foretold) -> MessageTemplate | None:
    """The frozen message of an edition that was sent."""
    if found.number is None:
        return None
    query = select(edition.c.message).where(edition.c.id == found.number)
    blob = connection.execute(query).scalar_one_or_none()
    return None if blob is None else MessageTemplate.parse(blob)


def _remark(found: Foretold, its: Digest) -> str | None:
    if found.state is DeliveryState.SENT:
        return f"this is edition {found.number}, as it was sent"
    if found.state is not None:
        return f"this is edition {found.number}; its message to them is {found.state.replace('_', ' ')}"
    if found.paused or its.paused_at is not None:
        who = "they have paused until later" if found.paused else "the digest is paused until it is resumed"
        return f"{who}, and nothing would be sent; this is what they would get"
    if found.reason is NoMail.NOTHING_NEW:
        return "there is no news at that instant, and nothing would be sent; these are the newest posts"
    if found.reason is NoMail.TOO_FEW:
        return f"{len(found.posts)} posts are fewer than {its.min_posts}: nothing would be sent yet"
    return None


def _tokens(names: frozenset[str], email: str) -> Mapping[str, bytes]:
    """Values for a message's marks. The tokens are none: a preview passed on ends nobody's subscription."""
    values = {"TO": recipient_value(email), "MESSAGE_ID": f"<{uuid4().hex}@labelcast.invalid>".encode()}
    return {name: values.get(name, b"preview") for name in names}
