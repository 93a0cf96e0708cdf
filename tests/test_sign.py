"""DKIM signatures: equal to dkimpy's canonicalisation, verified by dkimpy, and never too slow."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim.canonicalization import Relaxed
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smtpguard import sign as room
from smtpguard.edit.compose import Mended, compose
from smtpguard.edit.fix import AddField, Fix, OfferExit, Paragraph, Place, Reencode
from smtpguard.keys import SigningKey
from smtpguard.mail.message import Message
from smtpguard.sign import FROZEN, Signer, hash_body, probe, sign, unsignable, verify
from smtpguard.unsubscribe.link import Exit
from tests.growth import STEEP, growth


def rsa_key(bits: int = 2048) -> SigningKey:
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return SigningKey.load(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


RSA = Signer("acme.example", "g2026", rsa_key())
ED25519 = Signer("acme.example", "e2026", SigningKey.load(b64encode(b"s" * 32)))
BOTH = [RSA, ED25519]
RECORDS = {signer.record_name: signer.key.record for signer in BOTH}
NOW = 1_790_000_000
HEADER = (
    b"From: Acme <news@acme.example>\r\n"
    b"To: jo@reader.example\r\n"
    b"Subject: =?utf-8?q?Nouveaut=C3=A9s?=\r\n \tdu  mois \r\n"
    b"Date: Mon, 23 Nov 2026 20:00:00 +0000\r\n"
    b"Message-ID: <1@acme.example>\r\n"
    b"List-Unsubscribe: <https://u.acme.example/u/AQ>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"X-Other: yes\r\n"
)
MAIL = HEADER + b"\r\nBonjour,  \r\n\r\n\tvoici.\r\n\r\n\r\n"


def said(raw: bytes) -> list[bool]:
    return [each.ok for each in verify(raw, RECORDS)]


def relaxed(body: bytes) -> bytes:
    """dkimpy's canonical body, of the body as it travels: ended by CRLF."""
    _, parsed = dkim.rfc822_parse(b"A: b\r\n\r\n" + body)
    if parsed and not parsed.endswith(b"\r\n"):
        parsed += b"\r\n"
    canonical = Relaxed.canonicalize_body(parsed)
    assert isinstance(canonical, bytes)
    return canonical


LINES = st.lists(
    st.sampled_from(
        [b" ", b"  ", b"\t", b"a", b"b c", b"\r\n", b"\r\n\r\n", b"\r", b"\n", b".", b"\0"]
    ),
    max_size=40,
).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(LINES, st.sampled_from([1, 4, 65536]))
@example(b"", 65536)
@example(b"\r\n", 65536)
@example(b" \r\n\t\r\n", 65536)
@example(b"a \r\r\n\r\n", 65536)
@example(b"a\r", 65536)
@example(b"a \r\n" + b" \t\r\n" * 999, 65536)
@example(b" \t\r\n" * 999, 65536)
@example(b"a\r" + b"\r\n" * 999, 65536)
def test_the_body_hash_is_dkimpys(body: bytes, block: int) -> None:
    usual = room.BLOCK, room.MANY
    room.BLOCK, room.MANY = block, block
    try:
        mine = hash_body(b"A: b\r\n\r\n" + body, 8).digest()
        assert mine == hash_body(body).digest()
    finally:
        room.BLOCK, room.MANY = usual
    assert mine == hashlib.sha256(relaxed(body)).digest()


FIELD_TEXT = st.text(st.sampled_from("ab \té:;="), max_size=12).map(str.encode)
NAMES = st.sampled_from(
    [
        b"Subject",
        b"subject",
        b"CC",
        b"To",
        b"References",
        b"X-A",
        b"Date",
        b"Message-Id",
        b"List-Id",
    ]
)
FIELDS = st.lists(st.tuples(NAMES, FIELD_TEXT, FIELD_TEXT.filter(lambda t: t.strip())), max_size=8)


@settings(max_examples=60, deadline=None)
@given(FIELDS, LINES)
def test_whatever_is_signed_is_verified_by_dkimpy(
    fields: list[tuple[bytes, bytes, bytes]], body: bytes
) -> None:
    header = b"".join(n + b":" + first + b"\r\n " + rest + b"\r\n" for n, first, rest in fields)
    raw = b"From: a@acme.example\r\n" + header + b"\r\n" + body.replace(b"\n", b"\r\n") + b"\r\n"
    assert said(sign(raw, BOTH, NOW) + raw) == [True, True]


