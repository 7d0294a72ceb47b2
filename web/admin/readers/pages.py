"""``/admin/readers``: readers by email, found by a part of their address, their state or their digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from digests.model import Digest
from digests.store import list_digests
from subscribers.finding import COUNTED, Asked, count_readers, find_readers
from subscribers.model import SubscriberState
from web.admin.charts import Chart, Series, curves, shares
from web.admin.frame import Done, Frame, Shown, Visit
from web.admin.readers.lists import ReaderListPages
from web.admin.readers.one import ReaderActs
from web.admin.readers.work import ReaderWork
from web.model import Role
from web.operations.figures import Day, history, newest
from web.security import PRIVATE

A_PAGE = 50
LONGEST_TEXT = 320
DAYS = 90
MOST_LABELS = 20
STATES = tuple(SubscriberState)
# How a state stands, for the mark that is told beside its word.
KINDS = {
    SubscriberState.PENDING: "wait",
    SubscriberState.CONFIRMED: "good",
    SubscriberState.SUPPRESSED: "bad",
    SubscriberState.ERASED: "off",
}


@dataclass(frozen=True, slots=True)
class ReadersPages:
    """The list of readers, charts of them, and lists to take away."""

    frame: Frame
    work: ReaderWork

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            self.frame.route("/readers", self.list),
            self.frame.route("/readers/charts", self.charts),
            self.frame.route("/readers/export", self.ask, self.export, sees=Role.EDITOR),
            *ReaderListPages(self.frame, self.work).routes(),
            *ReaderActs(self.frame, self.work).routes(),
        ]

    def list(self, visit: Visit) -> Shown:
        """A page of those asked for."""
        with self.frame.database.read() as connection:
            digests = list_digests(connection)
            asked = read_asked(visit, digests)
            salt = self.work.salt(connection)
            page = find_readers(connection, asked, salt=salt, after=number_of(visit, "after"), limit=A_PAGE)
            counts = [(state, count_readers(connection, Asked(state=state))) for state in STATES]
            mine = count_readers(connection, asked) if asked.digest_id and not asked.text else None
        words = _words(visit)
        then = None if page.then is None else f"?{urlencode({**words, 'after': page.then})}"
        return Shown(
            "readers.html",
            {
                "asked": asked,
                "words": words,
                "digests": digests,
                "states": STATES,
                "kinds": KINDS,
                "counts": [(state, KINDS[state], _capped(count)) for state, count in counts],
                "mine": _capped(mine) if asked.digest_id and not asked.text and not asked.state else None,
                "page": page,
                "then": then,
                "is_first": not visit.query("after"),
                "everybody": f"?{urlencode(words)}" if words else "",
            },
        )

    def charts(self, visit: Visit) -> Shown:
        """Readers over time, and what they are interested in."""
        today = visit.now.date()
        with self.frame.database.read() as connection:
            over_time = history(connection, "readers", since=today - timedelta(days=DAYS))
            chosen_on, chosen = newest(connection, "chosen", limit=MOST_LABELS)
            feeds_on, feeds = newest(connection, "feeds", limit=MOST_LABELS)
        return Shown(
            "readers_charts.html",
            {
                "over_time": readers_over_time(over_time),
                "chosen": shares(chosen),
                "chosen_on": chosen_on,
                "feeds": shares(feeds),
                "feeds_on": feeds_on,
            },
        )

    def ask(self, visit: Visit) -> Shown:
        """Which readers the list is to hold."""
        with self.frame.database.read() as connection:
            digests = list_digests(connection)
        told = {"digests": digests, "states": STATES, "words": _words(visit)}
        return Shown("readers_export.html", told)

    def export(self, visit: Visit) -> Done | Response:
        """The list, as a file; that somebody took it is kept."""
        with self.frame.database.write() as connection:
            digests = list_digests(connection)
            state = _state(visit.one("state"))
            chosen = next((one for one in digests if one.slug == visit.one("digest")), None)
            what = {"state": state.value if state else "", "digest": chosen.slug if chosen else ""}
            visit.record(connection, "readers.export", "readers", **what)
        name = "-".join(["readers", *(word for word in what.values() if word), f"{visit.now:%Y-%m-%d}"])
        headers = {**PRIVATE, "Content-Disposition": f'attachment; filename="{name}.csv"'}
        body = self.work.export(state, chosen.id if chosen else None)
        return StreamingResponse(body, headers=headers, media_type="text/csv; charset=utf-8")


def readers_over_time(days: Sequence[Day]) -> Chart:
    """How many readers there were in each state; those erased are nobody's business."""
    shown = (
        (SubscriberState.CONFIRMED, "c1"),
        (SubscriberState.PENDING, "c2"),
        (SubscriberState.SUPPRESSED, "c3"),
    )
    series = [
        Series(state.value, kind, {one.day: one.numbers.get(state, 0) for one in days})
        for state, kind in shown
    ]
    return curves("over-time", "Readers by email", series)


def read_asked(visit: Visit, digests: list[Digest]) -> Asked:
    """Whom a request looks for; what it says wrongly it does not say."""
    chosen = next((one.id for one in digests if one.slug == visit.query("digest")), None)
    return Asked(visit.query("q")[:LONGEST_TEXT], _state(visit.query("state")), chosen)


def number_of(visit: Visit, name: str) -> int | None:
    """A number behind the question mark; None where there is none."""
    return whole(visit.query(name))


def whole(text: str) -> int | None:
    """A row's number as it stands in an address; None where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _state(text: str) -> SubscriberState | None:
    return next((state for state in STATES if state.value == text), None)


def _words(visit: Visit) -> dict[str, Any]:
    """What was asked for, as it stands in an address."""
    asked = {name: visit.query(name)[:LONGEST_TEXT] for name in ("q", "state", "digest")}
    return {name: text for name, text in asked.items() if text}


def _capped(count: int | None) -> str:
    return f"more than {COUNTED:,}" if count is None else f"{count:,}"
