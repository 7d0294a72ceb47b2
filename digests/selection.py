"""Which of a digest's news a reader gets, as a function of the news and of the labels the reader chose."""

from collections.abc import Collection, Iterable, Mapping

from posts.store import News

NO_ALIASES: Mapping[str, str] = {}


def choose(
    news: Iterable[News],
    labels: Collection[str],
    *,
    aliases: Mapping[str, str] = NO_ALIASES,
    sort: str = "newest",
) -> tuple[int, ...]:
    """The ids of the posts a reader gets, the ``newest`` or ``oldest`` first; none comes twice.

    ``labels`` are slugs, as they were when the reader chose them; none means everything. ``aliases`` leads
    from slugs that labels once had to those they have now. A reader whose labels are all gone gets nothing.
    """
    wanted = frozenset(current_labels(labels, aliases=aliases))
    chosen = {item.id: item for item in news if not labels or wanted & item.label_slugs}
    is_newest_first = sort == "newest"
    ordered = sorted(chosen.values(), key=lambda item: (item.published, item.id), reverse=is_newest_first)
    return tuple(item.id for item in ordered)


def current_labels(labels: Iterable[str], *, aliases: Mapping[str, str] = NO_ALIASES) -> tuple[str, ...]:
    """The slugs that chosen labels have now, sorted, each once: the same for readers who mean the same.

    A slug that no alias leads on from stays as it is, also one whose label is gone.
    """
    return tuple(sorted({_current(slug, aliases) for slug in labels}))


def _current(slug: str, aliases: Mapping[str, str]) -> str:
    """Follow the aliases to their end; a ring of them ends where it would begin again."""
    seen = {slug}
    while (following := aliases.get(slug)) is not None and following not in seen:
        seen.add(following)
        slug = following
    return slug
