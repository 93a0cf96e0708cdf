"""What holds by its edits alone is what the long check finds nothing wrong with, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smtpguard.edit.edit import Edit, apply, misplaced
from smtpguard.edit.leaf import Mending, Wish, mend
from smtpguard.edit.plan import Plan
from smtpguard.edit.proof import header_holds, leaf_holds
from smtpguard.edit.transfer import decode
from smtpguard.edit.verify import Meant, fault
from smtpguard.mail.message import Message
from smtpguard.mail.part import Part
from smtpguard.unsubscribe.link import Exit
from tests.edit.letters import ENCODINGS, PAGE, WAY_OUT, crlf, footer, leaf, mail, multipart

LINES = [
    b"From: a@acme.example\r\n",
    b"Subject: Hi\r\n",
    b"Subject: Hi\n",
    b"X: 1\r\n\t2\r\n",
    b" continued\r\n",
    b"no field\r\n",
    b"\rodd: 1\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Type: text/html\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"last: without an end",
]
BODIES = [
    b"",
    b"\r\n",
    b"\nHi\n",
    b"\r\nHi\r\n",
    b"\r\n--b\r\n\r\nHi\r\n--b--\r\n",
    b"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nA: 1\r\n\r\nHi\r\n--b--\r\n",
]
ADDED = [
    b"List-Id: <a.acme.example>\r\n",
    b"Long: a\r\n b\r\n",
    b"Content-Type: text/plain\r\n",
    b"Bare: 1\n",
    b"Two: 1\r\nThree: 3\r\n",
    b"Empty: 1\r\n\r\n",
    b"Unended: 1",
    b": nameless\r\n",
    b" folded: 1\r\n",
]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(LINES), max_size=5),
    st.sampled_from(BODIES),
    st.lists(st.sampled_from(ADDED), max_size=2, unique=True),
    st.data(),
)
def test_a_header_that_holds_reads_as_meant(
    lines: list[bytes], body: bytes, added: list[bytes], data: st.DataObject
) -> None:
    message = Message(b"".join(lines) + body)
    count = len(message.fields)
    removed = data.draw(st.sets(st.integers(0, count - 1))) if count else set()
    assume(header_holds(message, added, removed))
    planned = Plan(dict.fromkeys(added, ""), dict.fromkeys(removed, ""), ())
    after = Message(apply(message.raw, planned.header_edits(message)))
    found = fault(message, after, added=added, removed=removed, leaves={}, exit_=Exit())
    assert found == ""


SCRAPS = [
    b"a", b"=", b"=3D", b"=\r\n", b"=0D", b" ", b"\r\n", b"\n", b"\r", b"--b", b"--b--", b"--c",
    b"SGVs", b"bG8=", b"!", b"x" * 80,
]  # fmt: skip


@st.composite
def edited_leaf(draw: st.DrawFn) -> tuple[Message, Part, list[Edit]]:
    """A message, one of its leaves, and edits of that."""
    encoding = draw(st.sampled_from(["quoted-printable", "base64", "8bit", ""]))
    field = f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    octets = b"".join(draw(st.lists(st.sampled_from(SCRAPS), max_size=8)))
    body = f"Content-Type: text/plain; charset=latin1\r\n{field}\r\n".encode() + octets
    ends = draw(st.sampled_from([b"\r\n", b"\n"]))
    message = Message(
        draw(
            st.sampled_from(
                [
                    mail(body),
                    mail(multipart("mixed", body, leaf(b"PDF", "application/pdf"))),
                    mail(
                        multipart("mixed", leaf(b"Hi", "text/plain"), body).replace(
                            b"\r\n--b", ends + b"--b"
                        )
                    ),
                    mail(multipart("mixed", multipart("alternative", body, boundary="c"), body)),
                ]
            )
        )
    )
    part = draw(st.sampled_from([p for p in message.parts if not p.children]))
    start, end = part.body
    edits = []
    for _ in range(draw(st.integers(1, 2))):
        low, high = sorted(draw(st.tuples(*[st.integers(start, end)] * 2)))
        edits.append(
            Edit(low, high, b"".join(draw(st.lists(st.sampled_from(SCRAPS), max_size=4))), "")
        )
    return message, part, sorted(edits)


@settings(max_examples=300, deadline=None)
@given(edited_leaf(), st.booleans())
def test_a_leaf_that_holds_reads_as_meant(
    case: tuple[Message, Part, list[Edit]], other: bool
) -> None:
    message, part, edits = case
    assume(not misplaced(len(message.raw), edits))
    after = Message(apply(message.raw, edits))
    now = next((p for p in after.parts if p.number == part.number), None)
    content = now.content if now and not other else part.content + b"x"
    assume(leaf_holds(message, part, edits, content))
    leaves = {part.number: Meant(content, "latin-1", ())}
    found = fault(message, after, added=[], removed=[], leaves=leaves, exit_=Exit())
    assert found == ""


def mended(raw: bytes, number: str) -> tuple[Message, Part, Mending]:
    message = Message(raw)
    part = next(p for p in message.parts if p.number == number)
    wish = Wish(tuple(fix for _, fix in footer(number)))  # type: ignore[misc]
    done = mend(
        raw, part, wish, exit_=WAY_OUT, language="fr", eight_bit=True, attempt=0, why="test"
    )
    assert isinstance(done, Mending)
    return message, part, done


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", ["plain", "html"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_footer_at_the_end_holds(encoding: str, kind: str, alone: bool) -> None:
    part = leaf(
        crlf(PAGE if kind == "html" else "Bonjour.\n" * 99), f"text/{kind}; charset=utf-8", encoding
    )
    raw = mail(part if alone else multipart("mixed", part, leaf(b"PDF", "application/pdf")))
    message, leaf_, done = mended(raw, "" if alone else "1")
    encoded_anew = encoding == "7bit" and kind == "plain"
    assert leaf_holds(message, leaf_, done.edits, done.content) is not encoded_anew


def test_what_is_said_to_be_in_it_is_looked_at() -> None:
    raw = mail(
        leaf(
            b"Hi =C3=A9\r\n",
            "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable",
        )
    )
    message, part, done = mended(raw, "")
    assert not leaf_holds(message, part, done.edits, done.content + b"x")
    assert not leaf_holds(message, part, done.edits, b"x" + done.content)
    assert not leaf_holds(message, part, done.edits, part.content)


@pytest.mark.parametrize(
    "new",
    [b"\r\n--b\r\n", b"\r\n--b", b"\n--b--\r\n", b"\r", b"more\r"],
)
def test_what_could_be_taken_for_a_delimiter_is_read_again(new: bytes) -> None:
    message = Message(mail(multipart("mixed", leaf(b"Hi", "text/plain"))))
    part = message.parts[1]
    end = part.body[1]
    assert not leaf_holds(message, part, [Edit(end, end, new, "")], b"Hi" + new)
    assert leaf_holds(message, part, [Edit(end, end, b"!", "")], b"Hi!")


def test_an_edit_outside_of_the_leaf_is_read_again() -> None:
    message = Message(mail(multipart("mixed", leaf(b"Hi", "text/plain"))))
    part = message.parts[1]
    start = part.body[0]
    assert not leaf_holds(message, part, [Edit(start - 1, start, b"", "")], b"Hi")


def test_base64_that_is_none_is_read_again() -> None:
    raw = mail(leaf(b"Hi", "text/plain", "base64"))
    message = Message(raw)
    end = message.root.body[1]
    assert not leaf_holds(message, message.root, [Edit(end, end, b"!", "")], b"Hi")
    assert decode(raw[slice(*message.root.body)], "base64") == b"Hi"
