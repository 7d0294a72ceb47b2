"""What a publisher says of a digest, checked before it is stored; and what a reader makes of it."""

import re
from collections.abc import Sequence
from datetime import timedelta

from digests.cadence import At, Cadence, Rhythm, check_at, parse_at
from digests.model import Digest
from posts.rules import parse

# How late a digest may be, unless the publisher says otherwise: about half its period or less, and never less
# than a night's outage. Once that has passed, its posts come with the next.
MAX_LATENESS = {
    Cadence.INSTANT: timedelta(hours=24),
    Cadence.DAILY: timedelta(hours=12),
    Cadence.WEEKLY: timedelta(days=2),
    Cadence.MONTHLY: timedelta(days=5),
}
# No less than the longest pause between two ticks: a tick is always a little late, and what is later than
# allowed each time would fold for ever.
LEAST_LATENESS = timedelta(hours=1)
MAX_AGE = timedelta(days=14)
DEFAULT_AT = At(minute=8 * 60, weekday=0, monthday=1)

LONGEST_SLUG = 63
LONGEST_TITLE = 200
LONGEST_SPAN = timedelta(days=3660)

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_TEMPLATE = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")


class DigestError(ValueError):
    """A digest that cannot be so, or is not there; one line says which and what to do."""


def check_slug(text: str) -> str:
    """A digest's slug: lower-case ASCII letters, digits and single hyphens, at most 63 characters.

    It stands in addresses and, as one part of a domain name, in List-Id (RFC 2919 section 2).
    """
    if len(text) <= LONGEST_SLUG and _SLUG.fullmatch(text):
        return text
    nearest = re.sub(r"[^a-z0-9]+", "-", text.lower())[:LONGEST_SLUG].strip("-")
    hint = f", like {nearest!r}" if nearest else ""
    raise DigestError(
        f"digest slug {text[:80]!r} is none: use lower-case letters a to z, digits and hyphens, "
        f"{LONGEST_SLUG} at most{hint}"
    )


def check_title(text: str) -> str:
    """A title of one line, with its white space collapsed."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise DigestError(f"digest title {text[:80]!r} holds a line break or another control character")
    title = " ".join(text.split())
    if not title or len(title) > LONGEST_TITLE:
        raise DigestError(f"digest title {text[:80]!r} is none: use 1 to {LONGEST_TITLE} characters")
    return title


def check_rule(text: str) -> str:
    """A label rule as ``posts.rules`` prints it; raises its ``RuleError``, which tells the place."""
    return str(parse(text))


def check_language(text: str) -> str:
    """A language tag (RFC 5646), by its looks."""
    if len(text) > 35 or not _LANGUAGE.fullmatch(text):
        raise DigestError(f"digest language {text[:40]!r} is no language tag: write one like en or pt-BR")
    return text


def check_template(text: str) -> str:
    """The name of a folder of email templates, by its looks."""
    if len(text) > 64 or not _TEMPLATE.fullmatch(text):
        raise DigestError(
            f"digest template {text[:80]!r} is no template's name: use letters a to z, digits, hyphens"
        )
    return text


def check_cadences(cadence: Cadence, offered: Sequence[str] | None) -> tuple[Cadence, ...]:
    """The cadences that readers may choose, the digest's own among them, in the order of length.

    None means all. Raises ``CadenceError`` for one that is none, ``DigestError`` when the digest's own is not
    offered.
    """
    if offered is None:
        return tuple(Cadence)
    chosen = {Cadence.parse(name) for name in offered}
    if cadence not in chosen:
        raise DigestError(
            f"digest cadence {cadence} is not among those offered ({', '.join(offered)}): offer it too"
        )
    return tuple(one for one in Cadence if one in chosen)


def check_day(text: str | None, cadence: Cadence, offered: Sequence[Cadence] | None) -> At:
    """The digest's time of day, weekday and day of the month; 08:00, Monday and the 1st where none is given.

    Raises ``CadenceError`` for a time that is none, or a day that neither the digest's own cadence nor one
    named with it looks at.
    """
    if text is None:
        return DEFAULT_AT
    at = parse_at(text)
    check_at(at, offered or [cadence])
    return filled(at, DEFAULT_AT)


def filled(at: At, other: At) -> At:
    """A time, with the days it leaves open taken from another."""
    return At(
        minute=at.minute,
        weekday=other.weekday if at.weekday is None else at.weekday,
        monthday=other.monthday if at.monthday is None else at.monthday,
    )


def check_span(name: str, span: timedelta, *, least: timedelta) -> timedelta:
    """A length of time between ``least`` and ten years, in whole seconds."""
    if not least <= span <= LONGEST_SPAN:
        raise DigestError(
            f"digest {name} of {span} is out of range: {least.total_seconds():.0f} seconds to 10 years"
        )
    return timedelta(seconds=int(span.total_seconds()))


def reader_cadence(its: Digest, text: str) -> Cadence:
    """The cadence a reader asks for; raises ``CadenceError`` or ``DigestError`` unless it is offered."""
    asked = Cadence.parse(text)
    if asked not in its.cadences:
        raise DigestError(
            f"digest {its.slug!r} does not come {asked}: choose one of {', '.join(its.cadences)}"
        )
    return asked


def reader_rhythm(
    its: Digest,
    *,
    cadence: str | None = None,
    minute: int | None = None,
    weekday: int | None = None,
    monthday: int | None = None,
    timezone: str | None = None,
) -> Rhythm:
    """A reader's rhythm: what they chose, and the digest's own where they chose nothing."""
    return Rhythm(
        cadence=Cadence(its.cadence if cadence is None else cadence),
        minute=its.minute if minute is None else minute,
        weekday=its.weekday if weekday is None else weekday,
        monthday=its.monthday if monthday is None else monthday,
        timezone=its.timezone if timezone is None else timezone,
    )


def digest_at(its: Digest) -> str:
    """A digest's time, as ``add_digest`` reads it: with the days that a cadence it offers looks at."""
    return str(
        At(
            minute=its.minute,
            weekday=its.weekday if Cadence.WEEKLY in its.cadences else None,
            monthday=its.monthday if Cadence.MONTHLY in its.cadences else None,
        )
    )
