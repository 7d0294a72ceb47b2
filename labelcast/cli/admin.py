"""``labelcast admin``: who may log in to the publisher's pages."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli.errors import UsageProblem
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer_json, answer_table, say

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from web.model import Role

app = typer.Typer(help="Accounts for the pages at /admin.", rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What is typed to log in.")]
# A line is read no further: a password has a thousand characters at most.
_LONGEST_LINE = 10_000


class Roles(StrEnum):
    """What an account may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_them(context, as_json=as_json)


@app.command("list")
def list_them(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List who may log in, with their roles."""
    from web.accounts.accounts import list_accounts

    with opened(context) as wiring, wiring.database.read() as connection:
        found = list_accounts(connection)
    if as_json:
        answer_json([{"name": one.name, "role": one.role, "made": one.created_at} for one in found])
    else:
        answer_table(("name", "role", "made"), [(one.name, one.role.value, one.created_at) for one in found])


@app.command("password")
def password(
    context: typer.Context,
    name: Name,
    *,
    role: Annotated[
        Roles | None, typer.Option("--role", metavar="R", help="`viewer`, `editor` or `owner`.")
    ] = None,
) -> None:
    """Set an account's password. It is asked for twice, or read as a line from stdin where that is a pipe.

    An account that is not there is made: the first is an owner, any other a viewer unless --role says more.
    One that is there is logged out everywhere.
    """
    from web.accounts.accounts import AccountError, find_account, set_password, valid_name
    from web.model import Role

    now = moment(None)
    with opened(context) as wiring:
        try:
            given = _asked(valid_name(name))
            with wiring.database.write() as connection:
                known = find_account(connection, name)
                made = set_password(connection, name, given, now=now, role=Role(role.value) if role else None)
                action = "account.add" if known is None else "account.password"
                _record(connection, action, made.name, made.role)
        except AccountError as error:
            raise UsageProblem(str(error)) from error
    what = "is there" if known is None else "has another password, and is logged out everywhere"
    say(f"{made.name} ({made.role}) {what}; the pages are at {wiring.settings.site_url}/admin")


@app.command("role")
def change_role(
    context: typer.Context,
    name: Name,
    role: Annotated[Roles, typer.Argument(metavar="R", help="`viewer`, `editor` or `owner`.")],
) -> None:
    """Give an account another role; it holds at once."""
    from web.accounts.accounts import set_role
    from web.model import Role

    with opened(context) as wiring, wiring.database.write() as connection:
        changed = set_role(connection, name, Role(role.value))
        _record(connection, "account.role", changed.name, changed.role)
    say(f"{changed.name} is {changed.role}")


@app.command("remove")
def remove(context: typer.Context, name: Name) -> None:
    """Remove an account, and log it out. What it did stays on record."""
    from web.accounts.accounts import remove_account

    with opened(context) as wiring, wiring.database.write() as connection:
        gone = remove_account(connection, name)
        _record(connection, "account.remove", gone.name, gone.role)
    say(f"{gone.name} may log in no more")


def _record(connection: "Connection", action: str, subject: str, role: "Role") -> None:
    from web.accounts.audit import record

    detail = {"role": role.value}
    record(connection, actor="command", action=action, subject=subject, now=moment(None), detail=detail)


def _asked(name: str) -> str:
    """The password: typed twice without being seen, or a line from a pipe. Raises ``UsageProblem``."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline(_LONGEST_LINE).rstrip("\r\n")
        if not line:
            raise UsageProblem("no password came on stdin: pipe one line in, or run this in a terminal")
        return line
    from getpass import getpass

    first = getpass(f"Password for {name}: ")
    if getpass("The same again: ") != first:
        raise UsageProblem("the two were not the same: nothing is changed")
    return first
