"""JSON Lines: one post a line. The way in for whatever no other importer reads (docs/jsonl.md)."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

from posts.importers.dates import NAIVE_NOTE, NoDate, parse_iso
from posts.importers.errors import ImporterError, one_line
from posts.importers.source import Source
from posts.links import http_url
from posts.model import Enclosure, PostState, SkippedPost, SourcePost

FIELDS = (
    "id",
    "url",
    "title",
    "published",
    "updated",
    "labels",
    "author",
    "authors",
    "draft",
    "state",
    "html",
    "enclosures",
    "picture",
    "language",
)
MAX_LINE_BYTES = 16 << 20
# So many lines and none of them a post: it is something else.
_PATIENCE = 100
_STATES = {
    "live": PostState.LIVE,
    "scheduled": PostState.LIVE,
    "draft": PostState.DRAFT,
    "deleted": PostState.DELETED,
}


class BadLine(ValueError):
    """A line is no post; the message says why, ``id`` which post it would have been."""

    def __init__(self, reason: str, *, identity: str = "") -> None:
        super().__init__(reason)
        self.identity = one_line(identity)


class JsonlImporter:
    """Reads JSON Lines in UTF-8, a line at a time."""

    name = "jsonl"

    def sniff(self, head: bytes, name: str) -> bool:
        """Whether its first line is a JSON object; of a file named .jsonl, whether it starts as one."""
        first = head.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0].strip()
        if not first.startswith(b"{"):
            return False
        # A first line longer than the head cannot be judged whole, nor can a bad one among good ones.
        if name.lower().endswith((".jsonl", ".ndjson")) or len(first) >= len(head) - 4:
            return True
        try:
            return isinstance(json.loads(first), dict)
        except (ValueError, RecursionError):
            return False

    def read(self, source: Source) -> Iterator[SourcePost | SkippedPost]:
        """The posts of the file; a line that is none is skipped. Raises ``ImporterError`` if all are."""
        good = bad = 0
        with source.open() as stream:
            if stream.read(4).startswith((b"\xff\xfe", b"\xfe\xff", b"\x00")):
                raise ImporterError(f"{source.name}:1: is no JSON Lines in UTF-8: save it as UTF-8")
            stream.seek(0)
            for number, line in _lines(stream, source.name):
                try:
                    yield _post(_parsed(line, number), where=f"line {number}")
                    good += 1
                except BadLine as error:
                    bad += 1
                    if not good and bad >= _PATIENCE:
                        raise ImporterError(f"{source.name}:{number}: is no JSON Lines: {error}") from error
                    yield SkippedPost(id=error.identity, reason=str(error), where=f"line {number}")
        if not good:
            raise ImporterError(
                f"{source.name}: is no JSON Lines: no line holds a post (docs/jsonl.md says how)"
            )


def _lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, bytes | None]]:
    """The lines that hold anything, with their numbers; None for one that is too long."""
    number = 0
    while line := stream.readline(MAX_LINE_BYTES):
        number += 1
        ended = line.endswith(b"\n")
        if not ended and len(line) >= MAX_LINE_BYTES:
            while (rest := stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, None
            continue
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not ended and _is_cut_off(text):
            raise ImporterError(f"{name}:{number}: is cut off: its last line ends in the middle")
        if text.strip():
            yield number, text


def _is_cut_off(line: bytes) -> bool:
    """Whether a last line that has no end is the beginning of an object."""
    stripped = line.strip()
    return stripped.startswith(b"{") and not stripped.endswith(b"}")


def _parsed(line: bytes | None, number: int) -> dict[str, Any]:
    if line is None:
        raise BadLine(f"the line is longer than {MAX_LINE_BYTES >> 20} MiB")
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadLine(f"the line is no UTF-8 (byte {error.start + 1})") from error
    except json.JSONDecodeError as error:
        raise BadLine(f"the line is no JSON: {error.msg} at character {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise BadLine(f"the line is no JSON that can be read: {one_line(str(error))}") from error
    if not isinstance(value, dict):
        raise BadLine(f"line {number} is no JSON object")
    return value


def _post(line: dict[str, Any], *, where: str) -> SourcePost:
    uri = (_identity(line.get("id")) or "").strip() or None
    address = (_string(line, "url", uri) or "").strip()
    identity = uri or address
    url = http_url(address) if address else None
    notes: list[str] = []
    if uri is None and url is None:
        reason = (
            "its url is no http or https address, and it has no id" if address else "it has no id and no link"
        )
        raise BadLine(reason, identity=identity or _string(line, "title", None) or "")
    if address and url is None:
        notes.append(f"its url “{one_line(address)}” is no http or https address and was left out")
    published = _date(line, "published", identity, notes)
    updated = _date(line, "updated", identity, notes)
    return SourcePost(
        uri=uri,
        url=url,
        title=_string(line, "title", identity),
        html=_string(line, "html", identity) or "",
        published=published,
        updated=updated,
        labels=_strings(line, "labels", identity),
        authors=_authors(line, identity),
        state=_state(line, identity),
        where=where,
        notes=tuple(dict.fromkeys(notes)),
        enclosures=_enclosures(line, identity),
        picture=_string(line, "picture", identity) or None,
        language=_string(line, "language", identity) or None,
    )


def _identity(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None or isinstance(value, str):
        return value
    raise BadLine("id must be a string")


def _string(line: dict[str, Any], key: str, identity: str | None) -> str | None:
    value = line.get(key)
    if value is None or isinstance(value, str):
        return value
    raise BadLine(f"{key} must be a string", identity=identity or "")


def _strings(line: dict[str, Any], key: str, identity: str) -> tuple[str, ...]:
    value = line.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadLine(f"{key} must be a list of strings", identity=identity)
    return tuple(value)


def _authors(line: dict[str, Any], identity: str) -> tuple[str, ...]:
    author = _string(line, "author", identity)
    return _strings(line, "authors", identity) or ((author,) if author else ())


def _enclosures(line: dict[str, Any], identity: str) -> tuple[Enclosure, ...]:
    value = line.get("enclosures")
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadLine("enclosures must be a list of objects", identity=identity)
    return tuple(_enclosure(one, identity) for one in value)


def _enclosure(value: Any, identity: str) -> Enclosure:
    url, kind, length = map(value.get, ("url", "type", "length")) if isinstance(value, dict) else (None,) * 3
    if not isinstance(url, str):
        raise BadLine("each of the enclosures must be an object with a url", identity=identity)
    if not isinstance(kind, str | None):
        raise BadLine("an enclosure's type must be a string", identity=identity)
    if not isinstance(length, int | None) or isinstance(length, bool):
        raise BadLine("an enclosure's length must be a whole number of bytes", identity=identity)
    return Enclosure(url, kind or "", length or 0)


def _date(line: dict[str, Any], key: str, identity: str, notes: list[str]) -> datetime | None:
    text = line.get(key)
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise BadLine(f"{key}: {one_line(str(text))} is no ISO 8601 date", identity=identity)
    try:
        parsed, named_zone = parse_iso(text)
    except NoDate as error:
        raise BadLine(f"{key}: {error}", identity=identity) from error
    if not named_zone:
        notes.append(NAIVE_NOTE)
    return parsed


def _state(line: dict[str, Any], identity: str) -> PostState:
    draft = line.get("draft")
    if draft is not None and not isinstance(draft, bool):
        raise BadLine("draft must be true or false", identity=identity)
    state = _string(line, "state", identity)
    if not state:
        return PostState.DRAFT if draft else PostState.LIVE
    if state not in _STATES:
        raise BadLine(f"state must be one of {', '.join(_STATES)}", identity=identity)
    return _STATES[state]
