"""From what an address asks for to the feed: which it is, its document, and its name if there is none."""

from feeds.build import BuiltFeed, FeedBuilder
from feeds.finding import find_feed
from feeds.parts import PartSpec
from feeds.ruling import name_of_rule, stranger_in
from feeds.specs import FeedSpec
from posts.loosely import LooseLabels
from web.feeds.asked import Asked
from web.feeds.blogger import write_blogger


class FeedLookup:
    """Looks up a builder's feeds. All raise ``DatabaseUnavailable`` and ``AddressError``."""

    def __init__(self, builder: FeedBuilder) -> None:
        self._builder = builder
        self._loose = LooseLabels()

    def spec(self, asked: Asked) -> FeedSpec | None:
        """The feed, nothing of which was built; None when there is none.

        Ask it first who may have a private one: neither how long an answer takes nor which documents there
        are is for others to learn.
        """
        name = self._name(asked)
        if name is None:
            return None
        with self._builder.database.read() as connection:
            spec = find_feed(connection, self._builder.site, name)
        # Under a rule nothing private ever stood elsewhere: who asks so must not learn that there is such.
        return None if spec is not None and asked.rule is not None and spec.is_private else spec

    def document(self, asked: Asked) -> BuiltFeed | None:
        """The document; None when there is none."""
        name = self._name(asked)
        if name is None:
            return None
        if asked.part is not None:
            return self._part(asked, name, asked.part)
        if asked.number is not None:
            return self._builder.archive(
                name, asked.number, asked.suffix, content=asked.content, edition=asked.edition
            )
        return self._builder.build(
            name, asked.suffix, content=asked.content, query=asked.query, before=asked.before
        )

    def stranger(self, asked: Asked) -> str:
        """What a person would call that which is not there."""
        if asked.rule is None:
            return asked.name or ""
        with self._builder.database.read() as connection:
            return stranger_in(connection, asked.rule, guess=self._loose.find)

    def _name(self, asked: Asked) -> str | None:
        if asked.rule is None:
            return asked.name
        with self._builder.database.read() as connection:
            return name_of_rule(connection, asked.rule, guess=self._loose.find)

    def _part(self, asked: Asked, name: str, part: PartSpec) -> BuiltFeed | None:
        home = self._builder.site.home_url
        return self._builder.parts.build(
            name,
            asked.suffix,
            part,
            address=lambda start: home + write_blogger(asked, start=start),
            content=asked.content,
            query=asked.query,
        )
