"""A backup takes the place of the warehouse: `myi restore`. Until the restored tables are verified, the old ones stay
in the database under other names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

from myi_pipelines.errors import BusyError, FailedError, InputError
from myi_pipelines.operations import archiving
from myi_pipelines.operations.archiving import Reconciled
from myi_pipelines.operations.backup import DUMP, Manifest, count_rows, id_of_key_in_use, read_manifest
from myi_pipelines.operations.parquet_store import ArchiveUnreachable, Store
from myi_pipelines.operations.postgres_programs import find_program, run_program
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse import invariants
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar, prepare
from myi_pipelines.warehouse.database.locks import Lock, exclusive, holding
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.invariants import Violation
from myi_pipelines.warehouse.schema.migrations import BEFORE_RESTORE, migrate
from myi_pipelines.warehouse.schema.takeover import SHADOW_OF_0_1
from myi_pipelines.warehouse.shadow_partitions import SCHEMA as SHADOW_SCHEMA

APPLICATION = "myi restore"
UNDONE = "undone_restore"
"""The prefix of the schemas that a killed restore wrote."""
VERIFIED = f"{BEFORE_RESTORE}_done"
"""The prefix of the old schema once the restored one is verified: it only remains to be dropped."""
SHADOWS = (SHADOW_SCHEMA, SHADOW_OF_0_1)
"""Schemas of shadow partitions, that of backups of version 0.1 among them."""

Progress = Callable[[str], None]


class WarehouseNotEmpty(InputError):
    """Restoring would replace a user's history."""


class WarehouseInUse(BusyError):
    """Another process works with the warehouse that is to be replaced."""


class RestoreFailed(FailedError):
    """What was restored is not what was backed up; the warehouse is as it was before."""


class Restored(NamedTuple):
    """What was restored, and found to be what the backup says."""

    rows: Mapping[str, int]
    created_at: str
    applied: list[str]
    """Migrations that were added since the backup was made."""
    violations: list[Violation]
    """Sums that disagree, as they did when the backup was made; `myi verify --repair` mends them."""
    key_is_here: bool
    """The key that the backup's tokens are encrypted with is in use here, or there are no tokens."""
    archived_parts: int
    """Folders of the archive that the backup refers to."""
    archive: Reconciled | None
    """What lies in the archive by now; None where it cannot be read."""


def restore(
    url: str, settings: Settings, folder: Path, *, replace: bool, progress: Progress = lambda line: None
) -> Restored:
    """Put a backup in the place of the warehouse, which must be empty unless it is to be replaced.

    The old tables stay beside the new ones until these are found to be what the backup says: as many rows in every
    table. If they are not, or the process is interrupted, the old ones are put back. Statistics that were wrong when
    the backup was made are restored as they were, and named: they are derived, and can be put right.
    In the end the restored tables are made to agree with what lies in the archive by now.
    Raises NotABackup, BackupDamaged, WarehouseNotEmpty, WarehouseInUse, RestoreFailed, ProgramNotFound, ProgramFailed.
    """
    store = archiving.store_of(settings)
    progress("checking the backup")
    manifest = read_manifest(folder)
    schema = manifest.schema
    with (
        psycopg.connect(url, autocommit=True, application_name=APPLICATION) as conn,
        holding(conn, exclusive(Lock.RESTORE)),
    ):
        program = find_program("pg_restore", max(conn.info.server_version, int(manifest.server_version)))
        _require_alone(conn)
        _finish_earlier(conn, schema, progress)
        if not replace:
            _require_empty(conn, schema)
        with _schemas_renamed(conn, schema):
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
            applied, violations = _verify(conn, url, manifest)
        progress("removing what was there before")
        _drop_replaced(conn, schema)
        _drop_undone(conn, schema)
        conn.execute(
            "TRUNCATE web_sessions, sign_in_links, awaited_logins, playing_now"
        )  # Some may have been ended since.
        conn.execute("ANALYZE")
        progress("comparing with the archive")
        reconciled = _reconcile(conn, store, progress)
    key_is_here = manifest.key_id is None or manifest.key_id == id_of_key_in_use(settings)
    return Restored(
        manifest.rows, manifest.created_at, applied, violations, key_is_here, manifest.archived_parts, reconciled
    )


def _reconcile(conn: Connection, store: Store, progress: Progress) -> Reconciled | None:
    """Find the archived months of the backup where they lie now. The warehouse is restored, also where this fails."""
    try:
        return archiving.reconcile(conn, store)
    except ArchiveUnreachable as error:
        progress(str(error))
        return None


