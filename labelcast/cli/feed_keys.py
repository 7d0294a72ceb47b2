"""``labelcast feeds grant``, ``revoke`` and ``grants``: who may read a private feed."""

from typing import Annotated

import typer

from labelcast.cli.errors import CommandFailed
from labelcast.cli.feed_options import AsJson, FeedFormat, Form, Slug
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer, answer_json, answer_table, say

Reader = Annotated[
    str, typer.Argument(metavar="READER", help="An address, or any name you know the reader by.")
]


def grant(context: typer.Context, slug: Slug, reader: Reader, *, form: Form = FeedFormat.ATOM) -> None:
    """Print a reader's own address of a private feed. It is shown once; the one they had is good no more."""
    from feeds.keys import grant, private_url
    from feeds.selection import find_feed

    with opened(context) as wiring, wiring.database.write() as connection:
        key = grant(connection, slug, reader, now=moment(None))
        spec = find_feed(connection, wiring.site, slug)
        if spec is None:
            raise CommandFailed(f"feed {slug}: it was removed meanwhile")
        address = private_url(wiring.site, spec, form.value, key)
    answer(address)
    say(f"feed {slug}: whoever has this address reads it as {reader}; it cannot be shown again")


def revoke(context: typer.Context, slug: Slug, reader: Reader) -> None:
    """Take a reader's key to a private feed from them."""
    from feeds.keys import revoke

    with opened(context) as wiring, wiring.database.write() as connection:
        had_one = revoke(connection, slug, reader, now=moment(None))
    if not had_one:
        raise CommandFailed(
            f"feed {slug}: {reader} has no key to it; `labelcast feeds grants {slug}` shows who has"
        )
    say(f"feed {slug}: {reader} may read it no more")


def grants(context: typer.Context, slug: Slug, *, as_json: AsJson = False) -> None:
    """List who may read a private feed, and who no more may."""
    from feeds.keys import grants

    with opened(context) as wiring, wiring.database.read() as connection:
        found = grants(connection, slug)
    if as_json:
        answer_json(
            [{"reader": one.reader, "granted": one.created_at, "revoked": one.revoked_at} for one in found]
        )
    else:
        answer_table(
            ("reader", "granted", "revoked"),
            [(one.reader, one.created_at, one.revoked_at or "") for one in found],
        )
