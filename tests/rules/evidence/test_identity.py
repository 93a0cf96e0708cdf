"""Names and addresses in a text."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpguard.mail.lexicon import normalise
from smtpguard.policy.controller import Brand, Controller
from smtpguard.rules.evidence.identity import (
    gives_address,
    gives_words,
    names_sender,
    spells_address,
    spells_sender,
    whole_words,
)

BRAND = Brand("acme", ("Acme Matériaux", "Ami"))


@pytest.mark.parametrize(
    ("legal_name", "text"),
    [
        ("Dupont & Fils SAS", "Une offre de DUPONT & FILS."),
        ("Dupont & Fils S.A.S.", "dupont & fils"),
        ("Rossi Costruzioni S.r.l.", "Rossi Costruzioni, Bologna"),
        ("Müller Bau GmbH & Co. KG", "Ihre Muller Bau"),
        ("Northwind Ltd", "northwind"),
        ("Other", "chez Acme Materiaux"),
        ("Other", "Ami, SIREN 732 829 320"),
    ],
)
def test_a_sender_is_named(legal_name: str, text: str) -> None:
    controller = Controller("c", legal_name, identifiers={"siren": "732829320"})
    assert names_sender(normalise(text), controller, BRAND)


@pytest.mark.parametrize(
    ("legal_name", "text"),
    [
        ("Dupont & Fils SAS", "Dupontel & Fils"),
        ("One SAS", "one more thing"),
        ("One SAS", "someone"),
        ("Other", "mon ami"),
        ("Other", ""),
        ("", "SAS"),
    ],
)
def test_a_sender_is_not_named(legal_name: str, text: str) -> None:
    assert not names_sender(normalise(text), Controller("c", legal_name), BRAND)


ADDRESS = "12 rue des Lilas, 69003 Lyon"


@pytest.mark.parametrize(
    ("text", "given_"),
    [
        ("Acme, 12 rue des Lilas, 69003 LYON", True),
        ("12 rue des Lilas - 69003", True),
        ("rue 12 des 69003 Lilas", False),
        ("12 rue des Lilas", False),
        ("12 rue" + " panneau" * 40 + " des Lilas 69003 Lyon", False),
        ("12 " * 50 + ADDRESS, True),
        ("", False),
    ],
)
def test_an_address_is_given(text: str, given_: bool) -> None:
    assert gives_address(normalise(text), ADDRESS) is given_


@given(st.text(max_size=200))
@settings(max_examples=100)
def test_an_address_is_found_in_any_company(around: str) -> None:
    assert gives_address(normalise(f"{around}\n{ADDRESS}\n{around}"), ADDRESS)


@given(st.lists(st.sampled_from(["1", "2", "rue", " ", ", ", "_", "é", "rue 2"]), max_size=9))
def test_an_address_that_stands_there_is_given_by_its_words(around: list[str]) -> None:
    text = normalise("".join(around))
    assert gives_address(text, "1 rue, 2") is gives_words(text, "1 rue, 2")


@given(st.text("ab1_ é-."), st.text("ab1_é", min_size=1, max_size=2))
def test_whole_words_are_those_of_a_regular_expression(text: str, word: str) -> None:
    found = re.finditer(rf"\b{word}\b", text)
    assert list(whole_words(word, text)) == [match.start() for match in found]


SCRAPS = [
    "Acme SAS", "Acme", "One", ADDRESS, " ", "\n", ".", "-", "_", "x", "1", "é", "\u0301", "\u200b",
    "\u00a0", "\u0338", "\u2019", "ﬁ", "\x1c", "`", ", ",
]  # fmt: skip
AROUND = st.lists(st.sampled_from(SCRAPS), max_size=8).map("".join)


@given(AROUND)
@settings(max_examples=500)
def test_what_is_seen_at_a_glance_is_there(visible: str) -> None:
    controller, brand = Controller("acme", "Acme SAS"), Brand("acme", ("One", "Acme", "", "É"))
    if spells_sender(visible, controller, brand):
        assert names_sender(normalise(visible), controller, brand)
    if spells_address(visible, ADDRESS):
        assert gives_address(normalise(visible), ADDRESS)


def test_most_are_seen_at_a_glance() -> None:
    controller = Controller("acme", "Acme SAS", ADDRESS)
    visible = f"Bonjour é.\nAcme SAS, {ADDRESS} – désabonnez-vous"
    assert spells_sender(visible, controller, BRAND)
    assert spells_address(visible, ADDRESS)
    assert not spells_sender("Acme SASU", controller, BRAND)
    assert not spells_address("", "")
