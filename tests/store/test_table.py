"""Lists as people keep them: any dialect and encoding, octet for octet, fault by fault."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smtpguard.store.table import (
    LONGEST,
    Table,
    TableError,
    looks_like,
    read_domain,
    read_time,
    read_who,
)

PLAIN = "email,name\nanna@example.com,Anna\nbob@example.com,Bob\n"


def table(path: Path, content: str | bytes, column: str | None = None) -> Table:
    file = path / "list.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return Table.of(file, column)


def addresses(found: Table) -> list[str]:
    return [row.cell(found.column) for row in found.rows()]


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        (PLAIN, ","),
        (PLAIN.replace(",", ";"), ";"),
        (PLAIN.replace(",", "\t"), "\t"),
        (PLAIN.replace(",", "|"), "|"),
        (PLAIN.replace("\n", "\r\n"), ","),
        (PLAIN.replace("\n", "\r"), ","),
        (PLAIN.replace("Anna", '"Anna, ""the"" second; one"'), ","),
        (PLAIN.replace("Anna", '"An\n\nna"'), ","),
        (PLAIN.replace("email,name\n", ""), ","),
        ("\n" + PLAIN, ","),
        (b"\xef\xbb\xbf" + PLAIN.encode(), ","),
        (b"\xef\xbb\xbf" + PLAIN.replace("email", '"email"').encode(), ","),
        (PLAIN.replace("Anna", "Zoé").encode(), ","),
        (PLAIN.replace("Anna", "Zoé").encode("latin-1"), ","),
        (PLAIN.encode("utf-16"), ","),
        (b"\xfe\xff" + PLAIN.encode("utf-16-be"), ","),
        (PLAIN.rstrip(), ","),
    ],
)
def test_dialects_and_encodings(tmp_path: Path, content: str | bytes, delimiter: str) -> None:
    found = table(tmp_path, content)
    assert found.delimiter == delimiter
    assert addresses(found) == ["anna@example.com", "bob@example.com"]
    octets = content.encode() if isinstance(content, str) else content
    assert b"".join(row.text.encode(found.encoding) for row in found.every()) == octets


@pytest.mark.parametrize(
    ("content", "column"),
    [
        ("name,E-Mail\nAnna,anna@example.com\n", 1),
        ("Nom;Adresse e-mail\nAnna;anna@example.com\n", 1),
        ("a,b\nAnna,anna@example.com\n", 1),
        ("email,referrer\nanna@example.com,bob@example.com\n", 0),
        ("email\nanna@example.com\n", 0),
        ("anna@example.com\n", 0),
        ("@example.com\n", 0),
        ("email\n", 0),
    ],
)
def test_the_column_of_the_addresses_is_found(tmp_path: Path, content: str, column: int) -> None:
    assert table(tmp_path, content).column == column


def test_the_column_can_be_named_or_numbered(tmp_path: Path) -> None:
    content = "Owner E_Mail,email\nanna@example.com,bob@example.com\n"
    assert addresses(table(tmp_path, content, "owner email")) == ["anna@example.com"]
    assert addresses(table(tmp_path, content, "2")) == ["bob@example.com"]
    with pytest.raises(TableError, match="no column 'mail'; it has Owner E_Mail, email"):
        table(tmp_path, content, "mail")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("a,b\nanna@example.com,bob@example.com\n", "several columns"),
        ("a,b\nx,y\n", "no column holds"),
        ("", "no rows"),
        ("\n\n", "no rows"),
    ],
)
def test_a_list_that_cannot_be_read_says_why(tmp_path: Path, content: str, why: str) -> None:
    with pytest.raises(TableError, match=why):
        table(tmp_path, content)


def test_a_quote_that_is_never_closed_costs_one_row(tmp_path: Path) -> None:
    content = PLAIN + 'carl@example.com,"Carl\n' + "dora@example.com,Dora\n" * 5000
    rows = list(table(tmp_path, content).rows())
    faults = [(row.line, row.fault) for row in rows if row.fault]
    assert faults == [(4, "a quote is opened and never closed")]
    assert len(rows) == 5003


@pytest.mark.parametrize("line", ['x","\n', '""\n', '"\n', '"""\n', ',"\n'])
def test_quotes_of_any_kind_take_time_in_proportion(line: str) -> None:
    """Looked at anew for each row, these would take an hour."""
    octets = PLAIN.encode() + b'"' + line.encode() * 50_000
    rows = list(Table.within(octets, "the list").every())
    assert b"".join(row.text.encode() for row in rows) == octets


