"""An edition's frozen message as everybody may see it: what was mailed, without a reader's own links.

All pure.
"""

import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

from outbox.message import MessageTemplate

# Stands where a reader's tokens stood. No post and no template holds a noncharacter: they are taken out.
_READER = "\ufffe"
_OWN_LINK = re.compile(f"https?://[^\\s\"'<>{_READER}]*{_READER}[^\\s\"'<>]*")


@dataclass(frozen=True, slots=True)
class Mailed:
    """What a mail showed: ``html`` is None of one that is text only."""

    html: str | None
    text: str


def for_everybody(message: bytes, *, instead: str) -> Mailed:
    """A stored message's parts; each link that was one reader's leads to ``instead``, an address.

    Raises ``outbox.marks.MessageError`` for bytes that are no such message.
    """
    template = MessageTemplate.parse(message)
    raw = template.splice(dict.fromkeys(template.names, _READER.encode()))
    parsed = BytesParser(policy=default).parsebytes(raw)
    html = _part(parsed, "html")
    safe = instead.replace("&", "&amp;").replace('"', "%22")
    return Mailed(
        html=None if html is None else _anonymous(html, safe),
        text=_anonymous(_part(parsed, "plain") or "", instead),
    )


def _part(message: EmailMessage, kind: str) -> str | None:
    body = message.get_body((kind,))
    return None if body is None else str(body.get_content())


def _anonymous(text: str, instead: str) -> str:
    return _OWN_LINK.sub(lambda _found: instead, text).replace(_READER, "")
