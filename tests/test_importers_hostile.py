"""What was made to harm: refused in one line, quickly, in little memory; and much that is only large."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from posts.importers import FORMATS, ImporterError, find_importer, open_source
from posts.model import SourcePost
from tests.examples import often
from tests.importing import SAMPLES, posts, read, written

BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{levels}]>'.format(
    levels="".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True))
)
ROOTS = {
    "atom": '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>a:1</id><title>{body}</title></entry></feed>',
    "rss": '<rss version="2.0"><channel><item><guid>a:1</guid><title>{body}</title></item></channel></rss>',
    "blogger": '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>tag:blogger.com,1999:blog-1.post-1</id>'
    '<category scheme="http://schemas.google.com/g/2005#kind" '
    'term="http://schemas.google.com/blogger/2008/kind#post"/><title>{body}</title></entry></feed>',
}
ATTACKS = {
    "laughs": (BOMB, "&j;"),
    "laughs in an attribute": (BOMB, '<a b="&j;"/>'),
    "quadratic": (f'<!DOCTYPE x [<!ENTITY a "{"a" * 5_000}">]>', "&a;" * 50_000),
    "cyclic": ('<!DOCTYPE x [<!ENTITY a "&b;"><!ENTITY b "&a;">]>', "&a;"),
    "file": ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>', "&a;"),
    "net": ('<!DOCTYPE x [<!ENTITY a SYSTEM "http://127.0.0.1:1/">]>', "&a;"),
    "parameter": ('<!DOCTYPE x [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>', ""),
    "defaults": ('<!DOCTYPE x [<!ATTLIST entry b CDATA "c">]>', ""),
    "bare entity": ('<!ENTITY a "b">', "&a;"),
    "lower case": ('<!doctype x [<!entity a "b">]>', "&a;"),
}


def refusals(path: Path, form: str) -> Iterator[str]:
    """What is said of a source that must be refused."""
    with pytest.raises(ImporterError) as refused:
        read(path, form=form)
    assert "\n" not in str(refused.value)
    yield str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32-le"])
@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_xml_that_declares_anything_is_refused_before_it_is_parsed(
    tmp_path: Path, attack: str, root: str, encoding: str
) -> None:
    prolog, body = ATTACKS[attack]
    text = f"<?xml version='1.0' encoding='{encoding}'?>\n{prolog}\n" + ROOTS[root].format(body=body)
    form = "blogger" if root == "blogger" else "feed"
    (reason,) = refusals(written(tmp_path, "a.xml", text.encode(encoding)), form)
    assert reason.endswith(
        "a.xml:2: declares a document type of its own, which could hide an attack: it is not read"
    )


@pytest.mark.parametrize("encoding", ["utf-7", "unicode_escape", "rot13", "base64", "punycode", "no-such"])
def test_an_encoding_that_could_hide_markup_is_not_believed(tmp_path: Path, encoding: str) -> None:
    hidden = "+ADwAIQ-DOCTYPE x [\\x3c!ENTITY a 'b'>]>"
    text = f"<?xml version='1.0' encoding='{encoding}'?>" + ROOTS["atom"].format(body=f"{hidden} x")
    (post,) = posts(written(tmp_path, "a.xml", text))
    assert post.title == "+ADwAIQ-DOCTYPE x [\\x3c!ENTITY a 'b'>]> x"


def test_a_document_type_that_only_points_elsewhere_is_passed_over(tmp_path: Path) -> None:
    doctype = '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://127.0.0.1:1/rss-0.91.dtd">'
    (post,) = posts(written(tmp_path, "a.xml", doctype + ROOTS["rss"].format(body="Title")))
    assert (post.title, post.notes) == ("Title", ())


@pytest.mark.parametrize("form", ["auto", "feed", "blogger"])
def test_every_attack_of_others_is_refused(shared_data: Path, form: str) -> None:
    files = sorted((shared_data / "xml-attacks" / "xmltestdata").iterdir())
    assert len(files) >= 10
    for file in files:
        assert list(refusals(file, form))


@pytest.mark.parametrize(
    "body",
    ["<b/>" * 250_000, "<a " + 'x="y" ' * 400_000 + "/>"],
    ids=["many tags", "many attributes"],
)
@pytest.mark.parametrize("root", ROOTS)
def test_xml_built_to_fill_the_memory_is_refused(tmp_path: Path, root: str, body: str) -> None:
    path = written(tmp_path, "a.xml", ROOTS[root].format(body=body))
    assert list(refusals(path, "blogger" if root == "blogger" else "feed"))


def test_a_feed_nested_without_end_is_mended_and_an_export_refused(tmp_path: Path) -> None:
    deep = "<a>" * 3000
    (post,) = posts(written(tmp_path, "a.xml", ROOTS["atom"].format(body=deep)))
    assert post.uri == "a:1"
    export = written(tmp_path, "b.xml", ROOTS["blogger"].format(body=deep))
    assert "Excessive depth" in "".join(refusals(export, "auto"))


@pytest.mark.parametrize(
    "export", ["wordpress-exports/small-export.xml", "wordpress-exports/theme-unit-test-data.xml"]
)
@pytest.mark.parametrize("form", ["auto", *FORMATS])
def test_a_wordpress_export_is_read_by_none(shared_data: Path, export: str, form: str) -> None:
    (reason,) = refusals(shared_data / export, form)
    if form == "auto":
        assert "is a WordPress export, which no importer here reads: turn it into JSON Lines" in reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"Dear diary,\n", "is none of the formats that are known"),
        (b"PK\x03\x04....", "is a zip archive: unpack it first"),
        (b"\x1f\x8b\x08....", "is a gzip archive: unpack it first"),
        (b"\x00" * 100, "is none of the formats"),
        (b"<html><body>Hello</body></html>", "is none of the formats"),
        (b"<?xml version='1.0'?><root/>", "is none of the formats"),
        (b"///DOTCLEAR|2.25.3|single\n", "is none of the formats"),
    ],
)
def test_what_nobody_knows_is_refused_with_advice(tmp_path: Path, data: bytes, reason: str) -> None:
    (said,) = refusals(written(tmp_path, "thing", data), "auto")
    assert reason in said


def test_a_format_that_is_none_names_those_that_are(tmp_path: Path) -> None:
    (said,) = refusals(written(tmp_path, "a", "x"), "ghost")
    assert (
        said == "ghost: is no format that can be imported; these are: auto, blogger, label-page, feed, jsonl"
    )


@pytest.mark.parametrize("spec", ["no/such/file", "a\x00b", "x" * 5000])
def test_a_source_that_is_not_there_is_told(spec: str) -> None:
    with pytest.raises(ImporterError, match="cannot be read") as refused:
        open_source(spec)
    assert "\n" not in str(refused.value)


def test_a_file_whose_name_holds_line_ends_is_told_in_one_line(tmp_path: Path) -> None:
    (said,) = refusals(written(tmp_path, "two\nlines\x1b[31m", "x"), "auto")
    assert "two lines [31m" in said


def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    for name in ("label-page.txt", "takeout-feed.atom"):
        written(tmp_path, name, (SAMPLES / name).read_bytes())
    written(tmp_path, "readme.txt", "Hello")
    written(tmp_path, "picture.png", b"\x89PNG")
    written(tmp_path, ".hidden.txt", "Hello")
    inner = tmp_path / "inner"
    inner.mkdir()
    written(inner, "posts.jsonl", '{"id": "a:1"}\n')
    (tmp_path / "outside.txt").symlink_to(SAMPLES / "label-page.txt")
    found = read(tmp_path)
    assert sum(isinstance(item, SourcePost) for item in found) == 4 + 3 + 1
    (unread,) = [item for item in found if "no importer reads" in getattr(item, "reason", "")]
    assert unread.where == str(tmp_path / "readme.txt")
    assert f"{inner / 'posts.jsonl'}, line 1" in {item.where for item in found}


def test_a_folder_with_nothing_to_read_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "picture.png", b"\x89PNG")
    assert "holds no file that an importer reads" in "".join(refusals(tmp_path, "auto"))


def test_standard_input_and_pipes_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "posts.jsonl", '{"id": "a:1"}\n')
    with path.open("rb") as stdin, open_source("-", stdin=stdin) as source:
        spool = source.path
        assert [item.where for item in find_importer("auto", source).read(source)] == ["line 1"]
    assert not spool.exists()


PIECES = """<feed> <rss> <channel> <item> <entry> </entry> </item> </rss> </feed>
<id> <link <!-- --> <![CDATA[
]]> <?xml ?> <!DOCTYPE [ &amp; &#1; &x; ' " > { } "id":"a" <div class= "post-body" "post" blogger/2008/kind#
tag:blogger.com,1999:blog-1.post-1"""
LINES = ["Showing posts with label X. Show all posts\n", "\nMay 1, 2020\n", "\n\n", "\ufeff", "\x00", " ..."]
TAGS = st.sampled_from([*PIECES.split(), *LINES])


@given(
    st.lists(TAGS | st.text(max_size=8), max_size=30).map("".join),
    st.sampled_from(["utf-8", "utf-16", "cp1252"]),
)
@example("<rss><item><guid>a</guid></item></rss", "utf-8")
@settings(max_examples=often(125), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_in_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str
) -> None:
    path = written(tmp_path_factory.getbasetemp(), "fuzz", text.encode(encoding, "replace"))
    for form in ("auto", *FORMATS):
        try:
            found = read(path, form=form)
        except ImporterError as error:
            said = [str(error)]
        else:
            said = [getattr(item, "reason", "") for item in found]
        assert not any("\n" in line for line in said)


MEASURE = """
import re, sys
from pathlib import Path
from posts.importers import find_importer, open_source
def peak():
    # Of this very program: getrusage() begins with what the process that started it had.
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
with open_source(sys.argv[1]) as source:
    try:
        count = sum(1 for _ in find_importer(sys.argv[2], source).read(source))
    except ValueError as error:
        count = str(error)
print(count, (peak() - before) // 1024, sep="|")
"""


def measured(path: Path, form: str) -> tuple[str, int]:
    """How many posts a process of its own read, or why none; and by how many MiB its memory grew."""
    said = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), form], check=True, capture_output=True, text=True
    ).stdout
    count, grown = said.strip().split("|")
    return count, int(grown)


BODY = "<p>Some words of a post, and a link &amp; more.</p>\n" * 1200
SIZES = often(600)


def _export(path: Path) -> None:
    entry = ROOTS["blogger"].split("<entry>")[1].split("</feed>")[0]
    with path.open("w", encoding="utf-8") as file:
        file.write('<feed xmlns="http://www.w3.org/2005/Atom">')
        body = f"x</title><content type='html'>{escape(BODY)}</content><title>"
        file.writelines("<entry>" + entry.format(body=body) + "\n" for _ in range(SIZES))
        file.write("</feed>")


def _feed(path: Path) -> None:
    item = f"<item><guid>a:1</guid><description>{escape(BODY)}</description></item>\n"
    with path.open("w", encoding="utf-8") as file:
        file.write('<rss version="2.0"><channel>')
        file.writelines(item for _ in range(SIZES))
        file.write("</channel></rss>")


def _lines(path: Path) -> None:
    line = json.dumps({"id": "a:1", "html": BODY}) + "\n"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(line for _ in range(SIZES))


@pytest.mark.parametrize(("form", "write"), [("blogger", _export), ("feed", _feed), ("jsonl", _lines)])
def test_tens_of_megabytes_are_read_in_little_memory(tmp_path: Path, form: str, write: object) -> None:
    path = tmp_path / "large"
    assert callable(write)
    write(path)
    assert path.stat().st_size > 35 << 20
    count, grown = measured(path, form)
    path.unlink()
    assert count == str(SIZES)
    assert grown < 16


def test_an_attack_takes_no_memory(tmp_path: Path) -> None:
    prolog, body = ATTACKS["quadratic"]
    said, grown = measured(written(tmp_path, "a.xml", prolog + ROOTS["atom"].format(body=body)), "auto")
    assert "declares a document type of its own" in said
    assert grown < 32
