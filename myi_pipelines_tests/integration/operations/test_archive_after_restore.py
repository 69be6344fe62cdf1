"""A backup and the archive are of different times: what lies in the archive is found, kept and forgotten."""

import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from myi_pipelines.operations import archiving
from myi_pipelines.operations.archiving import ArchiveIncomplete, store_of
from myi_pipelines.operations.backup import back_up
from myi_pipelines.operations.forget import ForgottenUser, Places, forget_user
from myi_pipelines.operations.merge_users import merge
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.operations.restore import Restored, restore
from myi_pipelines.orchestration.instance.user_runs import UserRuns
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.warehouse import archive, invariants, users
from myi_pipelines_tests.support.archive_fixtures import LANDED, ArchivingWarehouse, open_archiving_warehouse
from myi_pipelines_tests.support.killable_import import fill, import_upload, prepare
from myi_pipelines_tests.support.shared_servers import SessionServers, database_name

pytestmark = pytest.mark.slow

ANNA, BOB = "anna00000", "bob000000"


class Place:
    """A warehouse, its archive and folders for backups. A restore needs every connection closed."""

    def __init__(self, url: str, settings: Settings, folder: Path) -> None:
        self.url = url
        self.settings = settings
        self.folder = folder
        self.archive = settings.home / "archive"

    @contextmanager
    def open(self) -> Iterator[ArchivingWarehouse]:
        with open_archiving_warehouse(self.url, self.archive) as warehouse:
            yield warehouse

    def back_up(self, name: str) -> None:
        with self.open() as warehouse:
            back_up(warehouse.conn, self.url, self.settings, self.folder / name)

    def restore(self, name: str) -> Restored:
        return restore(self.url, self.settings, self.folder / name, replace=True)

    def forget(self, name: str, *, archive_is_lost: bool = False) -> ForgottenUser:
        with self.open() as warehouse:
            places = Places(warehouse.conn, warehouse.store, self.settings.uploads, UserRuns(self.settings))
            return forget_user(places, name, archive_is_lost=archive_is_lost)

    def rows_on_disk(self, user_id: int) -> int:
        files = [pq.ParquetFile(path).read(columns=["user_id"]) for path in self.archive.rglob("*.parquet")]
        return sum(file["user_id"].to_pylist().count(user_id) for file in files)

    def folders(self) -> list[str]:
        return store_of(self.settings).folders()


@pytest.fixture
def database_url(session_servers: SessionServers, request: pytest.FixtureRequest, worker_id: str) -> Iterator[str]:
    template = session_servers.template("settled_anna_and_bob", lambda url: fill(url, ANNA, BOB))
    with session_servers.database(database_name(request.node.nodeid, worker_id), template) as url:
        yield url


@pytest.fixture
def place(tmp_path: Path, database_url: str, redis_url: str) -> Place:
    """Two users with ten months of exports, account data and polls each."""
    settings = load_settings(
        home=tmp_path / "home", uploads=tmp_path / "uploads", database_url=database_url, redis_url=redis_url
    )
    return Place(database_url, settings, tmp_path)


def test_forgetting_one_user_leaves_earlier_backups_whole_for_the_others(place: Place) -> None:
    with place.open() as warehouse:
        anna, bob = (users.user_named(warehouse.conn, name) for name in (ANNA, BOB))
        before = warehouse.rows(anna)
        tables = warehouse.tables(anna)
        warehouse.archive()
        months = len(warehouse.archived_months())
    place.back_up("backup")
    assert place.forget(BOB).after.nonzero() == []
    assert place.rows_on_disk(bob) == 0

    restored = place.restore("backup").archive

    assert restored is not None
    assert (restored.found_again, restored.missing, restored.orphaned) == (months, [], 0)
    assert restored.forgotten == {BOB: months}
    with place.open() as warehouse:
        assert len(archive.archived_parts(warehouse.conn)) == months
        assert import_upload(warehouse, ANNA).added_rows == 0
        warehouse.settle([anna, bob])
        warehouse.restore_archived()
        assert warehouse.rows(anna) == before
        assert warehouse.tables(anna) == tables
        assert invariants.check(warehouse.conn) == []
        assert warehouse.conn.execute("SELECT total_play_count FROM users WHERE id = %s", [bob]).fetchone() == (0,)
    assert place.forget(BOB).after.nonzero() == []
    assert place.forget(ANNA).after.nonzero() == []
    assert place.rows_on_disk(anna) == 0


@pytest.mark.thorough
def test_backups_of_every_time_find_the_archive_after_several_users_were_forgotten(place: Place) -> None:
    with place.open() as warehouse:
        anna = users.user_named(warehouse.conn, ANNA)
        before = warehouse.rows(anna)
        prepare(warehouse, "carl00000")
        warehouse.archive()
    place.back_up("with all")
    place.forget(BOB)
    place.back_up("without bob")
    place.forget("carl00000")
    for name in ("with all", "without bob", "with all"):
        restored = place.restore(name).archive
        assert restored is not None
        assert restored.missing == []
    with place.open() as warehouse:
        warehouse.restore_archived([anna])
        assert warehouse.rows(anna) == before


