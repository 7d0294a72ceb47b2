"""What the tests of bad input share: a blog to be left as it was, and what all of its tables hold."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from database import Database, metadata, open_database
from labelcast.cli import main
from tests.conftest import Finished

GOOD: dict[str, Any] = {
    "id": "tag:blog.example,2024:good",
    "url": "https://blog.example/2024/good.html",
    "title": "Good",
    "published": "2024-05-01T10:00:00Z",
    "labels": ["Bees", "Town hall"],
    "author": "Ida",
    "html": "<p>Words</p>",
}
NEW = GOOD | {"id": "tag:blog.example,2024:new", "url": "https://blog.example/2024/new.html", "title": "New"}

SPY = """<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>a:1</id><title>&a;</title></entry></feed>
"""
"""A feed that would have a file of the machine read."""


def lines(*posts: dict[str, Any] | str) -> str:
    """Posts as JSON Lines; a string is a line as it stands."""
    return "".join(f"{post if isinstance(post, str) else json.dumps(post)}\n" for post in posts)


def contents(database: Database) -> dict[str, list[str]]:
    """Every row of every table there is, by the table's name."""
    with database.read() as connection:
        return {
            name: sorted(str(tuple(row)) for row in connection.execute(select(table)))
            for name, table in metadata.tables.items()
        }


@contextmanager
def unchanged(database: Database) -> Iterator[None]:
    """Fails unless the database is afterwards as it was, row by row."""
    before = contents(database)
    assert before["post"]
    assert before["subscription"]
    yield
    assert contents(database) == before


def one_line(finished: Finished, code: int) -> str:
    """The one line that was said, without the program's name; there was no answer and no traceback."""
    assert finished.code == code, finished.err
    assert finished.out == b""
    assert "Traceback" not in finished.err
    assert "fault of Labelcast" not in finished.err
    (line,) = finished.err.splitlines()
    assert line.startswith("labelcast: ")
    return line.removeprefix("labelcast: ")


@pytest.fixture(scope="module")
def _begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blog with a post, a feed, a digest and a reader, to be copied."""
    folder = tmp_path_factory.mktemp("begun")
    (folder / "begun.jsonl").write_text(lines(GOOD), encoding="utf-8")
    with contextlib.chdir(folder):
        for arguments in (
            ["init", "--site-url", "https://blog.example"],
            ["import", "begun.jsonl", "--now", "2024-05-02T00:00Z"],
            ["feeds", "add", "both", "--rule", 'Bees and "Town hall"'],
            ["digests", "add", "weekly", "--rule", "all", "--max-age", "3660"],
            ["subscribers", "add", "ada@example.org", "--digest", "weekly", "--confirmed"],
        ):
            with pytest.raises(SystemExit) as left:
                main(arguments)
            assert not left.value.code, arguments
    return folder


@pytest.fixture
def standing(tmp_path: Path, _begun: Path) -> Iterator[Database]:
    """The database of a blog in the folder where ``command`` runs, with a row of each kind."""
    shutil.copytree(_begun, tmp_path, dirs_exist_ok=True)
    database = open_database(f"sqlite:///{tmp_path / 'labelcast.db'}")
    yield database
    database.dispose()
