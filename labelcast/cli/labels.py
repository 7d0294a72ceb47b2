"""``labelcast labels``: which there are, and giving them other names."""

from typing import Annotated

import typer

from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer_json, answer_table, say

app = typer.Typer(help="List labels; rename, merge and delete them.", rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_labels(context, as_json=as_json)


@app.command("list")
def list_labels(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all labels by name, with the number of their live posts."""
    from posts.lookup import labels

    with opened(context) as wiring, wiring.database.read() as connection:
        found = labels(connection)
    if as_json:
        answer_json([{"name": label.name, "slug": label.slug, "posts": label.posts} for label in found])
    else:
        answer_table(("label", "slug", "posts"), [(label.name, label.slug, label.posts) for label in found])


@app.command("rename")
def rename(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", help="The label, by name or slug.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
) -> None:
    """Give a label another name. The old one and its addresses go on leading to it."""
    from posts.curation import rename_label

    with opened(context) as wiring, wiring.database.write() as connection:
        label = rename_label(connection, old, new, now=moment(None))
    say(f"{old} is now {label.name} (slug {label.slug})")


@app.command("merge")
def merge(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM", help="The label that goes.")],
    into: Annotated[str, typer.Argument(metavar="INTO", help="The label that stays.")],
) -> None:
    """Make one label of two. The first one's names and addresses lead to the second."""
    from posts.curation import merge_labels

    with opened(context) as wiring, wiring.database.write() as connection:
        label = merge_labels(connection, source, into, now=moment(None))
    say(f"{source} is merged into {label.name} (slug {label.slug})")


@app.command("delete")
def delete(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="L", help="The label, by name or slug.")],
) -> None:
    """Take a label away; its posts stay."""
    from posts.curation import delete_label

    with opened(context) as wiring, wiring.database.write() as connection:
        label = delete_label(connection, name, now=moment(None))
    say(f"{label.name} is deleted; its posts stay")
