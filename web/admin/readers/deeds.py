"""What the publisher can do for a reader: what is said of it first, and how it is done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from digests.choosing import pause_end
from digests.store import get_digest
from outbox.notices import enqueue
from subscribers.consent import list_consents
from subscribers.model import (
    ConsentKind,
    Subscriber,
    SubscriberState,
    Subscription,
    SubscriptionState,
)
from subscribers.subscribing import CHOICES, change, unsubscribe, unsubscribe_all
from subscribers.suppression import SuppressionReason, lift, suppress
from web.admin.frame import Visit
from web.admin.readers.work import ReaderWork
from web.readers.choices import LONGEST_PAUSE

REASONS = tuple(reason for reason in SuppressionReason if reason is not SuppressionReason.ERASED)
# What is recorded where nobody knows any more by which words they were asked.
_WORDING = "They were asked whether they want the digest {slug}."


class DeedError(ValueError):
    """It cannot be done so; the message tells a person why."""


@dataclass(frozen=True, slots=True)
class Doing:
    """What a deed has to do with: all in one transaction."""

    connection: Connection
    reader: Subscriber
    visit: Visit
    work: ReaderWork

    @property
    def email(self) -> str:
        """The reader's address; one without is done nothing for."""
        if self.reader.email is None:
            raise DeedError("They were erased.")
        return self.reader.email

    def chosen(self) -> list[Subscription]:
        """The subscriptions that are meant: that to the digest named, or all that are active."""
        slug = self.visit.one("digest")
        active = _active(self.reader)
        mine = [one for one in active if slug in {"", one.digest}]
        if not mine:
            raise DeedError("They get no such digest any more.")
        return mine


