"""Cutting text to a length without cutting a word, and where it can be had, not a sentence either."""

import re

from templates.markup import prose

ELLIPSIS = "…"
# A sentence's end, where an excerpt likes to stop.
_SENTENCE = re.compile(r"[.!?…][\"'”’»)\]]*(?=\s|$)|[。！？][」』）]*")
_LOOSE = " ,;:.–—-("


def shorten(text: str, length: int) -> str:
    """``text`` on one line of at most ``length`` characters, cut between words and closed by an ellipsis.

    Text without spaces (Chinese, a URL) is cut between characters.
    """
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    room = max(length - len(ELLIPSIS), 0)
    cut = text.rfind(" ", 0, room + 1)
    if cut < room // 2:
        cut = room
    return text[:cut].rstrip(_LOOSE) + ELLIPSIS


def excerpt(html: str, words: int = 60, characters: int = 420) -> str:
    """The beginning of a post's prose on one line: at most ``words`` words, about ``characters`` characters.

    Headings, tables and code are passed over unless there is nothing else. It stops at a sentence's end when
    one stands in its last third, else between words; either way an ellipsis says that there is more.
    """
    text = prose(html, enough=characters * 2)
    start = " ".join(text.split(" ", words)[:words])
    if start == text and len(text) <= characters:
        return text
    if len(start) > characters:
        start = shorten(start, characters)[: -len(ELLIPSIS)]
    ends = [found.end() for found in _SENTENCE.finditer(start) if found.end() > len(start) * 2 // 3]
    if ends:
        return f"{start[: ends[-1]]} {ELLIPSIS}"
    return start.rstrip(_LOOSE) + ELLIPSIS
