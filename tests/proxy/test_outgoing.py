"""The last octets of a copy, and its envelope: what was checked is what is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.edit.edit import Edit, apply, invert
from smtpguard.keys import SigningKey
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Parameter, Recipient, Session
from smtpguard.proxy.outgoing import finish, mail_argument, rcpt_argument, unfit
from smtpguard.sign import Signer, verify
from smtpguard.smtp.capabilities import Capabilities
from smtpguard.verdict.decision import Copy

RAW = b"From: a@acme.fr\r\nSubject: x\r\n\r\nHello.\r\n"
TRACE = b"Received: from x by y; now\r\n"
SIGNER = Signer("acme.fr", "g2026", SigningKey.load(b"p" * 43 + b"="))
EVERYTHING = Capabilities(size=0, eightbitmime=True, smtputf8=True, dsn=True)
NOTHING = Capabilities()
SENDER = Address(b"Bounce+X", b"Acme.fr")
ASKED = (
    Parameter(b"BODY", b"8BITMIME"),
    Parameter(b"size", b"77"),
    Parameter(b"SmtpUtf8"),
    Parameter(b"RET", b"HDRS"),
    Parameter(b"ENVID", b"QQ+2B"),
    Parameter(b"AUTH", b"<>"),
)


def test_the_signature_comes_last_and_the_trace_above_it() -> None:
    edits = (Edit(0, 0, b"X-A: b\r\n", "rule"),)
    copy = Copy((0, 2), RAW, edits)
    done = finish(copy, TRACE, (SIGNER,), 1_700_000_000)
    assert done.recipients == (0, 2)
    assert done.raw.startswith(TRACE + b"DKIM-Signature: ")
    assert done.raw.endswith(copy.raw)
    assert [edit.why for edit in done.edits] == ["trace", "dkim", "rule"]
    assert apply(RAW, done.edits) == done.raw
    assert apply(done.raw, invert(RAW, done.edits)) == RAW
    (verified,) = verify(done.raw, {SIGNER.record_name: SIGNER.key.record})
    assert verified.ok


@pytest.mark.parametrize("raw", [RAW, b"no header at all\r\n"])
def test_where_nothing_signs_only_the_trace_is_added(raw: bytes) -> None:
    signers = () if raw is RAW else (SIGNER,)
    done = finish(Copy((0,), raw), TRACE, signers, 0)
    assert done.raw == TRACE + raw
    assert done.edits == (Edit(0, 0, TRACE, "trace"),)


def envelope(*parameters: Parameter, sender: Address | None = SENDER) -> Envelope:
    return Envelope(Session(), sender, parameters)


def test_only_what_the_upstream_offers_is_said() -> None:
    said = mail_argument(envelope(*ASKED), EVERYTHING)
    assert said == b"FROM:<Bounce+X@Acme.fr> BODY=8BITMIME SmtpUtf8 RET=HDRS ENVID=QQ+2B"
    assert mail_argument(envelope(*ASKED), NOTHING) == b"FROM:<Bounce+X@Acme.fr>"
    only = Capabilities(dsn=True)
    assert mail_argument(envelope(*ASKED), only) == b"FROM:<Bounce+X@Acme.fr> RET=HDRS ENVID=QQ+2B"


SAID = Parameter(b"AUTH", b"e+3Dmc2@acme.fr")
KNOWN = Capabilities(auth=True, authenticated=True)
"""An upstream to which we said AUTH."""


@pytest.mark.parametrize(
    ("session", "offered", "said"),
    [
        (Session(user="crm", trusted=True), KNOWN, b" AUTH=e+3Dmc2@acme.fr"),
        (Session(user="crm", trusted=True), Capabilities(auth=True), b" AUTH=e+3Dmc2@acme.fr"),
        (Session(user="crm", trusted=True), Capabilities(), b""),
        (Session(user="crm"), KNOWN, b" AUTH=<>"),
        (Session(user="crm"), Capabilities(auth=True), b""),
        (Session(trusted=True), KNOWN, b" AUTH=<>"),
        (Session(), KNOWN, b" AUTH=<>"),
        (Session(), Capabilities(auth=True), b""),
        (Session(), Capabilities(authenticated=True), b""),
    ],
)
def test_who_submitted_is_passed_on_as_far_as_it_is_believed(
    session: Session, offered: Capabilities, said: bytes
) -> None:
    """RFC 4954 §5."""
    assert mail_argument(Envelope(session, SENDER, (SAID,)), offered) == (
        b"FROM:<Bounce+X@Acme.fr>" + said
    )
    assert mail_argument(Envelope(session, SENDER), offered) == b"FROM:<Bounce+X@Acme.fr>"
    nobody = Parameter(b"AUTH", b"<>")
    assert mail_argument(Envelope(session, SENDER, (nobody,)), offered) in (
        b"FROM:<Bounce+X@Acme.fr> AUTH=<>",
        b"FROM:<Bounce+X@Acme.fr>",
    )


def test_a_size_is_our_own_and_only_where_it_is_final() -> None:
    asked = envelope(Parameter(b"SIZE", b"77"))
    assert mail_argument(asked, EVERYTHING) == b"FROM:<Bounce+X@Acme.fr>"
    assert mail_argument(asked, EVERYTHING, 4096) == b"FROM:<Bounce+X@Acme.fr> SIZE=4096"
    assert mail_argument(asked, NOTHING, 4096) == b"FROM:<Bounce+X@Acme.fr>"


def test_the_null_sender_stays_null() -> None:
    assert mail_argument(envelope(sender=None), EVERYTHING) == b"FROM:<>"


def test_recipient_parameters_keep_their_case() -> None:
    parameters = (Parameter(b"Notify", b"SUCCESS,Failure"), Parameter(b"ORCPT", b"rfc822;A+2Bb@c"))
    recipient = Recipient(SENDER, parameters)
    said = rcpt_argument(recipient, EVERYTHING)
    assert said == b"TO:<Bounce+X@Acme.fr> Notify=SUCCESS,Failure ORCPT=rfc822;A+2Bb@c"
    assert rcpt_argument(recipient, NOTHING) == b"TO:<Bounce+X@Acme.fr>"


@given(st.binary(min_size=1, max_size=20), st.binary(max_size=20))
def test_the_octets_that_were_checked_are_the_octets_that_are_sent(
    local: bytes, domain: bytes
) -> None:
    address = Address(local, domain)
    said = rcpt_argument(Recipient(address), EVERYTHING)
    assert said == b"TO:<" + bytes(address) + b">"
    assert mail_argument(envelope(sender=address), EVERYTHING) == b"FROM" + said[2:]


def test_a_connection_without_smtputf8_is_unfit_for_such_an_envelope() -> None:
    asked = envelope(Parameter(b"SMTPUTF8"))
    assert unfit(asked, EVERYTHING) is None
    assert unfit(envelope(), NOTHING) is None
    refusal = unfit(asked, NOTHING)
    assert refusal is not None
    assert bytes(refusal).startswith(b"553 5.6.7")
