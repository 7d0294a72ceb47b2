"""What one process has done since it began: a few numbers that only grow."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers at one moment.

    Answers to requests for feeds by status, builds, documents written, and messages by what became of them.
    """

    answers: dict[int, int]
    builds: int
    documents: int
    messages: dict[str, int] = field(default_factory=dict)


class Counting:
    """Counts. Thread-safe; costs less than a microsecond a call."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._answers: Counter[int] = Counter()
        self._builds = 0
        self._documents = 0
        self._messages: Counter[str] = Counter()

    def answered(self, status: int) -> None:
        """A request for a feed was answered with this status."""
        with self._lock:
            self._answers[status] += 1

    def built(self, documents: int) -> None:
        """The site was published, and so many of its documents were written."""
        with self._lock:
            self._builds += 1
            self._documents += documents

    def delivered(self, states: Mapping[str, int]) -> None:
        """A run of sending ended: so many messages per state."""
        with self._lock:
            self._messages.update(states)

    def now(self) -> Counts:
        """The numbers as they are."""
        with self._lock:
            return Counts(dict(self._answers), self._builds, self._documents, dict(self._messages))
