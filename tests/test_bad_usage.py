"""What is typed or set and cannot be: one line, the right exit code, the database as it was."""

import re
import shlex
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from database import Database
from tests.badly import NEW, SPY, lines, one_line, unchanged
from tests.conftest import Command

UNPARSED = {
    "a and (b": "rule 'a and (b', at its end: the bracket of character 7 is not closed",
    "a b": "rule 'a b', at character 3 ('b'): put \"and\" or \"or\" before it",
    '"a': "rule '\"a', at character 1 ('\"a'): the quote is not closed",
    "": "rule '', at its end: a label's name is missing here",
    "not not": "rule 'not not', at its end: a label's name is missing here",
    "(" * 5000: "rule '((((",
}
TAKES_A_RULE = [["posts", "--label"], ["feeds", "add", "x", "--rule"], ["digests", "add", "x", "--rule"]]


@pytest.mark.parametrize("command_line", TAKES_A_RULE, ids=" ".join)
def test_a_rule_that_does_not_parse(command: Command, standing: Database, command_line: list[str]) -> None:
    with unchanged(standing):
        for rule, said in UNPARSED.items():
            assert one_line(command(*command_line, rule), 2).startswith(said)


def test_a_rule_in_a_file_that_does_not_parse(command: Command, standing: Database, tmp_path: Path) -> None:
    good = '[feeds.fine]\nrule = "Bees"\n'
    with unchanged(standing):
        for table in ("feeds", "digests"):
            (tmp_path / "c.toml").write_text(f'{good}[{table}.x]\nrule = "a and ("\n', encoding="utf-8")
            said = one_line(command("config", "apply", "c.toml"), 2)
            assert said == (
                f"c.toml: [{table}.x]: rule 'a and (', at its end: a label's name is missing here"
            )


