"""A message is read only as far as somebody asks, and says what must not be altered."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.mail import message as module
from smtpguard.mail.message import Message


def crlf(text: str) -> bytes:
    return text.encode().replace(b"\n", b"\r\n")


def multipart(kind: str, *children: str) -> str:
    """One multipart; each child is its Content-Type and other fields, without an empty line."""
    parts = "".join(f"--b\n{child}\n\nx\n" for child in children)
    return f"Content-Type: multipart/{kind}; boundary=b\n\n{parts}--b--\n"


def test_fields_by_name() -> None:
    message = Message(b"To: a\r\nX: 1\r\nTO: b\r\njunk\r\n\r\nbody")
    assert [field.value for field in message.named("to")] == ["a", "b"]
    first = message.first("to")
    assert first is not None
    assert first.value == "a"
    assert message.named("cc") == ()
    assert message.first("cc") is None
    assert [field.value for field in message.named("")] == ["junk"]
    assert message.raw[message.body_start :] == b"body"


@pytest.mark.parametrize(
    ("raw", "start"),
    [
        (b"", 0),
        (b"\r\n", 2),
        (b"\r\nbody", 2),
        (b"\nbody", 1),
        (b"A: b\r\n", 6),
        (b"A: b\r\n\r\n", 8),
        (b"A: b\n\nbody", 6),
        (b"A: b\r\n\nbody\r\n\r\n", 7),
        (b"A: b\n\r\nbody\n\n", 7),
        (b"A: b", 4),
    ],
)
def test_where_the_body_begins(raw: bytes, start: int) -> None:
    assert Message(raw).body_start == start


def test_reading_fields_walks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[bytes] = []
    monkeypatch.setattr(module, "read_parts", lambda raw, *_: walked.append(raw))
    message = Message(b"Subject: x\r\nDKIM-Signature: d=a\r\n\r\nbody")
    assert message.fields
    assert message.named("subject")
    assert message.dkim_domains
    assert message.body_start
    assert walked == []
    _ = message.root
    assert walked == [message.raw]


def test_it_pickles_as_its_octets_alone() -> None:
    message = Message(b"Subject: x\r\n\r\n" + b"body" * 1000)
    empty = len(pickle.dumps(Message(b"")))
    assert message.parts[0].content
    pickled = pickle.dumps(message)
    assert len(pickled) < empty + len(message.raw) + 10
    assert pickle.loads(pickled).raw == message.raw


def test_what_is_readable() -> None:
    raw = crlf(
        "Content-Type: multipart/mixed; boundary=o\n\n--o\n"
        + multipart("alternative", *(f"Content-Type: {kind}" for kind in sorted(module.READABLE)))
        + "\n--o\nContent-Type: message/rfc822\n\nContent-Type: text/plain\n\ninside\n"
        "--o\nContent-Type: text/plain\nContent-Disposition: attachment\n\nfile\n"
        "--o\nContent-Type: text/plain\nContent-Disposition: inline; filename=a\n\nshown\n"
        "--o\nContent-Type: image/png\n\n\n--o--\n"
    )  # fmt: skip
    message = Message(raw)
    assert [part.number for part in message.readable] == ["1.1", "1.2", "1.3", "4"]
    assert [part.number for part in message.attachments] == ["2.1", "3", "5"]
    assert message.defect == ""
    assert [reading.part for reading in message.readings] == list(message.readable)
    assert message.readings is message.readings


QUOTED = "Content-Transfer-Encoding: quoted-printable\n\n"
BASE64 = "Content-Transfer-Encoding: base64\n\n"
SIGNED = (
    'Content-Type: multipart/signed; boundary=b; protocol="application/{}"\n\n--b\n\nx\n--b--\n'
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Subject: x\n\nplain\n", ""),
        (multipart("alternative", "Content-Type: text/plain", "Content-Type: text/html"), ""),
        (SIGNED.format("pkcs7-signature"), "S/MIME signed"),
        (SIGNED.format("x-pkcs7-signature"), "S/MIME signed"),
        (SIGNED.format("pgp-signature"), "PGP signed"),
        (SIGNED.format("unheard-of"), "signed"),
        ("Content-Type: application/pkcs7-mime; smime-type=signed-data\n\n", "S/MIME signed"),
        ("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\n", "S/MIME encrypted"),
        ("Content-Type: application/x-pkcs7-mime\n\n", "S/MIME encrypted"),
        ("Content-Type: application/octet-stream; name=SMIME.p7m\n\n", "S/MIME encrypted"),
        (multipart("encrypted", "Content-Type: application/pgp-encrypted"), "PGP encrypted"),
        (multipart("mixed", "Content-Type: application/pgp-encrypted"), "PGP encrypted"),
        (multipart("mixed", "", "Content-Type: application/pgp-signature"), "PGP signed"),
        (multipart("mixed", "Content-Type: application/pgp-keys"), ""),
        ("\n-----BEGIN PGP SIGNED MESSAGE-----\n", "PGP armoured text"),
        ("\nHello\n-----BEGIN PGP MESSAGE-----\n", "PGP armoured text"),
        ("Content-Type: text/html\n\n<pre>-----BEGIN PGP MESSAGE-----", "PGP armoured text"),
        (QUOTED + "=2D----BEGIN PGP MESSAGE-----\n", "PGP armoured text"),
        (BASE64 + "LS0tLS1CRUdJTiBQR1AgTUVTU0FHRS0tLS0t\n", "PGP armoured text"),
        ("\nlook for -----BEGIN PGP MESSAGE-----\n> -----BEGIN PGP MESSAGE-----\n", ""),
        ("Content-Type: text/calendar; method=REQUEST\n\n", "calendar invitation"),
        ("Content-Type: text/calendar\n\nBEGIN:VCALENDAR\nMETHOD:REPLY\n", "calendar invitation"),
        ("Content-Type: text/calendar; method=publish\n\nMETHOD:PUBLISH\n", ""),
        ("Content-Type: text/calendar\n\nMETHOD:PUBLISH\nX-METHOD:REQUEST\n", ""),
        (multipart("report", "Content-Type: text/plain"), "report"),
        (multipart("report; report-type=delivery-status", ""), "delivery report"),
        (multipart("report; report-type=Disposition-Notification", ""), "read receipt"),
        (multipart("report; report-type=feedback-report", ""), "abuse report"),
        (multipart("report; report-type=tlsrpt", ""), "TLS report"),
        (multipart("mixed", "Content-Type: message/delivery-status"), "delivery report"),
        (multipart("mixed", "Content-Type: message/disposition-notification"), "read receipt"),
        ("Content-Type: message/partial; id=a; number=1\n\n", "partial message"),
        ("Content-Type: message/external-body; access-type=url\n\n", "external body"),
        (multipart("mixed", "", "Content-Type: application/ms-tnef"), "TNEF"),
        (multipart("mixed", 'Content-Type: application/octet-stream; name="WINMAIL.DAT"'), "TNEF"),
        ("ARC-Seal: i=1; cv=none\n\nplain\n", "ARC sealed"),
        ("X-MS-Journal-Report:\n\nplain\n", "journal report"),
        # At any depth, in an attached message too.
        ("Content-Type: message/rfc822\n\n" + SIGNED.format("pgp-signature"), "PGP signed"),
        ("Content-Type: message/rfc822\n\n\n-----BEGIN PGP MESSAGE-----\n", "PGP armoured text"),
    ],
)  # fmt: skip
def test_protection(text: str, why: str) -> None:
    assert Message(crlf(text)).protection == why


@pytest.mark.parametrize(
    ("signature", "domains"),
    [
        ("v=1; a=rsa-sha256; d=Example.ORG; s=x; bh=d=; b=", ("example.org",)),
        ("d=a.example", ("a.example",)),
        ("v=1;\n\td = a.\n example ;s=x", ("a.example",)),
        ("v=1; bd=a.example; xd=b", ()),
        ("v=1; d=; s=x", ()),
        ("", ()),
    ],
)
def test_whose_signature_it_carries(signature: str, domains: tuple[str, ...]) -> None:
    assert Message(crlf(f"DKIM-Signature: {signature}\n\n")).dkim_domains == domains


def test_several_signatures() -> None:
    raw = crlf("DKIM-Signature: d=a\nSubject: x\ndkim-signature: d=B\n\n")
    assert Message(raw).dkim_domains == ("a", "b")


def test_what_is_logged_of_it_shows_no_content() -> None:
    message = Message(b"Subject: secret\r\n\r\nsecret")
    for shown in (message, message.root, message.fields[0]):
        assert "secret" not in repr(shown)


@given(st.binary() | st.binary().map(lambda body: b"Content-Type: text/calendar\r\n\r\n" + body))
def test_any_octets_are_a_message(raw: bytes) -> None:
    message = Message(raw)
    assert message.protection in ("", "calendar invitation")
    assert set(message.parts) == {*message.readable, *message.attachments} | {
        part for part in message.parts if part.children
    }
    assert isinstance(message.defect, str)
