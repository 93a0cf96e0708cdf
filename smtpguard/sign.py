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

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_NAME = re.compile(rb"[!-9;-~]+")
_SPACES = re.compile(rb"[ \t]+")
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


def sign(raw: bytes, signers: Sequence[Signer], now: int) -> bytes:
    """The DKIM-Signature fields to put before ``raw``, each with its CRLF, in order of ``signers``.

    ``raw`` has CRLF line ends; ``now`` is in seconds since the epoch. Empty where the message
    cannot be signed (``unsignable`` says why); never raises for a message.
    """
    start, end = _header(raw)
    fields = _fields(raw[start:end])
    if fields is None or b"from" not in fields:
        return b""
    names = _names(fields)
    header = b"".join(_selected(fields, names))
    body_hash = b64encode(hash_body(raw, end).digest())
    return b"".join(_signature(signer, names, header, body_hash, now) for signer in signers)


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
    for line in _FOLD.sub(b"", header).split(b"\r\n"):
        if not line:
            continue
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t").lower()
        if not colon or not _NAME.fullmatch(name):
            return None
        value = _SPACES.sub(b" ", value).strip(b" ")
        fields.setdefault(name, []).append(name + b":" + value + b"\r\n")
    return fields


def _names(fields: Mapping[bytes, list[bytes]]) -> list[bytes]:
    """The names for ``h=``, repeated and oversigned (RFC 6376 §5.4.2)."""
    names: list[bytes] = []
    for name in FROZEN:
        names += [name] * (len(fields.get(name, ())) + 1)
    for name in SINGLE:
        names += [name] * (len(fields[name]) + 1 if name in fields else 0)
    for name in ALSO:
        names += [name] * len(fields.get(name, ()))
    return names


def _selected(fields: Mapping[bytes, list[bytes]], names: Sequence[bytes]) -> list[bytes]:
    """The fields that ``h=`` names: repeated names from the bottom up (RFC 6376 §5.4.2)."""
    return [line for name in dict.fromkeys(names) for line in reversed(fields.get(name, ()))]


def _signature(
    signer: Signer, names: Sequence[bytes], header: bytes, body_hash: bytes, now: int
) -> bytes:
    lines = [
        f"DKIM-Signature: v=1; a={signer.key.algorithm}; c=relaxed/relaxed;",
        f"d={signer.domain}; s={signer.selector};",
        f"t={now}; bh={body_hash.decode('ascii')};",
        *_folded(names),
        "b=",
    ]
    unsigned = "\r\n\t".join(lines).encode("ascii")
    relaxed = "dkim-signature:" + " ".join(lines).partition(": ")[2]
    octets = b64encode(signer.key.sign(header + relaxed.encode("ascii")))
    folded = b"\r\n\t ".join(octets[i : i + 72] for i in range(0, len(octets), 72))
    return unsigned + folded + b"\r\n"


def _folded(names: Sequence[bytes]) -> list[str]:
    lines = ["h="]
    for name in names:
        if len(lines[-1]) + len(name) > 70:
            lines.append("")
        lines[-1] += name.decode("ascii") + ":"
    return [*lines[:-1], lines[-1][:-1] + ";"]


def hash_body(raw: bytes, start: int = 0) -> hashlib._Hash:
    """SHA-256 of the relaxed body (RFC 6376 §3.4.4) that begins at ``start``, in linear time."""
    if raw.count(b"\n", start) != raw.count(b"\r\n", start):
        raw, start = _BARE_LF.sub(b"\r\n", raw[start:]), 0
    digest = hashlib.sha256()
    view = memoryview(raw)
    end = _last_octet(raw, start)
    while start < end:
        stop = raw.find(b"\n", start + BLOCK, end) + 1 or end
        block = raw[start:stop]
        spaced = b" " in block and (b"  " in block or b" \r\n" in block)
        if spaced or b"\t" in block:
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
    body = raw[start:].rstrip(b" \t\r\n") if start else raw.rstrip(b" \t\r\n")
    end = start + len(body)
    tail = raw[end:].replace(b"\r\n", b"\n\n")
    return end + tail.rfind(b"\r") + 1


def _relaxed(block: bytes) -> bytes:
    """Whole lines with every run of white space made one space, and none at their ends."""
    block = block.replace(b"\t", b" ")
    while b"  " in block:
        block = block.replace(b"  ", b" ")
    return block.replace(b" \r\n", b"\r\n")


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
