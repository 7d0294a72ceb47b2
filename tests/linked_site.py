"""A made-up site of documents that link to each other, for the tests of publishing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from feeds.publishing.documents import Document, Rank, digest


@dataclass
class LinkedSite:
    """A source of documents: their names, and to which others each links."""

    links: Mapping[str, Sequence[str]]

    def prepare(self) -> None:
        """Nothing."""

    def documents(self, connection: Connection) -> Iterator[Document]:
        """One for each name."""
        for name in self.links:
            yield Document(
                name, digest(body_of(self.links[name]).decode()), "text/plain", rank_of(name), name
            )

    def make(self, connection: Connection, some: Sequence[Document]) -> Iterator[bytes]:
        """The links as JSON."""
        for one in some:
            yield body_of(self.links[one.name])

    def finish(self) -> None:
        """Nothing."""


def rank_of(name: str) -> Rank:
    """When a document of this name has its turn."""
    if "/archive/" in name:
        return Rank.ARCHIVE
    if name.startswith("feeds/"):
        return Rank.FEED
    if name.startswith("labels/"):
        return Rank.PAGE
    return Rank.STYLE if name == "style.css" else Rank.LISTING


def body_of(links: Sequence[str]) -> bytes:
    """A document with these links, long enough that compressing it pays."""
    return json.dumps([*links, "x" * 500]).encode()


def dangling(documents: Mapping[str, bytes], known: Sequence[str]) -> list[str]:
    """The links that lead nowhere, of all that a reader comes by who begins at the documents ``known``."""
    faults = []
    to_visit = [name for name in known if name in documents]
    seen = set(to_visit)
    while to_visit:
        name = to_visit.pop()
        for link in json.loads(documents[name])[:-1]:
            if link not in documents:
                faults.append(f"{name} -> {link}")
            elif link not in seen:
                seen.add(link)
                to_visit.append(link)
    return faults


def label_site(labels: Mapping[str, int]) -> LinkedSite:
    """A site as ours is: each label has a page, pages of so many months, a feed, and as many archives."""
    links: dict[str, list[str]] = {"style.css": []}
    for label, months in labels.items():
        archives = [f"feeds/{label}/archive/{number}.atom" for number in range(1, months + 1)]
        for number, name in enumerate(archives):
            links[name] = archives[max(0, number - 1) : number] + archives[number + 1 : number + 2]
        links[f"feeds/{label}.atom"] = [f"labels/{label}.html", *archives[-1:]]
    for label, months in labels.items():
        of_months = [f"labels/{label}/2026-{month:02}.html" for month in range(1, months + 1)]
        for page in of_months:
            links[page] = ["style.css", f"labels/{label}.html"]
        # Its posts have other labels too, whose pages they lead to.
        others = [f"labels/{other}.html" for other in labels]
        links[f"labels/{label}.html"] = ["style.css", f"feeds/{label}.atom", *of_months, *others]
    listed = [f"labels/{label}.html" for label in labels] + [f"feeds/{label}.atom" for label in labels]
    links["feeds.opml"] = listed
    links["index.html"] = ["style.css", *listed]
    return LinkedSite(links)
