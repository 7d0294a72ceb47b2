"""``labelcast subscribers add``, ``set``, ``pause``, ``resume``, ``unsubscribe``: what a reader chooses."""

from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli.errors import UsageProblem
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import instant, say
from labelcast.cli.rules import warn_of_unknown

if TYPE_CHECKING:
    from digests.choosing import Words

Email = Annotated[str, typer.Argument(metavar="E", help="The address.")]
DigestOption = Annotated[str, typer.Option("--digest", metavar="D", help="The slug of the digest.")]
OneDigest = Annotated[
    str | None, typer.Option("--digest", metavar="D", help="Only this digest, else all of them.")
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="L", help="Only posts with this label; can be given more than once."),
]
CadenceOption = Annotated[
    str | None, typer.Option("--cadence", metavar="C", help="instant, daily, weekly or monthly.")
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="AT", help="When: 08:00, 'mon 08:00', '15 08:00', 'last 08:00'."),
]
Timezone = Annotated[str | None, typer.Option("--timezone", metavar="Z", help="The reader's timezone.")]
Language = Annotated[str | None, typer.Option("--language", metavar="TAG", help="The reader's language.")]
Content = Annotated[str | None, typer.Option("--content", metavar="HOW", help="Posts in full or summary.")]
Form = Annotated[str | None, typer.Option("--form", metavar="FORM", help="Mail as html or text.")]
Confirmed = Annotated[
    bool, typer.Option("--confirmed", help="They agreed, and you vouch for it; else nothing is sent yet.")
]


def add(
    context: typer.Context,
    email: Email,
    *,
    digest: DigestOption,
    labels: Labels = None,
    cadence: CadenceOption = None,
    at: At = None,
    timezone: Timezone = None,
    language: Language = None,
    content: Content = None,
    form: Form = None,
    confirmed: Confirmed = False,
) -> None:
    """Subscribe a reader to a digest. A reader who is subscribed already gets what is chosen now."""
    from digests.choosing import Words
    from digests.store import get_digest
    from labelcast.readers import add_reader, unknown_choices

    with opened(context) as wiring, wiring.database.write() as connection:
        warn_of_unknown(connection, unknown_choices(connection, labels or ()))
        reader = add_reader(
            connection,
            email,
            get_digest(connection, digest),
            Words(labels, cadence, at, timezone, language, content, form),
            confirmed=confirmed,
            origin="command",
            now=moment(None),
        )
    waits = any(one.digest == digest and one.waits for one in reader.subscriptions)
    state = "waits until they agree to it" if waits else str(reader.state)
    say(f"{reader.email}: subscribed to {digest}; {state}")


def change(
    context: typer.Context,
    email: Email,
    *,
    digest: DigestOption,
    labels: Labels = None,
    cadence: CadenceOption = None,
    at: At = None,
    timezone: Timezone = None,
    language: Language = None,
    content: Content = None,
    form: Form = None,
    default: Annotated[
        bool, typer.Option("--default", help="All else back to the digest's own; '' does that for one.")
    ] = False,
) -> None:
    """Change what a reader chose of a digest. What is not named stays."""
    from digests.choosing import Words
    from labelcast.readers import change_reader, unknown_choices

    said = Words(labels, cadence, at, timezone, language, content, form)
    if said == Words() and not default:
        raise UsageProblem("nothing was chosen: name what to change, or --default")
    with opened(context) as wiring, wiring.database.write() as connection:
        warn_of_unknown(connection, unknown_choices(connection, labels or ()))
        change_reader(connection, email, digest, _or_default(said) if default else said)
    say(f"{email}: changed for {digest}")


def pause(
    context: typer.Context,
    email: Email,
    *,
    digest: OneDigest = None,
    until: Annotated[
        str,
        typer.Option(
            "--until", metavar="DATE", help="The day it goes on, in the reader's timezone, or an instant."
        ),
    ],
) -> None:
    """Send a reader nothing until a date. What comes out meanwhile is not sent later."""
    from labelcast.readers import pause_reader

    with opened(context) as wiring, wiring.database.write() as connection:
        paused = pause_reader(connection, email, digest, until=until, now=moment(None))
    for slug, end in paused:
        say(f"{email}: {slug} is paused until {instant(end)}")


def resume(context: typer.Context, email: Email, *, digest: OneDigest = None) -> None:
    """End a reader's pause."""
    from labelcast.readers import pause_reader

    with opened(context) as wiring, wiring.database.write() as connection:
        resumed = pause_reader(connection, email, digest, until=None, now=moment(None))
    say(f"{email}: goes on with {', '.join(slug for slug, _ in resumed)}")


def unsubscribe(context: typer.Context, email: Email, *, digest: OneDigest = None) -> None:
    """Unsubscribe a reader from a digest, or from all."""
    from labelcast.readers import unsubscribe_reader

    with opened(context) as wiring, wiring.database.write() as connection:
        ended = unsubscribe_reader(connection, email, digest, now=moment(None))
    say(f"{email}: unsubscribed from {', '.join(ended)}")


def _or_default(said: "Words") -> "Words":
    """What was said, and the digest's own for all else."""
    from dataclasses import fields, replace

    from digests.choosing import DEFAULT

    named = {one.name: getattr(said, one.name) for one in fields(said)}
    return replace(DEFAULT, **{name: value for name, value in named.items() if value is not None})
