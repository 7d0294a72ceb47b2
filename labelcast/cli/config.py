"""``labelcast config``: feeds and digests as a file."""

from pathlib import Path
from typing import Annotated

import typer

from labelcast.cli.errors import UsageProblem
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer_bytes, say

app = typer.Typer(
    help="Feeds and digests as a TOML file: write one, apply one.",
    rich_markup_mode=None,
    no_args_is_help=False,
)


@app.command("export")
def export(context: typer.Context) -> None:
    """Print all configured feeds and all digests as TOML."""
    from labelcast.config_file import export_config

    with opened(context) as wiring, wiring.database.read() as connection:
        answer_bytes(export_config(connection).encode())


@app.command("apply")
def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Such a TOML file.")],
) -> None:
    """Bring the feeds and digests of FILE into the database. It takes all of them or, on an error, none.

    What is not in FILE stays as it is. Applied again it changes nothing.
    """
    from labelcast.config_file import ConfigFileError, apply_config

    with opened(context) as wiring:
        settings = wiring.settings
        try:
            text = file.read_text(encoding="utf-8")
            with wiring.database.write() as connection:
                changes = apply_config(
                    connection,
                    text,
                    now=moment(None),
                    timezone=settings.timezone,
                    language=settings.language,
                )
        except (ConfigFileError, UnicodeDecodeError) as error:
            raise UsageProblem(f"{file}: {error}") from error
    for change in changes:
        say(f"{change.kind} {change.slug}: {change.did}")
