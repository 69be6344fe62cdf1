"""Proxies of the user's own: what they say of a request is believed, and what anybody else says is not."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from myi_pipelines.runtime.request_guard import App, Receive, Scope, Send

Networks = Sequence[IPv4Network | IPv6Network]


class TrustedProxies:
    """Takes scheme, address and name of a listener from a proxy's headers, where the request comes from one.

    The name is in the scope as ``state["proxy_user"]``.
    """

    def __init__(self, app: App, networks: Networks, header: str) -> None:
        self._app = app
        self._networks = networks
        self._header = header.lower().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and is_among(_peer(scope), self._networks):
            scope = {**scope, "state": dict(scope.get("state", {}))}
            if _last(scope, b"x-forwarded-proto") == "https":
                scope["scheme"] = "https" if scope["type"] == "http" else "wss"
            if address := self._client(scope):
                scope["client"] = (address, 0)
            names = [value for name, value in scope["headers"] if name == self._header]
            if self._header and len(names) == 1:
                scope["state"]["proxy_user"] = names[0].decode("utf-8", "replace")
        await self._app(scope, receive, send)

    def _client(self, scope: Scope) -> str | None:
        """The last address that is not a proxy's: those before it are what the client says of itself. None where a
        proxy says something else there."""
        forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
        addresses = [one.strip() for one in forwarded.split(",") if one.strip()]
        found = next((one for one in reversed(addresses) if not is_among(one, self._networks)), "")
        host = host_of(found)
        return str(host) if host is not None else None


def is_among(address: str, networks: Networks) -> bool:
    """Whether an address lies in one of the networks."""
    host = host_of(address)
    return host is not None and any(host.version == network.version and host in network for network in networks)


def host_of(address: str) -> IPv4Address | IPv6Address | None:
    """An address without the port that some proxies write behind it; None for a text that has none.

    >>> str(host_of("10.1.2.3:5000")), str(host_of("[2001:db8::1]:5000")), str(host_of("::ffff:10.1.2.3"))
    ('10.1.2.3', '2001:db8::1', '10.1.2.3')
    """
    if address.startswith("["):
        text = address[1:].partition("]")[0]
    else:
        text = address.partition(":")[0] if address.count(":") == 1 else address
    try:
        host = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return host.ipv4_mapped or host if isinstance(host, IPv6Address) else host


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _last(scope: Scope, header: bytes) -> str:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == header]
    return values[-1].rpartition(",")[2].strip().lower() if values else ""
