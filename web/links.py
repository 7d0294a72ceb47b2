"""The addresses that stand on a page: relative, so that they work whatever the site is reached by."""

from dataclasses import dataclass
from urllib.parse import urlencode

from feeds.addresses import ALL
from feeds.formats.known import SUFFIXES, find_format
from feeds.site import FeedSite, Params
from feeds.specs import AUTHORS, FeedSpec
from posts.model import Post
from web.blog.periods import Period

_NAMES = {"atom": "Atom", "rss": "RSS", "json": "JSON"}


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed in one format: what the format is called, its media type for a link, and the address."""

    name: str
    media_type: str
    href: str


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of a site as they stand on a page from which ``root`` leads to the front page.

    ``suffixes`` are the formats there are feeds in. ``is_static``: nothing answers there but files.
    """

    site: FeedSite
    root: str
    suffixes: tuple[str, ...] = SUFFIXES
    is_static: bool = False

    def relative(self, url: str) -> str:
        """An address of this site, seen from the page."""
        return f"{self.root}/{url.removeprefix(self.site.home_url)}"

    def page(self, spec: FeedSpec, period: Period | None = None, **query: str | None) -> str:
        """The page of a feed's posts, or of those of a period; parameters that are None are left out."""
        asked = [(name, value) for name, value in query.items() if value]
        return self.relative(page_url(self.site, spec, period, asked))

    def search(self, spec: FeedSpec) -> str | None:
        """Where words go to be searched for among a feed's posts; None: nothing answers there."""
        if self.is_static:
            return None
        where = f"{self.site.home_url}search" if spec.slug == ALL else _path(self.site, spec)
        return self.relative(where)

    @property
    def all_feeds(self) -> list[FeedLink]:
        """The feed of everything in each format."""
        return self.feeds_at(ALL)

    def feeds(self, spec: FeedSpec) -> list[FeedLink]:
        """A feed in each format."""
        return self.feeds_at(spec.slug, spec.params)

    def feeds_at(self, slug: str, params: Params = ()) -> list[FeedLink]:
        """The feed of a slug in each format."""
        forms = (find_format(suffix) for suffix in self.suffixes)
        return [
            FeedLink(
                _NAMES[form.suffix],
                form.media_type.partition(";")[0],
                self.relative(self.site.feed_url(slug, form.suffix, params)),
            )
            for form in forms
            if form is not None
        ]

    def feed(self, slug: str) -> str:
        """A feed in the first of the formats."""
        return self.relative(self.site.feed_url(slug, self.suffixes[0]))

    def label(self, slug: str) -> str:
        """A label's page."""
        return self.relative(self.site.label_url(slug))

    def author(self, slug: str) -> str:
        """An author's page."""
        return self.relative(self.site.author_url(slug))

    def post(self, post: Post) -> str | None:
        """Where a post stands: on the site it came from, else on its page here; None: on neither."""
        if post.url or self.is_static:
            return post.url
        return self.relative(post_url(self.site, post.id))


def page_url(site: FeedSite, spec: FeedSpec, period: Period | None = None, params: Params = ()) -> str:
    """The whole address of the page of a feed's posts, or of those of a period, with further parameters."""
    asked = [*spec.params, *params]
    if spec.slug == ALL and spec.query:
        url = f"{site.home_url}search"
        asked += [("month", str(period))] if period else []
    else:
        url = _path(site, spec) + (f"/{period}" if period else "")
    return url + (f"?{urlencode(asked)}" if asked else "")


def _path(site: FeedSite, spec: FeedSpec) -> str:
    if spec.author_id is None:
        return site.label_url(spec.slug)
    return site.author_url(spec.slug.removeprefix(AUTHORS))


def post_url(site: FeedSite, post_id: int) -> str:
    """The whole address of a post's page here."""
    return f"{site.home_url}posts/{post_id}"
