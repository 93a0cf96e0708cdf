"""All policies of one moment, compiled: a transaction keeps the one it began with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from smtpguard.policy.controller import Controller
from smtpguard.policy.stream import Stream


@dataclass(frozen=True, slots=True)
class Policy:
    """Every stream of every controller, and what happens to mail that matches none."""

    version: str
    """Hash of all that was read, 12 hexadecimal digits."""
    controllers: Mapping[str, Controller] = field(default_factory=dict)
    streams: tuple[Stream, ...] = ()
    default_refuses: bool = False
    """Mail that matches no stream is refused instead of relayed as personal."""
    warnings: tuple[str, ...] = ()
    """What ``check`` says without failing, each ``file:line:column: ...``."""
