"""Spreadsheet files as programs save them: encodings, separators, line ends, and what cannot be read."""

from __future__ import annotations

import io

import pytest

from rollbook import spreadsheet
from rollbook.errors import InvalidValue
from rollbook.spreadsheet import Sheet

HEADINGS = {"email", "name", "location"}
ROWS = [(2, ["leo@acme.example", "Léo Linden", 'a "quoted", cell']), (3, ["mona@acme.example", "", "two\nlines"])]


def read(content: bytes) -> Sheet:
    return spreadsheet.read(io.BytesIO(content), is_heading=HEADINGS.__contains__)


def saved(separator: str = ",", line_end: str = "\n", *, cell_line_end: str = "\n") -> str:
    cells = [["email", "name", "location"], *(row for _, row in ROWS)]
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' if cell else "" for cell in row] for row in cells]
    text = line_end.join(separator.join(row) for row in quoted) + line_end
    return text.replace("two\nlines", f"two{cell_line_end}lines")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_way_to_save_a_file_reads_the_same(separator: str, line_end: str, mark: bytes) -> None:
    sheet = read(mark + saved(separator, line_end).encode())
    assert (sheet.separator, sheet.headings, sheet.size) == (separator, ("email", "name", "location"), 2)
    assert list(sheet.rows()) == ROWS
    assert list(sheet.rows()) == ROWS  # it may be read again


def test_line_ends_inside_cells_are_kept_as_written() -> None:
    assert dict(read(saved(cell_line_end="\r\n").encode()).rows())[3][2] == "two\r\nlines"


def test_the_separator_is_the_one_that_makes_headings() -> None:
    text = 'email;"name";nick,a,b,c,d\nleo@acme.example;Leo;x,y\n'
    assert list(read(text.encode()).rows()) == [(2, ["leo@acme.example", "Leo", "x,y"])]
    assert list(read(b"email\nleo@acme.example\n").rows()) == [(2, ["leo@acme.example"])]


def test_row_numbers_are_those_of_the_spreadsheet_whatever_the_cells_hold() -> None:
    text = 'email,name\n"a","one\n\ntwo\nthree"\n\n , \n"b",\n'
    assert [(number, cells[0]) for number, cells in read(text.encode()).rows()] == [(2, "a"), (5, "b")]


def test_a_last_line_without_an_end_is_a_row() -> None:
    assert list(read(b"email,name\nleo@acme.example,Leo").rows()) == [(2, ["leo@acme.example", "Leo"])]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b"\n\n", "The first row holds no headings; it must name the columns."),
        (saved().encode("utf-16"), "The file is UTF-16, not UTF-8. Save it as CSV UTF-8 and try again."),
        (saved().encode("utf-16-le"), "The file is UTF-16, not UTF-8. Save it as CSV UTF-8 and try again."),
        (
            saved().encode("latin-1"),
            "Row 2 is not UTF-8; the file may be Latin-1 or Windows-1252. Save it as CSV UTF-8 and try again.",
        ),
        (b"email,name\n" * 3 + b"x,caf\xe9\n", "Row 4 is not UTF-8"),
        (b"email,name\xe9\n", "Row 1 is not UTF-8"),
        (b"PK\x03\x04 a workbook", "The file is a workbook, not CSV."),
        (b'email,name\na,b\nc,"d\ne,f\n', "Row 3 cannot be read: a quotation mark is not closed"),
        (b'email,name\na,"b"c\n', "Row 2 cannot be read: a quotation mark is not closed, stands inside a cell"),
        (b"email,name\na," + b"x" * 200_000 + b"\n", "Row 2 cannot be read"),
        (b"email,name\n" + b"x," * 600_000 + b"\n", "Row 2 has a line of more than 1,000,000 characters."),
        (b"email\n" + b"x\n" * 200_001, "The file has more than 200,000 rows; split it."),
    ],
)
def test_what_cannot_be_read_is_refused_before_the_first_row(content: bytes, said: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        read(content)
    assert refused.value.message.startswith(said)


def test_as_many_rows_as_are_allowed_can_be_read() -> None:
    sheet = read(b"email\n" + b"x\n" * 200_000)
    assert sheet.size == sum(1 for _ in sheet.rows()) == 200_000
