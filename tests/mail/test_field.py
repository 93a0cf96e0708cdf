"""Fields tile the header, and their values are read tolerantly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.mail.field import mailboxes, parse_parameterised, split_fields


def only(raw: bytes, key: str = "subject") -> str:
    (field,) = split_fields(raw, 0, len(raw))
    assert field.key == key
    return field.text


HEADER = (
    b"Received: from a\r\n\tby b\r\n for c\r\n"
    b"Subject : x\r\n"
    b"X-Empty:\r\n"
    b"junk line\r\n"
    b": no name\r\n"
    b"X-8Bit: \xe9\r\n"
    b"To:a@b"
)


def test_the_fields_of_a_header() -> None:
    fields = split_fields(HEADER, 0, len(HEADER))
    assert [(field.name, field.raw) for field in fields] == [
        ("Received", b"from a\tby b for c"),
        ("Subject", b"x"),
        ("X-Empty", b""),
        ("", b"junk line"),
        ("", b": no name"),
        ("X-8Bit", b"\xe9"),
        ("To", b"a@b"),
    ]
    assert fields[1].key == "subject"
    assert HEADER[fields[1].value_start :].startswith(b" x\r\n")
    assert fields[3].value_start == fields[3].start


def test_a_fold_with_nothing_before_it_is_no_field() -> None:
    raw = b" folded\r\n\tagain\r\nTo: a\r\n"
    assert [field.key for field in split_fields(raw, 0, len(raw))] == ["", "to"]


def test_only_the_range_asked_for_is_read() -> None:
    raw = b"A: 1\r\nB: 2\r\n 3\r\nC: 4\r\n"
    assert [field.key for field in split_fields(raw, 6, 12)] == ["b"]
    assert split_fields(raw, 6, 6) == ()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"Subject: \xc3\xa9\r\n", "é"),
        (b"Subject: \xe9\r\n", "é"),
        (b"Subject: =?utf-8?q?=C3=A9?=\r\n =?utf-8?q?_x?=\r\n", "é x"),
        (b"Subject: a\tb\0c\x7f\r\n", "a bc"),
        # RFC 2047 must not bring line ends into a header.
        (b"Subject: =?utf-8?q?a=0D=0ABcc:_b?=\r\n", "aBcc: b"),
        (b"Subject:\r\n late\r\n", "late"),
        (b"Subject: bare\n lf\n", "bare lf"),
    ],
)
def test_what_a_person_reads(raw: bytes, text: str) -> None:
    assert only(raw) == text


HEADERISH = st.lists(
    st.sampled_from(
        [
            b"A",
            b":",
            b" ",
            b"\t",
            b"\r\n",
            b"\n",
            b"\r",
            b"\xe9",
            b"Subject: ",
            b"=?utf-8?q?",
            b"?=",
        ]
    )
).map(b"".join)


@given(st.binary() | HEADERISH, st.binary(max_size=5), st.binary(max_size=5))
def test_fields_tile_the_header(header: bytes, before: bytes, after: bytes) -> None:
    raw = before + header + after
    end = len(before) + len(header)
    fields = split_fields(raw, len(before), end)
    assert [field.start for field in fields] == [len(before), *(f.end for f in fields)][
        : len(fields)
    ]
    assert (fields[-1].end if fields else len(before)) == end
    for field in fields:
        assert field.start <= field.value_start <= field.end
        assert field.start < field.end
        assert raw[field.start :].startswith(field.name.encode())
        assert not set(field.text) & set(map(chr, range(32)))
        assert b"\n" not in field.raw


@pytest.mark.parametrize(
    ("value", "kind", "parameters"),
    [
        ("text/plain", "text/plain", {}),
        ("Text/HTML; Charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        ('text/plain; charset="utf-8" ; a=b', "text/plain", {"charset": "utf-8", "a": "b"}),
        ("text/plain; charset=us-ascii (plain text)", "text/plain", {"charset": "us-ascii"}),
        ("text/plain (comment); charset=a", "text/plain", {"charset": "a"}),
        ('attachment; filename="a;b\\"c.txt"', "attachment", {"filename": 'a;b"c.txt'}),
        ("multipart/mixed; boundary=a=b", "multipart/mixed", {"boundary": "a=b"}),
        ("multipart/mixed;boundary = x", "multipart/mixed", {"boundary": "x"}),
        ('multipart/mixed; boundary="x', "multipart/mixed", {"boundary": "x"}),
        ("text/html charset=utf-8", "text/html", {}),
        ("a/b; x=1; X=2", "a/b", {"x": "1"}),
        ("a/b; ; =; x; y=1;", "a/b", {"y": "1"}),
        ("", "", {}),
        # RFC 2231
        ("a; f*=utf-8'fr'%C3%A9", "a", {"f": "é"}),
        ("a; f*=iso-8859-1''%E9", "a", {"f": "é"}),
        ("a; f*0=one; f*1=two", "a", {"f": "onetwo"}),
        ("a; f*1*=%A9; f*0*=utf-8''%C3; f*2=-x", "a", {"f": "é-x"}),
        ("a; f=plain; f*=utf-8''%C3%A9", "a", {"f": "é"}),
        ("a; f*=no-quotes", "a", {"f": "no-quotes"}),
        ("a; f*=zlib''x", "a", {"f": "x"}),
        ("a; f*99999=x; *=y; f**=z", "a", {}),
    ],
)
def test_parameterised(value: str, kind: str, parameters: dict[str, str]) -> None:
    parsed = parse_parameterised(value)
    assert (parsed.value, parsed.parameters) == (kind, parameters)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b", [("", "a@b")]),
        ("<a@b>", [("", "a@b")]),
        ("A B <a@b>", [("A B", "a@b")]),
        ('"B, A" <a@b>', [("B, A", "a@b")]),
        ('"say \\"hi\\"" <a@b>', [('say "hi"', "a@b")]),
        ("a@b (A B)", [("A B", "a@b")]),
        ("(A (nested) B) a@b", [("A (nested) B", "a@b")]),
        ("a@b, C <c@d>", [("", "a@b"), ("C", "c@d")]),
        (",a@b,, ;", [("", "a@b")]),
        ("=?utf-8?q?=C3=A9?= =?utf-8?q?t=C3=A9?= <a@b>", [("été", "a@b")]),
        ('"=?utf-8?q?=C3=A9?=" <a@b>', [("é", "a@b")]),
        ("=?utf-8?q?x=2C?= <a@b>", [("x,", "a@b")]),
        ("=?utf-8?q?x=0D=0A_y?= <a@b>", [("x y", "a@b")]),
        ('"john doe"@b', [("", '"john doe"@b')]),
        ("é <é@bücher.example>", [("é", "é@bücher.example")]),
        ("a@[127.0.0.1]", [("", "a@[127.0.0.1]")]),
        ("A <a@[IPv6:::1]>", [("A", "a@[IPv6:::1]")]),
        ("All: a@b, C <c@d>;", [("", "a@b"), ("C", "c@d")]),
        ("All: a@b; e@f", [("", "a@b"), ("", "e@f")]),
        ("undisclosed-recipients:;", []),
        ("", []),
        # What is not one plain addr-spec is nobody.
        ("A", [("A", None)]),
        ("A <>", [("A", None)]),
        ("A <a>", [("A", None)]),
        ("A <a@b", [("A <a@b", None)]),
        ("A <@x:a@b>", [("A", None)]),
        ("a @b", [("a @b", None)]),
        ("a@ b", [("a@ b", None)]),
        ("a(x)@b", [("a @b", None)]),
        ("A <a @b>", [("A", None)]),
        ("<a@b> <c@d>", [("", "a@b"), ("", "c@d")]),
        ("A <a@b> tail", [("A tail", "a@b")]),
        ("a@b c@d", [("a@b c@d", None)]),
        ("a@b (unclosed, c@d", [("unclosed, c@d", "a@b")]),
        ("a@b\ud800", [("a@b\ud800", None)]),
    ],
)
def test_mailboxes(value: str, expected: list[tuple[str, str | None]]) -> None:
    found = [(m.display, m.address and bytes(m.address).decode()) for m in mailboxes(value)]
    assert found == expected


STRUCTURED = st.text() | st.lists(
    st.sampled_from(
        [*"<>()[]@,;:\"\\ ='*%", "a", "b.c", "é", "*0", "*0*", "utf-8''", "=?utf-8?q?", "?="]
    )
).map("".join)


@given(STRUCTURED)
def test_structured_values_never_raise(value: str) -> None:
    for mailbox in mailboxes(value):
        assert mailbox.display == mailbox.display.strip()
        assert mailbox.address is None or bytes(mailbox.address).decode() in value
    parsed = parse_parameterised(value)
    assert parsed.value == parsed.value.strip().lower()
    assert all(name == name.lower() for name in parsed.parameters)
