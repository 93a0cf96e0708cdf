"""The files in which reference and link keys are kept.

A directory of ``*.keys`` files, each the text of ``Keyring.dump`` with a checksum as its last
line. A backup is one more such file, so restoring is copying it into the directory. Whoever
loses the reference keys loses every objection recorded under them.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from smtpguard.keys import (
    LINK_SECRET,
    REFERENCE_SECRET,
    Keyring,
    LinkKey,
    ReferenceKey,
    UnusableKey,
)

WARNING = b"""\
# Keys of smtpguard. Without the reference keys no recorded objection can be found again: keep a
# copy elsewhere. Whoever holds them and the store can test whether an address is in it.
"""
CHECKSUM = b"# sha256 "
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class KeyFileError(ValueError):
    """A key file that cannot be used; ``str()`` says which, why, and what to do."""


def load_ring(directory: Path, *, create: bool = False) -> Keyring:
    """All keys of a directory, newest first; an empty ring when it has none.

    With ``create``, an empty directory gets its first reference and link key. Raises
    ``KeyFileError``.
    """
    files = sorted(directory.glob("*.keys")) if directory.is_dir() else []
    if not files and create:
        return new_keys(directory, Keyring(), reference=True, link=True)
    return _merge(directory, [read_file(file) for file in files])


def new_keys(directory: Path, ring: Keyring, *, reference: bool, link: bool) -> Keyring:
    """Draw keys, write them to a file of their own, and return the ring with them in front."""
    now = int(time.time())
    drawn = Keyring(
        (ReferenceKey(_new_id(ring, now), secrets.token_bytes(REFERENCE_SECRET)),)
        if reference
        else (),
        (LinkKey(_new_link_id(ring), secrets.token_bytes(LINK_SECRET)),) if link else (),
    )
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    names = [f"r{key.id}" for key in drawn.references] + [f"l{key.id}" for key in drawn.links]
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFileError(f"{directory}: {error.strerror}") from error
    write_file(directory / f"{stamp}-{'-'.join(names)}.keys", drawn)
    return _merge(directory, [drawn, ring])


def write_file(path: Path, ring: Keyring) -> None:
    """Write a ring to a new file that only its owner may read; it is on disk on return."""
    octets = WARNING + ring.dump()
    octets += CHECKSUM + hashlib.sha256(octets).hexdigest().encode("ascii") + b"\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise KeyFileError(f"{path} exists already, and keys are never written over") from error
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error


def read_file(path: Path) -> Keyring:
    """The keys of one file. Raises ``KeyFileError`` when it is damaged or open to others."""
    try:
        mode = path.stat().st_mode
        octets = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise KeyFileError(f"{path} is open to others: `chmod 600 {path}`")
    body, found, checksum = octets.rpartition(CHECKSUM)
    if not found or hashlib.sha256(body).hexdigest().encode("ascii") != checksum.strip():
        raise KeyFileError(f"{path} is damaged or cut: restore it from `smtpguard keys backup`")
    try:
        return Keyring.load(body)
    except UnusableKey as error:
        raise KeyFileError(f"{path}: {error}") from error


def _merge(directory: Path, rings: Iterable[Keyring]) -> Keyring:
    references: dict[str, ReferenceKey] = {}
    links: dict[int, LinkKey] = {}
    for ring in rings:
        for key in ring.references:
            if references.setdefault(key.id, key) != key:
                raise KeyFileError(f"{directory} holds two different reference keys {key.id}")
        for link in ring.links:
            if links.setdefault(link.id, link) != link:
                raise KeyFileError(f"{directory} holds two different link keys {link.id}")
    newest = sorted(references.values(), key=lambda key: (len(key.id), key.id), reverse=True)
    return Keyring(tuple(newest), tuple(sorted(links.values(), key=lambda k: k.id, reverse=True)))


def _new_id(ring: Keyring, now: int) -> str:
    """The seconds since the epoch in base 36: short, later ones sort after earlier ones."""
    taken = {key.id for key in ring.references}
    while _base36(now) in taken:
        now += 1
    return _base36(now)


def _new_link_id(ring: Keyring) -> int:
    number = max((key.id for key in ring.links), default=0) + 1
    if number > 255:
        raise KeyFileError("255 link keys were drawn: remove the oldest, whose links die with it")
    return number


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits
