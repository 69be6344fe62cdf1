"""Months are archived: nothing is lost or doubled, statistics stay exact, and everything can be restored."""

from __future__ import annotations

import json
import os
import random
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest

from myi_pipelines.operations import archiving, backup, verify
from myi_pipelines.operations.archiving import ArchivingUnderWay
from myi_pipelines.operations.export import ExportFormat, export_user
from myi_pipelines.operations.parquet_store import SCHEMAS, ArchiveDamaged, ArchiveUnreachable, Store
from myi_pipelines.serving import dashboards
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse import archive, invariants, personal_data, users
from myi_pipelines.warehouse.archive import UserMonthsArchived, first_kept_month
from myi_pipelines.warehouse.database.connections import connect, fetch_scalar
from myi_pipelines.warehouse.events import conform_user_months
from myi_pipelines.warehouse.partitions import MONTH_TABLES
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.spotify_payloads import SpotifyObject, land_objects
from myi_pipelines.warehouse.stats import refresh_stats
from myi_pipelines.warehouse.user_months import Stage, UserMonth, invalidate
from myi_pipelines_tests.support import killable_import, reference
from myi_pipelines_tests.support.archive_fixtures import (
    DERIVED,
    LANDED,
    NOW,
    ArchivingWarehouse,
    open_archiving_warehouse,
)
from myi_pipelines_tests.support.killable_processes import (
    DATABASE,
    durable_server,
    kill_server,
    start_killable,
)
from myi_pipelines_tests.support.warehouse_harness import Warehouse

pytestmark = pytest.mark.slow

SEED = random.SystemRandom().randrange(1_000_000) if "MYI_CRASH_VICTIMS" in os.environ else 7
TAG = "anna"
MARCH = date(2012, 3, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def database_url(settled_database_url: str) -> str:
    return settled_database_url


@pytest.fixture
def warehouse(database_url: str, folder: Path) -> Iterator[ArchivingWarehouse]:
    """A user with ten months of exports, account data and polls, settled."""
    with open_archiving_warehouse(database_url, folder) as opened:
        yield opened


def user_of(warehouse: Warehouse) -> int:
    return users.user_named(warehouse.conn, TAG)


def test_archived_months_are_restored_equal_row_for_row(warehouse: ArchivingWarehouse) -> None:
    before = warehouse.everything()
    archived = warehouse.archive()
    assert [one.error for one in archived] == [None] * len(archived)
    assert len(warehouse.archived_months()) >= 10
    assert warehouse.everything(*LANDED) == {table: [] for table in LANDED}
    assert warehouse.everything(*DERIVED) == {table: before[table] for table in DERIVED}
    assert invariants.check(warehouse.conn) == []

    warehouse.restore_archived()

    assert warehouse.everything() == before
    assert warehouse.archived_months() == []
    assert invariants.check(warehouse.conn) == []


def test_files_with_every_stop_time_are_restored_as_others_are(warehouse: ArchivingWarehouse) -> None:
    before = warehouse.everything()
    warehouse.conn.execute("ALTER TABLE imported_plays DROP CONSTRAINT stopped_at_differs")
    warehouse.conn.execute("UPDATE imported_plays SET stopped_at = played_at WHERE stopped_at IS NULL")
    warehouse.archive()

    warehouse.restore_archived()

    assert warehouse.everything() == before


def test_a_month_that_was_archived_twice_is_restored_from_both_parts(warehouse: ArchivingWarehouse) -> None:
    other = warehouse.user("other0000", "UTC")
    warehouse.archive()
    at = datetime(2012, 3, 10, 12, tzinfo=UTC)
    warehouse.land(
        other, [play._replace(played_at=at, stopped_at=at) for play in killable_import.listener("o").files[0][:1]]
    )
    warehouse.settle([other])
    assert warehouse.rows(user_of(warehouse))["listening_events"] == [], "no other user's plays had to be restored"
    warehouse.archive()
    parts = [part for part in archive.archived_parts(warehouse.conn) if part.month == MARCH]
    assert [(part.part, part.user_count) for part in parts] == [(1, 1), (2, 1)]
    assert invariants.check(warehouse.conn) == []

    warehouse.restore_archived()

    assert warehouse.tables(user_of(warehouse)) == reference.derive({TAG: killable_import.landing(TAG)})[TAG]


def test_an_upload_of_archived_plays_counts_them_as_duplicates(warehouse: ArchivingWarehouse) -> None:
    before = warehouse.everything(*LANDED)
    warehouse.archive()
    plays = list(killable_import.listener(TAG).files[1])
    landed = warehouse.land(user_of(warehouse), plays, salt="again")
    assert (landed.added_rows, landed.duplicate_rows) == (0, len(set(plays)))
    assert warehouse.everything(*LANDED) == before


def test_a_late_poll_of_an_archived_month_restores_it_before_it_counts(warehouse: ArchivingWarehouse) -> None:
    user_id = user_of(warehouse)
    warehouse.archive()
    rows = killable_import.landing(TAG).polled
    again, late = rows[0], rows[1]._replace(played_at=rows[1].played_at + timedelta(hours=5))
    warehouse.poll(user_id, [again, late])
    with pytest.raises(UserMonthsArchived, match="myi unarchive"):
        list(conform_user_months(Session(warehouse.conn), warehouse.stale(user_id, Stage.EVENTS)))
    warehouse.settle([user_id])
    warehouse.restore_archived()
    expected = killable_import.landing(TAG)
    expected = expected._replace(polled=[*expected.polled, late])
    assert warehouse.tables(user_id) == reference.derive({TAG: expected})[TAG]


def test_work_that_cannot_restore_archived_plays_says_so_and_changes_nothing(warehouse: ArchivingWarehouse) -> None:
    warehouse.archive()
    before = warehouse.everything()
    with pytest.raises(UserMonthsArchived, match="2012-03"):
        refresh_stats(Session(warehouse.conn), user_of(warehouse), [MARCH])
    assert warehouse.everything() == before


@pytest.mark.thorough
def test_a_new_time_zone_reaches_archived_months(warehouse: ArchivingWarehouse) -> None:
    warehouse.archive()
    users.set_timezone(warehouse.conn, TAG, "America/St_Johns")
    warehouse.settle([user_of(warehouse)])
    warehouse.archive()
    expected = reference.derive({TAG: killable_import.landing(TAG)._replace(timezone="America/St_Johns")})[TAG]
    assert warehouse.tables(user_of(warehouse))[1:] == expected[1:]


def test_years_stay_exact_when_a_month_changes_after_new_year_was_archived(warehouse: ArchivingWarehouse) -> None:
    """Samoa's 2012 began fourteen hours before UTC's; the UTC months do not show which plays those were."""
    user_id = user_of(warehouse)
    assert warehouse.conn.execute("SELECT FROM user_month_edges WHERE month = '2012-01-01'").rowcount >= 2
    warehouse.archive()
    landing = killable_import.landing(TAG)
    late = [
        reference.Polled(row.spotify_id, month + timedelta(days=3, minutes=number), 200_000)
        for month in (datetime(2011, 7, 1, tzinfo=UTC), datetime(2012, 4, 1, tzinfo=UTC))
        for number, row in enumerate(landing.polled)
    ]
    warehouse.poll(user_id, late)
    warehouse.settle([user_id])
    assert {date(2011, 12, 1), date(2012, 1, 1)} <= set(warehouse.archived_months())
    expected = reference.derive({TAG: landing._replace(polled=[*landing.polled, *late])})[TAG]
    assert warehouse.tables(user_id)[1:] == expected[1:]


def test_top_tracks_of_archived_months_are_the_local_months(warehouse: ArchivingWarehouse) -> None:
    user_id = user_of(warehouse)
    months = warehouse.months_of([user_id])
    before = [dashboards.top_tracks_of_month(warehouse.conn, user_id, month) for month in months]
    warehouse.archive()
    assert [dashboards.top_tracks_of_month(warehouse.conn, user_id, month) for month in months] == before


def test_tracks_that_turn_out_to_be_one_are_one_in_archived_months_too(warehouse: ArchivingWarehouse) -> None:
    user_id, landing = user_of(warehouse), killable_import.landing(TAG)
    played = Counter(play.track.spotify_id for play in landing.plays if play.track.spotify_id)
    (asked, _), (returned, _) = played.most_common(2)
    payload = {"id": returned, "name": "One", "artists": [{"id": "x" * 22, "name": "Somebody"}], "duration_ms": 200_000}
    warehouse.archive()
    land_objects(warehouse.conn, [SpotifyObject("track", str(asked), payload)])
    warehouse.settle([user_id])
    expected = reference.derive(
        {TAG: landing}, metadata=reference.metadata_of([reference.Reply("track", str(asked), payload)])
    )[TAG]
    assert warehouse.tables(user_id)[1:] == expected[1:]
    warehouse.restore_archived()
    assert warehouse.tables(user_id) == expected


def test_a_month_stays_while_it_or_a_neighbour_is_invalidated_or_held(warehouse: ArchivingWarehouse) -> None:
    conn, user_id = warehouse.conn, user_of(warehouse)
    invalidate(conn, [UserMonth(user_id, MARCH)], Stage.STATS)
    near = [date(2012, 1, 1), date(2012, 2, 1), MARCH]
    months = archive.archivable_months(conn, date(2026, 1, 1), NOW)
    assert date(2011, 12, 1) in months
    assert not set(months) & set(near)
    warehouse.settle([user_id])
    archive.hold_months(conn, [MARCH], NOW + timedelta(days=1))
    assert MARCH not in archive.archivable_months(conn, date(2026, 1, 1), NOW)
    assert MARCH in archive.archivable_months(conn, date(2026, 1, 1), NOW + timedelta(days=2))


@pytest.mark.parametrize(("keep", "first"), [(1, date(2026, 8, 1)), (12, date(2025, 11, 1)), (24, date(2024, 11, 1))])
def test_the_current_month_and_those_that_it_is_derived_with_always_stay(keep: int, first: date) -> None:
    assert first_kept_month(NOW, keep) == first


def test_plays_that_arrive_during_the_export_keep_the_month(warehouse: ArchivingWarehouse) -> None:
    """Also where the writer takes none of the locks, and invalidates nothing."""
    conn = warehouse.conn
    write_table = Store.write_table
    with connect(conn.info.dsn) as other, pytest.MonkeyPatch.context() as patch:

        def meanwhile(store: Store, folder: str, table: str, batches: Any) -> None:
            write_table(store, folder, table, batches)
            if table == "polled_plays" and "2012-03" in folder:
                other.execute("UPDATE listening_events_y2012m03 SET ms_played = ms_played + 1 WHERE id ="
                              " (SELECT min(id) FROM listening_events_y2012m03)")  # fmt: skip

        patch.setattr(Store, "write_table", meanwhile)
        errors = {one.month: one.error for one in warehouse.archive()}
    assert [month for month, error in errors.items() if error] == [MARCH]
    assert "changed while it was exported" in (errors[MARCH] or "")
    assert MARCH not in warehouse.archived_months()
    assert fetch_scalar(conn, "SELECT count(*) FROM listening_events") > 0


def test_a_table_in_use_keeps_its_month_and_readers_go_on(warehouse: ArchivingWarehouse) -> None:
    with connect(warehouse.conn.info.dsn) as reader, pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "SECONDS_TO_LOCK", 0.1)
        patch.setattr(archive, "ATTEMPTS", 2)
        reader.execute("BEGIN")
        before = reader.execute("SELECT count(*) FROM listening_events").fetchall()
        outcomes = warehouse.archive(only=[MARCH])
        assert reader.execute("SELECT count(*) FROM listening_events").fetchall() == before
        reader.execute("COMMIT")
    assert [one.error for one in outcomes] == ["2012-03 is in use and stays for now; the next run archives it"]
    assert [one.error for one in warehouse.archive(only=[MARCH])] == [None]
    assert len(folders(warehouse)) == 1, "what the first attempt wrote is removed by the second"


