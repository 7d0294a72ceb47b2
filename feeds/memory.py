"""A bounded memory for bytes: what was used least recently goes first."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Values by key, of at most ``limit`` bytes together (each put in with its size). Thread-safe."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, keys: Iterable[K]) -> dict[K, V]:
        """The values that are still there, by key."""
        found: dict[K, V] = {}
        with self._lock:
            for key in keys:
                held = self._kept.get(key)
                if held is not None:
                    self._kept.move_to_end(key)
                    found[key] = held[0]
        return found

    def put(self, values: Iterable[tuple[K, V, int]]) -> None:
        """Keep values (key, value, size) in place of older ones; one larger than the limit is not kept."""
        with self._lock:
            for key, value, size in values:
                _, freed = self._kept.pop(key, (None, 0))
                self._used -= freed
                if size <= self._limit:
                    self._kept[key] = (value, size)
                    self._used += size
            while self._used > self._limit:
                _, (_, freed) = self._kept.popitem(last=False)
                self._used -= freed
