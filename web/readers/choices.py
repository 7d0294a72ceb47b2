"""What a reader chose of a digest, as a form shows it and as it is posted. All pure.

A choice that is the digest's own is stored as none: the reader goes along when the publisher changes it.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from digests.cadence import CadenceError, clock, parse_at, zone_name
from digests.choosing import pause_end
from digests.model import Digest
from digests.offer import DigestError, check_language, reader_cadence
from digests.subscribed import Subscribed
from digests.zones import zone
from web.forms import Form

LONGEST_PAUSE = timedelta(days=2 * 366)
_LONGEST = 100
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Choices:
    """The form's fields as texts; ``some`` tells that only ``labels``, by their slugs, are wanted."""

    some: bool
    labels: frozenset[str]
    cadence: str
    weekday: str
    monthday: str
    at: str
    timezone: str
    content: str
    form: str
    language: str
    paused_until: str

    @classmethod
    def kept(cls, found: Subscribed, labels: Collection[str], now: datetime) -> "Choices":
        """What is stored of them; ``labels`` are the chosen ones as they are called now.

        A cadence that the digest offers no more shows as the digest's own.
        """
        its, rhythm = found.subscription, found.rhythm
        until = its.paused_until
        paused = until is not None and until > now
        return cls(
            some=bool(labels),
            labels=frozenset(labels),
            cadence=rhythm.cadence if rhythm.cadence in found.digest.cadences else found.digest.cadence,
            weekday=str(rhythm.weekday),
            monthday=str(rhythm.monthday),
            at=clock(rhythm.minute),
            timezone=rhythm.timezone,
            content=its.content or found.digest.content,
            form=its.form or "html",
            language=its.language or "",
            paused_until=f"{until.astimezone(zone(rhythm.timezone)):%Y-%m-%d}" if until and paused else "",
        )

    def with_labels(self, slugs: Iterable[str]) -> "Choices":
        """The same with further labels: who names one wants only some."""
        return replace(self, labels=self.labels.union(slugs), some=True)

    @classmethod
    def posted(cls, form: Form) -> "Choices":
        """What a form brought; a field that is not in it is empty."""

        def one(name: str) -> str:
            return next(iter(form.get(name, ())), "")[:_LONGEST].strip()

        return cls(
            some=one("which") == "some",
            labels=frozenset(form.get("label", ())),
            cadence=one("cadence"),
            weekday=one("weekday"),
            monthday=one("monthday"),
            at=one("at"),
            timezone=one("timezone"),
            content=one("content"),
            form=one("form"),
            language=one("language"),
            paused_until=one("paused_until"),
        )


def read_choices(
    asked: Choices, its: Digest, *, offered: Collection[str], now: datetime
) -> tuple[dict[str, Any], dict[str, str]]:
    """What to change by ``subscribers.subscribing.change``; and what is wrong, a sentence for each field.

    ``offered`` are the slugs of the labels that may be chosen. Where something is wrong nothing is to be
    changed.
    """
    changes: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    if not asked.some:
        changes["labels"] = ()
    readers = _READERS if asked.some else {name: read for name, read in _READERS.items() if name != "label"}
    for name, read in readers.items():
        try:
            changes |= read(asked, its, offered, now)
        except ValueError as error:
            wrong[name] = _sentence(str(error))
    return changes, wrong


def _labels(asked: Choices, _its: Digest, offered: Collection[str], _now: datetime) -> dict[str, Any]:
    if not asked.labels:
        raise ValueError("choose at least one label, or everything")
    if not asked.labels <= set(offered):
        raise ValueError("one of the labels is not there any more: choose again")
    return {"labels": tuple(sorted(asked.labels))}


def _cadence(asked: Choices, its: Digest, _offered: Collection[str], _now: datetime) -> dict[str, Any]:
    return _own(its, cadence=str(reader_cadence(its, asked.cadence)))


def _weekday(asked: Choices, its: Digest, _offered: Collection[str], _now: datetime) -> dict[str, Any]:
    return _own(its, weekday=_number(asked.weekday, 0, 6, its.weekday))


def _monthday(asked: Choices, its: Digest, _offered: Collection[str], _now: datetime) -> dict[str, Any]:
    return _own(its, monthday=_number(asked.monthday, 1, 31, its.monthday))


def _at(asked: Choices, its: Digest, _offered: Collection[str], _now: datetime) -> dict[str, Any]:
    if not _CLOCK.fullmatch(asked.at):
        raise ValueError("write the time of day like 08:00")
    return _own(its, minute=parse_at(asked.at).minute)


def _timezone(asked: Choices, its: Digest, _offered: Collection[str], _now: datetime) -> dict[str, Any]:
    return _own(its, timezone=zone_name(asked.timezone))


def _content(asked: Choices, its: Digest, _offered: Collection[str], _now: datetime) -> dict[str, Any]:
    if asked.content not in {"full", "summary"}:
        raise ValueError("choose how a mail looks: whole posts or summaries")
    return _own(its, content=asked.content)


def _form(asked: Choices, _its: Digest, _offered: Collection[str], _now: datetime) -> dict[str, Any]:
    if asked.form not in {"html", "text"}:
        raise ValueError("choose how a mail looks: with layout or as plain text")
    return {"form": None if asked.form == "html" else asked.form}


def _language(asked: Choices, _its: Digest, _offered: Collection[str], _now: datetime) -> dict[str, Any]:
    try:
        return {"language": check_language(asked.language) if asked.language else None}
    except DigestError as error:
        # It is the reader's here.
        raise ValueError(str(error).removeprefix("digest ")) from error


def _pause(asked: Choices, its: Digest, _offered: Collection[str], now: datetime) -> dict[str, Any]:
    if not asked.paused_until:
        return {"paused_until": None}
    try:
        place = zone_name(asked.timezone or its.timezone)
    except CadenceError:
        # That is said of the other field, and then nothing is changed.
        place = its.timezone
    until = pause_end(asked.paused_until, place)
    if not now < until <= now + LONGEST_PAUSE:
        raise ValueError("a pause ends on a day to come, within two years")
    return {"paused_until": until}


# By the names of the form's fields.
_READERS: Mapping[str, Callable[[Choices, Digest, Collection[str], datetime], dict[str, Any]]] = {
    "label": _labels,
    "cadence": _cadence,
    "weekday": _weekday,
    "monthday": _monthday,
    "at": _at,
    "timezone": _timezone,
    "content": _content,
    "form": _form,
    "language": _language,
    "paused_until": _pause,
}


def _own(its: Digest, **chosen: Any) -> dict[str, Any]:
    """A choice; none where it is the digest's own."""
    return {name: None if value == getattr(its, name) else value for name, value in chosen.items()}


def _number(text: str, least: int, most: int, otherwise: int) -> int:
    """A number of a field; what the digest has where the form has no such field."""
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 3 and least <= int(text) <= most):
        raise ValueError("choose a day of the week, or of the month")
    return int(text)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def zone_choices(names: Collection[str], chosen: str) -> list[str]:
    """The timezones to choose from: those named for places, UTC, and the one that is chosen."""
    shown = {name for name in names if "/" in name and not name.startswith(_NO_PLACES)}
    return sorted(shown | {"UTC", chosen} - {""})


_NO_PLACES = ("Etc/", "SystemV/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/")
