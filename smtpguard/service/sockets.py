"""Listening sockets: bound by the parent or by systemd, inherited by every worker."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from smtpguard.policy.peers import Endpoint

BACKLOG = 1024


class Listener(Protocol):
    """What is bound: a place with a name, such as ``config.Listener``."""

    @property
    def name(self) -> str:
        """What systemd calls it as well."""

    @property
    def listen(self) -> Endpoint:
        """Where."""


def bind(
    listeners: Sequence[Listener], given: Mapping[str, Sequence[int]]
) -> dict[str, socket.socket]:
    """A listening socket for each listener, by name.

    One that systemd bound under the listener's name is taken instead. ``OSError`` with the
    listener's address where that cannot be bound; what was bound before is closed.
    """
    bound: dict[str, socket.socket] = {}
    try:
        for listener in listeners:
            fds = given.get(listener.name, ())
            bound[listener.name] = socket.socket(fileno=fds[0]) if fds else _bind(listener.listen)
    except OSError:
        for each in bound.values():
            each.close()
        raise
    for each in bound.values():
        each.setblocking(False)
        each.listen(BACKLOG)
    return bound


def address(listening: socket.socket) -> str:
    """Where it listens, as an operator writes it."""
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"unix:{name}"
    return str(Endpoint(name[0], name[1]))


def _bind(endpoint: Endpoint) -> socket.socket:
    try:
        if endpoint.path:
            return _bind_unix(Path(endpoint.path))
        family, kind, protocol, _, place = socket.getaddrinfo(
            endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind(place)
        except OSError:
            bound.close()
            raise
        return bound
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {endpoint}: {error.strerror}") from error


def _bind_unix(path: Path) -> socket.socket:
    """A socket at ``path``, one left behind by a process that died being removed first."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.stat().st_mode):
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                    if probe.connect_ex(str(path)) != 0:
                        path.unlink()
        bound.bind(str(path))
        # Who may open it may send: the group of the directory decides, as Postfix expects.
        os.chmod(path, 0o660)  # noqa: PTH101 - a socket has no Path.open
    except OSError:
        bound.close()
        raise
    return bound
