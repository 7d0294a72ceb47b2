"""The kind ``signup``: somebody typed an address and wants a digest; whoever reads there is asked."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from digests.model import Digest
from digests.store import offered_digests
from labelcast.notices.press import NoticePress, address_in
from labelcast.readers import suppression_salt
from outbox.notices import Letter, Notice
from posts.lookup import find_label
from subscribers.address import address_key
from subscribers.model import subscriber
from subscribers.signup import Asked, request_subscription
from subscribers.subscribing import CHOICES, SubscriberError, change

# Who was asked is not asked again for so long, however often somebody types their address.
AGAIN_AFTER = timedelta(hours=1)
# Labels that a mail names; of more it tells the number.
MOST_LABELS = 10
_ALL_OWN: dict[str, Any] = dict.fromkeys(CHOICES) | {"labels": ()}


@dataclass(frozen=True, slots=True)
class SignupMail:
    """Keeps what was asked for, and asks back; who gets the digest already is told so, with their links.

    The payload: ``address``, ``digest`` (its number), ``choices`` (columns of a subscription), ``origin`` and
    ``wording`` for the record of consent. ``over``: this address was typed too often today.
    """

    press: NoticePress

    def __call__(self, connection: Connection, its: Notice) -> Letter | None:
        """The mail; None where nothing is to be sent: to who was asked just now, or wants no mail ever."""
        payload, now = its.payload, its.created_at
        if payload.get("over"):
            return None
        found = next((one for one in offered_digests(connection) if one.id == payload["digest"]), None)
        if found is None:
            return None
        # Of two that ask for one address the second sees what the first did.
        known = select(subscriber.c.id).where(subscriber.c.email_key == address_key(address_in(payload)))
        connection.execute(known.with_for_update())
        try:
            asked = request_subscription(
                connection,
                address_in(payload),
                digest_id=found.id,
                wording=payload["wording"],
                origin=payload["origin"],
                now=now,
                salt=suppression_salt(connection),
                choices=payload["choices"],
            )
        except SubscriberError:
            return None
        if asked.number is not None:
            # What was chosen last holds, also where it is the digest's own again.
            change(connection, asked.subscription_id, _ALL_OWN | payload["choices"])
        is_again = asked.asked_before is not None and now - asked.asked_before < AGAIN_AFTER
        if asked.number is None:
            # Of this no question keeps the time.
            is_again = not self.press.may_remind(address_in(payload))
        if is_again or not self.press.may_mail(address_in(payload)):
            return None
        if asked.number is None:
            return self._already(asked, found, now)
        return self._question(connection, asked, found, payload, now)

    def _question(
        self, connection: Connection, asked: Asked, its: Digest, payload: dict[str, Any], now: datetime
    ) -> Letter:
        slugs = payload["choices"].get("labels") or ()
        labels = [find_label(connection, slug, counted=False) for slug in slugs[:MOST_LABELS]]
        return self.press.letter(
            "signup",
            to=address_in(payload),
            tag=its.language,
            now=now,
            title=its.title,
            labels=[label.name for label in labels if label is not None],
            more_labels=len(slugs[MOST_LABELS:]),
            days=self.press.lasts.days,
            confirm_url=self.press.link("confirm", asked.number or 0),
        )

    def _already(self, asked: Asked, its: Digest, now: datetime) -> Letter:
        return self.press.letter(
            "already",
            to=asked.subscriber.email or "",
            tag=asked.subscriber.language or its.language,
            now=now,
            title=its.title,
            preferences_url=self.press.link("preferences", asked.subscription_id),
        )
