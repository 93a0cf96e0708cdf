"""Paths are read strictly, kept octet for octet, and looked up under one key."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpguard.mail.address import Address, MalformedPath, parse_path


def address(octets: bytes) -> Address:
    parsed = Address.parse(octets)
    assert parsed is not None
    return parsed


@pytest.mark.parametrize(
    ("argument", "local", "domain", "rest"),
    [
        (b"<a@b>", b"a", b"b", b""),
        (b" <a@b>", b"a", b"b", b""),
        (b"<a@b> SIZE=1", b"a", b"b", b" SIZE=1"),
        (b"<EVIL@D.Example>", b"EVIL", b"D.Example", b""),
        (b'<"evil"@d>', b'"evil"', b"d", b""),
        (b'<"a b>c@d"@e>', b'"a b>c@d"', b"e", b""),
        (b'<"a\\"b\\\\"@c>', b'"a\\"b\\\\"', b"c", b""),
        (b"<a%b!c#d+e=f@g>", b"a%b!c#d+e=f", b"g", b""),
        (b"<a_b@c_d.example>", b"a_b", b"c_d.example", b""),
        (b"<a@[127.0.0.1]>", b"a", b"[127.0.0.1]", b""),
        (b"<a@[IPv6:2001:db8::1]>", b"a", b"[IPv6:2001:db8::1]", b""),
        ("<josé@bücher.example>".encode(), "josé".encode(), "bücher.example".encode(), b""),
        ("<\u0645\u06cc\u200c\u062e@a>".encode(), "\u0645\u06cc\u200c\u062e".encode(), b"a", b""),
        (b"<Postmaster>", b"Postmaster", b"", b""),
        (b"<postMASTER> NOTIFY=NEVER", b"postMASTER", b"", b" NOTIFY=NEVER"),
        (b"<" + b"v" * 300 + b"@d>", b"v" * 300, b"d", b""),
        (b"<a@" + b"d" * 63 + b".example>", b"a", b"d" * 63 + b".example", b""),
    ],
)
def test_a_path(argument: bytes, local: bytes, domain: bytes, rest: bytes) -> None:
    assert parse_path(argument) == (Address(local, domain), rest)


def test_the_null_path() -> None:
    assert parse_path(b"<>") == (None, b"")
    assert parse_path(b"<> SIZE=10") == (None, b" SIZE=10")


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        (b"", "brackets"),
        (b"a@b", "brackets"),
        (b"\t<a@b>", "brackets"),
        (b"a <a@b>", "brackets"),
        (b"<a@b", "not closed"),
        (b"<<a@b>", "not closed"),
        (b'<"a@b>', "not closed"),
        (b"<a@b>>", "no space after"),
        (b"<a@b>SIZE=1", "no space after"),
        (b"<a@b>\tSIZE=1", "no space after"),
        (b"<a@b>\r\n", "no space after"),
        (b"<@c:a@b>", "source route"),
        (b"<@c,@d:a@b>", "source route"),
        (b"<a>", "without a domain"),
        (b'<"postmaster">', "without a domain"),
        (b"<a@>", "RFC 5321"),
        (b"<@b>", "source route"),
        (b'<""@b>', "RFC 5321"),
        (b"<a@b@c>", "RFC 5321"),
        (b"<a@b,c@d>", "RFC 5321"),
        (b"<a(x)@b>", "RFC 5321"),
        (b"<.a@b>", "RFC 5321"),
        (b"<a.@b>", "RFC 5321"),
        (b"<a..b@c>", "RFC 5321"),
        (b"<a@b.>", "RFC 5321"),
        (b"<a@b..c>", "RFC 5321"),
        (b"<a@-b>", "RFC 5321"),
        (b"<a@b->", "RFC 5321"),
        (b"<a@xn-->", "RFC 5321"),
        (b"<a@b/c>", "RFC 5321"),
        (b"<a @b>", "space in the path"),
        (b"<evil @d>", "space in the path"),
        (b"< a@b>", "space in the path"),
        (b'<"x\rRCPT TO:<evil@d>"@d>', "control character"),
        (b'<"x\nRCPT TO:<evil@d>"@d>', "control character"),
        (b'<"x\\\r"@d>', "control character"),
        (b"<a\0@b>", "control character"),
        (b"<a\x7f@b>", "control character"),
        (b"<a@b\t>", "control character"),
        (b"<a@[127.0.0.1>", "RFC 5321"),
        (b"<a@[127.0.0.256]>", "address literal"),
        (b"<a@[127.0.0.01]>", "address literal"),
        (b"<a@[::1]>", "address literal"),
        (b"<a@[IPv6:1::2::3]>", "address literal"),
        (b"<a@[x400:c.example]>", "address literal"),
        (b"<a@[IPv6:fe80::1%eth0]>", "RFC 5321"),
        (b"<a@" + b"d" * 64 + b".example>", "too long"),
        (b"<a@" + b"d." * 127 + b"d>", "too long"),
        (b"<\xff@d>", "local part"),
        (b"<\xc0\xaf@d>", "local part"),
        (b"<\xed\xa0\x80@d>", "local part"),
        ("<a\u0085@d>".encode(), "local part"),
        ("<a\u2028@d>".encode(), "local part"),
        ("<a\u00a0@d>".encode(), "local part"),
        ("<a\u202e@d>".encode(), "local part"),
        ("<a\ufeff@d>".encode(), "local part"),
        (b"<a@\xff>", "domain"),
        ("<a@b\u3002c>".encode(), "domain"),
        ("<a@b\uff0ec>".encode(), "domain"),
        ("<a@b\u2028c>".encode(), "domain"),
        ("<a@\u2764.example>".encode(), "internationalized"),
        ("<a@é-.example>".encode(), "RFC 5321"),
    ],
)
def test_a_malformed_path(argument: bytes, reason: str) -> None:
    with pytest.raises(MalformedPath, match=reason) as raised:
        parse_path(argument)
    assert str(raised.value).isascii()
    assert len(str(raised.value)) < 60


@pytest.mark.parametrize("domain", ["é" * 60, ".".join(["é" * 20] * 12), "é" * 600])
def test_an_internationalized_domain_over_the_limits_of_dns(domain: str) -> None:
    with pytest.raises(MalformedPath, match="domain"):
        parse_path(f"<a@{domain}>".encode())


@pytest.mark.parametrize(
    ("written", "key"),
    [
        (b"evil@d", "evil@d"),
        (b'"evil"@d', "evil@d"),
        (b'"e\\vil"@d', "evil@d"),
        (b"EVIL@D", "evil@d"),
        (b"evil@d.", "evil@d"),
        (b"Evil+Tag@d", "evil+tag@d"),
        (b'"a b"@d', "a b@d"),
        (b"a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"),
        ("a@bücher.example".encode(), "a@xn--bcher-kva.example"),
        ("a@BÜCHER.Example".encode(), "a@xn--bcher-kva.example"),
        (b"a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"),
        ("a@bu\u0308cher.example".encode(), "a@xn--bcher-kva.example"),
        ("jose\u0301@d".encode(), "jos\u00e9@d"),
        ("JOSÉ@d".encode(), "jos\u00e9@d"),
        ("ΟΔΟΣ@d".encode(), "οδοσ@d"),
    ],
)
def test_the_key(written: bytes, key: str) -> None:
    assert address(written).key == key


def test_the_key_tells_different_people_apart() -> None:
    people = [b"a.b@d", b"ab@d", b"a+b@d", b"a-b@d", b"a@d", b"a@e.d", b"a@d.e", b'"a@d"@e']
    assert len({address(person).key for person in people}) == len(people)


@pytest.mark.parametrize(
    ("written", "untagged"),
    [
        (b"evil+tag@d", "evil@d"),
        (b'"evil+tag"@D', "evil@d"),
        (b"a+b+c@d", "a@d"),
        (b"evil@d", None),
        (b"+tag@d", None),
        (b"a@d+e", None),
    ],
)
def test_the_mailbox_behind_a_tag(written: bytes, untagged: str | None) -> None:
    parsed = Address.parse(written) or Address(*written.split(b"@"))
    assert parsed.untagged == untagged


def test_postmaster_has_a_key() -> None:
    postmaster = Address(b"Postmaster", b"")
    assert (postmaster.key, postmaster.untagged, bytes(postmaster)) == (
        "postmaster",
        None,
        b"Postmaster",
    )


def test_whether_it_needs_smtputf8() -> None:
    assert address(b"a@xn--bcher-kva.example").ascii
    assert not address("a@bücher.example".encode()).ascii
    assert not address("é@d".encode()).ascii


@pytest.mark.parametrize(
    "octets",
    [b"", b"a", b"@", b"a@", b"@b", b" a@b", b"a@b ", b"a@b\n", b"<a@b>", b"A <a@b>", b"a@b..",
     b"a@b,c@d", b"a@[1.2.3.4].", b"Postmaster", b"a@b\r\nRCPT TO:<c@d>"],
)  # fmt: skip
def test_what_is_no_mailbox(octets: bytes) -> None:
    assert Address.parse(octets) is None


PIECES = [*'aB@."\\<> +[]:-\0\r(,é\u2028', "xn--", "127.0.0.1", "IPv6:"]
PATH_OCTETS = (
    st.lists(st.sampled_from([*map(str.encode, PIECES), b"\xff"])).map(b"".join) | st.binary()
)


@given(PATH_OCTETS)
@example(b"")
def test_an_accepted_path_is_sent_as_it_came(octets: bytes) -> None:
    argument = b"<" + octets + b">"
    try:
        parsed, rest = parse_path(argument)
    except MalformedPath:
        return
    written = b"" if parsed is None else bytes(parsed)
    assert b"<" + written + b">" + rest == argument
    if parsed is not None:
        assert parse_path(b"<" + bytes(parsed) + b">") == (parsed, b"")
        assert not any(octet < 32 or octet == 127 for octet in written)


@given(PATH_OCTETS)
def test_a_mailbox_is_never_rewritten(octets: bytes) -> None:
    parsed = Address.parse(octets)
    assert parsed is None or bytes(parsed) == octets


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_every_address_has_a_key(local: bytes, domain: bytes) -> None:
    made = Address(local, domain)
    key, untagged = made.key, made.untagged
    assert key.encode().decode() == key
    assert untagged is None or len(untagged) < len(key)


@given(st.text(min_size=1, max_size=12))
def test_the_key_does_not_depend_on_composition(local: str) -> None:
    quoted = [
        f'"{form}"@d'.encode()
        for form in (
            local,
            unicodedata.normalize("NFD", local),
            unicodedata.normalize("NFC", local),
        )
        if not set(form) & {'"', "\\"} and form.isprintable()
    ]
    keys = {parsed.key for octets in quoted if (parsed := Address.parse(octets))}
    assert len(keys) <= 1
