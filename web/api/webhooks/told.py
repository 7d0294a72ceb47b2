"""What a webhook tells of a post: only what is in it, for what it lacks is not guessed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from posts.importers.dates import NoDate, parse_any
from posts.model import PostState


class NotUnderstood(ValueError):
    """A payload that is none; the message says why."""


@dataclass(frozen=True, slots=True)
class Told:
    """A post as an event tells it.

    ``uri`` is the id as an import of that blog writes it, ``url`` the link. ``state`` None: the event is none
    of a post that is to be stored. ``changes`` holds what was told, by the names of ``SourcePost``;
    ``labels`` among them are all there are. ``why`` says what is passed over.
    """

    uri: str | None
    url: str | None
    state: PostState | None
    changes: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


def ignored(why: str) -> Told:
    """An event that is none of ours."""
    return Told(None, None, None, why=why)


def text(values: Mapping[str, Any], *names: str) -> str | None:
    """The first of these values that is a text with something in it; numbers are texts too."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def names_of(values: object) -> tuple[str, ...] | None:
    """The names in a list of names, or of objects with one; None where there is no such list."""
    if isinstance(values, Mapping):
        values = list(values.values())
    if not isinstance(values, list):
        return None
    found = (one.get("name") if isinstance(one, Mapping) else one for one in values)
    return tuple(dict.fromkeys(name for name in found if isinstance(name, str) and name.strip()))


_ZERO = re.compile(r"0000-00-00")


def moment(written: str | None) -> datetime | None:
    """An instant as it was written, in UTC where it names no zone; None where nothing was, or it is none."""
    if written is None or _ZERO.match(written):
        return None
    try:
        return parse_any(written).astimezone(UTC)
    except NoDate:
        return None


def named(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """What was told of these; what is None was not."""
    return {name: value for name, value in pairs if value is not None}