def test_both_algorithms_sign_at_once_and_in_order() -> None:
    fields = sign(MAIL, BOTH, NOW)
    assert fields.count(b"DKIM-Signature: ") == 2
    found = verify(fields + MAIL, RECORDS)
    assert [(v.domain, v.selector, v.algorithm, v.ok, v.why) for v in found] == [
        ("acme.example", "g2026", "rsa-sha256", True, ""),
        ("acme.example", "e2026", "ed25519-sha256", True, ""),
    ]
    assert dkim.verify(fields + MAIL, dnsfunc=lambda *_, **__: RSA.key.record)


@pytest.mark.parametrize("bits", [1024, 2048, 3072])
def test_rsa_keys_of_every_usual_size_sign(bits: int) -> None:
    signer = Signer("acme.example", "s", rsa_key(bits))
    fields = sign(MAIL, [signer], NOW)
    assert verify(fields + MAIL, {signer.record_name: signer.key.record})[0].ok
    assert probe(signer) == ""


def test_the_field_says_what_it_should_and_no_more() -> None:
    field = sign(MAIL, [ED25519], NOW)
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))
    tags = dict(
        part.split(b"=", 1) for part in b"".join(field.partition(b":")[2].split()).split(b";")
    )
    assert sorted(tags) == [b"a", b"b", b"bh", b"c", b"d", b"h", b"s", b"t", b"v"]
    assert tags[b"c"] == b"relaxed/relaxed"
    assert tags[b"t"] == b"%d" % NOW
    signed = tags[b"h"].split(b":")
    for name in FROZEN:
        assert signed.count(name) == 1 + HEADER.lower().count(b"\r\n" + name + b":") + (
            name == b"from"
        )
    assert signed.count(b"date") == signed.count(b"message-id") == 2
    assert b"x-other" not in signed


@pytest.mark.parametrize(
    "added",
    [
        b"From: evil@evil.example",
        b"Subject: other",
        b"Cc: more@acme.example",
        b"Reply-To: evil@evil.example",
        b"List-Unsubscribe: <https://evil.example/>",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        b"Content-Type: text/html",
        b"Date: Tue, 24 Nov 2026 20:00:00 +0000",
        b"Message-ID: <2@acme.example>",
    ],
)
def test_nobody_can_add_a_field_that_readers_look_at(added: bytes) -> None:
    signed = sign(MAIL, BOTH, NOW) + MAIL
    assert said(added + b"\r\n" + signed) == [False, False]


def test_what_the_next_hop_adds_does_no_harm() -> None:
    bare = b"From: a@acme.example\r\n\r\nHello.\r\n"
    signed = sign(bare, BOTH, NOW) + bare
    added = (
        b"Received: from a by b; Mon, 23 Nov 2026 20:00:00 +0000\r\n"
        b"Date: Mon, 23 Nov 2026 20:00:00 +0000\r\nMessage-Id: <1@b>\r\nX-Spam: no\r\n"
    )
    assert said(added + signed) == [True, True]


def test_a_changed_body_or_field_is_noticed() -> None:
    signed = sign(MAIL, BOTH, NOW) + MAIL
    assert said(signed.replace(b"voici", b"voila")) == [False, False]
    assert said(signed.replace(b"Nouveaut", b"Vieillot")) == [False, False]
    assert said(signed.replace(b"Bonjour,  \r\n", b"Bonjour, \r\n")) == [True, True]


def test_another_key_and_no_key_are_told_apart() -> None:
    signed = sign(MAIL, BOTH, NOW) + MAIL
    other = {RSA.record_name: rsa_key().record, ED25519.record_name: b"v=DKIM1; k=ed25519; p="}
    assert all(each.why for each in verify(signed, other))
    assert [each.why for each in verify(signed, {})] == ["no public key"] * 2


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"To: b@c.example\r\n\r\nHello.\r\n", "no From"),
        (b"\r\nHello.\r\n", "no From"),
        (b"", "no From"),
        (b"From: a@acme.example\r\nno field at all\r\n\r\nHello.\r\n", "no field"),
        (b" folded: first\r\nFrom: a@acme.example\r\n\r\n", "no field"),
        (b": nameless\r\nFrom: a@acme.example\r\n\r\n", "no field"),
        (b"Two words: x\r\nFrom: a@acme.example\r\n\r\n", "no field"),
        ("Sübject: x\r\nFrom: a@acme.example\r\n\r\n".encode(), "no field"),
    ],
)
def test_what_cannot_be_signed_goes_unsigned(raw: bytes, why: str) -> None:
    assert sign(raw, BOTH, NOW) == b""
    assert why in unsignable(raw)


