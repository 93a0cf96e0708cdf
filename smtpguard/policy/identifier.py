"""Company identifiers, checked by their own check digits: nothing is looked up.

Each check takes the number without spaces, dots and dashes, and says whether it can be one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

LA_POSTE = "356000000"
"""Its establishments do not end in a Luhn digit: their digits sum to a multiple of five."""


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B: the doubled-every-second sum is a multiple of ten."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _siren(number: str) -> bool:
    return bool(re.fullmatch("[0-9]{9}", number)) and luhn(number)


def _siret(number: str) -> bool:
    if not re.fullmatch("[0-9]{14}", number):
        return False
    if number.startswith(LA_POSTE) and sum(map(int, number)) % 5 == 0:
        return True
    return luhn(number) and luhn(number[:9])


def _vat_fr(number: str) -> bool:
    if not re.fullmatch("[0-9A-HJ-NP-Z]{2}[0-9]{9}", number):
        return False
    key, siren = number[:2], number[2:]
    # Keys with letters follow a newer, unpublished scheme; the SIREN is checked all the same.
    return _siren(siren) and (not key.isdigit() or int(key) == (12 + 3 * (int(siren) % 97)) % 97)


def _piva(number: str) -> bool:
    return bool(re.fullmatch("[0-9]{11}", number)) and luhn(number)


def _vat_de(number: str) -> bool:
    """ISO 7064 MOD 11,10."""
    if not re.fullmatch("[1-9][0-9]{8}", number):
        return False
    product = 10
    for digit in number[:8]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(number[8])


def _vat_es(number: str) -> bool:
    letters = "TRWAGMYFPDXBNJZSQVHLCKE"
    if match := re.fullmatch("([0-9]{8}|[XYZ][0-9]{7})([A-Z])", number):
        digits = match[1].translate(str.maketrans("XYZ", "012"))
        return letters[int(digits) % 23] == match[2]
    match = re.fullmatch("[ABCDEFGHJNPQRSUVW]([0-9]{7})([0-9A-J])", number)
    if not match:
        return False
    total = sum(int(d) for d in match[1][1::2])
    total += sum(sum(divmod(2 * int(d), 10)) for d in match[1][::2])
    control = -total % 10
    return match[2] in (str(control), "JABCDEFGHI"[control])


def _vat_pt(number: str) -> bool:
    if not re.fullmatch("[1-9][0-9]{8}", number):
        return False
    rest = sum(int(d) * w for d, w in zip(number, range(9, 1, -1), strict=False)) % 11
    return int(number[8]) == (0 if rest < 2 else 11 - rest)


def _vat_nl(number: str) -> bool:
    match = re.fullmatch("([0-9]{9})B[0-9]{2}", number)
    if not match:
        return False
    eleven = sum(int(d) * w for d, w in zip(match[1], range(9, 1, -1), strict=False)) % 11
    letters = "".join(str(int(c, 36)) for c in "NL" + number)
    return eleven == int(match[1][8]) or int(letters) % 97 == 1


def _vat_be(number: str) -> bool:
    return bool(re.fullmatch("[01][0-9]{9}", number)) and int(number[8:]) == 97 - (
        int(number[:8]) % 97
    )


def _vat_gb(number: str) -> bool:
    if not re.fullmatch("[0-9]{9}(?:[0-9]{3})?", number):
        return False
    total = sum(int(d) * w for d, w in zip(number, range(8, 1, -1), strict=False))
    return (total + int(number[7:9])) % 97 in (0, 42)


_VAT: dict[str, Callable[[str], bool]] = {
    "FR": _vat_fr,
    "IT": _piva,
    "DE": _vat_de,
    "ES": _vat_es,
    "PT": _vat_pt,
    "NL": _vat_nl,
    "BE": _vat_be,
    "GB": _vat_gb,
}


def _vat(number: str) -> bool:
    country, rest = number[:2], number[2:]
    if country in _VAT:
        return _VAT[country](rest)
    return bool(re.fullmatch("[A-Z]{2}[0-9A-Z]{2,12}", number))


_ODD = (
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
)  # fmt: skip
"""Worth of 0-9 and A-Z in odd places (D.M. 23 December 1976)."""


def _codice_fiscale(number: str) -> bool:
    if _piva(number):
        return True
    if not re.fullmatch("[A-Z]{6}[0-9A-Z]{2}[A-Z][0-9A-Z]{2}[A-Z][0-9A-Z]{3}[A-Z]", number):
        return False
    total = 0
    for place, character in enumerate(number[:15]):
        value = int(character) if character.isdigit() else ord(character) - ord("A")
        total += value if place % 2 else _ODD[value]
    return number[15] == chr(ord("A") + total % 26)


CHECKS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "siren": ("nine digits, the last of them a Luhn digit", _siren),
    "siret": ("fourteen digits that begin with the SIREN and end in a Luhn digit", _siret),
    "vat": ("two letters of the country and its number with its own check digit", _vat),
    "piva": ("eleven digits, the last of them a Luhn digit", _piva),
    "codice_fiscale": ("sixteen characters, or the eleven of a company", _codice_fiscale),
    "kvk": ("eight digits", lambda n: bool(re.fullmatch("[0-9]{8}", n))),
    "company_number": (
        "eight digits, or two letters and six digits",
        lambda n: bool(re.fullmatch("[0-9]{8}|[A-Z]{2}[0-9]{6}", n)),
    ),
    "hrb": ("HRB or HRA and a number", lambda n: bool(re.fullmatch("(HR[AB])?[0-9]{1,6}B?", n))),
}
"""What each identifier looks like, and its check."""


def compact(number: str) -> str:
    """The number without what people put between its digits."""
    return re.sub(r"[\s.\-–_/]", "", number).upper()


def fault(kind: str, number: str) -> str:
    """What is wrong with an identifier, or an empty string; kinds without a check are right."""
    if kind not in CHECKS:
        return ""
    looks, check = CHECKS[kind]
    bare = compact(number)
    if check(bare) and bare.isascii():
        return ""
    return f"`{number[:40]}` is not a valid {kind.replace('_', ' ')}: expected {looks}"
