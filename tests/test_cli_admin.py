"""``labelcast admin``."""

import os
import pty
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from database import open_database
from tests.conftest import Command, Finished
from web.accounts.accounts import check_password
from web.model import audit_entry

GOOD = "correct horse battery"


def test_accounts_are_made_changed_listed_and_removed(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def piped(line: str, *arguments: str) -> Finished:
        typed = tmp_path / "typed"
        typed.write_text(line, encoding="utf-8")
        with typed.open(encoding="utf-8") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            return command("admin", *arguments)

    assert command("init", ".").code == 0
    assert command("admin", "list", "--json").json == []
    first = piped(f"{GOOD}\r\nanother line\n", "password", "Anna")
    assert (first.code, first.out) == (0, b"")
    assert "anna (owner) is there; the pages are at http://localhost:8000/admin" in first.err
    assert GOOD not in first.err
    assert piped(f"{GOOD}\n", "password", "ben", "--role", "editor").code == 0
    assert command("admin", "role", "ben", "owner").code == 0
    listed = command("admin", "--json").json
    assert [(one["name"], one["role"]) for one in listed] == [("anna", "owner"), ("ben", "owner")]
    assert command("admin", "remove", "anna").code == 0

    for code, said, done in [
        (1, "ben is the only owner: make another one first", command("admin", "remove", "ben")),
        (1, "nobody: there is no such account", command("admin", "role", "nobody", "owner")),
        (2, "12 to 1000 characters", piped("short\n", "password", "ben")),
        (2, "no password came on stdin", piped("", "password", "ben")),
        (2, "'b n' is no name for an account", piped(f"{GOOD}\n", "password", "b n")),
        (2, "'king' is not one of", command("admin", "role", "ben", "king")),
        (2, "Missing argument", command("admin", "password")),
    ]:
        assert (done.code, done.out, done.err.count("\n")) == (code, b"", 1), done.err
        assert said in done.err

    database = open_database(f"sqlite:///{tmp_path / 'labelcast.db'}")
    with database.read() as connection:
        did = connection.execute(select(audit_entry).order_by(audit_entry.c.id)).all()
        assert check_password(connection, "ben", GOOD) is not None
    database.dispose()
    assert [(one.action, one.subject) for one in did] == [
        ("account.add", "anna"),
        ("account.add", "ben"),
        ("account.role", "ben"),
        ("account.remove", "anna"),
    ]
    assert {one.actor for one in did} == {"command"}
    assert GOOD not in str(did)


def test_a_password_typed_is_asked_for_twice_and_not_shown(command: Command, tmp_path: Path) -> None:
    assert command("init", ".").code == 0
    code, shown = _at_a_terminal(tmp_path, GOOD, "something else altogether")
    assert (code, "the two were not the same" in shown) == (2, True)
    code, shown = _at_a_terminal(tmp_path, GOOD, GOOD)
    assert (code, "anna (owner) is there" in shown) == (0, True)
    assert GOOD not in shown


def _at_a_terminal(folder: Path, *typed: str) -> tuple[int, str]:
    """Run it as somebody who types; returns its exit code and all that the terminal shows."""
    root = Path(__file__).resolve().parent.parent
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        if (root / "labelcast").is_dir():
            os.environ["PYTHONPATH"] = str(root)
        os.execv(sys.executable, [sys.executable, "-m", "labelcast", "admin", "password", "anna"])
    shown, left = "", list(typed)
    try:
        while part := os.read(terminal, 1000).decode():
            shown += part
            if left and shown.count(": ") > len(typed) - len(left):
                os.write(terminal, f"{left.pop(0)}\n".encode())
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown
