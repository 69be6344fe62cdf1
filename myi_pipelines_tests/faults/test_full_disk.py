"""Disks that are full, of the server and of the archive: one line says so, nothing is half done, and with room again
the same work goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from myi_pipelines.cli import app
from myi_pipelines.operations import verify
from myi_pipelines.runtime.embedded import Cluster
from myi_pipelines.warehouse import archive, invariants, rebuild, shadow_partitions
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.import_jobs import list_jobs
from myi_pipelines_tests.faults.test_crash import assert_whole_files
from myi_pipelines_tests.support import exchanging, killable_import
from myi_pipelines_tests.support.archive_fixtures import DERIVED, ArchivingWarehouse, open_archiving_warehouse
from myi_pipelines_tests.support.dagster_harness import export
from myi_pipelines_tests.support.killable_processes import DATABASE, durable_server
from myi_pipelines_tests.support.reference import derive
from myi_pipelines_tests.support.small_disk import MEBIBYTE, SmallDisk, move_log, small_disk
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

TAG = "victim000"
ROOM = [0, *(32 * 1024 << power for power in range(10))]
"""Bytes that are left when the work begins: each time it comes further."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 160) as mounted:
        yield mounted


@pytest.fixture
def server(disk: SmallDisk) -> Iterator[Cluster]:
    """A server whose disk it is."""
    with durable_server(disk.folder / "postgres") as running:
        yield running


def assert_exact(warehouse: Warehouse) -> None:
    assert invariants.check(warehouse.conn) == []
    assert verify.verify(warehouse.session()).differences == []


def test_an_import_lands_nothing_on_a_full_disk_and_all_of_it_with_room(disk: SmallDisk, server: Cluster) -> None:
    """The server's log lies on it as well: where that finds no room, PostgreSQL breaks down."""
    url = server.url(DATABASE)
    with open_warehouse(url) as warehouse:
        user_id = killable_import.prepare(warehouse, TAG)
    troubles: list[type[psycopg.Error]] = []
    for room in ROOM:
        try:
            with disk.full(but=room), open_warehouse(url) as warehouse:
                killable_import.import_upload(warehouse, TAG)
                break
        except psycopg.OperationalError as error:
            troubles.append(type(error))
        server.start()
        with open_warehouse(url) as warehouse:
            assert_whole_files(warehouse, TAG)
            assert_exact(warehouse)
    with open_warehouse(url) as warehouse:
        assert warehouse.tables(user_id) == derive({TAG: killable_import.landing(TAG)})[TAG]
        assert_exact(warehouse)
        reasons = [job.error_message or "" for job in list_jobs(warehouse.conn) if job.status == "FAILED"]
    assert troubles.count(psycopg.errors.DiskFull) >= 3
    assert reasons
    for reason in reasons:
        assert reason.endswith("No space left on device")


