"""listmonk's export of subscribers: those of all lists, or of one where it was asked for so."""

from subscribers.csvformats.dates import read_date
from subscribers.csvformats.shape import Cells, CsvFormat, attribute, listed
from subscribers.csvrows import Row, Status

_STATUSES = {"unconfirmed": Status.PENDING, "unsubscribed": Status.UNSUBSCRIBED}


def _read(cells: Cells) -> Row:
    """A line: only who is ``enabled`` gets mail; language and timezone may stand among the attributes.

    Whether they confirmed a list is not in the export, unless somebody added it (``subscription_status``).
    """
    word = cells.get("status").casefold()
    status = Status.SUBSCRIBED if word == "enabled" else Status.UNSUBSCRIBED
    if status is Status.SUBSCRIBED:
        status = _STATUSES.get(cells.get("subscription_status").casefold(), status)
    attributes = cells.get("attributes")
    return Row(
        cells.line,
        cells.email,
        status=status,
        why=word if status is Status.UNSUBSCRIBED else "",
        since=read_date(cells.get("updated_at")) if status is Status.UNSUBSCRIBED else None,
        agreed_at=read_date(cells.get("created_at")),
        timezone=attribute(attributes, "timezone", "tz"),
        language=attribute(attributes, "language", "lang", "locale"),
        guessed=True,
        tags=listed(cells.get("lists", "tags")),
        source=LISTMONK.title,
    )


LISTMONK = CsvFormat("listmonk", "listmonk", (frozenset({"uuid", "email", "attributes", "status"}),), _read)
