"""A reply is ASCII, in lines of at most 512 octets, with one enhanced code of the code's class."""

from hypothesis import given
from hypothesis import strategies as st

from smtpguard.reply import LINE, Reply


def test_the_class_digit_follows_the_code() -> None:
    assert bytes(Reply(451, "3.0", ("Later.",))) == b"451 4.3.0 Later.\r\n"
    assert bytes(Reply(550, "7.1", ("No.", "Why."))) == b"550-5.7.1 No.\r\n550 5.7.1 Why.\r\n"


def test_accents_are_dropped_not_garbled() -> None:
    octets = bytes(Reply(550, "6.0", ("désinscription « ici » l’été",)))
    assert octets == b'550 5.6.0 desinscription " ici " l\'ete\r\n'


def test_an_empty_reply_still_has_a_line() -> None:
    assert bytes(Reply(250, "0.0", ())) == b"250 2.0.0\r\n"


@given(st.sampled_from([250, 451, 550]), st.lists(st.text(max_size=1500), max_size=5))
def test_every_text_becomes_a_reply_a_client_can_read(code: int, text: list[str]) -> None:
    octets = bytes(Reply(code, "6.0", tuple(text)))
    lines = octets.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) + 2 <= LINE for line in lines)
    assert all(line.isascii() and b"\r" not in line and b"\n" not in line for line in lines)
    assert all(line.startswith(b"%d-" % code) for line in lines[:-1])
    assert lines[-1].startswith(b"%d " % code)


def test_a_long_line_is_folded_at_a_space_and_nothing_is_lost() -> None:
    text = "word " * 300
    lines = bytes(Reply(550, "6.0", (text,))).decode().split("\r\n")
    assert "".join(line[10:] + " " for line in lines).split() == text.split()
