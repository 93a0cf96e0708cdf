"""Which parts are shown together."""

import pytest

from smtpguard.mail.message import Message
from smtpguard.rules.evidence.view import (
    certainty_of_absence,
    lacking,
    parts_of,
    places,
    text_of,
    views,
)
from smtpguard.rules.rule import Certainty


def part(kind: str, body: str = "x") -> str:
    return f"Content-Type: {kind}\n\n{body}"


def multi(kind: str, *parts: str, boundary: str = "b") -> str:
    body = "".join(f"--{boundary}\n{each}\n" for each in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{body}--{boundary}--\n'


def message(text: str) -> Message:
    return Message(text.replace("\n", "\r\n").encode())


PLAIN = part("text/plain")
HTML = part("text/html", "<p>y</p>")
TWO = multi("alternative", PLAIN, HTML, boundary="two")
THREE = multi("alternative", PLAIN, part("text/x-amp-html"), HTML, boundary="three")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (TWO, ["1", "2"]),
        (multi("mixed", TWO, PLAIN), ["1.1 2", "1.2 2"]),
        (multi("mixed", PLAIN, HTML), ["1 2"]),
        (multi("mixed", TWO, THREE), ["1.1 2.1", "1.2 2.2", "1.2 2.3"]),
        (multi("alternative", PLAIN, multi("related", HTML, part("image/gif"), boundary="r")),
         ["1", "2.1"]),
        (multi("mixed", part("image/gif")), []),
        (multi("mixed", PLAIN, part("message/rfc822", PLAIN)), ["1"]),
    ],
)  # fmt: skip
def test_views(text: str, numbers: list[str]) -> None:
    seen = views(message(text))
    assert [" ".join(reading.part.number for reading in view) for view in seen] == numbers


def test_a_message_of_one_part_is_one_view() -> None:
    (view,) = views(message(part("text/plain", "Élan\n")))
    assert text_of(view) == "elan"
    assert places(parts_of([view])) in ("", "part 1")


def test_what_a_view_lacks_goes_into_its_first_part() -> None:
    seen = views(message(multi("mixed", TWO, PLAIN)))
    without = lacking(seen, lambda view: "y" in text_of(view))
    assert parts_of(without) == {"1.1"}
    assert places(parts_of(seen)) == "part 1.1, 1.2"


def test_absence_is_certain_only_of_what_was_read() -> None:
    assert certainty_of_absence(message(PLAIN)) is Certainty.CERTAIN
    assert certainty_of_absence(message(part("image/gif"))) is Certainty.CERTAIN
    sealed = message(part("application/pkcs7-mime; smime-type=enveloped-data"))
    assert certainty_of_absence(sealed) is Certainty.INDETERMINATE
