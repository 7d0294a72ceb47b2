"""Blogger's feed addresses and their parameters, so that a blog can move here with its readers. All pure.

``/feeds/posts/default``, ``/feeds/posts/summary/-/LABEL/LABEL?alt=rss&max-results=5&start-index=6&…``; what
is read can be written again, with another start.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import takewhile
from urllib.parse import quote, unquote, urlencode

from feeds.parts import GDATA_SUFFIX, MAX_ENTRIES, PartSpec
from posts.rules import And, HasLabel, Not, Or, Rule
from posts.selecting import ALWAYS, Range
from web.feeds.asked import Asked, BadRequest

# As often labels may be named in one address: a rule of so many is made simple in a tenth of a second.
MAX_NAMED = 32
_ADDRESS = re.compile(r"/feeds/(?:\d+/)?posts/(default|full|summary)(?:/-/(.*?))?/?")
_SUFFIXES = {"": "atom", "atom": "atom", "rss": "rss", "json": GDATA_SUFFIX}
_ALT = {suffix: alt for alt, suffix in _SUFFIXES.items() if alt != "atom"}
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
    part = _part(query)
    return Asked(
        name=None if rule else "all",
        rule=rule,
        suffix=suffix,
        content="summary" if found[1] == "summary" else "full",
        query=text or None,
        # Whoever reads Blogger's JSON looks for its numbers too.
        part=PartSpec() if part is None and suffix == GDATA_SUFFIX else part,
    )


def write_blogger(asked: Asked, *, start: int) -> str:
    """The address, below that of the site, of what ``read_blogger`` read, but starting at another post.

    It is asked for a ``part``. Of all that were read alike one address comes.
    """
    part = asked.part or PartSpec()
    rules = _conjuncts(asked.rule)
    in_path = list(takewhile(_fits_path, rules))
    words = [*map(_term, rules[len(in_path) :]), *([asked.query] if asked.query else [])]
    path = "feeds/posts/" + ("summary" if asked.content == "summary" else "default")
    if in_path:
        path += "/-/" + "/".join(
            quote(str(one.name), safe="") for one in in_path if isinstance(one, HasLabel)
        )
    told = {
        "alt": _ALT[asked.suffix],
        "q": " ".join(words),
        "orderby": "updated" if part.ordering == "updated" else "",
        "published-min": _written(part.published[0]),
        "published-max": _written(part.published[1]),
        "updated-min": _written(part.updated[0]),
        "updated-max": _written(part.updated[1]),
        "start-index": str(start) if start > 1 else "",
        "max-results": str(part.limit),
    }
    return f"{path}?{urlencode({name: text for name, text in told.items() if text}, quote_via=quote)}"


def _part(query: Mapping[str, str]) -> PartSpec | None:
    """The part of the feed that is asked for; None when it is the newest, as many as the feed shows."""
    ordering = query.get("orderby") or "published"
    if ordering not in {"published", "updated", "starttime", "lastmodified"}:
        raise BadRequest(f"orderby={ordering[:40]!r}: use published or updated")
    by_update = ordering in {"updated", "lastmodified"}
    published = _range(query, "published")
    updated = _range(query, "updated")
    asked = PartSpec(
        limit=min(_number(query, "max-results", 25, least=0), MAX_ENTRIES),
        start=_number(query, "start-index", 1, least=1),
        published=published,
        # As Blogger has it: without that order these are not looked at.
        updated=updated if by_update else ALWAYS,
        ordering="updated" if by_update else "published",
    )
    is_counted = bool(query.get("max-results") or query.get("start-index"))
    return asked if is_counted or asked != PartSpec() else None


def _range(query: Mapping[str, str], name: str) -> Range:
    return _instant(query, f"{name}-min"), _instant(query, f"{name}-max")


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
    groups: list[dict[Rule, None]] = []
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
                groups[-1][negated] = None
            else:
                groups.append({negated: None})
        is_or = False
    if sum(map(len, groups)) > MAX_NAMED:
        raise BadRequest(f"q: more than {MAX_NAMED} labels in it")
    return [Or(tuple(group)) if len(group) > 1 else next(iter(group)) for group in groups], " ".join(words)


def _label(name: str) -> HasLabel:
    try:
        return HasLabel(name)
    except ValueError:
        raise BadRequest(f"{name[:40]!r} is no name of a label") from None


def _all_of(rules: list[Rule]) -> Rule | None:
    several = list(dict.fromkeys(rules))
    if len(several) > MAX_NAMED:
        raise BadRequest(f"more than {MAX_NAMED} labels in one address")
    if len(several) < 2:
        return several[0] if several else None
    return And(tuple(several))


def _conjuncts(rule: Rule | None) -> list[Rule]:
    """What ``_all_of`` was given."""
    if rule is None:
        return []
    return list(rule.rules) if isinstance(rule, And) else [rule]


def _fits_path(rule: Rule) -> bool:
    """Whether it is a label that can stand in a path: one of dots alone would be taken out of it."""
    return isinstance(rule, HasLabel) and rule.name not in {".", ".."}


def _term(rule: Rule) -> str:
    """A rule as ``_read_q`` reads it."""
    match rule:
        case Or(rules):
            return "|".join(map(_term, rules))
        case Not(HasLabel(name)):
            return f"-label:{_quoted(name)}"
        case HasLabel(name):
            return f"label:{_quoted(name)}"
        case _:
            raise ValueError(f"{rule}: Blogger has no words for it")


def _quoted(name: str) -> str:
    return f'"{name}"' if re.search(r"[\s|]", name) else name


def _written(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