@pytest.mark.thorough
def test_a_rebuild_leaves_the_old_month_on_a_full_disk_and_swaps_it_with_room(
    disk: SmallDisk, server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in exchanging.always_exchange().items():
        monkeypatch.setattr(rebuild, name, value)
    rows = "SELECT * FROM listening_events ORDER BY id"
    troubles = 0
    with exchanging.open_exchanging_warehouse(server.url(DATABASE)) as warehouse:
        user_ids = exchanging.prepare(warehouse, 5)
        right = warehouse.conn.execute(rows).fetchall()
        warehouse.conn.execute("UPDATE listening_events SET ms_played = ms_played + 1")
        exchanging.invalidate_all(warehouse)
        exchanging.exchanges.clear()
        for room in ROOM:
            wrong = warehouse.conn.execute(rows).fetchall()
            with disk.full(but=room):
                try:
                    warehouse.conform(exchanging.invalidate_all(warehouse))
                    break
                except psycopg.errors.DiskFull:
                    troubles += 1
            assert shadow_partitions.orphans(warehouse.conn) == []
            if not exchanging.exchanges:
                assert warehouse.conn.execute(rows).fetchall() == wrong
        assert troubles >= 3
        assert set(exchanging.exchanges) == set(exchanging.MONTHS)
        warehouse.settle(user_ids.values())
        assert warehouse.conn.execute(rows).fetchall() == right
        assert_exact(warehouse)


def test_the_archive_keeps_months_that_find_no_room_and_leaves_none_of_their_files(
    disk: SmallDisk, database_url: str
) -> None:
    with open_archiving_warehouse(database_url, disk.folder / "archive") as warehouse:
        killable_import.prepare(warehouse, TAG)
        before = warehouse.everything()
        stayed = []
        for room in ROOM:
            with disk.full(but=room):
                left = warehouse.archive()
            errors = [one.error for one in left if one.error is not None]
            for error in errors:
                assert str(disk.folder / "archive") in error
                assert "No space left on device" in error
            parts = {part.folder for part in archive.archived_parts(warehouse.conn)}
            folders = {str(path.relative_to(warehouse.store.url)) for path in disk.folder.glob("archive/month=*/*")}
            assert folders == parts, "what was begun is gone, or the disk would stay full"
            assert warehouse.everything(*DERIVED) == {table: before[table] for table in DERIVED}
            assert_exact(warehouse)
            stayed.append(len(errors))
            if not errors:
                break
        assert len(set(stayed)) >= 4, "some months found room, others none"
        warehouse.restore_archived()
        assert warehouse.everything() == before


@pytest.mark.thorough
def test_months_leave_and_come_back_whole_or_not_at_all_while_the_server_finds_no_room(
    disk: SmallDisk, server: Cluster, tmp_path: Path
) -> None:
    """To leave, a month needs a page or none, for the record of it; to come back it needs all of its room."""
    url, folder = server.url(DATABASE), tmp_path / "archive"
    with open_archiving_warehouse(url, folder) as warehouse:
        killable_import.prepare(warehouse, TAG)
        before = warehouse.everything()

    def refused(work: Callable[[ArchivingWarehouse], object]) -> list[type[psycopg.Error]]:
        """What the server said, again and again with more room, until the work was done."""
        troubles: list[type[psycopg.Error]] = []
        for room in ROOM:
            with open_archiving_warehouse(url, folder) as warehouse:
                try:
                    with disk.full(but=room):
                        work(warehouse)
                    return troubles
                except psycopg.OperationalError as error:
                    troubles.append(type(error))
            server.start()
            with open_archiving_warehouse(url, folder) as warehouse:
                assert warehouse.everything(*DERIVED) == {table: before[table] for table in DERIVED}
                assert_exact(warehouse)
        raise AssertionError("there was never room enough")

    def archive_all(warehouse: ArchivingWarehouse) -> None:
        assert [one.error for one in warehouse.archive() if one.error is not None] == []

    leaving = refused(archive_all)
    with open_archiving_warehouse(url, folder) as warehouse:
        assert warehouse.everything("imported_plays") == {"imported_plays": []}
        parts = {part.folder for part in archive.archived_parts(warehouse.conn)}
        folders = {str(path.relative_to(warehouse.store.url)) for path in folder.glob("month=*/*")}
        assert folders == parts, "what was begun in vain is gone"
    returning = refused(ArchivingWarehouse.restore_archived)
    assert set(leaving) | set(returning) >= {psycopg.errors.DiskFull}
    assert len(returning) >= 3
    with open_archiving_warehouse(url, folder) as warehouse:
        assert warehouse.archived_months() == []
        assert warehouse.everything() == before
        assert_exact(warehouse)


@pytest.mark.thorough
def test_a_server_that_breaks_down_on_a_full_disk_lands_all_or_nothing(disk: SmallDisk, tmp_path: Path) -> None:
    """Where its log has no room, PostgreSQL ends itself, and cannot come back before there is some. A first import
    writes a mebibyte of log here."""
    room_left = {"victim000": 0.5, "victim001": 0.3, "victim002": 0.1}
    breakdowns = []
    with durable_server(tmp_path / "postgres") as server:
        move_log(server, disk.folder / "log")
        with open_warehouse(server.url(DATABASE)) as warehouse:
            user_ids = {tag: killable_import.prepare(warehouse, tag) for tag in room_left}
        for tag, room in room_left.items():
            with disk.full():
                try:
                    with open_warehouse(server.url(DATABASE)) as warehouse:
                        leave_log(server, room)
                        killable_import.import_upload(warehouse, tag)
                except psycopg.OperationalError:
                    breakdowns.append(tag)
            server.start()
            with open_warehouse(server.url(DATABASE)) as warehouse:
                assert_whole_files(warehouse, tag)
                assert_exact(warehouse)
        assert breakdowns == list(room_left)
        with open_warehouse(server.url(DATABASE)) as warehouse:
            for tag, user_id in user_ids.items():
                killable_import.import_upload(warehouse, tag)
                assert warehouse.tables(user_id) == derive({tag: killable_import.landing(tag)})[tag]
            assert_exact(warehouse)


def leave_log(server: Cluster, mebibytes: float) -> None:
    """Write the server's log until only so much is left of the files that it has."""
    with psycopg.connect(server.superuser_url(DATABASE), autocommit=True) as conn:
        conn.execute("CHECKPOINT")  # Files that it has done with are to be written anew.
        while (messages := int((log_left(conn) - mebibytes * MEBIBYTE) // 65_536)) > 0:
            for _ in range(messages):
                conn.execute("SELECT pg_logical_emit_message(false, '', repeat('x', 65536))")


def log_left(conn: Connection) -> int:
    left = fetch_scalar(
        conn,
        "SELECT (count(*) + 1) * 16777216 - pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint % 16777216"
        " FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' AND name > pg_walfile_name(pg_current_wal_insert_lsn())",
    )
    return int(left)


@pytest.mark.thorough
def test_whoever_imports_is_told_in_one_line_to_make_room(
    disk: SmallDisk, server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MYI_DATABASE_URL", server.url(DATABASE))
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    for file in files:
        file.write_text(export(salt=file.stem))

    def run(file: Path) -> Result:
        return CliRunner().invoke(app, ["import", str(file), "--user", "anna"])

    assert run(files[0]).exit_code == 0
    with open_warehouse(server.url(DATABASE)), disk.full():
        said = run(files[1])
    assert said.exit_code == 1
    assert "Traceback" not in said.stderr
    last = said.stderr.splitlines()[-1]  # Dagster may have said before it that events were not stored.
    assert last.startswith("myi: PostgreSQL: could not extend file")
    assert last.endswith("No space left on device; make room on its disk and run the same command again")
    assert run(files[1]).exit_code == 0
