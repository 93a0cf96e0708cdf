"""DKIM signatures (RFC 6376), RSA and Ed25519 (RFC 8463): made here, checked with dkimpy.

Canonicalisation is relaxed/relaxed, linear, and equal to dkimpy's; the whole body is hashed
(no ``l=``), the signature does not expire (no ``x=``). Only this room knows dkimpy, which takes
long to import and is imported where it is first used.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from smtpguard.keys import SigningKey, ed25519_agrees

FROZEN = (
    b"from",
    b"subject",
    b"to",
    b"cc",
    b"reply-to",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"list-id",
)
"""Fields listed once more than they occur, so that nobody can add one (RFC 6376 §8.15)."""
SINGLE = (b"date", b"message-id")
"""Frozen where they occur. An MTA behind us may add one that is missing, and must not break us."""
ALSO = (
    b"sender",
    b"in-reply-to",
    b"references",
    b"feedback-id",
    b"cfbl-address",
    b"cfbl-feedback-id",
    b"auto-submitted",
)
"""Fields signed as often as they occur."""

BLOCK = 65536
"""Octets canonicalised at a time."""
MANY = 4096
"""Runs of white space in a block; for more of them ``replace`` is faster than a pattern."""

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_NAME = re.compile(rb"[!-9;-~]+")
_RUN = re.compile(rb"  +")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_TAG = re.compile(rb"(?:^|;)\s*([a-z]+)\s*=\s*([^;]*?)\s*(?=;|$)")

_PROBE = (
    b"From: probe@example.org\r\nSubject: probe\r\nDate: Thu, 1 Jan 1970 00:00:00 +0000\r\n"
    b"\r\nOne  line.\t\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: a domain, its selector, the key."""

    domain: str
    """A-labels."""
    selector: str
    key: SigningKey

    @property
    def record_name(self) -> str:
        """Where the public key stands in the DNS."""
        return f"{self.selector}._domainkey.{self.domain}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What dkimpy says of one signature."""

    domain: str
    selector: str
    algorithm: str
    ok: bool
    why: str = ""
    """Why not, where it is not."""


def sign(raw: bytes, signers: Sequence[Signer], now: int, *, tidy: bool = False) -> bytes:
    """The DKIM-Signature fields to put before ``raw``, each with its CRLF, in order of ``signers``.

    ``raw`` has CRLF line ends, and no others where it is ``tidy``; ``now`` is in seconds since the
    epoch. Empty where the message cannot be signed (``unsignable`` says why); never raises for a
    message.
    """
    start, end = _header(raw)
    fields = _fields(raw[start:end])
    if fields is None or b"from" not in fields:
        return b""
    names, listed = _named(tuple((name, len(lines)) for name, lines in fields.items()))
    header = b"".join([line for name in names for line in reversed(fields.get(name, ()))])
    body_hash = b64encode(hash_body(raw, end, tidy=tidy).digest()).decode("ascii")
    return b"".join([_signature(signer, listed, header, body_hash, now) for signer in signers])


def unsignable(raw: bytes) -> str:
    """Why ``raw`` cannot be signed, in a few words; empty if it can."""
    start, end = _header(raw)
    fields = _fields(raw[start:end])
    if fields is None:
        return "a line of the header is no field"
    return "" if b"from" in fields else "it has no From field"


def _header(raw: bytes) -> tuple[int, int]:
    """Where the header begins and where the body does."""
    if raw.startswith(b"\r\n"):
        return 0, 2
    end = raw.find(b"\r\n\r\n")
    return (0, end + 4) if end >= 0 else (0, len(raw))


def _fields(header: bytes) -> dict[bytes, list[bytes]] | None:
    """Relaxed fields by name, top to bottom (RFC 6376 §3.4.2); ``None`` if a line is no field."""
    fields: dict[bytes, list[bytes]] = {}
    for line in _FOLD.sub(b"", header).replace(b"\t", b" ").split(b"\r\n"):
        if not line:
            continue
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" ").lower()
        if not colon or not _NAME.fullmatch(name):
            return None
        while b"  " in value:
            value = value.replace(b"  ", b" ")
        fields.setdefault(name, []).append(name + b":" + value.strip(b" ") + b"\r\n")
    return fields


@lru_cache(1024)
def _named(counts: Sequence[tuple[bytes, int]]) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """The names that are signed, each once, and ``h=`` with them, repeated and oversigned.

    ``counts``: how often each name occurs. Fields of one name are signed from the bottom up
    (RFC 6376 §5.4.2).
    """
    found = dict(counts)
    names: list[bytes] = []
    for name in FROZEN:
        names += [name] * (found.get(name, 0) + 1)
    for name in SINGLE:
        names += [name] * (found[name] + 1 if name in found else 0)
    for name in ALSO:
        names += [name] * found.get(name, 0)
    return tuple(dict.fromkeys(names)), tuple(_folded(names))


