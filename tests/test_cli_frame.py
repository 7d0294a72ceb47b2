"""The frame of the commands: exit codes, and one line for every error, never a traceback."""

import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from labelcast import __version__
from labelcast.cli.errors import EXIT_CODES, CommandFailed, UsageProblem, explain
from labelcast.cli.opening import moment
from labelcast.settings import SettingsError
from tests.conftest import ROOT, Command, Finished
from tests.test_house import FLOORS


def one_line(finished: Finished, code: int) -> str:
    """What it said, having checked that it is one line, and nothing on stdout."""
    assert finished.code == code, finished.err
    assert finished.out == b""
    assert finished.err.startswith("labelcast: ")
    assert finished.err.count("\n") == 1
    assert "Traceback" not in finished.err
    return finished.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["feds"], "No such command 'feds'. Did you mean 'feeds'? (see `labelcast --help`)"),
        (["labels", "lst"], "No such command 'lst'. Did you mean 'list'? (see `labelcast labels --help`)"),
        (["posts", "--lable", "x"], "No such option: --lable"),
        (["posts", "--limit", "many"], "Invalid value for '--limit'"),
        (
            ["posts", "--state", "lost"],
            "'lost' is not one of 'live', 'private', 'scheduled', 'draft', 'deleted'",
        ),
        (["feeds", "add", "x"], "Missing option '--rule'"),
        (["feeds", "show", "all", "--format", "pdf"], "Invalid value for '--format'"),
        (["posts", "--label", "a and (b"], "the bracket"),
        (["--config", "elsewhere.toml", "posts"], "elsewhere.toml: no such file"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(
    command: Command, blog: Path, arguments: list[str], said: str
) -> None:
    assert said in one_line(command(*arguments), 2)


def test_a_wrong_setting_is_one_line_and_exit_code_2(command: Command, blog: Path) -> None:
    with (blog / "labelcast.toml").open("a", encoding="utf-8") as file:
        file.write("tick_secnods = 1\n")
    assert "scheduler.tick_secnods: unknown key; the nearest is scheduler.tick_seconds" in one_line(
        command("posts"), 2
    )


def test_without_a_blog_it_says_how_to_begin(command: Command) -> None:
    assert "run `labelcast init`" in one_line(command("posts"), 2)


def test_a_database_without_tables_says_what_to_do(command: Command, blog: Path) -> None:
    (blog / "labelcast.db").unlink()
    assert "run `labelcast init`" in one_line(command("labels"), 1)


def test_a_file_that_is_no_database_is_one_line(command: Command, blog: Path) -> None:
    (blog / "labelcast.db").write_bytes(b"this is no database, and long enough to be looked at" * 100)
    assert "not a database" in one_line(command("labels"), 1)


def test_a_database_that_is_gone_is_one_line(
    command: Command, blog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELCAST_DATABASE_URL", "postgresql+psycopg://nobody:hunter2@127.0.0.1:1/none")
    line = one_line(command("labels"), 1)
    assert "127.0.0.1" in line
    assert "hunter2" not in line


def test_no_command_shows_the_commands_on_stderr(command: Command) -> None:
    finished = command()
    assert finished.code == 2
    assert finished.out == b""
    assert "Commands:" in finished.err


def test_the_version(command: Command) -> None:
    assert command("--version").text == f"labelcast {__version__}\n"


def test_config_names_another_file(command: Command, blog: Path) -> None:
    (blog / "labelcast.toml").rename(blog / "other.toml")
    assert command("--config", "other.toml", "labels", "--json").json == []


def test_traceback_shows_where_an_error_came_from(program: Command) -> None:
    finished = program("--traceback", "posts")
    assert finished.code != 0
    assert "Traceback" in finished.err
    assert "SettingsError" in finished.err


def test_a_listing_gives_one_document_and_nothing_else(program: Command) -> None:
    assert program("init").code == 0
    for listing in (["posts"], ["labels"], ["labels", "list"], ["feeds"], ["feeds", "list"]):
        finished = program(*listing, "--json")
        assert finished.code == 0
        assert isinstance(json.loads(finished.out), list)
        assert finished.err == ""


def _run(tmp_path: Path, *arguments: str, stdout: int) -> tuple[int, str]:
    path = {"PYTHONPATH": str(ROOT)} if (ROOT / "labelcast").is_dir() else {}
    done = subprocess.run(
        [sys.executable, "-m", "labelcast", *arguments],
        cwd=tmp_path,
        env=os.environ | path,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.decode()


def test_a_full_disk_is_one_line(program: Command, tmp_path: Path) -> None:
    assert program("init").code == 0
    with Path("/dev/full").open("wb") as full:
        code, said = _run(tmp_path, "feeds", "show", "all", stdout=full.fileno())
    assert code == 1
    assert said.count("\n") == 1
    assert "No space left on device" in said


@pytest.mark.parametrize("arguments", [["feeds", "show", "all"], ["feeds", "list"], ["--version"]])
def test_a_reader_that_has_gone_is_no_error_worth_a_word(
    program: Command, tmp_path: Path, arguments: list[str]
) -> None:
    assert program("init").code == 0
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert _run(tmp_path, *arguments, stdout=writing) == (1, "")
    finally:
        os.close(writing)


def test_an_interrupt_is_one_line(program: Command, tmp_path: Path) -> None:
    """The import waits for its standard input, and is interrupted there."""
    assert program("init").code == 0
    path = {"PYTHONPATH": str(ROOT)} if (ROOT / "labelcast").is_dir() else {}
    source = (
        "import os, signal, sys, threading\n"
        "from labelcast.cli import main\n"
        "class Typed:\n"
        "    def read(self, _size=-1):\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "sys.stdin = type('In', (), {'buffer': Typed()})()\n"
        "main(['import', '-', '--format', 'jsonl'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=tmp_path,
        env=os.environ | path,
        capture_output=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.returncode == 1
    assert done.stderr.decode() == "labelcast: stopped\n"


def test_help_enters_no_room() -> None:
    """So it is quick: what takes the time are the database and the libraries of the rooms."""
    slow = ["database", "posts", "feeds", "digests", "web", "sqlalchemy", "pydantic", "jinja2", "rich"]
    source = (
        "import sys\n"
        "from labelcast.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit as left:\n"
        "    assert left.code == 0, left.code\n"
        f"sys.exit(' '.join(name for name in {slow!r} if name in sys.modules))\n"
    )
    path = {"PYTHONPATH": str(ROOT)} if (ROOT / "labelcast").is_dir() else {}
    done = subprocess.run(
        [sys.executable, "-c", source], env=os.environ | path, capture_output=True, timeout=60, check=False
    )
    assert done.stderr.decode().strip() == ""
    assert b"Commands:" in done.stdout


@pytest.mark.parametrize(("room", "name"), EXIT_CODES)
def test_every_error_that_has_an_exit_code_exists(room: str, name: str) -> None:
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, f"{room}."):
        if room in FLOORS and "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    modules = [module for path, module in sys.modules.items() if path.partition(".")[0] == room]
    assert any(issubclass(getattr(module, name, type(None)), Exception) for module in modules)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (SettingsError("a.toml: no\nsuch key"), 2, "a.toml: no such key"),
        (UsageProblem("--now: no"), 2, "--now: no"),
        (CommandFailed("cannot"), 1, "cannot"),
        (KeyboardInterrupt(), 1, "stopped"),
        (MemoryError(), 1, "out of memory"),
        (
            OSError(28, "No space left on device", "/data"),
            1,
            "/data: No space left on device; free some space",
        ),
        (PermissionError(13, "Permission denied", "/data"), 1, "/data: Permission denied"),
        (TimeoutError(), 1, "TimeoutError"),
        (IntegrityError("INSERT", {}, ValueError("UNIQUE failed\nline 2")), 1, "UNIQUE failed line 2"),
        (KeyError("x"), 1, "this is a fault of Labelcast: KeyError: 'x'"),
    ],
)
def test_what_each_error_becomes(error: BaseException, code: int, line: str) -> None:
    found, said = explain(error)
    assert found == code
    assert line in said
    assert "\n" not in said


def test_a_moment_without_an_offset_is_meant_in_the_timezone() -> None:
    assert moment("2026-11-23T08:00", timezone="America/Regina").isoformat() == "2026-11-23T14:00:00+00:00"
    assert (
        moment("2026-11-23T08:00+01:00", timezone="America/Regina").isoformat() == "2026-11-23T07:00:00+00:00"
    )


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00+14:00"])
def test_a_moment_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="is no date"):
        moment(text)
