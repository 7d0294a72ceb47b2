"""The Jinja2 environment for the templates shipped here, and for those a publisher puts in their place."""

import re
from datetime import date, datetime
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import BaseLoader, Environment, PackageLoader, pass_context, select_autoescape
from jinja2.runtime import Context

from templates.filling import Strict
from templates.languages import ENGLISH, language
from templates.own import Sandbox, own_loader
from templates.palette import DARK, LIGHT
from templates.plaintext import to_text
from templates.shortening import excerpt, shorten
from templates.wrapping import wrap

# Not strftime's: those follow the process's locale, and a mail's language is not its server's.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_RULE = re.compile(r"^(?=-{30})", re.MULTILINE)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def environment(folder: Path | None = None) -> Environment:
    """The environment for the templates shipped here: HTML is escaped, an undefined name is an error.

    With a ``folder``, a file ``email/…`` in it stands for the one shipped here, and everything is rendered in
    a sandbox (``templates/own.py``): nothing can be reached but the data handed in. Its files are looked at
    anew each time, so a change is seen at once.
    """
    shipped = PackageLoader("templates", package_path=".")
    if folder is None:
        # These stay as they are while the program runs: they need not be looked at for every page.
        return _furnish(Environment, shipped, kept=400)
    # None is kept: a file that is new in the folder stands at once for one that was used before.
    return _furnish(Sandbox, own_loader(folder, shipped), kept=0)


def _furnish(kind: type[Environment], loader: BaseLoader, *, kept: int) -> Environment:
    made = kind(
        loader=loader,
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=Strict,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=kept,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    # Not by ``extend``, which leaves alone what the extension has set: ``{% trans %}`` would fail.
    made.newstyle_gettext = True  # type: ignore[attr-defined]  # the extension's
    made.policies["ext.i18n.trimmed"] = True
    made.filters |= {
        "clock": clock,
        "date": date_,
        "day": day,
        "excerpt": excerpt,
        "iso": iso,
        "period": period_name,
        "rfc5322": rfc5322,
        "segment": segment,
        "shorten": shorten,
        "text": to_text,
        "unruled": unruled,
        "weekday": weekday,
        "wrapped": wrapped,
    }
    # Words are English where whoever renders hands in no others.
    made.globals |= {"light": LIGHT, "dark": DARK, "count": count} | language(ENGLISH).functions()
    return made


@pass_context
def date_(context: Context, moment: datetime | date, form: str = "long") -> str:
    """A day in the mail's language and timezone, in a form that ``Language.date`` knows."""
    spoken = language(context.get("language", ENGLISH))
    return spoken.date(moment, timezone=context.get("timezone", "UTC"), form=form)


def day(moment: datetime | date, timezone: str = "UTC") -> str:
    """The local day of an aware datetime in words: ``9 November 2026``; a date is taken as it is."""
    local = _local(moment, timezone)
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def weekday(moment: datetime | date, timezone: str = "UTC") -> str:
    """The same with its day of the week: ``Monday, 9 November 2026``."""
    return f"{_WEEKDAYS[_local(moment, timezone).weekday()]}, {day(moment, timezone)}"


def clock(moment: datetime, timezone: str = "UTC") -> str:
    """The local time of an aware datetime: ``08:00``."""
    return f"{moment.astimezone(ZoneInfo(timezone)):%H:%M}"


def period_name(period: tuple[int, int, int]) -> str:
    """A year, its month and its day in words, as many as are not 0: ``2026``, ``March 2026``."""
    year, month, in_month = period
    if in_month:
        return weekday(date(year, month, in_month))
    return f"{_MONTHS[month - 1]} {year}" if month else str(year)


def iso(moment: datetime, timezone: str = "UTC") -> str:
    """An aware datetime for machines, to the second: ``2026-11-09T08:00:00-06:00``."""
    return moment.astimezone(ZoneInfo(timezone)).isoformat(timespec="seconds")


def rfc5322(moment: datetime, timezone: str = "UTC") -> str:
    """An aware datetime as mail's Date field has it: ``Mon, 09 Nov 2026 08:00:00 -0600``."""
    return format_datetime(moment.astimezone(ZoneInfo(timezone)))


def _local(moment: datetime | date, timezone: str) -> date:
    return moment.astimezone(ZoneInfo(timezone)).date() if isinstance(moment, datetime) else moment


def segment(text: str) -> str:
    """``text`` as one segment of a URL's path, percent-encoded (RFC 3986, 3.3)."""
    return quote(text, safe="")


def count(number: int, thing: str, things: str = "") -> str:
    """A number with its noun: ``1 post``, ``1,204 posts``."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def unruled(text: str) -> str:
    """``text`` with a space before each line of hyphens that RFC 1153 would take for the end of a message."""
    return _RULE.sub(" ", text)


def wrapped(text: str, width: int = 72, first: str = "", rest: str = "") -> str:
    """``text`` broken into lines of at most ``width`` columns."""
    return "\n".join(wrap(text, width, first=first, rest=rest))
