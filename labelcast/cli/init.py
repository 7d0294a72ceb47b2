"""``labelcast init``: a settings file and a database."""

from pathlib import Path
from typing import Annotated

import typer

from labelcast.cli.opening import moment
from labelcast.cli.output import say


def command(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where; it is made if it is not there.")
    ] = Path(),
    *,
    site_url: Annotated[
        str, typer.Option("--site-url", metavar="URL", help="Where readers will reach the site.")
    ] = "http://localhost:8000",
    site_title: Annotated[
        str, typer.Option("--site-title", metavar="TITLE", help="The blog's name.")
    ] = "A blog",
) -> None:
    """Write labelcast.toml and make the database. It has a new secret. An old database is brought up to date.

    A settings file that is there stays as it is.
    """
    from labelcast.init import initialise
    from labelcast.settings import FILE_NAME

    file = context.obj.config or folder / FILE_NAME
    report = initialise(file, site_url=site_url, site_title=site_title, now=moment(None))
    say(f"{report.file}: {'written' if report.wrote_settings else 'is there, and stays as it is'}")
    say(f"database: {'made' if report.migrated else 'is up to date'}")
    if report.wrote_settings:
        say(f"next: look through {report.file}, then `labelcast import` your posts")
