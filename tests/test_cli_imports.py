"""What a command imports: a program that only lists must not wait for what sends, serves or migrates."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Runs a command, then tells the modules that it imported.
_PROGRAM = """
import atexit, sys
from pathlib import Path
atexit.register(lambda: Path("imported").write_text("\\n".join(sys.modules)))
from labelcast.cli import main
main(sys.argv[1:])
"""
SENDS = {"digests.engine", "outbox.smtp", "outbox.dkim", "cryptography", "apscheduler", "httpx2"}
SERVES = {"uvicorn", "web.app", "prometheus_client"}
SELDOM = {"alembic", "fsspec", "feedparser"}
POSTGRESQL = {"sqlalchemy.dialects.postgresql"}
# What logs is set up by those commands alone that enter a room with logs: else it would say it on stdout.
LOGS = {"structlog"}
RENDERS = {"jinja2", "starlette", "feedgen", "lxml"}
ROOMS = {"database", "digests", "feeds", "outbox", "posts", "subscribers", "web", "pydantic_settings"}


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--version"], ROOMS | {"sqlalchemy"}),
        (["feeds", "--help"], ROOMS | {"sqlalchemy"}),
        (["posts", "--json"], POSTGRESQL | SENDS | SERVES | SELDOM | LOGS | RENDERS),
        (["labels", "--json"], POSTGRESQL | SENDS | SERVES | SELDOM | LOGS | RENDERS),
        (["feeds", "list", "--json"], POSTGRESQL | SENDS | SERVES | SELDOM | LOGS | {"starlette", "jinja2"}),
        (["feeds", "show", "all"], POSTGRESQL | SENDS | SERVES | SELDOM | LOGS | {"starlette", "jinja2"}),
        # Its pages lead to where one signs up, so the digests are looked at, whose indexes name a dialect.
        (["feeds", "build"], SENDS | SERVES | SELDOM),
        (["digests", "list", "--json"], SENDS | SERVES | SELDOM | LOGS),
        (["subscribers", "list", "--json"], SENDS | SERVES | SELDOM | LOGS),
        (["deliveries", "list", "--json"], SENDS | SERVES | SELDOM | LOGS),
    ],
    ids=lambda one: "" if isinstance(one, set) else " ".join(one),
)
def test_a_command_imports_what_it_needs(blog: Path, arguments: list[str], unwanted: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        cwd=blog,
        env=os.environ | ({"PYTHONPATH": str(ROOT)} if (ROOT / "labelcast").is_dir() else {}),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert set((blog / "imported").read_text(encoding="utf-8").split()) & unwanted == set()
