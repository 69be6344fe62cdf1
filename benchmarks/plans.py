"""What a query's plan touches: the partitions that it reads, and the buffers. It asks EXPLAIN and prints nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import psycopg
from psycopg import sql

from myi_pipelines.warehouse.database import Connection

Asked: TypeAlias = tuple[sql.Composable, Any]
"""A statement and its parameters."""

_PARTITION = re.compile(r"_y\d{4}m\d{2}$")


class Touched(NamedTuple):
    """What some statements read together."""

    partitions: frozenset[str]
    """Those that the plans name, whether they had rows or not."""
    buffers: int
    """Pages of tables and indexes, found in memory or read."""


@contextmanager
def recorded(conn: Connection) -> Iterator[list[Asked]]:
    """The statements that the connection executes within the block, one after another."""
    asked: list[Asked] = []

    class Recording(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Recording:
            asked.append((query if isinstance(query, sql.Composable) else sql.SQL(query), params))
            return super().execute(query, params, **options)

    conn.cursor_factory, before = Recording, conn.cursor_factory
    try:
        yield asked
    finally:
        conn.cursor_factory = before


def touched(conn: Connection, asked: list[Asked]) -> Touched:
    """Run the statements once more and see what they touch."""
    partitions: set[str] = set()
    buffers = 0
    for query, parameters in asked:
        explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {}").format(query)
        row = conn.execute(explain, parameters).fetchone()
        assert row is not None
        plan = row[0][0]["Plan"]
        buffers += int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])
        partitions.update(name for name in _relations(plan) if _PARTITION.search(name))
    return Touched(frozenset(partitions), buffers)


def _relations(plan: dict[str, Any]) -> Iterator[str]:
    if "Relation Name" in plan:
        yield plan["Relation Name"]
    for below in plan.get("Plans", []):
        yield from _relations(below)
