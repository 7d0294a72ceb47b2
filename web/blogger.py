"""Blogger's feed addresses and their parameters, so that a blog can move here with its readers. All pure.

``/feeds/posts/default``, ``/feeds/posts/summary/-/LABEL/LABEL?alt=rss&max-results=5&start-index=6&…``
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import unquote

from posts.rules import And, HasLabel, Not, Or, Rule
from web.asked import Asked, BadRequest, Part, Span

MAX_RESULTS = 150
_ADDRESS = re.compile(r"/feeds/(?:\d+/)?posts/(default|full|summary)(?:/-/(.+?))?/?")
_SUFFIXES = {"": "atom", "atom": "atom", "rss": "rss", "json": "gdata"}
_TERM = re.compile(r'(-?)(?:(label):)?("[^"]*"|[^\s|]+)|(\|)')


def read_blogger(path: str, query: Mapping[str, str]) -> Asked | None:
    """What an address of Blogger's asks for; None when it is none of its.

    ``path`` is percent-encoded still, for a label may hold a slash. Raises ``BadRequest`` as Blogger answers
    400: on a number or a date that is none.
    """
    found = _ADDRESS.fullmatch(path)
    if found is None:
        return None
    suffix = _SUFFIXES.get(query.get("alt", ""))
    if suffix is None:
        raise BadRequest(f"alt={query['alt'][:40]!r}: use atom, rss or json")
    labels = [unquote(segment) for segment in (found[2] or "").split("/")]
    rules = [_label(name) for name in labels if name.strip()]
    asked_rules, text = _read_q(query.get("q", ""))
    rule = _all_of([*rules, *asked_rules])
    return Asked(
        name=None if rule else "all",
        rule=rule,
        suffix=suffix,
        content="summary" if found[1] == "summary" else "full",
        query=text or None,
        part=_part(query),
    )


def _part(query: Mapping[str, str]) -> Part | None:
    """The part of the feed that is asked for; None when it is the newest, as many as the feed shows."""
    ordering = query.get("orderby", "published")
    if ordering not in {"published", "updated", "starttime", "lastmodified"}:
        raise BadRequest(f"orderby={ordering[:40]!r}: use published or updated")
    by_update = ordering in {"updated", "lastmodified"}
    published = Span(_instant(query, "published-min"), _instant(query, "published-max"))
    updated = Span(_instant(query, "updated-min"), _instant(query, "updated-max"))
    asked = Part(
        limit=min(_number(query, "max-results", 25, least=0), MAX_RESULTS),
        start=_number(query, "start-index", 1, least=1),
        published=published,
        # As Blogger has it: without that order these are not looked at.
        updated=updated if by_update else Span(),
        ordering="updated" if by_update else "published",
    )
    return None if asked == Part() else asked


def _number(query: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    told = query.get(name, "")
    if not told:
        return default
    if not (told.isascii() and told.isdigit() and len(told) < 10) or int(told) < least:
        raise BadRequest(f"{name}={told[:40]!r}: a whole number is wanted, {least} or more")
    return int(told)


def _instant(query: Mapping[str, str], name: str) -> datetime | None:
    told = query.get(name, "").strip()
    if not told:
        return None
    try:
        # In a query a plus sign is a blank.
        instant = datetime.fromisoformat(re.sub(r" (\d\d:\d\d)$", r"+\1", told))
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest(f"{name}={told[:40]!r}: a date is wanted, as 2026-03-08T00:00:00Z") from None


def _read_q(text: str) -> tuple[list[Rule], str]:
    """The labels of a ``q`` (``label:A|label:B``: either; ``-label:A``: not; a blank: and), and its words."""
    groups: list[list[Rule]] = []
    words = []
    is_or = False
    for minus, is_label, term, bar in _TERM.findall(text):
        if bar:
            is_or = True
            continue
        if not is_label:
            words.append(f"{minus}{term}")
        elif name := term.strip('"').strip():
            rule = _label(name)
            negated: Rule = Not(rule) if minus else rule
            if is_or and groups:
                groups[-1].append(negated)
            else:
                groups.append([negated])
        is_or = False
    return [Or(tuple(group)) if len(group) > 1 else group[0] for group in groups], " ".join(words)


def _label(name: str) -> HasLabel:
    try:
        return HasLabel(name)
    except ValueError:
        raise BadRequest(f"{name[:40]!r} is no name of a label") from None


def _all_of(rules: list[Rule]) -> Rule | None:
    if len(rules) < 2:
        return rules[0] if rules else None
    return And(tuple(rules))