def exported_events(warehouse: ArchivingWarehouse, folder: Path) -> int:
    export_user(warehouse.conn, warehouse.store, TAG, folder, ExportFormat.PARQUET)
    return int(pq.ParquetFile(folder / "tables" / "listening_events.parquet").metadata.num_rows)


def verified_events(warehouse: ArchivingWarehouse, folder: Path) -> int:
    assert verify.verify(warehouse.session()).differences == []
    [(events,)] = warehouse.conn.execute("SELECT count(*) FROM listening_events")
    return int(events)


def backed_up_events(warehouse: ArchivingWarehouse, folder: Path) -> int:
    return backup.back_up(warehouse.conn, warehouse.conn.info.dsn, load_settings(home=folder), folder).rows[
        "listening_events"
    ]


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("read", "module", "step", "is_under_way"),
    [
        (exported_events, personal_data, "begin_export", lambda conn, *_: conn.execute("SELECT")),  # takes the snapshot
        (verified_events, verify, "statement", lambda name: name == "verify/track_months"),
        (backed_up_events, backup, "count_rows", lambda *_: True),
    ],
    ids=["an export", "a verification", "a backup"],
)
def test_a_month_is_not_archived_while_a_process_reads_everything(
    warehouse: ArchivingWarehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    read: Callable[[ArchivingWarehouse, Path], int],
    module: ModuleType,
    step: str,
    is_under_way: Callable[..., object],
) -> None:
    monkeypatch.setattr(archive, "SECONDS_TO_LOCK", 0.1)
    monkeypatch.setattr(archive, "ATTEMPTS", 2)
    [(before,)] = warehouse.conn.execute("SELECT count(*) FROM listening_events")
    go_on = getattr(module, step)
    outcomes: list[archiving.MonthOutcome] = []

    def archive_first(*arguments: Any) -> Any:
        if is_under_way(*arguments) and not outcomes:
            with open_archiving_warehouse(warehouse.conn.info.dsn, warehouse.store.url) as other:
                outcomes.extend(other.archive(only=[MARCH]))
        return go_on(*arguments)

    monkeypatch.setattr(module, step, archive_first)
    assert read(warehouse, tmp_path / "folder") == before
    assert [one.error for one in outcomes] == ["2012-03 is in use and stays for now; the next run archives it"]


