"""Which feeds there are: everything, the configured ones, and one for each label."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid5

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from feeds.model import feed
from feeds.site import FeedSite
from posts.batch import label_stamps, labels_by_id, newest_by_label, newest_of_all
from posts.blog import get_blog
from posts.labels import slugify
from posts.lookup import load_labels
from posts.model import Label
from posts.revisions import rule_revision
from posts.rules import All, HasLabel, Rule, parse
from posts.store import newest

ALL = "all"
MAX_ENTRIES = 1000

_CONFIGURED = select(feed).order_by(feed.c.slug)
_CONFIGURED_AS = select(feed).where(feed.c.slug == bindparam("slug"))


class FeedError(ValueError):
    """A feed cannot be configured so; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class FeedSpec:
    """A feed: its rule and how to show it. ``uri`` is its permanent id; the URLs are percent-encoded.

    ``label_id`` is set where the feed is a label's own; its posts are then found by it and not by the name.
    """

    slug: str
    uri: str
    rule: Rule
    title: str
    subtitle: str | None
    entries: int
    alternate_url: str
    self_url: str
    label_id: int | None = None


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed as it stands: ``token`` changes whenever it or one of its posts does, at ``changed_at``."""

    spec: FeedSpec
    token: str
    changed_at: datetime


def newest_posts(connection: Connection, states: Sequence[FeedState]) -> list[list[int]]:
    """The ids of the posts that each feed shows, newest first."""
    of_labels: dict[int, list[int]] = {}
    for entries in {state.spec.entries for state in states}:
        label_ids = [state.spec.label_id for state in states if state.spec.entries == entries]
        known = [label_id for label_id in label_ids if label_id is not None]
        of_labels |= newest_by_label(connection, known, limit=entries)
    return [
        _newest_by_rule(connection, state.spec)
        if state.spec.label_id is None
        else of_labels[state.spec.label_id]
        for state in states
    ]


def _newest_by_rule(connection: Connection, spec: FeedSpec) -> list[int]:
    if spec.rule == All():
        return newest_of_all(connection, limit=spec.entries)
    return newest(connection, spec.rule, limit=spec.entries)


def current_feeds(
    connection: Connection, site: FeedSite, *, known: dict[str, FeedState] | None = None
) -> list[FeedState]:
    """Every feed as it stands: ``all``, the configured ones, the labels' in no order; each slug once.

    A configured feed hides a label's feed of the same slug: the publisher chose it. ``known`` is a memory,
    for this site only, of what was made of labels before: only those that changed are then read.
    """
    states = [_everything(connection, site), *_configured(connection, site)]
    taken = {state.spec.slug for state in states}
    memory: dict[str, FeedState] = {} if known is None else known
    stamps = label_stamps(connection)
    found = {stamp: memory.get(stamp) for stamp in stamps}
    new = {int(stamp.split(" ", 1)[0]): stamp for stamp, state in found.items() if state is None}
    for label_id, label in labels_by_id(connection, list(new)).items():
        memory[new[label_id]] = found[new[label_id]] = _of_label(label, site)
    if len(memory) > 2 * len(found):
        for stamp in memory.keys() - found.keys():
            memory.pop(stamp, None)
    of_labels = [state for state in found.values() if state is not None]
    return states + [state for state in of_labels if state.spec.slug not in taken]


def changes(connection: Connection) -> str:
    """What is another text whenever any feed may be another: a post, a label, or how a feed is configured."""
    return f"{get_blog(connection).revision} {connection.execute(_CONFIGURED).all()}"


def current_feed(connection: Connection, site: FeedSite, name: str) -> FeedState | None:
    """One feed as it stands, by its slug or a label's name, slug or former ones; None if there is none."""
    if name == ALL:
        return _everything(connection, site)
    for state in _configured(connection, site, slug=name):
        return state
    label = load_labels(connection, [name]).addressed(name)
    return None if label is None else _of_label(label, site)


def all_feeds(connection: Connection, site: FeedSite) -> list[FeedSpec]:
    """Every feed there is: ``all`` first, then the configured ones, then the labels' by name."""
    specs = [state.spec for state in current_feeds(connection, site)]
    own = [spec for spec in specs if spec.label_id is None]
    of_labels = [spec for spec in specs if spec.label_id is not None]
    return own + sorted(of_labels, key=lambda spec: (spec.title.casefold(), spec.title))


