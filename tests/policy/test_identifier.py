import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpguard.policy.identifier import CHECKS, compact, fault, luhn

RIGHT = {
    "siren": ["732829320", "732 829 320", "356000000"],
    "siret": ["73282932000074", "732 829 320 00074", "35600000000048"],
    "vat": [
        "FR44732829320", "FR 44 732 829 320", "IT00743110157", "DE136695976", "ESA28015865",
        "ES12345678Z", "PT501964843", "NL004495445B01", "BE0403170701", "GB980780684",
        "ATU12345678",
    ],
    "piva": ["00743110157", "007 431 101 57"],
    "codice_fiscale": ["RSSMRA85T10A562S", "00743110157"],
    "kvk": ["12345678"],
    "company_number": ["01234567", "SC123456"],
    "hrb": ["HRB 12345", "HRA 7", "12345 B"],
}  # fmt: skip
WRONG = {
    "siren": ["000000001", "73282932", "7328293201", "73282932A", ""],
    "siret": ["73282932000075", "00000000100000", "35600000000049"],
    "vat": [
        "FR45732829320", "FR44732829321", "IT00743110158", "DE136695977", "DE036695976",
        "ESA28015866", "ES12345678A", "PT501964844", "NL004495446B01", "BE0403170702",
        "GB980780685", "1234", "XX", "FR", "FR1", "DE12", "ES1", "PT12", "NL12", "GB1",
    ],
    "piva": ["00743110158", "0074311015"],
    "codice_fiscale": ["RSSMRA85T10A562T", "RSSMRA85T10A562"],
    "kvk": ["1234567"],
    "company_number": ["123", "S1234567"],
    "hrb": ["Lyon"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "number"), [(k, n) for k, ns in RIGHT.items() for n in ns])
def test_a_right_number(kind: str, number: str) -> None:
    assert fault(kind, number) == ""


@pytest.mark.parametrize(("kind", "number"), [(k, n) for k, ns in WRONG.items() for n in ns])
def test_a_wrong_number_is_told_what_was_expected(kind: str, number: str) -> None:
    assert "expected" in fault(kind, number)


def test_every_check_is_tried() -> None:
    assert set(CHECKS) == set(RIGHT) == set(WRONG)


def test_what_has_no_check_is_right() -> None:
    assert fault("rcs", "Lyon B") == ""


@given(st.integers(0, 10**8 - 1), st.integers(0, 7), st.integers(1, 9))
def test_luhn_finds_every_wrong_digit(number: int, place: int, change: int) -> None:
    digits = f"{number:08d}"
    whole = next(digits + str(d) for d in range(10) if luhn(digits + str(d)))
    wrong = whole[:place] + str((int(whole[place]) + change) % 10) + whole[place + 1 :]
    assert luhn(whole)
    assert not luhn(wrong)


@given(st.sampled_from(sorted(CHECKS)), st.text(max_size=20))
def test_any_text_is_judged(kind: str, text: str) -> None:
    assert isinstance(fault(kind, text), str)
    assert " " not in compact(text)
