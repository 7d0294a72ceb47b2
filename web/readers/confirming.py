"""``/confirm/{token}``: a reader says yes to what they were asked by mail."""

from dataclasses import dataclass

from sqlalchemy import Connection
from starlette.routing import Route

from digests.rhythm import describe_to_readers
from digests.subscribed import subscribed_of
from subscribers.consent import Consent, find_consent
from subscribers.model import ConsentKind
from subscribers.signup import Confirmed, confirm_subscription
from web.readers.readerlinks import Door, Doors, Posted, Told


@dataclass(frozen=True, slots=True)
class ConfirmingPages:
    """Confirms subscriptions: the number in a link is that of the question, as it was recorded."""

    doors: Doors

    def routes(self) -> list[Route]:
        """The address."""
        return [self.doors.route(Door("confirm", self._ask, self._confirm))]

    def _asked(self, connection: Connection, number: int) -> Consent | None:
        """The question, unless it was asked too long ago to be answered by this link."""
        asked = find_consent(connection, number)
        if asked is None or asked.kind is not ConsentKind.ASKED:
            return None
        links = self.doors.links
        return asked if links.now() - asked.at <= links.lasts else None

    def _ask(self, connection: Connection, number: int) -> Told | None:
        asked = self._asked(connection, number)
        if asked is None:
            return None
        theirs = subscribed_of(connection, asked.subscriber_id)
        found = next((one for one in theirs if one.digest.id == asked.digest_id), None)
        if found is None:
            return None
        title = found.digest.title
        return Told(
            "told.html",
            {
                "heading": f"Subscribe to {title}?",
                "words": (
                    asked.wording,
                    f"It will come to you as you chose it: {describe_to_readers(found.rhythm)}.",
                    "If it was not you who asked for it, just close this page.",
                ),
                "buttons": (("confirm", number, "Yes, subscribe me"),),
            },
        )

    def _confirm(self, connection: Connection, number: int, posted: Posted) -> Told | None:
        links = self.doors.links
        if self._asked(connection, number) is None:
            return None
        done = confirm_subscription(
            connection, number, origin=posted.origin, now=links.now(), salt=links.salt(connection)
        )
        return None if done is None else _welcome(connection, done)


def _welcome(connection: Connection, done: Confirmed) -> Told | None:
    theirs = subscribed_of(connection, done.subscriber.id)
    found = next((one for one in theirs if one.digest.id == done.digest_id), None)
    if found is None:
        return None
    number, title = found.subscription.id, found.digest.title
    if not found.is_active:
        return Told(
            "told.html",
            {
                "heading": "You are unsubscribed",
                "words": (f"You confirmed {title} before, and left it since.",),
                "buttons": (("resubscribe", number, "Subscribe again"),),
                "is_done": True,
            },
        )
    return Told(
        "told.html",
        {
            "heading": "You are subscribed",
            "words": (f"{title} comes to you by email: {describe_to_readers(found.rhythm)}.",),
            "buttons": (("unsubscribe", number, "Unsubscribe"),),
            "ways": (("preferences", number, f"Choose how {title} comes"),),
            "is_done": True,
        },
    )
