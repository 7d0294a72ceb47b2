"""Label rules: ``MEK and not sports``, ``"U.S. politics" or iran``, ``all``. All pure.

From weakest to strongest: ``or``, ``and``, ``not``; brackets group. A name of several words, or one that
is itself ``and``, ``or``, ``not`` or ``all``, stands in double quotes, with a backslash before a quote or a
backslash inside it. A rule prints as text that parses back to the same rule.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from posts.labels import clean_name, label_key
from posts.ruletokens import KEYWORDS, RuleError, Token, tokens

__all__ = [
    "All",
    "And",
    "HasLabel",
    "Not",
    "Or",
    "Rule",
    "RuleError",
    "matches",
    "parse",
    "rule_labels",
]

MAX_DEPTH = 50
MAX_LABELS = 100
_BARE = re.compile(r'[^\s()"]+')


@dataclass(frozen=True, slots=True)
class All:
    """Every post."""

    def __str__(self) -> str:
        return "all"


@dataclass(frozen=True, slots=True)
class HasLabel:
    """Posts with the label of this name. Raises ``ValueError`` when nothing readable is left of the name."""

    name: str

    def __post_init__(self) -> None:
        cleaned = clean_name(self.name)
        if not cleaned:
            raise ValueError(f"a label without a name: {self.name!r}")
        object.__setattr__(self, "name", cleaned)

    def __str__(self) -> str:
        if _BARE.fullmatch(self.name) and self.name.casefold() not in KEYWORDS:
            return self.name
        return '"' + self.name.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class Not:
    """Posts that are not under the rule."""

    rule: "Rule"

    def __str__(self) -> str:
        return f"not {_bracketed(self.rule, And, Or)}"


@dataclass(frozen=True, slots=True)
class And:
    """Posts that are under each of two or more rules; an ``And`` inside is taken apart."""

    rules: tuple["Rule", ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", _flat(And, self.rules))

    def __str__(self) -> str:
        return " and ".join(_bracketed(rule, Or) for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Or:
    """Posts that are under any of two or more rules; an ``Or`` inside is taken apart."""

    rules: tuple["Rule", ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", _flat(Or, self.rules))

    def __str__(self) -> str:
        return " or ".join(str(rule) for rule in self.rules)


Rule = All | HasLabel | Not | And | Or


def _flat(kind: type[And] | type[Or], rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if len(rules) < 2:
        raise ValueError(f"{kind.__name__} takes two rules or more")
    flat: list[Rule] = []
    for rule in rules:
        flat.extend(rule.rules if isinstance(rule, And | Or) and isinstance(rule, kind) else (rule,))
    return tuple(flat)


def _bracketed(rule: Rule, *weaker: type[And] | type[Or]) -> str:
    return f"({rule})" if isinstance(rule, weaker) else str(rule)


def rule_labels(rule: Rule) -> tuple[str, ...]:
    """The names of labels in a rule, as written, each once, in the order they stand there."""
    return tuple(dict.fromkeys(_names(rule)))


def _names(rule: Rule) -> Iterator[str]:
    if isinstance(rule, HasLabel):
        yield rule.name
    elif isinstance(rule, Not):
        yield from _names(rule.rule)
    elif isinstance(rule, And | Or):
        for part in rule.rules:
            yield from _names(part)


def matches(rule: Rule, keys: Collection[str]) -> bool:
    """Whether a post whose labels have these keys (``label_key``) is under the rule."""
    match rule:
        case All():
            return True
        case HasLabel(name):
            return label_key(name) in keys
        case Not(inner):
            return not matches(inner, keys)
        case And(rules):
            return all(matches(part, keys) for part in rules)
        case Or(rules):
            return any(matches(part, keys) for part in rules)


def parse(text: str) -> Rule:
    """Read a rule; raises ``RuleError`` with the place when it is none."""
    return _Parser(text).rule()


class _Parser:
    """Recursive descent: one method for each strength of binding."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0
        self._labels = 0

    def rule(self) -> Rule:
        """The whole text as one rule."""
        rule = self._or()
        token = self._peek()
        if token.kind == "end":
            return rule
        if token.text == ")":
            raise self._error("a closing bracket without an opening one", token)
        raise self._error(
            'put "and" or "or" before it; quote a name of several words ("U.S. politics")', token
        )

    def _or(self) -> Rule:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"brackets stand more than {MAX_DEPTH} deep", self._peek())
        parts = [self._and()]
        while self._peek().kind == "or":
            self._take()
            parts.append(self._and())
        self._depth -= 1
        return Or(tuple(parts)) if len(parts) > 1 else parts[0]

    def _and(self) -> Rule:
        parts = [self._not()]
        while self._peek().kind == "and":
            self._take()
            parts.append(self._not())
        return And(tuple(parts)) if len(parts) > 1 else parts[0]

    def _not(self) -> Rule:
        negations = 0
        while self._peek().kind == "not":
            if self._depth + negations >= MAX_DEPTH:
                raise self._error(f'more than {MAX_DEPTH} brackets and "not" inside each other', self._peek())
            self._take()
            negations += 1
        rule = self._atom()
        for _ in range(negations):
            rule = Not(rule)
        return rule

    def _atom(self) -> Rule:
        token = self._take()
        if token.text == "(" and token.kind == "bracket":
            rule = self._or()
            closing = self._take()
            if closing.text != ")":
                raise self._error(f"the bracket of character {token.position + 1} is not closed", closing)
            return rule
        if token.kind == "all":
            return All()
        if token.kind in {"word", "quoted"}:
            return self._label(token)
        raise self._error("a label's name is missing here", token)

    def _label(self, token: Token) -> HasLabel:
        self._labels += 1
        if self._labels > MAX_LABELS:
            raise self._error(f"more than {MAX_LABELS} labels in one rule", token)
        name = (
            re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
            if token.kind == "quoted"
            else token.text
        )
        try:
            return HasLabel(name)
        except ValueError as error:
            raise self._error("the label's name is empty", token) from error

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def _error(self, reason: str, token: Token) -> RuleError:
        return RuleError(reason, position=token.position, text=self._text)
