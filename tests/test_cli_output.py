"""What a command says, and where: tables, JSON, and a progress bar only where somebody can see it."""

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labelcast.cli.output import answer_json, answer_table, instant
from tests.conftest import ROOT

COUNTING = (
    "from labelcast.cli import output\n"
    "output.PATIENCE_SECONDS = {patience}\n"
    "with output.progress('posts') as advance:\n"
    "    for done in range(3):\n"
    "        advance(done, 3)\n"
)
TABLE = (
    "from labelcast.cli.output import answer_table\n"
    "answer_table(('name', 'posts'), [('C++', 3), ('園芸', 2)])\n"
)


def _python(source: str, *, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE) -> bytes:
    path = {"PYTHONPATH": str(ROOT)} if (ROOT / "labelcast").is_dir() else {}
    env = os.environ | path | {"COLUMNS": "80", "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-c", source], env=env, stdout=stdout, stderr=stderr, timeout=60, check=True
    )
    return (done.stdout or b"") + (done.stderr or b"")


def _on_a_terminal(source: str, stream: str) -> bytes:
    ours, theirs = pty.openpty()
    try:
        if stream == "stdout":
            _python(source, stdout=theirs)
        else:
            _python(source, stderr=theirs)
        os.set_blocking(ours, False)
        try:
            return os.read(ours, 1 << 16)
        except BlockingIOError:
            return b""
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_long_task_shows_a_bar_on_a_terminal() -> None:
    assert b"posts" in _on_a_terminal(COUNTING.format(patience=-1), "stderr")


def test_a_short_task_shows_none() -> None:
    assert _on_a_terminal(COUNTING.format(patience=3600), "stderr") == b""


def test_no_bar_where_there_is_no_terminal() -> None:
    assert _python(COUNTING.format(patience=-1)) == b""


def test_a_table_has_headings_on_a_terminal_only() -> None:
    assert b"name" in _on_a_terminal(TABLE, "stdout")
    assert _python(TABLE).decode() == "C++\t3\n園芸\t2\n"


def test_cells_never_break_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    answer_table(("a", "b", "c"), [("one\ntwo\tthree", None, ("x", "y"))])
    assert capsys.readouterr().out == "one two three\t\tx, y\n"


def test_json_keeps_letters_and_writes_instants_in_utc(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    answer_json(
        {"name": "園芸", "at": datetime(2026, 11, 23, 14, tzinfo=UTC), "labels": ("a",), "path": None}
    )
    out = capfdbinary.readouterr().out.decode()
    assert '"園芸"' in out
    assert '"2026-11-23T14:00:00Z"' in out


def test_what_has_no_form_in_json_is_a_fault() -> None:
    with pytest.raises(TypeError, match="PosixPath"):
        answer_json(Path("x"))


def test_no_instant_stays_none() -> None:
    assert instant(None) is None
