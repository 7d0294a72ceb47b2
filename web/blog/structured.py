"""What pages tell machines of their posts: JSON-LD in the words of schema.org."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from feeds.site import FeedSite
from posts.model import Post

Facts = dict[str, Any]
# Nothing that stands in a text can end the element it is written into, or begin a comment there.
_ESCAPES = tuple((char, f"\\u{ord(char):04x}") for char in "<>&\u2028\u2029")
POSTINGS = {"Blog": "blogPost", "CollectionPage": "hasPart"}


def posting(post: Post, site: FeedSite, *, url: str, author_slugs: Mapping[str, str]) -> Facts:
    """A post as a ``BlogPosting``; ``url`` is where it stands, ``author_slugs`` leads to authors' pages."""
    facts: Facts = {
        "@type": "BlogPosting",
        "headline": post.title,
        "url": url,
        "mainEntityOfPage": url,
        "identifier": post.uri,
        "datePublished": post.published.isoformat(timespec="seconds"),
        "dateModified": max(post.updated, post.published).isoformat(timespec="seconds"),
    }
    if post.authors:
        facts["author"] = [_person(name, site, author_slugs.get(name)) for name in post.authors]
    if post.labels:
        facts["keywords"] = list(post.labels)
    if post.picture:
        facts["image"] = post.picture
    if post.language:
        facts["inLanguage"] = post.language
    return facts


def _person(name: str, site: FeedSite, slug: str | None) -> Facts:
    facts = {"@type": "Person", "name": name}
    return facts if slug is None else facts | {"url": site.author_url(slug)}


def blog(site: FeedSite) -> Facts:
    """The site as a ``Blog``."""
    facts: Facts = {"@type": "Blog", "name": site.title, "url": site.home_url}
    return facts | ({"inLanguage": site.language} if site.language else {})


def collection(site: FeedSite, name: str, url: str, *, is_all: bool) -> Facts:
    """A page of posts: part of the blog, or the blog itself. Its posts are named as ``POSTINGS`` tells."""
    if is_all:
        return blog(site)
    return {"@type": "CollectionPage", "name": name, "url": url, "isPartOf": blog(site)}


def written(facts: Facts) -> str:
    """Facts as JSON that can stand in HTML's ``script`` element whatever the texts in it."""
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    for char, escape in _ESCAPES:
        text = text.replace(char, escape)
    return text


def as_json_ld(facts: Facts, postings: Sequence[str] = ()) -> Markup:
    """What stands in a ``script`` element of the type ``application/ld+json``.

    ``postings`` are the posts of a page, written already: they stand on many pages.
    """
    text = written({"@context": "https://schema.org"} | facts)
    if postings:
        text = f'{text[:-1]},"{POSTINGS[facts["@type"]]}":[{",".join(postings)}]}}'
    return Markup(text)  # noqa: S704 - nothing is left in it that HTML would read
