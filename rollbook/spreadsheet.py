"""Rows as a spreadsheet reads and writes them: CSV by RFC 4180, in which no cell is a formula. What the columns mean is
not known here; people/csv/ and the reports say it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from rollbook.errors import InvalidValue

FORMULA_STARTS = "=+-@\t\r\0"  # a cell that begins so is worked out, or may break out of its place
GUARD = "'"
# A guarded text gets one guard more, so that taking one off always gives back what was written.
# A dash among blanks is guarded like one alone, since readers of a file take both for the same.
_GUARDED = re.compile(rf"{GUARD}*(?:[{re.escape(FORMULA_STARTS)}]|\s*-\s*\Z)")
_FIRST = frozenset(FORMULA_STARTS + GUARD)

MOST_BYTES = 512 * 1024 * 1024
MOST_ROWS = 200_000
LONGEST_LINE = 1_000_000
SEPARATORS = ",;\t"
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")  # what stands for a byte that is no UTF-8
_SAVE_AS = "Save it as CSV UTF-8 and try again."


def write(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The lines of a CSV file, one a row, each with its line end; join them or write them as they come.

    None is an empty cell, True and False are yes and no, numbers are written plainly, and a text that a spreadsheet
    would take for a formula begins with an apostrophe, which `plain` takes off again.
    """
    line = csv.writer(_Line(), lineterminator="\r\n").writerow
    for row in rows:
        yield line([_written(value) for value in row])  # writerow returns what _Line.write does


def guard(text: str) -> str:
    """The text as no spreadsheet takes it for a formula."""
    return GUARD + text if text and (text[0] in _FIRST or text[0].isspace()) and _GUARDED.match(text) else text


def plain(text: str) -> str:
    """The text that `guard` was given."""
    return text[1:] if text.startswith(GUARD) and _GUARDED.match(text) else text


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that can be read to its end: its headings, and how many rows follow them, blank ones too."""

    file: BinaryIO
    separator: str
    headings: tuple[str, ...]
    size: int

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row that is not blank, with its number in the spreadsheet, where the headings are row 1.

        Cells are as written, guards and all: see `plain`.
        """
        for number, cells in _numbered(self.file, self.separator):
            if number > 1 and any(cell and not cell.isspace() for cell in cells):
                yield number, cells


def read(file: BinaryIO, *, is_heading: Callable[[str], bool]) -> Sheet:
    """Opens a CSV file and looks through it to its end, so that nothing is begun with a file that cannot be read.

    It is UTF-8, with or without a byte order mark; cells are separated by comma, semicolon or tab, whichever makes most
    headings. `file` can be wound back. Raises InvalidValue naming the row.
    """
    _refuse_other_kinds(file)
    separator = _separator(file, is_heading)
    headings: tuple[str, ...] = ()
    size = 0
    for number, cells in _numbered(file, separator):
        if _NOT_UTF_8.search("".join(cells)):
            raise _wrong(f"Row {number} is not UTF-8; the file may be Latin-1 or Windows-1252. {_SAVE_AS}")
        if number == 1:
            headings = tuple(cells)
        size = number - 1
        if size > MOST_ROWS:
            raise _wrong(f"The file has more than {MOST_ROWS:,} rows; split it.")
    if not any(headings):
        raise _wrong("The first row holds no headings; it must name the columns.")
    return Sheet(file, separator, headings, size)


class _Line:
    """Where the writer of the standard library writes to; the line is what `writerow` returns."""

    def write(self, line: str) -> str:
        return line


def _written(value: Any) -> Any:
    if isinstance(value, str):
        return guard(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if value is None or isinstance(value, int | float) else guard(str(value))


def _refuse_other_kinds(file: BinaryIO) -> None:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    beginning = file.read(1000)
    if not beginning:
        raise _wrong("The file is empty.")
    if size > MOST_BYTES:
        raise _wrong(f"The file has more than {MOST_BYTES // 1024 // 1024} MB; split it.")
    if beginning.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise _wrong("The file is a workbook, not CSV. In the spreadsheet program, save it as CSV UTF-8.")
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in beginning.split(b"\n")[0]:
        raise _wrong(f"The file is UTF-16, not UTF-8. {_SAVE_AS}")


def _separator(file: BinaryIO, is_heading: Callable[[str], bool]) -> str:
    best, most = SEPARATORS[0], (-1, -1)
    for separator in SEPARATORS:
        try:
            headings = next(_numbered(file, separator), (1, []))[1]
        except InvalidValue:  # a quoted heading ends elsewhere; if it does with all of them, reading says so
            continue
        score = (sum(is_heading(heading) for heading in headings), len(headings))
        if score > most:
            best, most = separator, score
    return best


def _numbered(file: BinaryIO, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Every row with its number, blank ones too; a cell may hold line ends, so this is not the line of the file."""
    file.seek(0)
    # Neither the line ends inside cells nor bytes that are no UTF-8 are lost here.
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    number = 0
    try:
        for number, cells in enumerate(csv.reader(_lines(text), delimiter=separator, strict=True), 1):
            yield number, cells
    except csv.Error:
        raise _wrong(
            f"Row {number + 1} cannot be read: a quotation mark is not closed, stands inside a cell without being "
            f"doubled, or the cell has more than {csv.field_size_limit():,} characters."
        ) from None
    except _LineTooLong:
        raise _wrong(f"Row {number + 1} has a line of more than {LONGEST_LINE:,} characters.") from None
    finally:
        text.detach()  # the file is its owner's to close


class _LineTooLong(Exception):
    pass


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise _LineTooLong
        yield line


def _wrong(message: str) -> InvalidValue:
    return InvalidValue(message, field="file")