def _finish_earlier(conn: Connection, schema: str, progress: Progress) -> None:
    """Complete a restore that was killed after it was verified, and undo one that was killed before."""
    _drop_replaced(conn, schema)
    if _undo_killed(conn, schema):
        progress(
            f"undid a restore that was killed; what it wrote is in the schema {UNDONE}_{schema} until the next restore"
        )


def _verify(conn: Connection, url: str, manifest: Manifest) -> tuple[list[str], list[Violation]]:
    """Compare the restored tables with the backup's counts, and migrate them; the migrations that were applied, and
    what violates the invariants. Raises RestoreFailed."""
    prepare(conn)
    _require_same_rows(manifest.rows, count_rows(conn, manifest.schema))
    applied = migrate(url, restoring=True)
    return applied, invariants.check(conn)


# Conditions


def _require_same_rows(expected: Mapping[str, int], found: Mapping[str, int]) -> None:
    for table in sorted({*expected, *found}):
        if expected.get(table) != found.get(table):
            raise RestoreFailed(
                f"{table}: {found.get(table, 0):,} rows were restored, the backup says {expected.get(table, 0):,}; "
                "the warehouse is as it was"
            )


def _require_empty(conn: Connection, schema: str) -> None:
    users = sql.Identifier(schema, "users")
    if fetch_scalar(conn, "SELECT to_regclass(%s)", [users.as_string(conn)]) is None:
        return
    names = [name for (name,) in conn.execute(sql.SQL("SELECT name FROM {} ORDER BY name LIMIT 5").format(users))]
    if names:
        raise WarehouseNotEmpty(
            f"the warehouse holds the history of {', '.join(names)}: restore into an empty one, or replace it with "
            "--replace"
        )


def _require_alone(conn: Connection) -> None:
    others = [name for (name,) in conn.execute(statement("restore/sessions"), {"own": APPLICATION})]
    if others:
        raise WarehouseInUse(f"the warehouse is in use ({', '.join(others[:3])}): stop `myi up`, then run this again")


# Schemas: the warehouse's own, and that of shadow partitions


@contextmanager
def _schemas_renamed(conn: Connection, schema: str) -> Iterator[None]:
    """Give the warehouse's schemas other names for the length of the block; permanently when it succeeds."""
    try:
        with conn.transaction():
            for name in (schema, *SHADOWS):
                if _exists(conn, name):
                    _rename(conn, name, f"{BEFORE_RESTORE}_{name}")
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
    # From here on the new schemas count.
    if _exists(conn, f"{BEFORE_RESTORE}_{schema}"):
        _rename(conn, f"{BEFORE_RESTORE}_{schema}", f"{VERIFIED}_{schema}")


def _undo_killed(conn: Connection, schema: str) -> bool:
    """Undo a restore whose process was killed. What it wrote is kept: the user may have gone on with it."""
    if not _exists(conn, f"{BEFORE_RESTORE}_{schema}"):
        return False
    _drop_undone(conn, schema)
    with conn.transaction():
        for name in (schema, *SHADOWS):
            if _exists(conn, name):
                _rename(conn, name, f"{UNDONE}_{name}")
        _put_back(conn, schema)
    return True


def _put_back(conn: Connection, schema: str) -> None:
    with conn.transaction():
        for name in (schema, *SHADOWS):
            if _exists(conn, f"{BEFORE_RESTORE}_{name}"):
                _rename(conn, f"{BEFORE_RESTORE}_{name}", name)


def _drop_replaced(conn: Connection, schema: str) -> None:
    """Drop the schemas that a verified restore has replaced."""
    if _exists(conn, f"{VERIFIED}_{schema}"):
        for name in SHADOWS:
            _drop_schema(conn, f"{BEFORE_RESTORE}_{name}")
        _drop_schema(conn, f"{VERIFIED}_{schema}")


def _drop_undone(conn: Connection, schema: str) -> None:
    for name in (*SHADOWS, schema):
        _drop_schema(conn, f"{UNDONE}_{name}")


def _drop_schema(conn: Connection, schema: str) -> None:
    """Drop a schema, its partitions first and one by one: hundreds at once would need more locks than a server has."""
    if not _exists(conn, schema):
        return
    for (name,) in conn.execute(statement("restore/partitions"), {"schema": sql.Identifier(schema).as_string(conn)}):
        conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(schema, name)))
    conn.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def _rename(conn: Connection, name: str, new_name: str) -> None:
    conn.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(new_name)))


def _exists(conn: Connection, schema: str) -> bool:
    return conn.execute("SELECT FROM pg_namespace WHERE nspname = %s", [schema]).fetchone() is not None
