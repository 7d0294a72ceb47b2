"""Buttondown's export of subscribers, with the names its API gives to the columns, then and now."""

from subscribers.csvformats.dates import read_date
from subscribers.csvformats.shape import Cells, CsvFormat, attribute, listed
from subscribers.csvrows import BadRow, Row, Status

_PAYING = ("premium", "trialed", "gifted", "churning", "churned", "paused", "past_due", "upcoming")
_TYPES = {
    **dict.fromkeys(("regular", "unpaid", *_PAYING), Status.SUBSCRIBED),
    "unactivated": Status.PENDING,
    **dict.fromkeys(("unsubscribed", "removed", "spammy", "blocked", "disabled"), Status.UNSUBSCRIBED),
    "undeliverable": Status.BOUNCED,
    "complained": Status.COMPLAINED,
}


def _read(cells: Cells) -> Row | BadRow:
    """A line: the type says who gets mail, and most of the types are about money."""
    word = cells.get("type", "subscriber_type").casefold()
    status = _TYPES.get(word)
    if status is None:
        return BadRow(cells.line, f"{cells.email}: {word[:40]!r} is no type of Buttondown's that is known")
    if status is Status.SUBSCRIBED and cells.get("unsubscription_date"):
        status, word = Status.UNSUBSCRIBED, "unsubscribed"
    since = cells.get("unsubscription_date", "undeliverability_date")
    return Row(
        cells.line,
        cells.email,
        status=status,
        why=word,
        since=read_date(since),
        agreed_at=read_date(cells.get("creation_date", "subscription_date")),
        agreed_from=cells.get("ip_address") or None,
        timezone=attribute(cells.get("metadata"), "timezone"),
        language=attribute(cells.get("metadata"), "language"),
        guessed=True,
        tags=listed(cells.get("tags")),
        source=BUTTONDOWN.title,
    )


_DATES = ("creation_date", "subscription_date")
BUTTONDOWN = CsvFormat(
    "buttondown",
    "Buttondown",
    tuple(frozenset({date, kind}) for date in _DATES for kind in ("type", "subscriber_type")),
    _read,
)