def _signature(
    signer: Signer, listed: Sequence[str], header: bytes, body_hash: str, now: int
) -> bytes:
    lines = [
        f"DKIM-Signature: v=1; a={signer.key.algorithm}; c=relaxed/relaxed;",
        f"d={signer.domain}; s={signer.selector};",
        f"t={now}; bh={body_hash};",
        *listed,
        "b=",
    ]
    unsigned = "\r\n\t".join(lines).encode("ascii")
    relaxed = "dkim-signature:" + " ".join(lines).partition(": ")[2]
    octets = b64encode(signer.key.sign(header + relaxed.encode("ascii")))
    folded = b"\r\n\t ".join([octets[i : i + 72] for i in range(0, len(octets), 72)])
    return unsigned + folded + b"\r\n"


def _folded(names: Sequence[bytes]) -> list[str]:
    lines = ["h="]
    for name in names:
        if len(lines[-1]) + len(name) > 70:
            lines.append("")
        lines[-1] += name.decode("ascii") + ":"
    return [*lines[:-1], lines[-1][:-1] + ";"]


def hash_body(raw: bytes, start: int = 0, *, tidy: bool = False) -> hashlib._Hash:
    """SHA-256 of the relaxed body (RFC 6376 §3.4.4) that begins at ``start``, in linear time.

    ``tidy``: CRLF is known to end every line.
    """
    if not tidy and raw.count(b"\n", start) != raw.count(b"\r\n", start):
        raw, start = _BARE_LF.sub(b"\r\n", raw[start:]), 0
    digest = hashlib.sha256()
    view = memoryview(raw)
    end = _last_octet(raw, start)
    while start < end:
        stop = raw.find(b"\n", start + BLOCK, end) + 1 or end
        block = raw[start:stop]
        # From the right Python finds two octets twice as fast.
        if b"\t" in block or block.rfind(b"  ") >= 0 or block.rfind(b" \r") >= 0:
            digest.update(_relaxed(block))
        else:
            digest.update(view[start:stop])
        if stop == end:
            digest.update(b"\r\n")
        start = stop
    return digest


def _last_octet(raw: bytes, start: int) -> int:
    """The end of the last line that is not empty, without its white space and its line end.

    A CR without LF is no line end but an octet like others.
    """
    end, kept = len(raw), b""
    while end > start and not kept:
        block = raw[max(start, end - 1024) : end]
        kept = block.rstrip(b" \t\r\n")
        end -= len(block) - len(kept)
    tail = raw[end:].replace(b"\r\n", b"\n\n")
    return end + tail.rfind(b"\r") + 1


def _relaxed(block: bytes) -> bytes:
    """Whole lines with every run of white space made one space, and none at their ends."""
    block = block.replace(b"\t", b" ")
    single, found = _RUN.subn(b" ", block, MANY)
    while found == MANY and b"  " in single:
        single = single.replace(b"  ", b" ")
    return single.replace(b" \r\n", b"\r\n")


def verify(raw: bytes, public: Mapping[str, bytes]) -> list[Verified]:
    """Check every DKIM-Signature of ``raw`` with dkimpy, top to bottom; never raises.

    ``public`` maps the names of DNS records (``g2026._domainkey.acme.example``) to their text.
    """
    fields = _fields(raw[slice(*_header(raw))]) or {}
    found = []
    for index, field in enumerate(fields.get(b"dkim-signature", ())):
        tags = dict(_TAG.findall(field.partition(b":")[2]))
        domain, selector, algorithm = (
            tags.get(k, b"").decode("latin-1") for k in (b"d", b"s", b"a")
        )
        record = public.get(f"{selector}._domainkey.{domain}")
        why = "no public key" if record is None else _disproved(raw, index, record)
        found.append(Verified(domain, selector, algorithm, not why, why))
    return found


class _Ed25519:
    """What dkimpy expects of PyNaCl, which we do not need for anything else."""

    def __init__(self, public: bytes) -> None:
        self.public = public
        self.agrees = False

    def verify(self, digest: bytes, signature: bytes) -> None:
        self.agrees = ed25519_agrees(self.public, signature, digest)


def _disproved(raw: bytes, index: int, record: bytes) -> str:
    """Why dkimpy refuses a signature, or nothing."""
    import dkim
    from dkim.util import parse_tag_value

    try:
        checker = dkim.DKIM(raw)
        tags = parse_tag_value(record)
        if tags.get(b"k") != b"ed25519":
            agrees = checker.verify(index, dnsfunc=lambda *_, **__: record)
        else:
            signature, names, headers = checker.verify_headerprep(index)
            key = _Ed25519(tags.get(b"p", b""))
            checker.pk, checker.keysize, checker.ktag, checker.seqtlsrpt = (
                key,
                256,
                b"ed25519",
                False,
            )
            checker.verify_sig_process(signature, names, headers[index], None)
            agrees = key.agrees
    except Exception as error:  # dkimpy raises IndexError and others for odd mail
        return str(error) or type(error).__name__
    return "" if agrees else "the signature does not match the key"


def probe(signer: Signer, record: bytes | None = None) -> str:
    """Why the key of ``signer`` would not verify, or nothing.

    ``record`` is what the DNS says; without it, the record that the key needs is taken.
    """
    try:
        signed = sign(_PROBE, [signer], 0) + _PROBE
        said = verify(signed, {signer.record_name: record or signer.key.record})
    except (ValueError, UnicodeError) as error:
        return str(error)
    return said[0].why if said else "no signature was made"
