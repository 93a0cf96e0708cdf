"""The page behind a bounce."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from smtpguard.keys import Keyring, LinkKey
from smtpguard.rules import ALL
from smtpguard.unsubscribe.why import LIFE, Refusal, mint, read
from smtpguard.web.why import sections
from smtpguard.web.wording import LANGUAGES
from tests.web.conftest import NOW, RING

if TYPE_CHECKING:
    from tests.web.conftest import House

BASE = "https://u.acme.example/why"
REFUSAL = Refusal("hidden-unsubscribe-link", "contrast", "550 5.6.0", "fr", NOW)


def path(refusal: Refusal = REFUSAL, ring: Keyring = RING) -> str:
    return urlsplit(mint(ring, BASE, refusal)).path


def test_it_fits_into_a_bounce() -> None:
    assert len(mint(RING, BASE, REFUSAL)) < 200


def test_it_reads_back_until_it_is_old() -> None:
    token = path().rpartition("/")[2]
    assert read(RING, token, NOW + LIFE - 1) == REFUSAL
    assert read(RING, token, NOW + LIFE) is None
    assert read(Keyring(links=(LinkKey(7, b"x" * 64),)), token, NOW) is None


@pytest.mark.parametrize("rule", [rule.id for rule in ALL])
async def test_every_rule_has_a_page(house: House, rule: str) -> None:
    page = await house.get(path(Refusal(rule, "", "451 4.7.1", "en", NOW)))
    assert page.status_code == 200
    assert f"<code>{rule}</code>" in page.text
    assert "451 4.7.1" in page.text
    assert page.text.count("<h2") >= 5


@pytest.mark.parametrize("language", LANGUAGES)
async def test_in_the_language_of_the_bounce(house: House, language: str) -> None:
    page = await house.get(path(Refusal(REFUSAL.rule, "", "550 5.6.0", language, NOW)), "xx")
    assert f'<html lang="{language}"' in page.text
    other = await house.get(path() + "?l=it")
    assert '<html lang="it"' in other.text


async def test_every_bad_token_gets_the_answer_of_bad_links(house: House) -> None:
    old = Refusal("mail-loop", "", "554 5.4.6", "en", NOW - LIFE - 1)
    unknown = Refusal("no-such-rule", "", "550 5.6.0", "en", NOW)
    exit_ = "/why/" + house.token()
    paths = ("/u/x", "/why/x", path()[:-1], path(old), path(unknown), exit_)
    answers = {(page.status_code, page.text) for page in [await house.get(one) for one in paths]}
    assert len(answers) == 1


async def test_nothing_is_stored(house: House) -> None:
    before = await house.content()
    await house.get(path())
    assert await house.content() == before


def test_a_manual_is_unwrapped_and_its_code_marked() -> None:
    manual = "Sum.\n\nFault\n    A ``b``\n    <c>.\n\n    D.\nWhy\n    E.\n"
    assert sections(manual) == [
        ("Fault", ["A <code>b</code> &lt;c&gt;.", "D."]),
        ("Why", ["E."]),
    ]
