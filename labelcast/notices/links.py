"""The kind ``links``: somebody whose link does not work any more typed their address, and gets new ones."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from digests.subscribed import Subscribed, subscribed_of
from labelcast.notices.press import NoticePress, address_in
from labelcast.readers import suppression_salt
from outbox.notices import Letter, Notice
from subscribers.consent import record_consent
from subscribers.listing import find
from subscribers.model import ConsentKind, SubscriberState, consent
from subscribers.suppression import SuppressionReason, find_suppression_of


@dataclass(frozen=True, slots=True)
class LinksMail:
    """Writes what an address gets, with a link to each; and asks again what was not answered yet.

    The payload: ``address``, and ``origin`` for the record of what is asked again. ``over``: this address was
    typed too often today.
    """

    press: NoticePress

    def __call__(self, connection: Connection, its: Notice) -> Letter | None:
        """The mail; None to who gets nothing and was asked nothing."""
        if its.payload.get("over"):
            return None
        reader = find(connection, address_in(its.payload))
        if reader is None or reader.email is None or reader.state is SubscriberState.SUPPRESSED:
            return None
        known = find_suppression_of(connection, reader.email, salt=suppression_salt(connection))
        if known is not None and known.reason is not SuppressionReason.ERASED:
            return None
        theirs = subscribed_of(connection, reader.id)
        is_reader = reader.state is SubscriberState.CONFIRMED
        active = [one for one in theirs if one.is_active and is_reader]
        others = [one for one in theirs if one not in active and (one.subscription.waits or not is_reader)]
        asked = [(one, number) for one in others if (number := self._ask_again(connection, one, its))]
        if not (active or asked) or not self.press.may_mail(reader.email):
            return None
        first = (active or [one for one, _ in asked])[0]
        return self.press.letter(
            "links",
            to=reader.email,
            tag=reader.language or first.digest.language,
            now=its.created_at,
            active=[
                (one.digest.title, self.press.link("preferences", one.subscription.id)) for one in active
            ],
            asked=[(one.digest.title, self.press.link("confirm", number)) for one, number in asked],
            days=self.press.lasts.days,
        )

    def _ask_again(self, connection: Connection, one: Subscribed, its: Notice) -> int | None:
        """Ask once more by the words that were used; None where nobody asked."""
        ids = {"subscriber_id": one.subscriber.id, "digest_id": one.digest.id}
        query = (
            select(consent.c.wording)
            .filter_by(**ids, kind=ConsentKind.ASKED)
            .order_by(consent.c.id.desc())
            .limit(1)
        )
        wording = connection.execute(query).scalar_one_or_none()
        if wording is None:
            return None
        return record_consent(
            connection,
            **ids,
            at=its.created_at,
            origin=str(its.payload["origin"]),
            wording=wording,
            kind=ConsentKind.ASKED,
        )
