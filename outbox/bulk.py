"""The header fields that every digest carries."""

from datetime import datetime
from email.utils import format_datetime

from outbox.addresses import format_address, format_phrase
from outbox.headers import HeaderError
from outbox.marks import mark


def bulk_headers(
    *,
    sender: tuple[str, str],
    date: datetime,
    list_id: tuple[str, str],
    unsubscribe_url: str,
    feedback_id: str,
    language: str,
    reply_to: tuple[str, str] | None = None,
) -> list[tuple[str, str]]:
    """The fields of a digest's message, in order, for ``MessageTemplate.build``.

    ``sender`` and ``reply_to`` are a name (may be empty) and an address; ``list_id`` a name and an id such as
    ``weekly.example.org`` (RFC 2919); ``date`` is aware. ``unsubscribe_url`` holds the mark of the reader's
    token; where it is https the one-click field of RFC 8058 is there too, which plain http must not claim.
    Spliced, it wants the marks ``TO`` (``recipient_value``) and ``MESSAGE_ID`` (with its angle brackets).
    Raises ``HeaderError`` for what may not stand in a header.
    """
    if not unsubscribe_url.startswith(("https://", "http://")) or any(c in unsubscribe_url for c in " <>,"):
        raise HeaderError(f"List-Unsubscribe: {unsubscribe_url!r} is no https:// address")
    fields = [("From", format_address(*sender)), ("To", mark("TO"))]
    if reply_to is not None:
        fields.append(("Reply-To", format_address(*reply_to)))
    fields += [
        ("Date", format_datetime(date)),
        ("Message-ID", mark("MESSAGE_ID")),
        ("List-Id", f"{format_phrase(list_id[0])} <{list_id[1]}>".strip()),
        ("List-Unsubscribe", f"<{unsubscribe_url}>"),
    ]
    if unsubscribe_url.startswith("https://"):
        fields.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    fields += [
        ("List-Post", "NO"),
        ("Auto-Submitted", "auto-generated"),
        ("Precedence", "bulk"),
        ("Feedback-ID", feedback_id),
        ("Content-Language", language),
    ]
    return fields
