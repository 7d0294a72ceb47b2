"""``labelcast subscribers show``, ``suppress``, ``lift`` and ``erase``: a reader, or who is to be none."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer, answer_json, instant, say
from labelcast.cli.subscriber_choices import Email

if TYPE_CHECKING:
    from collections.abc import Iterator

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


class Reason(StrEnum):
    """Why nothing is to be sent to an address, as it is typed."""

    BY_HAND = "by-hand"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


def show(context: typer.Context, email: Email, *, as_json: AsJson = False) -> None:
    """Show all that is kept about a reader. With --json, it is what to hand them if they ask for it."""
    from labelcast.reader_export import about_reader

    with opened(context) as wiring, wiring.database.read() as connection:
        document = about_reader(connection, email)
    if as_json:
        answer_json(document)
    else:
        for line in _lines(document):
            answer(line)


def suppress(
    context: typer.Context,
    email: Email,
    *,
    reason: Annotated[Reason, typer.Option("--reason", help="Why.")] = Reason.BY_HAND,
) -> None:
    """Never write to an address again. A reader need not have it, and no list brings it back."""
    from labelcast.readers import suppression_salt
    from subscribers.suppression import SuppressionReason, suppress

    with opened(context) as wiring, wiring.database.write() as connection:
        why = SuppressionReason(reason.value.replace("-", " "))
        salt = suppression_salt(connection)
        is_new = suppress(connection, email, reason=why, now=moment(None), salt=salt)
    say(f"{email}: {'suppressed' if is_new else 'was suppressed before'}")


def lift(context: typer.Context, email: Email) -> None:
    """Let an address be written to again. Its reader's subscriptions stay ended: they have to agree anew.

    Not of a reader who was erased: only they themselves can come back.
    """
    from labelcast.readers import suppression_salt
    from subscribers.suppression import lift

    with opened(context) as wiring, wiring.database.write() as connection:
        was = lift(connection, email, salt=suppression_salt(connection))
    say(f"{email}: {'may be written to again' if was else 'was not suppressed'}")


def erase(context: typer.Context, email: Email) -> None:
    """Forget who a reader is, as they wished. Only they themselves can come back."""
    from labelcast.readers import erase_reader
    from labelcast.scrubbing import scrub

    with opened(context) as wiring:
        with wiring.database.write() as connection:
            done = erase_reader(connection, email, now=moment(None))
        left = scrub(wiring.database)
    say(f"{email}: {'erased' if done else 'was erased before'}")
    if left is not None:
        say(f"the unused parts of the database's file may hold it still: {left}")


def _lines(document: dict[str, Any]) -> "Iterator[str]":
    """A line for each thing that is kept."""
    for name in ("email", "state", "language", "added"):
        if document.get(name) is not None:
            yield f"{name}\t{_word(document[name])}"
    if document["suppressed"]:
        yield f"suppressed\t{document['suppressed']['reason']}\t{_word(document['suppressed']['at'])}"
    for kind in ("subscriptions", "consents", "deliveries", "bounces"):
        for one in document.get(kind, ()):
            told = [f"{name} {_word(value)}" for name, value in one.items() if value not in (None, ())]
            yield "\t".join([kind.removesuffix("s").replace("deliverie", "delivery"), *told])


def _word(value: object) -> str:
    from datetime import datetime

    if isinstance(value, datetime):
        return instant(value) or ""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return " ".join(str(value).split())
