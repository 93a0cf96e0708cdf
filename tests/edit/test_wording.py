"""The sentences we put in are those that we recognise, in all seven languages."""

from __future__ import annotations

import pytest

from smtpguard.edit import wording
from smtpguard.mail.lexicon import says

LANGUAGES = ["de", "en", "es", "fr", "it", "nl", "pt"]


def test_there_are_seven_languages() -> None:
    assert sorted(wording.WORDINGS) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_recognised_under_its_topic(language: str) -> None:
    because = {"de": "Sie Kunde sind"}.get(language, "...")
    assert says("unsub", wording.unsubscribe(language))
    assert says("unsub", wording.label(language))
    assert says("why", wording.reason(language, because))
    assert says("source", wording.source(language, "salon Bati 2026"))
    rights = wording.rights(language, "dpo@acme.example", "https://acme.example/p", "FR")
    assert says("rights", rights)
    assert says("privacy", rights)
    assert not says("friction", rights)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_values_are_in_the_sentences(language: str) -> None:
    assert "Acme SAS, SIREN 1" in wording.sender(language, "Acme SAS", "SIREN 1")
    assert "12 rue des Lilas, Lyon" in wording.address(language, "12 rue des Lilas,\n Lyon")
    assert "salon {exit} {}" in wording.source(language, "salon {exit} {}")
    rights = wording.rights(language, "dpo@acme.example", "https://acme.example/p")
    assert "dpo@acme.example" in rights
    assert rights.endswith("https://acme.example/p")
    assert wording.unsubscribe(language).count("{exit}") == 1


def test_no_sentence_ends_twice() -> None:
    assert wording.sender("en", "Acme Inc.") == "Sender: Acme Inc."
    assert (
        wording.reason("en", "you asked us to!")
        == "You receive this message because you asked us to!"
    )


def test_an_authority_is_named_in_its_own_country_only() -> None:
    assert "cnil.fr" in wording.rights("fr", "dpo@a.example", country="FR")
    assert "Garante" in wording.rights("it", "dpo@a.example", country="it")
    assert "cnil.fr" not in wording.rights("fr", "dpo@a.example", country="BE")
    assert "cnil.fr" not in wording.rights("fr", "dpo@a.example")


def test_a_language_without_words_gets_english() -> None:
    assert wording.label("zz") == wording.label("") == "Unsubscribe"
    assert wording.label("fr-CA") == wording.label("FR") == "Se désabonner"
