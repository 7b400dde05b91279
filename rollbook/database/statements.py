"""SQLAlchemy Core statements, compiled once and run on the driver's own cursor (docs/decisions/0002).

`Tx` is what every room receives. It holds no connection logic: sqlite.py and postgres.py own that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Protocol

from sqlalchemy import Delete, Insert, Select, Table, Update, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

Row = tuple[Any, ...]
Write = Insert | Update | Delete
Statement = Select[*tuple[Any, ...]] | Write
Parameters = Mapping[str, Any]


class Collision(Exception):
    """A row that the transaction did not see stood in its way, again and again; nothing was changed."""


class Cursor(Protocol):
    """The part of a driver's cursor that is used here."""

    def fetchone(self) -> Any: ...
    def fetchall(self) -> Any: ...


class Connection(Protocol):
    """A driver's connection, as far as a transaction needs it."""

    def execute(self, query: Any, params: Any = ..., /) -> Any: ...


class Insertion:
    """An insert that gives the same columns every time; its values come as a tuple in their order."""

    __slots__ = ("columns", "statement")

    def __init__(self, table: Table, *columns: str) -> None:
        self.statement = insert(table)
        # The table's order is the one that the compiled statement has.
        self.columns = tuple(column.name for column in table.columns if column.name in columns)
        if self.columns != columns:
            raise ValueError(f"name the columns in the table's order: {', '.join(self.columns)}")


class Answer:
    """The result of a statement that was sent; on PostgreSQL it is waited for only when read."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def one(self) -> Row | None:
        """The first row, or None."""
        row: Row | None = self._cursor.fetchone()
        return row

    def all(self) -> list[Row]:
        """Every row."""
        rows: list[Row] = self._cursor.fetchall()
        return rows


class Compiled:
    """A statement's text for one dialect, and `arguments`, which puts parameters in its order.

    A literal of the statement stands where no value is given; without a literal that raises KeyError.
    """

    __slots__ = ("arguments", "text")

    def __init__(self, text: str, names: Sequence[str] | None, defaults: Parameters) -> None:
        self.text = text
        self.arguments = _in_order(names or (), defaults)


def _in_order(names: Sequence[str], defaults: Parameters) -> Callable[[Parameters], Sequence[Any]]:
    # Written columns come with a mark of SQLAlchemy's that says "required".
    literals = {name: value for name, value in defaults.items() if isinstance(value, str | int)}
    if not names:
        return lambda _: ()
    if len(names) == 1:
        (name,) = names
        return lambda parameters: (parameters[name] if name in parameters else literals[name],)
    pick = itemgetter(*names)  # a third of what a loop over the names takes
    return (lambda parameters: pick({**literals, **parameters})) if literals else pick


_WITHOUT_COLUMNS = (Select, Delete)
MOST_TEXTS = 2000  # an update has a text for each set of columns that changes: far fewer in practice, and bounded


class Compiler:
    """Compiles for one dialect; a statement kept in a module is compiled once per set of written columns."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        # The statement itself is the key and so stays alive: an id could be given to another one later.
        self._kept: dict[Statement, dict[tuple[str, ...], Compiled]] = {}
        self._insertions: dict[Insertion, str] = {}
        self._lists: dict[Statement, dict[tuple[tuple[str, int], ...], Compiled]] = {}

    def kept(self, statement: Statement, parameters: Parameters) -> Compiled:
        """For statements that live as long as the process. Raises for IN lists, whose text varies."""
        texts = self._kept.get(statement)
        if texts is None:
            texts = self._kept[statement] = {}
        names = () if isinstance(statement, _WITHOUT_COLUMNS) else tuple(parameters)
        compiled = texts.get(names)
        if compiled is None:
            if len(texts) >= MOST_TEXTS:
                texts.clear()
            compiler = self._compile(statement, names)
            if compiler.post_compile_params:
                raise ValueError("an IN list varies in length: ask with `Tx.among`, or `Tx.search`")
            compiled = texts[names] = Compiled(compiler.string, compiler.positiontup, compiler.params)
        return compiled

    def insertion(self, row: Insertion) -> str:
        """The text of an insertion, whose arguments are its values."""
        text = self._insertions.get(row)
        if text is None:
            compiler = self._compile(row.statement, row.columns)
            assert tuple(compiler.positiontup or ()) == row.columns
            text = self._insertions[row] = compiler.string
        return text

    def listing(self, statement: Statement, parameters: Parameters, lists: Mapping[str, Sequence[Any]]) -> Compiled:
        """For statements that live as long as the process and have IN lists of these lengths."""
        texts = self._lists.get(statement)
        if texts is None:
            texts = self._lists[statement] = {}
        sizes = tuple((name, len(lists[name])) for name in sorted(lists))
        compiled = texts.get(sizes)
        if compiled is None:
            if len(texts) >= MOST_TEXTS:
                texts.clear()
            given = {**parameters, **lists}
            state = self._compile(statement, ()).construct_expanded_state(given)
            expanded = {name for names in state.parameter_expansion.values() for name in names}
            literals = {name: value for name, value in state.parameters.items() if name not in given.keys() | expanded}
            compiled = texts[sizes] = Compiled(state.statement, state.positiontup, literals)
        return compiled

    def once(self, statement: Statement) -> Compiled:
        """For statements built for one question: filters and lists, with their values inside."""
        compiler = self._compile(statement, (), render_postcompile=True)
        return Compiled(compiler.string, compiler.positiontup, compiler.params)

    def _compile(self, statement: Statement, names: tuple[str, ...], **options: bool) -> SQLCompiler:
        compiler = statement.compile(
            dialect=self._dialect, column_keys=list(names) if names else None, compile_kwargs=options
        )
        assert isinstance(compiler, SQLCompiler)  # what compile() of a statement is declared to return is wider
        return compiler


