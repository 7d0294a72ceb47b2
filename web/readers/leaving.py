"""``/unsubscribe``, ``/resubscribe`` and ``/stop``: the ways out of a digest and of all mail, and back."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from starlette.routing import Route

from digests.rhythm import describe_to_readers
from digests.subscribed import Subscribed, find_subscribed, subscribed_of
from subscribers.consent import record_consent
from subscribers.subscribing import begin, unsubscribe, unsubscribe_all
from web.readers.readerlinks import Door, Doors, Posted, Told
from web.readers.telling import not_possible

WORDING = "On the page after unsubscribing they pressed the button: Subscribe again to {title}."
_NOTHING_LEFT = Told(
    "told.html",
    {"heading": "You are unsubscribed", "words": ("What you were subscribed to is no longer sent.",)},
)


@dataclass(frozen=True, slots=True)
class LeavingPages:
    """Ends subscriptions, one or all of a reader's; and takes one up again.

    What waits to be sent to a reader who left is skipped by the ledger.
    """

    doors: Doors

    def routes(self) -> list[Route]:
        """The addresses."""
        doors = (
            Door("unsubscribe", self._ask_unsubscribe, self._unsubscribe),
            Door("resubscribe", self._ask_resubscribe, self._resubscribe),
            Door("stop", self._ask_stop, self._stop),
        )
        return [self.doors.route(door) for door in doors]

    def _ask_unsubscribe(self, connection: Connection, number: int) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None:
            return _NOTHING_LEFT
        if not found.is_active:
            return _left(found)
        title = found.digest.title
        return Told(
            "told.html",
            {
                "heading": f"Unsubscribe from {title}?",
                "words": (f"You will get no more mail of {title}.",),
                "buttons": (("unsubscribe", number, "Unsubscribe"),),
            },
        )

    def _unsubscribe(self, connection: Connection, number: int, _posted: Posted) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None:
            return _NOTHING_LEFT
        unsubscribe(connection, number, now=self.doors.links.now())
        return _left(found)

    def _ask_resubscribe(self, connection: Connection, number: int) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None or not found.may_be_written_to:
            return _no_way_back(found)
        if found.is_active:
            return _back(found)
        title = found.digest.title
        return Told(
            "told.html",
            {
                "heading": f"Subscribe to {title} again?",
                "words": (f"It comes as you chose it before: {_when(found)}.",),
                "buttons": (("resubscribe", number, "Subscribe again"),),
            },
        )

    def _resubscribe(self, connection: Connection, number: int, posted: Posted) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None or not found.may_be_written_to:
            return _no_way_back(found)
        if not found.is_active:
            now = self.doors.links.now()
            begin(connection, number, now=now)
            record_consent(
                connection,
                subscriber_id=found.subscriber.id,
                digest_id=found.digest.id,
                at=now,
                origin=posted.origin,
                wording=WORDING.format(title=found.digest.title),
            )
        return _back(found)

    def _ask_stop(self, connection: Connection, number: int) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None:
            return _NOTHING_LEFT
        theirs = subscribed_of(connection, found.subscriber.id)
        active = [one.digest.title for one in theirs if one.is_active]
        if not active:
            return self._stopped(theirs)
        title = self.doors.pages.site.title
        return Told(
            "told.html",
            {
                "heading": f"Stop all mail from {title}?",
                "words": ("You will get no more of this:",),
                "names": active,
                "buttons": (("stop", number, "Stop all mail"),),
            },
        )

    def _stop(self, connection: Connection, number: int, _posted: Posted) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None:
            return _NOTHING_LEFT
        unsubscribe_all(connection, found.subscriber.id, now=self.doors.links.now())
        return self._stopped(subscribed_of(connection, found.subscriber.id))

    def _stopped(self, theirs: Sequence[Subscribed]) -> Told:
        # One that waits for its reader never began: there is nothing to go back to.
        back = [one for one in theirs if one.may_be_written_to and not one.subscription.waits]
        return Told(
            "told.html",
            {
                "heading": "All mail is stopped",
                "words": (f"You will get no more mail from {self.doors.pages.site.title}.",),
                "buttons": tuple(
                    ("resubscribe", one.subscription.id, f"Subscribe again to {one.digest.title}")
                    for one in back
                ),
                "is_done": True,
            },
        )


def _left(found: Subscribed) -> Told:
    """What a reader is told who left, and as often as they ask to leave."""
    number, buttons = found.subscription.id, []
    if found.may_be_written_to:
        buttons.append(("resubscribe", number, "Subscribe again"))
    buttons.append(("stop", number, "Stop all mail from this site"))
    return Told(
        "told.html",
        {
            "heading": "You are unsubscribed",
            "words": (f"You will get no more of {found.digest.title}.",),
            "buttons": tuple(buttons),
            "is_done": True,
        },
    )


def _back(found: Subscribed) -> Told:
    return Told(
        "told.html",
        {
            "heading": "You are subscribed",
            "words": (f"{found.digest.title} comes to you as you chose it: {_when(found)}.",),
            "buttons": (("unsubscribe", found.subscription.id, "Unsubscribe"),),
            "is_done": True,
        },
    )


def _no_way_back(found: Subscribed | None) -> Told | None:
    """None: the link leads nowhere. Who was erased or suppressed does not come back by an old link."""
    return None if found is None else not_possible()


def _when(found: Subscribed) -> str:
    return describe_to_readers(found.rhythm)
