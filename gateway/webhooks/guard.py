"""Which addresses a webhook may reach.

A client gives us a URL and we call it from inside: without a guard that reads the cloud's metadata or the
neighbour's admin page. The name is resolved once, every address it has must be allowed, and the connection
goes to that very address, so a second DNS answer cannot move it. Refusals name no address.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

import httpcore2

from gateway.errors import WebhookRefused
from gateway.settings import Network

#: RFC 6052: a gateway of the network turns these into IPv4.
_NAT64 = IPv6Network("64:ff9b::/96")
#: All of IPv6 that the internet routes; site-local and IPv4-compatible addresses lie outside.
_UNICAST = IPv6Network("2000::/3")
#: A public address that every virtual machine on Azure reaches its host by, metadata included.
_INNER = frozenset({IPv4Address("168.63.129.16")})
#: No space, control character or backslash, and nothing that only some readers turn into a digit.
_PLAIN = re.compile(r"[!-\[\]-~]+")

_REFUSED = "The webhook's host is not a public address; its operator can allow it with GATEWAY_WEBHOOK_ALLOW."


def check_url(url: str, *, http: bool, pointer: str = "#/webhook") -> None:
    """Refuse what can be refused without asking DNS.

    Raises:
        WebhookRefused: not an https URL (or http, where allowed), no host, or credentials in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("The webhook is not a URL.", pointer) from None
    schemes = ("https", "http") if http else ("https",)
    if parts.scheme not in schemes:
        raise _refused(f"The webhook must be a URL that starts with {' or '.join(schemes)}.", pointer)
    if not parts.hostname or port == 0 or not _PLAIN.fullmatch(url) or "%" in parts.hostname:
        raise _refused("The webhook is not a URL with a host, in ASCII as RFC 3986 writes it.", pointer)
    if "@" in parts.netloc:
        raise _refused("The webhook must not carry credentials.", pointer)


def _refused(detail: str, pointer: str) -> WebhookRefused:
    return WebhookRefused(detail, [{"detail": detail, "pointer": pointer}])


def is_allowed(address: str, allowed: Iterable[Network]) -> bool:
    """Whether a webhook may connect to this address: a public one, or one the operator allows."""
    found = _meant(ip_address(address))
    is_routed = isinstance(found, IPv4Address) or found in _UNICAST
    if is_routed and found.is_global and not found.is_multicast and found not in _INNER:
        return True
    return any(found in network for network in allowed)


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for: ``::ffff:10.0.0.1`` is 10.0.0.1."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


class AddressRefused(httpcore2.ConnectError):
    """The name leads to an address that webhooks may not reach."""


Resolve = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, as the system knows them.

    The system resolver also unfolds decimal, octal and hexadecimal spellings of an address.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections for a httpcore2 pool, to allowed addresses only."""

    def __init__(self, allowed: Sequence[Network], resolve: Resolve = resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of ``host``, if every one of them is allowed.

        Raises:
            AddressRefused: one of them is not.
        """
        try:
            async with asyncio.timeout(timeout):
                found = await self._resolve(host, port)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise httpcore2.ConnectError("the host could not be resolved") from error
        addresses = [address.partition("%")[0] for address in found]
        if not addresses or not all(is_allowed(address, self._allowed) for address in addresses):
            raise AddressRefused(_REFUSED)
        stream = await self._backend.connect_tcp(addresses[0], port, timeout, local_address, socket_options)
        # Who answered is what counts, whatever lies between; before TLS, and before a byte is sent.
        peer = str(stream.get_extra_info("server_addr")[0]).partition("%")[0]
        if not is_allowed(peer, self._allowed):
            await stream.aclose()
            raise AddressRefused(_REFUSED)
        return stream

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        """Refuse: a webhook goes over the network."""
        raise AddressRefused(_REFUSED)

    async def sleep(self, seconds: float) -> None:
        """Wait, as httpcore2 asks between its own retries."""
        await asyncio.sleep(seconds)
