"""The options that the commands of ``labelcast deliveries`` share."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from digests.model import DeliveryState

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
OfState = Annotated[str | None, typer.Option("--state", metavar="S", help="Only those in this state.")]
Number = Annotated[
    int | None, typer.Option("--edition", metavar="N", min=1, max=10**9, help="Only those of this edition.")
]
Limit = Annotated[int | None, typer.Option("--limit", metavar="N", min=1, max=10**9, help="At most so many.")]


def a_state(typed: str | None) -> "DeliveryState | None":
    """A state as it is typed, with a hyphen too; raises ``BadParameter`` when it is none."""
    from digests.model import DeliveryState

    if typed is None:
        return None
    try:
        return DeliveryState(typed.replace("-", "_"))
    except ValueError as error:
        states = ", ".join(DeliveryState)
        said = f"{typed!r} is no state: there are {states}"
        raise typer.BadParameter(said, param_hint="'--state'") from error