class Tx:
    """A transaction in progress. Values are plain text, whole numbers and None; JSON travels as text.

    `one` and `all` wait for their rows; `send` lets the caller wait later and `run` not at all, so that on
    PostgreSQL several statements share a round trip. A failure of one that was not waited for is raised by a
    later call or by the commit.

    `careful` says that this is another turn: something objected to what the first one wrote. In `draft` a room may keep
    rows back until they are whole; whoever began it writes them. `rules_version` is a company and the version of its
    rules (people/rulebook.py), `holds` a company and whether an address is held there (people/claims.py), where a
    statement on the way told it.
    """

    __slots__ = ("_compiler", "_connection", "_writing", "careful", "draft", "holds", "rules_version")

    def __init__(
        self, connection: Connection, compiler: Compiler, *, writing: Connection | None = None, careful: bool = False
    ) -> None:
        self._connection = connection
        self._writing = writing or connection  # a cursor for all that returns nothing, where one costs something
        self._compiler = compiler
        self.careful = careful
        self.draft: list[Any] | None = None
        self.rules_version: tuple[str, str | None] | None = None
        self.holds: tuple[str, bool] | None = None

    def send(self, statement: Statement, parameters: Parameters | None = None) -> Answer:
        """Starts a statement of a module; read its rows from the answer."""
        compiled = self._compiler.kept(statement, parameters or {})
        return Answer(self._connection.execute(compiled.text, compiled.arguments(parameters or {})))

    def one(self, statement: Statement, parameters: Parameters | None = None) -> Row | None:
        """The first row of a statement of a module, or None."""
        return self.send(statement, parameters).one()

    def all(self, statement: Statement, parameters: Parameters | None = None) -> list[Row]:
        """Every row of a statement of a module."""
        return self.send(statement, parameters).all()

    def run(self, statement: Write, parameters: Parameters) -> None:
        """Runs a write whose rows nobody reads."""
        compiled = self._compiler.kept(statement, parameters)
        self._writing.execute(compiled.text, compiled.arguments(parameters))

    def insert(self, row: Insertion, values: tuple[Any, ...]) -> None:
        """Adds a row that nobody reads back; `values` in the order of the insertion's columns."""
        self._writing.execute(self._compiler.insertion(row), values)

    def run_each(self, statement: Insert, rows: Iterable[Parameters]) -> None:
        """Runs an insert once per row."""
        for row in rows:
            self.run(statement, row)

    def among(self, statement: Select[*tuple[Any, ...]], parameters: Parameters, **lists: Collection[Any]) -> list[Row]:
        """Every row of a statement of a module with IN lists, `bindparam(name, expanding=True)`.

        A list is filled up to a power of two by one of its values, so that few texts are compiled and prepared.
        """
        return Answer(self._connection.execute(*self._listing(statement, parameters, lists))).all()

    def search(self, statement: Statement) -> list[Row]:
        """Every row of a statement built for this one question, its values inside (filters, IN lists)."""
        compiled = self._compiler.once(statement)
        return Answer(self._connection.execute(compiled.text, compiled.arguments({}))).all()

    def _listing(
        self, statement: Statement, parameters: Parameters, lists: Mapping[str, Collection[Any]]
    ) -> tuple[str, Sequence[Any]]:
        filled = {name: _filled(values) for name, values in lists.items()}
        compiled = self._compiler.listing(statement, parameters, filled)
        singles = {f"{name}_{place}": value for name, values in filled.items() for place, value in enumerate(values, 1)}
        return compiled.text, compiled.arguments({**parameters, **singles})


def _filled(values: Collection[Any]) -> list[Any]:
    found = list(values)
    return found + found[-1:] * ((1 << (len(found) - 1).bit_length()) - len(found)) if found else found
