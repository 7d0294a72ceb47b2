"""What a reader chooses of a digest, as they say it, checked before it is stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from digests.cadence import Cadence, CadenceError, check_at, parse_at, zone_name
from digests.model import Digest
from digests.offer import DigestError, check_language, reader_cadence
from digests.shape import CONTENTS
from digests.zones import zone
from subscribers.model import Subscription

FORMS = ("html", "text")


@dataclass(frozen=True, slots=True)
class Words:
    """A reader's choices in their words. None: nothing said of it; empty: back to the digest's own.

    ``at`` is as ``parse_at`` reads it. ``labels`` are names or slugs.
    """

    labels: Sequence[str] | None = None
    cadence: str | None = None
    at: str | None = None
    timezone: str | None = None
    language: str | None = None
    content: str | None = None
    form: str | None = None


DEFAULT = Words(labels=(), cadence="", at="", timezone="", language="", content="", form="")


def read_choices(
    its: Digest, words: Words, *, slug_of: Callable[[str], str], chosen: Subscription | None = None
) -> dict[str, Any]:
    """The columns of a subscription that these words choose, and their values (None: the digest's own).

    ``slug_of`` finds a label's slug; ``chosen`` is what the reader chose before. Raises ``CadenceError`` or
    ``DigestError``, which tell what may be chosen.
    """
    choices: dict[str, Any] = {}
    if words.labels is not None:
        choices["labels"] = sorted({slug_of(name) for name in words.labels if name.strip()})
    if words.cadence is not None:
        choices["cadence"] = str(reader_cadence(its, words.cadence)) if words.cadence else None
    if words.timezone is not None:
        choices["timezone"] = zone_name(words.timezone) if words.timezone else None
    if words.language is not None:
        choices["language"] = check_language(words.language) if words.language else None
    for name, asked, known in (("content", words.content, CONTENTS), ("form", words.form, FORMS)):
        if asked is not None:
            choices[name] = _one_of(name, asked, known) if asked else None
    if words.at is not None:
        cadence = choices.get("cadence", chosen.cadence if chosen else None)
        choices |= _at(words.at, Cadence(cadence or its.cadence))
    return choices


def pause_end(text: str, timezone: str) -> datetime:
    """The instant that a pause ends at: an instant, or the beginning of a day in the reader's timezone.

    Raises ``CadenceError`` when it is neither.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    try:
        end = datetime.fromisoformat(text) if day is None else datetime.combine(day, time())
        end = end if end.tzinfo else end.replace(tzinfo=zone(timezone))
        return end.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CadenceError(
            f"{text[:40]!r} is no date: write one like 2026-12-24 or 2026-12-24T08:00Z"
        ) from error


def _at(text: str, cadence: Cadence) -> dict[str, int | None]:
    if not text:
        return dict.fromkeys(("minute", "weekday", "monthday"))
    if cadence is Cadence.INSTANT:
        raise CadenceError(f"at {text[:40]!r}: instant comes as soon as there is news: leave it out")
    at = parse_at(text)
    check_at(at, [cadence])
    return {"minute": at.minute, "weekday": at.weekday, "monthday": at.monthday}


def _one_of(name: str, text: str, known: Sequence[str]) -> str:
    if text.strip().lower() in known:
        return text.strip().lower()
    raise DigestError(f"{name} {text[:40]!r} is none: choose one of {', '.join(known)}")
