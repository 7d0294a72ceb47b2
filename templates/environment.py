"""The two Jinja2 environments: one for the templates shipped here, one for those a publisher edits."""

from datetime import date, datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from templates.palette import DARK, LIGHT
from templates.plaintext import to_text
from templates.shortening import excerpt, shorten
from templates.wrapping import wrap

# Not strftime's: those follow the process's locale, and a mail's language is not its server's.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def environment() -> Environment:
    """The environment for the templates shipped here: HTML is escaped, an undefined name is an error."""
    return _furnish(Environment)


def sandbox() -> Environment:
    """The same for templates that a publisher edits: nothing can be reached but the data handed in.

    Rendering raises ``jinja2.exceptions.SecurityError`` when a template reaches for more.
    """
    return _furnish(ImmutableSandboxedEnvironment)


def _furnish(kind: type[Environment]) -> Environment:
    made = kind(
        loader=PackageLoader("templates", package_path="."),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Templates stay as they are while the program runs: they need not be looked at for every page.
        auto_reload=False,
    )
    made.filters |= {
        "day": day,
        "excerpt": excerpt,
        "iso": iso,
        "period": period_name,
        "segment": segment,
        "shorten": shorten,
        "text": to_text,
        "weekday": weekday,
        "wrapped": wrapped,
    }
    made.globals |= {"light": LIGHT, "dark": DARK, "count": count}
    return made


def day(moment: datetime | date, timezone: str = "UTC") -> str:
    """The local day of an aware datetime in words: ``9 November 2026``; a date is taken as it is."""
    local = _local(moment, timezone)
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def weekday(moment: datetime | date, timezone: str = "UTC") -> str:
    """The same with its day of the week: ``Monday, 9 November 2026``."""
    return f"{_WEEKDAYS[_local(moment, timezone).weekday()]}, {day(moment, timezone)}"


def period_name(period: tuple[int, int, int]) -> str:
    """A year, its month and its day in words, as many as are not 0: ``2026``, ``March 2026``."""
    year, month, in_month = period
    if in_month:
        return weekday(date(year, month, in_month))
    return f"{_MONTHS[month - 1]} {year}" if month else str(year)


def iso(moment: datetime, timezone: str = "UTC") -> str:
    """An aware datetime for machines, to the second: ``2026-11-09T08:00:00-06:00``."""
    return moment.astimezone(ZoneInfo(timezone)).isoformat(timespec="seconds")


def _local(moment: datetime | date, timezone: str) -> date:
    return moment.astimezone(ZoneInfo(timezone)).date() if isinstance(moment, datetime) else moment


def segment(text: str) -> str:
    """``text`` as one segment of a URL's path, percent-encoded (RFC 3986, 3.3)."""
    return quote(text, safe="")


def count(number: int, thing: str, things: str = "") -> str:
    """A number with its noun: ``1 post``, ``1,204 posts``."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def wrapped(text: str, width: int = 72, first: str = "", rest: str = "") -> str:
    """``text`` broken into lines of at most ``width`` columns."""
    return "\n".join(wrap(text, width, first=first, rest=rest))
