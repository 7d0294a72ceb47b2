"""A post in a few plain words: the beginning of its text."""

import re
from html import unescape
from unicodedata import combining

LENGTH = 300
MORE = "…"

# What a browser sets within a line; every other tag ends a word.
_INLINE = """a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark q s samp small
    span strike strong sub sup time tt u var wbr"""
_BETWEEN = dict.fromkeys(_INLINE.split(), "")
# As a browser reads it: quotes count after an equals sign, and a tag without an end hides what follows.
_TAG = re.compile(
    r"""<(?:/?([A-Za-z][^\s/>]*+)(?:[^>=]++|=\s*+"[^"]*+(?:"|\Z)|=\s*+'[^']*+(?:'|\Z)|=)*+(?:>|\Z)
    |!--.*?(?:-->|\Z)
    |[!?/][^>]*+(?:>|\Z))""",
    re.VERBOSE | re.DOTALL,
)
# So much of a body is looked at first, and no more at last: markup alone could fill any length.
_FIRST = 1024
_LAST = 64 * 1024
# What was looked at may end in the midst of an entity, which has at most so many characters.
_LONGEST_ENTITY = 40
# Of the text, this much will do as a rule.
_ENOUGH = 480


def summary(html: str) -> str:
    """The first ``LENGTH`` characters of an HTML text, cut at a word, with an ellipsis if there is more."""
    size = _FIRST
    text = _beginning(html[:size])
    while len(text) <= LENGTH + _LONGEST_ENTITY and size < min(len(html), _LAST):
        size *= 4
        text = _beginning(html[:size])
    if len(text) <= LENGTH:
        return text
    return _cut(text).rstrip(" ,;:–—-") + MORE


def _beginning(html: str) -> str:
    """All of the text, or so much that the rest is of no interest; its white space is single blanks."""
    parts = _TAG.split(html)
    # Every second part is the name of the tag between two texts.
    parts[1::2] = [_BETWEEN.get(name, " ") for name in parts[1::2]]
    text = "".join(parts)
    text = unescape(text) if "&" in text else text
    # To part and join all the words would take longer than all the rest.
    found = " ".join(text[:_ENOUGH].split())
    return found if len(found) > LENGTH + _LONGEST_ENTITY else " ".join(text.split())


def _cut(text: str) -> str:
    """At the last blank that fits; in scripts without blanks, between two characters as people see them."""
    end = text.rfind(" ", 0, LENGTH + 1)
    if end >= LENGTH // 2:
        return text[:end]
    end = LENGTH
    while end > 1 and (combining(text[end]) or text[end] in "\u200d\ufe0f" or text[end - 1] == "\u200d"):
        end -= 1
    return text[:end]
