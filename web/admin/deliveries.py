"""``/admin/deliveries``: what went to whom, how it stands, and sending again what failed or is in doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from digests.deliveries import requeue
from digests.model import DeliveryState
from digests.review import answers, count_in_state, mails_of_edition, posts_in_edition, sent_answers
from digests.standing import EditionStanding, edition_standings
from digests.store import find_digest, list_digests
from web.admin.charts import Chart, Series, bars
from web.admin.frame import Done, Frame, Shown, Visit
from web.model import Role
from web.operations.figures import Day, history

EDITIONS = 25
LISTED = 50
DAYS = 60
# So many are taken from a form; more are meant by "all of the edition".
MOST_CHOSEN = 500
# In the order of a bar: how each state is shown, and its word.
SHOWN: Mapping[DeliveryState, tuple[str, str]] = {
    DeliveryState.SENT: ("good", "sent"),
    DeliveryState.SENDING: ("wait", "being sent"),
    DeliveryState.QUEUED: ("wait", "waiting"),
    DeliveryState.DEFERRED: ("wait", "deferred"),
    DeliveryState.IN_DOUBT: ("bad", "in doubt"),
    DeliveryState.FAILED: ("bad", "failed"),
    DeliveryState.SKIPPED: ("off", "skipped"),
}
REASONS = {"nothing_new": "Not mailed: nothing new.", "too_few": "Not mailed: too few posts yet."}
# What may be sent again, and by which name the command does it.
AGAIN = {DeliveryState.FAILED: "retry", DeliveryState.IN_DOUBT: "release"}
_OPEN = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.DEFERRED)


@dataclass(frozen=True, slots=True)
class DeliveriesPages:
    """Editions with how their mail stands, one of them, and what servers said."""

    frame: Frame

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            self.frame.route("/deliveries", self.list),
            self.frame.route("/deliveries/charts", self.charts),
            self.frame.route("/deliveries/answers", self.answers),
            self.frame.route("/deliveries/doubt", self.doubt),
            self.frame.route("/deliveries/again", self.ask_all, self.again_all, sees=Role.EDITOR),
            self.frame.route("/deliveries/{number:int}", self.edition),
            self.frame.route("/deliveries/{number:int}/standing", self.standing),
            self.frame.route("/deliveries/{number:int}/again", self.ask, self.again, sees=Role.EDITOR),
        ]

    def list(self, visit: Visit) -> Shown:
        """Editions, newest first."""
        slug, before = visit.query("digest"), _whole(visit.query("before"))
        with self.frame.database.read() as connection:
            digests = list_digests(connection)
            chosen = next((one for one in digests if one.slug == slug), None)
            found = edition_standings(
                connection, slug=chosen.slug if chosen else None, before=before, limit=EDITIONS + 1
            )
        more = f"&digest={chosen.slug}" if chosen else ""
        return Shown(
            "deliveries.html",
            {
                "digests": digests,
                "titles": {one.slug: one.title for one in digests},
                "chosen": chosen,
                "editions": [_told(one) for one in found[:EDITIONS]],
                "older": f"?before={found[EDITIONS - 1].id}{more}" if len(found) > EDITIONS else None,
                "is_first": before is None,
            },
        )

    def charts(self, visit: Visit) -> Shown:
        """Mails a day."""
        with self.frame.database.read() as connection:
            days = history(connection, "mails", since=visit.now.date() - timedelta(days=DAYS))
        return Shown("deliveries_charts.html", {"mails": mails_a_day(days)})

    def answers(self, visit: Visit) -> Shown:
        """What servers answered to what was not sent, over the last editions."""
        del visit
        with self.frame.database.read() as connection:
            grouped, is_all = answers(connection)
        return Shown("deliveries_answers.html", {"answers": grouped, "is_all": is_all})

    def doubt(self, visit: Visit) -> Shown:
        """The editions that have mail in doubt, or that failed."""
        del visit
        with self.frame.database.read() as connection:
            found = {state: count_in_state(connection, state) for state in AGAIN}
            numbers = {number for counts in found.values() for number in counts}
            editions = edition_standings(connection, numbers=numbers, limit=LISTED)
        told = [
            (one, found[DeliveryState.IN_DOUBT].get(one.id, 0), found[DeliveryState.FAILED].get(one.id, 0))
            for one in editions
        ]
        return Shown("deliveries_doubt.html", {"editions": told, "in_doubt": sum(pair[1] for pair in told)})

    def edition(self, visit: Visit) -> Shown | Response:
        """One edition: its posts, how its mail stands, and who did not get it."""
        number = _number(visit)
        before = _whole(visit.query("before"))
        with self.frame.database.read() as connection:
            found = _editions(connection, number)
            if not found:
                return self.frame.missing.nothing(visit.request)
            (one,) = found
            its = find_digest(connection, one.digest)
            state = _listed(visit.query("state"), one.states)
            mails = (
                mails_of_edition(connection, number, state, before=before, limit=LISTED + 1) if state else []
            )
            grouped, is_all = answers(connection, number=number)
            context = {
                "digest": its,
                "posts": posts_in_edition(connection, number),
                "answers": [*grouped, *sent_answers(connection, number)],
                "is_all": is_all,
            }
        told = _told(one)
        return Shown(
            "delivery.html",
            context
            | {
                "told": told,
                "one": one,
                "shown": SHOWN,
                "state": state,
                "states": [each for each in SHOWN if each in one.states and each is not DeliveryState.SENT],
                "mails": mails[:LISTED],
                "may_again": state in AGAIN,
                "older": f"?state={state}&before={mails[LISTED - 1].id}" if len(mails) > LISTED else None,
                "is_first": before is None,
            },
        )

    def standing(self, visit: Visit) -> Shown | Response:
        """How the mail of an edition stands, to be looked at again and again while it is sent."""
        with self.frame.database.read() as connection:
            found = _editions(connection, _number(visit))
        if not found:
            return self.frame.missing.nothing(visit.request)
        return Shown("delivery_standing.html", {"told": _told(found[0]), "one": found[0]})

    def ask(self, visit: Visit) -> Shown | Response:
        """How many would be sent again: those chosen, or all of the edition."""
        number, state = _number(visit), _again(visit.query("state"))
        if state is None:
            return self.frame.missing.nothing(visit.request)
        with self.frame.database.read() as connection:
            found = _editions(connection, number)
        if not found:
            return self.frame.missing.nothing(visit.request)
        chosen = _chosen(visit.request.query_params.getlist("delivery"))
        count = len(chosen) if chosen else found[0].states.get(state, 0)
        context = {"one": found[0], "told": _told(found[0]), "chosen": chosen}
        return Shown("deliveries_again.html", context | {"state": state, "count": count, "shown": SHOWN})

    def again(self, visit: Visit) -> Done | Response:
        """Queue them again."""
        number, state = _number(visit), _again(visit.one("state"))
        if state is None:
            return self.frame.missing.nothing(visit.request)
        chosen = _chosen(visit.many("delivery"))
        with self.frame.database.write() as connection:
            if not _editions(connection, number):
                return self.frame.missing.nothing(visit.request)
            count = requeue(connection, state, number=number, only=chosen or None, now=visit.now)
            visit.record(connection, f"deliveries.{AGAIN[state]}", f"edition {number}", count=count)
        return Done(f"/deliveries/{number}", _said(count))

    def ask_all(self, visit: Visit) -> Shown | Response:
        """How many would be sent again of all editions."""
        state = _again(visit.query("state"))
        if state is None:
            return self.frame.missing.nothing(visit.request)
        with self.frame.database.read() as connection:
            counts = count_in_state(connection, state, most=10**6)
        context = {"one": None, "told": None, "chosen": (), "editions": len(counts)}
        return Shown(
            "deliveries_again.html",
            context | {"state": state, "count": sum(counts.values()), "shown": SHOWN},
        )

    def again_all(self, visit: Visit) -> Done | Response:
        """Queue them all again."""
        state = _again(visit.one("state"))
        if state is None:
            return self.frame.missing.nothing(visit.request)
        with self.frame.database.write() as connection:
            count = requeue(connection, state, now=visit.now)
            visit.record(connection, f"deliveries.{AGAIN[state]}", "all editions", count=count)
        return Done("/deliveries/doubt", _said(count))


def mails_a_day(days: Sequence[Day]) -> Chart:
    """Mails by the day of their edition, and how they stand."""
    groups = (
        ("sent", "c1", (DeliveryState.SENT,)),
        ("not sent yet", "c2", (*_OPEN, DeliveryState.IN_DOUBT)),
        ("failed", "c3", (DeliveryState.FAILED,)),
        ("skipped", "c4", (DeliveryState.SKIPPED,)),
    )
    series = [
        Series(name, kind, {one.day: sum(one.numbers.get(state, 0) for state in states) for one in days})
        for name, kind, states in groups
    ]
    return bars("mails", "Mails a day", series)


def _said(count: int) -> str:
    if count == 0:
        return "Nothing was queued again: meanwhile none was left that could be."
    return f"{count:,} {'mail is' if count == 1 else 'mails are'} queued again, and sent at the next turn."


def _told(one: EditionStanding) -> dict[str, Any]:
    """An edition as its line, its bar and its page show it."""
    parts = [
        (kind, one.states[state], said) for state, (kind, said) in SHOWN.items() if one.states.get(state)
    ]
    left = sum(one.states.get(state, 0) for state in _OPEN)
    if one.reason is not None:
        words = REASONS.get(one.reason, one.reason)
    elif not one.states:
        words = "No mail yet."
    elif left:
        words = f"Under way: {left:,} of {one.readers:,} to go."
    else:
        words = "Done."
    return {"edition": one, "parts": parts, "is_open": bool(left), "words": words, "left": left}


def _editions(connection: Connection, number: int) -> Sequence[EditionStanding]:
    return edition_standings(connection, number=number, limit=1)


def _listed(text: str, states: Mapping[DeliveryState, int]) -> DeliveryState | None:
    """Which deliveries are listed: those asked for, else those that somebody should look at."""
    asked = next((state for state in SHOWN if state.value == text), None)
    if asked is not None and asked is not DeliveryState.SENT:
        return asked
    return next((state for state in AGAIN if states.get(state)), None)


def _again(text: str) -> DeliveryState | None:
    return next((state for state in AGAIN if state.value == text), None)


def _chosen(given: Sequence[str]) -> list[int]:
    """Deliveries' numbers as a form brings them; what is none is left out."""
    numbers = {_whole(text) for text in given[:MOST_CHOSEN]}
    return sorted(number for number in numbers if number is not None)


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _number(visit: Visit) -> int:
    return min(int(visit.request.path_params["number"]), 2**63 - 1)
