"""A post's own page, and what pages tell machines of posts: safe whatever stands in them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from feeds.selection import add_feed
from posts.model import PostState, SourcePost
from posts.model import post as post_table
from posts.rules import parse
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import open_client, tree

HOSTILE = '</script><script>alert(1)</script><!-- <b>&amp; " \u2028 \u2029 \\'


def address(blog: FeedsBlog, number: int) -> str:
    with blog.database.read() as connection:
        query = select(post_table.c.id).where(post_table.c.uri == f"tag:blog.example,2026:{number}")
        return f"/posts/{connection.execute(query).scalar_one()}"


def structured(page: str) -> Any:
    """What the page's one data block says; no other script is in the page."""
    scripts = tree(page).xpath("//script")
    assert [script.get("type") for script in scripts] == ["application/ld+json"]
    return json.loads(scripts[0].text)


def kept_here(number: int, **changes: Any) -> SourcePost:
    """A post that stands nowhere else."""
    return replace(post(number, "MEK"), **({"url": None} | changes))


def test_a_posts_page_leads_to_its_labels_its_author_and_where_it_came_from(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([post(1, "MEK", "Iran", html="<h1>Inside</h1><p>Text</p>")])
    page = open_client(feed_blog).get(address(feed_blog, 1)).text
    elements = tree(page)
    assert elements.xpath("string(//h1)") == "Post 1"
    assert [heading.text for heading in elements.iter("h2")] == ["Inside"]
    assert elements.xpath("//link[@rel='canonical']/@href") == ["https://blog.example/1"]
    links = elements.xpath("//article//a/@href")
    assert links == ["../authors/ann", "../labels/iran", "../labels/mek", "https://blog.example/1"]
    assert structured(page)["mainEntityOfPage"] == "https://blog.example/1"


def test_a_post_that_stands_nowhere_else_is_linked_to_its_page_here(feed_blog: FeedsBlog) -> None:
    feed_blog.store_all([kept_here(1), post(2, "MEK")])
    client = open_client(feed_blog)
    here = address(feed_blog, 1)
    page = client.get("/labels/mek").text
    assert tree(page).xpath("//h3/a/@href") == ["https://blog.example/2", f"..{here}"]
    own = tree(client.get(here).text)
    assert own.xpath("//link[@rel='canonical']/@href") == [f"https://blog.example{here}"]
    assert structured(page)["hasPart"][1]["url"] == f"https://blog.example{here}"


@pytest.mark.parametrize("state", [PostState.DELETED, PostState.DRAFT])
def test_a_post_that_readers_had_is_gone(feed_blog: FeedsBlog, state: PostState) -> None:
    feed_blog.store(1, "MEK")
    client = open_client(feed_blog)
    assert client.get(address(feed_blog, 1)).status_code == 200
    feed_blog.store(1, "MEK", state=state)
    answer = client.get(address(feed_blog, 1))
    assert answer.status_code == 410
    assert "Post 1" not in answer.text
    feed_blog.store(1, "MEK")
    assert client.get(address(feed_blog, 1)).status_code == 200


def test_a_post_that_readers_never_had_is_not_found(feed_blog: FeedsBlog) -> None:
    with feed_blog.database.write() as connection:
        add_feed(
            connection, slug="inner", rule=parse("Inner"), now=feed_blog.now, title="Ours", is_private=True
        )
    feed_blog.store(1, "MEK", state=PostState.DRAFT)
    feed_blog.store(2, "Inner")
    feed_blog.store(3000, "MEK")
    client = open_client(feed_blog)
    for number in (1, 2, 3000):
        answer = client.get(address(feed_blog, number))
        assert answer.status_code == 404
        assert f"Post {number}" not in answer.text


@pytest.mark.parametrize("number", ["0", "x", "-1", "01", "1.5", "9" * 18, "9" * 40, "٣", "%00"])
def test_a_number_that_no_post_has_is_not_found(feed_blog: FeedsBlog, number: str) -> None:
    assert open_client(feed_blog).get(f"/posts/{number}").status_code == 404


def test_a_page_tells_of_each_post_as_schema_org_has_it(sqlite_feed_blog: FeedsBlog) -> None:
    told = replace(post(1, "MEK", "Iran"), picture="https://blog.example/a.png", language="fa")
    sqlite_feed_blog.store_all([told, post(2, "MEK")])
    client = open_client(sqlite_feed_blog)
    page = structured(client.get("/labels/mek").text)
    assert (page["@context"], page["@type"]) == ("https://schema.org", "CollectionPage")
    assert page["isPartOf"]["@type"] == "Blog"
    newest, posting = page["hasPart"]
    assert newest["headline"] == "Post 2"
    assert posting == {
        "@type": "BlogPosting",
        "headline": "Post 1",
        "url": "https://blog.example/1",
        "mainEntityOfPage": "https://blog.example/1",
        "identifier": "tag:blog.example,2026:1",
        "datePublished": "2023-04-08T12:00:00+00:00",
        "dateModified": "2023-04-08T12:00:00+00:00",
        "author": [{"@type": "Person", "name": "Ann", "url": "https://blog.example/authors/ann"}],
        "keywords": ["Iran", "MEK"],
        "image": "https://blog.example/a.png",
        "inLanguage": "fa",
    }
    whole = structured(client.get("/labels/all").text)
    assert (whole["@type"], len(whole["blogPost"])) == ("Blog", 2)


def test_whatever_stands_in_a_post_stays_data(sqlite_feed_blog: FeedsBlog) -> None:
    hostile = replace(
        kept_here(1, title=f"T {HOSTILE}", authors=(f"A {HOSTILE}",)), labels=(f"L {HOSTILE}", "MEK")
    )
    sqlite_feed_blog.store_all([hostile])
    client = open_client(sqlite_feed_blog)
    front = tree(client.get("/").text)
    (label,) = (href for href in front.xpath("//a[@class='name']/@href") if "mek" not in href)
    for place in ("/labels/mek", "/labels/all", label.removeprefix("."), address(sqlite_feed_blog, 1)):
        page = client.get(place).text
        facts = structured(page)
        posting = facts.get("hasPart") or facts.get("blogPost") or [facts]
        # Markup is taken out of titles when they are stored; what is left of it stays what it is.
        assert "</script><!--" in posting[0]["headline"]
        assert "</script>" in posting[0]["author"][0]["name"]
        assert any("</script>" in word for word in posting[0]["keywords"])
        assert page.count("<script") == 1
        assert "\u2028" not in page.partition("<script")[2].partition("</script>")[0]


def test_a_search_for_markup_is_shown_as_text(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.store(1, "MEK")
    page = open_client(sqlite_feed_blog).get("/search", params={"q": HOSTILE}).text
    structured(page)
    assert tree(page).xpath("//input/@value")[0].startswith("</script><script>")
