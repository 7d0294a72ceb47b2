"""Breaking plain text into lines by the columns it takes, in any script."""

import re
import unicodedata
from collections.abc import Iterator

# White space that a line may break at: not the no-break space, nor the ideographic one inside a word.
_SPACE = re.compile(r"[ \t\n\r\f\v]+")
# May not stand at a line's start (kinsoku shori, shortened): closing marks of East Asian text.
_CLOSING = "、。，．：；！？」』）］｝〉》】〕"
# May not stand at a line's end.
_OPENING = "「『（［｛〈《【〔"
_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def columns(text: str) -> int:
    """How many columns a terminal gives ``text``: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _pieces(word: str) -> Iterator[str]:
    """A word's parts between which a line may break: around each wide character, nowhere else."""
    start = 0
    for at in range(1, len(word)):
        if _may_break(word[at - 1], word[at]):
            yield word[start:at]
            start = at
    yield word[start:]


def _may_break(before: str, after: str) -> bool:
    if not (_is_wide(before) or _is_wide(after)) or after in _CLOSING or before in _OPENING:
        return False
    # An emoji may be several characters: people joined, a hand with its colour.
    return before != _JOINER and _width(after) > 0 and ord(after) not in _SKIN_TONES


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


def wrap(text: str, width: int = 72, *, first: str = "", rest: str = "") -> list[str]:
    """``text`` in lines of at most ``width`` columns, the first led by ``first``, the others by ``rest``.

    White space collapses. A word (a URL, say) that is wider than a line stands whole on a line of its own:
    a broken link is worse than a long line.
    """
    lines: list[str] = []
    line, used, glue = first, columns(first), ""
    empty = True
    for word in filter(None, _SPACE.split(text)):
        for piece in (word,) if word.isascii() else _pieces(word):
            needed = columns(piece)
            if not empty and used + len(glue) + needed > width:
                lines.append(line)
                line, used, glue = rest, columns(rest), ""
            line += glue + piece
            used += len(glue) + needed
            glue, empty = "", False
        glue = " "
    if not empty:
        lines.append(line)
    return lines
