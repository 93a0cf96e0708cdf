"""What is looked for in all links at once is what each of them would show."""

import re
from html import escape

from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.mail.envelope import Envelope, Session
from smtpguard.mail.message import Message
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.stream import Kind, Stream
from smtpguard.rules.rule import Case
from smtpguard.rules.unrendered_placeholder import RULE

STREAM = Stream("news", Controller("acme", "Acme SAS"), Brand("acme", ("Acme",)), Kind.MARKETING)
UNSET = re.compile(
    r"[/=](?:undefined|null|none|nan|\[object object\]|%5bobject(?:%20|\+)object%5d)(?=[/?&#]|$)",
    re.IGNORECASE,
)
SCRAPS = [
    "/", "=", "?", "&", "#", "u", "undefined", "Undef\u0130ned", "NULL", "none", "NaN", "nano",
    "[object Object]", "%5Bobject%20Object%5D", "%5bobject+object%5d", "%5b", "null2", "a.net",
]  # fmt: skip
URLS = st.lists(st.lists(st.sampled_from(SCRAPS), max_size=5).map("".join), max_size=4)


@settings(deadline=None, max_examples=300)
@given(URLS)
def test_a_value_that_is_not_set(paths: list[str]) -> None:
    page = "".join(
        f'<p><a href="{escape(f"https://a.net/u{path}")}">Unsubscribe</a></p>' for path in paths
    )
    raw = f"Content-Type: text/html; charset=utf-8\r\n\r\n{page}\r\n".encode()
    case = Case(Envelope(Session(), None), STREAM, Message(raw))
    targets = [link.target for reading in case.mail.readings for link in reading.links]
    first = next(filter(None, map(UNSET.search, targets)), None)
    found = [finding for finding in RULE.check(case) if finding.detail == "unset"]
    assert len(found) == bool(first)
    if first:
        assert found[0].found == f"{first.group()} in the link"
