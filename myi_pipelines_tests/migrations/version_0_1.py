"""A warehouse of version 0.1, as that version's migrations and code left it: see ``data/``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from yoyo import get_backend, read_migrations

from myi_pipelines.warehouse.database.connections import Connection

DATA = Path(__file__).parent / "data"
MIGRATIONS = DATA / "0.1"
ROWS = DATA / "warehouse_0.1" / "rows.sql"
ARCHIVE = DATA / "warehouse_0.1" / "archive"

NEW_NAMES = {
    "stale_slices": "invalidated_user_months",
    "stale_export_tracks": "pending_export_tracks",
    "stale_spotify_objects": "pending_spotify_objects",
    "archived_slices": "archived_user_months",
    "archive_leftovers": "orphaned_archive_folders",
    "month_holds": "retention_holds",
}
"""Tables that the takeover renames."""


def make_schema(url: str, migrations: int | None = None) -> list[str]:
    """Apply the first of the 18 migrations, or all, as version 0.1 did; their names."""
    with get_backend(url.replace("postgresql://", "postgresql+psycopg://")) as backend:
        chosen = read_migrations(str(MIGRATIONS))[:migrations]
        with backend.lock():
            backend.apply_migrations(chosen)
        return [migration.id for migration in chosen]


def make_warehouse(url: str) -> None:
    """The schema, and rows in every table."""
    make_schema(url)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(ROWS.read_bytes())


def rows(conn: Connection) -> Mapping[str, list[str]]:
    """Every row of every table as text, by the table's new name; yoyo's own tables left out."""
    names = conn.execute(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind = 'r' AND relname !~ '^_?yoyo'"
    ).fetchall()
    return {NEW_NAMES.get(str(name), str(name)): _rows_of(conn, name) for (name,) in names}


def _rows_of(conn: Connection, table: str) -> list[str]:
    query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(table))
    return [row for (row,) in conn.execute(query)]
