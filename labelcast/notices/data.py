"""The kind ``data``: a reader asked for what is kept about them, and gets a link to it."""

from dataclasses import dataclass

from sqlalchemy import Connection

from digests.subscribed import subscribed_of
from labelcast.notices.address import tongue
from labelcast.notices.press import NoticePress
from outbox.notices import Letter, Notice
from subscribers.listing import get_subscriber
from subscribers.model import SubscriberState
from subscribers.tokens import dated


@dataclass(frozen=True, slots=True)
class DataMail:
    """Writes the mail with the link. The payload: ``subscriber``, their number."""

    press: NoticePress

    def __call__(self, connection: Connection, its: Notice) -> Letter | None:
        """The mail; None when they get no mail any more."""
        reader = get_subscriber(connection, int(its.payload["subscriber"]))
        if reader is None or reader.email is None or reader.state is not SubscriberState.CONFIRMED:
            return None
        return self.press.letter(
            "data",
            to=reader.email,
            tag=tongue(reader, subscribed_of(connection, reader.id)),
            now=its.created_at,
            days=self.press.lasts.days,
            data_url=self.press.link("data", dated(reader.id, its.created_at.date())),
        )
