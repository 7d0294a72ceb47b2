"""Text as full-text search compares it: words without case and accents. All pure.

The databases take text apart each in its own way; so it is done here, and they are handed words with blanks
between them. Scripts that put no blank between words (Chinese, Japanese, Thai and their like; Korean, whose
words grow endings) are indexed letter by letter: what was typed is then found as letters that follow each
other, wherever a word begins.
"""

import re
import unicodedata
from functools import lru_cache

MAX_TOKEN = 100
"""Characters of a word; a longer one counts as several that follow each other."""

# In UTF-8 all of ASCII is dealt with in one step, and the rest left for a closer look.
_ASCII = bytes(code if code > 127 or chr(code).isalnum() else 32 for code in bytes(range(256)).lower())
# Longer ones, sentences of scripts without blanks, hardly come again: remembering them is no use.
_REMEMBERED = 40
_LONG = re.compile(rf"(\S{{{MAX_TOKEN}}})(?=\S)")

_ZERO_WIDTH_SPACES = "\u200b\u200c"
# Accents, vowel points, and what picks a glyph: not what readers type.
_STRIPPED = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]"
)
_ALONE = re.compile(
    "[\u0e01-\u0e4e\u0e81-\u0ecf\u0edc-\u0edf\u1000-\u109f\u1100-\u11ff\u1780-\u17dd\u3005-\u3007\u3041-\u318f"
    "\u31f0-\u31ff\u3400-\u9fff\ua960-\ua97f\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff]"
)
# Letters that Unicode takes for no accented ones, and letters that Arabic and Persian keyboards tell apart.
_ALIKE = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "ı": "i",
    "ħ": "h",
    "ŧ": "t",
    "ё": "е",
    "ي": "ی",
    "ى": "ی",
    "ے": "ی",
    "ك": "ک",
    "ة": "ه",
    "ە": "ه",
    "ہ": "ه",
}


def words_of(text: str) -> str:
    """The words of a text with a blank between each, in lower case and without accents."""
    chunks = text.encode(errors="replace").translate(_ASCII).decode().split(" ")
    words = [chunk if chunk.isascii() and len(chunk) <= MAX_TOKEN else _folded(chunk) for chunk in chunks]
    return " ".join(filter(None, words))


def is_letter_alone(word: str) -> bool:
    """Whether this is a letter of a script that is indexed letter by letter."""
    return len(word) == 1 and _ALONE.match(word) is not None


def _folded(chunk: str) -> str:
    return _remembered(chunk) if len(chunk) <= _REMEMBERED else _worked_out(chunk)


def _worked_out(chunk: str) -> str:
    """A chunk's words with a blank between each."""
    words = unicodedata.normalize("NFKC", chunk).casefold().translate(_LETTERS)
    words = " ".join(unicodedata.normalize("NFC", words).split())
    return _LONG.sub(r"\1 ", words) if len(words) > MAX_TOKEN else words


# A text's words are mostly those of the texts before it.
_remembered = lru_cache(20_000)(_worked_out)


class _Letters(dict[int, str]):
    """What each letter counts as, found out when it is first met."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _letter(chr(code))
        return found


_LETTERS = _Letters()


def _letter(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.decimal(letter))
    if category == "Cf":
        return " " if letter in _ZERO_WIDTH_SPACES else ""
    if _STRIPPED.match(letter):
        return ""
    if category[0] not in "LMN":
        return " "
    if _ALONE.match(letter):
        return f" {letter} "
    base = _without_accents(letter)
    return _ALIKE.get(base, base)


def _without_accents(letter: str) -> str:
    """In Cyrillic, what stands over a letter makes it another one."""
    apart = unicodedata.normalize("NFKD", letter)
    base, marks = apart[0], apart[1:]
    is_accented = all(map(_STRIPPED.match, marks)) and not "\u0400" <= base <= "\u052f"
    return base if is_accented else letter
