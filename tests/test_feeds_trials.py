"""Every feed of every blog made by others, before judges made by others: schemas, feedparser, reader."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import feedparser
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it ships none
from lxml import etree

from feeds.site import Content
from tests.examples import TIMES
from tests.feeds_reader import feed_reader
from tests.feeds_samples import JSON_FEED_SCHEMA, NAMES
from tests.feeds_sources import SITE, SOURCES, PublishedBlog, publish_blog

JSON_FEED = Draft202012Validator(JSON_FEED_SCHEMA)
# How many posts each source holds that can be stored.
POSTS = {
    "18f-blog": 508,
    "go-blog": 274,
    "hexo": 15,
    "blogger": 11,
    "label-page": 4,
    "medium": 2,
    "reader": 18,
    "broken": 3,
}
# Of the feeds of authors, which are many and much alike, a reader subscribes to some.
ONE_AUTHOR_IN = 20
ONE_FEED_IN = max(1, 4 // TIMES)

Blogs = Callable[[str], PublishedBlog]
contents = pytest.mark.parametrize("content", ["full", "summary"])
sources = pytest.mark.parametrize("source", SOURCES)


@pytest.fixture(scope="module")
def blogs(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blogs]:
    """The blog of a source, published when it is first asked for."""
    made = []

    @cache
    def blog(name: str) -> PublishedBlog:
        made.append(publish_blog(name, shared_data.parent, tmp_path_factory.mktemp(name)))
        return made[-1]

    yield blog
    for one in made:
        one.database.dispose()


@pytest.fixture(scope="module")
def atom_schema(shared_data: Path) -> etree.RelaxNG:
    """That of RFC 4287, appendix B."""
    return etree.RelaxNG(etree.parse(str(shared_data / "schemas" / "atom.rng")))


def _address(blog: PublishedBlog, file: Path, content: Content) -> str:
    """Where a document stands on the site."""
    return SITE.home_url + quote(str(file.relative_to(blog.folder / content)))


@sources
def test_each_source_has_its_posts_and_feeds_in_every_format(blogs: Blogs, source: str) -> None:
    blog = blogs(source)
    assert blog.stored == POSTS[source]
    for content in ("full", "summary"):
        names = [{file.stem for file in blog.feeds(suffix, content)} for suffix in ("atom", "rss", "json")]
        assert "all" in names[0]
        assert names[0] == names[1] == names[2]


@contents
@sources
def test_atom_is_as_its_schema_wants(
    blogs: Blogs, atom_schema: etree.RelaxNG, source: str, content: Content
) -> None:
    blog, ids = blogs(source), set()
    for file in blog.documents("atom", content):
        root = etree.parse(str(file)).getroot()
        assert atom_schema.validate(root), (file, atom_schema.error_log)
        links = Counter(link.get("rel") for link in root.iterfind("a:link", NAMES))
        assert (links["self"], links["alternate"]) == (1, 1), file
        (self_link,) = root.iterfind("a:link[@rel='self']", NAMES)
        assert str(self_link.get("href")).partition("?")[0] == _address(blog, file, content)
        entries = [entry_id.text for entry_id in root.iterfind("a:entry/a:id", NAMES)]
        assert len(set(entries)) == len(entries)
        if file.parent.name != "archive":
            ids.add(root.findtext("a:id", "", NAMES))
    assert len(ids) == len(blog.feeds("atom", content))


@contents
@sources
def test_json_is_as_its_specification_wants(blogs: Blogs, source: str, content: Content) -> None:
    blog = blogs(source)
    for file in blog.documents("json", content):
        told = json.loads(file.read_bytes())
        assert [fault.message for fault in JSON_FEED.iter_errors(told)] == [], file
        assert told["feed_url"].partition("?")[0] == _address(blog, file, content)
        ids = [item["id"] for item in told["items"]]
        assert len(set(ids)) == len(ids)
        assert all(item["content_text"].strip() for item in told["items"] if "content_text" in item)


@contents
@sources
def test_rss_keeps_to_its_profile(blogs: Blogs, source: str, content: Content) -> None:
    blog = blogs(source)
    for file in blog.documents("rss", content):
        root = etree.parse(str(file)).getroot()
        (channel,) = root
        address = _address(blog, file, content)
        assert (root.tag, root.get("version"), channel.tag) == ("rss", "2.0", "channel")
        selves = [link.get("href") for link in channel.iterfind("a:link[@rel='self']", NAMES)]
        assert [str(one).partition("?")[0] for one in selves] == [address]
        for name in ("title", "link", "description", "docs", "generator", "lastBuildDate"):
            assert len(channel.findall(name)) == 1, (file, name)
            assert channel.findtext(name, "").strip()
        assert parsedate_to_datetime(channel.findtext("lastBuildDate", "")).tzinfo
        for item in channel.findall("item"):
            _check_item(item, content)


def _check_item(item: Any, content: Content) -> None:
    """The RSS Advisory Board's profile: what it says of an item."""
    tags = [child.tag for child in item]
    encoded = f"{{{NAMES['content']}}}encoded"
    counted = Counter(tags)
    for once in ("title", "guid", "pubDate", "description"):
        assert counted[once] == 1, once
    # An author is an address of mail there: names stand in dc:creator.
    assert counted["author"] == 0
    # What has no text of its own has none there.
    assert counted[encoded] <= (1 if content == "full" else 0)
    if counted[encoded]:
        assert tags.index("description") < tags.index(encoded)
    guid = item.find("guid")
    assert guid.get("isPermaLink") == "false"
    assert guid.text.strip()
    assert parsedate_to_datetime(item.findtext("pubDate")).tzinfo
    if counted["link"]:
        assert urlsplit(item.findtext("link")).scheme
    assert counted["enclosure"] <= 1
    for file in item.findall("enclosure"):
        assert urlsplit(file.get("url")).scheme in {"http", "https"}
        assert file.get("length").isdigit()
        assert "/" in file.get("type")


