"""Writers who take turns: of those who look before they write, one looks once the other has written."""

from sqlalchemy import Connection, func, select


def take_turn(connection: Connection, name: str) -> None:
    """Wait until no other transaction has the turn of this name, and have it until this one ends.

    Take it before any other lock, so that nobody waits for somebody who waits for them. SQLite has one
    writer at a time anyway.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"labelcast {name}"))))
