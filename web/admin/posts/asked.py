"""Which posts a page of the publisher's is about: what stands in its address, read and written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from posts.finding import EVERYTHING, Shelf, Wanted
from posts.rules import Rule, RuleError, parse
from web.admin.frame import Visit

FIELDS = ("q", "rule", "state", "since", "until")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, as it was typed and as it is meant; ``wrong`` is what means nothing, by field."""

    typed: Mapping[str, str]
    wanted: Wanted
    wrong: Mapping[str, str]

    @property
    def is_narrowed(self) -> bool:
        """Whether not all posts are meant."""
        return any(self.typed.values())

    def query(self, **further: str | int | None) -> str:
        """The same, and more, behind a question mark; empty where nothing is asked."""
        told = {key: value for key, value in {**self.typed, **further}.items() if value not in {"", None}}
        return f"?{urlencode(told)}" if told else ""


def read_asked(typed: Mapping[str, str], *, timezone: str) -> Asked:
    """What these fields ask for. Days are the timezone's, and both are inclusive."""
    wrong: dict[str, str] = {}
    rule: Rule = EVERYTHING
    shelf, days = None, []
    if typed["rule"]:
        try:
            rule = parse(typed["rule"])
        except RuleError as error:
            wrong["rule"] = str(error)
    if typed["state"]:
        try:
            shelf = Shelf(typed["state"])
        except ValueError:
            wrong["state"] = f"No post is ever {typed['state'][:40]!r}: choose a state from the list"
    for name in ("since", "until"):
        try:
            days.append(_midnight(typed[name], timezone, days=int(name == "until")))
        except (ValueError, OverflowError):
            days.append(None)
            wrong[name] = f"{typed[name][:40]!r} is no day: write one like 2026-11-23"
    return Asked(typed, Wanted(typed["q"], rule, shelf, *days), wrong)


def asked_by(visit: Visit) -> Asked:
    """What a page's address, or a form, asks for."""
    read = visit.one if visit.request.method == "POST" else visit.query
    return read_asked(
        {name: read(name).replace("\0", "")[:2000] for name in FIELDS}, timezone=visit.frame.pages.timezone
    )


def _midnight(day: str, timezone: str, *, days: int) -> datetime | None:
    """When a day begins, or the one after it."""
    if not day:
        return None
    first = date.fromisoformat(day) + timedelta(days=days)
    return datetime.combine(first, time(), ZoneInfo(timezone)).astimezone(UTC)
