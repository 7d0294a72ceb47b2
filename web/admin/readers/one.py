"""``/admin/readers/{number}``: one reader, what they get and got, and what can be done for them.

Each deed has a page of its own that says first what comes of it; a form on it does it. The record of who did
what names a reader by their number: an address may have to be forgotten.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from digests.cadence import describe
from digests.review import bounces_of_reader, mails_of_reader
from digests.subscribed import Subscribed, subscribed_of
from posts.lookup import load_labels
from subscribers.changing import list_changes
from subscribers.consent import list_consents
from subscribers.listing import get_subscriber
from subscribers.model import ConsentKind, Subscriber, SubscriberState
from subscribers.suppression import find_suppression_of
from web.admin.frame import Done, Frame, Shown, Visit
from web.admin.readers.deeds import DEEDS, Deed, DeedError, Doing
from web.admin.readers.work import ReaderWork
from web.model import Role
from web.security import PRIVATE

MAILS = 25
# The newest of them; a reader who was asked a hundred times is told of no more.
CONSENTS = 50


@dataclass(frozen=True, slots=True)
class Taken:
    """A subscription in words."""

    slug: str
    title: str
    standing: str
    kind: str
    when: str
    labels: Sequence[str]
    how: Sequence[str]
    until: Any
    since: Any


@dataclass(frozen=True, slots=True)
class ReaderActs:
    """One reader's pages."""

    frame: Frame
    work: ReaderWork

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            self.frame.route("/readers/{number:int}", self.show),
            self.frame.route("/readers/{number:int}/data", None, self.data),
            self.frame.route("/readers/{number:int}/{deed}", self.ask, self.act, sees=Role.EDITOR),
        ]

    def show(self, visit: Visit) -> Shown | Response:
        """All that is known of a reader."""
        number = _number(visit)
        before = visit.query("before")
        last = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
        with self.frame.database.read() as connection:
            reader = get_subscriber(connection, number)
            if reader is None:
                return self.frame.missing.nothing(visit.request)
            taken = subscribed_of(connection, number)
            mails = mails_of_reader(connection, number, before=last, limit=MAILS + 1)
            context = {
                "reader": reader,
                "name": reader.email or f"Reader {number}",
                "taken": _taken(connection, taken, visit),
                "suppressed": self._suppressed(connection, reader),
                "consents": list_consents(connection, number)[: -CONSENTS - 1 : -1],
                "kinds": {
                    ConsentKind.ASKED: "asked",
                    ConsentKind.CONFIRMED: "said yes",
                    ConsentKind.CLAIMED: "said to have agreed",
                },
                "digests": {one.digest.id: one.digest for one in taken},
                "bounces": bounces_of_reader(connection, number),
                "changes": list_changes(connection, number),
                "mails": mails[:MAILS],
                "older": f"?before={mails[MAILS - 1].id}#mails" if len(mails) > MAILS else None,
                "is_first": last is None,
                "deeds": [(name, deed) for name, deed in DEEDS.items() if deed.is_for(reader)],
            }
        return Shown("reader.html", context)

    def data(self, visit: Visit) -> Response:
        """All that is kept of a reader, as a file for them; that it was taken is kept."""
        number = _number(visit)
        with self.frame.database.write() as connection:
            if get_subscriber(connection, number) is None:
                return self.frame.missing.nothing(visit.request)
            visit.record(connection, "reader.data", f"reader {number}")
        headers = {**PRIVATE, "Content-Disposition": f'attachment; filename="reader-{number}.json"'}
        return StreamingResponse(self.work.about(number), headers=headers, media_type="application/json")

    def ask(self, visit: Visit) -> Shown | Response:
        """What comes of a deed, before it is done."""
        with self.frame.database.read() as connection:
            reader = get_subscriber(connection, _number(visit))
        deed = DEEDS.get(visit.path("deed"))
        if reader is None or deed is None or not deed.is_for(reader):
            return self.frame.missing.nothing(visit.request)
        return _asked(deed, reader, visit)

    def act(self, visit: Visit) -> Shown | Done | Response:
        """Do it."""
        deed = DEEDS.get(visit.path("deed"))
        with self.frame.database.read() as connection:
            reader = get_subscriber(connection, _number(visit))
        if reader is None or deed is None:
            return self.frame.missing.nothing(visit.request)
        try:
            with self.frame.database.write() as connection:
                said = self._do(connection, deed, visit)
        except ValueError as error:
            return _asked(deed, reader, visit, str(error))
        if deed.scrubs:
            # It may take a minute, in which nobody should have to wait for the page.
            threading.Thread(target=self.work.scrub, name="scrub", daemon=True).start()
        return Done(f"/readers/{reader.id}", said)

    def _do(self, connection: Connection, deed: Deed, visit: Visit) -> str:
        reader = get_subscriber(connection, _number(visit))
        if reader is None or not deed.is_for(reader):
            raise DeedError(
                "This cannot be done any more: they are not what they were when the page was made."
            )
        doing = Doing(connection, reader, visit, self.work)
        said, detail = deed.do(doing)
        visit.record(connection, f"reader.{visit.path('deed')}", f"reader {reader.id}", **detail)
        return said

    def _suppressed(self, connection: Connection, reader: Subscriber) -> Any:
        if reader.email is None or reader.state is not SubscriberState.SUPPRESSED:
            return None
        return find_suppression_of(connection, reader.email, salt=self.work.salt(connection))


def _number(visit: Visit) -> int:
    # Beyond what a column holds nobody is.
    return min(int(visit.request.path_params["number"]), 2**63 - 1)


def _asked(deed: Deed, reader: Subscriber, visit: Visit, wrong: str = "") -> Shown:
    active = [one.digest for one in reader.subscriptions if one.state == "active"]
    chosen = visit.one("digest") or visit.query("digest")
    context = {
        "reader": reader,
        "name": reader.email or f"Reader {reader.id}",
        "deed": deed,
        "words": deed.words(reader),
        "active": active,
        "chosen": chosen if chosen in active else "",
        "until": visit.one("until"),
        "wrong": wrong,
    }
    return Shown("reader_deed.html", context, 422 if wrong else 200)


def _taken(connection: Connection, taken: Sequence[Subscribed], visit: Visit) -> list[Taken]:
    slugs = {slug for one in taken for slug in one.subscription.labels}
    index = load_labels(connection, slugs) if slugs else None

    def name(slug: str) -> str:
        found = index.addressed(slug) if index else None
        return found.name if found else slug

    return [_in_words(one, name, visit) for one in taken]


def _in_words(one: Subscribed, name: Callable[[str], str], visit: Visit) -> Taken:
    its = one.subscription
    standing, kind = ("active", "good") if one.is_active else ("ended", "off")
    if its.waits or (one.is_active and one.subscriber.state is SubscriberState.PENDING):
        standing, kind = "waits for their yes", "wait"
    elif one.is_active and its.paused_until and its.paused_until > visit.now:
        standing, kind = "paused", "wait"
    how = []
    if its.content:
        how.append("whole posts" if its.content == "full" else "summaries")
    if its.form == "text":
        how.append("plain text")
    if its.language:
        how.append(f"in {its.language}")
    return Taken(
        slug=one.digest.slug,
        title=one.digest.title,
        standing=standing,
        kind=kind,
        when=describe(one.rhythm) + ("" if its.cadence else ", as the digest"),
        labels=[name(slug) for slug in its.labels],
        how=how,
        until=its.paused_until if standing == "paused" else None,
        since=its.ended_at if standing == "ended" else its.created_at,
    )
