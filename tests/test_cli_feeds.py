"""``labelcast feeds``, and feeds as a file, told as a publisher would use them."""

import json
from pathlib import Path
from typing import Any

import feedparser
import pytest
from lxml import etree

from feeds.keys import may_read
from labelcast.settings import load_settings
from labelcast.wiring import Wiring
from tests.conftest import Command


def _post(number: int, *labels: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"tag:blog.example,2024:{number}",
        "url": f"https://blog.example/{number}",
        "title": f"Post {number}",
        "published": f"2024-05-0{number}T10:00:00Z",
        "labels": labels,
        "html": "<p>" + f"Words of post {number}. " * 60 + "</p>",
        **more,
    }


POSTS = [
    _post(1, "Bees", author="Ida", updated="2024-05-20T10:00:00Z"),
    _post(2, "Bees", "C++"),
    _post(3, "Town hall", draft=True),
    _post(4, "Board"),
]
# Of a label that only a draft has nobody hears.
SLUGS = {"all", "bees", "board", "c-plus-plus", "authors/ida"}


@pytest.fixture
def filled(command: Command, blog: Path) -> Path:
    """A blog with three live posts and a draft."""
    (blog / "posts.jsonl").write_text("".join(json.dumps(post) + "\n" for post in POSTS), encoding="utf-8")
    finished = command("import", "posts.jsonl", "--now", "2024-05-24T00:00Z")
    assert finished.code == 0, finished.err
    return blog


def listed(command: Command) -> dict[str, dict[str, Any]]:
    return {feed["slug"]: feed for feed in command("feeds", "--json").json}


def entries(command: Command, *arguments: str) -> list[str]:
    """The titles in a feed as it is shown."""
    finished = command("feeds", "show", *arguments)
    assert finished.code == 0, finished.err
    return [entry.title for entry in feedparser.parse(finished.out).entries]


def refused(command: Command, *arguments: str, code: int = 1) -> str:
    finished = command(*arguments)
    assert finished.code == code, finished.err
    assert finished.err.count("\n") == 1
    assert finished.out == b""
    return finished.err


def test_feeds_can_be_configured_listed_and_removed(command: Command, filled: Path) -> None:
    added = command("feeds", "add", "hives", "--rule", "Bees and not C++", "--title", "Hives")
    assert added.err == "feed hives: added, with the rule Bees and not C++\n"
    feeds = listed(command)
    assert set(feeds) == SLUGS | {"hives"}
    assert feeds["hives"] | {"id": ""} == {
        "slug": "hives",
        "title": "Hives",
        "rule": "Bees and not C++",
        "entries": 25,
        "content": "full",
        "order": "published",
        "language": "en",
        "private": False,
        "id": "",
        "url": "https://blog.example/feeds/hives.atom",
        "readers": 0,
    }
    assert feeds["authors/ida"]["rule"] is None
    assert "hives\tBees and not C++\tHives\t25\t\t0\thttps://blog.example/feeds/hives.atom" in command(
        "feeds", "list"
    ).text.split("\n")
    assert "--replace" in refused(command, "feeds", "add", "hives", "--rule", "all")
    assert command("feeds", "remove", "hives").err == "feed hives: removed\n"
    assert set(listed(command)) == SLUGS
    assert "no such configured feed" in refused(command, "feeds", "remove", "hives")
    assert "the label of that name" in refused(command, "feeds", "add", "bees", "--rule", "all")


def test_all_that_a_feed_can_be_told(command: Command, filled: Path) -> None:
    options = ["--entries", "1", "--content", "summary", "--order", "updated", "--language", "de-AT"]
    assert command("feeds", "add", "hives", "--rule", "Bees", "--subtitle", "Both", *options).code == 0
    before = listed(command)["hives"]
    assert (before["entries"], before["content"], before["order"], before["language"]) == (
        1,
        "summary",
        "updated",
        "de-AT",
    )
    assert entries(command, "hives") == ["Post 1"]
    assert command("feeds", "add", "hives", "--rule", "Bees", "--replace").code == 0
    after = listed(command)["hives"]
    assert (after["entries"], after["content"], after["order"], after["language"]) == (
        25,
        "full",
        "published",
        "en",
    )
    assert after["id"] == before["id"]
    said = refused(command, "feeds", "add", "x", "--rule", "all", "--language", "no tag")
    assert said == "labelcast: feed x: language 'no tag' is no language tag; write one like en or pt-BR\n"
    assert "Invalid value for '--order'" in refused(
        command, "feeds", "add", "x", "--rule", "all", "--order", "title", code=2
    )


def test_a_feed_is_shown_by_any_of_its_names(command: Command, filled: Path) -> None:
    assert entries(command, "all") == ["Post 4", "Post 2", "Post 1"]
    assert entries(command, "Bees") == entries(command, "bees") == ["Post 2", "Post 1"]
    assert entries(command, "C++") == entries(command, "bees+c-plus-plus") == ["Post 2"]
    assert entries(command, "bees+-c-plus-plus") == entries(command, "authors/Ida") == ["Post 1"]
    assert (
        entries(command, "board,c-plus-plus") == entries(command, "C-plus-plus,Board") == ["Post 4", "Post 2"]
    )
    assert entries(command, "--", "-bees") == ["Post 4"]


def test_a_feed_is_shown_in_every_format_and_in_summary(command: Command, filled: Path) -> None:
    atom = command("feeds", "show", "bees").out
    assert etree.fromstring(atom).tag == "{http://www.w3.org/2005/Atom}feed"
    assert etree.fromstring(command("feeds", "show", "bees", "--format", "rss").out).tag == "rss"
    of_json = command("feeds", "show", "bees", "--format", "json").json
    assert [item["title"] for item in of_json["items"]] == ["Post 2", "Post 1"]
    summary = command("feeds", "show", "bees", "--content", "summary").out
    assert len(summary) < len(atom) - 1000
    ids = {feedparser.parse(body).feed.id for body in (atom, summary)}
    assert len(ids) == 2