def test_a_row_has_an_end() -> None:
    octets = PLAIN.encode() + b'"' + b',"' * LONGEST + b"\ncarl@example.com,Carl\n"
    *_, long, last = Table.within(octets, "the list").rows()
    assert long.fault == f"it is longer than {LONGEST} characters"
    assert last.cells == ("carl@example.com", "Carl")


def test_a_list_in_memory_is_read_alike(tmp_path: Path) -> None:
    for content in (PLAIN.encode("utf-16"), PLAIN.encode("latin-1"), b"\xef\xbb\xbfx@y.example"):
        one, other = table(tmp_path, content), Table.within(content, "the list")
        assert list(one.every()) == list(other.every())
        assert (one.encoding, one.column, one.size) == (other.encoding, other.column, other.size)
    with pytest.raises(TableError, match="the list has no rows"):
        Table.within(b"", "the list")


@pytest.mark.parametrize("content", [b"\xff\xfea", PLAIN.encode("utf-16") + b"x"])
def test_utf_16_that_is_none_is_said(content: bytes) -> None:
    with pytest.raises(TableError, match="utf-16"):
        Table.within(content, "the list")


def test_a_quote_inside_a_word_is_a_quote(tmp_path: Path) -> None:
    found = table(tmp_path, 'email,size\nanna@example.com,5"\nbob@example.com,6" x 7"\n')
    assert [row.cell(1) for row in found.rows()] == ['5"', '6" x 7"']


def test_a_nul_is_a_fault(tmp_path: Path) -> None:
    rows = list(table(tmp_path, PLAIN + "x\0@example.com,X\n").rows())
    assert [bool(row.fault) for row in rows] == [False, False, True]


def test_lines_are_numbered_as_an_editor_does(tmp_path: Path) -> None:
    found = table(tmp_path, 'email,name\nanna@example.com,"a\nb"\n\nbob@example.com,B\n')
    assert [row.line for row in found.rows()] == [2, 5]


def test_a_short_row_has_empty_cells(tmp_path: Path) -> None:
    found = table(tmp_path, "name,email\nAnna,anna@example.com\nBob\n")
    assert addresses(found) == ["anna@example.com", ""]


def test_lists_joined_with_their_marks_are_read_through(tmp_path: Path) -> None:
    marked = b"\xef\xbb\xbf" + PLAIN.encode()
    found = table(tmp_path, marked + b"\xef\xbb\xbfcarl@example.com,Carl\n")
    assert addresses(found)[-1] == "carl@example.com"


def test_headings_are_found_however_they_are_written(tmp_path: Path) -> None:
    found = table(tmp_path, "email,Known-Since\nanna@example.com,2026-01-01\n")
    assert found.index("known_since") == 1
    assert found.index("origin") is None


CELLS = st.text(st.sampled_from(["a", "é", '"', ",", ";", "\n", " ", "@"]))


@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=8),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_whatever_csv_writes_is_read_back(
    tmp_path: Path, rows: list[list[str]], quoting: int, end: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerow(["email", "x"])
    writer.writerow(["anna@example.com", "x"])
    writer.writerows(rows)
    content = text.getvalue().encode()
    found = table(tmp_path, content)
    read = [list(row.cells) for row in found.every()]
    assert read[2:] == rows
    assert b"".join(row.text.encode(found.encoding) for row in found.every()) == content


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_octets_of_any_kind_are_a_list_or_a_reason(tmp_path: Path, content: bytes) -> None:
    try:
        found = table(tmp_path, b"email\nanna@example.com\n" + content, "1")
    except TableError:
        return
    octets = b"".join(row.text.encode(found.encoding) for row in found.every())
    assert octets == b"email\nanna@example.com\n" + content


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        (" anna@Example.com ", "anna@example.com"),
        ("<anna@example.com>", "anna@example.com"),
        ("anna", None),
        ("anna@example.com, bob@example.com", None),
        ("", None),
    ],
)
def test_addresses_in_cells(cell: str, key: str | None) -> None:
    found = read_who(cell)
    assert (None if found is None or isinstance(found, str) else found.key) == key


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[192.0.2.1]", None),
        ("a b", None),
        ("", None),
    ],
)
def test_domains(text: str, domain: str | None) -> None:
    assert read_domain(text) == domain
    assert read_who("@" + text) == domain
    assert looks_like("@" + text) is (domain is not None)


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("1970-01-02", 86400),
        (" 1970-01-01T01:00:00+01:00 ", 0),
        ("1970-01-01 01:00:00.5 +0100 CET", 0),
        ("1970-01-02 00:00:00 +0000 UTC", 86400),
        ("1970-01-02 00:00:00 UTC", None),
        ("31/03/2026", None),
        ("", None),
        ("soon", None),
    ],
)
def test_times(cell: str, seconds: int | None) -> None:
    assert read_time(cell) == seconds
