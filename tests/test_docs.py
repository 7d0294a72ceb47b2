"""The documentation tells every setting, command and option there is, and none that is not."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from labelcast.cli.app import app
from labelcast.settings import Settings, known_keys

# On every command, and told once.
EVERYWHERE = {"--help", "-h"}


def _commands(command: Any = None, path: str = "labelcast") -> Iterator[tuple[str, set[str], list[str]]]:
    """Each command: its path, its options, its arguments."""
    command = command or typer.main.get_command(app)
    options = {
        name
        for parameter in command.params
        if parameter.param_type_name == "option"
        for name in parameter.opts
    }
    arguments = [
        str(parameter.metavar or parameter.name)
        for parameter in command.params
        if parameter.param_type_name == "argument"
    ]
    yield path, options - EVERYWHERE, arguments
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _commands(inner, f"{path} {name}")


COMMANDS = {path: (options, arguments) for path, options, arguments in _commands()}


@pytest.fixture(scope="module")
def sections(checkout: Path) -> dict[str, str]:
    """Each command's part of the documentation, by its path; what stands before them is the program's."""
    text = (checkout / "docs" / "commands.md").read_text(encoding="utf-8")
    intro, *parts = re.split(r"^#{2,3} `(labelcast[^`]*)`\n", text, flags=re.MULTILINE)
    headings = dict(zip(parts[::2], parts[1::2], strict=True))
    found = {re.sub(r" [\[A-Z].*", "", heading): body for heading, body in headings.items()}
    assert len(found) == len(headings), "a command is told twice"
    return {"labelcast": intro} | found


def _headings(checkout: Path) -> set[str]:
    text = (checkout / "docs" / "commands.md").read_text(encoding="utf-8")
    return set(re.findall(r"^#{2,3} `(labelcast[^`]*)`$", text, flags=re.MULTILINE))


def test_every_command_is_told_and_none_that_is_not_there(sections: dict[str, str]) -> None:
    assert set(sections) == set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_is_told_and_none_that_is_not_there(sections: dict[str, str], path: str) -> None:
    told = set(re.findall(r"`(--?[a-z][a-z-]*)[ `]", sections[path])) - EVERYWHERE
    options, _ = COMMANDS[path]
    of_the_group = {"--json"} if path == "labelcast" else set()
    assert told - of_the_group == options


def test_no_list_of_commands_cuts_a_line_off() -> None:
    """A command's first sentence fits beside its name, on a terminal of 80 columns."""

    def cut_off(command: Any, path: str) -> Iterator[str]:
        inner = getattr(command, "commands", {})
        for name, one in inner.items():
            if one.get_short_help_str(78 - 6 - max(map(len, inner))).endswith("..."):
                yield f"{path} {name}"
            yield from cut_off(one, f"{path} {name}")

    assert list(cut_off(typer.main.get_command(app), "labelcast")) == []


@pytest.mark.parametrize("path", [path for path, (_, arguments) in COMMANDS.items() if arguments])
def test_a_heading_shows_the_arguments(checkout: Path, path: str) -> None:
    assert " ".join([path, *COMMANDS[path][1]]) in _headings(checkout)


def test_every_setting_is_told_and_none_that_is_not_there(checkout: Path) -> None:
    text = (checkout / "docs" / "settings.md").read_text(encoding="utf-8")
    table, told = "", set()
    for line in text.splitlines():
        if line.startswith("## "):
            named = re.fullmatch(r"## `\[(\w+)\]`", line)
            table = f"{named[1]}." if named else ""
        elif found := re.match(r"\| `(\w+)` \|", line):
            told.add(table + found[1])
    assert told == set(known_keys())


def test_the_defaults_told_are_the_defaults(checkout: Path) -> None:
    text = (checkout / "docs" / "settings.md").read_text(encoding="utf-8")
    defaults = Settings(secret_key=("0123456789abcdef0123",)).model_dump(by_alias=True)
    flat = {key: value for key, value in defaults.items() if not isinstance(value, dict)}
    flat |= {
        f"{t}.{key}": value
        for t, table in defaults.items()
        if isinstance(table, dict)
        for key, value in table.items()
    }
    table = ""
    checked = 0
    for line in text.splitlines():
        if line.startswith("## "):
            named = re.fullmatch(r"## `\[(\w+)\]`", line)
            table = f"{named[1]}." if named else ""
        elif found := re.match(r"\| `(\w+)` \| `([^`]+)` \|", line):
            value = flat[table + found[1]]
            only = value[0] if isinstance(value, tuple) else value
            assert found[2] == (f"{only:g}" if isinstance(only, float) else _as_toml(only)), line
            checked += 1
    assert checked > 10


def _as_toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_links_lead_somewhere(checkout: Path) -> None:
    pages = [*checkout.glob("*.md"), *(checkout / "docs").rglob("*.md")]
    assert {"README.md", "how-to-digests.md", "how-to-mail.md", "how-to-move.md"} <= {
        one.name for one in pages
    }
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith("# "), page
        for target, _, place in (link.partition("#") for link in re.findall(r"\]\(([^) ]+)\)", text)):
            if not re.match("https?:|mailto:", target):
                file = page.parent / target if target else page
                assert file.exists(), (page, target)
                assert not place or place in _places(file), (page, target, place)


def test_every_example_of_settings_is_taken(checkout: Path) -> None:
    known = set(known_keys())
    examples = 0
    for page in (checkout / "docs").rglob("*.md"):
        for example in re.findall(
            r"^ *```toml\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        ):
            tables = tomllib.loads(example)
            keys = {
                f"{top}.{key}" for top, table in tables.items() if isinstance(table, dict) for key in table
            }
            keys |= {key for key, value in tables.items() if not isinstance(value, dict)}
            assert keys <= known, (page.name, keys - known)
            examples += 1
    assert examples > 5


def _places(page: Path) -> set[str]:
    """What a page's headings are called in links, as GitHub and others make it of their words."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_dependency_has_its_reason(checkout: Path) -> None:
    reasons = (checkout / "docs" / "architecture.md").read_text(encoding="utf-8").lower()
    project = (checkout / "pyproject.toml").read_text(encoding="utf-8")
    listed = project.partition("dependencies = [")[2].partition("\n]")[0]
    names = re.findall(r'^    "([a-z0-9-]+)', listed, flags=re.MULTILINE)
    assert len(names) > 10
    assert not [name for name in names if name not in reasons]


def test_documentation_names_the_paths_of_rooms_that_are_there(checkout: Path) -> None:
    text = (checkout / "docs" / "architecture.md").read_text(encoding="utf-8")
    for room in re.findall(r"^\| \d \| `([^`]+)` \|", text, flags=re.MULTILINE):
        assert (checkout / room).exists(), room
