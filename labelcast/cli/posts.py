"""``labelcast posts``: what is in the post database, and what is said of it by hand."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli.errors import CommandFailed
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer_json, answer_table, say
from labelcast.cli.rules import read_rule

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from posts.model import Post

app = typer.Typer(help="List posts; hide them, label them.", rich_markup_mode=None)

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Permanent ids, or the numbers in the list.")]


class State(StrEnum):
    """A post's state, as it is typed."""

    LIVE = "live"
    PRIVATE = "private"
    SCHEDULED = "scheduled"
    DRAFT = "draft"
    DELETED = "deleted"


@app.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    *,
    label: Annotated[
        str | None, typer.Option("--label", metavar="RULE", help="Only posts under this rule of labels.")
    ] = None,
    state: Annotated[State | None, typer.Option("--state", help="Only posts in this state.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=0, max=10**9, metavar="N", help="At most so many.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List posts, newest first.

    RULE is a label, or an expression over labels: MEK and not sports.
    """
    if context.invoked_subcommand is not None:
        return
    from posts.model import PostState
    from posts.store import list_posts

    with opened(context) as wiring, wiring.database.read() as connection:
        rule = None if label is None else read_rule(connection, label)
        wanted = None if state is None else PostState(state.value)
        found = list_posts(connection, rule=rule, state=wanted, limit=limit)
    if as_json:
        answer_json([_document(post) for post in found])
    else:
        columns = ("id", "published", "state", "title", "labels")
        answer_table(columns, [(p.id, p.published, p.state, p.title, p.labels) for p in found])


def _document(post: "Post") -> dict[str, object]:
    return {
        "id": post.uri,
        "url": post.url,
        "title": post.title,
        "published": post.published,
        "updated": post.updated,
        "labels": post.labels,
        "author": ", ".join(post.authors) or None,
        "state": post.state,
        "html": post.html,
        "notes": post.notes,
    }


@app.command("hide")
def hide(context: typer.Context, ids: Ids) -> None:
    """Hold posts back, whatever their sources say. They leave all feeds, pages and coming digests."""
    from posts import overriding

    with opened(context) as wiring, wiring.database.write() as connection:
        numbers = _numbers(connection, ids)
        number = overriding.hide(connection, numbers, now=moment(None))
        _record(connection, "post.hide", numbers, changed=number)
    say(f"{_posts(number)} hidden")


@app.command("show")
def show(context: typer.Context, ids: Ids) -> None:
    """Hold posts back no more; to readers who had them they are no news."""
    from posts import overriding

    with opened(context) as wiring, wiring.database.write() as connection:
        numbers = _numbers(connection, ids)
        number = overriding.show(connection, numbers, now=moment(None))
        _record(connection, "post.show", numbers, changed=number)
    say(f"{_posts(number)} hidden no more")


@app.command("label")
def label(
    context: typer.Context,
    ids: Ids,
    *,
    add: Annotated[list[str] | None, typer.Option("--add", metavar="L", help="Give them this label.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="L", help="Take this label away from them.")
    ] = None,
) -> None:
    """Give posts labels and take others away. It holds whatever their sources say later."""
    from posts import overriding

    with opened(context) as wiring, wiring.database.write() as connection:
        numbers = _numbers(connection, ids)
        number = overriding.relabel(connection, numbers, add=add or (), remove=remove or (), now=moment(None))
        _record(connection, "post.label", numbers, changed=number, added=add or [], removed=remove or [])
    say(f"{_posts(number)} changed")


def _numbers(connection: "Connection", ids: list[str]) -> list[int]:
    """The posts of these permanent ids or numbers; raises ``CommandFailed`` for one that no post has."""
    return [_number(connection, one) for one in ids]


def _number(connection: "Connection", wanted: str) -> int:
    from sqlalchemy import select

    from posts.model import post

    # A source may call a post by a number too: what it is called comes before what it is numbered.
    ways = [post.c.uri == wanted]
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 19:
        ways.append(post.c.id == int(wanted))
    for way in ways:
        if row := connection.execute(select(post.c.id).where(way)).first():
            return int(row.id)
    raise CommandFailed(f"post {wanted!r}: there is none of this id or number; `labelcast posts` lists them")


def _record(
    connection: "Connection", action: str, numbers: list[int], *, changed: int, **detail: list[str]
) -> None:
    """Keep it in the log of who changed what, unless nothing was to be done."""
    from web.accounts.audit import record

    if changed:
        subject = f"post {numbers[0]}" if len(numbers) == 1 else f"{changed} posts"
        told = {"posts": numbers[:100]} | detail
        record(connection, actor="command", action=action, subject=subject, now=moment(None), detail=told)


def _posts(number: int) -> str:
    return f"{number} post{'' if number == 1 else 's'}"
