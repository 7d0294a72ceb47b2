"""What several of the commands about feeds take."""

from enum import StrEnum
from typing import Annotated

import typer


class FeedFormat(StrEnum):
    """A format of feeds, as it is typed."""

    ATOM = "atom"
    RSS = "rss"
    JSON = "json"


class FeedContent(StrEnum):
    """How much of each post a feed holds, as it is typed."""

    FULL = "full"
    SUMMARY = "summary"


AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="A feed's slug.")]
Form = Annotated[FeedFormat, typer.Option("--format", help="In which format.")]
