"""The way to the store: whichever is meant, whatever is wrong said in a sentence and a code."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import typer

from smtpguard.cli.reach import Place, ending, fail, meter
from smtpguard.store.embedded import Embedded, EmbeddedError
from smtpguard.store.errors import StoreSilent, StoreUntrusted
from smtpguard.store.keyfiles import KeyFileError
from smtpguard.store.table import TableError

POLICY = """\
controller: acme
legal_name: Acme SAS
address: 12 rue des Lilas, 69003 Lyon
brands:
  acme: {from_domains: [acme.fr]}
  shop: {from_domains: [shop.fr]}
streams:
  newsletter: {match: {sender: news@acme.fr}, class: marketing, brand: acme}
  offers: {match: {sender: news@shop.fr}, class: marketing, brand: shop}
"""


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    file = tmp_path / "acme.yaml"
    file.write_text(POLICY)
    return file


def code(ended: pytest.ExceptionInfo[typer.Exit]) -> int:
    return ended.value.exit_code


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TableError("no such list"), os.EX_NOINPUT),
        (KeyFileError("damaged"), os.EX_CONFIG),
        (EmbeddedError("no binary"), os.EX_UNAVAILABLE),
        (OSError(28, "No space left on device"), os.EX_IOERR),
        (KeyboardInterrupt(), 130),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_a_code(
    error: BaseException, expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, ending():
        raise error
    assert code(ended) == expected
    said = capsys.readouterr().err
    assert said.startswith("smtpguard: ")
    assert len(said.splitlines()) == 1
    assert str(error) in said


def test_what_is_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), ending():
        _ = 1 // 0


def test_fail_names_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        fail("the reason", 69)
    assert code(ended) == 69
    assert capsys.readouterr().err == "smtpguard: the reason\n"


# --- which store ---------------------------------------------------------------------------------


def test_the_command_line_comes_before_the_file(tmp_path: Path) -> None:
    config = tmp_path / "smtpguard.yaml"
    config.write_text(f"state: {tmp_path}/file\nstore: {{url: redis://127.0.0.1:7000/1}}\n")
    from_file = Place.of(config)
    assert from_file.settings.url == "redis://127.0.0.1:7000/1"
    assert from_file.settings.embedded is None
    assert from_file.keys == tmp_path / "file" / "keys"
    said = Place.of(config, tmp_path / "said", "unix:///run/redis")
    assert said.settings.url == "unix:///run/redis"
    assert said.keys == tmp_path / "said" / "keys"


def test_first_keys_are_made_for_an_embedded_store_only(tmp_path: Path) -> None:
    assert Place.of(None, tmp_path / "a", "redis://127.0.0.1:1/0").ring().references == ()
    made = Place.of(None, tmp_path / "b").ring()
    assert len(made.references) == len(made.links) == 1
    assert Place.of(None, tmp_path / "b").ring() == made


def test_an_embedded_store_runs_for_as_long_as_it_is_needed(tmp_path: Path) -> None:
    place = Place.of(None, tmp_path / "s")
    assert place.settings.embedded is not None
    socket = Embedded(place.settings.embedded).socket
    with place.embedded():
        assert socket.exists()
    assert not socket.exists()
    with Place.of(None, tmp_path / "t", "redis://127.0.0.1:1/0").embedded():
        assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StoreUntrusted("it evicts", "mend it so"), os.EX_CONFIG),
        (StoreSilent("no answer"), os.EX_UNAVAILABLE),
    ],
)
def test_a_store_that_fails_during_the_work_ends_the_command(
    state: Path, server: Embedded, error: Exception, expected: int
) -> None:
    place = Place.of(None, state, f"embedded:{server.directory}")

    async def work(_: object) -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        place.run(work)
    assert code(ended) == expected


# --- names ---------------------------------------------------------------------------------------


def test_the_only_controller_needs_no_name(policies: Path, tmp_path: Path) -> None:
    place = Place.of(None, tmp_path / "s", policies=policies)
    assert place.controller(None) == "acme"
    assert place.controller("acme", "shop", "offers") == "acme"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("acm", "", ""), "no controller acm in the policies: did you mean acme?"),
        (("acme", "shp", ""), "no brand shp in the policies: did you mean shop?"),
        (("acme", "", "zzz"), "no stream zzz in the policies: there is newsletter, offers"),
    ],
)
def test_a_slip_in_a_name_is_usage(
    policies: Path,
    tmp_path: Path,
    words: tuple[str, str, str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = Place.of(None, tmp_path / "s", policies=policies)
    with pytest.raises(typer.Exit) as ended:
        place.controller(*words)
    assert code(ended) == os.EX_USAGE
    assert said in capsys.readouterr().err
    assert place.controller(*words, force=True) == words[0]


def test_without_policies_the_name_is_believed_and_needed(tmp_path: Path) -> None:
    place = Place.of(None, tmp_path / "s", policies=tmp_path / "none")
    assert place.controller("anything") == "anything"
    with pytest.raises(typer.Exit) as ended:
        place.controller(None)
    assert code(ended) == os.EX_USAGE


def test_policies_that_cannot_be_read_are_told_and_not_in_the_way(
    policies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policies.write_text("controller: [")
    place = Place.of(None, tmp_path / "s", policies=policies)
    assert place.controller("acme") == "acme"
    said = capsys.readouterr().err
    assert "the policies cannot be read, so names are not checked" in said
    assert "acme.yaml:1:" in said


# --- the bar -------------------------------------------------------------------------------------


def test_a_bar_is_for_terminals_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with meter(10, "importing") as advance:
        advance(10)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with meter(10, "importing") as advance:
        advance(10)
    assert "importing" in capsys.readouterr().err