def test_what_is_in_the_archive_and_in_no_table_is_forgotten_too(place: Place) -> None:
    place.back_up("before the archive")
    with place.open() as warehouse:
        anna, bob = (users.user_named(warehouse.conn, name) for name in (ANNA, BOB))
        warehouse.archive()
        rows = place.rows_on_disk(anna)
        of_bob = place.rows_on_disk(bob)
    place.back_up("with the archive")
    written = place.folders()

    restored = place.restore("before the archive").archive

    assert restored is not None
    assert restored.orphaned == len(written)
    with place.open() as warehouse:
        assert archive.orphaned_folders(warehouse.conn) == written
        assert [one.part for one in archiving.list_folders(warehouse.conn, warehouse.store)] == [None] * len(written)
    forgotten = place.forget(ANNA)
    assert (forgotten.before.archived_rows, forgotten.after.archived_rows) == (rows, 0)
    assert place.rows_on_disk(anna) == 0
    assert place.rows_on_disk(bob) == of_bob
    restored = place.restore("with the archive").archive
    assert restored is not None
    assert (restored.missing, restored.forgotten) == ([], {ANNA: len(written)})


@pytest.mark.thorough
def test_files_that_are_missing_are_named_and_nothing_is_given_up(place: Place) -> None:
    with place.open() as warehouse:
        anna = users.user_named(warehouse.conn, ANNA)
        before = warehouse.everything()
        warehouse.archive()
        months = len(warehouse.archived_months())
    place.back_up("backup")
    elsewhere = place.archive.rename(place.folder / "elsewhere")

    restored = place.restore("backup").archive

    assert restored is not None
    assert (len(restored.missing), restored.found_again, restored.forgotten) == (months, 0, {})
    with pytest.raises(ArchiveIncomplete, match="is MYI_ARCHIVE_URL right"):
        place.forget(ANNA)
    shutil.move(elsewhere, place.archive)
    with place.open() as warehouse:
        assert archiving.reconcile(warehouse.conn, warehouse.store).missing == []
        warehouse.restore_archived()
        assert warehouse.everything(*LANDED) == {table: before[table] for table in LANDED}
        warehouse.archive()
    shutil.rmtree(place.archive)
    assert place.forget(BOB, archive_is_lost=True).after.nonzero() == []
    with place.open() as warehouse:
        assert archive.archived_users(warehouse.conn, archive.archived_parts(warehouse.conn)[0]).keys() == {anna}


@pytest.mark.thorough
def test_a_folder_that_was_not_finished_or_is_damaged_is_not_taken_for_another(place: Place) -> None:
    with place.open() as warehouse:
        warehouse.archive()
    place.back_up("backup")
    place.forget(BOB)
    first, second, *others = place.folders()
    (place.archive / first / "manifest.json").unlink()
    (place.archive / second / "listening_events.parquet").write_bytes(b"PAR1")
    restored = place.restore("backup").archive
    assert restored is not None
    assert (len(restored.missing), restored.found_again) == (2, len(others))
    with place.open() as warehouse:
        assert {first, second} <= set(archive.orphaned_folders(warehouse.conn))
    assert place.forget(ANNA, archive_is_lost=True).after.nonzero() == []
    assert place.folders() == []


def test_only_the_owner_may_read_the_archive(place: Place) -> None:
    def modes() -> set[tuple[bool, int]]:
        return {
            (path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in (place.archive, *place.archive.rglob("*"))
        }

    private = {(True, 0o700), (False, 0o600)}
    with place.open() as warehouse:
        warehouse.archive()
    assert modes() == private
    place.forget(BOB)
    assert modes() == private
    for path in place.archive.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with place.open() as warehouse:
        warehouse.archive()
    assert modes() == private


def test_rows_of_a_user_who_was_merged_into_the_forgotten_one_are_forgotten(place: Place) -> None:
    with place.open() as warehouse:
        prepare(warehouse, "carl00000")
        anna, bob = (users.user_named(warehouse.conn, name) for name in (ANNA, BOB))
        warehouse.archive()
        places = Places(warehouse.conn, warehouse.store, place.settings.uploads, UserRuns(place.settings))
        merge(warehouse.session(), places, BOB, ANNA)
    assert place.rows_on_disk(bob) > 0, "the folders are kept: others have rows in them, or backups refer to them"
    forgotten = place.forget(ANNA)
    assert forgotten.before.archived_rows > 0
    assert place.rows_on_disk(anna) == place.rows_on_disk(bob) == 0


def test_folders_of_an_object_store_are_found_and_forgotten(place: Place) -> None:
    with place.open() as warehouse:
        warehouse.store = Store("memory://myi-forgotten")
        anna = users.user_named(warehouse.conn, ANNA)
        warehouse.archive()
        assert len(warehouse.store.folders()) == len(archive.archived_parts(warehouse.conn))
        archiving.forget_user(warehouse.conn, warehouse.store, [anna])
        assert archiving.count_rows(warehouse.store, [anna]) == 0
        assert len(warehouse.store.folders()) == len(archive.archived_parts(warehouse.conn))
