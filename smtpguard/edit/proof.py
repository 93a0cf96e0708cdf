"""What need not be read again: a result of which the edits alone show that it is what was meant.

A message is read from its top, and what is in a part depends on nothing outside of it. So where
the edits are whole fields of the header, and octets inside of leaves that hold no delimiter, every
other part is as it was, by construction. ``verify.fault`` finds nothing in a result that holds
here; a property test keeps the two together. What cannot be shown here is read again as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from smtpguard.edit.edit import Edit
from smtpguard.edit.transfer import IDENTITY, decode
from smtpguard.mail.message import Message
from smtpguard.mail.part import Part

_WHOLE_FIELD = re.compile(rb"[!-9;-~]+:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n")
_DESCRIBING = frozenset({"", "content-type", "content-transfer-encoding"})
"""Fields, and lines that are none, on which the reading of the body depends."""


def header_holds(message: Message, added: Collection[bytes], removed: Collection[int]) -> bool:
    """Whether the header will have the fields it had, but for those put on top and taken out.

    Fields tile the header, each begins a line, and none but the first can continue another one.
    """
    fields = message.fields
    if fields and not fields[0].key:
        return not added and not removed
    return not any(fields[index].key in _DESCRIBING for index in removed) and all(
        _WHOLE_FIELD.fullmatch(field)
        and field.partition(b":")[0].decode("ascii").lower() not in _DESCRIBING
        for field in added
    )


def leaf_holds(message: Message, part: Part, edits: Collection[Edit], content: bytes) -> bool:
    """Whether the edits of one leaf leave it where it is, and its content will be ``content``."""
    start, end = part.body
    if start == part.header[1] or not all(start <= e.start and e.end <= end for e in edits):
        return False  # no empty line comes before it, or its header is edited too
    if any(_delimits(message, edit) for edit in edits):
        return False
    body = message.raw[start:end]
    first = min(edit.start for edit in edits) - start
    new = _edited(body, edits, start, first)
    if new.endswith(b"\r"):
        return False  # it could be taken for part of the delimiter
    return _decodes(body, first, new, part, content)


def _delimits(message: Message, edit: Edit) -> bool:
    """Whether a line that the edit touches looks like a delimiter, before or after it."""
    raw = message.raw
    begins = raw.rfind(b"\n", 0, edit.start) + 1
    ends = raw.find(b"\n", edit.end)
    rest = raw[edit.end : ends if ends >= 0 else len(raw)]
    lines = raw[begins : edit.start] + edit.new + rest, raw[begins : edit.end] + rest
    for part in message.parts:
        if boundary := part.parameters.get("boundary", "").rstrip():
            delimiter = b"--" + boundary.encode("utf-8", "surrogatepass")
            if any(delimiter in line for line in lines):
                return True
    return False


def _edited(body: bytes, edits: Collection[Edit], start: int, first: int) -> bytes:
    """The body from its first changed octet on, as it will be."""
    pieces = []
    at = first
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        pieces += [body[at : edit.start - start], edit.new]
        at = edit.end - start
    return b"".join([*pieces, body[at:]])


def _decodes(body: bytes, first: int, new: bytes, part: Part, content: bytes) -> bool:
    """Whether ``content`` is what the part held, with ``new`` decoded from its changed line on.

    Lines of quoted-printable are decoded each on its own; base64 is decoded whole.
    """
    line = first
    if part.encoding not in IDENTITY:
        line = body.rfind(b"\n", 0, first) + 1 if part.encoding == "quoted-printable" else 0
    try:
        before = decode(body[line:], part.encoding)
        after = decode(body[line:first] + new, part.encoding)
    except ValueError:
        return False
    kept = len(part.content) - len(before)
    return (
        kept >= 0
        and part.content[kept:] == before
        and content[:kept] == part.content[:kept]
        and content[kept:] == after
    )