# What it comes to: in words for the next page, and for the record of who did what.
Outcome = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something to do for a reader.

    ``title`` is what its page and its button say; ``fields`` names what its form asks: ``digest``, ``until``,
    ``reason``. ``scrubs``: what was deleted is to leave the database's file too.
    """

    title: str
    kind: str
    is_for: Callable[[Subscriber], bool]
    words: Callable[[Subscriber], Sequence[str]]
    do: Callable[[Doing], Outcome]
    fields: tuple[str, ...] = ()
    scrubs: bool = False


def _active(reader: Subscriber) -> list[Subscription]:
    return [one for one in reader.subscriptions if one.state is SubscriptionState.ACTIVE]


def _asked(reader: Subscriber) -> list[Subscription]:
    """Those that wait for the reader to agree."""
    if reader.state is SubscriberState.PENDING:
        return [one for one in reader.subscriptions if one.waits or one in _active(reader)]
    if reader.state is SubscriberState.CONFIRMED:
        return [one for one in reader.subscriptions if one.waits]
    return []


def _unsubscribe(doing: Doing) -> Outcome:
    mine, now = doing.chosen(), doing.visit.now
    if doing.visit.one("digest"):
        for one in mine:
            unsubscribe(doing.connection, one.id, now=now)
    else:
        unsubscribe_all(doing.connection, doing.reader.id, now=now)
    slugs = [one.digest for one in mine]
    return f"They are unsubscribed from {', '.join(slugs)}.", {"digests": slugs}


def _pause(doing: Doing) -> Outcome:
    until, now = doing.visit.one("until"), doing.visit.now
    mine = doing.chosen()
    for one in mine:
        timezone = one.timezone or get_digest(doing.connection, one.digest).timezone
        end = pause_end(until, timezone)
        if not now < end <= now + LONGEST_PAUSE:
            raise DeedError("A pause ends on a day to come, within two years.")
        change(doing.connection, one.id, {"paused_until": end})
    slugs = [one.digest for one in mine]
    return f"{', '.join(slugs)}: paused until {until}.", {"digests": slugs, "until": until}


def _resume(doing: Doing) -> Outcome:
    mine = [one for one in doing.chosen() if one.paused_until]
    for one in mine:
        change(doing.connection, one.id, {"paused_until": None})
    slugs = [one.digest for one in mine]
    return f"They go on with {', '.join(slugs)}." if mine else "Nothing was paused.", {"digests": slugs}


def _suppress(doing: Doing) -> Outcome:
    reason = next((one for one in REASONS if one.value == doing.visit.one("reason")), None)
    if reason is None:
        raise DeedError("Choose why nothing is to be sent to them.")
    salt = doing.work.salt(doing.connection)
    suppress(doing.connection, doing.email, reason=reason, now=doing.visit.now, salt=salt)
    return "Nothing is sent to them any more.", {"reason": reason.value}


def _lift(doing: Doing) -> Outcome:
    lift(doing.connection, doing.email, salt=doing.work.salt(doing.connection))
    return "They may be written to again, once they agree anew.", {}


def _ask(doing: Doing) -> Outcome:
    """Ask them again, by the words they were asked by, for what they chose."""
    waiting = _asked(doing.reader)
    words = {
        one.digest_id: one.wording
        for one in list_consents(doing.connection, doing.reader.id)
        if one.kind is ConsentKind.ASKED
    }
    for one in waiting:
        its = get_digest(doing.connection, one.digest)
        choices = {name: getattr(one, name) for name in CHOICES} | {"labels": list(one.labels)}
        payload = {
            "address": doing.email,
            "digest": its.id,
            "choices": {name: value for name, value in choices.items() if value is not None},
            "origin": "publisher",
            "wording": words.get(its.id) or _WORDING.format(slug=its.slug),
        }
        key = f"signup:reader:{doing.reader.id}:{its.id}"
        enqueue(doing.connection, "signup", payload, key=key, now=doing.visit.now)
    slugs = [one.digest for one in waiting]
    return f"They are asked again about {', '.join(slugs)}.", {"digests": slugs}


def _erase(doing: Doing) -> Outcome:
    doing.work.erase(doing.connection, doing.email, now=doing.visit.now)
    return "They are erased. Only they themselves can come back.", {}


def _has(*states: SubscriberState) -> Callable[[Subscriber], bool]:
    return lambda reader: reader.email is not None and reader.state in states


def _gets_mail(reader: Subscriber) -> bool:
    return reader.email is not None and bool(_active(reader))


_HERE = (SubscriberState.PENDING, SubscriberState.CONFIRMED)

DEEDS: Mapping[str, Deed] = {
    "ask": Deed(
        "Ask them again",
        "main",
        lambda reader: reader.email is not None and bool(_asked(reader)),
        lambda reader: (
            f"A mail asks them whether they want {', '.join(one.digest for one in _asked(reader))}.",
            "Until they say yes they get nothing of it.",
            "Who was asked within the last hour is not asked again.",
        ),
        _ask,
    ),
    "pause": Deed(
        "Pause their mail",
        "plain",
        _gets_mail,
        lambda _reader: (
            "Nothing is sent to them until that day, and what they miss does not come later.",
            "They can end the pause themselves at any time.",
        ),
        _pause,
        ("digest", "until"),
    ),
    "resume": Deed(
        "Resume their mail",
        "plain",
        lambda reader: _gets_mail(reader) and any(one.paused_until for one in _active(reader)),
        lambda _reader: ("Their pause ends now, and mail goes out at the next slot.",),
        _resume,
        ("digest",),
    ),
    "unsubscribe": Deed(
        "Unsubscribe them",
        "plain",
        _gets_mail,
        lambda _reader: (
            "They get nothing of it any more; what waits to be sent is skipped.",
            "No list brings them back: only a new consent of theirs does.",
        ),
        _unsubscribe,
        ("digest",),
    ),
    "suppress": Deed(
        "Never write to them again",
        "danger",
        _has(*_HERE),
        lambda reader: (
            f"Their subscriptions end ({len(_active(reader))} now), and what waits to be sent is skipped.",
            "No list and no sign-up brings the address back until you lift this.",
        ),
        _suppress,
        ("reason",),
    ),
    "lift": Deed(
        "Let them be written to again",
        "plain",
        _has(SubscriberState.SUPPRESSED),
        lambda _reader: (
            "The address may be written to again. Its subscriptions stay ended: they have to agree anew.",
        ),
        _lift,
    ),
    "erase": Deed(
        "Erase them",
        "danger",
        lambda reader: reader.email is not None,
        lambda reader: (
            "Their address goes: here, in consents, in servers’ answers, at keys of private feeds.",
            f"Their subscriptions ({len(reader.subscriptions)}) end; what waits to be sent is skipped.",
            "What stays: that a reader of this number was sent what, without who they are.",
            "And a salted hash of the address: only they themselves can come back, by signing up.",
            "This cannot be undone. If they asked for their data too, take that first.",
        ),
        _erase,
        scrubs=True,
    ),
}