def find_feed(connection: Connection, site: FeedSite, name: str) -> FeedSpec | None:
    """The feed of that slug, or of the label of that name, slug or former ones; None if there is none.

    Its ``slug`` is the present one: where it differs from what was asked for, the feed has moved.
    """
    state = current_feed(connection, site, name)
    return None if state is None else state.spec


def add_feed(
    connection: Connection,
    *,
    slug: str,
    rule: Rule,
    now: datetime,
    title: str | None = None,
    subtitle: str | None = None,
    entries: int | None = None,
    replace: bool = False,
) -> None:
    """Configure a feed; its id grows from its slug, so that one removed and added again is the same feed.

    Raises ``FeedError`` when the slug is none or taken (by a feed, unless ``replace``; by a label now, or
    once, for its readers would get another feed), when the title or the subtitle is not one line, or when
    ``entries`` is not 1 to ``MAX_ENTRIES``.
    """
    is_there = connection.execute(_CONFIGURED_AS, {"slug": slug}).first() is not None
    if is_there and not replace:
        raise FeedError(f"feed {slug}: there is one already; remove it first")
    if not is_there:
        _require_free(connection, slug)
    _require_line(slug, "title", title)
    _require_line(slug, "subtitle", subtitle)
    if entries is not None and not 1 <= entries <= MAX_ENTRIES:
        raise FeedError(f"feed {slug}: entries is {entries}; a feed holds at least 1, at most {MAX_ENTRIES}")
    shown = {"rule": str(rule), "title": title, "subtitle": subtitle, "entries": entries}
    if is_there:
        connection.execute(update(feed).where(feed.c.slug == slug).values(shown))
        return
    namespace = get_blog(connection).feed_namespace
    uri = f"urn:uuid:{uuid5(namespace, f'feed:{slug}')}"
    connection.execute(insert(feed).values(slug=slug, uri=uri, created_at=now, **shown))


def remove_feed(connection: Connection, slug: str) -> bool:
    """Forget a configured feed; tell whether there was one."""
    return connection.execute(delete(feed).where(feed.c.slug == slug)).rowcount > 0


def _require_line(slug: str, of: str, text: str | None) -> None:
    if text is not None and any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise FeedError(f"feed {slug}: {of} {text[:80]!r} holds a line break or another control character")


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


def _everything(connection: Connection, site: FeedSite) -> FeedState:
    blog = get_blog(connection)
    spec = FeedSpec(
        slug=ALL,
        uri=blog.feed_uri,
        rule=All(),
        title=site.title,
        subtitle=None,
        entries=site.entries,
        alternate_url=site.home_url,
        self_url=site.feed_url(ALL, "atom"),
    )
    return FeedState(spec, _token(ALL, blog.revision, blog.changed_at), blog.changed_at)


def _configured(connection: Connection, site: FeedSite, *, slug: str | None = None) -> Iterator[FeedState]:
    found = (
        connection.execute(_CONFIGURED)
        if slug is None
        else connection.execute(_CONFIGURED_AS, {"slug": slug})
    )
    for row in found.all():
        spec = FeedSpec(
            slug=row.slug,
            uri=row.uri,
            rule=parse(row.rule),
            title=row.title or f"{site.title}: {row.rule}",
            subtitle=row.subtitle,
            entries=row.entries or site.entries,
            alternate_url=site.label_url(row.slug),
            self_url=site.feed_url(row.slug, "atom"),
        )
        revision = rule_revision(connection, spec.rule)
        shown = json.dumps([row.title, row.subtitle, spec.entries, row.rule], ensure_ascii=False)
        yield FeedState(spec, f"{revision.token} {shown}", revision.changed_at)


def _of_label(label: Label, site: FeedSite) -> FeedState:
    spec = FeedSpec(
        slug=label.slug,
        uri=label.feed_uri,
        rule=HasLabel(label.name),
        title=f"{site.title}: {label.name}",
        subtitle=None,
        entries=site.entries,
        alternate_url=site.label_url(label.slug),
        self_url=site.feed_url(label.slug, "atom"),
        label_id=label.id,
    )
    token = f"{_token(label.id, label.revision, label.changed_at)} {label.name}"
    return FeedState(spec, token, label.changed_at)


def _token(whose: int | str, revision: int, changed_at: datetime) -> str:
    # The time too: in a database put back from a copy, the same revision is made twice.
    return f"{whose}.{revision}.{changed_at.timestamp():.6f}"
