"""What the warehouse's tables look like: columns, types, keys and comments.

``sql/schema.json`` holds it, written by ``make schema`` from the catalog of a migrated database, so that it is known
without a database and no SQL is parsed. A test compares it with a real database. Nothing here knows who shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import msgspec

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import SQL_FOLDER, statement


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    type: str
    is_nullable: bool
    in_primary_key: bool
    comment: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a view of the warehouse."""

    name: str
    comment: str
    columns: tuple[Column, ...]


@cache
def tables() -> Mapping[str, Table]:
    """Every table and view of the warehouse, by name."""
    described = msgspec.json.decode((SQL_FOLDER / "schema.json").read_bytes(), type=tuple[Table, ...])
    return {table.name: table for table in described}


def tables_in(conn: Connection) -> tuple[Table, ...]:
    """Every table and view of a database, by name, as its catalog has them; no partitions and none of yoyo's tables."""
    rows = conn.execute(statement("schema/tables")).fetchall()
    return msgspec.convert([table for (table,) in rows], type=tuple[Table, ...])
