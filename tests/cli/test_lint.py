"""``smtpguard lint`` as people and scripts use it."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from smtpguard.cli import main
from smtpguard.keys import Keyring, new_rsa
from smtpguard.store.keyfiles import new_keys

POLICY = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
brands:
  acme:
    from_domains: [acme.fr]
    unsubscribe: {url: "https://u.acme.fr", mailto: unsubscribe@acme.fr}
    languages: [fr]
    dkim: [{domain: acme.fr, selector: g2026, key: "file:acme.pem"}]
streams:
  news:
    owner: marketing@acme.fr
    match: {listener: marketing, from_domain: acme.fr}
    class: marketing
    brand: acme
    mode: enforce
    edits: body
    rules: {missing-unsubscribe-link: fix-or-reject}
  strict:
    match: {listener: strict, from_domain: acme.fr}
    class: marketing
    brand: acme
    mode: enforce
    rules: {missing-unsubscribe-link: reject}
"""
DIRTY = b"""\
From: Acme <news@acme.fr>
To: a@client.fr
Subject: Nouvelles
Date: Mon, 23 Nov 2026 10:00:00 +0000
Message-ID: <1@acme.fr>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Bonjour, nos prix du mois.
"""
CLEAN = DIRTY.replace(b"mois.\n", b"mois.\n\nSe d\xc3\xa9sabonner : https://u.acme.fr/u/0\n")
RULE = "missing-unsubscribe-link"


class House:
    """A directory with a policy, keys and mail, and a shell in it."""

    def __init__(
        self,
        place: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfdbinary: pytest.CaptureFixture[bytes],
    ) -> None:
        self.place = place
        self.policy = place / "acme.yaml"
        self.policy.write_text(POLICY)
        (place / "acme.pem").write_bytes(new_rsa(1024))
        new_keys(place / "keys", Keyring(), reference=True, link=True)
        monkeypatch.setattr("smtpguard.cli.lint.time", SimpleNamespace(time=lambda: 1.7e9))
        self._patch = monkeypatch
        self._said = capfdbinary

    def mail(self, name: str = "a.eml", octets: bytes = DIRTY) -> Path:
        file = self.place / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(octets)
        return file

    def lint(self, *words: object, stdin: bytes = b"") -> tuple[int, bytes, str]:
        """Exit code, standard output, standard error."""
        self._patch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(stdin)))
        code = main(["lint", *map(str, words)])
        out, err = self._said.readouterr()
        return code, out, err.decode()

    def judge(self, *words: object, stdin: bytes = b"") -> tuple[int, bytes, str]:
        """Under the policy, as the stream ``news``, with keys."""
        given = ("--policy", self.policy, "--stream", "news", "--keys", self.place / "keys")
        return self.lint(*words, *given, stdin=stdin)


