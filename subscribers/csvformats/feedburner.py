"""FeedBurner's list of email subscribers."""

from subscribers.csvformats.dates import read_date
from subscribers.csvformats.shape import Cells, CsvFormat
from subscribers.csvrows import Row, Status


def _read(cells: Cells) -> Row:
    """A line: Active, or Unverified (Pending Verification) who never followed the link they were sent."""
    word = cells.get("status")
    status = Status.UNSUBSCRIBED
    if word.casefold() == "active":
        status = Status.SUBSCRIBED
    elif "verif" in word.casefold():
        status = Status.PENDING
    return Row(
        cells.line,
        cells.email,
        status=status,
        why=word,
        agreed_at=read_date(cells.get("subscribed")),
        source=FEEDBURNER.title,
    )


FEEDBURNER = CsvFormat(
    "feedburner",
    "FeedBurner",
    (frozenset({"email", "subscribed", "status"}), frozenset({"email_address", "subscribed", "status"})),
    _read,
    only=frozenset({"email", "email_address", "subscribed", "status", "feed", ""}),
)
