"""Feeds and digests as TOML: written from the database, and brought into it again.

[feeds.rides]
rule = "cycling and not racing"

[digests.weekly]
rule = "all"
cadence = "weekly"
at = "mon 08:00"
"""

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import tomlkit
from sqlalchemy import Connection

from digests.cadence import CadenceError
from digests.model import Digest
from digests.store import DigestError, add_digest, digest_at, find_digest, list_digests, update_digest
from feeds.configured import FeedError, add_feed, configured_feed, configured_feeds
from posts.rules import RuleError, parse

FEED_KEYS = {
    "rule": str,
    "title": str,
    "subtitle": str,
    "entries": int,
    "content": str,
    "order": str,
    "language": str,
    "private": bool,
}
# Where a key is not the name of what it sets.
_FEED_COLUMNS = {"order": "ordering", "private": "is_private"}
DIGEST_KEYS = {
    "rule": str,
    "title": str,
    "cadence": str,
    "at": str,
    "timezone": str,
    "cadences": list,
    "language": str,
    "template": str,
    "max_age_days": float,
    "max_lateness_hours": float,
    "content": str,
    "min_posts": int,
    "max_posts": int,
    "order": str,
    "group_by": str,
}
_DIGEST_ARGUMENTS = {"order": "sort", "group_by": "grouping"}


_KINDS = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    list: "a list of strings",
}


class ConfigFileError(ValueError):
    """The file says what cannot be; one line tells the place."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one table of the file: ``added``, ``changed`` or ``unchanged``; and who reads it now."""

    kind: str
    slug: str
    did: str


def export_config(connection: Connection) -> str:
    """All configured feeds and all digests as TOML; the same database gives the same text."""
    document: dict[str, Any] = {}
    feeds = {row.slug: _feed_table(row) for row in configured_feeds(connection)}
    digests = {digest.slug: _digest_table(digest) for digest in list_digests(connection)}
    if feeds:
        document["feeds"] = feeds
    if digests:
        document["digests"] = digests
    return tomlkit.dumps(document)


def apply_config(
    connection: Connection, text: str, *, now: datetime, timezone: str, language: str
) -> list[Change]:
    """Bring the feeds and digests of a file into the database; what is not in the file stays as it is.

    Applied again it changes nothing. ``timezone`` and ``language`` are for new digests that name none. Raises
    ``ConfigFileError``; the transaction is then not to be committed.
    """
    written = _read(text)
    changes = []
    for slug, table in written["feeds"].items():
        with _at("feeds", slug):
            changes.append(Change("feed", slug, _apply_feed(connection, slug, table, now)))
    for slug, table in written["digests"].items():
        with _at("digests", slug):
            values = {"timezone": timezone, "language": language} | table
            changes.append(Change("digest", slug, _apply_digest(connection, slug, table, values, now)))
    return changes


@contextmanager
def _at(*place: str) -> Iterator[None]:
    """Says at which table of the file something was wrong."""
    try:
        yield
    except (RuleError, FeedError, DigestError, CadenceError, OverflowError) as error:
        raise ConfigFileError(f"[{'.'.join(place)}]: {error}") from error


def _read(text: str) -> dict[str, dict[str, dict[str, Any]]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigFileError(f"this is no TOML: {error}") from error
    for kind in document:
        if kind not in {"feeds", "digests"}:
            raise ConfigFileError(f"[{kind}]: only [feeds.…] and [digests.…] stand in such a file")
    found = {kind: document.get(kind, {}) for kind in ("feeds", "digests")}
    for kind, keys in (("feeds", FEED_KEYS), ("digests", DIGEST_KEYS)):
        if not isinstance(found[kind], dict):
            raise ConfigFileError(f"{kind}: should be tables: [{kind}.SLUG]")
        for slug, table in found[kind].items():
            _check(f"{kind}.{slug}", table, keys)
    return found


def _check(place: str, table: object, keys: Mapping[str, type]) -> None:
    if not isinstance(table, dict):
        raise ConfigFileError(f"{place}: should be a table: [{place}]")
    for key, value in table.items():
        kind = keys.get(key)
        if kind is None:
            raise ConfigFileError(f"[{place}]: {key}: unknown key; there are {', '.join(keys)}")
        fits = isinstance(value, (int, float) if kind is float else kind)
        # To Python true is a number.
        fits = fits and isinstance(value, bool) == (kind is bool)
        fits = fits and not (isinstance(value, float) and not math.isfinite(value))
        if not fits or (kind is list and not all(isinstance(item, str) for item in value)):
            raise ConfigFileError(f"[{place}]: {key}: should be {_KINDS[kind]}")
    if "rule" not in table:
        raise ConfigFileError(f"[{place}]: rule is missing: which posts?")


def _feed_table(row: Any) -> dict[str, Any]:
    values = {key: getattr(row, _FEED_COLUMNS.get(key, key)) for key in FEED_KEYS}
    return {key: value for key, value in values.items() if value is not None and value is not False}


def _digest_table(digest: Digest) -> dict[str, Any]:
    return {
        "rule": digest.rule,
        "title": digest.title,
        "cadence": str(digest.cadence),
        "at": digest_at(digest),
        "timezone": digest.timezone,
        "cadences": [str(cadence) for cadence in digest.cadences],
        "language": digest.language,
        "template": digest.template,
        "max_age_days": _number(digest.max_age / timedelta(days=1)),
        "max_lateness_hours": _number(digest.max_lateness / timedelta(hours=1)),
        "content": digest.content,
        "min_posts": digest.min_posts,
        # 0 is all: left out, it would leave another number standing where this is applied.
        "max_posts": digest.max_posts or 0,
        "order": digest.sort,
        "group_by": digest.grouping,
    }


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _apply_feed(connection: Connection, slug: str, table: Mapping[str, Any], now: datetime) -> str:
    def standing() -> dict[str, Any] | None:
        row = configured_feed(connection, slug)
        return None if row is None else _feed_table(row)

    options = {_FEED_COLUMNS.get(key, key): value for key, value in table.items() if key != "rule"}
    rule = parse(table["rule"])
    was_private = (standing() or {}).get("private", False)
    did = _compared(
        standing, lambda: add_feed(connection, slug=slug, rule=rule, now=now, replace=True, **options)
    )
    return f"{did}; it is public now" if was_private and not table.get("private") else did


def _apply_digest(
    connection: Connection, slug: str, table: Mapping[str, Any], values: Mapping[str, Any], now: datetime
) -> str:
    def standing() -> Digest | None:
        return find_digest(connection, slug)

    if standing() is None:
        return _compared(standing, lambda: add_digest(connection, slug, now=now, **_options(values)))
    return _compared(standing, lambda: update_digest(connection, slug, **_options(table)))


def _options(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table's values as the arguments they are to ``add_digest`` and ``update_digest``."""
    options = {_DIGEST_ARGUMENTS.get(key, key): value for key, value in table.items()}
    if "max_age_days" in options:
        options["max_age"] = timedelta(days=options.pop("max_age_days"))
    if "max_lateness_hours" in options:
        options["max_lateness"] = timedelta(hours=options.pop("max_lateness_hours"))
    return options


def _compared(standing: Callable[[], object], do: Callable[[], object]) -> str:
    before = standing()
    do()
    if before is None:
        return "added"
    return "unchanged" if standing() == before else "changed"
