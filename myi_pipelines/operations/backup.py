"""A whole warehouse as one folder, and back: ``myi backup`` and ``myi restore``.

The folder holds a dump, how many rows each table has in it, and checksums. What it does not hold is told too: the key
that the tokens are encrypted with, which would open them to whoever finds the folder, and the archive's files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from myi_pipelines.errors import BusyError, DamagedError, FailedError, InputError
from myi_pipelines.operations.export import new_folder, told
from myi_pipelines.operations.postgres_programs import find_program, run_program
from myi_pipelines.settings import Settings
from myi_pipelines.sources.spotify.token_cipher import KeyNotUsable, key_id, load_or_create_key
from myi_pipelines.warehouse import archive, invariants
from myi_pipelines.warehouse.database.connections import Connection, connect, prepare
from myi_pipelines.warehouse.database.locks import Lock, exclusive, holding
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import snapshot
from myi_pipelines.warehouse.schema.migrations import SET_ASIDE, known_migrations, migrate
from myi_pipelines.warehouse.schema.takeover import SHADOW_OF_0_1
from myi_pipelines.warehouse.shadow_partitions import SCHEMA as SHADOW

FORMAT = 1
DUMP = "warehouse.dump"
MANIFEST = "manifest.json"
README = """\
# A backup of an MYI warehouse

`myi restore FOLDER` puts it back, checked against `manifest.json`. It is a dump of PostgreSQL ({version}), which
`pg_restore` reads too. It holds everybody's listening history: keep it as you keep that.

Not in it, and to be kept apart from it:

- the encryption key ({key}), without which linked Spotify accounts need a new login;
- months in the archive, if you archive: the folder or bucket of MYI_ARCHIVE_URL;
- Dagster's history of runs, which nothing depends on.
"""

APPLICATION = "myi restore"
UNDONE = "undone_restore"
"""What a schema is called that a killed restore wrote."""
SHADOWS = (SHADOW, SHADOW_OF_0_1)
"""Schemas of shadow partitions, that of backups of version 0.1 among them."""

Progress = Callable[[str], None]


class NotABackup(InputError):
    """The folder holds no backup that can be restored here."""


class BackupDamaged(DamagedError):
    """The backup is not what was written."""


class WarehouseNotEmpty(InputError):
    """Restoring would replace somebody's history."""


class WarehouseInUse(BusyError):
    """Somebody works with the warehouse that is to be replaced."""


class RestoreFailed(FailedError):
    """What was restored is not what was backed up; the warehouse is as it was before."""


class BackedUp(NamedTuple):
    """What a backup holds."""

    rows: Mapping[str, int]
    bytes: int
    archived_months: int
    """Parts of the archive that the backup refers to and does not hold."""


class Restored(NamedTuple):
    """What was put back, and found to be what the backup says."""

    rows: Mapping[str, int]
    created_at: str
    applied: list[str]
    """Migrations that the backup was older than."""
    key_is_here: bool
    """The key that the backup's tokens are encrypted with is in use here, or there are no tokens."""
    archived_months: int


