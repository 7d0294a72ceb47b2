"""``labelcast deliveries editions`` and ``answers``: how the mail stands, counted."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli.delivery_options import AsJson, Number, OfState, a_state
from labelcast.cli.opening import opened
from labelcast.cli.output import answer_json, answer_table

if TYPE_CHECKING:
    from digests.model import DeliveryState
    from digests.standing import EditionStanding

# Why an edition was not mailed, for people.
_REASONS = {"nothing_new": "nothing new", "too_few": "too few posts yet"}


def editions(
    context: typer.Context,
    *,
    slug: Annotated[str | None, typer.Option("--digest", metavar="D", help="Only this digest's.")] = None,
    number: Number = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=10**6, help="At most so many.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """List editions, newest first. Each has its window, its readers, and its deliveries in each state."""
    from digests.standing import edition_standings
    from digests.store import get_digest

    with opened(context) as wiring, wiring.database.read() as connection:
        if slug is not None:
            get_digest(connection, slug)
        found = edition_standings(connection, slug=slug, number=number, limit=limit)
    if as_json:
        answer_json([_document(one) for one in found])
        return
    columns = ("edition", "digest", "window end", "labels", "readers", "standing", "subject")
    answer_table(
        columns,
        [
            (one.id, one.digest, one.window_end, one.labels or "all", one.readers, standing(one), one.subject)
            for one in found
        ],
    )


def answers(
    context: typer.Context, *, number: Number = None, state: OfState = None, as_json: AsJson = False
) -> None:
    """Count what servers answered, the most frequent first. It is of the newest 50 editions, or of one."""
    from digests.standing import count_answers

    with opened(context) as wiring, wiring.database.read() as connection:
        found = count_answers(connection, number=number, state=a_state(state))
    if as_json:
        answer_json(
            [
                {"state": one.state, "answer": one.answer, "count": one.count, "example": one.example}
                for one in found
            ]
        )
    else:
        answer_table(
            ("count", "state", "answer", "example"),
            [(one.count, one.state, one.answer, one.example) for one in found],
        )


def standing(one: "EditionStanding") -> str:
    """An edition's deliveries by state, or why there are none."""
    if one.reason is not None:
        return _REASONS.get(one.reason, one.reason)
    return _counts(one.states)


def _counts(states: "Mapping[DeliveryState, int]") -> str:
    return ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(states.items()))


def _document(one: "EditionStanding") -> dict[str, object]:
    return {
        "edition": one.id,
        "digest": one.digest,
        "window_start": one.window_start,
        "window_end": one.window_end,
        "labels": one.labels,
        "language": one.language,
        "reason": one.reason,
        "readers": one.readers,
        "subject": one.subject,
        "states": dict(one.states),
    }
