"""The named statements under ``sql/``."""

from __future__ import annotations

from functools import cache

from psycopg import sql

from myi_pipelines.package_files import package_path

SQL_FOLDER = package_path("sql")


@cache
def statement(name: str) -> sql.SQL:
    """The statement of ``sql/<name>.sql``, for example ``statement("events/insert")``."""
    text = (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    return sql.SQL(text)
