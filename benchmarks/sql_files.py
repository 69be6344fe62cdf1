"""The statements of the benchmarks, in ``benchmarks/sql``. The product reads none of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from psycopg import sql

FOLDER = Path(__file__).with_name("sql")


@cache
def own_statement(name: str) -> sql.SQL:
    """The statement of ``benchmarks/sql/<name>.sql``."""
    return sql.SQL((FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
