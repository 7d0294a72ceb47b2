"""``labelcast deliveries``: what went to whom, and sending again."""

import typer

from labelcast.cli import delivery_views
from labelcast.cli.delivery_options import AsJson, Limit, Number, OfState, a_state
from labelcast.cli.opening import moment, opened
from labelcast.cli.output import answer_json, answer_table, say

app = typer.Typer(help="List what went to whom; send again what failed.", rich_markup_mode=None)

app.command("editions")(delivery_views.editions)
app.command("answers")(delivery_views.answers)


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_(context, as_json=as_json)


@app.command("list")
def list_(
    context: typer.Context,
    *,
    state: OfState = None,
    number: Number = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first. Each tells to whom, of what, its state, and the server's last word."""
    from digests.deliveries import list_deliveries

    with opened(context) as wiring, wiring.database.read() as connection:
        found = list(list_deliveries(connection, state=a_state(state), number=number, limit=limit))
    if as_json:
        answer_json(
            [
                {
                    "id": one.id,
                    "email": one.email,
                    "digest": one.digest,
                    "edition": one.edition,
                    "state": one.state,
                    "attempts": one.attempts,
                    "doubts": one.doubts,
                    "message_id": one.message_id,
                    "due": one.due_at,
                    "reply": one.reply,
                    "updated": one.updated_at,
                }
                for one in found
            ]
        )
        return
    columns = ("email", "digest", "edition", "state", "attempts", "updated", "reply")
    answer_table(
        columns, [(d.email, d.digest, d.edition, d.state, d.attempts, d.updated_at, d.reply) for d in found]
    )


@app.command("retry")
def retry(context: typer.Context, *, number: Number = None) -> None:
    """Queue again what failed; it goes out at the next tick."""
    _requeue(context, "failed", number)


@app.command("release")
def release(context: typer.Context, *, number: Number = None) -> None:
    """Queue again what is in doubt. It goes out at the next tick, under the Message-ID it had."""
    _requeue(context, "in_doubt", number)


def _requeue(context: typer.Context, state: str, number: int | None) -> None:
    from digests.deliveries import requeue
    from digests.model import DeliveryState

    with opened(context) as wiring, wiring.database.write() as connection:
        count = requeue(connection, DeliveryState(state), number=number, now=moment(None))
    say(f"{count} deliveries queued again")
