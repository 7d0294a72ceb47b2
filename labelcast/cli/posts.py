"""``labelcast posts``: what is in the post database."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli.opening import opened
from labelcast.cli.output import answer_json, answer_table
from labelcast.cli.rules import read_rule

if TYPE_CHECKING:
    from posts.model import Post


class State(StrEnum):
    """A post's state, as it is typed."""

    LIVE = "live"
    PRIVATE = "private"
    SCHEDULED = "scheduled"
    DRAFT = "draft"
    DELETED = "deleted"


def command(
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
