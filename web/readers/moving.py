"""Where mail goes: a reader asks for another address, and both ends agree by a link that is mailed to each.

Nothing here tells whether anybody has an address, or whether it is suppressed: whoever holds a link of a
reader, and that may be somebody a mail was passed on to, sees the same pages whatever they type. Nor does any
page say what the reader's address is.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection
from starlette.routing import Route

from digests.deliveries import redirect_reader
from digests.subscribed import find_subscribed
from feeds.keys import rename_key_holder
from outbox.notices import enqueue
from subscribers.address import AddressError, normalize
from subscribers.changing import (
    Change,
    End,
    Settled,
    Stage,
    TooManyChanges,
    agree,
    ask_change,
    find_change,
    list_changes,
    refuse,
)
from subscribers.model import SubscriberState
from web.forms import first
from web.readers.readerlinks import Door, Doors, Posted, Told
from web.readers.telling import Way, back_to, not_possible, tell

OLD, NEW, NO = End.OLD.purpose, End.NEW.purpose, "address-no"
MOVED = "address-moved"
_LONGEST = 320


@dataclass(frozen=True, slots=True)
class MovingPages:
    """Asks for a change of address, and takes the answers of both ends."""

    doors: Doors

    def routes(self) -> list[Route]:
        """The addresses."""
        doors = (
            Door("preferences", self._ask, self._asked, "address"),
            Door(OLD, self._look_old, self._agree_old),
            Door(NEW, self._look_new, self._agree_new),
            Door(NO, self._look_no, self._refuse),
        )
        return [self.doors.route(door) for door in doors]

    def _ask(self, connection: Connection, number: int) -> Told | None:
        return self._form(connection, number)

    def _asked(self, connection: Connection, number: int, posted: Posted) -> Told | None:
        found, links = find_subscribed(connection, number), self.doors.links
        if found is None or found.subscriber.state is not SubscriberState.CONFIRMED:
            return self._form(connection, number)
        now, typed = links.now(), first(posted.form, "email")[:_LONGEST].strip()
        try:
            asked = ask_change(connection, found.subscriber.id, typed, now=now, lasts=links.lasts)
        except AddressError as error:
            return self._form(connection, number, typed=typed, wrong=_said(error), status=422)
        except TooManyChanges as error:
            return self._form(connection, number, wrong=_said(error), status=429)
        if asked is None:
            return self._form(connection, number)
        if asked.is_new:
            self._question(connection, asked.change, now=now)
        return tell(
            "Look into both mailboxes",
            "A mail is on its way to the address you have now, and one to the new address.",
            f"Open the link in each of them and agree, within {links.lasts.days} days. "
            "Until then your mail goes where it went before.",
            ways=back_to(number),
            is_done=True,
            after=links.wake,
        )

    def _question(self, connection: Connection, change: Change, *, now: datetime) -> None:
        """Ask both ends by mail; whoever types addresses of others cannot have them sent any number."""
        over = self.doors.links.is_over(normalize(change.email or ""))
        for kind, payload in ((OLD, {}), (NEW, {"over": True} if over else {})):
            told = {"change": change.id, **payload}
            enqueue(connection, kind, told, key=f"{kind}:{change.id}", now=now)

    def _form(
        self, connection: Connection, number: int, *, typed: str = "", wrong: str = "", status: int = 200
    ) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None:
            return None
        if found.subscriber.state is not SubscriberState.CONFIRMED:
            return not_possible()
        now, lasts = self.doors.links.now(), self.doors.links.lasts
        changes = list_changes(connection, found.subscriber.id)
        waits = next((one for one in changes if one.stage(now, lasts) is Stage.WAITS), None)
        context = {"number": number, "waits": waits, "typed": typed, "wrong": wrong, "days": lasts.days}
        return Told("address.html", context, status)

    def _look_old(self, connection: Connection, number: int) -> Told | None:
        return self._page(find_change(connection, number), End.OLD)

    def _look_new(self, connection: Connection, number: int) -> Told | None:
        return self._page(find_change(connection, number), End.NEW)

    def _agree_old(self, connection: Connection, number: int, _posted: Posted) -> Told | None:
        return self._agreed(connection, number, End.OLD)

    def _agree_new(self, connection: Connection, number: int, _posted: Posted) -> Told | None:
        return self._agreed(connection, number, End.NEW)

    def _agreed(self, connection: Connection, number: int, end: End) -> Told | None:
        links = self.doors.links
        salt, now = links.salt(connection), links.now()
        settled = agree(connection, number, end, now=now, lasts=links.lasts, salt=salt)
        change = find_change(connection, number)
        if settled is not None and change is not None:
            _follow(connection, change, settled, now=now)
        told = self._page(change, end)
        return told if told is None or settled is None else replace(told, after=links.wake)

    def _page(self, change: Change | None, end: End) -> Told | None:
        """What one end is shown: it follows from how the change stands, so asking twice shows the same."""
        if change is None:
            return None
        stage = change.stage(self.doors.links.now(), self.doors.links.lasts)
        if stage is not Stage.WAITS:
            return _settled(stage)
        site = self.doors.pages.site.title
        if change.agreed(end) is not None:
            return tell(
                "You have agreed",
                "Now the other end has to agree too, by the link in the mail that went there. "
                "Until then nothing changes.",
                buttons=[(NO, change.id, "Call it off")],
                is_done=True,
            )
        no: Way = (NO, change.id, "No, this was not me")
        if end is End.OLD:
            where = masked(change.email or "")
            return tell(
                "Have your mail sent to another address?",
                f"By a link in your mail it was asked that all you get from {site} go to {where} instead.",
                buttons=[(OLD, change.id, "Yes, send it there"), no],
            )
        return tell(
            f"Have mail from {site} sent to you?",
            f"A reader of {site} asked that their mail go to this address from now on.",
            "If that was not you, say no, or just close this page.",
            buttons=[(NEW, change.id, "Yes, send it to me"), no],
        )

    def _look_no(self, connection: Connection, number: int) -> Told | None:
        change = find_change(connection, number)
        if change is None:
            return None
        stage = change.stage(self.doors.links.now(), self.doors.links.lasts)
        if stage is not Stage.WAITS:
            return _settled(stage)
        return tell(
            "Leave the address as it is?",
            "It was asked that mail go to another address. If you do not want that, call it off.",
            buttons=[(NO, number, "Leave it as it is")],
        )

    def _refuse(self, connection: Connection, number: int, _posted: Posted) -> Told | None:
        change = find_change(connection, number)
        if change is None:
            return None
        refuse(connection, number, now=self.doors.links.now())
        return self._look_no(connection, number)


def _settled(stage: Stage) -> Told:
    if stage is Stage.AGREED:
        # The same whether mail goes there now or cannot: who reads the old address is not to learn
        # whether somebody reads by the new one.
        return tell("Both ends have agreed", "A mail to the new address tells what came of it.", is_done=True)
    words = "It was called off, or not agreed to in time. Mail goes where it went before."
    return tell("The address stays as it is", words, is_done=True)


def masked(email: str) -> str:
    """An address of which its reader sees that it is theirs, and nobody else reads all of it."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"


def _follow(connection: Connection, change: Change, settled: Settled, *, now: datetime) -> None:
    """What follows once both ends agreed: the rest goes along, and the new address hears of it."""
    if settled.moved:
        redirect_reader(connection, change.subscriber_id, settled.new)
        rename_key_holder(connection, settled.old, settled.new)
    payload = {"address": settled.new, "moved": settled.moved, "subscriber": change.subscriber_id}
    enqueue(connection, MOVED, payload, key=f"{MOVED}:{change.id}", now=now)


def _said(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."
