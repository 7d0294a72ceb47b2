"""What is told of the API: each curl is sent as it stands, each command is run."""

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from database import Database
from tests.api_blog import SITE, ApiBlog
from tests.conftest import Command

_TAKES = {"-X": "method", "-H": "header", "-d": "body", "--data-binary": "body"}


@pytest.fixture
def page(checkout: Path) -> str:
    """What is told."""
    return (checkout / "docs" / "how-to-api.md").read_text(encoding="utf-8")


def _blocks(page: str, kind: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return [line for of, block in found if of == kind for line in block.splitlines()]


def _send(api: ApiBlog, line: str) -> int:
    """Send what a line of curl would; the status of the answer."""
    words = shlex.split(line.replace("$SITE", SITE.url).replace("$TOKEN", api.secret))[1:]
    method, headers, body, url = "GET", {}, None, ""
    while words:
        word = words.pop(0)
        match _TAKES.get(word):
            case "method":
                method = words.pop(0)
            case "header":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case "body":
                said = words.pop(0)
                body = b'{"id": "tag:x,1", "title": "x"}\n' if said.startswith("@") else said.encode()
            case _:
                url = word
    parts = urlsplit(url)
    answer = api.client.request(method, f"{parts.path}?{parts.query}", headers=headers, content=body)
    return int(answer.status_code)


def test_every_curl_does_as_told(sqlite_database: Database, page: str) -> None:
    api = ApiBlog(sqlite_database)
    lines = [line for line in _blocks(page, "sh") if line.startswith("curl ")]
    statuses = [_send(api, line) for line in lines]
    assert statuses == [201, 201, 200, 200, 200, 200, 200, 201, 201, 200, 202, 200]


def test_every_command_does_as_told(command: Command, blog: Path, page: str) -> None:
    lines = [line for line in _blocks(page, "") if line.startswith("labelcast ")]
    assert len(lines) == 4
    for line in lines:
        done = command(*shlex.split(line)[1:])
        assert done.code == 0, done.err
        assert len(done.text) > 40
    assert blog.is_dir()