@pytest.fixture
def house(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> House:
    return House(tmp_path, monkeypatch, capfdbinary)


def test_clean_mail_is_0_and_says_nothing(house: House) -> None:
    assert house.judge(house.mail("a.eml", CLEAN)) == (0, b"", "")


def test_findings_are_1_and_stand_one_a_line(house: House) -> None:
    file = house.mail()
    code, out, err = house.judge(file)
    assert (code, err) == (1, "")
    (line,) = out.decode().splitlines()
    assert line.startswith(f"{file}: {RULE} [fixed] No visible unsubscribe link found")
    assert line.endswith("Found: no link says that it unsubscribes.")
    assert "\x1b" not in line
    assert file.read_bytes() == DIRTY


def test_a_directory_is_read_to_the_bottom(house: House) -> None:
    house.mail("mail/b.eml")
    house.mail("mail/a.eml", CLEAN)
    house.mail("mail/c.txt")
    (house.place / "mail" / "deep").mkdir()
    house.mail("mail/deep/d.eml")
    code, out, _ = house.judge(house.place / "mail")
    names = [line.split(":")[0].rpartition("/")[2] for line in out.decode().splitlines()]
    assert (code, names) == (1, ["b.eml", "d.eml"])


def test_standard_input_is_a_message(house: House) -> None:
    code, out, _ = house.judge("-", stdin=DIRTY)
    assert code == 1
    assert out.startswith(b"-: missing-unsubscribe-link")
    assert house.judge("-", stdin=CLEAN)[0] == 0


@pytest.mark.parametrize("name", ["gone.eml", "empty.eml", "picture.eml", "folder.eml"])
def test_what_cannot_be_read_is_65_and_the_rest_is_read(house: House, name: str) -> None:
    house.mail("empty.eml", b"")
    house.mail("picture.eml", b"\x89PNG\r\n\x1a\n" + bytes(200))
    (house.place / "folder.eml").mkdir()
    house.mail("folder.eml/x.eml", b"nothing\n")
    code, out, err = house.judge(house.place / name, house.mail("z.eml"))
    assert code == os.EX_DATAERR
    assert b"z.eml: missing-unsubscribe-link" in out
    assert name in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--stream", "newsletter"], "no stream 'newsletter'"),
        (["--rcpt", "nobody"], "'nobody' is not a mail address"),
        (["--keys", "/nowhere/at/all"], "there is no link key in /nowhere/at/all"),
        (["--policy", "broken.yaml"], "broken.yaml:1:"),
        (["--policy", "gone.yaml"], "gone.yaml"),
    ],
)
def test_what_is_configured_wrong_is_78(
    house: House, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(house.place)
    house.mail("broken.yaml", b"controller: [")
    code, out, err = house.lint(house.mail(), "--policy", house.policy, *words)
    assert (code, out) == (os.EX_CONFIG, b"")
    assert said in err
    assert "Traceback" not in err


def test_without_a_policy_everything_warns(house: House) -> None:
    file = house.mail()
    code, out, _ = house.lint(file, "--fix")
    assert code == 1
    assert RULE.encode() + b" [warned]" in out
    assert file.read_bytes() == DIRTY


def test_the_listener_chooses_the_stream(house: House) -> None:
    words = (house.mail(), "--policy", house.policy, "--format", "json", "--listener")
    for listener, verdict in (("marketing", "relay"), ("strict", "refuse"), ("other", "relay")):
        _, out, _ = house.lint(*words, listener)
        said = json.loads(out)
        assert said["recipients"][0]["verdict"] == verdict
        assert said["stream"] == {"marketing": "acme/news", "strict": "acme/strict"}.get(
            listener, ""
        )


def test_json_is_one_object_a_message(house: House) -> None:
    files = [house.mail(), house.mail("b.eml", CLEAN)]
    code, out, err = house.judge(*files, "--format", "json", "--rcpt", "a@c.fr", "--rcpt", "b@c.fr")
    assert (code, err) == (1, "")
    one, other = map(json.loads, out.splitlines())
    assert [one["file"], other["file"]] == list(map(str, files))
    assert [r["verdict"] for r in one["recipients"]] == ["relay", "relay"]
    (finding,) = one["recipients"][0]["findings"]
    assert finding == {
        "rule": RULE,
        "action": "fix-or-reject",
        "outcome": "fixed",
        "observed": False,
        "where": "",
        "found": "no link says that it unsubscribes",
        "certainty": "certain",
        "blocked": "",
    }
    assert len(one["edits"]) == 2
    for edits in one["edits"]:
        assert {why for _, _, _, why in edits} == {RULE}
    assert one["signatures"] == ["DKIM rsa-sha256 by acme.fr (g2026): verifies"]
    assert other["recipients"][0]["findings"] == []


def test_json_carries_the_refusal_as_the_sender_would_read_it(house: House) -> None:
    words = ("--policy", house.policy, "--stream", "strict", "--format", "json")
    _, out, _ = house.lint(house.mail(), *words)
    reply = json.loads(out)["recipients"][0]["reply"]
    assert reply.startswith("550-5.6.0 missing-unsubscribe-link: ")


# --- mending -------------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", [DIRTY, DIRTY.replace(b"\n", b"\r\n")])
def test_fix_writes_the_mended_mail_back_once(house: House, octets: bytes) -> None:
    file = house.mail("a.eml", octets)
    file.chmod(0o640)
    code, out, _ = house.judge(file, "--fix")
    assert code == 1
    assert b"[fixed]" in out
    mended = file.read_bytes()
    end = b"\r\n" if b"\r\n" in octets else b"\n"
    assert mended.replace(b"\r\n", b"\n").count(b"\n") == mended.count(end)
    head, _, body = octets.partition(end * 2)
    assert mended.startswith(head), "no octet moves that no edit names"
    assert body.rstrip() in mended
    assert b"https://u.acme.fr/u/" in mended
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert house.judge(file, "--fix") == (0, b"", "")
    assert file.read_bytes() == mended
    assert sorted(path.suffix for path in house.place.iterdir()) == ["", ".eml", ".pem", ".yaml"]


def test_fix_follows_a_link_and_leaves_it_one(house: House) -> None:
    file = house.mail()
    link = house.place / "link.eml"
    link.symlink_to(file)
    house.judge(link, "--fix")
    assert link.is_symlink()
    assert b"https://u.acme.fr/u/" in file.read_bytes()


def test_fix_leaves_what_it_cannot_write(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copymode", full)
    file = house.mail()
    code, _, err = house.judge(file, "--fix")
    assert code == os.EX_DATAERR
    assert "No space left" in err
    assert file.read_bytes() == DIRTY
    assert sorted(path.suffix for path in house.place.iterdir()) == ["", ".eml", ".pem", ".yaml"]


def test_fix_without_link_keys_sends_no_pretended_link_into_the_world(house: House) -> None:
    file = house.mail()
    words = (file, "--policy", house.policy, "--stream", "news")
    code, out, _ = house.lint(*words, "--fix")
    assert code == 1
    assert b"[refused]" in out
    assert b"no exit address to offer" in out
    assert file.read_bytes() == DIRTY
    assert b"THE-LINK-OF-THIS-READER" in house.lint(*words, "--diff")[1]


@pytest.mark.parametrize("octets", [DIRTY, CLEAN, DIRTY.replace(b"\n", b"\r\n")])
@pytest.mark.parametrize("form", ["text", "json"])
def test_fix_of_standard_input_is_mail_out_and_findings_beside(
    house: House, octets: bytes, form: str
) -> None:
    file = house.mail("a.eml", octets)
    house.judge(file, "--fix")
    code, out, err = house.judge("-", "--fix", "--format", form, stdin=octets)
    assert out == file.read_bytes()
    assert code == (octets is not CLEAN)
    assert (RULE in err) == (octets is not CLEAN)


def test_fix_of_standard_input_gives_back_what_is_refused(house: House) -> None:
    words = ("-", "--fix", "--policy", house.policy, "--stream", "strict")
    code, out, err = house.lint(*words, stdin=DIRTY)
    assert (code, out) == (1, DIRTY)
    assert "[refused]" in err


def test_diff_shows_what_would_change_and_writes_nothing(house: House) -> None:
    file = house.mail()
    code, out, _ = house.judge(file, "--diff")
    assert code == 1
    assert file.read_bytes() == DIRTY
    lines = out.decode().splitlines()
    house.judge(file, "--fix")
    before, after = DIRTY.decode().splitlines(), file.read_bytes().decode().splitlines()
    gone = [line[2:] for line in lines if line.startswith("- ")]
    came = [line[2:] for line in lines if line.startswith("+ ")]
    assert not set(gone) - set(before)
    assert [line for line in after if line not in before] == [c for c in came if c]
    assert lines[-1] == "DKIM rsa-sha256 by acme.fr (g2026): verifies"


def test_diff_shows_the_bounce(house: House) -> None:
    words = (house.mail(), "--diff", "--policy", house.policy, "--stream", "strict")
    _, out, _ = house.lint(*words)
    assert b"\n550-5.6.0 missing-unsubscribe-link: " in out
    assert b"@@" not in out


def test_readers_who_disagree_are_reported(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smtpguard.cli.proving.reference.differences", lambda *_: ["links"])
    file = house.mail()
    assert f"{file}: the two readers disagree: part 1: links" in house.judge(file)[1].decode()
    _, out, _ = house.judge(file, "--format", "json")
    assert json.loads(out)["disagreements"] == ["part 1: links"]


def test_a_terminal_gets_colours_and_a_sum(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    _, out, _ = house.judge(house.mail())
    assert b"\x1b[1m" in out
    assert b"1 messages, 1 findings, 0 unreadable" in out


def test_hostile_mail_cannot_write_on_the_terminal(house: House) -> None:
    hostile = DIRTY.replace(b"Subject: ", b"Subject: \x1b]0;owned\x07\xe2\x80\xae")
    hostile = hostile.replace(b"mois.", b"mois \x1b[31m {{first_name}}.")
    file = house.mail("h.eml", hostile)
    for words in ((), ("--diff",)):
        for run in (house.judge, house.lint):
            code, out, _ = run(file, *words)
            assert code == 1
            assert b"\x1b" not in out
