"""The options of an SMTP address, ``?weight=3&auth=xoauth2``, each read as what it is."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, TypeVar
from urllib.parse import parse_qsl

from outbox.outcome import printable

_T = TypeVar("_T")
_D = TypeVar("_D")

_KNOWN = frozenset(
    {
        *("starttls", "verify", "cafile", "clear_login", "helo", "timeout"),
        *("auth", "token_command", "token_file"),
        *("weight", "max_messages", "max_age", "chunking"),
    }
)
_SWITCHES = {"yes": True, "no": False}


class SmtpUrlError(ValueError):
    """A transport setting that is no SMTP address; one line says what is wrong, without the password."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options by name, as written; whatever reads one raises ``SmtpUrlError`` for a wrong value."""

    values: Mapping[str, str]

    @classmethod
    def parse(cls, query: str) -> Self:
        """The options of a query string; raises ``SmtpUrlError`` for one that is unknown or has no value."""
        values = dict(parse_qsl(query, keep_blank_values=True))
        for name, value in values.items():
            if name not in _KNOWN:
                names = ", ".join(sorted(_KNOWN))
                said = f"{printable(name)!r} is no option of an SMTP address; use {names}"
                raise SmtpUrlError(f"transport: {said}")
            is_host = name != "helo" or (value.isascii() and " " not in value)
            if not value or not value.isprintable() or not is_host:
                raise SmtpUrlError(f"transport: option {name} has no usable value")
        return cls(values)

    def one_of(self, name: str, choices: Mapping[str, _T], default: _D) -> _T | _D:
        """What the written word stands for; ``default`` where nothing is written."""
        if name not in self.values:
            return default
        value = self.values[name]
        if value not in choices:
            raise SmtpUrlError(f"transport: {name}={printable(value)} is not one of {', '.join(choices)}")
        return choices[value]

    def switch(self, name: str, *, default: bool) -> bool:
        """``yes`` or ``no``."""
        return self.one_of(name, _SWITCHES, default)

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number."""
        value = self.values.get(name, str(default))
        if not (value.isascii() and value.isdigit() and least <= int(value[:9]) <= most and len(value) < 9):
            raise SmtpUrlError(f"transport: {name}={printable(value)} is no number from {least} to {most}")
        return int(value)

    def seconds(self, name: str, default: float, *, most: float) -> float:
        """A time in seconds, more than none."""
        value = self.values.get(name, str(default))
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1
        if not 0 < seconds <= most:
            raise SmtpUrlError(f"transport: {name}={printable(value)} is not 1 to {most:g} seconds")
        return seconds

    def words(self, name: str) -> tuple[str, ...]:
        """A command and its arguments, quoted as for a shell; none where nothing is written."""
        try:
            return tuple(shlex.split(self.values.get(name, "")))
        except ValueError as error:
            raise SmtpUrlError(f"transport: {name} is no command: {error}") from error
