"""What is kept of a database from one transaction to the next, in this process."""

from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

T = TypeVar("T")


class Remembered(Generic[T]):
    """One value for each database; it is for who keeps it to tell whether it still holds."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Engine, T] = WeakKeyDictionary()

    def of(self, connection: Connection) -> T | None:
        """What was kept last; None: nothing was."""
        return self._kept.get(connection.engine)

    def keep(self, connection: Connection, value: T) -> None:
        """Keep it, unless the transaction writes: what that sees may never have been."""
        if not connection.get_execution_options().get("labelcast_writes", True):
            self._kept[connection.engine] = value
