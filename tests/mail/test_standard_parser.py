"""The walk agrees with the standard library's parser wherever a message is well formed."""

import email
import email.policy
import importlib.util
import re
from email.message import Message as StandardMessage
from email.mime.application import MIMEApplication
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smtpguard.mail.message import Message
from smtpguard.mail.part import Part

Tree = tuple[str, Any]


def standard(message: StandardMessage) -> Tree:
    """Types and decoded leaves; other attached bodies than rfc822 are opened by it alone."""
    kind = message.get_content_type()
    payload: Any = message.get_payload()
    if kind.startswith("message/") and kind != "message/rfc822":
        return kind, None
    if isinstance(payload, list):
        return kind, [standard(child) for child in payload]
    return kind, message.get_payload(decode=True)


def ours(part: Part) -> Tree:
    if part.type.startswith("message/") and part.type != "message/rfc822":
        return part.type, None
    if part.type.startswith("multipart/") or part.children:
        return part.type, [ours(child) for child in part.children]
    return part.type, part.content


def well_formed(parsed: StandardMessage) -> bool:
    standard(parsed)  # decoding finds the defects of transfer encodings
    return not any(part.defects for part in parsed.walk())


def cpython_messages() -> dict[str, bytes]:
    """The messages that CPython tests its own parser with, where the interpreter brings them."""
    spec = importlib.util.find_spec("test")
    places = (spec and spec.submodule_search_locations) or ()
    folders = [Path(place) / "test_email" / "data" for place in places]
    files = [file for folder in folders for file in sorted(folder.glob("msg_*.txt"))]
    return {file.name: re.sub(rb"\r?\n", b"\r\n", file.read_bytes()) for file in files}


def built(kind: str) -> bytes:
    whole = MIMEMultipart(kind, boundary="=_outer")
    whole["Subject"] = "=?utf-8?q?=C3=89t=C3=A9?="
    alternative = MIMEMultipart("alternative", boundary="=_outer_alt")
    alternative.attach(MIMEText("Bonjour,\n\nau revoir\n", "plain", "iso-8859-1"))
    alternative.attach(MIMEText("<p>été</p>\n", "html", "utf-8"))
    whole.attach(alternative)
    whole.attach(MIMEApplication(bytes(range(256)), "pdf"))
    whole.attach(MIMEMessage(MIMEText("inside")))
    return whole.as_bytes(policy=email.policy.SMTP)


MESSAGES = {kind: built(kind) for kind in ("mixed", "related", "digest")} | cpython_messages()


@pytest.mark.parametrize("name", MESSAGES)
def test_a_known_message(name: str) -> None:
    raw = MESSAGES[name]
    message = Message(raw)
    parsed = email.message_from_bytes(raw)
    if well_formed(parsed):
        assert ours(message.root) == standard(parsed)
        # Some begin with the "From " line of a mailbox file, which is no field.
        assert message.defect in ("", "malformed header")
    elif any(part.is_multipart() for part in parsed.walk()):
        assert message.defect


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"))
LEAF = st.one_of(
    st.builds(MIMEText, TEXT, st.sampled_from(["plain", "html"]), st.just("utf-8")),
    st.builds(MIMEText, st.from_regex(r"[ -~\n]*", fullmatch=True)),
    st.builds(MIMEApplication, st.binary()),
)
BOUNDARY = st.sampled_from(["b", "b1", "b1_alt", "=_x", "----=_Part_1", "a b", "'()+_,-./:=?"])


@st.composite
def multiparts(draw: st.DrawFn, children: st.SearchStrategy[StandardMessage]) -> StandardMessage:
    whole = MIMEMultipart(draw(st.sampled_from(["mixed", "alternative", "related"])))
    for child in draw(st.lists(children, min_size=1, max_size=3)):
        whole.attach(child)
    return whole


TREES = st.recursive(LEAF, lambda t: multiparts(t) | st.builds(MIMEMessage, t), max_leaves=6)


def number_boundaries(message: StandardMessage, boundary: str) -> None:
    """Different boundaries, each the beginning of the next: the hardest that is still valid."""
    for depth, part in enumerate(message.walk()):
        if part.get_content_maintype() == "multipart":
            part.set_boundary(boundary + "x" * depth)


@settings(max_examples=150, deadline=None)
@given(TREES, BOUNDARY)
def test_messages_that_the_library_builds(built: StandardMessage, boundary: str) -> None:
    number_boundaries(built, boundary)
    raw = built.as_bytes(policy=email.policy.SMTP)
    parsed = email.message_from_bytes(raw)
    assume(well_formed(parsed))
    assert ours(Message(raw).root) == standard(parsed)
