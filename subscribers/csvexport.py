"""Subscribers to CSV: every choice of every reader, such that an import gives the same readers back."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from subscribers.csvformats.own import ASKED
from subscribers.csvguard import guarded
from subscribers.model import Subscriber, SubscriberState, Subscription

COLUMNS = (
    "email",
    "state",
    "language",
    "digest",
    "subscription",
    "labels",
    "cadence",
    "timezone",
    "hour",
    "weekday",
    "monthday",
    "content",
    "form",
    "digest_language",
    "paused_until",
    "agreed_at",
    "agreed_from",
    "since",
    "reason",
)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Agreed:
    """The consent that a line of the export tells of."""

    at: datetime
    origin: str


# The consents of a reader, by the digest's slug (None: of none).
Consents = Mapping[str | None, Agreed]


def write_csv(
    stream: TextIO,
    readers: Iterable[tuple[Subscriber, Consents, str | None]],
    *,
    newline: str = "\r\n",
    heading: bool = True,
) -> int:
    """Write a line for each subscription, and for each subscriber without; return how many.

    With each subscriber come their consents and, of one who is suppressed, the reason. Those erased are left
    out. A cell that a spreadsheet would run as a formula begins with an apostrophe, which ``read_csv`` takes
    off again. Open the stream with ``newline=""``. Without ``heading`` it goes on with a list begun before.
    """
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator=newline)
    if heading:
        writer.writeheader()
    count = 0
    for line in _lines(readers):
        writer.writerow({name: guarded(cell) for name, cell in line.items() if cell})
        count += 1
    return count


def _lines(readers: Iterable[tuple[Subscriber, Consents, str | None]]) -> Iterator[dict[str, str | None]]:
    for reader, consents, reason in readers:
        if reader.email is None or reader.state is SubscriberState.ERASED:
            continue
        its: dict[str, str | None] = {
            "email": reader.email,
            "state": reader.state,
            "language": reader.language,
            "reason": reason,
        }
        for one in reader.subscriptions:
            yield its | _subscription(one) | _agreed(consents.get(one.digest))
        if not reader.subscriptions:
            yield its | _agreed(consents.get(None))


def _subscription(one: Subscription) -> dict[str, str | None]:
    return {
        "digest": one.digest,
        "subscription": ASKED if one.waits else one.state,
        "labels": ";".join(one.labels),
        "cadence": one.cadence,
        "timezone": one.timezone,
        "hour": None if one.minute is None else f"{one.minute // 60:02}:{one.minute % 60:02}",
        "weekday": None if one.weekday is None else _DAYS[one.weekday],
        "monthday": None if one.monthday is None else str(one.monthday),
        "content": one.content,
        "form": one.form,
        "digest_language": one.language,
        "paused_until": _instant(one.paused_until),
        "since": None if one.waits else _instant(one.ended_at),
    }


def _agreed(consent: Agreed | None) -> dict[str, str | None]:
    if consent is None:
        return {}
    return {"agreed_at": _instant(consent.at), "agreed_from": consent.origin}


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
