"""The users file: who may say AUTH, and what their passwords hash to (scrypt, RFC 7914). No I/O.

One ``name:hash`` a line, the hash as passlib and others write it as well (PHC string format):
``crm:$scrypt$ln=14,r=8,p=5$SALT$DIGEST``, base64 without padding. Blank lines, and lines that
begin with ``#``, say nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from smtpguard.smtp.sasl import Credentials
from smtpguard.smtp.saslprep import prepared

NAME = re.compile(r"[A-Za-z0-9._@+=-]{1,128}")
COST = (14, 8, 5)
"""ln, r, p of new hashes: of those that OWASP calls enough, the one with the least memory."""
MEMORY = 256 * 1024 * 1024
"""Octets that one hash may take (128 N r)."""
DIGEST = 32
"""Octets."""
SHORTEST = 12
"""Characters of a password that ``hashed`` takes."""

_HASH = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43})"
)


class UnusableUsers(ValueError):
    """A users file that cannot be used: what is wrong, by line. No line's text is repeated."""

    def __init__(self, faults: Mapping[int, str]) -> None:
        super().__init__("; ".join(f"line {line}: {text}" for line, text in faults.items()))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Hash:
    """What is kept of a password."""

    ln: int
    """Base 2 logarithm of N."""
    r: int
    p: int
    salt: bytes
    digest: bytes

    def matches(self, password: bytes) -> bool:
        """Costs what its parameters ask for: tenths of a second, and 128 N r octets."""
        return hmac.compare_digest(self._digest(password), self.digest)

    def _digest(self, password: bytes) -> bytes:
        return hashlib.scrypt(
            password,
            salt=self.salt,
            n=1 << self.ln,
            r=self.r,
            p=self.p,
            maxmem=2 * MEMORY,
            dklen=DIGEST,
        )

    def __str__(self) -> str:
        salt, digest = (base64.b64encode(o).decode().rstrip("=") for o in (self.salt, self.digest))
        return f"$scrypt$ln={self.ln},r={self.r},p={self.p}${salt}${digest}"

    @classmethod
    def parse(cls, text: str) -> Hash:
        """Read what ``str`` wrote. ``ValueError`` says why it cannot be, and repeats nothing."""
        found = _HASH.fullmatch(text)
        if found is None:
            raise ValueError("no scrypt hash; write it with `smtpguard users add`")
        ln, r, p = (int(number) for number in found.groups()[:3])
        if not (10 <= ln <= 24 and r and p and 128 * r << ln <= MEMORY):
            raise ValueError(f"ln={ln},r={r},p={p}: too little, or more than 256 MiB")
        try:
            salt, digest = (_decoded(octets) for octets in found.groups()[3:])
        except ValueError:
            raise ValueError("salt or digest is cut") from None
        return cls(ln, r, p, salt, digest)

    @classmethod
    def new(cls, password: str, cost: tuple[int, int, int] = COST) -> Hash:
        """The hash of a password, with a salt of its own. ``ValueError`` where it has no form."""
        ln, r, p = cost
        blank = cls(ln, r, p, secrets.token_bytes(16), b"")
        octets = prepared(password, stored=True).encode()
        return cls(ln, r, p, blank.salt, blank._digest(octets))


class Users:
    """The users of one file, as it was when it was read."""

    def __init__(self, hashes: Mapping[str, Hash]) -> None:
        self._hashes = dict(hashes)
        nobody = Hash(*COST, secrets.token_bytes(16), secrets.token_bytes(DIGEST))
        self._decoys = tuple(self._hashes.values()) or (nobody,)
        self._key = secrets.token_bytes(32)
        self._proved: dict[str, bytes] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._hashes)

    def __contains__(self, name: object) -> bool:
        return name in self._hashes

    def recalls(self, given: Credentials) -> bool:
        """Whether the very same was proved before; costs microseconds.

        A program that connects for every mail would otherwise cost a hash for every mail.
        """
        proof = self._proof(given)
        return hmac.compare_digest(self._proved.get(given.name, b""), proof)

    def admits(self, given: Credentials) -> bool:
        """Whether the password is the user's. As dear for a name that nobody has.

        For a thread: see ``Hash.matches``.
        """
        known = self._hashes.get(given.name)
        try:
            password = prepared(given.password).encode()
        except ValueError:
            return False
        # A name that nobody has gets one user's hash, always the same one's: hashes of an older
        # file may cost less than new ones.
        decoy = self._decoys[self._draw(given.name) % len(self._decoys)]
        good = (known or decoy).matches(password) and known is not None
        if good:
            self._proved[given.name] = self._proof(given)
        return good

    def _draw(self, name: str) -> int:
        return int.from_bytes(self._mac(name.encode())[:8], "big")

    def _proof(self, given: Credentials) -> bytes:
        return self._mac(b"\0".join((given.name.encode(), given.password.encode())))

    def _mac(self, octets: bytes) -> bytes:
        return hmac.digest(self._key, octets, "sha256")


def parse(octets: bytes) -> Users:
    """Read a users file. ``UnusableUsers`` with all that is wrong."""
    hashes: dict[str, Hash] = {}
    faults: dict[int, str] = {}
    for number, line in enumerate(octets.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, text = line.strip().partition(":")
        try:
            if not colon or not NAME.fullmatch(name):
                raise ValueError("not `name:hash`; a name is of letters, digits and ._@+=-")
            if name in hashes:
                raise ValueError(f"`{name}` stands here twice")
            hashes[name] = Hash.parse(text)
        except ValueError as fault:
            faults[number] = str(fault)
    if faults:
        raise UnusableUsers(faults)
    return Users(hashes)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
