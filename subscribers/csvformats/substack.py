"""Substack's export: ``email_list.….csv`` among the files of a publication."""

from subscribers.csvformats.dates import read_date
from subscribers.csvformats.shape import Cells, CsvFormat, is_true
from subscribers.csvrows import Row, Status


def _read(cells: Cells) -> Row:
    """A line: ``active_subscription`` is about money; ``email_disabled`` says that no mail is wanted."""
    off = is_true(cells.get("email_disabled"))
    return Row(
        cells.line,
        cells.email,
        status=Status.UNSUBSCRIBED if off else Status.SUBSCRIBED,
        why="email disabled" if off else "",
        agreed_at=read_date(cells.get("created_at")),
        source=SUBSTACK.title,
    )


SUBSTACK = CsvFormat("substack", "Substack", (frozenset({"email", "active_subscription"}),), _read)
