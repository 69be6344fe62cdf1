"""A backup restores to the same rows, or nothing changes."""

import json
import os
import shutil
from pathlib import Path

import psycopg
import pytest

from myi_pipelines.operations import backup, verify
from myi_pipelines.operations import restore as restoring
from myi_pipelines.operations.backup import BackupDamaged, NotABackup, back_up, read_manifest
from myi_pipelines.operations.postgres_programs import ProgramFailed, ProgramNotFound, find_program, run_program
from myi_pipelines.operations.restore import RestoreFailed, WarehouseInUse, WarehouseNotEmpty, restore
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.warehouse import personal_data
from myi_pipelines.warehouse.database import connections
from myi_pipelines.warehouse.schema.migrations import RestoreNotEnded, migrate, pending_migrations
from myi_pipelines_tests.support.killable_import import import_upload, prepare
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

pytestmark = pytest.mark.slow

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", encryption_key=KEY)


def everything(url: str) -> dict[str, str]:
    """A checksum of all rows of each table."""
    with connections.connect(url, application_name="test") as conn:
        names = conn.execute("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
                             " AND relnamespace = 'public'::regnamespace").fetchall()  # fmt: skip
        sums = {}
        for (name,) in names:
            query = f"SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {name} AS t"
            [[sums[name]]] = conn.execute(query.encode()).fetchall()
        return sums


