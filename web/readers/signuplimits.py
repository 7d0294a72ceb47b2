"""How often somebody may sign up: by network, by the address's domain, and by address. In memory."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network
from math import ceil
from threading import Lock
from time import monotonic

from subscribers.address import Address, normalize
from web.readers.counted import Counted

# Not every time that somebody types an address is a mail: so many times more may they do that.
TYPED_MORE = 10
# Of an address in IPv4 and IPv6, what one household or office has.
_PREFIX = {4: 24, 6: 48}


@dataclass(frozen=True, slots=True)
class Allowed:
    """How many sign-ups are taken; 0: any number."""

    per_address_day: int = 3
    per_network_hour: int = 30
    per_domain_hour: int = 300


class SignupLimits:
    """Counts sign-ups over the hour, or the day, that ends now; any thread may ask."""

    def __init__(self, allowed: Allowed, *, clock: Callable[[], float] = monotonic) -> None:
        hour, day = timedelta(hours=1), timedelta(days=1)
        self._network = Counted(allowed.per_network_hour, hour, clock)
        self._domain = Counted(allowed.per_domain_hour, hour, clock)
        self._mails = Counted(allowed.per_address_day, day, clock)
        self._typed = Counted(allowed.per_address_day * TYPED_MORE, day, clock)
        self._reminded = Counted(min(1, allowed.per_address_day), hour, clock)
        self._lock = Lock()

    def __len__(self) -> int:
        """How many networks, domains and addresses are remembered."""
        return sum(map(len, (self._network, self._domain, self._mails, self._typed, self._reminded)))

    def wait(self, origin: str, address: Address) -> int:
        """Take a sign-up from an IP address: 0; or the seconds to wait, where too many came.

        One that is not taken counts for nothing.
        """
        asked = ((self._network, network_of(origin)), (self._domain, address.key.rpartition("@")[2]))
        with self._lock:
            if wait := max(counted.wait(key) for counted, key in asked):
                return ceil(wait)
            for counted, key in asked:
                counted.take(key)
        return 0

    def is_over(self, address: Address) -> bool:
        """Note that somebody typed an address; whether that was done so often today that nothing follows."""
        return not self._typed.take(address.key)

    def may_mail(self, email: str) -> bool:
        """Take a mail to an address, unless it has had all of its mails for today."""
        return self._mails.take(normalize(email).key)

    def may_remind(self, email: str) -> bool:
        """Take a mail that tells who gets a digest already that they do: one an hour, whatever was asked."""
        return self._reminded.take(normalize(email).key)


def network_of(origin: str) -> str:
    """The network that an IP address is of; what is none stands for itself."""
    try:
        address = ip_address(origin.partition("%")[0])
    except ValueError:
        return origin
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return str(ip_network((address, _PREFIX[address.version]), strict=False))