def back_up(conn: Connection, url: str, settings: Settings, folder: Path) -> BackedUp:
    """Write a backup into a folder, which appears whole or not at all. People may go on writing meanwhile: it holds one
    instant. Raises FolderNotEmpty, ProgramNotFound and ProgramFailed."""
    program = find_program("pg_dump", conn.info.server_version)
    with new_folder(folder) as unfinished:
        with snapshot(conn, months=()):  # others read the plays
            schema = _schema(conn)
            exported = _value(conn, "SELECT pg_export_snapshot()")
            with connect(url, application_name="myi backup") as counting:
                rows = _count_rows(counting, schema, exported)
            archived = len(archive.archived_parts(conn))
            run_program(
                program,
                [
                    *("--format=custom", "--compress=gzip:3", "--no-owner", "--no-privileges"),
                    *(f'--schema="{schema}"', f'--schema="{SHADOW}"', f'--exclude-table="{SHADOW}".*'),
                    *(f"--snapshot={exported}", "--lock-wait-timeout=120s", f"--file={unfinished / DUMP}"),
                ],
                url,
            )
        key = _key_id(settings) if rows["spotify_auth"] else None
        dump = told(unfinished, DUMP, sum(rows.values()))
        manifest = {
            "format": FORMAT,
            "created_at": datetime.now(UTC).isoformat(),
            "server_version": conn.info.server_version,
            "schema": schema,
            "migrations": _migrations(conn),
            "key_id": key,
            "archived_parts": archived,
            "files": [dump._asdict()],
            "rows": rows,
        }
        where = "MYI_ENCRYPTION_KEY" if settings.encryption_key else str(settings.key_file)
        version = f"{conn.info.server_version // 10_000}"
        (unfinished / "README.md").write_text(README.format(version=version, key=where), encoding="utf-8")
        (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        for file in unfinished.iterdir():
            file.chmod(0o600)
    return BackedUp(rows, dump.bytes, archived)


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a backup says of itself, its files compared with it. Raises NotABackup or BackupDamaged."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = [(one["file"], one["sha256"]) for one in manifest["files"]]
        unknown = set(manifest["migrations"]) - known_migrations()
    except FileNotFoundError:
        raise NotABackup(f"{folder}: there is no {MANIFEST}, so this is no backup that `myi backup` finished") from None
    except (ValueError, TypeError, KeyError):
        raise BackupDamaged(f"{folder / MANIFEST}: is not as `myi backup` wrote it; take another backup") from None
    if manifest.get("format") != FORMAT or unknown:
        raise NotABackup(f"{folder}: made by a newer version of MYI; restore it with that one")
    for file, sha256 in files:
        if not (folder / file).is_file() or told(folder, file, 0).sha256 != sha256:
            raise BackupDamaged(f"{folder / file}: is missing or was changed since; take another backup")
    return manifest


def restore(
    url: str, settings: Settings, folder: Path, *, replace: bool, progress: Progress = lambda line: None
) -> Restored:
    """Put a backup in the place of the warehouse, which must be empty unless it is to be replaced.

    The old tables stay beside the new ones until these are found to be what the backup says: as many rows in every
    table, and all invariants. If they are not, or anything breaks off, the old ones are put back.
    Raises NotABackup, BackupDamaged, WarehouseNotEmpty, WarehouseInUse, RestoreFailed, ProgramNotFound, ProgramFailed.
    """
    progress("checking the backup")
    manifest = read_manifest(folder)
    with (
        psycopg.connect(url, autocommit=True, application_name=APPLICATION) as conn,
        holding(conn, exclusive(Lock.RESTORE)),
    ):
        program = find_program("pg_restore", max(conn.info.server_version, int(manifest["server_version"])))
        schema = manifest["schema"]
        _require_alone(conn)
        _drop_replaced(conn, schema)
        if _undo_killed(conn, schema):
            progress(
                f"undid a restore that was cut off; what it wrote is in the schema {UNDONE}_{schema} until the next"
            )
        if not replace:
            _require_empty(conn, schema)
        with _schemas_aside(conn, schema):
            progress("restoring")
            run_program(
                program,
                [
                    *("--exit-on-error", "--no-owner", "--no-privileges", "--transaction-size=200"),
                    *(f"--dbname={conn.info.dbname}", str(folder / DUMP)),
                ],
                url,
            )
            progress("verifying")
            prepare(conn)
            rows = _count_rows(conn, schema)
            _require_same_rows(manifest["rows"], rows)
            applied = migrate(url, restoring=True)
            if violations := invariants.check(conn):
                raise RestoreFailed(f"{folder}: {len(violations)} sums disagree, the first: {violations[0]}")
        progress("removing what was there before")
        _drop_replaced(conn, schema)
        for name in (*SHADOWS, schema):
            _drop_schema(conn, f"{UNDONE}_{name}")
        conn.execute("ANALYZE")
    key_is_here = manifest["key_id"] is None or manifest["key_id"] == _key_id(settings)
    return Restored(rows, manifest["created_at"], applied, key_is_here, manifest["archived_parts"])


# Schemas


@contextmanager
def _schemas_aside(conn: Connection, schema: str) -> Iterator[None]:
    """The warehouse's schemas under other names while the block runs; for good when it ends well."""
    try:
        with conn.transaction():
            for name in (schema, *SHADOWS):
                if _exists(conn, name):
                    _rename(conn, name, f"{SET_ASIDE}_{name}")
    except psycopg.errors.InsufficientPrivilege as error:
        raise RestoreFailed(
            f"{error.diag.message_primary}: restore as the owner of the schema {schema} and of the database"
        ) from None
    try:
        yield
    except BaseException:
        if not conn.closed:
            for name in (*SHADOWS, schema):
                _drop_schema(conn, name)
            _put_back(conn, schema)
        raise
    # From here on the new ones count: what is left of the old ones is only to be dropped.
    if _exists(conn, f"{SET_ASIDE}_{schema}"):
        _rename(conn, f"{SET_ASIDE}_{schema}", f"{SET_ASIDE}_done_{schema}")


def _undo_killed(conn: Connection, schema: str) -> bool:
    """Undo a restore whose process was killed; what it wrote is kept, in case somebody went on with it."""
    if not _exists(conn, f"{SET_ASIDE}_{schema}"):
        return False
    for name in (*SHADOWS, schema):
        _drop_schema(conn, f"{UNDONE}_{name}")
    with conn.transaction():
        for name in (schema, *SHADOWS):
            if _exists(conn, name):
                _rename(conn, name, f"{UNDONE}_{name}")
        _put_back(conn, schema)
    return True


def _put_back(conn: Connection, schema: str) -> None:
    with conn.transaction():
        for name in (schema, *SHADOWS):
            if _exists(conn, f"{SET_ASIDE}_{name}"):
                _rename(conn, f"{SET_ASIDE}_{name}", name)


def _drop_replaced(conn: Connection, schema: str) -> None:
    """Drop what a restore that ended well has replaced."""
    if _exists(conn, f"{SET_ASIDE}_done_{schema}"):
        for name in SHADOWS:
            _drop_schema(conn, f"{SET_ASIDE}_{name}")
        _drop_schema(conn, f"{SET_ASIDE}_done_{schema}")


def _drop_schema(conn: Connection, schema: str) -> None:
    """Partitions first and one by one: hundreds of them at once would need more locks than a server has."""
    if not _exists(conn, schema):
        return
    for (name,) in conn.execute(statement("backup/partitions"), {"schema": sql.Identifier(schema).as_string(conn)}):
        conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(schema, name)))
    conn.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def _rename(conn: Connection, name: str, new_name: str) -> None:
    conn.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(new_name)))


