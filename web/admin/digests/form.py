"""The form of a digest: what was typed, what of it cannot be, and what it says of a digest. All pure."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from digests.cadence import At, Cadence, CadenceError, Rhythm, clock, parse_at, zone_name
from digests.model import Digest
from digests.offer import (
    LEAST_LATENESS,
    LONGEST_SPAN,
    MAX_AGE,
    MAX_LATENESS,
    check_language,
    check_rule,
    check_slug,
    check_template,
    check_title,
)
from digests.rhythm import LAST_MONTHDAY, WEEKDAYS
from digests.shape import CONTENTS, GROUPINGS, MOST_POSTS, SORTS
from posts.rules import RuleError
from web.forms import Form

ONE_OF = {"content": CONTENTS, "sort": SORTS, "grouping": GROUPINGS}
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_NUMBER = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class DigestForm:
    """A digest as it is typed. The names of the fields are the form's."""

    slug: str = ""
    title: str = ""
    rule: str = ""
    cadence: str = Cadence.WEEKLY.value
    cadences: tuple[str, ...] = tuple(one.value for one in Cadence)
    hour: str = "08:00"
    weekday: str = "0"
    monthday: str = "1"
    timezone: str = "UTC"
    language: str = "en"
    template: str = "digest"
    content: str = "full"
    min_posts: str = "1"
    max_posts: str = ""
    sort: str = "newest"
    grouping: str = "none"
    max_age: str = f"{MAX_AGE / _DAY:g}"
    max_lateness: str = ""

    @classmethod
    def of(cls, its: Digest) -> "DigestForm":
        """What is kept of a digest."""
        own = {name: str(getattr(its, name)) for name in _AS_THEY_ARE}
        return cls(
            **own,
            cadences=tuple(its.cadences),
            hour=clock(its.minute),
            max_posts="" if its.max_posts is None else str(its.max_posts),
            max_age=_decimal(its.max_age / _DAY),
            max_lateness=_decimal(its.max_lateness / _HOUR),
        )

    @classmethod
    def sent(cls, form: Form, slug: str | None = None) -> "DigestForm":
        """What a request brought; ``slug`` is that of a digest that is there."""
        typed: dict[str, Any] = {name: form[name][0].strip() for name in _NAMES if form.get(name)}
        made = cls(**typed)
        # The digest's own is among them, whether it is ticked or not.
        asked = {*form.get("cadences", ()), made.cadence}
        known = [one.value for one in Cadence if one in asked]
        made = replace(made, cadences=(*known, *sorted(asked.difference(known))))
        return made if slug is None else replace(made, slug=slug)

    @property
    def seal(self) -> str:
        """What tells this from another state of the digest."""
        return sha256(repr(asdict(self)).encode(errors="replace")).hexdigest()[:32]

    def differing(self, other: "DigestForm") -> list[str]:
        """The names of the fields that differ."""
        mine, others = asdict(self), asdict(other)
        return [name for name in mine if mine[name] != others[name]]


_NAMES = tuple(name for name in asdict(DigestForm()) if name != "cadences")
_AS_THEY_ARE = tuple(name for name in _NAMES if name not in {"hour", "max_posts", "max_age", "max_lateness"})


@dataclass
class Reading:
    """What a form says (``said``, as ``digests.store`` takes it), and what is wrong with it, by field."""

    said: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, read: Callable[[], Any]) -> None:
        """Take a field, or note why it cannot be taken."""
        try:
            self.said[name] = read()
        except RuleError as error:
            self.wrong[name] = f"At character {error.position + 1}: {error.reason}."
        except ValueError as error:
            self.wrong[name] = sentence(str(error))


def read(form: DigestForm, *, templates: Sequence[str], is_new: bool) -> Reading:
    """Read a form. ``templates`` are those there are (empty: nobody knows)."""
    found = Reading()
    if is_new:
        found.take("slug", lambda: check_slug(form.slug))
    found.take("title", lambda: check_title(form.title))
    found.take("rule", lambda: _rule(form.rule))
    found.take("cadence", lambda: Cadence.parse(form.cadence))
    found.take("cadences", lambda: [Cadence.parse(one) for one in form.cadences])
    found.take("at", lambda: _at(form, found.said.get("cadences", ())))
    if "at" in found.wrong:
        found.wrong["hour"] = found.wrong.pop("at")
    found.take("timezone", lambda: zone_name(form.timezone))
    found.take("language", lambda: check_language(form.language))
    found.take("template", lambda: _template(form.template, templates))
    for name, known in ONE_OF.items():
        found.take(name, lambda name=name, known=known: _one_of(getattr(form, name), known))  # type: ignore[misc]
    found.take("min_posts", lambda: _number(form.min_posts, 1, MOST_POSTS))
    found.take("max_posts", lambda: _number(form.max_posts or "0", 0, MOST_POSTS))
    found.take("max_age", lambda: _span(form.max_age, _DAY, timedelta(seconds=1), "days"))
    found.take("max_lateness", lambda: _lateness(form, found.said.get("cadence")))
    return found


