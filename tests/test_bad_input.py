"""Bad sources and bad posts: one line says what is wrong, the exit code is right, the database as it was."""

from pathlib import Path
from typing import Any

import pytest

from database import Database
from tests.badly import GOOD, NEW, SPY, lines, one_line, unchanged
from tests.conftest import Command

ATOM = '<feed xmlns="http://www.w3.org/2005/Atom">\n{}</feed>\n'
ENTRY = "<entry><id>tag:blog.example,2024:{0}</id><title>{0}</title></entry>\n"
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "{}"><!ENTITY c "{}">]>\n'.format("&a;" * 99, "&b;" * 99)
MANY = [NEW | {"id": f"tag:blog.example,2024:{number}"} for number in range(1200)]

SOURCES = {
    "no such format": ("diary.txt", "Dear diary,\n", "diary.txt: is none of the formats that are known"),
    "nothing": ("nothing.xml", "", "nothing.xml: is empty"),
    "an archive": ("posts.zip", "PK\x03\x04…", "posts.zip: is a zip archive: unpack it first"),
    "JSON Lines cut off": (
        "cut.jsonl",
        lines(*MANY) + '{"id": "tag:blog',
        "cut.jsonl:1201: is cut off: its last line ends in the middle",
    ),
    "a feed cut off": (
        "cut.atom",
        ATOM.format(ENTRY.format("one") + ENTRY.format("two"))[:-30],
        "cut.atom:3: is cut off: the feed does not end",
    ),
    "an export cut off": (
        "cut.xml",
        ATOM.format(
            "<entry><id>tag:blogger.com,1999:blog-1.post-1</id><category term="
            "'http://schemas.google.com/blogger/2008/kind#post' "
            "scheme='http://schemas.google.com/g/2005#kind'/></entry>\n<entry>"
        ).removesuffix("</feed>\n"),
        "cut.xml:3: ",
    ),
    "a file to be read by an entity": (
        "spy.xml",
        SPY,
        "spy.xml:2: declares a document type of its own, which could hide an attack: it is not read",
    ),
    "a billion laughs": (
        "laughs.xml",
        LAUGHS + ATOM.format("<entry><id>a:1</id><title>&c;</title></entry>"),
        "laughs.xml:1: declares a document type of its own, which could hide an attack: it is not read",
    ),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_that_cannot_be_read(
    command: Command, standing: Database, tmp_path: Path, kind: str
) -> None:
    name, content, said = SOURCES[kind]
    (tmp_path / name).write_text(content, encoding="utf-8")
    with unchanged(standing):
        assert one_line(command("import", name), 1).startswith(said)


@pytest.mark.parametrize("source", ["nowhere.xml", "http://127.0.0.1:1/feed", "ftp://blog.example/feed"])
def test_a_source_that_is_not_there(command: Command, standing: Database, source: str) -> None:
    with unchanged(standing):
        assert one_line(command("import", source), 1).startswith(f"{source}: ")


def test_a_folder_with_one_hostile_file_is_not_read_by_half(
    command: Command, standing: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "a.jsonl").write_text(lines(NEW), encoding="utf-8")
    (folder / "b.xml").write_text(SPY, encoding="utf-8")
    with unchanged(standing):
        assert "b.xml:2: declares a document type" in one_line(command("import", "exports"), 1)


SKIPPED: dict[str, tuple[dict[str, Any] | str, str]] = {
    "a date that is none": (
        {"id": "tag:blog.example,2024:bad", "published": "next Tuesday"},
        "skipped tag:blog.example,2024:bad (line 2): published: 'next Tuesday' is no ISO 8601 date",
    ),
    "a day that no calendar has": (
        {"id": "tag:blog.example,2024:bad", "published": "2024-02-30"},
        "skipped tag:blog.example,2024:bad (line 2): published: '2024-02-30' is no ISO 8601 date",
    ),
    "no id and no link": ({"title": "Lost"}, "skipped Lost (line 2): it has no id and no link"),
    "a link that is none, and no id": (
        {"url": "javascript:alert(1)"},
        "skipped javascript:alert(1) (line 2): its url is no http or https address, and it has no id",
    ),
    "no post at all": (
        "broken",
        "skipped a post without an id (line 2): the line is no JSON: Expecting value at character 1",
    ),
    "half a character in the id": (
        '{"id": "\\ud800 x", "published": "\\ud800"}',
        "skipped x (line 2): published: '' is no ISO 8601 date",
    ),
}


@pytest.mark.parametrize("kind", SKIPPED)
def test_one_bad_post_among_good_ones_is_listed_and_the_rest_stored(
    command: Command, standing: Database, tmp_path: Path, kind: str
) -> None:
    bad, said = SKIPPED[kind]
    (tmp_path / "mixed.jsonl").write_text(lines(GOOD, bad, NEW), encoding="utf-8")
    finished = command("import", "mixed.jsonl")
    assert (finished.code, finished.err) == (0, "")
    assert finished.text.splitlines() == ["1 new, 0 updated, 1 unchanged, 1 skipped", said]
    assert [one["title"] for one in command("posts", "--json").json] == ["New", "Good"]
    with unchanged(standing):
        (skipped,) = command("import", "mixed.jsonl", "--json").json["skipped"]
    assert (skipped["where"], f": {skipped['reason']}" in said) == ("line 2", True)


def test_in_a_feed_too(command: Command, standing: Database, tmp_path: Path) -> None:
    dated = ENTRY.replace("<title>", "<published>{1}</published><title>")
    bad = dated.format("undated", "someday") + "<entry><title>Lost</title></entry>\n"
    (tmp_path / "mixed.atom").write_text(
        ATOM.format(bad + dated.format("fine", "2024-05-01T10:00:00Z")), encoding="utf-8"
    )
    report = command("import", "mixed.atom", "--json").json
    assert report["new"] + len(report["skipped"]) == 3
    assert "Lost" in [one["id"] for one in report["skipped"]]
    assert command("posts", "--json").json[0]["id"] == "tag:blog.example,2024:fine"


# What a post says, what is stored of it, and the note of what was done.
CLEANED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "control characters": (
        {"title": "Be\x07ll", "html": "<p>a\x00b</p>"},
        {"title": "Bell", "html": "<p>ab</p>"},
        "removed 1 character that XML cannot hold from the title",
    ),
    "half a character": ({"title": "a\ud800b"}, {"title": "ab"}, "removed 1 character that XML cannot hold"),
    "mojibake": ({"title": "cafÃ© rÃ©sumÃ©"}, {"title": "café résumé"}, "mended mojibake in the title"),
    "no title": ({"title": None}, {"title": "Words"}, "no title: taken from the text"),
    "neither title nor text": (
        {"title": None, "html": ""},
        {"title": "2024-05-01"},
        "neither title nor text: its date is the title",
    ),
    "no date": (
        {"published": None},
        {"published": "2024-06-01T00:00:00Z"},
        "no date: taken for published when it was first stored",
    ),
    "a date without a timezone": (
        {"published": "2024-05-01T10:00:00"},
        {"published": "2024-05-01T10:00:00Z"},
        "a date without a timezone was taken as UTC",
    ),
    "relative links": (
        {"html": '<a href="../up.html">a</a>'},
        {"html": '<a href="https://blog.example/up.html">a</a>'},
        "made 1 link absolute",
    ),
    "script": ({"html": "a<script>alert(1)</script>"}, {"html": "a"}, "removed 1 script"),
    "a handler": ({"html": '<p onclick="x()">a</p>'}, {"html": "<p>a</p>"}, "removed 1 event handler"),
    "a link that acts": (
        {"html": '<p><a href="javascript:x()">a</a></p>'},
        {"html": "<p><a>a</a></p>"},
        "removed 1 javascript: link",
    ),
    "line breaks in the title": (
        {"title": "New\r\nBcc: victim@example.net"},
        {"title": "New Bcc: victim@example.net"},
        "",
    ),
    "a huge title": ({"title": "word " * 1000}, {}, "cut the title from 4999 to 1000 characters"),
    "a huge post": ({"html": f"<p>{'word ' * 500_000}</p>"}, {}, "cut the text from 2500007 to "),
    "a crowd of labels": ({"labels": [f"l{n}" for n in range(300)]}, {}, "kept 200 of 300 labels"),
}


@pytest.mark.parametrize("kind", CLEANED)
def test_what_is_cleaned_capped_or_given_a_fallback_is_noted(
    command: Command, standing: Database, tmp_path: Path, kind: str
) -> None:
    said, stored, noted = CLEANED[kind]
    (tmp_path / "odd.jsonl").write_text(lines(NEW | said), encoding="utf-8")
    finished = command("import", "odd.jsonl", "--now", "2024-06-01T00:00Z")
    assert finished.text == "1 new, 0 updated, 0 unchanged, 0 skipped\n"
    assert finished.err.startswith("something was cleaned or mended in 1 of them" if noted else "")
    (shown,) = (one for one in command("posts", "--json").json if one["id"] == NEW["id"])
    assert shown | stored == shown
    assert any(note.startswith(noted) for note in shown["notes"]) if noted else shown["notes"] == []
    assert len(shown["html"]) <= 2_000_000
    with unchanged(standing):
        again = command("import", "odd.jsonl", "--json").json
    assert again == {"new": 0, "updated": 0, "unchanged": 1, "skipped": []}
