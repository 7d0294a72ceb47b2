"""Feed addresses of other systems, answered here with the feed itself: a blog that moves keeps its readers.

A line in ``MOVED`` is a pattern of a path and the feed it stands for. ``{label}`` and ``{author}`` take one
segment of it, ``{path}`` any number, of which the last counts (WordPress nests categories). A slash at the
end makes no difference.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

from posts.rules import HasLabel
from web.feeds.asked import Asked
from web.feeds.blogger import read_blogger

MOVED = (
    # WordPress
    ("/feed", "all.rss"),
    ("/feed/rss", "all.rss"),
    ("/feed/rss2", "all.rss"),
    ("/feed/rdf", "all.rss"),
    ("/feed/atom", "all.atom"),
    ("/tag/{label}/feed", "label.rss"),
    ("/tag/{label}/feed/rss2", "label.rss"),
    ("/tag/{label}/feed/atom", "label.atom"),
    ("/category/{path}/feed", "label.rss"),
    ("/category/{path}/feed/rss2", "label.rss"),
    ("/category/{path}/feed/atom", "label.atom"),
    ("/author/{author}/feed", "author.rss"),
    ("/author/{author}/feed/atom", "author.atom"),
    # Ghost
    ("/rss", "all.rss"),
    ("/tag/{label}/rss", "label.rss"),
    ("/author/{author}/rss", "author.rss"),
    # Hugo
    ("/index.xml", "all.rss"),
    ("/posts/index.xml", "all.rss"),
    ("/post/index.xml", "all.rss"),
    ("/tags/{label}/index.xml", "label.rss"),
    ("/categories/{label}/index.xml", "label.rss"),
    ("/authors/{author}/index.xml", "author.rss"),
    # Jekyll, Hexo, Eleventy
    ("/feed.xml", "all.atom"),
    ("/feed/feed.xml", "all.atom"),
    ("/feed.json", "all.json"),
    ("/atom.xml", "all.atom"),
    ("/rss.xml", "all.rss"),
    ("/rss2.xml", "all.rss"),
    ("/feed/by_tag/{label}.xml", "label.atom"),
    ("/feed/{label}.xml", "label.atom"),
    # Pelican
    ("/feeds/all.atom.xml", "all.atom"),
    ("/feeds/all.rss.xml", "all.rss"),
    ("/feeds/{label}.tag.atom.xml", "label.atom"),
    ("/feeds/{label}.tag.rss.xml", "label.rss"),
    ("/feeds/{label}.atom.xml", "label.atom"),
    ("/feeds/{label}.rss.xml", "label.rss"),
    # Movable Type, Tumblr, Medium
    ("/index.rdf", "all.rss"),
    ("/tagged/{label}/rss", "label.rss"),
    ("/feed/tagged/{label}", "label.rss"),
)

_GROUPS = {
    "label": "(?P<label>[^/]+?)",
    "author": "(?P<author>[^/]+?)",
    "path": "(?:[^/]+/)*(?P<label>[^/]+)",
}


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    made = [_GROUPS[part] if number % 2 else re.escape(part) for number, part in enumerate(parts)]
    return re.compile("".join(made) + "/?")


class MovedFeeds:
    """Reads addresses of other systems; ``aliases`` are the publisher's own: ``MyBlog=all.rss``.

    An alias is a path, with or without its first slash, and a feed's slug with its format (Atom if none), as
    FeedBurner's addresses need it. Raises ``ValueError`` on one that cannot be read so.
    """

    def __init__(self, aliases: Iterable[str] = ()) -> None:
        self._aliases = dict(_alias(text) for text in aliases)
        self._table = [(_pattern(path), feed) for path, feed in MOVED]

    def read(self, path: str, query: Mapping[str, str]) -> Asked | None:
        """The feed that stood at this address (``path`` percent-encoded still); None: none that we know.

        Raises ``BadRequest`` on parameters that cannot be.
        """
        known = self._aliases.get(unquote(path).strip("/"))
        if known is not None:
            return known
        asked = read_blogger(path, query)
        if asked is not None:
            return asked
        if path in {"/", "/index.php"} and "feed" in query:
            return _read_wordpress(query)
        for pattern, feed in self._table:
            found = pattern.fullmatch(path)
            if found is not None:
                of, _, suffix = feed.partition(".")
                return _asked(of, suffix, found.groupdict())
        return None


def _read_wordpress(query: Mapping[str, str]) -> Asked:
    """``/?feed=rss2&tag=x``: WordPress without pretty permalinks."""
    suffix = "atom" if query["feed"] == "atom" else "rss"
    for key, of in (("tag", "label"), ("category_name", "label"), ("author_name", "author")):
        if query.get(key):
            asked = _asked(of, suffix, {of: quote(query[key].rpartition("/")[2])})
            if asked is not None:
                return asked
    return Asked("all", suffix)


def _asked(of: str, suffix: str, named: Mapping[str, str]) -> Asked | None:
    if of == "author":
        return Asked(f"authors/{unquote(named['author'])}", suffix)
    if of == "all":
        return Asked("all", suffix)
    name = unquote(named["label"])
    try:
        # By the rule and not the name: a plus or a comma in it means nothing here.
        return Asked(None, suffix, rule=HasLabel(name))
    except ValueError:
        return None


def _alias(text: str) -> tuple[str, Asked]:
    path, mark, feed = (part.strip() for part in text.partition("="))
    name, _, suffix = feed.rpartition(".")
    if suffix not in {"atom", "rss", "json"}:
        name, suffix = feed, "atom"
    if not mark or not path.strip("/") or not name:
        raise ValueError(f"{text!r} is no alias: write it as PATH=FEED, for instance MyBlog=all.rss")
    return path.strip("/"), Asked(name, suffix)
