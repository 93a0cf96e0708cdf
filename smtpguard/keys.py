"""The keys: references, links and signatures. The only room that does cryptography.

Secrets come in as octets and never go out again except through ``Keyring.dump``; ``repr`` shows
none. Nothing here is drawn at random, but what ``new_rsa`` lets OpenSSL draw: whoever makes
another key passes its octets in.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

REFERENCE_SECRET = 32
"""Octets of a new reference secret."""
LINK_SECRET = 64
"""Octets of a link secret (AES-256-SIV, RFC 5297)."""
SHORTEST_RSA = 1024
"""Bits below which verifiers ignore a signature (RFC 8301 §3.2)."""
RECOMMENDED_RSA = 2048


class UnusableKey(ValueError):
    """Octets that are no key, or not one we may sign with; ``str()`` says why and shows none."""


@dataclass(frozen=True, slots=True)
class ReferenceKey:
    """Makes the pseudonym under which the store knows a person (reference rules, part 9)."""

    id: str
    secret: bytes = field(repr=False)

    def reference(self, controller: str, key: str) -> str:
        """27 characters of base64url: 160 bits of HMAC-SHA-256.

        ``key`` is ``Address.key`` or ``Address.domain_key``.
        """
        return _reference(self.secret, f"v1|{controller}|{key}")

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that tell this secret from another, and give nothing of it away."""
        return hmac.digest(self.secret, b"smtpguard reference key", "sha256")[:8].hex()


@lru_cache(256)  # a transaction asks for each recipient's more than once
def _reference(secret: bytes, person: str) -> str:
    digest = hmac.digest(secret, person.encode(), "sha256")
    return urlsafe_b64encode(digest[:20]).rstrip(b"=").decode("ascii")


@dataclass(frozen=True, slots=True)
class LinkKey:
    """Seals what an exit link carries: deterministic and misuse-resistant (RFC 5297)."""

    id: int
    """0 to 255, because a token names its key in one octet."""
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.id <= 255:
            raise UnusableKey(f"link key id {self.id} is not between 0 and 255")
        if len(self.secret) != LINK_SECRET:
            raise UnusableKey(f"link key {self.id} has not {LINK_SECRET} octets")

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """``plain`` encrypted, 16 octets longer; ``about`` must be given again to open it."""
        return _siv(self.secret).encrypt(plain, [about])

    def open(self, sealed: bytes, about: bytes) -> bytes | None:
        """What was sealed, or ``None`` for anything that this key did not seal so."""
        try:
            return _siv(self.secret).decrypt(sealed, [about])
        except (InvalidTag, ValueError):
            return None


@lru_cache(maxsize=64)
def _siv(secret: bytes) -> AESSIV:
    return AESSIV(secret)


