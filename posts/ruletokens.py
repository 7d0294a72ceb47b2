"""The words of a label rule and where they stand; ``posts.rules`` makes sense of them."""

import re
from typing import NamedTuple

KEYWORDS = frozenset({"and", "or", "not", "all"})

_TOKEN = re.compile(r'\s*(?:(?P<bracket>[()])|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<word>[^\s()"]+))', re.DOTALL)

_HERE = re.compile(r'[()]|"|[^\s()"]+')
# Characters of a rule on each side of the place that are shown with an error.
_SHOWN = 200


class RuleError(ValueError):
    """A rule that does not parse; ``position`` is where, counted in characters from 0, ``reason`` is why."""

    def __init__(self, reason: str, *, position: int, text: str) -> None:
        """Say the place as a person counts it, from 1, and what stands there."""
        here = text[position:].split(maxsplit=1)
        place = f"at character {position + 1} ({here[0][:40]!r})" if here else "at its end"
        super().__init__(f"rule {text[:200]!r}, {place}: {reason}")
        self.position = position
        self.reason = reason
        self.text = text

    def around(self) -> tuple[str, str, str]:
        """The rule in three parts: what stands before the place, the word that stands there, and the rest.

        Of a very long rule what is next to the place. There is no word at a rule's end.
        """
        before, here = self.text[: self.position], _HERE.match(self.text, self.position)
        word = here[0] if here else ""
        after = self.text[self.position + len(word) :]
        return before[-_SHOWN:], word[:_SHOWN], (word[_SHOWN:] + after)[:_SHOWN]


class Token(NamedTuple):
    """A word of a rule: ``kind`` is bracket, quoted, word, end, or a keyword in lower case."""

    kind: str
    text: str
    position: int


def tokens(text: str) -> list[Token]:
    """Take a rule's text apart, an ``end`` behind it; raises ``RuleError`` where a quote is not closed."""
    found: list[Token] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            start = text.index('"', position)
            raise RuleError('the quote is not closed: write a second "', position=start, text=text)
        kind, value = match.lastgroup, match[match.lastgroup]
        if kind == "word" and value.casefold() in KEYWORDS:
            kind = value.casefold()
        found.append(Token(kind, value, match.start(match.lastgroup)))
        position = match.end()
    return [*found, Token("end", "", len(text))]
