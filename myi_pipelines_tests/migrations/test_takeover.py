"""A warehouse of version 0.1 is taken over in place: the schema of a new one, every row as it was, and work goes on."""

import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from myi_pipelines.operations import verify
from myi_pipelines.operations.restore import RestoreFailed, restore
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse import invariants, partition_maintenance
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.schema.migrations import MIGRATIONS, migrate, pending_migrations
from myi_pipelines.warehouse.schema.takeover import BASELINE, VERSION_0_1, UnreleasedWarehouse
from myi_pipelines_tests.migrations import version_0_1
from myi_pipelines_tests.migrations.schema_files import SCHEMA_SQL, schema_sql
from myi_pipelines_tests.support.archive_fixtures import open_archiving_warehouse
from myi_pipelines_tests.support.killable_import import listener
from myi_pipelines_tests.support.killable_processes import wait_until_held

pytestmark = pytest.mark.slow

NEWEST = [path.stem for path in sorted(MIGRATIONS.glob("*.sql"))]
TAKE_OVER = (
    "import pathlib, sys; from myi_pipelines.warehouse.schema.migrations import migrate;"
    " migrate(sys.argv[1], folder=pathlib.Path(sys.argv[2]))"
)


@pytest.fixture
def old_url(empty_database_url: str) -> str:
    """A warehouse of version 0.1, with rows in every table."""
    version_0_1.make_warehouse(empty_database_url)
    return empty_database_url


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A folder of migrations with the baseline only: the takeover, and nothing that changes rows after it."""
    folder = tmp_path / "baseline"
    folder.mkdir()
    shutil.copy(MIGRATIONS / f"{BASELINE}.sql", folder)
    return folder


def test_the_migrations_of_version_0_1_are_known(empty_database_url: str) -> None:
    assert version_0_1.make_schema(empty_database_url) == list(VERSION_0_1)


def test_it_gets_the_schema_of_a_new_warehouse(old_url: str) -> None:
    assert pending_migrations(old_url) == NEWEST
    assert migrate(old_url) == NEWEST
    assert schema_sql(old_url) == SCHEMA_SQL.read_text(encoding="utf-8")
    assert pending_migrations(old_url) == []
    with connect(old_url) as conn:
        assert applied(conn) == NEWEST
        assert partition_maintenance.drifts(conn) == []


def test_it_keeps_every_row(old_url: str, baseline: Path) -> None:
    with connect(old_url) as conn:
        before = version_0_1.rows(conn)
        assert [name for name in before if not before[name] and "_y20" not in name] == []
        migrate(old_url, folder=baseline)
        assert version_0_1.rows(conn) == before


@pytest.mark.thorough
def test_it_goes_on_with_its_work(old_url: str, tmp_path: Path) -> None:
    shutil.copytree(version_0_1.ARCHIVE, tmp_path / "archive")
    migrate(old_url)
    with open_archiving_warehouse(old_url, tmp_path / "archive") as warehouse:
        assert [str(one) for one in invariants.check(warehouse.conn)] == []
        names: dict[str, int] = dict(warehouse.conn.execute("SELECT name, id FROM users").fetchall())
        before = warehouse.tables(names["ben"])

        warehouse.settle(names.values())

        after = warehouse.tables(names["ben"])
        with_contexts = {of: event._replace(context=None) for of, event in after.events.items()}
        assert with_contexts.items() > before.events.items()  # newer statistics needed the archived ones
        assert warehouse.archived_months() == []
        played = [{artist: counts[:2] for artist, counts in one.artist_stats.items()} for one in (after, before)]
        assert played[0] == played[1]
        assert after.totals == before.totals
        assert (after.bucket_stats, after.hour_stats) == (before.bucket_stats, before.hour_stats)
        assert ("New song",) in warehouse.conn.execute("SELECT name FROM named_tracks").fetchall()
        names["carla"] = warehouse.user("carla", "Pacific/Apia")
        for name, user_id in names.items():
            assert warehouse.land(user_id, listener(name).files[0][:60]).added_rows == 60
        warehouse.settle(names.values())
        assert verify.verify(warehouse.session()).differences == []


@pytest.mark.parametrize("migrations", [1, 11, 17])
def test_an_unreleased_warehouse_is_refused(empty_database_url: str, migrations: int) -> None:
    version_0_1.make_schema(empty_database_url, migrations)
    before = schema_sql(empty_database_url)
    with pytest.raises(UnreleasedWarehouse, match=f"has {migrations} of the 18 .* `myi migrate` with the last commit"):
        migrate(empty_database_url)
    assert schema_sql(empty_database_url) == before


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("table", "mode"),
    [("month_holds", "ACCESS SHARE"), ("named_tracks", "SHARE UPDATE EXCLUSIVE"), ("_yoyo_migration", "SHARE")],
)
def test_killed_it_leaves_the_warehouse_as_it_was(old_url: str, baseline: Path, table: str, mode: str) -> None:
    with connect(old_url) as conn, psycopg.connect(old_url) as holder:
        before, schema = version_0_1.rows(conn), schema_sql(old_url)
        holder.execute(f"LOCK TABLE {table} IN {mode} MODE".encode())
        process = subprocess.Popen([sys.executable, "-c", TAKE_OVER, old_url, str(baseline)], stderr=subprocess.PIPE)
        wait_until_held(conn, holder)
        process.kill()
        process.communicate(timeout=30)
        holder.rollback()
        holder.execute("LOCK TABLE stale_slices IN ACCESS EXCLUSIVE MODE")  # when its session is gone
        holder.rollback()
        assert (version_0_1.rows(conn), schema_sql(old_url)) == (before, schema)
        assert applied(conn) == list(VERSION_0_1)

        assert migrate(old_url, folder=baseline) == [BASELINE]

        assert version_0_1.rows(conn) == before
        assert migrate(old_url) == NEWEST[1:]
        assert applied(conn) == NEWEST
    assert schema_sql(old_url) == SCHEMA_SQL.read_text(encoding="utf-8")


def test_a_backup_of_version_0_1_is_restored(old_url: str, database_url: str, tmp_path: Path) -> None:
    folder, settings = tmp_path / "backup", load_settings(home=tmp_path / "home")
    version_0_1.make_backup(old_url, folder)
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(manifest.replace('"users": 2', '"users": 3'))
    with pytest.raises(RestoreFailed):
        restore(database_url, settings, folder, replace=False)
    (folder / "manifest.json").write_text(manifest)

    assert restore(database_url, settings, folder, replace=False).applied == NEWEST

    assert schema_sql(database_url) == SCHEMA_SQL.read_text(encoding="utf-8")
    migrate(old_url)
    with connect(old_url) as old, connect(database_url) as conn:
        restored, migrated = dict(version_0_1.rows(conn)), dict(version_0_1.rows(old))
        for rows in (restored, migrated):
            rows["invalidated_user_months"] = [row.rpartition(",")[0] for row in rows["invalidated_user_months"]]
        assert restored == migrated


def applied(conn: Connection) -> list[str]:
    """What yoyo has recorded as applied."""
    rows = conn.execute("SELECT migration_id FROM _yoyo_migration ORDER BY migration_id")
    return [name for (name,) in rows]
