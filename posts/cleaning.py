"""Text that XML can hold and people can read: illegal characters, mojibake, entities, first words. All pure.

Functions that clean take the list ``notes`` and add to it, in plain words, what they had to do.
"""

import html
import re

MAX_LINE = 1000
"""Titles, and names of labels and authors before their own limits, are cut to so many characters."""

# What XML 1.0 (production 2, Char) cannot hold, and DEL. C1 controls are legal, and dealt with before.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_C1 = re.compile("[\x80-\x9f]")

# Characters of Windows-1252 that are not where Latin-1 has them, to the byte that stands for each.
_WINDOWS = {
    ord(bytes([byte]).decode("cp1252")): byte
    for byte in range(0x80, 0xA0)
    if byte not in b"\x81\x8d\x8f\x90\x9d"
}
_FROM_C1 = {byte: character for character, byte in _WINDOWS.items()} | dict.fromkeys(b"\x81\x8d\x8f\x90\x9d")
_TRAILS = "\u0080-\u00bf" + "".join(map(chr, _WINDOWS))
# A lead byte of UTF-8 and one that follows it, each read as a character of its own.
_SUSPECT = re.compile(f"[\u00c2-\u00f4][{_TRAILS}]")
# Those of them that no language writes.
_BLATANT = re.compile(
    f"\u00e2\u20ac[{_TRAILS}]|\u00c3[\u00a1-\u00bf]|\u00c2[\u00a0-\u00bf]|\u00f0\u0178[{_TRAILS}]"
)
_WIDE = re.compile("[^\x00-\x7f]")

# The same in UTF-8, where looking for them is ten times as fast: C0 controls, the rest of what is illegal
# together with C1 controls, and letters that may be lead bytes with one beyond ASCII behind them.
_CONTROLS = bytes({*range(0x20), 0x7F} - {*b"\t\n\r"})
_ODD = (
    re.compile(rb"\xc2[\x80-\x9f]"),
    re.compile(rb"\xef\xbf[\xbe\xbf]"),
    re.compile(rb"\xc3[\x82-\xb4][\xc2-\xf4]"),
)

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_INLINE = (
    "a|abbr|b|big|br|cite|code|del|div|em|font|h[1-6]|i|img|ins|kbd|mark|p|q|s|samp|small|span|strike|strong|sub"
    "|sup|tt|u|var|wbr"
)
_HIDDEN = re.compile(r"<(script|style)\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_PAIR = re.compile(rf"<({_INLINE})(?:\s[^<>]*)?>(.*?)</\1\s*>", re.IGNORECASE | re.DOTALL)
_VOID = re.compile(r"<(?:br|img|wbr|hr)(?:\s[^<>]*)?/?>", re.IGNORECASE)


def counted(number: int, one: str, many: str = "") -> str:
    """``1 link``, ``3 links``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def legal(text: str) -> str:
    """The text without what XML 1.0 cannot hold (production 2, Char)."""
    return _ILLEGAL.sub("", text) if _is_odd(text) else text


def legible(text: str, *, of: str, notes: list[str]) -> str:
    """The text with certain mojibake mended and without what XML cannot hold; ``of`` is the part's name."""
    if not _is_odd(text):
        return text
    if not text.isascii():
        text = _mended(text, of, notes)
    cleaned, number = _ILLEGAL.subn("", text)
    if number:
        notes.append(f"removed {counted(number, 'character')} that XML cannot hold from the {of}")
    return cleaned


def _is_odd(text: str) -> bool:
    """Whether the text needs a second look."""
    try:
        written = text.encode()
    except UnicodeEncodeError:
        return True
    if len(written.translate(None, _CONTROLS)) < len(written):
        return True
    return len(written) > len(text) and any(sign.search(written) for sign in _ODD)


def _mended(text: str, of: str, notes: list[str]) -> str:
    mended = text
    if not _SUSPECT.search(text) and not _C1.search(text):
        return text
    # What went wrong once may have gone wrong again on the next machine.
    while (again := _read_again(mended)) is not None:
        mended = again
    if mended != text:
        notes.append(f"mended mojibake in the {of} (UTF-8 read as Windows-1252)")
    elif _BLATANT.search(text):
        notes.append(f"the {of} may hold mojibake (UTF-8 read as Windows-1252): left as it is")
    if _C1.search(mended):
        # As every browser reads them, and HTML's own character references.
        notes.append(f"read control characters in the {of} as Windows-1252")
        mended = mended.translate(_FROM_C1)
    return mended


def _read_again(text: str) -> str | None:
    """The text as UTF-8, had it been read as Windows-1252 (or Latin-1); None unless that is certain.

    It is when the whole text goes back to bytes and these are UTF-8, and not by a single accident: a text
    with one honest accented letter is no UTF-8 then.
    """
    if not _SUSPECT.search(text):
        return None
    try:
        again = text.translate(_WINDOWS).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return None
    wide: list[str] = _WIDE.findall(again)
    latin = all(char <= "\u00ff" or char >= "\u0800" for char in wide)
    if latin:
        return again if len(wide) > 1 or wide[0] >= "\u0800" else None
    # Greek, Cyrillic, Hebrew, Arabic…: words, not one sign again and again (NESCAFÉ®).
    letters = {char for char in wide if char.isalpha()}
    return again if len(letters) >= 4 else None


def plain(text: str, *, of: str, notes: list[str]) -> str:
    """One line of plain text: tags and entities (also those escaped twice) decoded, white space collapsed.

    An angle bracket that opens no pair of HTML's tags stays: ``vector<int>``, ``a < b``.
    """
    line = _one_line(text, of=of, notes=notes)
    if len(line) > MAX_LINE:
        notes.append(f"cut the {of} from {len(line)} to {MAX_LINE} characters")
        line = shortened(line, MAX_LINE)
    if "&" not in line and "<" not in line:
        return line
    decoded = line
    while (further := _decoded(decoded)) != decoded:
        decoded = further
    if decoded == line:
        return line
    decoded = _one_line(decoded, of=of, notes=notes)
    notes.append(f"turned markup in the {of} into plain text")
    return decoded


def _one_line(text: str, *, of: str, notes: list[str]) -> str:
    """Legible, white space collapsed, until nothing changes: mojibake may show only once blanks are plain."""
    line = " ".join(legible(text, of=of, notes=notes).split())
    while (again := " ".join(legible(line, of=of, notes=[]).split())) != line:
        line = again
    return line


def _decoded(line: str) -> str:
    line = _VOID.sub(" ", _HIDDEN.sub("", line))
    line = _PAIR.sub(r"\2", line)
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), line)


def shortened(line: str, length: int) -> str:
    """At most ``length`` characters of a line, cut between words if it has any, with ``…`` at the cut."""
    if len(line) <= length:
        return line
    kept = line[: length - 1]
    if line[length - 1] != " ":
        head, _, tail = kept.rpartition(" ")
        # A word longer than half the room is cut; so is a script that writes no blanks.
        kept = head if head and len(tail) <= length // 2 else kept
    return kept.rstrip(" ,;:.-–—…") + "…"
