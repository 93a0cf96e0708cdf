"""SASLprep (RFC 4013): one form for names and passwords that may be typed in several. No I/O."""

from __future__ import annotations

import stringprep
from unicodedata import ucd_3_2_0 as unicode

_PROHIBITED = (  # RFC 4013 §2.3
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def prepared(text: str, *, stored: bool = False) -> str:
    """``text`` in the form in which it is compared; ``ValueError`` where it has none.

    ``stored``: it is to be kept, so code points that Unicode 3.2 does not assign are refused too
    (RFC 3454 §7). The error names no character of the text.
    """
    mapped = (
        " " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c)
    )
    found = unicode.normalize("NFKC", "".join(mapped))
    if any(table(c) for c in found for table in _PROHIBITED):
        raise ValueError("a character that no name and no password may have")
    if stored and any(stringprep.in_table_a1(c) for c in found):
        raise ValueError("a character that is not in Unicode 3.2")
    if any(map(stringprep.in_table_d1, found)) and (  # RFC 3454 §6
        any(map(stringprep.in_table_d2, found))
        or not (stringprep.in_table_d1(found[0]) and stringprep.in_table_d1(found[-1]))
    ):
        raise ValueError("letters of both directions")
    return found
