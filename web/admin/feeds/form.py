"""The form of a configured feed: what was typed, and what of it cannot be. All pure."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, cast

from sqlalchemy import Row

from feeds.site import Content, Ordering
from posts.labels import slugify
from web.admin.frame import Visit

_NUMBER = re.compile(r"\d{1,6}")


@dataclass(frozen=True, slots=True)
class FeedForm:
    """A feed as it is typed; empty: as in the settings. The names of the fields are the form's."""

    slug: str = ""
    rule: str = ""
    title: str = ""
    subtitle: str = ""
    entries: str = ""
    content: str = ""
    ordering: str = ""
    language: str = ""
    private: bool = False

    @classmethod
    def sent(cls, visit: Visit, slug: str | None = None) -> "FeedForm":
        """What a POST brought; ``slug`` is that of a feed that is there."""
        one = visit.one
        return cls(
            one("slug") if slug is None else slug,
            one("rule"),
            one("title"),
            one("subtitle"),
            one("entries"),
            one("content"),
            one("ordering"),
            one("language"),
            bool(one("private")),
        )

    @classmethod
    def of(cls, row: Row[Any]) -> "FeedForm":
        """What is kept of a feed."""
        return cls(
            row.slug,
            row.rule,
            row.title or "",
            row.subtitle or "",
            "" if row.entries is None else str(row.entries),
            row.content or "",
            row.ordering or "",
            row.language or "",
            row.is_private,
        )

    @property
    def address(self) -> str:
        """The slug; where none was typed, the one that the title would give."""
        if self.slug or not self.title:
            return self.slug
        return slugify(self.title, taken=lambda _: False)

    @property
    def faults(self) -> Mapping[str, str]:
        """What cannot be, by field; the rest is for ``add_feed`` to say."""
        found = {}
        if not self.address:
            found["slug"] = "An address is missing: write a short name, like iran-and-iraq."
        if not self.rule:
            found["rule"] = "A rule is missing: write a label, or several with and, or, not between."
        if self.entries and not _NUMBER.fullmatch(self.entries):
            found["entries"] = (
                "How many posts is a number, like 25; leave it empty for what the settings say."
            )
        return found

    def options(self) -> dict[str, Any]:
        """What ``add_feed`` takes, but for the slug and the rule. The form has no faults."""
        return {
            "title": self.title or None,
            "subtitle": self.subtitle or None,
            "entries": int(self.entries) if self.entries else None,
            "content": cast("Content | None", self.content or None),
            "ordering": cast("Ordering | None", self.ordering or None),
            "language": self.language or None,
            "is_private": self.private,
        }

    @property
    def seal(self) -> str:
        """A short text that differs for any other form: whether a feed is still as it was shown."""
        return sha256(repr(asdict(self)).encode(errors="replace")).hexdigest()[:16]


def sentence(error: Exception, *names: str) -> str:
    """A command's message as a page says it: without what it begins with (``feed mek: ``) and its hints at
    commands.
    """
    said = str(error).partition(": `labelcast")[0]
    for name in names:
        said = said.removeprefix(f"feed {name}: ").removeprefix(f"feed {name!r}: ")
        said = said.removeprefix(f"label {name!r}: ")
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith('?') else '.'}"
