"""Whether a store may be believed when it says "nobody has opted out".

An emptied, evicting or forgetting store says just that. So a store carries a mark, ``sg:meta``,
which is read with every batch; the host remembers in its state directory which mark is the
right one; and a server whose settings would lose rows is refused. Every refusal says how to
mend it.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from smtpguard.keys import ReferenceKey
from smtpguard.store.errors import StoreUntrusted
from smtpguard.store.record import SCHEMA

KEY = b"key:"
FELL = 0.1
"""A count that fell by more than this share is worth an alarm."""
FEW = 100
"""Rows that may go without anybody being alarmed."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What ``sg:meta`` says."""

    generation: str
    schema: int
    created: int
    keys: Mapping[str, str] = field(default_factory=dict)
    """Fingerprint of every reference key that rows were written under, by its id."""

    @classmethod
    def read(cls, reply: Sequence[bytes]) -> Self | None:
        """The mark in the reply to HGETALL; ``None`` where there is none."""
        words = [octets.decode("utf-8", "replace") for octets in reply]
        fields = dict(zip(words[::2], words[1::2], strict=False))
        if not fields.get("generation"):
            return None
        return cls(
            generation=fields["generation"],
            schema=int(fields.get("schema", "0")) if fields.get("schema", "").isdigit() else 0,
            created=int(fields["created"]) if fields.get("created", "").isdigit() else 0,
            keys={
                name.removeprefix("key:"): value
                for name, value in fields.items()
                if name.startswith("key:")
            },
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """What this host remembers of its store."""

    generation: str = ""
    rows: int = 0

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it; a missing file is a host that has met no store yet."""
        try:
            kept = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            raise StoreUntrusted(
                f"{path} cannot be read ({error})", "restore it, or run `smtpguard store init`"
            ) from error
        return cls(str(kept.get("generation", "")), int(kept.get("rows", 0)))

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.write_text(
            json.dumps({"generation": self.generation, "rows": self.rows}) + "\n", "utf-8"
        )
        draft.replace(path)


def memory_path(state: Path) -> Path:
    """Where a host remembers its store."""
    return state / "store.json"


def new_generation() -> str:
    """A name that no other store has."""
    return secrets.token_hex(8)


def recognise(mark: Mark | None, memory: Memory, held: Iterable[ReferenceKey]) -> Mark:
    """``mark``, if it is that of the store this host knows; else raises ``StoreUntrusted``."""
    if mark is None:
        if memory.generation:
            raise StoreUntrusted(
                "the store has lost its mark: it was emptied, or it is another one",
                "restore it from its backup; to begin again without the objections it held,"
                " run `smtpguard store init --force`",
            )
        raise StoreUntrusted("the store was never set up", "run `smtpguard store init`")
    if memory.generation and mark.generation != memory.generation:
        raise StoreUntrusted(
            f"this is store {mark.generation}, and this host knows {memory.generation}",
            "correct store.url; if the change is meant, run `smtpguard store init --force`",
        )
    if mark.schema != SCHEMA:
        raise StoreUntrusted(
            f"the store's layout is {mark.schema}, and this version reads {SCHEMA}",
            "run the version that wrote it, on every host",
        )
    fingerprints = {key.id: key.fingerprint for key in held}
    for key_id, fingerprint in mark.keys.items():
        if key_id not in fingerprints:
            raise StoreUntrusted(
                f"the store has rows under reference key {key_id}, which is not held here",
                "copy its key file into the keys directory (`smtpguard keys verify` checks it)",
            )
        if fingerprints[key_id] != fingerprint:
            raise StoreUntrusted(
                f"reference key {key_id} is not the one the store's rows were written under",
                "restore the right key file from `smtpguard keys backup`",
            )
    return mark


def judge_server(info: Mapping[str, str], *, asserted: bool) -> str:
    """Raise ``StoreUntrusted`` for a server that may lose rows; the reply to INFO as a mapping.

    Returns a warning, or an empty string. ``asserted``: eviction and persistence are the
    operator's word.
    """
    if info.get("role", "master") not in ("master", "primary"):
        raise StoreUntrusted(
            "the server is a replica, which lags behind and takes no opt-outs",
            "point store.url at the primary",
        )
    if asserted:
        return ""
    policy = info.get("maxmemory_policy", "")
    if policy.startswith("allkeys-"):
        raise StoreUntrusted(
            f"the server evicts rows (maxmemory-policy {policy})",
            "`CONFIG SET maxmemory-policy noeviction`, and the same in its configuration file",
        )
    if info.get("aof_enabled", "") != "1":
        raise StoreUntrusted(
            "the server does not write down what it is told (appendonly no)",
            "`CONFIG SET appendonly yes`, and the same in its configuration file; where the"
            " provider vouches for durability instead, set store.durability: asserted",
        )
    if info.get("aof_last_write_status", "ok") != "ok":
        return "the server's last write to its append-only file failed"
    return ""


def judge_fsync(value: str) -> str:
    """A warning about ``appendfsync``, or an empty string."""
    if value in ("everysec", "no"):
        return (
            f"appendfsync is {value}: a power cut can undo opt-outs that were acknowledged;"
            " `CONFIG SET appendfsync always` prevents it"
        )
    return ""


def judge_count(before: int, now: int) -> str:
    """A warning when rows went away, or an empty string."""
    if before - now > max(FEW, FELL * before):
        return f"the store had {before} rows and now has {now}: somebody deleted some"
    return ""


def read_info(reply: bytes) -> dict[str, str]:
    """The reply to INFO as a mapping."""
    lines = reply.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
