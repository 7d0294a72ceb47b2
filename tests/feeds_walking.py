"""Readers of whole feeds, for tests: one that walks from the feed to its end, and one that polls."""

import json
from collections.abc import Container
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from lxml import etree

from feeds.build import BuiltFeed, FeedBuilder
from feeds.site import Content

ATOM = "{http://www.w3.org/2005/Atom}"
ARCHIVE = "{http://purl.org/syndication/history/1.0}archive"
DELETED = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
COMPLETE = "{http://purl.org/syndication/history/1.0}complete"


@dataclass(frozen=True)
class Page:
    """A document as a reader has it: where it was in the end, its entries' ids and bytes, its links."""

    url: str
    entries: tuple[tuple[str, bytes], ...]
    older: str | None
    newer: str | None = None
    current: str | None = None
    is_archive: bool = False
    is_complete: bool = False
    deleted: tuple[str, ...] = ()

    @property
    def ids(self) -> list[str]:
        """The ids of its entries, in their order."""
        return [entry_id for entry_id, _ in self.entries]


def read(url: str, suffix: str, body: bytes) -> Page:
    """A document read as a reader of its format does."""
    if suffix == "json":
        told = json.loads(body)
        items = tuple((item["id"], json.dumps(item).encode()) for item in told["items"])
        return Page(url, items, told.get("next_url"))
    root = etree.fromstring(body)
    element, key = (f"{ATOM}entry", f"{ATOM}id") if suffix == "atom" else ("item", "guid")
    found = root.iter(element)
    entries = tuple((one.findtext(key, ""), etree.tostring(one, with_tail=False)) for one in found)
    links = {link.get("rel"): link.get("href") for link in root.iter(f"{ATOM}link")}
    deleted = tuple(str(one.get("ref")) for one in root.iter(DELETED))
    return Page(
        url,
        entries,
        links.get("prev-archive") or links.get("next"),
        newer=links.get("next-archive"),
        current=links.get("current"),
        is_archive=next(root.iter(ARCHIVE), None) is not None,
        is_complete=next(root.iter(COMPLETE), None) is not None,
        deleted=deleted,
    )


def fetch(builder: FeedBuilder, url: str) -> Page:
    """The document at an address of the site, or the one that it leads to, as the web answers."""
    built = _built(builder, url)
    if built.self_url != url:
        there = _built(builder, built.self_url)
        assert built.is_moved or not built.is_archive
        assert there.self_url == built.self_url
        assert not there.is_moved
        return read(there.self_url, there.form.suffix, there.body)
    return read(url, built.form.suffix, built.body)


def _built(builder: FeedBuilder, url: str) -> BuiltFeed:
    home, _, rest = url.partition("/feeds/")
    assert f"{home}/" == builder.site.home_url
    parts = urlsplit(rest)
    params = {name: values[0] for name, values in parse_qs(parts.query).items()}
    path, _, suffix = parts.path.rpartition(".")
    name, is_archive, number = unquote(path).partition("/archive/")
    content: Content | None = "summary" if params.get("content") == "summary" else None
    if is_archive:
        built = builder.archive(name, int(number), suffix, content=content, edition=params.get("edition"))
    else:
        before = params.get("before")
        built = builder.build(name, suffix, content=content, query=params.get("q"), before=before)
    assert built is not None, f"{url} leads nowhere"
    return built


def walk(
    builder: FeedBuilder,
    name: str,
    suffix: str = "atom",
    *,
    content: Content | None = None,
    query: str | None = None,
) -> list[Page]:
    """All documents of a feed, from the subscription document to the end."""
    built = builder.build(name, suffix, content=content, query=query)
    assert built is not None
    pages = [read(built.self_url, suffix, built.body)]
    while pages[-1].older is not None:
        pages.append(fetch(builder, pages[-1].older))
        assert len({page.url for page in pages}) == len(pages), "a walk without end"
    return pages


def collected(pages: list[Page]) -> list[str]:
    """The ids of all entries of these documents, as naive collecting has them."""
    return [entry_id for page in pages for entry_id in page.ids]


def _name(url: str) -> str:
    return unquote(url.partition("/feeds/")[2].partition("/archive/")[0])


@dataclass
class Poller:
    """A reader that polls a feed, and reads those archive documents whose addresses it does not know.

    ``seen`` is each version that it had of each entry: when it was updated, to the second, title and content.
    """

    seen: dict[str, set[tuple[str, str, str]]] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def poll(self, builder: FeedBuilder, name: str) -> None:
        """Read what is new."""
        built = builder.build(name)
        assert built is not None
        page = read(built.self_url, "atom", built.body)
        self._note(page)
        while page.older is not None and page.older not in self.known:
            self.known.add(page.older)
            page = fetch(builder, page.older)
            self.known.add(page.url)
            self._note(page)

    def _note(self, page: Page) -> None:
        for entry_id, body in page.entries:
            updated, title, content = (
                etree.fromstring(body).findtext(f"{ATOM}{name}", "")
                for name in ("updated", "title", "content")
            )
            self.seen.setdefault(entry_id, set()).add((updated[:19], title, content))


@dataclass
class Witness:
    """Remembers what was at every archive document's address when it was first seen."""

    first: dict[str, tuple[tuple[str, bytes], ...]] = field(default_factory=dict)

    def note(self, pages: list[Page]) -> None:
        """Look at documents again: what was at these addresses before must be there still."""
        for page in pages[1:]:
            assert self.first.setdefault(page.url, page.entries) == page.entries, page.url

    def look_again(self, builder: FeedBuilder, *, alive: Container[str]) -> None:
        """Ask for every address there ever was of feeds alive: it holds what it did, or leads elsewhere."""
        for url, entries in self.first.items():
            if _name(url) not in alive:
                continue
            page = fetch(builder, url)
            if page.url == url:
                assert page.entries == entries, url
