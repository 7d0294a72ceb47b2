"""Tokens of programs: made once, kept as a hash, good for what they were given and so long."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from tests.conftest import Command
from web.accounts.tokens import (
    TokenError,
    TokenScope,
    add_token,
    find_named,
    find_token,
    list_tokens,
    note_uses,
    revoke_token,
)
from web.model import access_token

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


def test_a_token_opens_what_it_was_given(connection: Connection) -> None:
    made, secret = add_token(connection, "cms", ["posts:write", "posts:read"], now=NOW)
    found = find_token(connection, secret, now=NOW)
    assert found == made
    assert found.may(TokenScope.POSTS_WRITE)
    assert not found.may(TokenScope.LABELS_READ)


def test_only_its_hash_is_kept(connection: Connection) -> None:
    _, secret = add_token(connection, "cms", ["posts:read"], now=NOW)
    row = connection.execute(select(access_token)).one()
    assert secret.startswith("lc_")
    assert len(secret) > 40
    assert secret not in str(row)


def test_it_ends(connection: Connection) -> None:
    _, secret = add_token(connection, "cms", ["posts:read"], now=NOW, life=timedelta(days=1))
    assert find_token(connection, secret, now=NOW + timedelta(hours=23)) is not None
    assert find_token(connection, secret, now=NOW + timedelta(days=1)) is None
    assert [one.name for one in list_tokens(connection)] == ["cms"]


def test_it_is_revoked(connection: Connection) -> None:
    _, secret = add_token(connection, "cms", ["posts:read"], now=NOW)
    revoke_token(connection, "cms")
    assert find_token(connection, secret, now=NOW) is None
    with pytest.raises(TokenError, match="there is none"):
        revoke_token(connection, "cms")


@pytest.mark.parametrize(
    ("name", "scopes", "life", "why"),
    [
        ("", ["posts:read"], None, "name"),
        ("a\nb", ["posts:read"], None, "name"),
        ("\ud800", ["posts:read"], None, "name"),
        ("x" * 65, ["posts:read"], None, "name"),
        ("cms", [], None, "needs a scope"),
        ("cms", ["posts:reed"], None, "did you mean posts:read"),
        ("cms", ["posts:read"], timedelta(0), "days"),
        ("cms", ["posts:read"], timedelta(days=4000), "days"),
        ("taken", ["posts:read"], None, "there is one of that name"),
    ],
)
def test_what_cannot_be_is_refused(
    connection: Connection, name: str, scopes: list[str], life: timedelta | None, why: str
) -> None:
    add_token(connection, "taken", ["posts:read"], now=NOW)
    with pytest.raises(TokenError, match=why):
        add_token(connection, name, scopes, now=NOW, life=life)
    assert [one.name for one in list_tokens(connection)] == ["taken"]


def test_the_last_use_only_grows(connection: Connection) -> None:
    made, _ = add_token(connection, "cms", ["posts:read"], now=NOW)
    for at in (NOW + timedelta(hours=2), NOW + timedelta(hours=1)):
        note_uses(connection, [(made.id, at)])
    known = find_named(connection, "cms")
    assert known is not None
    assert known.used_at == NOW + timedelta(hours=2)


def test_a_scope_of_a_later_version_opens_nothing(connection: Connection) -> None:
    _, secret = add_token(connection, "cms", ["posts:read"], now=NOW)
    connection.execute(access_token.update().values(scopes=["moon:read", "posts:read"]))
    found = find_token(connection, secret, now=NOW)
    assert found is not None
    assert found.scopes == {TokenScope.POSTS_READ}


@given(st.text())
def test_no_text_is_a_token(text: str) -> None:
    # Asks no database: what does not look like one is none.
    assert find_token(None, text.removeprefix("lc_"), now=NOW) is None  # type: ignore[arg-type]


def test_the_commands(command: Command, blog: Path) -> None:
    made = command("tokens", "add", "cms", "--scope", "posts:write", "--expires", "30")
    assert made.code == 0, made.err
    assert made.text.startswith("lc_")
    (listed,) = command("tokens", "--json").json
    assert (listed["name"], listed["scopes"], listed["used"]) == ("cms", ["posts:write"], None)
    assert command("tokens", "revoke", "cms").code == 0
    assert command("tokens", "list").text == ""
    assert command("tokens", "revoke", "cms").code == 1
    refused = command("tokens", "add", "cms", "--scope", "posts:reed")
    assert refused.code == 1
    assert "did you mean posts:read" in refused.err
    assert blog.is_dir()
