"""Letters to mend, and what holds for every letter that was mended."""

from __future__ import annotations

import hashlib
from base64 import encodebytes
from quopri import encodestring

from smtpguard.edit.compose import Mended, compose
from smtpguard.edit.edit import apply, invert
from smtpguard.edit.fix import Fix, Paragraph, Place, RemoveField
from smtpguard.edit.wording import label, sender, unsubscribe
from smtpguard.mail.message import Message
from smtpguard.unsubscribe.link import Exit

WAY_OUT = Exit(
    "https://u.acme.example/u/AQcDeF-0_9", "mailto:u@acme.example?subject=unsubscribe%20AQ"
)
HEAD = b"From: a@acme.example\r\nTo: b@reader.example\r\nSubject: Bonjour\r\nMIME-Version: 1.0\r\n"


def crlf(text: str, codec: str = "utf-8") -> bytes:
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode(codec)


def leaf(content: bytes, kind: str, encoding: str = "") -> bytes:
    """A header and body of one part; ``content`` is encoded as ``encoding`` says."""
    if encoding == "quoted-printable":
        # An LF in quotes is soft here, so the standard library does not encode the line ends.
        content = encodestring(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    elif encoding == "base64":
        content = encodebytes(content).replace(b"\n", b"\r\n")
    field = f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    return f"Content-Type: {kind}\r\n{field}\r\n".encode() + content


def mail(part: bytes) -> bytes:
    return HEAD + part + (b"" if part.endswith(b"\r\n") else b"\r\n")


def multipart(kind: str, *parts: bytes, boundary: str = "b") -> bytes:
    inner = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'
    return head.encode() + inner + f"--{boundary}--\r\n".encode()


def footer(*numbers: str, language: str = "fr") -> list[tuple[str, Fix]]:
    parts = frozenset(numbers)
    return [
        (
            "missing-unsubscribe-link",
            Paragraph(Place.UNSUBSCRIBE, unsubscribe(language), parts, label(language)),
        ),
        ("missing-sender-identity", Paragraph(Place.SENDER, sender(language, "Acme SAS"), parts)),
    ]


def mend(
    raw: bytes,
    fixes: list[tuple[str, Fix]],
    *,
    exit_: Exit | None = WAY_OUT,
    language: str = "fr",
    eight_bit: bool = False,
) -> Mended:
    """Compose, and hold what holds for every mended message."""
    message = Message(raw)
    done = compose(message, fixes, exit=exit_, language=language, eight_bit=eight_bit)
    assert isinstance(done, Mended), done
    assert apply(raw, done.edits) == done.raw
    assert apply(done.raw, invert(raw, done.edits)) == raw
    assert digests(Message(done.raw)) == digests(message)
    again = compose(Message(done.raw), fixes, exit=exit_, language=language, eight_bit=eight_bit)
    if not any(isinstance(fix, RemoveField) for _, fix in fixes):  # whose index means another now
        assert isinstance(again, Mended)
        assert again.edits == (), again.edits
    if not eight_bit:
        assert all(edit.new.isascii() for edit in done.edits)
    for edit in done.edits:
        assert edit.new.count(b"\n") == edit.new.count(b"\r\n")
    return done


def digests(message: Message) -> list[str]:
    return [hashlib.sha256(part.content).hexdigest() for part in message.attachments]


def text(raw: bytes, number: str = "") -> str:
    part = next(p for p in Message(raw).parts if p.number == number)
    assert part.text is not None
    return part.text


ACCENTS = "Cher client,\n\nvoici nos nouveautés.\n"
ENCODINGS = ["7bit", "8bit", "quoted-printable", "base64"]
PAGE = "<html><head><style>p{color:#333}</style></head><body><p>Bonjour é.</p>\n</body></html>\n"


def newsletter() -> bytes:
    attached = HEAD + b"\r\nForwarded.\r\n"
    return mail(
        multipart(
            "mixed",
            multipart(
                "related",
                multipart(
                    "alternative",
                    leaf(crlf(ACCENTS), "text/plain; charset=utf-8; format=flowed", "8bit"),
                    leaf(crlf(PAGE), "text/html; charset=utf-8", "quoted-printable"),
                    boundary="--inner-1",
                ),
                leaf(bytes(range(256)), 'image/png; name="a.png"', "base64"),
                boundary="--inner",
            ),
            *(leaf(attached, "message/rfc822") for _ in range(18)),
            leaf(b"%PDF" + bytes(range(256)) * 40, "application/pdf", "base64"),
            leaf(b"a,b\r\n1,2\r\n", "text/csv\r\nContent-Disposition: attachment; filename=a.csv"),
        )
    )
