"""How often somebody may try a password: ever slower, then not for a while, never shut out for good.

A network may try so often, and a name may be tried so often from all networks together. So a stranger who
tries somebody's name all day would keep its owner out, if a browser that has logged in as that name were not
counted by itself: it bears a mark that only the account's own key makes (as OWASP's "device cookies").
"""

import hmac
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock
from time import time

from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

# In a quarter of an hour, from one network or from a browser that is known; and in an hour, for one name.
PER_NETWORK, PER_NAME = 10, 100
# So many tries cost no time; each further one costs this much more, up to the longest.
_FREE, _STEP, _LONGEST = 3, 0.5, 3.0
# Passwords looked at, or waiting to be, at once; what is more would take the threads that serve readers.
_MOST_AT_ONCE = 8
_NETWORK, _KNOWN = (RateLimitItemPerMinute(PER_NETWORK, 15, namespace=name) for name in ("network", "known"))
_NAME = RateLimitItemPerHour(PER_NAME, 1, namespace="name")


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a password is looked at: after ``refused`` seconds perhaps, if that is not 0.

    ``pause`` is how many seconds the answer waits if the password is wrong.
    """

    refused: int = 0
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Attempts:
    """Counts attempts, in this process."""

    _limiter: FixedWindowRateLimiter = field(default_factory=lambda: FixedWindowRateLimiter(MemoryStorage()))
    _under_way: list[int] = field(default_factory=lambda: [0])
    _lock: Lock = field(default_factory=Lock)

    def admit(self, network: str, name: str, known: str | None) -> Admission:
        """Count an attempt from a network at a name; ``known`` names a browser that has been let in before.

        What is refused is not counted.
        """
        name = sha256(name.strip().casefold().encode(errors="replace")).hexdigest()
        asked = [(_KNOWN, known)] if known else [(_NETWORK, network), (_NAME, name)]
        with self._lock:
            for limit, key in asked:
                if not self._limiter.test(limit, key):
                    until = self._limiter.get_window_stats(limit, key).reset_time
                    return Admission(refused=max(1, int(until - time()) + 1))
            if not known and self._under_way[0] >= _MOST_AT_ONCE:
                return Admission(refused=5)
            for limit, key in asked:
                self._limiter.hit(limit, key)
            left = min(self._limiter.get_window_stats(limit, key).remaining for limit, key in asked[:1])
            self._under_way[0] += 1
        tried = PER_NETWORK - left
        return Admission(pause=min(max(0, tried - _FREE) * _STEP, _LONGEST))

    def done(self) -> None:
        """A password that was admitted has been looked at."""
        with self._lock:
            self._under_way[0] -= 1


def network_of(host: str) -> str:
    """Whose an address is: of IPv6 a household has 2^64."""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ip_network((address, 64), strict=False).network_address)
    return host


def mark(key: bytes) -> str:
    """A mark for a browser that has logged in to the account which the key is of."""
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_sealed(key, nonce)}"


def read_mark(key: bytes | None, marked: str) -> str | None:
    """Which browser a mark is of; None unless the account's key made it."""
    nonce, _, seal = marked.partition(".")
    if key is None or not nonce or len(nonce) > 64:
        return None
    return nonce if hmac.compare_digest(seal.encode(errors="replace"), _sealed(key, nonce).encode()) else None


def _sealed(key: bytes, nonce: str) -> str:
    return hmac.new(key, nonce.encode(errors="replace"), sha256).hexdigest()
