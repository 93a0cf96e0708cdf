"""The walk finds the parts by spans; nothing is lost between them, whatever the octets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.mail import part as walk
from smtpguard.mail.message import Message
from smtpguard.mail.part import DEPTH, PARTS, Part

NESTED = b"""\
Content-Type: multipart/mixed; boundary="outer"

preamble
--outer
Content-Type: multipart/alternative; boundary=outer_alt

--outer_alt
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

=E9t=E9

--outer_alt
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PHA+w6l0w6k8L3A+
--outer_alt--
--outer
Content-Type: message/rfc822

Subject: inside
Content-Type: multipart/mixed; boundary=inner

--inner

plain
--inner
Content-Type: message/rfc822

Subject: innermost

text
--inner--
--outer
Content-Type: application/pdf; name="a.pdf"
Content-Disposition: attachment; filename="=?utf-8?q?=C3=A9.pdf?="
Content-Transfer-Encoding: base64

AAEC
--outer--
epilogue
""".replace(b"\n", b"\r\n")


def numbered(raw: bytes) -> dict[str, Part]:
    parts = Message(raw).parts
    found = {part.number: part for part in parts}
    assert len(found) == len(parts)
    return found


def test_numbers_types_and_parents() -> None:
    outer = ("multipart/mixed",)
    inner = (*outer, "message/rfc822", "multipart/mixed")
    assert [(p.number, p.type, p.parent_types) for p in Message(NESTED).parts] == [
        ("", "multipart/mixed", ()),
        ("1", "multipart/alternative", outer),
        ("1.1", "text/plain", (*outer, "multipart/alternative")),
        ("1.2", "text/html", (*outer, "multipart/alternative")),
        ("2", "message/rfc822", outer),
        ("2.TEXT", "multipart/mixed", (*outer, "message/rfc822")),
        ("2.1", "text/plain", inner),
        ("2.2", "message/rfc822", inner),
        ("2.2.1", "text/plain", (*inner, "message/rfc822")),
        ("3", "application/pdf", outer),
    ]


def test_what_a_part_says_of_itself() -> None:
    parts = numbered(NESTED)
    text, html, file = parts["1.1"], parts["1.2"], parts["3"]
    assert (text.charset, text.encoding, text.text) == ("iso-8859-1", "quoted-printable", "été\r\n")
    assert (html.content, html.text) == ("<p>été</p>".encode(), "<p>été</p>")
    assert (file.disposition, file.filename, file.attachment) == ("attachment", "é.pdf", True)
    assert file.content == b"\x00\x01\x02"
    assert (text.disposition, text.filename, text.attachment) == ("", "", False)
    assert NESTED[slice(*parts["2.1"].body)] == b"plain"
    assert NESTED[slice(*parts["2.2.1"].header)] == b"Subject: innermost\r\n"
    assert not any(part.defect for part in parts.values())


def test_the_content_is_decoded_once() -> None:
    part = numbered(NESTED)["1.1"]
    assert part.content is part.content
    assert part.text is part.text


ENCODED = b"Content-Transfer-Encoding: "
MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "bodies"),
    [
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", [b"one", b"two"]),
        (b"--b \t\r\n\r\none\r\n--b-- \r\n", [b"one"]),
        (b"--b\r\n\r\n\r\n--b--", [b""]),
        (b"--b\r\n\r\n--b--", [b""]),
        (b"--b\r\n--b\r\n\r\none\r\n--b--", [b"one"]),
        (b"--b\r\n\r\none\r\n\r\n--b--", [b"one\r\n"]),
        (b"--b\r\n\r\n--bb\r\n--b-\r\n-b\r\n--b--x\r\n--b--", [b"--bb\r\n--b-\r\n-b\r\n--b--x"]),
        (b"--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\nepilogue\r\n--b--", [b"one"]),
        (b"--b\n\none\n--b--\n", [b"one"]),
    ],
)
def test_delimiters(body: bytes, bodies: list[bytes]) -> None:
    root = Message(MIXED + body).root
    assert [child.content for child in root.children] == bodies
    assert root.defect == ""


@pytest.mark.parametrize(
    ("raw", "defect"),
    [
        (MIXED + b"--b\r\n\r\none\r\n", "multipart without an end"),
        (MIXED + b"--b\r\n\r\none\r\n--b", "multipart without an end"),
        (MIXED + b"one\r\n", "multipart without a delimiter"),
        (MIXED, "multipart without a delimiter"),
        (MIXED + b"--b--\r\n", "multipart without parts"),
        (b"Content-Type: multipart/mixed\r\n\r\n--b\r\n", "multipart without a boundary"),
        (MIXED.replace(b"=b", b'=""') + b"----\r\n", "multipart without a boundary"),
        (ENCODED + b"base64\r\n" + MIXED + b"--b\r\n\r\n\r\n--b--", "encoded multipart"),
        (ENCODED + b"x-uuencode\r\n\r\nx", "unknown transfer encoding"),
        (b"Content-Type: text/html\r\n" + MIXED + b"x", "contradictory header"),
        (b"junk\r\n\r\nx", "malformed header"),
        (MIXED + b"--bX\r\n" * 3000, "too many lines like its delimiter"),
        (MIXED + b"--b\r\n\r\nx\r\n" * 600 + b"--b--", "too many parts"),
        (b"Content-Type: message/rfc822\r\n\r\n" * 40, "nested too deep"),
    ],
)  # fmt: skip
def test_defects(raw: bytes, defect: str) -> None:
    assert Message(raw).defect == defect


def test_an_unended_part_keeps_its_text() -> None:
    assert [p.content for p in Message(MIXED + b"--b\r\n\r\none").root.children] == [b"one"]


def test_the_outer_delimiter_ends_what_is_open_within() -> None:
    inner = b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\none\r\n"
    parts = numbered(MIXED + inner + b"--b\r\n\r\ntwo\r\n--b--")
    assert (parts["1.1"].content, parts["2"].content) == (b"one", b"two")
    assert (parts["1"].defect, parts[""].defect) == ("multipart without an end", "")


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (b"", "text/plain"),
        (b"Content-Type: TEXT/Html\r\n", "text/html"),
        (b"Content-Type: text\r\n", "text/plain"),
        (b"Content-Type: \r\n", "text/plain"),
        (b"Content-Type: a/b/c\r\n", "text/plain"),
        (b"Content-Type: text/html charset=utf-8\r\n", "text/html"),
        (b"content-type\t: text/html\r\n", "text/html"),
        (b"Content-Type:\r\n text/html;\r\n\tcharset=utf-8\r\n", "text/html"),
    ],
)
def test_the_type(header: bytes, kind: str) -> None:
    assert Message(header + b"\r\n").root.type == kind


def test_the_parts_of_a_digest_are_messages() -> None:
    raw = MIXED.replace(b"mixed", b"digest") + b"--b\r\n\r\nSubject: x\r\n\r\ny\r\n--b--"
    assert [part.type for part in Message(raw).parts][1:] == ["message/rfc822", "text/plain"]


@pytest.mark.parametrize(
    ("disposition", "attachment"),
    [
        (b"attachment", True),
        (b"ATTACHMENT; filename=x", True),
        (b"x-unheard-of", True),
        (b"inline", False),
        (b"Inline; filename=x", False),
        (b"", False),
    ],
)
def test_attachments(disposition: bytes, attachment: bool) -> None:
    root = Message(b"Content-Disposition: " + disposition + b"\r\n\r\n").root
    assert root.attachment is attachment


def test_an_undecodable_text_is_none() -> None:
    assert Message(b"Content-Type: text/plain; charset=utf-7\r\n\r\n+ADw-").root.text is None


PIECES = st.lists(
    st.sampled_from(
        [
            *(
                b"\r\n",
                b"\n",
                b"\r\n--b\r\n",
                b"\r\n--b--\r\n",
                b"--c",
                b"--",
                b"\r\n\r\n",
                b"text",
            ),
            *(b"\xff", b"\r\n--c\r\n", b"\r\n--c--\r\n"),
            b"\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n",
            b"\r\nContent-Type: message/rfc822\r\n\r\n",
            b"Content-Type: multipart/digest; boundary=b",
        ]
    ),
    max_size=20,
).map(b"".join)


@given(st.sampled_from([MIXED, b""]), PIECES)
def test_parts_tile_the_body(start: bytes, rest: bytes) -> None:
    raw = start + rest
    message = Message(raw)
    assert message.root.header[0] == 0
    assert message.root.body == (message.body_start, len(raw))
    for part in message.parts:
        (header, header_end), (body, end) = part.header, part.body
        assert raw[header_end:body] in (b"\r\n", b"\n", b"")
        assert header_end == body == end or header_end < body or end == body == header_end
        assert b"".join(raw[f.start : f.end] for f in part.fields) == raw[header:header_end]
        assert isinstance(part.content, bytes)
        tile_between(raw, part)


def tile_between(raw: bytes, part: Part) -> None:
    """Between one child and the next lies one delimiter, or several in a row, and nothing else."""
    if not part.children:
        return
    if part.type.startswith("message/"):
        (child,) = part.children
        assert (child.header[0], child.body[1]) == part.body
        return
    boundary = b"--" + part.parameters["boundary"].encode()
    for one, two in zip(part.children, part.children[1:], strict=False):
        gap = raw[one.body[1] : two.header[0]]
        assert gap.strip(b"\r\n")
        assert not gap.replace(boundary, b"").strip()
    first, last = part.children[0].header[0], part.children[-1].body[1]
    assert raw[part.body[0] : first].rstrip().endswith(boundary)
    assert part.defect or raw[last : part.body[1]].lstrip().startswith(boundary + b"--")


@given(st.binary())
def test_anything_is_a_message(raw: bytes) -> None:
    message = Message(raw)
    assert message.parts[0] is message.root
    assert raw[: message.root.header[1]] + raw[message.body_start :] in (
        raw,
        raw[: message.root.header[1]] + raw[message.root.header[1] + 1 :],
        raw[: message.root.header[1]] + raw[message.root.header[1] + 2 :],
    )


def test_the_limits() -> None:
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(2000)
    )
    assert len(Message(deep).parts) == DEPTH + 1
    assert Message(deep).defect == "multipart without an end"
    many = MIXED + b"--b\r\n\r\nx\r\n" * 20_000 + b"--b--"
    assert len(Message(many).parts) == PARTS


@given(
    st.lists(st.sampled_from([b"\n", b"-", b"--", b"\n--b", b"A" * 9, b"A"]), max_size=40),
    st.integers(0, 12),
    st.integers(0, 150),
)
def test_leaping_over_base64_finds_what_looking_everywhere_finds(
    pieces: list[bytes], start: int, end: int
) -> None:
    raw = b"".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "STRETCH", 12)
        for delimiter in (b"\n--b", b"\n--bb-b"):
            assert walk._find(raw, delimiter, start, end) == raw.find(delimiter, start, end)
