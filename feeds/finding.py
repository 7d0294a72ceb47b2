"""A feed found by what stands in an address: a slug, a label's name, an author's, a rule of labels."""

import re

from sqlalchemy import Connection

from feeds.addresses import (
    ALL,
    EVERYTHING,
    MAX_LABELS,
    NOTHING,
    AddressError,
    Sum,
    canonical,
    names_in,
    read,
    renamed,
)
from feeds.configured import configured_feed
from feeds.site import Content, FeedSite
from feeds.specs import (
    AUTHORS,
    FeedSpec,
    FeedState,
    everything,
    of_author,
    of_configured,
    of_label,
    of_sum,
    searched,
    with_content,
    with_revision,
)
from posts.authors import find_author
from posts.blog import get_blog
from posts.lookup import LabelIndex, is_deleted_label, load_labels
from posts.model import Label
from posts.revisions import rule_revision
from posts.scope import scope_revision
from posts.search import canonical_query

_IN_ARCHIVE = re.compile(r"/archive/\d+\Z")


def current_feed(
    connection: Connection,
    site: FeedSite,
    name: str,
    *,
    content: Content | None = None,
    query: str | None = None,
) -> FeedState | None:
    """One feed as it stands; None if there is none.

    ``name`` is ``all``, a configured feed's slug, ``authors/`` with an author's, a label's name, slug or
    former ones, or a rule of these. ``content`` asks for so much of each post, ``query`` for the posts with
    those words. The slug and the params of what is found are the canonical ones. Raises
    ``feeds.addresses.AddressError`` for a rule that is too much for an address.
    """
    state = _named(connection, site, name)
    if state is None:
        return None
    words = "" if query is None else canonical_query(query)
    if words:
        spec = searched(state.spec, words, site)
        state = with_revision(spec, scope_revision(connection, spec.scope), f"{state.token} {words}")
    return state if content is None else with_content(state, content)


def find_feed(connection: Connection, site: FeedSite, name: str) -> FeedSpec | None:
    """The feed of that name, as ``current_feed`` finds it; None if there is none.

    Its ``slug`` is the present one: where it differs from what was asked for, the feed has moved.
    """
    state = current_feed(connection, site, name)
    return None if state is None else state.spec


def _named(connection: Connection, site: FeedSite, name: str) -> FeedState | None:
    if name == ALL:
        return everything(get_blog(connection), site)
    if name.startswith(AUTHORS):
        author = find_author(connection, name.removeprefix(AUTHORS), counted=False)
        return None if author is None else of_author(author, site)
    row = configured_feed(connection, name)
    if row is not None:
        return of_configured(connection, row, site)
    terms = read(name)
    names = [] if terms is None else names_in(terms)
    index = load_labels(connection, [name, *names]).met()
    # A label may be called "a+b". Its slug never is: so what is written with slugs alone is a rule.
    if not names or not all(part in index.by_slug for part in names):
        label = index.addressed(name)
        if label is not None:
            return _label_or_hiding(connection, site, label, name)
    return None if terms is None else _of_rule(connection, site, terms, index)


def _label_or_hiding(connection: Connection, site: FeedSite, label: Label, name: str) -> FeedState:
    """A label's feed, or the configured one that has the label's address."""
    row = None if label.slug == name else configured_feed(connection, label.slug)
    return of_label(label, site) if row is None else of_configured(connection, row, site)


def _of_rule(connection: Connection, site: FeedSite, terms: Sum, index: LabelIndex) -> FeedState | None:
    found = {name: index.addressed(name) for name in names_in(terms)}
    labels = {name: label for name, label in found.items() if label is not None}
    if len(labels) < len(found):
        return None
    meant = canonical(renamed(terms, {name: label.slug for name, label in labels.items()}))
    if meant == NOTHING:
        return None
    blog = get_blog(connection)
    if meant == EVERYTHING:
        return everything(blog, site)
    by_slug = {label.slug: label for label in labels.values()}
    spec = of_sum(meant, by_slug, site, namespace=blog.feed_namespace)
    if spec.slug in by_slug:
        return _label_or_hiding(connection, site, by_slug[spec.slug], "")
    return with_revision(spec, rule_revision(connection, spec.rule, index=index), spec.slug)


def is_gone(connection: Connection, name: str) -> bool:
    """Whether a feed of that name was there and is no more, since a label of it was deleted (410, not 404).

    ``name`` is as in ``current_feed``, or one of its archive documents' (``iran/archive/3``).
    """
    plain = _IN_ARCHIVE.sub("", name)
    if plain.startswith(AUTHORS) or configured_feed(connection, plain) is not None:
        return False
    if is_deleted_label(connection, plain):
        return True
    unknown = unknown_in(connection, plain)
    return bool(unknown) and all(is_deleted_label(connection, part) for part in unknown)


def unknown_in(connection: Connection, name: str) -> list[str]:
    """The parts of an address that lead to no label: ask ``posts.lookup.nearest_labels`` what was meant."""
    plain = _IN_ARCHIVE.sub("", name)
    try:
        terms = read(plain)
    except AddressError:
        return []
    names = [plain] if terms is None else names_in(terms)
    if plain.startswith(AUTHORS) or len(names) > MAX_LABELS:
        return []
    index = load_labels(connection, [plain, *names]).met()
    if index.addressed(plain) is not None:
        return []
    return [part for part in names if index.addressed(part) is None]
