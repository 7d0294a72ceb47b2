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


@lru_cache(maxsize=32768)
def loose_slug(text: str) -> str:
    """A name or an address as WordPress has it: small letters without accents, hyphens for all else."""
    spelt = _APOSTROPHES.sub("", text.lower()).translate(_SPELT)
    plain = (char for char in unicodedata.normalize("NFKD", spelt) if unicodedata.category(char) != "Mn")
    return unicodedata.normalize("NFC", _SIGNS.sub("-", "".join(plain))).strip("-")


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
        wanted = loose_slug(text)
        return known[1].get(wanted) if wanted else None


def _slugs(connection: Connection) -> dict[str, str]:
    query = select(label.c.name, label.c.slug).where(label.c.revision > UNMET).order_by(label.c.id)
    rows = connection.execute(query).all()
    found: dict[str, str] = {}
    for name, slug in rows:
        found.setdefault(loose_slug(name), slug)
    for name, slug in rows:
        # "Q&A" is "q-a" with most systems, and "qa" with WordPress.
        found.setdefault(loose_slug(_LEFT_OUT.sub("", name)), slug)
    return found
