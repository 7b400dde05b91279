"""Spreadsheets: what is written reads back as it was, and no cell is a formula."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rollbook import spreadsheet

TEXT = st.text(st.characters(codec="utf-8"), max_size=20) | st.text(st.sampled_from("=+-@\t\r\0'\" ,;\nab"), max_size=8)


def read_back(text: str) -> list[list[str]]:
    return [[spreadsheet.plain(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline=""))]


@settings(max_examples=500)
@given(rows=st.lists(st.lists(TEXT, min_size=1, max_size=4), max_size=5))
@example(rows=[["'=1", "''=1", "=1", "'", "'a", "''"]])
@example(rows=[[""], ["\r"], ["\0"], ["\n=1"]])
def test_what_is_written_reads_back_and_no_cell_is_a_formula(rows: list[list[str]]) -> None:
    text = "".join(spreadsheet.write(rows))
    assert read_back(text) == rows
    for row in csv.reader(io.StringIO(text, newline="")):
        assert [cell for cell in row if cell and cell[0] in "=+-@\t\r\0"] == []


def test_only_what_a_spreadsheet_would_work_out_is_guarded() -> None:
    rows = [["=1+1", "+49 30", "-", "@x", "\tx", "'=x", "o'clock", "'tis", "1-2", " =1"]]
    assert "".join(spreadsheet.write(rows)) == "'=1+1,'+49 30,'-,'@x,'\tx,''=x,o'clock,'tis,1-2, =1\r\n"


def test_values_other_than_text_are_plain() -> None:
    assert "".join(spreadsheet.write([[None, 7, -7, 7.5, True, False], [None]])) == ',7,-7,7.5,yes,no\r\n""\r\n'


def test_quotes_follow_rfc_4180() -> None:
    assert list(spreadsheet.write([['say "a"', "a,b", "two\nlines", "two\r\nmore"]])) == [
        '"say ""a""","a,b","two\nlines","two\r\nmore"\r\n'
    ]


def test_a_long_table_is_never_held_whole() -> None:
    def rows() -> Iterator[list[object]]:
        for number in range(50_000):
            yield [number, "Leo Linden", None, "=1"]

    tracemalloc.start()
    size = sum(len(line) for line in spreadsheet.write(rows()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 1_000_000
    assert peak < 200_000
