"""The question of the wire, put from a file: same rules, same fixes, the file's own line ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.cli.proving import Bench, Unreadable
from smtpguard.edit.edit import Edit, apply
from smtpguard.keys import Keyring, LinkKey, ReferenceKey, new_rsa
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Recipient
from smtpguard.policy.source import Problems
from smtpguard.unsubscribe.link import read
from smtpguard.verdict.decision import Copy, Refuse, Relay
from smtpguard.verdict.weigh import Outcome

NOW = 1_700_000_000
RING = Keyring((ReferenceKey("k1", b"r" * 32),), (LinkKey(1, b"l" * 64),))
POLICY = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
brands:
  acme:
    from_domains: [acme.fr, news.acme.fr]
    unsubscribe: {{url: "https://u.acme.fr", mailto: unsubscribe@acme.fr}}
    languages: [fr]
    dkim: [{dkim}]
streams:
  news:
    match: {{from_domain: acme.fr}}
    class: marketing
    brand: acme
    mode: enforce
    edits: body
    rules: {{missing-unsubscribe-link: fix-or-reject, missing-list-unsubscribe: fix-or-warn}}
  watched:
    match: {{from_domain: news.acme.fr}}
    class: marketing
    brand: acme
    edits: body
    rules: {{missing-unsubscribe-link: reject}}
"""
MAIL = b"""\
From: Acme <news@acme.fr>
To: a@client.fr
Subject: Nouvelles
Date: Mon, 23 Nov 2026 10:00:00 +0000
Message-ID: <1@acme.fr>
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8

<html lang=fr><body><p>Bonjour, nos prix du mois.</p></body></html>
"""
CRLF = MAIL.replace(b"\n", b"\r\n")