@pytest.mark.parametrize("suffix", ["atom", "rss"])
@sources
def test_a_parser_of_feeds_finds_no_fault(blogs: Blogs, source: str, suffix: str) -> None:
    for file in blogs(source).feeds(suffix):
        found = feedparser.parse(file.read_bytes(), sanitize_html=False, resolve_relative_uris=False)
        assert not found.bozo, (file, found.get("bozo_exception"))
        assert found.version == {"atom": "atom10", "rss": "rss20"}[suffix]
        assert len(found.entries) <= 25
        assert found.entries or file.stem != "all"
        dates = [entry.published_parsed for entry in found.entries]
        assert all(newer >= older for newer, older in pairwise(dates))


@pytest.mark.parametrize("suffix", ["atom", "rss", "json"])
@sources
def test_a_feed_reader_subscribes_to_every_feed(blogs: Blogs, source: str, suffix: str) -> None:
    blog = blogs(source)
    feeds = {str(file.relative_to(blog.folder)): file for file in blog.feeds(suffix)}
    authors = [name for name in feeds if "/authors/" in name]
    for number, name in enumerate(authors):
        if number % ONE_AUTHOR_IN:
            del feeds[name]
    # To every feed in Atom, to some of them in what else there is.
    for number, name in enumerate(list(feeds)):
        if suffix != "atom" and number % ONE_FEED_IN:
            del feeds[name]
    (blog.folder / "reader.db").unlink(missing_ok=True)
    with feed_reader(blog.folder) as reader:
        for name in feeds:
            reader.add_feed(name)
        reader.update_feeds()
        for name, file in feeds.items():
            feed = reader.get_feed(name)
            assert feed.last_exception is None, name
            assert feed.title
            found = [entry.id for entry in reader.get_entries(feed=name)]
            assert sorted(found) == sorted(_ids(file)), name


def _ids(file: Path) -> list[str]:
    """The ids of a document's entries."""
    if file.suffix == ".json":
        return [item["id"] for item in json.loads(file.read_bytes())["items"]]
    path = "a:entry/a:id" if file.suffix == ".atom" else "channel/item/guid"
    return [element.text or "" for element in etree.parse(str(file)).getroot().iterfind(path, NAMES)]
