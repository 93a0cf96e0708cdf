"""Our trace names the session and the host, and nothing a client says can break out of it."""

from hypothesis import given
from hypothesis import strategies as st

from smtpguard.mail.envelope import Session
from smtpguard.proxy import trace


def test_ids_are_unique() -> None:
    ids = [trace.reference() for _ in range(5000)]
    assert len(set(ids)) == len(ids)
    assert all(set(each) <= set("0123456789BCDFGHJKLMNPQRSTVWXYZ") for each in ids)


def test_the_received_field() -> None:
    session = Session(protocol="ESMTP", peer="2001:db8::1", helo="mx.acme.example", tls=True)
    octets = trace.received(
        session,
        hostname="guard.acme.example",
        host="0a1b2c3d",
        reference="7F3",
        recipient=b"a@b.example",
        now=0.0,
    )
    assert octets == (
        b"Received: from mx.acme.example ([IPv6:2001:db8::1])\r\n"
        b"\tby guard.acme.example (smtpguard 0a1b2c3d) with ESMTPS id 7F3\r\n"
        b"\tfor <a@b.example>;\r\n"
        b"\tThu, 01 Jan 1970 00:00:00 -0000\r\n"
    )


@given(helo=st.text(max_size=300), recipient=st.binary(max_size=40))
def test_a_client_cannot_write_fields_of_its_own(helo: str, recipient: bytes) -> None:
    octets = trace.received(
        Session(helo=helo), hostname="h", host="x", reference="1", recipient=b"", now=0.0
    )
    lines = octets.split(b"\r\n")
    assert lines.pop() == b""
    assert lines[0].startswith(b"Received: from ")
    assert all(line.startswith(b"\t") for line in lines[1:])
    assert octets.isascii()


def test_an_endless_address_makes_no_endless_line() -> None:
    session = Session("smtp", "ESMTP", "192.0.2.7", "mta")
    field = trace.received(
        session,
        hostname="guard.acme.fr",
        host="0a1b2c3d",
        reference="7F3A9C",
        recipient=b"x" * 5000 + b"@client.fr",
        now=0.0,
    )
    assert max(map(len, field.split(b"\r\n"))) < 998
