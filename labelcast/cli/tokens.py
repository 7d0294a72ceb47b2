"""``labelcast tokens``: what lets programs in at /api."""

from datetime import timedelta
from typing import Annotated

import typer

from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer, answer_json, answer_table, say

app = typer.Typer(help="List, make and revoke the tokens of programs, for /api.", rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What you call it: the program's name, say.")]


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_(context, as_json=as_json)


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all tokens by name. Each tells what it may, when it was last used, until when it is good."""
    from web.accounts.tokens import list_tokens

    with opened(context) as wiring, wiring.database.read() as connection:
        found = list_tokens(connection)
    if as_json:
        answer_json(
            [
                {
                    "name": one.name,
                    "scopes": sorted(one.scopes),
                    "created": one.created_at,
                    "used": one.used_at,
                    "expires": one.expires_at,
                }
                for one in found
            ]
        )
    else:
        columns = ("name", "scopes", "created", "used", "expires")
        rows = [(t.name, sorted(t.scopes), t.created_at, t.used_at, t.expires_at) for t in found]
        answer_table(columns, rows)


@app.command("add")
def add(
    context: typer.Context,
    name: Name,
    *,
    scopes: Annotated[
        list[str],
        typer.Option("--scope", metavar="S", help="What it may: posts:write, say; can be given again."),
    ],
    expires: Annotated[
        int | None,
        typer.Option("--expires", min=1, max=3660, metavar="DAYS", help="It ends so soon, else never."),
    ] = None,
) -> None:
    """Make a token and print it; it is shown this once."""
    from web.accounts.audit import record
    from web.accounts.tokens import add_token

    now = moment(None)
    life = None if expires is None else timedelta(days=expires)
    with opened(context) as wiring, wiring.database.write() as connection:
        made, secret = add_token(connection, name, scopes, now=now, life=life)
        detail = {"scopes": sorted(made.scopes)}
        record(connection, actor="command", action="token.add", subject=name, now=now, detail=detail)
    say(f"token {name}: may {', '.join(sorted(made.scopes))}; keep it now, it is not shown again")
    answer(secret)


@app.command("revoke")
def revoke(context: typer.Context, name: Name) -> None:
    """Take a token away: it lets nobody in from now on."""
    from web.accounts.audit import record
    from web.accounts.tokens import revoke_token

    with opened(context) as wiring, wiring.database.write() as connection:
        revoke_token(connection, name)
        record(connection, actor="command", action="token.revoke", subject=name, now=moment(None))
    say(f"token {name}: revoked")


@app.command("secret")
def secret(context: typer.Context, name: Name) -> None:
    """Print the secret that a token's webhooks are signed with. For Ghost: its address then has no token."""
    from labelcast.webwork.secrets import webhook_secrets
    from web.accounts.tokens import TokenError, find_named

    with opened(context) as wiring, wiring.database.read() as connection:
        found = find_named(connection, name)
        if found is None:
            raise TokenError(f"token {name[:80]!r}: there is none; `labelcast tokens list` has them all")
        answer(webhook_secrets(found, wiring.settings.secret_key)[0])
