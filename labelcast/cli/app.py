"""The program's frame: its name, the options before the command, and the list of commands."""

from pathlib import Path
from typing import Annotated

import typer

from labelcast import __version__
from labelcast.cli import (
    admin,
    bounces,
    config,
    deliveries,
    demo,
    digests,
    dkim,
    doctor,
    feeds,
    import_,
    init,
    labels,
    posts,
    run,
    subscribers,
    tick,
    tokens,
)
from labelcast.cli.opening import Invocation
from labelcast.cli.output import answer, say

app = typer.Typer(
    name="labelcast",
    help="Every label of a blog gets its own feed and its own email digest.",
    add_completion=False,
    # Plain help: Rich's boxes cost a tenth of a second at every start, and cut lines short in a pipe.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(asked: bool) -> None:
    if asked:
        answer(f"labelcast {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _before(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The settings file, else ./labelcast.toml."),
    ] = None,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="On an error, show where in the program it came from.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del traceback, version  # seen to in main() and in _version()
    context.obj = Invocation(config=config)
    if context.invoked_subcommand is None:
        say(context.get_help())
        raise typer.Exit(2)


app.command("demo")(demo.command)
app.command("init")(init.command)
app.command("import")(import_.command)
app.add_typer(posts.app, name="posts")
app.add_typer(labels.app, name="labels")
app.add_typer(feeds.app, name="feeds")
app.add_typer(digests.app, name="digests")
app.add_typer(subscribers.app, name="subscribers")
app.add_typer(config.app, name="config")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(dkim.app, name="dkim")
app.add_typer(bounces.app, name="bounces")
app.add_typer(tokens.app, name="tokens")
app.add_typer(admin.app, name="admin")
app.command("tick")(tick.command)
app.command("run")(run.command)
app.command("doctor")(doctor.command)
