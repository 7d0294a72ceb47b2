"""A blog of an attacker's: names, titles and texts made to break out, in files, feeds, pages and headers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

import feedparser
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it ships none
from lxml import etree, html
from starlette.testclient import TestClient

from feeds.selection import add_feed
from labelcast.init import initialise
from labelcast.settings import load_settings
from labelcast.wiring import Wiring
from posts.curation import merge_labels, rename_label
from posts.intake import store_posts
from posts.lookup import labels
from posts.rules import parse
from tests.feeds_samples import JSON_FEED_SCHEMA, NAMES
from tests.hostile import HEADERS, NAMES_OF_LABELS, NOW, SCRIPT, SITE, hostile_posts


@dataclass(frozen=True)
class Attacked:
    """The attacker's blog: the folder it may write to, the application that serves it."""

    folder: Path
    wiring: Wiring
    client: TestClient

    def slugs(self) -> list[str]:
        """Every label's."""
        with self.wiring.database.read() as connection:
            return [label.slug for label in labels(connection)]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """Imported, curated and published; around the public folder nothing may appear."""
    folder = tmp_path_factory.mktemp("attacked")
    settings = folder / "a" / "b" / "labelcast.toml"
    initialise(settings, site_url=SITE, site_title=f"The {SCRIPT} & ]]> Blog", now=NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(settings.parent)
        wiring = Wiring(load_settings(settings))
        report = store_posts(wiring.database, hostile_posts(), now=NOW)
        assert report.new + len(report.skipped) == len(NAMES_OF_LABELS)
        assert report.new > 50
        with wiring.database.write() as connection:
            rename_label(connection, "日本語", "../../renamed\u202e", now=NOW)
            merge_labels(connection, "ß", "é", now=NOW)
            add_feed(connection, slug="own", rule=parse("News"), title=SCRIPT, subtitle="]]>&", now=NOW)
        wiring.publishing(str(settings.parent / "public")).publish()
        client = TestClient(wiring.app(), follow_redirects=False, raise_server_exceptions=True)
        yield Attacked(folder, wiring, client)
        wiring.close()


def test_nothing_is_written_outside_the_folder(attacked: Attacked) -> None:
    home = attacked.folder / "a" / "b"
    outside = {
        str(file.relative_to(attacked.folder))
        for file in attacked.folder.rglob("*")
        if not file.is_relative_to(home / "public")
    }
    kept = {"labelcast.toml", "labelcast.db", "labelcast.db-wal", "labelcast.db-shm"}
    assert outside <= {"a", "a/b", *(f"a/b/{name}" for name in kept)}
    for file in (home / "public").rglob("*"):
        assert not file.is_symlink()
        assert file.name.isprintable()
        assert len(file.name.encode()) <= 255
        # What no file system and no shell stumbles over.
        assert not set(file.name) & set('\\/:*?"<>|\x00')
        assert not file.name.startswith("-")


def test_every_published_document_can_be_read(attacked: Attacked) -> None:
    public = attacked.folder / "a" / "b" / "public"
    found = [file for file in public.rglob("*") if file.is_file()]
    schema = Draft202012Validator(JSON_FEED_SCHEMA)
    counted = 0
    for file in found:
        if file.suffix in {".atom", ".rss", ".opml"}:
            _check_xml(etree.fromstring(file.read_bytes()), file)
        elif file.suffix == ".json" and not file.name.startswith("."):
            told = json.loads(file.read_bytes())
            assert [fault.message for fault in schema.iter_errors(told)] == [], file
            for item in told["items"]:
                _check_markup(item.get("content_html", ""), str(file))
        else:
            continue
        counted += 1
    assert counted > 3 * 50


def test_a_parser_and_the_schema_find_no_fault(attacked: Attacked, shared_data: Path) -> None:
    schema = etree.RelaxNG(etree.parse(str(shared_data / "schemas" / "atom.rng")))
    for file in sorted((attacked.folder / "a" / "b" / "public" / "feeds").rglob("*.atom")):
        assert schema.validate(etree.parse(str(file))), (file, schema.error_log)
        assert not feedparser.parse(file.read_bytes()).bozo, file


def _check_xml(root: Any, file: Path) -> None:
    """No markup but the format's own, and what it carries is harmless HTML."""
    for element in root.iter():
        assert not str(etree.QName(element).localname).lower().startswith("script")
        for name in ("href", "url", "xmlUrl", "htmlUrl"):
            assert _is_harmless(element.get(name, "")), (file, element.attrib)
    for path in ("a:entry/a:content", "a:entry/a:summary", "channel/item/content:encoded"):
        for element in root.iterfind(path, NAMES):
            _check_markup(element.text or "", str(file))
    for link in root.iterfind("channel/item/link"):
        assert _is_harmless(link.text)


def _check_markup(text: str, where: str) -> None:
    """HTML that can do nothing: no script, no handler, no address that acts."""
    if not text.strip():
        return
    for element in html.fragment_fromstring(text, create_parent="div").iter(etree.Element):
        assert element.tag not in {"script", "style", "base", "meta", "object", "embed", "iframe", "form"}, (
            where
        )
        _check_attributes(element, where)


def _check_attributes(element: Any, where: str) -> None:
    for name, value in element.attrib.items():
        assert not name.lower().startswith("on"), (where, name)
        assert name not in {"srcdoc", "formaction"}, (where, name)
        if name in {"href", "src", "action", "cite", "poster", "data", "xlink:href"}:
            assert _is_harmless(value), (where, name, value)


def _is_harmless(url: str) -> bool:
    scheme = "".join(unquote(url).split()).partition(":")[0].lower()
    return scheme not in {"javascript", "vbscript", "file"} and not url.startswith("data:text")


def _crawled(client: TestClient) -> dict[str, Any]:
    """Every page and document that links lead to from the front page, by its address."""
    found: dict[str, Any] = {}
    waiting = ["/", "/feeds.opml", "/feeds/all.atom"]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        response = found[path] = client.get(path)
        assert response.status_code < 400, path
        if response.status_code in {301, 302}:
            waiting.append(_own(path, response.headers["location"]) or "/")
        elif response.headers["content-type"].startswith("text/html"):
            page: Any = html.fromstring(response.text)
            links = [*page.xpath("//@href"), *page.xpath("//@src")]
            waiting += [own for link in links if (own := _own(path, link))]
    return found


def _own(path: str, link: str) -> str | None:
    """A link's path on this site; None where it leads elsewhere, as to a post at its own address."""
    url = urldefrag(urljoin(SITE + path, link.strip())).url
    parts = urlsplit(url)
    is_ours = link.startswith((".", "/", "?")) and not link.startswith("//")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.path or '/'}{query}" if is_ours and f"{parts.scheme}://{parts.netloc}" == SITE else None


