"""The tutorial's commands are run, in their order, as they stand there."""

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Command

# The service does not end, and the web is not for tests; both are run elsewhere.
ELSEWHERE = ("labelcast run", "labelcast import https://")


def test_every_command_of_the_tutorial_does_as_told(
    command: Command, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("demo", "--once", "sample").code == 0
    monkeypatch.chdir(tmp_path / "sample")
    backup = command("feeds", "show", "all").out
    monkeypatch.chdir(tmp_path)

    text = (checkout / "docs" / "tutorial.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    ran = 0
    for line in lines:
        if line.startswith("mkdir news"):
            (tmp_path / "news").mkdir()
            monkeypatch.chdir(tmp_path / "news")
            Path("blog-backup.xml").write_bytes(backup)
        elif not line.startswith(ELSEWHERE):
            program, *arguments = shlex.split(line)
            assert program == "labelcast", line
            finished = command(*arguments)
            assert finished.code == 0, f"{line}: {finished.err}"
            ran += 1
    assert ran >= 10
