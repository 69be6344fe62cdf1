"""The named statements under ``sql/``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from psycopg import sql

SQL_FOLDER = Path(__file__).resolve().parents[3] / "sql"


@cache
def statement(name: str) -> sql.SQL:
    """The statement of ``sql/<name>.sql``, for example ``statement("events/insert")``."""
    text = (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    return sql.SQL(text)
