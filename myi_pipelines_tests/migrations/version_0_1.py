"""A warehouse of version 0.1, as that version's migrations and code left it: see ``data/``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from yoyo import get_backend, read_migrations

from myi_pipelines.operations.postgres_programs import find_program, run_program
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


def make_backup(url: str, folder: Path) -> None:
    """A backup of a warehouse, as ``myi backup`` of version 0.1 wrote it."""
    folder.mkdir()
    with psycopg.connect(url) as conn:
        version = conn.info.server_version
        counts = {name: len(_rows_of(conn, name)) for name in _tables(conn, partitioned=True)}
        migrations = conn.execute("SELECT migration_id FROM _yoyo_migration ORDER BY migration_id").fetchall()
    dump = folder / "warehouse.dump"
    schemas = ['--schema="public"', '--schema="asides"', '--exclude-table="asides".*']
    options = ["--format=custom", "--no-owner", "--no-privileges", *schemas, f"--file={dump}"]
    run_program(find_program("pg_dump", version), options, url)
    manifest = {
        "format": 1,
        "created_at": "2026-11-21T00:00:00+00:00",
        "server_version": version,
        "schema": "public",
        "migrations": [name for (name,) in migrations],
        "key_id": None,
        "archived_parts": 2,
        "files": [{"file": dump.name, "sha256": hashlib.sha256(dump.read_bytes()).hexdigest()}],
        "rows": counts,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def rows(conn: Connection) -> Mapping[str, list[str]]:
    """Every row of every table as text, by the table's new name; yoyo's own tables left out."""
    return {NEW_NAMES.get(name, name): _rows_of(conn, name) for name in _tables(conn) if "yoyo" not in name}


def _tables(conn: Connection, *, partitioned: bool = False) -> list[str]:
    """Ordinary tables with partitions among them, or all tables without them."""
    which = "relkind IN ('r', 'p') AND NOT relispartition" if partitioned else "relkind = 'r'"
    query = f"SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND {which}"
    return [name for (name,) in conn.execute(query.encode())]


def _rows_of(conn: Connection, table: str) -> list[str]:
    query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(table))
    return [row for (row,) in conn.execute(query)]
