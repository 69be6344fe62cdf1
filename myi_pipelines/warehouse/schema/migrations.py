"""Brings a database to the current schema: plain SQL files under ``sql/migrations``, applied in order by yoyo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from yoyo import get_backend, read_migrations

from myi_pipelines.errors import BusyError, ConfigurationError
from myi_pipelines.warehouse.database.locks import Lock, exclusive, holding
from myi_pipelines.warehouse.database.statements import SQL_FOLDER
from myi_pipelines.warehouse.schema.keeper import prepare_keeper_again
from myi_pipelines.warehouse.schema.logins import forbid_temporary_tables
from myi_pipelines.warehouse.schema.reader import prepare_reader_again
from myi_pipelines.warehouse.schema.takeover import BASELINE, VERSION_0_1, take_over

MIGRATIONS = SQL_FOLDER / "migrations"
MINIMUM_POSTGRES = 17


BEFORE_RESTORE = "before_restore"
"""The prefix of a schema's name while a restore is replacing it."""


class UnsupportedPostgres(ConfigurationError):
    """The server is older than the warehouse needs."""


class RestoreNotEnded(BusyError):
    """What is in the warehouse's place is what a restore has written so far."""


def migrate(url: str, *, restoring: bool = False, folder: Path = MIGRATIONS) -> list[str]:
    """Apply the migrations that the database lacks and return their names, oldest first.

    Safe at any time, twice and from several processes at once: an advisory lock lets one of them work while the
    others wait. A lock row that a killed process left in yoyo's own table is removed, because holding the advisory
    lock proves that its owner is gone. A warehouse of version 0.1 is taken over: see ``takeover``. The logins that can
    do one thing only are held to it.
    Raises UnsupportedPostgres below PostgreSQL 17, RestoreNotEnded while another process is ``restoring`` or was killed
    doing so, UnreleasedWarehouse for one older than version 0.1, and ``psycopg.Error`` when a migration fails.
    """
    with psycopg.connect(url, autocommit=True, application_name="myi migrate") as guard:
        _require_version(guard.info.server_version)
        if not restoring:
            _require_no_restore(guard)
        with holding(guard, exclusive(Lock.MIGRATE)):
            applied = _apply_pending(url, folder)
            forbid_temporary_tables(guard)
            prepare_reader_again(guard, has_new_tables=bool(applied) or restoring)
            prepare_keeper_again(guard, has_new_tables=bool(applied) or restoring)
            return applied


def pending_migrations(url: str) -> list[str]:
    """Names of the migrations that the database lacks."""
    with get_backend(_yoyo_url(url)) as backend:
        return [migration.id for migration in backend.to_apply(_migrations(MIGRATIONS))]


def known_migrations() -> set[str]:
    """Names of the migrations that a warehouse may have which this version can bring up to date."""
    return {path.stem for path in MIGRATIONS.glob("*.sql")} | set(VERSION_0_1)


def _apply_pending(url: str, folder: Path) -> list[str]:
    with get_backend(_yoyo_url(url)) as backend:
        backend.break_lock()
        with backend.lock():
            taken_over = [BASELINE] if take_over(backend) else []
            pending = backend.to_apply(_migrations(folder))
            for migration in pending:
                _apply(backend, migration)
            return [*taken_over, *(migration.id for migration in pending)]


def _apply(backend: Any, migration: Any) -> None:
    """Apply a migration, recorded as applied in the same transaction: yoyo alone would record it in a later one, and a
    process that was killed in between would leave a migration that is applied twice.

    One that says ``-- transactional: false`` has no transaction, and must be safe to apply twice.
    """
    migration.load()
    if not migration.use_transactions:
        backend.apply_one(migration)
        return
    with backend.copy() as own, own.transaction():
        migration.process_steps(own, "apply")
        own.log_migration(migration, "apply")
        own.mark_one(migration, log=False)


def _migrations(folder: Path) -> Any:
    return read_migrations(str(folder))


def _require_version(server_version: int) -> None:
    if server_version < MINIMUM_POSTGRES * 10_000:
        raise UnsupportedPostgres(
            f"PostgreSQL {server_version // 10_000} is too old: MYI needs {MINIMUM_POSTGRES} or newer; "
            "upgrade the server or leave MYI_DATABASE_URL empty to use the embedded one"
        )


def _require_no_restore(conn: psycopg.Connection) -> None:
    replaced = conn.execute(
        "SELECT FROM pg_namespace WHERE starts_with(nspname, %(prefix)s || '_')"
        " AND NOT starts_with(nspname, %(prefix)s || '_done_')",
        {"prefix": BEFORE_RESTORE},
    )
    if replaced.rowcount:
        raise RestoreNotEnded(
            "a restore of this warehouse has not ended: wait for it, or, if it was killed, "
            "run the same `myi restore` again"
        )


def _yoyo_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in ("postgresql", "postgres") else url
