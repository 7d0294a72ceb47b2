"""Which encoding a document of others is in, and reading it piece by piece as text."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

CHUNK = 1 << 16

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = (
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00<", "utf-16-be"),
    (b"<\x00", "utf-16-le"),
)
# What people name, and what they then write (WHATWG Encoding, §4.2): the wider one reads both.
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "tis_620": "cp874",
}
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']\s*([A-Za-z0-9._:-]{1,40})""")
# A codec that finds a "<" where ASCII has none could hide markup from whoever looks at the bytes.
_PROBE = b"<!DOCTYPE a [\\x3c\\u003c+ADw-&lt;=3C]>"


def usable(name: str | None) -> str | None:
    """Python's name for a declared encoding, widened; None when it is unknown or no plain text encoding."""
    try:
        found = codecs.lookup((name or "").strip())
        probe = _PROBE.decode(found.name)
    except (LookupError, ValueError, AssertionError):
        return None
    if not probe.startswith("<!DOCTYPE a [") or probe.count("<") != 1:
        return None
    return _WIDER.get(found.name, found.name)


def candidates(head: bytes, charset: str | None = None) -> list[str]:
    """The encodings a document may be in, likeliest first.

    A byte order mark wins, then the shape of its first bytes, ``charset`` (what the server said, RFC
    7303), what the document declares, UTF-8, and at last Windows-1252, which is what is left over.
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return [name]
    for first, name in _WIDE:
        if head.startswith(first):
            return [name]
    declared = _DECLARED.search(head[:1024])
    named = [usable(charset), usable(declared[1].decode("ascii")) if declared else None, "utf-8", "cp1252"]
    return list(dict.fromkeys(name for name in named if name))


def texts(stream: BinaryIO, encoding: str, *, errors: str = "strict") -> Iterator[str]:
    """The text of a stream, piece by piece, without its byte order mark; raises ``UnicodeDecodeError``."""
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    first = True
    while True:
        data = stream.read(CHUNK)
        text = decoder.decode(data, final=not data)
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        if text:
            yield text
        if not data:
            return


def decode(data: bytes, charset: str | None = None) -> str:
    """All of a small document as text: the likeliest encoding that reads it, or what can be read of it."""
    names = candidates(data[:1024], charset)
    for name in names:
        try:
            return data.decode(name).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
    return data.decode(names[0], "replace").removeprefix("\ufeff")