def _exists(conn: Connection, schema: str) -> bool:
    return conn.execute("SELECT FROM pg_namespace WHERE nspname = %s", [schema]).fetchone() is not None


def _schema(conn: Connection) -> str:
    return str(_value(conn, "SELECT current_schema()"))


# What is in a warehouse


def _count_rows(conn: Connection, schema: str, exported: str | None = None) -> dict[str, int]:
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
            rows[name] = int(_value(conn, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))))
    return rows


def _require_same_rows(expected: Mapping[str, int], found: Mapping[str, int]) -> None:
    for table in sorted({*expected, *found}):
        if expected.get(table) != found.get(table):
            raise RestoreFailed(
                f"{table}: {found.get(table, 0):,} rows were restored, the backup says {expected.get(table, 0):,}; "
                "the warehouse is as it was"
            )


def _require_empty(conn: Connection, schema: str) -> None:
    users = sql.Identifier(schema, "users")
    if _value(conn, "SELECT to_regclass(%s)", users.as_string(conn)) is None:
        return
    names = [name for (name,) in conn.execute(sql.SQL("SELECT name FROM {} ORDER BY name LIMIT 5").format(users))]
    if names:
        raise WarehouseNotEmpty(
            f"the warehouse holds the history of {', '.join(names)}: restore into an empty one, or replace it with "
            "--replace"
        )


def _require_alone(conn: Connection) -> None:
    others = [name for (name,) in conn.execute(statement("backup/sessions"), {"own": APPLICATION})]
    if others:
        raise WarehouseInUse(f"the warehouse is in use ({', '.join(others[:3])}): stop `myi up`, then run this again")


def _migrations(conn: Connection) -> list[str]:
    return [name for (name,) in conn.execute("SELECT migration_id FROM _yoyo_migration ORDER BY migration_id")]


def _key_id(settings: Settings) -> str | None:
    """What tells the key in use from others and says nothing about it; None where there is none."""
    if not settings.encryption_key and not settings.key_file.exists():
        return None
    try:
        return key_id(load_or_create_key(settings.encryption_key, settings.key_file)).hex()
    except KeyNotUsable:
        return None


def _value(conn: Connection, query: str | sql.SQL | sql.Composed, *parameters: Any) -> Any:
    row = conn.execute(query.encode() if isinstance(query, str) else query, parameters).fetchone()
    assert row is not None
    return row[0]