def test_two_processes_never_archive_at_once(warehouse: ArchivingWarehouse) -> None:
    with connect(warehouse.conn.info.dsn) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('myi:archiving', 0))")
        with pytest.raises(ArchivingUnderWay):
            warehouse.archive()


@pytest.mark.thorough
def test_archiving_while_others_read_and_derive_leaves_everything_exact(warehouse: ArchivingWarehouse) -> None:
    user_id = user_of(warehouse)
    url, done = warehouse.conn.info.dsn, threading.Event()
    troubles: list[str] = []

    def derive(number: int) -> None:
        with open_archiving_warehouse(url, warehouse.store.url) as mine:
            chance = random.Random(number)
            while not done.is_set():
                try:
                    mine.refresh(user_id, [chance.choice(mine.months_of([user_id]))])
                    troubles.extend(str(violation) for violation in invariants.check(mine.conn))
                except Exception as error:
                    troubles.append(repr(error))
                    return

    threads = [threading.Thread(target=derive, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            warehouse.archive()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert troubles == []
    warehouse.restore_archived()
    warehouse.settle([user_id])
    assert warehouse.tables(user_id) == reference.derive({TAG: killable_import.landing(TAG)})[TAG]


@pytest.mark.thorough
def test_a_killed_server_has_every_play_in_the_tables_or_in_the_archive(tmp_path: Path, folder: Path) -> None:
    with durable_server(tmp_path / "postgres") as server:
        url = server.url(DATABASE)
        with open_archiving_warehouse(url, folder) as warehouse:
            killable_import.prepare(warehouse, TAG)
            before = warehouse.everything()
        chance = random.Random(SEED)
        for doing in ("archive", "restore", "archive"):
            with start_killable("killable_archiver", url, str(folder), doing) as killable:
                time.sleep(chance.uniform(0, 1.0))
                kill_server(server)
                killable.communicate(timeout=60)
            server.start()
            with open_archiving_warehouse(url, folder) as warehouse:
                assert invariants.check(warehouse.conn) == [], f"seed {SEED}"
                assert warehouse.everything(*DERIVED) == {table: before[table] for table in DERIVED}, f"seed {SEED}"
        with open_archiving_warehouse(url, folder) as warehouse:
            warehouse.archive()
            assert warehouse.everything(*LANDED) == {table: [] for table in LANDED}
            warehouse.restore_archived()
            assert warehouse.everything() == before, f"seed {SEED}"


def test_a_full_disk_drops_nothing_and_keeps_no_files(warehouse: ArchivingWarehouse) -> None:
    before = warehouse.everything()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500, hard))
    try:
        outcomes = warehouse.archive(only=[MARCH])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [bool(one.error) for one in outcomes] == [True]
    assert warehouse.everything() == before
    archiving.collect_garbage(warehouse.conn, warehouse.store, NOW)
    assert folders(warehouse) == set()


