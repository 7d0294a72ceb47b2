"""The settings as the publisher's pages show them: each with where it comes from, and no secret in any.

What may hold a secret is not searched for one: of an address only the parts are shown that can hold none, and
only where it is written so plainly that there is no doubt which part is which.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labelcast.settings import FILE_NAME, Settings, known_keys, variable
from web.admin.work import Setting

HIDDEN = "…"
# Whose values are addresses that may hold a password.
_LETTING_IN = frozenset({"database_url", "mail.transport", "bounces.mailbox", "feeds.public_dir"})
_SAFE = ("maildir:",)
# scheme://user:password@host:port/path?options, in which only one @ stands and nothing but a name before it.
_PLAIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?P<user>[^@/?#\[\]\s]*)@)?"
    r"(?P<host>[A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]{1,5})?"
    r"(?P<path>/[A-Za-z0-9_.,~/ -]*)?(?P<more>[?#][^@]*)?"
)


def shown_settings(settings: Settings, file: Path | None = None) -> list[Setting]:
    """Every setting in the order of the documentation; ``file`` is what they were read from."""
    written = _written((file or Path(FILE_NAME)).absolute())
    given = {name.upper() for name in os.environ}
    values = dict(_values(settings))
    return [
        Setting(key, tuple(_shown(key, one) for one in _several(values[key])), _source(key, written, given))
        for key in known_keys()
    ]


def without_secrets(address: str) -> str:
    """An address without whom it lets in and by what: ``smtp://…@mail.example.org:587?…``.

    Where it is not plain which part is which, its scheme only.
    """
    plain = _PLAIN.fullmatch(address)
    if plain is None:
        scheme = re.match(r"[a-z][a-z0-9+.-]{0,20}:", address)
        return f"{scheme[0]}{HIDDEN}" if scheme else HIDDEN
    who = f"{HIDDEN}@" if plain["user"] is not None else ""
    more = f"?{HIDDEN}" if plain["more"] else ""
    return f"{plain['scheme']}://{who}{plain['host']}{plain['port'] or ''}{plain['path'] or ''}{more}"


def _shown(key: str, value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, bool):
        text = text.lower()
    if key == "secret_key":
        return HIDDEN
    if key in _LETTING_IN:
        is_path = key == "feeds.public_dir" and "://" not in text
        return text if not text or is_path or text.startswith(_SAFE) else without_secrets(text)
    # Addresses of pages: a hub's may have a token behind the question mark, and any a user and password.
    return without_secrets(text) if "://" in text and re.search("[@?]", text) else text


def _values(settings: Settings) -> Iterator[tuple[str, object]]:
    for name, value in settings.model_dump(by_alias=True).items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value


def _several(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _source(key: str, written: Mapping[str, Any], given: set[str]) -> str:
    table, _, inner = key.rpartition(".")
    if {variable(key), variable(key.partition(".")[0])} & given:
        return "environment"
    there = written.get(table, {}) if table else written
    return "file" if isinstance(there, Mapping) and inner in there else "default"


def _written(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # It was read at the start; what became of it since is told by the doctor.
        return {}
