"""What a report encloses of the message that came back: its headers, and in them the marks that are ours."""

import re
from collections.abc import Iterator
from email.message import Message

from outbox.bounces.report import Original
from outbox.bounces.taming import MAX_TEXT, header, parts, text

# So many of each are believed to be worth a look.
MOST = 8

_FOLD = re.compile(r"\r?\n[ \t]+")
_MESSAGE_ID = re.compile(r"^[> \t|]*message-id:\s*(<[^<>\s]{3,250}>)", re.IGNORECASE | re.MULTILINE)
_RETURN_PATH = re.compile(r"^[> \t|]*return-path:\s*<?([^<>\s]{3,320})>?", re.IGNORECASE | re.MULTILINE)
_UNSUBSCRIBE = re.compile(r"/unsubscribe/([A-Za-z0-9._-]{8,60})")
_NAMES = ("Message-ID", "Return-Path", "List-Unsubscribe")
_ENCLOSED = {"message/rfc822", "message/global"}
_HEADERS = {"text/rfc822-headers", "message/rfc822-headers", "message/global-headers"}


def find_original(message: Message, *, more: str = "") -> Original:
    """What the parts of a report tell of the original, and ``more``, lines of other headers about it.

    Where it is enclosed as a part, only that is looked at; else the text, to which many programs append it.
    """
    told = list(_enclosed(message)) or list(_appended(message))
    lines = _FOLD.sub(" ", "\n".join([more, *told]))[: 2 * MAX_TEXT]
    return Original(
        message_ids=_first(_MESSAGE_ID, lines),
        return_paths=_first(_RETURN_PATH, lines),
        unsubscribes=_first(_UNSUBSCRIBE, lines),
    )


def enclosed_messages(message: Message) -> Iterator[Message]:
    """The messages that a report encloses whole."""
    for part in parts(message):
        payload = part.get_payload()
        if part.get_content_type() in _ENCLOSED and isinstance(payload, list):
            yield from (one for one in payload[:1] if isinstance(one, Message))


def _enclosed(message: Message) -> Iterator[str]:
    for one in enclosed_messages(message):
        yield "\n".join(f"{name}: {value}" for name in _NAMES if (value := header(one, name)))
    for part in parts(message):
        if part.get_content_type() in _HEADERS:
            payload = part.get_payload()
            if isinstance(payload, list):
                yield from (str(one) for one in payload[:1])
            else:
                yield text(part)


def _appended(message: Message) -> Iterator[str]:
    """The texts of a report without their first lines' headers: what follows may be the original's."""
    for part in parts(message):
        if part.get_content_maintype() == "text":
            yield text(part)


def _first(pattern: re.Pattern[str], lines: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for one in pattern.finditer(lines):
        found[one[1]] = None
        if len(found) == MOST:
            break
    return tuple(found)
