"""What several of the commands about digests take."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelcast.cli.output import say

if TYPE_CHECKING:
    from labelcast.wiring import Wiring


class DigestContent(StrEnum):
    """How much of each post a digest holds, as it is typed."""

    FULL = "full"
    SUMMARY = "summary"


class DigestOrder(StrEnum):
    """Which of its posts come first, as it is typed."""

    NEWEST = "newest"
    OLDEST = "oldest"


class GroupBy(StrEnum):
    """What its posts stand under, as it is typed."""

    NONE = "none"
    LABEL = "label"
    DAY = "day"


AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The digest's slug.")]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="AT", help="When: 08:00, 'mon 08:00', '15 08:00', 'last 08:00'."),
]
Timezone = Annotated[
    str | None, typer.Option("--timezone", metavar="Z", help="Where it is then, else as in the settings.")
]
Title = Annotated[str | None, typer.Option("--title", metavar="T", help="Its title.")]
Language = Annotated[
    str | None, typer.Option("--language", metavar="TAG", help="Its language, else as in the settings.")
]
Offer = Annotated[
    list[str] | None,
    typer.Option("--offer", metavar="C", help="A cadence that readers may choose; else they may choose any."),
]
Template = Annotated[
    str | None, typer.Option("--template", metavar="NAME", help="The folder of its templates.")
]
MaxAge = Annotated[
    float | None,
    typer.Option("--max-age", min=0, max=3660, metavar="DAYS", help="A post older than this is no news."),
]
MaxLateness = Annotated[
    float | None,
    typer.Option(
        "--max-lateness",
        min=1,
        max=87840,
        metavar="HOURS",
        help="Later than this, it comes with the next one.",
    ),
]
Content = Annotated[DigestContent | None, typer.Option("--content", help="How much of each post it holds.")]
MinPosts = Annotated[
    int | None,
    typer.Option("--min-posts", min=1, max=1000, metavar="N", help="With fewer it waits for the next time."),
]
MaxPosts = Annotated[
    int | None,
    typer.Option(
        "--max-posts", min=0, max=1000, metavar="N", help="So many are shown, the others counted; 0 for all."
    ),
]
Order = Annotated[DigestOrder | None, typer.Option("--order", help="What comes first.")]
Grouping = Annotated[GroupBy | None, typer.Option("--group-by", help="What its posts stand under.")]


def said(**options: Any) -> dict[str, Any]:
    """Options as ``digests.store`` takes them, but for those that were not given."""
    given = {name: value for name, value in options.items() if value is not None}
    for name, unit in (("max_age", "days"), ("max_lateness", "hours")):
        if name in given:
            given[name] = timedelta(**{unit: given[name]})
    return given


def offered(cadence: str, offer: Sequence[str] | None) -> list[str] | None:
    """The cadences that readers may choose, the digest's own among them; None: nothing said of it."""
    return [cadence, *offer] if offer else None


def warn_of_missing(wiring: "Wiring", template: str | None) -> None:
    """A line when there are no such templates yet: a folder of the publisher's own may come tomorrow."""
    from templates.filling import email_templates, nearest

    known = email_templates(wiring.environment)
    if template is not None and template not in known:
        hint = nearest(template, known) or f"; there are {', '.join(known)}"
        say(f"labelcast: warning: there is no template {template!r}, and nothing is sent without{hint}")
