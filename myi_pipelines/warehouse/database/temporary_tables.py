"""Temporary tables that a session keeps and uses again and again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from psycopg import sql

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

_CREATED = re.compile(r"^CREATE TEMPORARY TABLE IF NOT EXISTS (\w+)", re.MULTILINE)


@cache
def tables_of(workspace: str) -> tuple[str, ...]:
    """The names of the tables that the statement of this name creates, for example ``stats/workspace``."""
    return tuple(_CREATED.findall(statement(workspace).as_string()))


def empty(conn: Connection, tables: Sequence[str]) -> None:
    """Empty those of the session's temporary tables that were filled.

    TRUNCATE makes a new file for a table, and one more for each index, which takes a millisecond where no row does.
    """
    filled = conn.execute(statement("temporary_tables/filled"), [list(tables)]).fetchall()
    if filled:
        names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in filled)
        conn.execute(sql.SQL("TRUNCATE {}").format(names))
