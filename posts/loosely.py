"""Labels by the addresses that other systems gave them: WordPress' ``u-s-politics`` is "U.S. politics"."""

import re
import unicodedata
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, select

from posts.blog import get_blog
from posts.model import UNMET, label

_APOSTROPHES = re.compile("['\u2018\u2019]")
_SIGNS = re.compile(r"[\W_]+")
# WordPress leaves these out, and has hyphens for the others.
_LEFT_OUT = re.compile("[^\\w\\s./\u2010-\u2015-]")
# Letters with no accent to be taken off that are yet written otherwise in addresses.
_SPELT = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i", "ß": "ss"}
)


def loose_slug(text: str) -> str:
    """A name or an address as WordPress has it: small letters without accents, hyphens for all else."""
    spelt = _APOSTROPHES.sub("", text.lower()).translate(_SPELT)
    plain = (char for char in unicodedata.normalize("NFKD", spelt) if unicodedata.category(char) != "Mn")
    return unicodedata.normalize("NFC", _SIGNS.sub("-", "".join(plain))).strip("-")


@lru_cache(maxsize=32768)
def _spellings(name: str) -> tuple[str, str]:
    """As most systems have it, and as WordPress: "Q&A" is ``q-a`` with them, and ``qa`` with it."""
    return loose_slug(name), loose_slug(_LEFT_OUT.sub("", name))


class LooseLabels:
    """Finds labels by such addresses. Keep it: the labels are read once for each change of the blog."""

    def __init__(self) -> None:
        self._known: tuple[tuple[int, datetime], dict[str, str]] | None = None

    def find(self, connection: Connection, text: str) -> str | None:
        """The slug of the label that the text may stand for; None when there is no such.

        Of several it is the one that was there first, as in WordPress, where those that came later have a
        number appended. Labels that no live post ever had are not found.
        """
        blog = get_blog(connection)
        as_of = blog.revision, blog.changed_at
        known = self._known
        if known is None or known[0] != as_of:
            known = self._known = as_of, _slugs(connection)
        return known[1].get(loose_slug(text))


def _slugs(connection: Connection) -> dict[str, str]:
    query = select(label.c.name, label.c.slug).where(label.c.revision > UNMET).order_by(label.c.id)
    rows = [(_spellings(name), slug) for name, slug in connection.execute(query).all()]
    # What is put in last stays: the label that was there first, and how most systems have it.
    return {
        spellings[place]: slug for place in (1, 0) for spellings, slug in reversed(rows) if spellings[place]
    }
