"""The words, dates and numbers of a mail in its reader's language.

The words come from the gettext catalogues ``locale/<language>/LC_MESSAGES/labelcast.po``, read as they are:
there is nothing to compile, so nothing to forget. Dates and numbers come from Babel, which has them from
CLDR.
"""

import datetime as dt
import re
from dataclasses import dataclass
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, parse_pattern
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

LOCALES = Path(__file__).parent / "locale"
CATALOGUE = Path("LC_MESSAGES") / "labelcast.po"
ENGLISH = "en"

_TAG = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
_RIGHT_TO_LEFT = {"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}
_ARABIC_SCRIPT = {"ar", "ckb", "fa", "ps", "sd", "ug", "ur"}
# Babel writes ASCII digits whatever the language; these ways of writing numbers have digits of their own.
_DIGITS = {"arabext": "۰۱۲۳۴۵۶۷۸۹", "arab": "٠١٢٣٤٥٦٧٨٩"}
_FIRST_IN_FRENCH = re.compile(r"(?<!\d)1(?= [a-zéû]|–\d)")


@dataclass(frozen=True, eq=False)
class Language:
    """A language as mails are written in: ``tag`` was asked for, ``catalogue`` is the nearest there is."""

    tag: str
    catalogue: str
    locale: Locale
    translations: NullTranslations

    @property
    def is_spoken(self) -> bool:
        """Whether there is a catalogue of it, and not only of English in its place."""
        return _primary(self.tag) == _primary(self.catalogue)

    @property
    def direction(self) -> str:
        """How text in it runs, whether there are words for it or not: ``rtl`` or ``ltr``."""
        return "rtl" if _primary(self.tag) in _RIGHT_TO_LEFT else "ltr"

    @property
    def comma(self) -> str:
        """What stands between the items of a list."""
        return "، " if self.locale.script == "Arab" or self.locale.language in _ARABIC_SCRIPT else ", "

    def gettext(self, message: str) -> str:
        """A message of the catalogue."""
        return self.translations.gettext(message)

    def number(self, number: int) -> str:
        """A number as the language writes it: ``1,204``, ``1.204``, ``۱٬۲۰۴``."""
        return self._in_own_digits(format_decimal(number, locale=self.locale, numbering_system="default"))

    def date(self, moment: dt.datetime | dt.date, *, timezone: str = "UTC", form: str = "long") -> str:
        """The local day of an aware datetime; ``form`` is ``full``, ``long``, ``medium``, ``short`` or a
        pattern of CLDR (``d. MMM``)."""
        if not isinstance(moment, dt.date):
            raise TypeError(f"{moment!r} is no date")
        day = moment.astimezone(ZoneInfo(timezone)).date() if isinstance(moment, dt.datetime) else moment
        try:
            return self._in_own_digits(self._ordinal(format_date(day, form, locale=self.locale)))
        except (AttributeError, ValueError) as error:
            known = "full, long, medium, short, or a pattern of day, month and year such as d. MMM"
            raise ValueError(f"{form!r} is no form of a date: {known}") from error

    def span(self, first: dt.date, last: dt.date) -> str:
        """From one day to another, what they share said once: ``2.–9. November 2026``."""
        known = self.locale.interval_formats
        pair = known.get("yMMMMd") or known.get("yMMMd") or {}
        differ = "y" if first.year != last.year else "M" if first.month != last.month else "d"
        if first == last or len(pair.get(differ, ())) != 2:
            days = [self.date(day) for day in dict.fromkeys((first, last))]
            return " – ".join(days)
        halves = (
            parse_pattern(part if "MMMM" in part else part.replace("MMM", "MMMM")).apply(day, self.locale)
            for part, day in zip(pair[differ], (first, last), strict=True)
        )
        return self._in_own_digits(self._ordinal("".join(halves)))

    def functions(self) -> dict[str, Any]:
        """``gettext`` and ``ngettext`` as templates call them (Jinja's new style): values are put in, and
        escaped where the template is HTML."""

        @pass_context
        def gettext(context: Context, message: str, /, **values: object) -> str:
            return self._fill(context, self.translations.gettext(message), values)

        @pass_context
        def ngettext(context: Context, one: str, many: str, number: int, /, **values: object) -> str:
            values.setdefault("num", number)
            return self._fill(context, self.translations.ngettext(one, many, number), values)

        return {"gettext": gettext, "ngettext": ngettext}

    def _fill(self, context: Context, text: str, values: dict[str, object]) -> str:
        shown = {name: self.number(value) if type(value) is int else value for name, value in values.items()}
        # The catalogue's own text is ours; the values are escaped as they go in.
        return (Markup(text) if context.eval_ctx.autoescape else text) % shown  # noqa: S704

    def _ordinal(self, text: str) -> str:
        # French counts a month's first day and no other, which CLDR's patterns cannot say.
        return _FIRST_IN_FRENCH.sub("1er", text) if self.locale.language == "fr" else text

    def _in_own_digits(self, text: str) -> str:
        digits = _DIGITS.get(self.locale.default_numbering_system)
        return text.translate(str.maketrans("0123456789", digits)) if digits else text


@cache
def language(tag: str) -> Language:
    """The language of a tag (RFC 5646), or the nearest: ``pt-BR``, else ``pt``, else English.

    Where English stands in, dates are English too: half a sentence in each helps nobody.
    """
    wanted = (tag.replace("-", "_"), _primary(tag)) if _TAG.fullmatch(tag) else ()
    spoken = next((name for name in wanted if (LOCALES / name / CATALOGUE).is_file()), ENGLISH)
    return Language(tag, spoken, _locale(tag, spoken), _translations(spoken))


def catalogues() -> tuple[str, ...]:
    """The languages there are words for, English first."""
    return (ENGLISH, *sorted(path.parent.parent.name for path in LOCALES.glob(f"*/{CATALOGUE}")))


def _primary(tag: str) -> str:
    return re.split("[-_]", tag, maxsplit=1)[0].lower()


def _locale(tag: str, spoken: str) -> Locale:
    if _primary(tag) == _primary(spoken):
        try:
            return Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            pass  # a tag with more in it than CLDR knows: its language alone will do
    return Locale.parse(spoken)


@cache
def _translations(spoken: str) -> NullTranslations:
    if spoken == ENGLISH:
        return NullTranslations()
    with (LOCALES / spoken / CATALOGUE).open("rb") as file:
        catalogue = read_po(file, locale=spoken)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