@dataclass(frozen=True)
class SigningKey:
    """A private key for DKIM. Pickles as its octets."""

    der: bytes = field(repr=False)
    """PKCS #8, DER."""

    @classmethod
    def load(cls, octets: bytes) -> SigningKey:
        """From RSA or Ed25519 PEM (PKCS #1, PKCS #8), or the base64 of an Ed25519 seed.

        Raises ``UnusableKey``.
        """
        key = _read_pem(octets) if b"-----BEGIN" in octets else _read_seed(octets)
        if isinstance(key, rsa.RSAPrivateKey) and key.key_size < SHORTEST_RSA:
            raise UnusableKey(
                f"an RSA key of {key.key_size} bits is ignored by verifiers (RFC 8301):"
                f" make one of {RECOMMENDED_RSA}"
            )
        return cls(
            key.private_bytes(
                serialization.Encoding.DER,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def __getstate__(self) -> dict[str, object]:
        return {"der": self.der}

    @cached_property
    def _private(self) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
        key = serialization.load_der_private_key(self.der, password=None)
        assert isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey)
        return key

    @cached_property
    def algorithm(self) -> str:
        """``rsa-sha256`` or ``ed25519-sha256`` (RFC 6376 §3.3, RFC 8463)."""
        return "rsa-sha256" if isinstance(self._private, rsa.RSAPrivateKey) else "ed25519-sha256"

    @cached_property
    def bits(self) -> int:
        """Size of the RSA modulus; 256 for Ed25519."""
        return self._private.key_size if isinstance(self._private, rsa.RSAPrivateKey) else 256

    @cached_property
    def public(self) -> bytes:
        """The value of ``p=`` in the DNS record, base64 (RFC 6376 §3.6.1, RFC 8463 §4)."""
        public = self._private.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            return b64encode(public.public_bytes_raw())
        encoding, form = serialization.Encoding, serialization.PublicFormat
        return b64encode(public.public_bytes(encoding.DER, form.SubjectPublicKeyInfo))

    @property
    def record(self) -> bytes:
        """The whole DNS TXT record that this key needs."""
        kind = self.algorithm.partition("-")[0].encode("ascii")
        return b"v=DKIM1; k=" + kind + b"; p=" + self.public

    def sign(self, data: bytes) -> bytes:
        """The raw signature over the SHA-256 of ``data`` (RFC 8463 §3 signs the digest too)."""
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(hashlib.sha256(data).digest())
        return self._private.sign(data, padding.PKCS1v15(), hashes.SHA256())


def new_rsa(bits: int = RECOMMENDED_RSA) -> bytes:
    """A fresh RSA key as PEM (PKCS #8), for ``SigningKey.load``."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _read_pem(octets: bytes) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(octets, password=None)
    except TypeError:
        raise UnusableKey("the key is encrypted with a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKey("the PEM text holds no private key that can be read") from None
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise UnusableKey("DKIM signs with RSA or Ed25519 keys only (RFC 8463)")
    return key


def _read_seed(octets: bytes) -> ed25519.Ed25519PrivateKey:
    try:
        seed = b64decode(b"".join(octets.split()), validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != 32:
        raise UnusableKey("neither PEM nor the base64 of a 32-octet Ed25519 seed")
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed)


def ed25519_agrees(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether an Ed25519 signature over ``data`` was made by the owner of ``public`` (base64)."""
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(b64decode(public))
        key.verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of references and links, newest first: the first one of each serves new rows."""

    references: tuple[ReferenceKey, ...] = ()
    links: tuple[LinkKey, ...] = ()

    def __post_init__(self) -> None:
        for ids in ([k.id for k in self.references], [k.id for k in self.links]):
            if len(set(ids)) != len(ids):
                raise UnusableKey("two keys of the ring have the same id")

    def link(self, number: int) -> LinkKey | None:
        """The link key of that id, if held."""
        return next((key for key in self.links if key.id == number), None)

    def dump(self) -> bytes:
        """The ring as text, one key a line: ``reference ID BASE64`` or ``link ID BASE64``."""
        held = [("reference", key.id, key.secret) for key in self.references]
        lines = [*held, *(("link", key.id, key.secret) for key in self.links)]
        return "".join(f"{k} {i} {b64encode(s).decode('ascii')}\n" for k, i, s in lines).encode()

    @classmethod
    def load(cls, octets: bytes) -> Keyring:
        """Read ``dump`` back; empty lines and ``#`` comments are passed over.

        Raises ``UnusableKey``, naming the line.
        """
        references: list[ReferenceKey] = []
        links: list[LinkKey] = []
        for number, line in enumerate(octets.splitlines(), 1):
            words = line.partition(b"#")[0].split()
            if not words:
                continue
            try:
                kind, name, text = words
                secret = b64decode(text, validate=True)
                if kind == b"link":
                    links.append(LinkKey(int(name), secret))
                elif kind == b"reference" and len(secret) >= REFERENCE_SECRET:
                    references.append(ReferenceKey(name.decode("ascii"), secret))
                else:
                    raise UnusableKey("neither a reference nor a link key")
            except ValueError as error:
                why = error if isinstance(error, UnusableKey) else "not KIND ID BASE64"
                raise UnusableKey(f"line {number}: {why}") from None
        return cls(tuple(references), tuple(links))
