"""The lists of readers that are known, one file a source, and which of them a file is."""

from collections.abc import Sequence

from subscribers.csvformats.buttondown import BUTTONDOWN
from subscribers.csvformats.feedburner import FEEDBURNER
from subscribers.csvformats.ghost import GHOST
from subscribers.csvformats.listmonk import LISTMONK
from subscribers.csvformats.mailchimp import MAILCHIMP
from subscribers.csvformats.own import LABELCAST, PLAIN
from subscribers.csvformats.shape import CsvFormat
from subscribers.csvformats.substack import SUBSTACK
from subscribers.csvrows import CsvError

__all__ = ["AUTO", "FORMATS", "LABELCAST", "find_format"]

AUTO = "auto"

# In the order in which they are tried: the last takes any list that has a column of addresses.
FORMATS = (LABELCAST, MAILCHIMP, LISTMONK, GHOST, SUBSTACK, BUTTONDOWN, FEEDBURNER, PLAIN)


def find_format(name: str, headings: Sequence[str]) -> CsvFormat | None:
    """The format of a list with these headings: the one of that name, or with ``auto`` the first that fits.

    None when no column holds addresses. Raises ``CsvError`` when it is not what it is said to be.
    """
    if name == AUTO:
        return next((one for one in FORMATS if one.fits(headings)), None)
    wanted = next((one for one in FORMATS if one.name == name), None)
    if wanted is None:
        known = ", ".join(one.name for one in FORMATS)
        raise CsvError(f"format {name[:40]!r} of a list is unknown: choose auto or one of {known}")
    if wanted is not PLAIN and not wanted.fits(headings):
        missing = ", ".join(sorted(wanted.marks[0]))
        raise CsvError(f"this is no list of {wanted.title}: it would have the columns {missing}")
    return wanted
