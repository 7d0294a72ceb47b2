"""The formats that there are."""

from feeds.formats.atom import ATOM, ATOM_SUMMARY
from feeds.formats.format import Format
from feeds.formats.jsonfeed import JSON_FEED, JSON_FEED_SUMMARY
from feeds.formats.rss import RSS, RSS_SUMMARY
from feeds.site import Content

FORMATS: tuple[Format, ...] = (ATOM, ATOM_SUMMARY, RSS, RSS_SUMMARY, JSON_FEED, JSON_FEED_SUMMARY)
SUFFIXES = tuple(dict.fromkeys(form.suffix for form in FORMATS))

_BY_NAME = {(form.suffix, form.content): form for form in FORMATS}


def find_format(suffix: str, content: Content = "full") -> Format | None:
    """The format whose files end so, with so much of each post; None if there is none."""
    return _BY_NAME.get((suffix, content))
