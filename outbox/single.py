"""One message over a connection of its own, outside the ledger: a test, or word to the operator."""

from collections.abc import Callable

from outbox.outcome import Outcome
from outbox.servers import Connection


async def send_one(
    connection: Connection,
    sender: str,
    recipient: str,
    data: bytes,
    *,
    fence: Callable[[], bool] = lambda: True,
) -> Outcome:
    """Open a connection, send one message as ``Connection.send`` wants it, close; say what became of it.

    ``fence`` is asked before the message's first byte. Raises ``ConnectionError`` when it cannot be opened.
    """

    async def may_send() -> bool:
        return True

    await connection.open()
    try:
        return await connection.send(sender, recipient, data, may_send=may_send, fence=fence)
    finally:
        await connection.close()
