"""What is kept about a reader, handed to them; and a reader forgotten.

The links in a mail go along when it is passed on. What is kept holds more than the mail does (the address,
where a consent came from, all that was sent): so a link to it is mailed to the reader, and is good for some
days only. To be forgotten needs no mail: whoever holds a link can end a reader's mail anyway, the reader can
sign up again, and nobody who wants to be forgotten is to wait for one more mail.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection
from starlette.routing import Route

from digests.subscribed import find_subscribed
from outbox.notices import enqueue
from subscribers.listing import get_subscriber
from subscribers.model import SubscriberState, SubscriptionState
from subscribers.tokens import undated
from web.readers.counted import Counted
from web.readers.readerlinks import Door, Doors, Download, Posted, Told
from web.readers.telling import back_to, not_possible, tell

DATA = "data"
JSON = "application/json"
_DAY = timedelta(days=1)
# For each reader, in each process: nobody is to be bombed with mail by who holds a link of theirs.
_MAILS = 3


@dataclass(frozen=True, slots=True)
class PersonalPages:
    """Hands out what is kept about a reader, and forgets them."""

    doors: Doors
    _mailed: Counted = field(default_factory=lambda: Counted(_MAILS, _DAY))

    def routes(self) -> list[Route]:
        """The addresses; those without which something is not wired are not there."""
        links, doors = self.doors.links, []
        if links.about is not None:
            doors += [
                Door("preferences", self._ask_data, self._mail_data, "data"),
                Door(DATA, self._look_data, None),
                Door(DATA, self._download, None, "labelcast.json"),
            ]
        if links.erase is not None:
            doors.append(Door("preferences", self._ask_erase, self._erase, "erase"))
        return [self.doors.route(door) for door in doors]

    def _ask_data(self, connection: Connection, number: int) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None:
            return None
        if found.subscriber.state is not SubscriberState.CONFIRMED:
            return not_possible()
        return tell(
            "What is kept about you",
            "Your address, what you are subscribed to and chose, when and to which words you agreed, "
            "each mail that was sent to you and what became of it: you can have all of it as a file.",
            "A link to it is mailed to you, for this page may be open to others: "
            "whoever you pass a mail on to gets its links too.",
            buttons=[("preferences", number, "Mail me the link", "data")],
            ways=back_to(number),
        )

    def _mail_data(self, connection: Connection, number: int, _posted: Posted) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None:
            return None
        if found.subscriber.state is not SubscriberState.CONFIRMED:
            return not_possible()
        reader, now = found.subscriber.id, self.doors.links.now()
        if self._mailed.take(reader):
            enqueue(connection, DATA, {"subscriber": reader}, key=f"{DATA}:{reader}", now=now)
        return tell(
            "Look into your mailbox",
            f"A mail is on its way to you, with a link that is good for {self.doors.links.lasts.days} days.",
            ways=back_to(number),
            is_done=True,
            after=self.doors.links.wake,
        )

    def _look_data(self, connection: Connection, packed: int) -> Told | None:
        number = self._good(connection, packed)
        if number is None:
            return None
        return tell(
            "What is kept about you",
            "One file, which programs and people can read (JSON). Keep it to yourself.",
            ways=[(DATA, packed, "Download it", "labelcast.json")],
        )

    def _download(self, connection: Connection, packed: int) -> Download | None:
        number, about = self._good(connection, packed), self.doors.links.about
        if number is None or about is None:
            return None
        return Download("labelcast.json", JSON, about(number))

    def _good(self, connection: Connection, packed: int) -> int | None:
        """The reader of a link that is not too old, unless they were erased since."""
        read = undated(packed)
        if read is None:
            return None
        number, day = read
        today = self.doors.links.now().date()
        if not -_DAY <= today - day <= self.doors.links.lasts:
            return None
        reader = get_subscriber(connection, number)
        return None if reader is None or reader.email is None else number

    def _ask_erase(self, connection: Connection, number: int) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None:
            return None
        if found.subscriber.email is None:
            return _erased()
        site = self.doors.pages.site.title
        count = sum(one.state is SubscriptionState.ACTIVE for one in found.subscriber.subscriptions)
        ends = "1 subscription ends" if count == 1 else f"{count} subscriptions end"
        return tell(
            "Forget all about you?",
            f"{ends} with it." if count else "No mail is sent to you as it is.",
            f"{site} forgets your address, what you chose, and where your consents came from. "
            "No mail is sent to you any more, not even one to say so.",
            "What stays is that mails were sent, without telling to whom, and a fingerprint of your "
            "address, so that no list brings you back. There is no way back but to sign up anew.",
            buttons=[("preferences", number, "Forget me", "erase")],
            ways=back_to(number),
        )

    def _erase(self, connection: Connection, number: int, _posted: Posted) -> Told | None:
        found, links = find_subscribed(connection, number), self.doors.links
        if found is None or links.erase is None:
            return None
        email = found.subscriber.email
        if email is None:
            return _erased()
        links.erase(connection, email, links.now())
        return _erased(links.scrub)


def _erased(after: Callable[[], object] | None = None) -> Told:
    """Whoever was forgotten, now or before, hears the same."""
    words = "No mail is sent to you any more, and nobody can tell that it was you."
    return tell("You are forgotten", words, is_done=True, after=after)
