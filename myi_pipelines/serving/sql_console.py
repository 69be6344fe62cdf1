"""Questions that users ask in their own SQL: they cannot change anything, and an error is one line."""

from __future__ import annotations

import re
from typing import Any

import psycopg

from myi_pipelines.errors import InputError
from myi_pipelines.warehouse.database.connections import Connection

_COPY = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*copy\b", re.IGNORECASE | re.DOTALL)


class NoRows(InputError):
    """The statement is not a query."""


def read_only_query(conn: Connection, query: str, *, timeout_seconds: float) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns and rows of one statement; the connection is read-only from then on.

    Raises NoRows for a statement without a result, and ``psycopg.Error`` (see ``explain_error``).
    """
    if _COPY.match(query):
        raise NoRows("COPY is not a query: `myi sql --format csv` writes the rows of a SELECT as CSV")
    conn.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    conn.prepare_threshold = 0  # The server refuses to prepare more than one statement.
    with conn.transaction():
        conn.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, int(timeout_seconds * 1000)))])
        cursor = conn.execute(query.encode(), prepare=True)
        if cursor.description is None:
            raise NoRows("this statement returns no rows: `myi sql` is for queries, and cannot change anything")
        return [column.name for column in cursor.description], cursor.fetchall()


def explain_error(error: psycopg.Error, query: str) -> str:
    """One line: what the server says, where in the query, and its hint."""
    said = error.diag.message_primary or " ".join(str(error).split())
    if "multiple commands" in said:
        return "one statement at a time, please"
    if isinstance(error, psycopg.errors.QueryCanceled):
        return f"{said}; allow it more with --timeout SECONDS"
    place = ""
    if error.diag.statement_position:
        before = query[: int(error.diag.statement_position) - 1]
        place = f" (line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))})"
    hint = f"; {error.diag.message_hint}" if error.diag.message_hint else ""
    return " ".join(f"{said}{place}{hint}".split())
