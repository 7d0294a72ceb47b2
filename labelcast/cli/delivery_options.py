"""The options that the commands of ``labelcast deliveries`` share."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from digests.model import DeliveryState


class State(StrEnum):
    """A delivery's state, as it is typed."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    SKIPPED = "skipped"


def _typed(text: str) -> State:
    try:
        return State(text.replace("-", "_"))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no state: there are {', '.join(State)}") from error


AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
OfState = Annotated[
    State | None, typer.Option("--state", parser=_typed, metavar="S", help="Only those in this state.")
]
Number = Annotated[
    int | None, typer.Option("--edition", metavar="N", min=1, max=10**9, help="Only those of this edition.")
]
Limit = Annotated[int | None, typer.Option("--limit", metavar="N", min=1, max=10**9, help="At most so many.")]


def a_state(typed: State | None) -> "DeliveryState | None":
    """What was typed, as the ledger has it."""
    from digests.model import DeliveryState

    return None if typed is None else DeliveryState(typed.value)
