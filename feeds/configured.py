"""The feeds that a publisher configures: kept, checked, and forgotten."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, get_args
from uuid import uuid5

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from feeds.addresses import ALL
from feeds.model import feed
from feeds.site import Content, FeedSite, Ordering
from posts.blog import get_blog
from posts.labels import slugify
from posts.lookup import load_labels
from posts.privacy import set_private_rule
from posts.rules import Rule, parse

MAX_ENTRIES = 1000

# BCP 47 as far as its form goes (RFC 5646 §2.1), and as long as there is room for.
_LANGUAGE = re.compile(r"(?=.{2,35}\Z)[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_CONFIGURED = select(feed).order_by(feed.c.slug)
_CONFIGURED_AS = select(feed).where(feed.c.slug == bindparam("slug"))


class FeedError(ValueError):
    """A feed cannot be configured so; the message says why and what to do, ``about`` which part of it is."""

    def __init__(self, message: str, *, about: str = "slug") -> None:
        super().__init__(message)
        self.about = about


def configured_feeds(connection: Connection) -> Sequence[Row[*tuple[Any, ...]]]:
    """What is kept of each configured feed, by slug: the columns of ``feeds.model.feed``."""
    return connection.execute(_CONFIGURED).all()


def configured_feed(connection: Connection, slug: str) -> Row[*tuple[Any, ...]] | None:
    """What is kept of one configured feed; None if there is none of that slug."""
    # No slug holds what a database cannot take.
    return connection.execute(_CONFIGURED_AS, {"slug": slug}).first() if slug.isprintable() else None


def configured_title(row: Row[*tuple[Any, ...]], site: FeedSite) -> str:
    """What a configured feed is called, of which ``row`` is kept."""
    return row.title or f"{site.title}: {row.rule}"


def add_feed(
    connection: Connection,
    *,
    slug: str,
    rule: Rule,
    now: datetime,
    title: str | None = None,
    subtitle: str | None = None,
    entries: int | None = None,
    content: Content | None = None,
    ordering: Ordering | None = None,
    language: str | None = None,
    is_private: bool = False,
    replace: bool = False,
) -> None:
    """Configure a feed; its id grows from its slug, so that one removed and added again is the same feed.

    What is None is as in the settings. The posts of a private feed leave every public one. Raises
    ``FeedError`` when the slug is none or taken (by a feed, unless ``replace``; by a label now, or once, for
    its readers would get another feed), or when one of the others cannot be: a title of two lines, entries
    that are not 1 to ``MAX_ENTRIES``, and so on.
    """
    there = configured_feed(connection, slug)
    if there is not None and not replace:
        raise FeedError(f"feed {slug}: there is one already; configure it anew with --replace")
    if there is None:
        _require_free(connection, slug)
    _check(slug, title=title, subtitle=subtitle, language=language, content=content, ordering=ordering)
    if entries is not None and not 1 <= entries <= MAX_ENTRIES:
        raise FeedError(
            f"feed {slug}: entries is {entries}; a feed holds at least 1, at most {MAX_ENTRIES}",
            about="entries",
        )
    shown = {
        "rule": str(rule),
        "title": title,
        "subtitle": subtitle,
        "entries": entries,
        "content": content,
        "ordering": ordering,
        "language": language,
        "is_private": is_private,
    }
    if there is not None:
        connection.execute(update(feed).where(feed.c.slug == slug).values(shown))
    else:
        uri = f"urn:uuid:{uuid5(get_blog(connection).feed_namespace, f'feed:{slug}')}"
        connection.execute(insert(feed).values(slug=slug, uri=uri, created_at=now, **shown))
    was = parse(there.rule) if there is not None and there.is_private else None
    _keep_private(connection, slug, was, rule if is_private else None, now=now)


def remove_feed(connection: Connection, slug: str, *, now: datetime) -> bool:
    """Forget a configured feed; tell whether there was one. What was private for it alone is public again."""
    there = configured_feed(connection, slug)
    if there is None:
        return False
    connection.execute(delete(feed).where(feed.c.slug == slug))
    _keep_private(connection, slug, parse(there.rule) if there.is_private else None, None, now=now)
    return True


def _keep_private(
    connection: Connection, slug: str, was: Rule | None, is_now: Rule | None, *, now: datetime
) -> None:
    # Moving posts changes what readers see, so not when nothing is to be moved.
    if was != is_now:
        set_private_rule(connection, slug, is_now, now=now)


def _check(slug: str, **given: str | None) -> None:
    """Refuse what cannot stand in a feed's configuration."""
    for key in ("title", "subtitle"):
        text = given[key]
        if text is not None and any(ord(character) < 32 or ord(character) == 127 for character in text):
            raise FeedError(
                f"feed {slug}: {key} {text[:80]!r} holds a line break or another control character",
                about=key,
            )
    language = given["language"]
    if language is not None and not _LANGUAGE.fullmatch(language):
        raise FeedError(
            f"feed {slug}: language {language[:80]!r} is no language tag; write one like en or pt-BR",
            about="language",
        )
    for key, word, known in (
        ("content", "content", get_args(Content)),
        ("ordering", "order", get_args(Ordering)),
    ):
        value = given[key]
        if value is not None and value not in known:
            raise FeedError(
                f"feed {slug}: {word} is {value[:80]!r}; it can be {' or '.join(known)}", about=key
            )


def _require_free(connection: Connection, slug: str) -> None:
    fit = slugify(slug, taken=lambda _: False)
    if slug != fit or slug == ALL:
        raise FeedError(
            f"feed {slug!r}: not fit for an address; {fit if slug != ALL else 'another name'} would be"
        )
    labels = load_labels(connection, [slug])
    if slug in labels.by_slug:
        raise FeedError(f"feed {slug}: the label of that name has it already; choose another")
    if (moved := labels.old_slugs.get(slug)) is not None:
        raise FeedError(
            f"feed {slug}: it leads to the label {moved.name!r}, which had it once; choose another"
        )
