"""A whole warehouse as one folder: `myi backup`. ``restore`` puts it back.

The folder contains a dump, how many rows each table has in it, and checksums. Its README names what it does not
contain: the key that the tokens are encrypted with, which would let a finder of the folder read them, and the archive's
files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from psycopg import sql

from myi_pipelines.errors import DamagedError, InputError
from myi_pipelines.operations.output_folder import new_folder, written_file
from myi_pipelines.operations.postgres_programs import find_program, run_program
from myi_pipelines.settings import Settings
from myi_pipelines.sources.spotify.token_cipher import KeyNotUsable, key_id, load_or_create_key
from myi_pipelines.warehouse import archive, invariants
from myi_pipelines.warehouse.database.connections import Connection, connect, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.invariants import Violation
from myi_pipelines.warehouse.partitions import snapshot
from myi_pipelines.warehouse.schema.migrations import known_migrations
from myi_pipelines.warehouse.shadow_partitions import SCHEMA as SHADOW_SCHEMA

FORMAT = 1
DUMP = "warehouse.dump"
MANIFEST = "manifest.json"
README = """\
# A backup of an MYI warehouse

`myi restore FOLDER` puts it back, checked against `manifest.json`. It is a dump of PostgreSQL ({version}), which
`pg_restore` reads too. It contains the listening history of every user: protect it as you protect that.

It does not contain the following, which you keep in another place:

- the encryption key ({key}), without which linked Spotify accounts need a new login;
- months in the archive, if you archive: the folder or bucket of MYI_ARCHIVE_URL;
- Dagster's history of runs, which nothing depends on.
"""


class NotABackup(InputError):
    """The folder contains no backup that can be restored here."""


class BackupDamaged(DamagedError):
    """The backup is not what was written."""


class BackedUp(NamedTuple):
    """What a backup contains."""

    rows: Mapping[str, int]
    bytes: int
    archived_months: int
    """Parts of the archive that the backup refers to and does not contain."""
    violations: list[Violation]
    """Sums of the warehouse that disagree; the backup has them as they are."""


class Manifest(NamedTuple):
    """What a backup says of itself."""

    created_at: str
    server_version: int
    schema: str
    migrations: list[str]
    key_id: str | None
    """Identifies the key that the tokens are encrypted with; None where there are no tokens."""
    archived_parts: int
    files: list[Mapping[str, Any]]
    rows: Mapping[str, int]
    format: int = FORMAT


def back_up(conn: Connection, url: str, settings: Settings, folder: Path) -> BackedUp:
    """Write a backup of one instant into a folder, which appears whole or not at all. Others may go on writing.

    Raises FolderNotEmpty, ProgramNotFound and ProgramFailed.
    """
    find_program("pg_dump", conn.info.server_version)
    with new_folder(folder) as unfinished:
        with snapshot(conn, months=()):  # other connections read the plays
            schema, exported = current_schema(conn), str(fetch_scalar(conn, "SELECT pg_export_snapshot()"))
            with connect(url, application_name="myi backup") as counting:
                rows = count_rows(counting, schema, exported)
            archived = len(archive.archived_parts(conn))
            _dump(conn, url, unfinished / DUMP, exported)
        dump = written_file(unfinished, DUMP, sum(rows.values()))
        manifest = Manifest(
            created_at=datetime.now(UTC).isoformat(),
            server_version=conn.info.server_version,
            schema=schema,
            migrations=_applied_migrations(conn),
            key_id=id_of_key_in_use(settings) if rows["spotify_auth"] else None,
            archived_parts=archived,
            files=[dump._asdict()],
            rows=rows,
        )
        (unfinished / "README.md").write_text(_readme(conn, settings), encoding="utf-8")
        (unfinished / MANIFEST).write_text(json.dumps(manifest._asdict(), indent=2) + "\n", encoding="utf-8")
        violations = invariants.check(conn)
    return BackedUp(rows, dump.bytes, archived, violations)


def read_manifest(folder: Path) -> Manifest:
    """What a backup says of itself, compared with its files. Raises NotABackup or BackupDamaged."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        is_newer = content["format"] != FORMAT or bool(set(content["migrations"]) - known_migrations())
        files = [(one["file"], one["sha256"]) for one in content["files"]]
        manifest = None if is_newer else Manifest(**content)
    except FileNotFoundError:
        raise NotABackup(f"{folder}: there is no {MANIFEST}, so this is no backup that `myi backup` finished") from None
    except (ValueError, TypeError, KeyError):
        raise BackupDamaged(f"{folder / MANIFEST}: is not as `myi backup` wrote it; take another backup") from None
    if manifest is None:
        raise NotABackup(f"{folder}: made by a newer version of MYI; restore it with that one")
    for file, sha256 in files:
        if not (folder / file).is_file() or written_file(folder, file, 0).sha256 != sha256:
            raise BackupDamaged(f"{folder / file}: is missing or was changed since; take another backup")
    return manifest


def count_rows(conn: Connection, schema: str, exported: str | None = None) -> dict[str, int]:
    """Rows of every table of a schema, of a partitioned one in all its partitions; as an exported snapshot sees them.

    Each in a transaction of its own: all partitions at once would need more locks than a server has.
    """
    tables = conn.execute(statement("backup/tables"), {"schema": sql.Identifier(schema).as_string(conn)}).fetchall()
    rows = {}
    for (name,) in tables:
        with conn.transaction():
            if exported is not None:
                conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                conn.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(exported)))
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))
            rows[name] = int(fetch_scalar(conn, query))
    return rows


def current_schema(conn: Connection) -> str:
    """The schema of the warehouse's tables."""
    return str(fetch_scalar(conn, "SELECT current_schema()"))


def id_of_key_in_use(settings: Settings) -> str | None:
    """Identifies the encryption key in use, and reveals nothing of it; None where there is none."""
    if not settings.encryption_key and not settings.key_file.exists():
        return None
    try:
        return key_id(load_or_create_key(settings.encryption_key, settings.key_file)).hex()
    except KeyNotUsable:
        return None


def _dump(conn: Connection, url: str, file: Path, exported: str) -> None:
    """Dump the warehouse's schema, without pictures, which are fetched again, and the schema of shadow partitions,
    without its tables."""
    run_program(
        find_program("pg_dump", conn.info.server_version),
        [
            *("--format=custom", "--compress=gzip:3", "--no-owner", "--no-privileges"),
            *(f'--schema="{current_schema(conn)}"', f'--schema="{SHADOW_SCHEMA}"'),
            *(f'--exclude-table="{SHADOW_SCHEMA}".*', f"--snapshot={exported}"),
            f'--exclude-table-data="{current_schema(conn)}".cover_images',
            *("--lock-wait-timeout=120s", f"--file={file}"),
        ],
        url,
    )


def _readme(conn: Connection, settings: Settings) -> str:
    place_of_key = "MYI_ENCRYPTION_KEY" if settings.encryption_key else str(settings.key_file)
    return README.format(version=conn.info.server_version // 10_000, key=place_of_key)


def _applied_migrations(conn: Connection) -> list[str]:
    return [name for (name,) in conn.execute("SELECT migration_id FROM _yoyo_migration ORDER BY migration_id")]
