"""What a feed's documents say of themselves, and how each leads to the others (RFC 5005)."""

from collections.abc import Iterable
from dataclasses import replace

from feeds.archives.layout import ArchiveDocument, Layout
from feeds.archives.paging import Place
from feeds.formats.format import FeedHead, Format
from feeds.fragments import Fragment
from feeds.lasting import hubs_of
from feeds.selection import FeedSpec
from feeds.site import FeedSite, Params


def feed_head(
    site: FeedSite, layout: Layout, form: Format, entries: Iterable[Fragment], *, before: Place | None = None
) -> FeedHead:
    """The head of a subscription document, or of the page of older posts before a place.

    It leads to the newest archive document as that is now: a reader that has that edition has all the others.
    """
    spec = layout.state.spec
    newest, older = layout.open, layout.older
    return FeedHead(
        spec=spec,
        site=replace(site, hubs=() if before else hubs_of(site, spec)),
        updated=max((entry.updated for entry in entries), default=layout.state.changed_at),
        self_url=site.feed_url(spec.slug, form.suffix, _params(spec, before=before)),
        is_complete=layout.is_complete and before is None,
        prev_archive=archive_address(site, spec, form, newest) if newest else None,
        next_page=site.feed_url(spec.slug, form.suffix, _params(spec, before=older)) if older else None,
        deleted=() if before else layout.deleted,
    )


def archive_head(
    site: FeedSite, layout: Layout, document: ArchiveDocument, form: Format, entries: Iterable[Fragment]
) -> FeedHead:
    """The head of an archive document.

    It leads to its neighbours whatever their editions, so that a change in one does not change the others.
    """
    spec, number = layout.state.spec, document.number
    return FeedHead(
        spec=spec,
        site=replace(site, hubs=()),
        updated=max(
            (entry.updated for entry in entries), default=document.closed_at or layout.state.changed_at
        ),
        self_url=archive_address(site, spec, form, document),
        is_archive=True,
        current=site.feed_url(spec.slug, form.suffix, spec.params),
        prev_archive=site.archive_url(spec.slug, number - 1, form.suffix, spec.params)
        if number > 1
        else None,
        next_archive=site.archive_url(spec.slug, number + 1, form.suffix, spec.params)
        if document.is_closed
        else None,
    )


def archive_address(site: FeedSite, spec: FeedSpec, form: Format, document: ArchiveDocument) -> str:
    """The address that means just the entries that an archive document has now."""
    params = _params(spec, edition=document.edition)
    return site.archive_url(spec.slug, document.number, form.suffix, params)


def _params(spec: FeedSpec, **more: object) -> Params:
    """A document's parameters, by name."""
    return sorted((*spec.params, *((name, str(value)) for name, value in more.items() if value)))