def test_a_backup_restores_to_the_same_rows_in_another_warehouse(
    warehouse: Warehouse, database_url: str, empty_database_url: str, settings: Settings, tmp_path: Path
) -> None:
    user_id = prepare(warehouse, "anna")
    warehouse.conn.execute(
        "INSERT INTO export_tracks (spotify_id, track_name, artist_name, last_played_at)"
        " VALUES ('x', 'Élan (feat. Somebody) - Remastered 2011', '[Band]', now())"
    )  # restoring it computes its key, which reads the title
    warehouse.conn.execute(
        "INSERT INTO spotify_auth (user_id, refresh_token_encrypted, authorized_at) VALUES (%s, 'x', now())", [user_id]
    )
    folder = tmp_path / "backup"
    done = back_up(warehouse.conn, database_url, settings, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "manifest.json", "warehouse.dump"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    for path in folder.iterdir():
        assert KEY.encode() not in path.read_bytes()
    restored = restore(empty_database_url, settings, folder, replace=False)
    assert everything(empty_database_url) == everything(database_url)
    assert restored.rows == done.rows
    assert restored.key_is_here
    assert pending_migrations(empty_database_url) == []
    with open_warehouse(empty_database_url) as other:
        assert import_upload(other, "anna").added_rows > 0
        import_upload(warehouse, "anna")
        assert other.tables(user_id) == warehouse.tables(user_id)
        personal_data.forget_user(other.conn, user_id)
    another = load_settings(home=tmp_path / "another")
    assert not restore(empty_database_url, another, folder, replace=False).key_is_here


def test_a_backup_of_wrong_statistics_is_restored_and_says_what_is_wrong(
    warehouse: Warehouse, database_url: str, empty_database_url: str, settings: Settings, tmp_path: Path
) -> None:
    user_id = prepare(warehouse, "anna")
    right = warehouse.tables(user_id)
    warehouse.conn.execute("UPDATE users SET total_play_count = total_play_count + 1")
    done = back_up(warehouse.conn, database_url, settings, tmp_path / "backup")
    restored = restore(empty_database_url, settings, tmp_path / "backup", replace=False)
    assert done.violations == restored.violations != []
    with open_warehouse(empty_database_url) as other:
        assert verify.repair(other.session()).differences == []
        assert other.tables(user_id) == right


@pytest.mark.thorough
def test_a_backup_is_of_one_instant_while_others_write(
    warehouse: Warehouse, database_url: str, empty_database_url: str, settings: Settings, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    prepare(warehouse, "anna")
    before = everything(database_url)

    def import_first(program: Path, arguments: list[str | Path], url: str) -> str:
        with open_warehouse(database_url) as other:
            import_upload(other, "anna")
        return run_program(program, arguments, url)

    with monkeypatch.context() as patched:
        patched.setattr(backup, "run_program", import_first)
        back_up(warehouse.conn, database_url, settings, tmp_path / "backup")
    assert everything(database_url) != before
    restore(empty_database_url, settings, tmp_path / "backup", replace=False)
    assert everything(empty_database_url) == before


def test_a_warehouse_with_users_is_replaced_only_with_replace(
    warehouse: Warehouse, database_url: str, settings: Settings, tmp_path: Path
) -> None:
    prepare(warehouse, "anna")
    back_up(warehouse.conn, database_url, settings, tmp_path / "backup")
    before = everything(database_url)
    prepare(warehouse, "bob")
    with pytest.raises(WarehouseInUse, match="stop `myi up`"):
        restore(database_url, settings, tmp_path / "backup", replace=True)
    for conn in warehouse:
        conn.close()
    with pytest.raises(WarehouseNotEmpty, match="holds the history of anna, bob"):
        restore(database_url, settings, tmp_path / "backup", replace=False)
    restore(database_url, settings, tmp_path / "backup", replace=True)
    assert everything(database_url) == before


def test_after_a_restore_that_fails_the_warehouse_is_as_it_was(
    warehouse: Warehouse, database_url: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(warehouse, "anna")
    folder = tmp_path / "backup"
    back_up(warehouse.conn, database_url, settings, folder)
    prepare(warehouse, "bob")
    for conn in warehouse:
        conn.close()
    before = everything(database_url)

    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["rows"]["imported_plays"] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RestoreFailed, match=r"imported_plays: [\d,]+ rows were restored, the backup says"):
        restore(database_url, settings, folder, replace=True)
    assert everything(database_url) == before

    def is_interrupted(program: Path, arguments: list[str | Path], url: str) -> str:
        run_program(program, [*arguments[:-1], "--section=pre-data", arguments[-1]], url)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(restoring, "run_program", is_interrupted)
        with pytest.raises(KeyboardInterrupt):
            restore(database_url, settings, folder, replace=True)
    assert everything(database_url) == before


def test_a_restore_that_was_killed_is_undone_by_the_next(
    warehouse: Warehouse, database_url: str, settings: Settings, tmp_path: Path
) -> None:
    prepare(warehouse, "anna")
    back_up(warehouse.conn, database_url, settings, tmp_path / "backup")
    before = everything(database_url)
    for conn in warehouse:
        conn.close()
    with psycopg.connect(database_url, autocommit=True) as killed:
        killed.execute("ALTER SCHEMA public RENAME TO before_restore_public")
        killed.execute("ALTER SCHEMA shadow RENAME TO before_restore_shadow")
        killed.execute("CREATE SCHEMA public")
        killed.execute("CREATE TABLE public.users (id bigint, name text)")
    with pytest.raises(RestoreNotEnded, match="run the same `myi restore` again"):
        migrate(database_url)
    with pytest.raises(WarehouseNotEmpty):
        restore(database_url, settings, tmp_path / "backup", replace=False)
    assert everything(database_url) == before
    restore(database_url, settings, tmp_path / "backup", replace=True)
    assert everything(database_url) == before
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^(before|undone)'").fetchall() == []


def test_an_incomplete_or_changed_backup_is_refused(
    warehouse: Warehouse, database_url: str, empty_database_url: str, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    back_up(warehouse.conn, database_url, settings, folder)
    with pytest.raises(NotABackup, match="no backup that `myi backup` finished"):
        read_manifest(tmp_path)
    shutil.copytree(folder, tmp_path / "changed")
    dump = tmp_path / "changed" / "warehouse.dump"
    dump.write_bytes(dump.read_bytes()[:-10])
    with pytest.raises(BackupDamaged, match=r"warehouse\.dump: is missing or was changed"):
        restore(empty_database_url, settings, tmp_path / "changed", replace=False)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["migrations"].append("9999_of_a_later_version")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(NotABackup, match="newer version of MYI"):
        restore(empty_database_url, settings, folder, replace=False)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(BackupDamaged, match="is not as `myi backup` wrote it"):
        read_manifest(folder)


def test_a_backup_that_fails_creates_no_folder(
    warehouse: Warehouse, database_url: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(program: Path, arguments: list[str | Path], url: str) -> str:
        return run_program(program, arguments, "postgresql://nobody@/nothing?host=/nowhere")

    monkeypatch.setattr(backup, "run_program", elsewhere)
    with pytest.raises(ProgramFailed, match="pg_dump failed: connection to server on socket"):
        back_up(warehouse.conn, database_url, settings, tmp_path / "backup")
    assert not [path for path in tmp_path.iterdir() if "backup" in path.name]


def test_without_a_program_that_is_new_enough_one_line_says_what_to_do() -> None:
    with pytest.raises(ProgramNotFound) as caught:
        find_program("pg_dump", 990_000)
    assert "install the package postgresql-client-99" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert find_program("pg_dump", 180_000).exists()


def test_no_password_shows_in_the_list_of_processes(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\necho "$@"; echo "$PGPASSWORD $PGHOST $PGDATABASE $PGSSLMODE"\n')
    program.chmod(0o755)
    url = "postgresql://me:s%40cret@host.example:5433/music?sslmode=require"
    assert run_program(program, ["--x"], url) == f"--x{os.linesep}s@cret host.example music require{os.linesep}"
