"""``labelcast doctor``: is everything as it should be?"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from labelcast.cli.output import answer, answer_json


def command(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Look over settings, database, mail server, DNS and clock. One line each: ok, or what to do.

    Sends nothing and changes nothing. Exit code 1 if anything is not as it should be.
    """
    from labelcast.doctor import Health, examine
    from labelcast.doctor_dns import system_answers

    bad = False
    documents: list[dict[str, str]] = []
    for finding in examine(context.obj.config, now=lambda: datetime.now(UTC), answers=system_answers):
        bad = bad or finding.health is Health.PROBLEM
        documents.append({"what": finding.what, "health": finding.health, "said": finding.said})
        if not as_json:
            answer(f"{finding.what:10} {finding.health:12} {finding.said}")
    if as_json:
        answer_json(documents)
    if bad:
        raise typer.Exit(1)
