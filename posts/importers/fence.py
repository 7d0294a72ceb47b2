"""A transport that never talks to a private network, whatever a name resolves to or a server redirects to."""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx2

Resolver = Callable[[str, int], list[str]]

# IPv6 that only wraps an IPv4 address (RFC 6052, RFC 8215): what counts is the one inside.
_WRAPPED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))


class Fenced(httpx2.TransportError):
    """An address was not connected to, because it is on a private network."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves it; raises ``OSError``."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an address is of the open internet: not loopback, private, link-local, multicast, reserved."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _wrapped(parsed)
    return parsed.is_global and not parsed.is_multicast and (inner is None or is_public(str(inner)))


def _wrapped(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if any(address in network for network in _WRAPPED):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


class FencedTransport(httpx2.BaseTransport):
    """HTTP to public addresses only, and to the one origin that ``trusted`` names.

    A name is resolved once; the connection goes to the address that was looked at, so a second answer of
    the name server cannot swap it. TLS still checks the certificate against the name. No proxy of the
    environment is used: it would connect for us, on the other side of the fence.
    """

    def __init__(self, *, trusted: httpx2.URL | None, resolver: Resolver = resolve) -> None:
        self._trusted = _origin(trusted) if trusted is not None else None
        self._resolver = resolver
        self._inner = httpx2.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to a checked address; raises ``Fenced`` or httpx2's own errors."""
        addresses = self._addresses(request.url)
        for number, address in enumerate(addresses, start=1):
            try:
                return self._inner.handle_request(_at_address(request, address))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise httpx2.ConnectError(f"{request.url.host} has no address")

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _addresses(self, url: httpx2.URL) -> list[str]:
        try:
            found = self._resolver(url.host, _port(url))
        except (OSError, UnicodeError) as error:
            raise httpx2.ConnectError(f"{url.host} is not known to the name servers") from error
        if self._trusted == _origin(url):
            return found
        public = [address for address in found if is_public(address)]
        if found and not public:
            raise Fenced(f"{url.host} is on a private network, where nothing is fetched from")
        return public


def _at_address(request: httpx2.Request, address: str) -> httpx2.Request:
    """The same request, sent to an address; the Host header and the name for TLS stay the name."""
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


def _port(url: httpx2.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host.lower(), _port(url)