Make = Callable[..., Bench]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A bench on the policy."""

    def make(*, dkim: str = "", **words: object) -> Bench:
        file = tmp_path / "acme.yaml"
        file.write_text(POLICY.format(dkim=dkim))
        return Bench.of(file, **{"ring": RING, **words})  # type: ignore[arg-type]

    return make


def test_a_file_is_judged_as_the_wire_would(make: Make) -> None:
    proven = make().prove(CRLF, now=NOW)
    assert proven.stream == "acme/news"
    (copy,) = proven.copies
    assert apply(CRLF, copy.edits) == copy.raw == proven.mended()
    assert {w.finding.rule: w.outcome for w in proven.weighed} == {
        "missing-unsubscribe-link": Outcome.FIXED,
        "missing-list-unsubscribe": Outcome.FIXED,
    }
    token = copy.raw.split(b"https://u.acme.fr/u/")[1].split(b">")[0].decode()
    ticket = read(RING, token)
    assert ticket is not None
    assert (ticket.stream, ticket.address) == ("news", b"reader@reader.invalid")


def test_the_mended_file_keeps_the_line_ends_that_it_has(make: Make) -> None:
    bench = make()
    mended = bench.prove(MAIL, now=NOW).mended()
    assert b"\r" not in mended
    assert mended.replace(b"\n", b"\r\n") == bench.prove(CRLF, now=NOW).mended()


@pytest.mark.parametrize("octets", [MAIL, CRLF])
def test_twice_is_once(make: Make, octets: bytes) -> None:
    bench = make()
    mended = bench.prove(octets, now=NOW).mended()
    assert mended != octets
    assert bench.prove(mended, now=NOW).mended() == mended


@given(st.lists(st.sampled_from([b"\n", b"\r\n"]), min_size=9, max_size=9), st.integers(0, 8))
@settings(max_examples=60)
def test_octets_that_no_edit_names_are_the_files_own(ends: list[bytes], cut: int) -> None:
    """Whatever mixture of line ends a file has, and wherever the edits fall."""
    lines = [b"From: a@acme.fr", b"Subject: x", b"", *[b"line %d" % n for n in range(6)]]
    file = b"".join(line + end for line, end in zip(lines, ends, strict=True))
    proven = Bench().prove(file, now=NOW)
    assert proven.raw == b"".join(line + b"\r\n" for line in lines)
    at = proven.raw.index(lines[3]) if cut < 3 else proven.raw.index(b"line %d" % (cut - 3))
    edits = (Edit(0, 0, b"X: y\r\n", "t"), Edit(at, at + 6, b"new", "t"))
    copy = Copy((0,), proven.raw, edits)
    mended = replace(proven, copies=(copy,)).mended()
    own = ends[0]
    assert mended == b"X: y" + own + file.replace(proven.raw[at : at + 6], b"new")


def test_of_several_recipients_each_has_a_copy(make: Make) -> None:
    proven = make(rcpt=["a@client.fr", "b@client.fr"]).prove(CRLF, now=NOW)
    assert proven.mended(0) != proven.mended(1)
    assert proven.mended(2) == CRLF
    assert len(proven.weighed) == 2, "each finding once"


def test_what_is_refused_is_not_touched(make: Make) -> None:
    proven = make(ring=Keyring()).prove(MAIL, now=NOW)
    assert isinstance(proven.rulings[0].verdict, Refuse)
    assert proven.mended() == MAIL


def test_an_observing_stream_changes_nothing(make: Make) -> None:
    proven = make(stream="watched").prove(MAIL, now=NOW)
    (weighed,) = proven.weighed
    assert (weighed.outcome, weighed.observed) == (Outcome.REFUSED, True)
    assert isinstance(proven.rulings[0].verdict, Relay)
    assert proven.mended() == MAIL


@pytest.mark.parametrize("name", ["watched", "acme/watched"])
def test_a_stream_may_be_named(make: Make, name: str) -> None:
    assert make(stream=name).prove(MAIL, now=NOW).stream == "acme/watched"


def test_unmatched_mail_belongs_to_no_stream(make: Make) -> None:
    proven = make().prove(MAIL.replace(b"@acme.fr", b"@elsewhere.fr"), now=NOW)
    assert (proven.stream, proven.weighed) == ("", ())


def test_without_a_policy_every_rule_warns_and_from_is_believed() -> None:
    proven = Bench().prove(MAIL, now=NOW)
    assert proven.stream == "lint/lint"
    assert {w.outcome for w in proven.weighed} == {Outcome.WARNED}
    found = {w.finding.rule for w in proven.weighed}
    assert "missing-unsubscribe-link" in found
    assert "deceptive-from" not in found
    assert all(proven.sentence(weighed) for weighed in proven.weighed)


@pytest.mark.parametrize("octets", [b"", b"\n\n", b"no header here\n", b"\x00\x01\x02" * 50])
def test_what_has_no_header_is_no_message(octets: bytes) -> None:
    with pytest.raises(Unreadable, match="no header"):
        Bench().prove(octets, now=NOW)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"stream": "new"}, "no stream 'new'; there are: news, watched"),
        ({"rcpt": ["nobody"]}, "'nobody' is not a mail address"),
    ],
)
def test_what_the_command_line_says_wrong(make: Make, words: dict[str, object], said: str) -> None:
    with pytest.raises(Problems) as caught:
        make(**words)
    assert said in str(caught.value.items[0])


def test_a_mail_for_named_readers_is_judged_for_them() -> None:
    bench = Bench.of(None, rcpt=["anna@client.fr"])
    assert bench.recipients == (Recipient(Address(b"anna", b"client.fr")),)


# --- signatures ----------------------------------------------------------------------------------


def dkim(*domains: str) -> str:
    return ", ".join(
        f'{{domain: {domain}, selector: g{n}, key: "file:{n}.pem"}}'
        for n, domain in enumerate(domains)
    )


def test_the_nearest_key_signs_and_dkimpy_verifies(make: Make, tmp_path: Path) -> None:
    foreign = b"DKIM-Signature: v=1; a=rsa-sha256; d=esp.example; s=x; h=From; bh=x; b=y\r\n"
    for number in range(3):
        (tmp_path / f"{number}.pem").write_bytes(new_rsa(1024))
    bench = make(dkim=dkim("acme.fr", "news.acme.fr", "other.fr"), stream="watched")
    proven = bench.prove(foreign + CRLF, now=NOW)
    assert proven.signatures == ("DKIM rsa-sha256 by acme.fr (g0): verifies",)
    proven = bench.prove(CRLF.replace(b"@acme.fr", b"@news.acme.fr"), now=NOW)
    assert proven.signatures == ("DKIM rsa-sha256 by news.acme.fr (g1): verifies",)
    proven = bench.prove(CRLF.replace(b"@acme.fr", b"@elsewhere.fr"), now=NOW)
    assert proven.signatures == ()


def test_a_key_that_cannot_be_read_here_is_not_missed(make: Make, tmp_path: Path) -> None:
    (tmp_path / "0.pem").write_bytes(b"no key")
    bench = make(dkim=dkim("acme.fr", "news.acme.fr"))
    assert bench.signers == ()
    assert bench.prove(CRLF, now=NOW).signatures == ()


# --- the other reader ----------------------------------------------------------------------------


def test_what_the_two_readers_see_differently_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Bench().prove(MAIL, now=NOW).disagreements == ()
    monkeypatch.setattr(
        "smtpguard.cli.proving.reference.differences", lambda *_: ["links", "visible text"]
    )
    assert Bench().prove(MAIL, now=NOW).disagreements == ("part 1: links", "part 1: visible text")
