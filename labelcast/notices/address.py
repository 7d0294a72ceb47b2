"""The kinds ``address-old``, ``address-new`` and ``address-moved``: a reader wants their mail elsewhere."""

from dataclasses import dataclass

from sqlalchemy import Connection

from digests.subscribed import Subscribed, subscribed_of
from labelcast.notices.press import NoticePress, address_in
from labelcast.readers import suppression_salt
from outbox.notices import Letter, Notice
from subscribers.changing import End, Stage, find_change
from subscribers.listing import get_subscriber
from subscribers.model import Subscriber, SubscriberState
from subscribers.suppression import find_suppression_of


@dataclass(frozen=True, slots=True)
class AddressMail:
    """Asks one end whether mail shall go to another address. The payload: ``change``, its number.

    ``over``: the new address was typed too often today.

    The new end is not told the old address: a link that was passed on must not tell whose it is.
    """

    press: NoticePress
    end: End

    def __call__(self, connection: Connection, its: Notice) -> Letter | None:
        """The mail; None when that was answered meanwhile, or nothing may be sent there."""
        if its.payload.get("over"):
            return None
        change = find_change(connection, int(its.payload["change"]))
        reader = None if change is None else get_subscriber(connection, change.subscriber_id)
        if change is None or reader is None or reader.email is None or change.email is None:
            return None
        waits = change.stage(its.created_at, self.press.lasts) is Stage.WAITS
        if not waits or reader.state is not SubscriberState.CONFIRMED:
            return None
        to = reader.email if self.end is End.OLD else change.email
        if find_suppression_of(connection, to, salt=suppression_salt(connection)) is not None:
            return None
        if self.end is End.NEW and not self.press.may_mail(to):
            return None
        theirs = subscribed_of(connection, reader.id)
        return self.press.letter(
            "address",
            to=to,
            tag=tongue(reader, theirs),
            now=its.created_at,
            end=self.end,
            address=change.email,
            days=self.press.lasts.days,
            answer_url=self.press.link(self.end.purpose, change.id),
        )


@dataclass(frozen=True, slots=True)
class MovedMail:
    """Tells the new address what came of it once both ends agreed.

    The payload: ``address``, the new one; ``moved``, and ``subscriber``, whose mail it is about.
    """

    press: NoticePress

    def __call__(self, connection: Connection, its: Notice) -> Letter | None:
        """The mail; None when nothing may be sent there, or the reader was forgotten meanwhile."""
        to = address_in(its.payload)
        reader = get_subscriber(connection, int(its.payload["subscriber"]))
        if reader is None or reader.email is None:
            return None
        if find_suppression_of(connection, to, salt=suppression_salt(connection)) is not None:
            return None
        theirs = [one for one in subscribed_of(connection, reader.id) if one.is_active]
        moved = bool(its.payload["moved"])
        first = theirs[0].subscription.id if theirs and moved else None
        return self.press.letter(
            "moved",
            to=to,
            tag=tongue(reader, theirs),
            now=its.created_at,
            moved=moved,
            preferences_url=None if first is None else self.press.link("preferences", first),
        )


def tongue(reader: Subscriber, theirs: list[Subscribed]) -> str:
    """The language that a reader is written to in."""
    return reader.language or next((one.digest.language for one in theirs), "en")
