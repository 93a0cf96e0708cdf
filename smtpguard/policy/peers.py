"""Places and neighbours on a network, as an operator writes them; nothing is resolved or opened."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where something listens: a host and a port, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def loopback(self) -> bool:
        """Nobody but this machine reaches it."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read ``127.0.0.1:10025``, ``[::1]:25``, ``mail.example:25`` or ``unix:/path``.

        ``ValueError`` otherwise; its text is for the operator.
        """
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path or "\0" in path:
                raise ValueError("expected a path after `unix:`")
            return cls(path=path)
        name, colon, port = text.rpartition(":")
        literal = name.startswith("[") and name.endswith("]")
        if not colon or not name or (":" in name and not literal):
            raise ValueError(f"`{text[:80]}`: expected HOST:PORT, [IPv6]:PORT or unix:/path")
        if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
            raise ValueError(f"`{port[:20]}` is not a port, 0 to 65535")
        if literal:
            return cls(str(IPv6Address(name[1:-1])), int(port))
        return cls("0.0.0.0" if name == "*" else name, int(port))  # noqa: S104 - as written


@dataclass(frozen=True, slots=True)
class Peers:
    """Networks, and perhaps the clients of unix sockets (their address is empty)."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unix: bool = False

    def __contains__(self, peer: str) -> bool:
        if not peer:
            return self.unix
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self.networks)

    def __bool__(self) -> bool:
        return bool(self.networks) or self.unix

    def overlaps(self, other: Peers) -> bool:
        """Whether some client belongs to both."""
        return (self.unix and other.unix) or any(
            mine.version == theirs.version and mine.overlaps(theirs)
            for mine in self.networks
            for theirs in other.networks
        )

    def written(self) -> list[str]:
        """As an operator writes them."""
        return [*map(str, self.networks), *(["unix"] if self.unix else [])]

    @classmethod
    def parse(cls, words: Iterable[str]) -> Peers:
        """Read addresses, networks and the word ``unix``; ``ValueError`` otherwise."""
        words = list(words)
        networks = [word for word in words if word != "unix"]
        for word in networks:
            try:
                ip_network(word)
            except ValueError as error:
                raise ValueError(f"`{word[:60]}` is not a network: {error}") from None
        return cls(tuple(ip_network(word) for word in networks), len(networks) < len(words))
