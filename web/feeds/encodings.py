"""Content codings (RFC 9110, 8.4.1): which one a client gets, and bytes made in it. All pure."""

from functools import lru_cache
from typing import Literal

from feeds.publishing.compressing import ENCODERS

Coding = Literal["identity", "br", "zstd", "gzip"]

# Below this a compressed answer is no smaller.
WORTH_COMPRESSING = 500

# No client says more; and what anyone may send must not fill the memory below.
_LONGEST = 1000

# The smallest first (a feed of 100 KB becomes 27.6, 28.0 and 29.2 KB): of those that a client wants alike it
# gets the first here.
CODINGS: tuple[Coding, ...] = ("br", "zstd", "gzip")


def encode(body: bytes, coding: Coding) -> bytes:
    """``body`` in a coding, the same bytes each time; ``identity`` is the body itself."""
    return body if coding == "identity" else ENCODERS[coding](body)


def choose(accepts: str | None) -> Coding:
    """The coding that the value of Accept-Encoding (None: there is none) asks for (RFC 9110, 12.5.3).

    ``identity`` when it asks for nothing that there is: an answer it may not be able to read is better than
    none, and a client that says nothing may be unable to read any coding.
    """
    return _chosen((accepts or "")[:_LONGEST])


@lru_cache(maxsize=512)
def _chosen(accepts: str) -> Coding:
    weights = _weights(accepts)
    anything = weights.get("*", 0.0)
    # Unless it is named, the plain form is what a client takes when it gets nothing better.
    plain = weights.get("identity", anything)
    best = max(CODINGS, key=lambda coding: weights.get(coding, anything))
    weight = weights.get(best, anything)
    return best if weight > 0 and weight >= plain else "identity"


def _weights(accepts: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for item in accepts.lower().split(","):
        coding, *parameters = (part.strip() for part in item.split(";"))
        weights[coding.removeprefix("x-")] = weight_of(parameters)
    return weights


def weight_of(parameters: list[str]) -> float:
    """The ``q`` among an item's parameters (RFC 9110, 12.4.2): 1 if there is none, 0 if it is no weight."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            return _weight(value.strip())
    return 1.0


def _weight(value: str) -> float:
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    # Neither infinity nor what is no number.
    return weight if 0 <= weight <= 1 else 0.0
