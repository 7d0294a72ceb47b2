"""``/admin/feeds``: every label's feed and the configured ones, who reads them and when they last changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from urllib.parse import quote, urlencode

from starlette.routing import Route

from feeds.catalogue import Catalogue, FeedKind, Listed, Order, Shelf, Show
from posts.matching import MOST_COUNTED
from web.admin.frame import Frame, Shown, Visit
from web.links import FeedLink, Links

_LONGEST_WORDS = 200
_SHOWS = {
    Show.ALL: "All",
    Show.CONFIGURED: "Configured",
    Show.LABELS: "Labels",
    Show.PRIVATE: "Private",
}
_ORDERS = {Order.NAME: "Name", Order.POSTS: "Posts", Order.READERS: "Readers", Order.CHANGED: "Last change"}
_UNSAID = {"q": "", "show": Show.ALL.value, "sort": Order.NAME.value}

_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Row:
    """A feed as the table has it: where it is changed, and its addresses (none where only keys open it)."""

    feed: Listed
    href: str | None
    formats: Sequence[FeedLink]

    @property
    def posts(self) -> str:
        """How many posts, as far as they were counted."""
        counted = self.feed.kind is not FeedKind.LABEL and self.feed.posts > MOST_COUNTED
        return f"{MOST_COUNTED:,}+" if counted else f"{self.feed.posts:,}"


@dataclass(frozen=True, slots=True)
class FeedListPage:
    """The list."""

    frame: Frame
    catalogue: Catalogue

    def routes(self) -> list[Route]:
        """Its address."""
        return [self.frame.route("/feeds", self.show)]

    def show(self, visit: Visit) -> Shown:
        """Some of the feeds: those that are looked for, in an order."""
        words = visit.query("q")[:_LONGEST_WORDS]
        show = _one_of(Show, visit.query("show"), Show.ALL)
        order = _one_of(Order, visit.query("sort"), Order.NAME)
        with self.frame.database.read() as connection:
            found = self.catalogue.page(
                connection,
                now=visit.now,
                words=words,
                show=show,
                order=order,
                after=visit.query("after"),
                before=visit.query("before"),
            )
        links = self.frame.pages.links(visit.request)
        asked = {"q": words, "show": show.value, "sort": order.value}
        return Shown(
            "feeds.html",
            {
                "rows": [_row(links, feed) for feed in found.feeds],
                "shelf": found,
                "words": words,
                "show": show,
                "order": order,
                "shows": [(one, said, _query(asked, show=one.value)) for one, said in _SHOWS.items()],
                "orders": [(one, said, _query(asked, sort=one.value)) for one, said in _ORDERS.items()],
                "turns": _turns(found, asked),
            },
        )


def _one_of(choices: type[_Choice], text: str, otherwise: _Choice) -> _Choice:
    return choices(text) if text in {one.value for one in choices} else otherwise


def _query(asked: dict[str, str], **other: str) -> str:
    """An address of the list; what is as it is without saying so is left out."""
    said = {name: value for name, value in (asked | other).items() if value != _UNSAID.get(name)}
    return f"?{urlencode(said)}" if said else "?"


def _turns(found: Shelf, asked: dict[str, str]) -> tuple[str | None, str | None]:
    return (
        _query(asked, before=found.before) if found.before else None,
        _query(asked, after=found.after) if found.after else None,
    )


def _row(links: Links, feed: Listed) -> Row:
    href = {
        FeedKind.ALL: None,
        FeedKind.CONFIGURED: f"/feeds/configured/{quote(feed.slug)}",
        FeedKind.LABEL: f"/feeds/label/{quote(feed.slug)}",
    }[feed.kind]
    open_to_all = feed.is_served and not feed.is_private
    return Row(feed, href, links.feeds_at(feed.slug) if open_to_all else ())