@pytest.mark.parametrize("name", ["listening_events.parquet", "manifest.json"])
def test_a_damaged_folder_is_named_and_nothing_of_it_is_restored(
    warehouse: ArchivingWarehouse, folder: Path, name: str
) -> None:
    warehouse.archive(only=[MARCH])
    [part] = archive.archived_parts(warehouse.conn)
    path = folder / part.folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    before = warehouse.everything()
    with pytest.raises(ArchiveDamaged, match=name):
        warehouse.restore_archived()
    assert warehouse.everything() == before
    path.unlink()
    with pytest.raises(ArchiveDamaged, match="is missing"):
        warehouse.restore_archived()


def test_a_file_that_does_not_read_back_as_the_tables_say_drops_nothing(warehouse: ArchivingWarehouse) -> None:
    before = warehouse.everything()
    write_table = Store.write_table
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Store,
            "write_table",
            lambda store, folder, table, batches: write_table(store, folder, table, list(batches)[1:]),
        )
        outcomes = warehouse.archive(only=[MARCH])
    assert "does not hold what was written" in (outcomes[0].error or "")
    assert warehouse.everything() == before


def test_the_files_say_what_they_are(warehouse: ArchivingWarehouse, folder: Path) -> None:
    warehouse.archive(only=[MARCH])
    [part] = archive.archived_parts(warehouse.conn)
    assert part.folder.startswith("month=2012-03/1-")
    manifest = json.loads((folder / part.folder / "manifest.json").read_text())
    assert (manifest["format"], manifest["month"], sorted(manifest["tables"])) == (1, "2012-03", sorted(LANDED))
    for table in MONTH_TABLES:
        file = pq.ParquetFile(folder / part.folder / f"{table.name}.parquet")
        assert file.metadata.num_rows == manifest["tables"][table.name]["rows"] == getattr(part, table.name)
        assert file.metadata.row_group(0).column(0).compression == "ZSTD"
        assert file.schema_arrow.names == [column["name"] for column in manifest["tables"][table.name]["columns"]]
        assert set(archive.columns_of(warehouse.conn, table)) <= set(SCHEMAS[table.name].names)


def test_an_object_store_works_too(warehouse: ArchivingWarehouse) -> None:
    before = warehouse.everything()
    warehouse.store = Store("memory://myi-archive")
    warehouse.archive()
    warehouse.restore_archived()
    assert warehouse.everything() == before


@pytest.mark.parametrize("url", ["nonsense://bucket", "s3://bucket/myi"])
def test_a_place_that_cannot_be_used_is_one_clear_line(url: str) -> None:
    with pytest.raises(ArchiveUnreachable, match="MYI_ARCHIVE_URL="):
        Store(url)


def test_a_forgotten_user_is_in_no_file_and_is_not_restored(warehouse: ArchivingWarehouse) -> None:
    conn, user_id = warehouse.conn, user_of(warehouse)
    kept = killable_import.prepare(warehouse, "other0000")
    before = warehouse.rows(kept)
    warehouse.archive()
    months = len(warehouse.archived_months())
    conn.execute("DELETE FROM users WHERE id = %s", [user_id])

    cleaned = archiving.forget_user(conn, warehouse.store, [user_id])

    assert len(cleaned) > months // 2
    assert all(one.removed_rows > 0 and one.remaining_rows == 0 for one in cleaned)
    for path in warehouse_files(warehouse):
        assert user_id not in pq.read_table(path)["user_id"].to_pylist()
    assert invariants.check(conn) == []
    warehouse.restore_archived()
    assert warehouse.rows(kept) == before
    assert archiving.forget_user(conn, warehouse.store, [user_id]) == []


def test_restored_parts_are_kept_for_backups_and_then_removed(warehouse: ArchivingWarehouse) -> None:
    warehouse.archive(only=[MARCH])
    written = folders(warehouse)
    warehouse.restore_archived()
    archiving.collect_garbage(warehouse.conn, warehouse.store, datetime.now(UTC) + timedelta(days=29))
    assert folders(warehouse) == written
    archiving.collect_garbage(warehouse.conn, warehouse.store, datetime.now(UTC) + timedelta(days=31))
    assert folders(warehouse) == set()


def folders(warehouse: ArchivingWarehouse) -> set[str]:
    root = Path(warehouse.store.url)
    return {str(path.relative_to(root)) for path in root.glob("month=*/*")}


def warehouse_files(warehouse: ArchivingWarehouse) -> list[Path]:
    return sorted(Path(warehouse.store.url).rglob("*.parquet"))
