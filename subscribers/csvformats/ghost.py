"""Ghost's export of members."""

from subscribers.csvformats.dates import read_date
from subscribers.csvformats.shape import Cells, CsvFormat, is_true, listed
from subscribers.csvrows import Row, Status


def _read(cells: Cells) -> Row:
    """A line: a member who is subscribed to no newsletter gets no mail."""
    deleted = cells.get("deleted_at")
    wanted = is_true(cells.get("subscribed_to_emails")) and not deleted
    return Row(
        cells.line,
        cells.email,
        status=Status.SUBSCRIBED if wanted else Status.UNSUBSCRIBED,
        why="" if wanted else "deleted" if deleted else "not subscribed to emails",
        since=read_date(deleted),
        agreed_at=read_date(cells.get("created_at")),
        tags=listed(cells.get("labels")),
        source=GHOST.title,
    )


GHOST = CsvFormat("ghost", "Ghost", (frozenset({"email", "subscribed_to_emails", "created_at"}),), _read)
