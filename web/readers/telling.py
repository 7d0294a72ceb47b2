"""A page that tells or asks one thing, in a few words, with buttons that act and ways that lead on."""

from collections.abc import Callable, Sequence
from typing import Any

from web.readers.readerlinks import Told

# Purpose, number, and what it says; and the page behind the token, where it is not the first.
Way = tuple[str, int, str] | tuple[str, int, str, str]


def tell(
    heading: str,
    *words: str,
    buttons: Sequence[Way] = (),
    ways: Sequence[Way] = (),
    is_done: bool = False,
    status: int = 200,
    after: Callable[[], object] | None = None,
) -> Told:
    """The page. ``is_done``: what was asked for is done, and no button is the one to press."""
    context: dict[str, Any] = {"heading": heading, "words": words, "buttons": buttons, "ways": ways}
    if is_done:
        context["is_done"] = True
    return Told("told.html", context, status, after)


def not_possible() -> Told:
    """Nothing can be changed: the reader was erased, or is suppressed, or never confirmed."""
    words = "No mail is sent to this address any more. To get some, sign up anew."
    return tell("This is not possible", words, status=409)


def back_to(number: int) -> tuple[Way, ...]:
    """The way back to what a reader gets."""
    return (("preferences", number, "Back to what you get"),)
