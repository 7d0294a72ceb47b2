"""The pages as files: every link in them leads to one, and only what changed is written."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.formats.known import SUFFIXES
from feeds.publishing.folder import Folder
from feeds.publishing.publish import PublishReport, publish
from feeds.publishing.sources import FeedDocuments, FeedList
from feeds.selection import add_feed
from posts.curation import delete_label, rename_label
from posts.model import PostState
from posts.rules import parse
from posts.walking import Step
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import ENVIRONMENT, open_client, tree
from web.blog import published
from web.blog.periods import Period, cut, day_of, read_period
from web.blog.published import PageDocuments
from web.pages import Pages


class Site:
    """A blog published to a folder."""

    def __init__(self, blog: FeedsBlog, out: Path, *, suffixes: tuple[str, ...] = SUFFIXES) -> None:
        self.blog = blog
        self.out = out
        builder = blog.builder()
        pages = Pages.of(ENVIRONMENT, blog.site, timezone="America/Regina")
        self.sources = (
            FeedDocuments(builder, suffixes=suffixes),
            FeedList(builder, suffixes=suffixes),
            PageDocuments(builder, pages, suffixes=suffixes),
        )

    def publish(self, *, compressed: bool = False) -> PublishReport:
        return publish(self.blog.database, self.sources, Folder(self.out), compressed=compressed)

    def file(self, address: str) -> Path | None:
        """The file that a web server would answer an address with: as it is, with .html, or the index."""
        path = unquote(urlsplit(address).path).lstrip("/")
        tried = (self.out / path, self.out / f"{path}.html", self.out / path / "index.html")
        return next((file for file in tried if file.is_file()), None)

    def titles(self, address: str) -> list[str]:
        file = self.file(address)
        assert file is not None, address
        return [found.text_content().strip() for found in tree(file.read_text(encoding="utf-8")).iter("h3")]


@pytest.fixture
def site(feed_blog: FeedsBlog, tmp_path: Path) -> Site:
    return Site(feed_blog, tmp_path / "public")


def store_many(blog: FeedsBlog) -> None:
    """Posts of three years, some with a label that is no ASCII, one that stands nowhere else."""
    posts = [post(n, "MEK", *(["政治 + c++"] if n % 7 == 0 else [])) for n in range(1, 130)]
    posts += [post(n, "Iran") for n in range(400, 415)]
    blog.store_all([*posts, replace(post(700, "MEK"), url=None, authors=("Zoë Ng",))])
    with blog.database.write() as connection:
        add_feed(connection, slug="both", rule=parse("MEK or Iran"), now=blog.now, title="Both")


def crawl(site: Site) -> set[str]:
    """Every address of the site that its pages lead to, from the front page on; each is a file."""
    seen, waiting = {"/"}, ["/"]
    while waiting:
        address = waiting.pop()
        file = site.file(address)
        assert file is not None, address
        if file.suffix != ".html":
            continue
        page = tree(file.read_text(encoding="utf-8"))
        assert not page.xpath("//form")
        for href in page.xpath("//*[not(@rel='canonical')]/@href"):
            reached = urljoin(f"https://blog.example{address}", href).partition("#")[0]
            if not reached.startswith("https://blog.example/") or href.startswith("https:"):
                continue
            place = reached.removeprefix("https://blog.example")
            assert urlsplit(place).query.startswith("v=") or "?" not in place
            if place not in seen:
                seen.add(place)
                waiting.append(place)
    return seen


def test_every_link_in_a_file_leads_to_a_file_and_every_page_is_linked(site: Site) -> None:
    store_many(site.blog)
    site.publish()
    reached = {site.file(address) for address in crawl(site)}
    pages = set(site.out.rglob("*.html"))
    assert pages - reached == set()
    assert site.out / "labels" / "mek" / "2023-05.html" in pages


def test_every_post_of_a_label_is_on_one_of_its_older_pages_once(site: Site) -> None:
    store_many(site.blog)
    site.publish()
    older = (site.out / "labels" / "mek").glob("*.html")
    shown = [title for path in older for title in site.titles(f"/labels/mek/{path.stem}")]
    assert sorted(shown) == sorted([f"Post {n}" for n in (*range(1, 130), 700)])
    address, walked = "/labels/mek", []
    while address:
        page = tree((site.file(address) or Path()).read_text(encoding="utf-8"))
        walked += [title for title in site.titles(address) if title not in walked]
        found = page.xpath("//nav[@class='pager']/a[@rel='next']/@href")
        address = urljoin(address, str(found[0])) if found else ""
    assert walked == [f"Post {n}" for n in (700, *range(129, 0, -1))]


def test_a_file_and_the_service_have_the_same_addresses_and_posts(site: Site) -> None:
    store_many(site.blog)
    site.publish()
    client = open_client(site.blog, timezone="America/Regina")
    for address in sorted(crawl(site)):
        answer = client.get(address)
        assert answer.status_code == 200, address
        if answer.headers["content-type"].startswith("text/html") and address != "/":
            served = [found.text_content().strip() for found in tree(answer.text).iter("h3")]
            assert site.titles(address)[:10] == served or not site.titles(address)


def test_only_what_changed_is_written_again(site: Site) -> None:
    store_many(site.blog)
    site.publish()
    assert site.publish().written == ()
    again = Site(site.blog, site.out)
    assert again.publish().written == ()
    site.blog.store(410, "Iran", html="<p>Another text</p>")
    pages = {name for name in site.publish().written if name.endswith(".html")}
    assert {"labels/iran.html", "labels/iran/2024.html"} <= pages
    assert not [name for name in pages if "2023" in name or "mek" in name]


def test_what_is_gone_goes_and_a_renamed_label_has_its_new_name_everywhere(site: Site) -> None:
    store_many(site.blog)
    site.publish()
    site.blog.store(411, "Iran", state=PostState.DELETED)
    with site.blog.database.write() as connection:
        rename_label(connection, "MEK", "Mujahedin", now=site.blog.now)
        delete_label(connection, "政治 + c++", now=site.blog.now)
    site.publish()
    assert "Post 411" not in site.titles("/labels/iran/2024")
    assert not (site.out / "labels" / "mek.html").exists()
    assert not (site.out / "labels" / "mek").exists()
    everything = "".join(file.read_text(encoding="utf-8") for file in site.out.rglob("*.html"))
    assert "政治" not in everything
    assert ">MEK<" not in everything
    crawl(site)


def test_pages_are_compressed_beside_and_private_posts_are_in_none(site: Site) -> None:
    store_many(site.blog)
    with site.blog.database.write() as connection:
        add_feed(
            connection, slug="inner", rule=parse("Iran"), now=site.blog.now, title="Ours", is_private=True
        )
    site.publish(compressed=True)
    for name in ("index.html", "style.css", "labels/mek.html", "labels/mek/2023-05.html"):
        assert (site.out / f"{name}.gz").is_file()
        assert (site.out / f"{name}.br").is_file()
    everything = "".join(file.read_text(encoding="utf-8") for file in site.out.rglob("*.html"))
    assert "Post 410" not in everything
    assert "Ours" not in everything


def test_pages_lead_only_to_the_formats_that_are_published(feed_blog: FeedsBlog, tmp_path: Path) -> None:
    store_many(feed_blog)
    site = Site(feed_blog, tmp_path / "public", suffixes=("rss",))
    site.publish()
    feeds = {address for address in crawl(site) if address.startswith("/feeds/")}
    assert feeds
    assert all(address.endswith(".rss") for address in feeds)


def test_a_month_of_too_many_posts_leads_to_its_days(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "POSTS_A_PERIOD", 5)
    store_many(site.blog)
    site.publish()
    assert site.titles("/labels/mek/2023") == site.titles("/labels/mek/2023-05") == []
    assert site.titles("/labels/mek/2023-05-03") == ["Post 26"]
    crawl(site)


ZONES = st.sampled_from(["UTC", "America/St_Johns", "Pacific/Apia", "America/Sao_Paulo", "Africa/Cairo"])
MOMENTS = st.integers(315_532_800, 1_893_456_000).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(st.lists(MOMENTS, unique=True, max_size=60), ZONES, st.integers(1, 9))
def test_periods_hold_every_post_once_in_order_and_are_where_their_bounds_say(
    moments: list[datetime], timezone: str, most: int
) -> None:
    steps = [Step(moment, n, 1) for n, moment in enumerate(sorted(moments, reverse=True))]
    years = cut(steps, timezone=timezone, most=most)
    leaves = [leaf for year in years for leaf in year.leaves()]
    assert [number for leaf in leaves for number in leaf.ids] == [step.id for step in steps]
    assert sum(year.count for year in years) == len(steps)
    for leaf in leaves:
        begin, end = leaf.period.bounds(timezone)
        assert end is not None
        assert all(begin <= steps[number].published < end for number in leaf.ids)
        assert leaf.count <= most or leaf.period.day
        assert read_period(str(leaf.period)) == leaf.period
    assert all(newer.period > older.period for newer, older in pairwise(leaves))


def test_a_day_that_clocks_are_put_back_into_has_ended() -> None:
    # At a minute past midnight clocks in St. John's once went back an hour.
    zone = ZoneInfo("America/St_Johns")
    first = datetime(2006, 10, 29, 0, 0, 30, tzinfo=zone).astimezone(UTC)
    assert day_of(first, "America/St_Johns") == Period(2006, 10, 29)
    back = first + timedelta(minutes=30)
    assert back.astimezone(zone).date() == date(2006, 10, 28)
    assert day_of(back, "America/St_Johns") == Period(2006, 10, 29)
