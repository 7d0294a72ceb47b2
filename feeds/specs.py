"""A feed and its state, and how those of everything, of a label, of an author and of a rule are made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, Row

from feeds.addresses import ALL, Sum, address, as_rule, in_words, renamed, written
from feeds.configured import configured_title
from feeds.site import Content, FeedSite, Ordering
from posts.authors import Author
from posts.blog import Blog
from posts.lookup import LabelIndex
from posts.model import Label
from posts.revisions import RuleRevision
from posts.rules import All, HasLabel, Rule, parse
from posts.scope import Scope, scope_revision

AUTHORS = "authors/"


@dataclass(frozen=True, slots=True)
class FeedSpec:
    """A feed: which posts, and how to show them. ``uri`` is its permanent id.

    ``slug`` is what stands in its address before the format, ``params`` the address's query. The posts are
    those under ``rule``, by the author ``author_id`` and with the words of ``query`` where these are set. A
    label's own feed has its ``label_id``: its posts are found by it and not by the name. ``alternate_url`` is
    the page for people, percent-encoded.
    """

    slug: str
    uri: str
    rule: Rule
    title: str
    subtitle: str | None
    entries: int
    alternate_url: str
    label_id: int | None = None
    author_id: int | None = None
    query: str | None = None
    content: Content = "full"
    ordering: Ordering = "published"
    language: str | None = None
    is_private: bool = False
    params: tuple[tuple[str, str], ...] = ()

    @property
    def scope(self) -> Scope:
        """Which posts are its, as the post database takes it."""
        return Scope(self.rule, author_id=self.author_id, query=self.query, private=self.is_private)


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed as it stands: ``token`` changes whenever it or one of its posts does, at ``changed_at``."""

    spec: FeedSpec
    token: str
    changed_at: datetime


def everything(blog: Blog, site: FeedSite) -> FeedState:
    """The feed of all posts."""
    spec = FeedSpec(
        slug=ALL,
        uri=blog.feed_uri,
        rule=All(),
        title=site.title,
        subtitle=None,
        entries=site.entries,
        alternate_url=site.home_url,
        content=site.content,
        language=site.language,
    )
    return FeedState(spec, _token(ALL, blog.public_revision, blog.changed_at), blog.changed_at)


def of_label(label: Label, site: FeedSite) -> FeedState:
    """A label's own feed."""
    spec = FeedSpec(
        slug=label.slug,
        uri=label.feed_uri,
        rule=HasLabel(label.name),
        title=f"{site.title}: {label.name}",
        subtitle=None,
        entries=site.entries,
        alternate_url=site.label_url(label.slug),
        content=site.content,
        language=site.language,
        label_id=label.id,
    )
    token = f"{_token(label.feed_uri, label.revision, label.changed_at)} {label.name}"
    return FeedState(spec, token, label.changed_at)


def of_author(author: Author, site: FeedSite) -> FeedState:
    """An author's own feed."""
    spec = FeedSpec(
        slug=AUTHORS + author.slug,
        uri=author.feed_uri,
        rule=All(),
        title=f"{site.title}: by {author.name}",
        subtitle=None,
        entries=site.entries,
        alternate_url=site.author_url(author.slug),
        content=site.content,
        language=site.language,
        author_id=author.id,
    )
    token = f"{_token(author.feed_uri, author.revision, author.changed_at)} {author.name}"
    return FeedState(spec, token, author.changed_at)


def of_configured(
    connection: Connection, row: Row[*tuple[Any, ...]], site: FeedSite, *, index: LabelIndex | None = None
) -> FeedState:
    """A configured feed, of which ``row`` is kept; ``index`` has the labels that its rule names."""
    spec = FeedSpec(
        slug=row.slug,
        uri=row.uri,
        rule=parse(row.rule),
        title=configured_title(row, site),
        subtitle=row.subtitle,
        entries=row.entries or site.entries,
        # There is no page of a private one.
        alternate_url=site.home_url if row.is_private else site.label_url(row.slug),
        content=row.content or site.content,
        ordering=row.ordering or "published",
        language=row.language or site.language,
        is_private=row.is_private,
    )
    shown = (row.title, row.subtitle, spec.entries, row.rule, spec.ordering, spec.language, spec.is_private)
    return with_revision(
        spec,
        scope_revision(connection, spec.scope, index=index),
        json.dumps([*shown, spec.content], ensure_ascii=False),
    )


def of_sum(terms: Sum, labels: Mapping[str, Label], site: FeedSite, *, namespace: UUID) -> FeedSpec:
    """The feed of a canonical sum of labels' slugs; ``labels`` are these, by slug.

    Its id grows from the labels' own, which stay when they are renamed. Raises ``AddressError`` when the
    address would be too long.
    """
    names = {slug: label.name for slug, label in labels.items()}
    meant = written(renamed(terms, {slug: label.feed_uri for slug, label in labels.items()}))
    slug = address(terms)
    return FeedSpec(
        slug=slug,
        uri=f"urn:uuid:{uuid5(namespace, f'rule:{meant}')}",
        rule=as_rule(terms, names),
        title=f"{site.title}: {in_words(terms, names)}",
        subtitle=None,
        entries=site.entries,
        alternate_url=site.label_url(slug),
        content=site.content,
        language=site.language,
    )


def searched(spec: FeedSpec, query: str, site: FeedSite) -> FeedSpec:
    """The feed of those of a feed's posts that a canonical query finds: another feed, with another id."""
    page = site.search_url(query) if spec.slug == ALL else site.label_url(spec.slug, (("q", query),))
    return replace(
        spec,
        uri=_grown(spec.uri, f"q={query}"),
        title=f"{spec.title}: search for {query}",
        alternate_url=page if spec.author_id is None and not spec.is_private else spec.alternate_url,
        query=query,
        params=(("q", query),),
    )


def with_content(state: FeedState, content: Content) -> FeedState:
    """The same feed with so much of each post; if it is not the feed's own, another feed with another id."""
    spec = state.spec
    if content == spec.content:
        return state
    changed = replace(
        spec,
        uri=_grown(spec.uri, f"content={content}"),
        content=content,
        params=tuple(sorted((*spec.params, ("content", content)))),
    )
    return FeedState(changed, f"{state.token} {content}", state.changed_at)


def with_revision(spec: FeedSpec, revision: RuleRevision, shown: str = "") -> FeedState:
    """The state of a feed whose posts have this revision; ``shown`` is all else that its bytes tell."""
    return FeedState(spec, f"{revision.token} {shown}", revision.changed_at)


def _grown(uri: str, text: str) -> str:
    return f"urn:uuid:{uuid5(UUID(uri), text)}"


def _token(whose: str, revision: int, changed_at: datetime) -> str:
    # The time too: in a database put back from a copy, the same revision is made twice.
    return f"{whose}.{revision}.{changed_at.timestamp():.6f}"
