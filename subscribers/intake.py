"""Readers from a list: what becomes of each line, as a function of what is known here. Nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from subscribers.csvrows import Row, Status
from subscribers.model import SubscriberState, SubscriptionState
from subscribers.suppression import Suppression, SuppressionReason

_SUPPRESSES = {
    Status.BOUNCED: SuppressionReason.BOUNCED,
    Status.COMPLAINED: SuppressionReason.COMPLAINED,
    Status.SUPPRESSED: SuppressionReason.BY_HAND,
}


class Fate(StrEnum):
    """What became of a line; each line has one of these."""

    SUBSCRIBED = "subscribed"
    ALREADY = "already"
    SUPPRESSED = "suppressed"
    SKIPPED = "skipped"


class Move(StrEnum):
    """What is to be stored of a line."""

    NOTHING = "nothing"
    # A new subscription: it begins, or waits for the reader to agree, or had ended where it came from.
    BEGIN = "begin"
    WAIT = "wait"
    ENDED = "ended"
    # One that is there and waited: it begins.
    AGREE = "agree"
    SUPPRESS = "suppress"


# How a subscription stands after a move.
_HELD = {
    Move.BEGIN: (SubscriptionState.ACTIVE, False),
    Move.AGREE: (SubscriptionState.ACTIVE, False),
    Move.WAIT: (SubscriptionState.ENDED, True),
    Move.ENDED: (SubscriptionState.ENDED, False),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line with its digest (None: only the reader is wanted) and what was chosen of it, as columns.

    ``key`` is the address's. ``agreed_at`` with ``origin`` and ``wording`` is the consent that is claimed.
    """

    row: Row
    key: str
    digest_id: int | None
    choices: Mapping[str, Any]
    agreed_at: datetime
    origin: str
    wording: str


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription that is here: its state, since when, and whether it waits for its reader to agree.

    ``number`` is None for one that a line before is about to make.
    """

    number: int | None
    state: SubscriptionState
    waits: bool = False
    ended_at: datetime | None = None


@dataclass(slots=True)
class Known:
    """What is known here of an address: its reader's number and state, and what they hold, by digest.

    ``reckon`` reckons in what was decided of a line, for those after it.
    """

    key: str
    number: int | None = None
    state: SubscriberState | None = None
    suppression: Suppression | None = None
    held: dict[int, Held] = field(default_factory=dict)

    def reckon(self, wanted: Wanted, decision: "Decision", *, now: datetime) -> None:
        """Reckon a decision in, as if it were stored."""
        if decision.suppress_for is not None:
            self.suppression = Suppression(decision.suppress_for, now)
            return
        if decision.agreed:
            self._agree()
        elif decision.fate is Fate.SUBSCRIBED or decision.move is not Move.NOTHING:
            self.state = self.state or SubscriberState.PENDING
        if decision.move in _HELD and wanted.digest_id is not None:
            state, waits = _HELD[decision.move]
            old = self.held.get(wanted.digest_id)
            ended_at = wanted.row.since if decision.move is Move.ENDED else None
            self.held[wanted.digest_id] = Held(old.number if old else None, state, waits, ended_at)

    def _agree(self) -> None:
        """A pending reader agrees to one digest: the others wait for a yes of their own."""
        if self.state is SubscriberState.PENDING:
            for digest_id, one in self.held.items():
                if one.state is SubscriptionState.ACTIVE:
                    self.held[digest_id] = Held(one.number, SubscriptionState.ENDED, waits=True)
        self.state = SubscriberState.CONFIRMED


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a line, why, and what is to be stored of it.

    ``agreed``: they agreed, so their reader is confirmed; ``keeps``: the consent that it claims is kept.
    """

    fate: Fate
    reason: str = ""
    move: Move = Move.NOTHING
    agreed: bool = False
    keeps: bool = False
    pending: bool = False
    suppress_for: SuppressionReason | None = None


def decide(wanted: Wanted, known: Known, *, vouched: bool) -> Decision:
    """What becomes of one line. ``vouched``: the publisher says that those subscribed there agreed.

    Suppression goes before all; who unsubscribed here stays so; whoever the list itself does not call
    subscribed is not; and what a reader chose here is not changed by a list.
    """
    row = wanted.row
    if known.suppression is not None or known.state is SubscriberState.SUPPRESSED:
        return Decision(Fate.SUPPRESSED, _suppressed_here(row, known.suppression))
    if row.status in _SUPPRESSES:
        return Decision(
            Fate.SUPPRESSED,
            f"{row.email}: {_there(row)}",
            Move.SUPPRESS,
            suppress_for=_reason(row),
        )
    if row.status is Status.UNSUBSCRIBED:
        return Decision(Fate.SKIPPED, f"{row.email} is not subscribed there: {_there(row)}")
    return _wanted(wanted, known, agreed=vouched and row.status is Status.SUBSCRIBED)


def _wanted(wanted: Wanted, known: Known, *, agreed: bool) -> Decision:
    """What becomes of a reader whom the list calls one, or asked."""
    here = None if wanted.digest_id is None else known.held.get(wanted.digest_id)
    if wanted.row.ended:
        return _ended_there(wanted.row, here, known, agreed=agreed)
    if here is not None:
        return _held(wanted.row, here, known, agreed=agreed)
    if wanted.digest_id is None and known.state is not None:
        return Decision(Fate.ALREADY)
    # One who gets other mail already gets nothing more before they agree.
    waits = known.state is SubscriberState.CONFIRMED and not agreed
    return Decision(
        Fate.SUBSCRIBED,
        move=Move.WAIT if waits else Move.BEGIN,
        agreed=agreed,
        keeps=agreed,
        pending=not agreed,
    )


def _held(row: Row, here: Held, known: Known, *, agreed: bool) -> Decision:
    if here.state is SubscriptionState.ENDED and not here.waits:
        return Decision(
            Fate.SKIPPED,
            f"{row.email} unsubscribed here{_on(here.ended_at)}: only they can come back, by a new consent",
        )
    if agreed and (here.waits or known.state is SubscriberState.PENDING):
        return Decision(Fate.SUBSCRIBED, move=Move.AGREE, agreed=True, keeps=True)
    return Decision(Fate.ALREADY)


def _ended_there(row: Row, here: Held | None, known: Known, *, agreed: bool) -> Decision:
    """Our own export tells of a reader who unsubscribed from a digest: so do they here, and stay a reader."""
    reason = f"{row.email} is not subscribed there: unsubscribed{_on(row.since)}"
    if here is not None:
        return Decision(Fate.SKIPPED, reason)
    # That they had agreed once is still what a publisher has to show, where the list tells when.
    keeps = agreed and row.agreed_at is not None
    return Decision(Fate.SKIPPED, reason, Move.ENDED, agreed=agreed and known.state is None, keeps=keeps)


def _reason(row: Row) -> SuppressionReason:
    known = {str(reason): reason for reason in SuppressionReason if reason is not SuppressionReason.ERASED}
    return known.get(row.why, _SUPPRESSES[row.status])


def _suppressed_here(row: Row, known: Suppression | None) -> str:
    if known is None:
        return f"{row.email} is suppressed here"
    if known.reason is SuppressionReason.ERASED:
        return f"{row.email} was erased here{_on(known.at)}, as its reader wished"
    return f"{row.email} is suppressed here: {known.reason}{_on(known.at)}"


def _there(row: Row) -> str:
    return f"{row.why[:40] or row.status}{_on(row.since)}"


def _on(at: datetime | None) -> str:
    return "" if at is None else f" on {at:%Y-%m-%d}"