def test_a_feed_that_is_not_there_is_said_to_be_so(command: Command, filled: Path) -> None:
    said = refused(command, "feeds", "show", "bee+boart")
    assert said == (
        "labelcast: feed bee+boart: there is no such feed and no such label;"
        " the nearest labels: Bees, Board\n"
    )
    assert command("labels", "delete", "Board").code == 0
    assert refused(command, "feeds", "show", "board+bees") == (
        "labelcast: feed board+bees: its label was deleted\n"
    )
    assert "more than 1000 bytes" in refused(command, "feeds", "show", "a+b," * 300, code=2)


def test_feeds_are_built_and_only_anew_what_changed(command: Command, filled: Path) -> None:
    build = ["feeds", "build", "--out", "www", "--format", "atom"]
    assert command("feeds", "add", "hives", "--rule", "Bees").code == 0
    assert command("feeds", "add", "inner", "--rule", "Board", "--private").code == 0
    first = command(*build)
    assert first.code == 0, first.err
    shown = command("feeds", "show", "hives").out
    assert (filled / "www" / "feeds" / "hives.atom").read_bytes() == shown
    assert (filled / "www" / "feeds" / "authors" / "ida.atom").exists()
    assert "www: 0 documents written" in command(*build).err
    assert command("feeds", "remove", "hives").code == 0
    command(*build)
    assert not (filled / "www" / "feeds" / "hives.atom").exists()
    written = [path for path in (filled / "www").rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if "inner" in path.name or b"Post 4" in path.read_bytes()]


def test_a_private_feed_is_read_with_a_key_until_it_is_revoked(command: Command, filled: Path) -> None:
    added = command("feeds", "add", "inner", "--rule", "Board", "--private")
    assert added.err == "private feed inner: added, with the rule Board\n"
    assert listed(command)["inner"]["private"] is True
    assert "inner\tBoard\tA blog: Board\t25\tprivate\t0\t" in command("feeds", "list").text
    assert entries(command, "all") == ["Post 2", "Post 1"]
    assert entries(command, "inner") == ["Post 4"]

    granted = command("feeds", "grant", "inner", "ann@example.org", "--format", "rss")
    address = granted.text.strip()
    assert address.startswith("https://blog.example/feeds/inner.rss?key=")
    assert "it cannot be shown again" in granted.err
    wiring = Wiring(load_settings(filled / "labelcast.toml"))
    with wiring.database.read() as connection:
        assert may_read(connection, "inner", address.partition("key=")[2])
    wiring.close()
    (one,) = command("feeds", "grants", "inner", "--json").json
    assert (one["reader"], one["revoked"]) == ("ann@example.org", None)
    assert command("feeds", "revoke", "inner", "ann@example.org").code == 0
    assert command("feeds", "grants", "inner", "--json").json[0]["revoked"] is not None
    assert command("feeds", "grants", "inner").text.startswith("ann@example.org\t")
    assert "has no key to it" in refused(command, "feeds", "revoke", "inner", "ann@example.org")
    assert "none that is configured so" in refused(command, "feeds", "grant", "bees", "ann@example.org")
    replaced = command("feeds", "add", "inner", "--rule", "Board", "--replace")
    assert replaced.err == "feed inner: changed, with the rule Board; it is public now\n"
    assert entries(command, "all") == ["Post 4", "Post 2", "Post 1"]


def test_feeds_as_a_file_keep_all_that_they_were_told(command: Command, filled: Path) -> None:
    options = ["--content", "summary", "--order", "updated", "--language", "de", "--entries", "5"]
    assert command("feeds", "add", "hives", "--rule", "Bees", *options, "--title", "T").code == 0
    assert command("feeds", "add", "inner", "--rule", "Board", "--private").code == 0
    exported = command("config", "export").text
    assert 'order = "updated"' in exported
    assert "private = true" in exported
    (filled / "config.toml").write_text(exported, encoding="utf-8")
    before = listed(command)
    assert command("config", "apply", "config.toml").err.splitlines() == [
        "feed hives: unchanged",
        "feed inner: unchanged",
    ]
    for slug in ("hives", "inner"):
        assert command("feeds", "remove", slug).code == 0
    assert entries(command, "all") == ["Post 4", "Post 2", "Post 1"]
    assert command("config", "apply", "config.toml").err.count(": added") == 2
    assert listed(command) == before
    assert entries(command, "all") == ["Post 2", "Post 1"]
    (filled / "config.toml").write_text(exported.replace("private = true\n", ""), encoding="utf-8")
    assert "feed inner: changed; it is public now\n" in command("config", "apply", "config.toml").err
    assert entries(command, "all") == ["Post 4", "Post 2", "Post 1"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("private = 1", "private: should be true or false"),
        ("entries = true", "entries: should be a number"),
        ("order = 'title'", "feed x: order is 'title'; it can be published or updated"),
        ("content = 'half'", "feed x: content is 'half'; it can be full or summary"),
        ("language = ''", "feed x: language '' is no language tag"),
        ("ordering = 'updated'", "ordering: unknown key; there are rule, title"),
    ],
)
def test_a_feed_in_a_file_that_cannot_be_is_refused(
    command: Command, blog: Path, line: str, said: str
) -> None:
    (blog / "config.toml").write_text(f'[feeds.x]\nrule = "all"\n{line}\n', encoding="utf-8")
    assert f"config.toml: [feeds.x]: {said}" in refused(command, "config", "apply", "config.toml", code=2)