def rhythm_of(form: DigestForm) -> Rhythm:
    """When the digest of a form comes; raises ``CadenceError`` where that cannot be said."""
    cadence = Cadence.parse(form.cadence)
    at = parse_at(_at(form, [cadence]))
    return Rhythm(cadence, at.minute, at.weekday or 0, at.monthday or 1, zone_name(form.timezone))


def sentence(text: str) -> str:
    """An error as a form shows it."""
    said = text.removeprefix("digest ")
    return f"{said[:1].upper()}{said[1:].rstrip('.')}."


def _decimal(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _rule(text: str) -> str:
    if not text:
        raise ValueError("a rule is missing: write a label, or several with and, or, not between")
    return check_rule(text)


def _at(form: DigestForm, cadences: Sequence[Cadence]) -> str:
    """The time as ``add_digest`` reads it, with the days that these cadences look at."""
    minute = parse_at(form.hour).minute if len(form.hour.split()) == 1 else None
    if minute is None:
        raise CadenceError(f"{form.hour[:40]!r} is no time of a day: write it like 08:00")
    weekday = _number(form.weekday, 0, len(WEEKDAYS) - 1) if Cadence.WEEKLY in cadences else None
    monthday = _number(form.monthday, 1, LAST_MONTHDAY) if Cadence.MONTHLY in cadences else None
    return str(At(minute, weekday, monthday))


def _template(text: str, known: Sequence[str]) -> str:
    name = check_template(text)
    if known and name not in known:
        raise ValueError(f"there is no template {name!r}; there are {', '.join(known)}")
    return name


def _one_of(text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise ValueError(f"{text[:40]!r} is none of {', '.join(known)}")
    return text


def _number(text: str, least: int, most: int) -> int:
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise ValueError(f"{text[:40]!r} is no number from {least} to {most}")
    return int(text)


def _span(text: str, unit: timedelta, least: timedelta, units: str) -> timedelta:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    if not least / unit <= number <= LONGEST_SPAN / unit:
        raise ValueError(f"{text[:40]!r} is no number of {units}, up to {LONGEST_SPAN / unit:g}")
    return timedelta(seconds=round((number * unit).total_seconds()))


def _lateness(form: DigestForm, cadence: Cadence | None) -> timedelta:
    """How late it may be; where nothing is typed, what is usual for its cadence."""
    if not form.max_lateness:
        return MAX_LATENESS[cadence or Cadence.WEEKLY]
    return _span(form.max_lateness, _HOUR, LEAST_LATENESS, "hours, 1 at least")


def options(form: DigestForm, templates: Sequence[str]) -> Mapping[str, list[tuple[str, str]]]:
    """What the form's lists offer."""
    ordinal = {31: "the last day"}
    known = list(dict.fromkeys([*templates, *([form.template] if form.template else [])]))
    return {
        "cadences": [(one.value, _OFTEN[one]) for one in Cadence],
        "weekdays": [(str(number), name) for number, name in enumerate(WEEKDAYS)],
        "monthdays": [(str(day), ordinal.get(day, str(day))) for day in range(1, LAST_MONTHDAY + 1)],
        "contents": [("full", "Whole posts"), ("summary", "Summaries: a few lines, and a link")],
        "sorts": [("newest", "The newest first"), ("oldest", "The oldest first")],
        "groupings": [
            ("none", "One after the other"),
            ("label", "Under their labels"),
            ("day", "Under their days"),
        ],
        "templates": [(name, name) for name in known],
    }


_OFTEN = {
    Cadence.INSTANT: "Instant: as soon as there is something new",
    Cadence.DAILY: "Daily",
    Cadence.WEEKLY: "Weekly",
    Cadence.MONTHLY: "Monthly",
}
