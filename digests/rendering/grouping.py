"""An edition's posts under headings: by label, by day, or under none."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from digests.model import Edition
from digests.rendering.content import NAME_LENGTH, PostView, label_address, one_line
from posts.model import Post
from templates.languages import Language


@dataclass(frozen=True, slots=True)
class Group:
    """Posts under one heading (None: under none), which may lead to a page."""

    heading: str | None
    url: str | None
    posts: tuple[PostView, ...]


def grouped(
    posts: Sequence[Post],
    shown: Sequence[PostView],
    *,
    edition: Edition,
    timezone: str,
    site_url: str,
    spoken: Language,
) -> tuple[Group, ...]:
    """The posts shown, as the edition's options group them; each stands in one group.

    The groups come in the order of their first posts, those without a label last.
    """
    match edition.options.grouping:
        case "label":
            return _by_label(posts, shown, edition.labels, site_url, spoken)
        case "day":
            return _by_day(posts, shown, timezone, spoken)
        case _:
            return (Group(None, None, tuple(shown)),)


def _by_day(
    posts: Sequence[Post], shown: Sequence[PostView], timezone: str, spoken: Language
) -> tuple[Group, ...]:
    zone = ZoneInfo(timezone)
    days: dict[str, list[PostView]] = {}
    for post, view in zip(posts, shown, strict=False):
        heading = spoken.date(post.published.astimezone(zone).date(), form="full")
        days.setdefault(heading, []).append(view)
    return tuple(Group(heading, None, tuple(under)) for heading, under in days.items())


def _by_label(
    posts: Sequence[Post], shown: Sequence[PostView], chosen: Sequence[str], site_url: str, spoken: Language
) -> tuple[Group, ...]:
    slugs = label_of_each(posts[: len(shown)], chosen)
    names = {slug: name for post in posts for slug, name in zip(post.label_slugs, post.labels, strict=False)}
    found: dict[str | None, list[PostView]] = {}
    for slug, view in zip(slugs, shown, strict=True):
        found.setdefault(slug, []).append(view)
    rest = found.pop(None, [])
    groups = [
        Group(one_line(names[slug], NAME_LENGTH) or slug, label_address(site_url, slug), tuple(under))
        for slug, under in found.items()
        if slug is not None
    ]
    if rest:
        groups.append(Group(spoken.gettext("Other posts") if groups else None, None, tuple(rest)))
    return tuple(groups)


def label_of_each(posts: Sequence[Post], chosen: Sequence[str]) -> list[str | None]:
    """For each post the slug of the label it stands under: the first that the reader chose, else the one
    that most of the posts have; None for a post without labels."""
    shared = Counter(slug for post in posts for slug in post.label_slugs)
    places = {slug: place for place, slug in reversed(list(enumerate(chosen)))}

    def rank(slug: str) -> tuple[int, int, str]:
        return places.get(slug, len(places)), -shared[slug], slug

    return [min(post.label_slugs, key=rank, default=None) for post in posts]
