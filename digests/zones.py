"""Timezones by name: which there are, and each looked up once."""

from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

# Names that stand in the database of zones without being a place's time.
NO_ZONES = {
    "Factory": "it says that no timezone was set",
    "localtime": "it means another time on another machine",
    "posixrules": "it is a template for rules, not a place",
}


class CadenceError(ValueError):
    """A cadence, an hour or a timezone that is none; one line says which and what to write instead."""


@cache
def zone_names() -> frozenset[str]:
    """Every timezone a digest may be in, by its name in the tz database.

    Without the stand-ins of ``NO_ZONES``, and without the ``posix/`` and ``right/`` copies that some systems
    install (the latter count leap seconds, which no clock in use does).
    """
    return frozenset(
        name
        for name in available_timezones()
        if name not in NO_ZONES and not name.startswith(("posix/", "right/"))
    )


@cache
def zone(name: str) -> ZoneInfo:
    """The timezone of that exact name; raises ``CadenceError`` when there is none.

    It is kept for good: ``ZoneInfo`` itself keeps only eight, and readers are in more zones than that.
    """
    if name not in zone_names():
        raise CadenceError(_unknown(name))
    return ZoneInfo(name)


def zone_name(text: str) -> str:
    """The proper name of a timezone as a person typed it (case does not matter).

    Raises ``CadenceError``, naming the nearest ones, when there is none.
    """
    wanted = text.strip()
    if wanted in zone_names():
        return wanted
    folded = _names_by_folded()
    if wanted.casefold() in folded:
        return folded[wanted.casefold()]
    raise CadenceError(_unknown(wanted))


@cache
def _names_by_folded() -> dict[str, str]:
    return {name.casefold(): name for name in zone_names()}


def _unknown(name: str) -> str:
    if name in NO_ZONES:
        return f"timezone {name!r} is no place's time ({NO_ZONES[name]}): name one like Europe/Berlin or UTC"
    last_parts = {folded.rpartition("/")[2]: proper for folded, proper in sorted(_names_by_folded().items())}
    asked = name.casefold().replace(" ", "_")
    near = [last_parts[asked]] if asked in last_parts else []
    near += [_names_by_folded()[found] for found in get_close_matches(asked, _names_by_folded(), n=2)]
    hint = f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else "name one like UTC or Asia/Tokyo"
    return f"timezone {name[:64]!r} is unknown: {hint}"
