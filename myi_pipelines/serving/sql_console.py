"""Questions that users ask in their own SQL, as a login that can only read: an error is one line."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from myi_pipelines.warehouse.database.connections import Connection

_DECLARE = b"DECLARE answer NO SCROLL CURSOR FOR\n"
_BEGINNINGS = "a query begins with SELECT, WITH, VALUES or TABLE, and cannot change anything"


_DATES = ("date", "timestamp", "timestamptz", "time", "timetz")


class WrittenByServer(str):
    """A date, a time or an interval as PostgreSQL writes it, where Python has no such value."""

    __slots__ = ()


class _AsWritten(Loader):
    def load(self, data: Buffer) -> WrittenByServer:
        return WrittenByServer(bytes(data).decode())


class _DateOrAsWritten(_AsWritten):
    """Python's calendar ends with the year 9999, and has neither years before Christ nor infinity nor 24:00."""

    def __init__(self, oid: int, context: Any = None) -> None:
        super().__init__(oid, context)
        loader = psycopg.adapters.get_loader(oid, Format.TEXT)
        assert loader is not None
        self._of_python = loader(oid, context)

    def load(self, data: Buffer) -> Any:
        try:
            return self._of_python.load(data)
        except (psycopg.DataError, OverflowError, ValueError):
            return super().load(data)


def read_only_query(conn: Connection, query: str, *, timeout_seconds: float) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns and rows of one query, through a cursor, which takes no other statement. ``conn`` is the reader's.

    Raises ``psycopg.Error`` (see ``explain_error``).
    """
    conn.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    conn.prepare_threshold = 0  # The server refuses to prepare more than one statement.
    with conn.transaction():
        conn.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, int(timeout_seconds * 1000)))])
        conn.execute(_DECLARE + query.encode(), prepare=True)
        cursor = conn.cursor()
        for kind in _DATES:
            cursor.adapters.register_loader(kind, _DateOrAsWritten)
        cursor.adapters.register_loader("interval", _AsWritten)  # Python's has no months
        cursor.execute("FETCH ALL FROM answer")
        return [column.name for column in cursor.description or ()], cursor.fetchall()


def explain_error(error: psycopg.Error, query: str) -> str:
    """One line: what the server says, where in the query, and its hint."""
    said = error.diag.message_primary or " ".join(str(error).split())
    if "multiple commands" in said:
        return "one statement at a time, please"
    if isinstance(error, psycopg.errors.QueryCanceled):
        return f"{said}; allow it more with --timeout SECONDS"
    place = ""
    if error.diag.statement_position:
        before = query[: int(error.diag.statement_position) - 1 - len(_DECLARE)]
        place = f" (line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))})"
    hint = f"; {error.diag.message_hint}" if error.diag.message_hint else ""
    if isinstance(error, psycopg.errors.SyntaxError) and (not place or not before.strip()):
        hint += f"; {_BEGINNINGS}"
    return " ".join(f"{said}{place}{hint}".split())