def test_every_link_of_every_page_resolves_and_no_page_holds_a_script(attacked: Attacked) -> None:
    found = _crawled(attacked.client)
    pages = {path: one for path, one in found.items() if one.headers["content-type"].startswith("text/html")}
    assert len(pages) > 50
    for path, response in pages.items():
        page = html.fromstring(response.text)
        for element in page.iter(etree.Element):
            _check_attributes(element, path)
            # Data for search engines are no script.
            if element.tag == "script":
                assert element.get("type") == "application/ld+json", path
                assert json.loads(element.text or "")
        assert "script-src" not in response.headers["content-security-policy"]
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert not page.xpath("//base|//object|//embed|//meta[@http-equiv='refresh']"), path


def test_every_label_has_its_page_and_feeds(attacked: Attacked) -> None:
    slugs = attacked.slugs()
    assert len(slugs) > 50
    for slug in slugs:
        assert "/" not in slug
        assert slug not in {".", ".."}
        for path in (
            f"/labels/{quote(slug)}",
            *(f"/feeds/{quote(slug)}.{kind}" for kind in ("atom", "rss", "json")),
        ):
            assert attacked.client.get(path).status_code == 200, path


PATHS = [
    "/labels/{}",
    "/feeds/{}.atom",
    "/feeds/{}.json?content=summary",
    "/feeds/all/archive/{}.rss",
    "/feeds/authors/{}.atom",
    "/feeds/all.atom?q={}",
    "/feeds/all.atom?before={}",
    "/labels/all?before={}",
    "/feeds/posts/default/-/{}",
    "/feeds/posts/default?q={}",
    "/tag/{}/feed",
    "/search?q={}",
    "/{}",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_address_is_answered_with_an_error_or_with_script(attacked: Attacked, path: str) -> None:
    for number, name in enumerate(NAMES_OF_LABELS):
        written = name.encode(errors="surrogatepass") if number % 2 else name[:60].encode(errors="replace")
        address = path.format(quote(written, safe="" if number % 2 else "+,-/"))
        response = attacked.client.get(address, headers={"accept": "text/html"})
        assert response.status_code < 500, address
        for key, value in response.headers.multi_items():
            assert not set("\r\n\x00") & set(key + value), address
            assert value.isascii()
        assert "set-cookie" not in response.headers
        media_type = response.headers.get("content-type", "")
        if media_type.startswith("text/html"):
            assert "<script>" not in response.text.lower(), address
        elif media_type.startswith("application/atom"):
            etree.fromstring(response.content)


@pytest.mark.parametrize(
    "header", ["if-none-match", "if-modified-since", "accept-encoding", "a-im", "user-agent", "host"]
)
def test_no_header_is_answered_with_an_error(attacked: Attacked, header: str) -> None:
    for value in HEADERS:
        for path in ("/", "/feeds/all.atom", "/labels/all"):
            response = attacked.client.get(path, headers={header.encode(): value.encode("latin-1")})
            assert response.status_code < 500, (header, value)
