"""Writes that nobody waits for, sent to PostgreSQL as one statement.

A user changed, its event and a task are three statements for SQLite, where a statement costs ten
microseconds. PostgreSQL takes each through parsing, binding and a plan of its own, so there they become common table
expressions of one (`WITH one AS (UPDATE …), two AS (INSERT …) INSERT …`), which changes the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Insert, Select, Table

from rollbook.database.statements import (
    MOST_TEXTS,
    Answer,
    Compiler,
    Connection,
    Insertion,
    Parameters,
    Row,
    Statement,
    Tx,
    Write,
)

# PostgreSQL numbers parameters with 16 bits; far below, a statement so long is no saving any more.
MOST_PARAMETERS = 400

_PARAMETER = re.compile(r"\$(\d+)")


class JoiningTx(Tx):
    """A transaction whose writes are held back until somebody reads or it ends.

    The parts of one statement all see the rows from before it. So no two of them may concern the same rows: a table
    is changed by one update, upsert or deletion at a time, or inserted into any number of times. Without `joins` each
    is sent by itself, and still not waited for.
    """

    __slots__ = ("_held", "_inserted", "_joins", "_texts", "_updated", "sent_writes")

    def __init__(
        self,
        connection: Connection,
        compiler: Compiler,
        texts: dict[tuple[str, ...], str],
        *,
        joins: bool,
        careful: bool,
    ) -> None:
        super().__init__(connection, compiler, careful=careful)
        self._texts = texts
        self._joins = joins
        self._held: list[tuple[str, Sequence[Any]]] = []
        self._inserted: set[Table] = set()
        self._updated: set[Table] = set()
        self.sent_writes = False

    def run(self, statement: Write, parameters: Parameters) -> None:
        """Holds a write back; its failure is raised by what is sent next, or by the commit."""
        compiled = self._compiler.kept(statement, parameters)
        self._hold(statement, compiled.text, compiled.arguments(parameters))

    def insert(self, row: Insertion, values: tuple[Any, ...]) -> None:
        """Holds a row back."""
        self._hold(row.statement, self._compiler.insertion(row), values)

    def send(self, statement: Statement, parameters: Parameters | None = None) -> Answer:
        """Sends what was held back, then starts a statement."""
        self.flush()
        self.sent_writes = self.sent_writes or isinstance(statement, Write)
        return super().send(statement, parameters)

    def among(self, statement: Select[*tuple[Any, ...]], parameters: Parameters, **lists: Collection[Any]) -> list[Row]:
        """Sends what was held back, then asks."""
        self.flush()
        return super().among(statement, parameters, **lists)

    def search(self, statement: Statement) -> list[Row]:
        """Sends what was held back, then asks."""
        self.flush()
        self.sent_writes = self.sent_writes or isinstance(statement, Write)
        return super().search(statement)

    def flush(self) -> None:
        """Sends what was held back, as one statement, and does not wait for it."""
        if not self._held:
            return
        texts = tuple([text for text, _ in self._held])
        arguments = [argument for _, part in self._held for argument in part]
        self._held = []
        self._inserted.clear()
        self._updated.clear()
        self.sent_writes = True
        self._connection.execute(texts[0] if len(texts) == 1 else self._joined(texts), arguments)

    def _hold(self, statement: Write, text: str, arguments: Sequence[Any]) -> None:
        table: Any = statement.table
        # Two insertions that may update what is there could mean the same row (PostgreSQL: cardinality violation).
        inserts = isinstance(statement, Insert) and " DO UPDATE " not in text
        if table in self._updated or (table in self._inserted and not inserts):
            self.flush()
        (self._inserted if inserts else self._updated).add(table)
        self._held.append((text, arguments))
        if not self._joins or sum(len(held) for _, held in self._held) > MOST_PARAMETERS:
            self.flush()

    def _joined(self, texts: tuple[str, ...]) -> str:
        joined = self._texts.get(texts)
        if joined is None:
            if len(self._texts) >= MOST_TEXTS:
                self._texts.clear()
            joined = self._texts[texts] = join(texts)
        return joined


def join(texts: Sequence[str]) -> str:
    """One statement that does what these do, its parameters those of the first, then of the second, and so on.

    No literal of ours holds a dollar sign: values travel as parameters.
    """
    parts, before = [], 0
    for text in texts:
        numbers = [int(number) for number in _PARAMETER.findall(text)]
        parts.append(_PARAMETER.sub(lambda found, before=before: f"${before + int(found[1])}", text))  # type: ignore[misc]  # a lambda with a default
        before += max(numbers, default=0)
    named = ", ".join(f"part_{number} AS ({part})" for number, part in enumerate(parts[:-1], 1))
    return f"WITH {named} {parts[-1]}"