def test_what_can_be_signed_is_not_called_unsignable() -> None:
    assert unsignable(MAIL) == ""
    assert unsignable(HEADER) == ""


def test_a_space_before_the_colon_is_signed_without_it() -> None:
    # RFC 5322 §4.5 allows it; dkimpy does not read such a message, so its canonical twin is read.
    odd = MAIL.replace(b"Subject:", b"Subject  :")
    assert said(sign(odd, BOTH, NOW) + MAIL) == [True, True]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"no line end",
        b"x" * 100_000 + b"\r\n",
        b"long " * 20_000 + b"\r\n",
        bytes(range(128, 256)) * 10 + b"\r\n",
    ],
)
def test_odd_bodies_are_signed(body: bytes) -> None:
    raw = HEADER + b"\r\n" + body
    assert said(sign(raw, BOTH, NOW) + raw) == [True, True]


def test_a_message_of_a_header_only_is_signed() -> None:
    assert said(sign(HEADER, BOTH, NOW) + HEADER) == [True, True]


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_signing_and_verifying_never_raise(octets: bytes) -> None:
    assert isinstance(sign(octets, [ED25519], NOW), bytes)
    assert isinstance(verify(b"DKIM-Signature: v=1\r\n" + octets, RECORDS), list)


@pytest.mark.parametrize(
    ("head", "piece", "tail"),
    [
        (HEADER + b"\r\n", b" ", b"\r\n"),
        (HEADER + b"\r\n", b" \t", b"x\r\n"),
        (HEADER + b"\r\n", b" \r\n", b""),
        (HEADER + b"\r\n", b"\r\n", b""),
        (HEADER + b"\r\n", b"\r", b""),
        (HEADER + b"\r\n", b"a  b\r\n", b""),
        (HEADER + b"\r\n", b"\n", b""),
        (b"From: a@b\r\nX:", b" \r\n", b"\r\n"),
        (b"From: a@b\r\n", b"To: a\r\n", b"\r\n"),
    ],
)
def test_hostile_mail_is_signed_in_linear_time(head: bytes, piece: bytes, tail: bytes) -> None:
    """dkimpy needs 29 s and more for some of these."""

    def mail(size: int) -> bytes:
        return head + piece * (size // len(piece)) + tail

    assert growth(mail, lambda raw: sign(raw, [ED25519], NOW), 600_000) < STEEP


def test_a_probe_tells_a_key_that_the_dns_does_not_hold() -> None:
    assert probe(RSA) == probe(ED25519) == ""
    assert probe(RSA, rsa_key().record)
    assert probe(ED25519, SigningKey.load(b64encode(b"t" * 32)).record)
    assert probe(RSA, b"v=DKIM1; p=")
    assert probe(Signer("b\u00fccher.example", "s", RSA.key))


def test_a_mended_mail_is_signed_and_verified() -> None:
    """Mend first, sign last: mailcow#5744, rspamd#4459; sendgrid-nodejs#893; docker-postfix#142."""
    page = b"<body>" + b"word " * 400 + b"</body>\r\n"
    kind = b"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    fixes: list[tuple[str, Fix]] = [
        ("overlong-line", Reencode("")),
        ("missing-one-click", OfferExit()),
        (
            "missing-unsubscribe-link",
            Paragraph(Place.UNSUBSCRIBE, "Leave: {exit}", frozenset({""})),
        ),
    ]
    way_out = Exit("https://u.acme.example/u/AQ")
    raw = b"From: a@acme.example\r\n" + kind + page
    mended = compose(Message(raw), fixes, exit=way_out, language="en", eight_bit=False)
    assert isinstance(mended, Mended)
    signed = sign(mended.raw, BOTH, NOW) + mended.raw
    assert said(signed) == [True, True]
    assert max(map(len, signed.split(b"\r\n"))) <= 998
    stripped = signed.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b"")
    assert said(stripped) == [False, False]


def test_where_complaints_go_is_signed() -> None:
    """Providers heed a CFBL-Address only under a signature (RFC 9477 §3.1)."""
    fixes: list[tuple[str, Fix]] = [
        ("missing-feedback-headers", AddField("CFBL-Address", "fbl@acme.example; report=arf"))
    ]
    raw = b"From: a@acme.example\r\n\r\nhello\r\n"
    mended = compose(Message(raw), fixes, exit=None, language="en", eight_bit=False)
    assert isinstance(mended, Mended)
    signed = sign(mended.raw, BOTH, NOW) + mended.raw
    assert said(signed) == [True, True]
    assert said(signed.replace(b"fbl@acme.example", b"fbl@evil.example")) == [False, False]