@pytest.mark.parametrize(
    ("arguments", "done"),
    [
        (["posts", "--label", "bee"], ""),
        (["feeds", "add", "x", "--rule", "bee"], "feed x: added"),
        (["digests", "add", "x", "--rule", "all and not bee"], "digest x: added"),
        (
            ["subscribers", "add", "bo@example.org", "--digest", "weekly", "--label", "bee"],
            "bo@example.org: subscribed",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_label_that_no_post_has_yet_is_taken_with_a_warning(
    command: Command, standing: Database, arguments: list[str], done: str
) -> None:
    finished = command(*arguments)
    assert finished.code == 0
    warning, *rest = finished.err.splitlines()
    assert warning == "labelcast: warning: no post has the label 'bee' yet; the nearest: Bees"
    assert "".join(rest).startswith(done)


def test_the_post_may_come_tomorrow(command: Command, standing: Database, tmp_path: Path) -> None:
    assert command("feeds", "add", "x", "--rule", "honey").code == 0
    (tmp_path / "tomorrow.jsonl").write_text(lines(NEW | {"labels": ["Honey"]}), encoding="utf-8")
    assert command("import", "tomorrow.jsonl").code == 0
    assert b"<title>New</title>" in command("feeds", "show", "x").out
    assert "Honey" in [label["name"] for label in command("labels", "--json").json]


ADDRESSES = {
    "nobody": "An email address must have an @-sign.",
    "": "An email address must have an @-sign.",
    "ada@example.org\r\nBcc: victim@example.net": "it holds a line break or control character",
    "ada@example.org\n": "it holds a line break or control character",
    "ada@localhost": "The part after the @-sign is not valid.",
    "ada@example.org, bo@example.org": "",
    "Ada <ada@example.org>": "",
    "a\udcff@example.org": "",
    "a" * 65 + "@example.org": "",
}


def test_an_address_that_is_none(command: Command, standing: Database) -> None:
    with unchanged(standing):
        for address, said in ADDRESSES.items():
            line = one_line(command("subscribers", "add", address, "--digest", "weekly"), 2)
            assert "is no email address" in line
            assert said in line
            assert "is no email address" in one_line(command("subscribers", "erase", address), 2)


def test_addresses_in_a_list_that_are_none_are_skipped_and_listed(
    command: Command, standing: Database, tmp_path: Path
) -> None:
    bad = [address for address in ADDRESSES if address.isascii() and address.strip() == address != ""]
    rows = "".join(f'"{address}"\n' for address in bad)
    (tmp_path / "readers.csv").write_text(f"email\n{rows}", encoding="utf-8", newline="")
    with unchanged(standing):
        summary, *skipped = command(
            "subscribers", "import", "readers.csv", "--digest", "weekly"
        ).text.splitlines()
    assert summary == f"0 subscribed, 0 already, 0 suppressed, {len(bad)} skipped"
    assert len(skipped) == len(bad)
    assert skipped[0] == "skipped line 2: 'nobody' is no email address: An email address must have an @-sign."


BCC = "x\r\nBcc: victim@example.net"
SETTINGS = ["SITE_TITLE", "SITE_URL", "AUTHOR", "LANGUAGE", "MAIL__FROM", "MAIL__REPLY_TO", "MAIL__TRANSPORT"]


@pytest.mark.parametrize("key", SETTINGS)
def test_a_line_break_in_a_setting_that_goes_into_a_header(
    command: Command, standing: Database, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    starts = {"SITE_URL": "https://x", "MAIL__FROM": "A <a@example.org>", "MAIL__REPLY_TO": "a@example.org"}
    start = starts.get(key, "smtp://host" if key == "MAIL__TRANSPORT" else "en")
    with unchanged(standing):
        monkeypatch.setenv(f"LABELCAST_{key}", start)
        assert command("labels").code == 0
        for ending in ("\r\n", "\n", "\r"):
            monkeypatch.setenv(f"LABELCAST_{key}", f"{start}{ending}Bcc: victim@example.net")
            assert one_line(command("labels"), 2).startswith(f"environment: LABELCAST_{key}: ")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["digests", "add", "x", "--rule", "all", "--title", BCC], 1),
        (["digests", "add", "x", "--rule", "all", "--language", f"en{BCC}"], 1),
        (["digests", "add", "x", "--rule", "all", "--timezone", f"UTC{BCC}"], 2),
        (["digests", "add", "x", "--rule", "all", "--at", f"mon 08:00{BCC}"], 2),
        (["digests", "add", BCC, "--rule", "all"], 1),
        (["feeds", "add", "x", "--rule", "all", "--title", BCC], 1),
        (["feeds", "add", "x", "--rule", "all", "--subtitle", BCC], 1),
        (["feeds", "add", BCC, "--rule", "all"], 1),
        (["subscribers", "add", "bo@example.org", "--digest", "weekly", "--timezone", f"UTC{BCC}"], 2),
    ],
    ids=lambda value: " ".join(value).replace(BCC, "") if isinstance(value, list) else "",
)
def test_a_line_break_in_what_goes_into_a_header(
    command: Command, standing: Database, arguments: list[str], code: int
) -> None:
    with unchanged(standing):
        assert "\\r\\nBcc:" in one_line(command(*arguments), code)


def test_a_line_break_in_a_title_in_a_file(command: Command, standing: Database, tmp_path: Path) -> None:
    text = '[{0}.x]\nrule = "all"\ntitle = "x\\r\\nBcc: victim@example.net"\n'
    with unchanged(standing):
        for kind in ("feeds", "digests"):
            (tmp_path / "c.toml").write_text(text.format(kind), encoding="utf-8")
            line = one_line(command("config", "apply", "c.toml"), 2)
            assert line.startswith(f"c.toml: [{kind}.x]: ")
            assert line.endswith("holds a line break or another control character")


def test_a_post_adds_no_header_to_the_mail_it_is_in(
    command: Command, standing: Database, tmp_path: Path
) -> None:
    forged = NEW | {"title": BCC, "labels": [BCC], "author": BCC, "html": "<p>a</p>"}
    (tmp_path / "forged.jsonl").write_text(lines(forged), encoding="utf-8")
    plain = command("digests", "preview", "weekly", "--subscriber", "ada@example.org", "--format", "eml").out
    assert command("import", "forged.jsonl").code == 0
    mail = command("digests", "preview", "weekly", "--subscriber", "ada@example.org", "--format", "eml").out
    message = message_from_bytes(mail, policy=default)
    assert message.keys() == message_from_bytes(plain, policy=default).keys()
    assert "Bcc" not in message
    assert "x Bcc: victim@example.net" in message["Subject"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tick", "--now", "tomorrow"], "--now: 'tomorrow' is no date"),
        (["tick", "--now", "9999-12-31"], "--now: '9999-12-31' is not in the years 1970 to 9000"),
        (["digests", "preview", "weekly", "--at", "0001-01-01"], "--at: '0001-01-01' is not in the years"),
        (["posts", "--limit", str(10**30)], "Invalid value for '--limit'"),
        (["deliveries", "list", "--edition", str(10**30)], "Invalid value for '--edition'"),
        (["feeds", "add", "x", "--rule", "all", "--entries", str(10**30)], "Invalid value for '--entries'"),
        (["feeds", "add", "x", "--rule", "all", "--title", "a\udcff"], "'\\udcff' is no text in UTF-8"),
        (["subscribers", "add", "bo@example.org", "--digest", "a\udcff"], "'\\udcff' is no text in UTF-8"),
    ],
    ids=lambda value: value[-2] if isinstance(value, list) else "",
)
def test_a_value_beyond_all_bounds(
    command: Command, standing: Database, arguments: list[str], said: str
) -> None:
    with unchanged(standing):
        assert one_line(command(*arguments), 2).startswith(said)


EXAMPLES = {
    "diary.txt": "Dear diary,\n",
    "cut.jsonl": lines(NEW) + '{"id": "tag:blog',
    "spy.xml": SPY,
    "mixed.jsonl": lines(
        NEW, {"id": "tag:blog.example,2024:bad", "published": "next Tuesday"}, {"title": "Lost"}
    ),
    "odd.jsonl": lines(NEW | {"title": None, "html": "<p>Words<script>x()</script></p>"}),
}


def test_what_the_documentation_shows_is_what_is_said(
    command: Command,
    standing: Database,
    tmp_path: Path,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, content in EXAMPLES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    page = (checkout / "docs" / "bad-input.md").read_text(encoding="utf-8")
    shown = re.findall(r"```console\n\$ ([^\n]+)\n(.*?)```", page, flags=re.DOTALL)
    assert len(shown) >= 8
    for typed, said in shown:
        words = shlex.split(typed)
        with monkeypatch.context() as environment:
            while "=" in words[0]:
                key, _, value = words.pop(0).partition("=")
                environment.setenv(key, value.encode().decode("unicode_escape"))
            finished = command(*words[1:])
        assert finished.text + finished.err == said, typed
