"""The import job, end to end on the real definitions: files in, tables and what Dagster tells of them out."""

import gzip
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance

from myi_pipelines.orchestration.assets import imported_plays
from myi_pipelines.orchestration.jobs import import_config, import_history
from myi_pipelines.orchestration.resources import warehouse
from myi_pipelines.sources.exports import Batch
from myi_pipelines.warehouse import invariants
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.rebuild import derive_user_months
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.user_months import Stage, UserMonth, invalidate
from myi_pipelines.warehouse.users import ensure_user
from myi_pipelines_tests.support.dagster_harness import (
    IMPORT_SELECTION,
    QUIET,
    Harness,
    checks,
    contents,
    count,
    export,
    metadata,
    months_of_export,
    why,
)
from myi_pipelines_tests.support.export_rows import as_zip
from myi_pipelines_tests.support.service_rows import AT, listen, malojan

pytestmark = pytest.mark.slow

MONTHS = months_of_export()
LATER = datetime.fromisoformat("2019-01-01T00:00:00+00:00")


@pytest.fixture
def harness(database_url: str, tmp_path: Path) -> Harness:
    return Harness(database_url, tmp_path / "uploads")


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def test_an_upload_becomes_events_and_statistics(harness: Harness, instance: DagsterInstance, conn: Connection) -> None:
    path = harness.drop("anna", "history.json", export(60))
    result = harness.run_import(instance, "anna", [path])
    assert result.success, why(result)
    assert count(conn, "SELECT count(*) FROM imported_plays") == 60
    assert count(conn, "SELECT count(*) FROM listening_events") == 54
    assert count(conn, "SELECT total_play_count FROM users WHERE name = 'anna'") == 54
    assert count(conn, "SELECT count(*) FROM invalidated_user_months") == 0
    assert invariants.check(conn) == []
    assert checks(result) == {
        "uploads_readable": (True, "Nothing was wrong with the run's files."),
        "every_user_month_derived": (True, "Every user-month was derived."),
        "stats_agree_with_events": (True, "All sums agree."),
    }


def test_a_run_says_what_became_of_the_rows_that_it_landed(harness: Harness, instance: DagsterInstance) -> None:
    first = harness.run_import(instance, "anna", [harness.drop("anna", "1.json", export(60))])
    again = harness.run_import(instance, "anna", [harness.drop("anna", "2.json", export(60))])
    renamed = harness.drop("anna", "3.json", export(10, salt="!"))
    later = harness.drop("anna", "4.json", export(20, first=LATER))
    both = harness.run_import(instance, "anna", [renamed, later])
    assert [outcomes(result) for result in (first, again, both)] == [
        {"added": 54, "too_short": 6},
        {},
        {"added": 18, "same_play": 9, "too_short": 3},
    ]


@pytest.mark.few(1)
@pytest.mark.parametrize("table", ["listening_events", "episode_events"])
def test_events_and_episodes_can_be_derived_without_the_other(
    harness: Harness, instance: DagsterInstance, conn: Connection, table: str
) -> None:
    assert harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))]).success
    conn.execute("DELETE FROM listening_events")
    alone = harness.materialize(instance, MONTHS, selection=[table])
    assert alone.success, why(alone)
    assert {str(event.asset_key and event.asset_key.to_user_string()) for event in made(alone)} == {table}
    assert count(conn, "SELECT count(*) FROM listening_events") == 54


def made(result: dg.ExecuteInProcessResult) -> Sequence[dg.DagsterEvent]:
    return result.get_asset_materialization_events()


def outcomes(result: dg.ExecuteInProcessResult) -> dict[str, int]:
    tables = [
        month["run_outcomes"] for month in metadata(result, "listening_events").values() if "run_outcomes" in month
    ]
    return {record.data["outcome"]: record.data["rows"] for table in tables for record in table.records}


def test_a_file_is_moved_when_it_is_landed_and_one_from_elsewhere_is_not(
    harness: Harness, instance: DagsterInstance, tmp_path: Path
) -> None:
    dropped = harness.drop("anna", "history.json", export(10))
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(export(20))
    assert harness._replace(takes_any_file=True).run_import(instance, "anna", [dropped, elsewhere]).success
    assert [str(path.relative_to(harness.uploads)) for path in harness.uploads.rglob("*.json")] == [
        "anna/imported/history.json"
    ]
    assert elsewhere.exists()


def test_a_bad_file_does_not_sink_the_good_ones(harness: Harness, instance: DagsterInstance, conn: Connection) -> None:
    files = [
        harness.drop("anna", "1 truncated.json", export(30)[:-40]),
        harness.drop("anna", "2 good.json", export(60)),
        harness.drop("anna", "3 not a zip.zip", "hello"),
        harness.drop("anna", "4 a list.json", "[1, 2]"),
    ]
    result = harness.run_import(instance, "anna", files)
    assert result.success, why(result)
    assert count(conn, "SELECT count(*) FROM listening_events") == 54
    assert conn.execute("SELECT file_name, status::text FROM import_jobs ORDER BY file_name").fetchall() == [
        ("1 truncated.json", "FAILED"),
        ("2 good.json", "COMPLETED"),
        ("3 not a zip.zip", "FAILED"),
        ("4 a list.json", "FAILED"),
    ]
    anna = harness.uploads / "anna"
    assert sorted(path.name for path in (anna / "imported").iterdir()) == ["2 good.json", "2 good.json.notes.txt"]
    errors = {path.name: path.read_text() for path in (anna / "failed").glob("*.error.txt")}
    assert sorted(errors) == [f"{files[number].name}.error.txt" for number in (0, 2, 3)]
    assert [path for path in anna.iterdir() if path.is_file()] == []
    passed, description = checks(result)["uploads_readable"]
    assert not passed
    assert description is not None
    for name, text in errors.items():
        assert text.count("\n") == 1
        assert text.startswith(name.removesuffix(".error.txt"))
        assert text.strip() in description


IN_UTC = (
    "days and hours of anna are counted in UTC; `myi settings anna --timezone Europe/Berlin`, for example, changes that"
)


def test_the_first_import_without_a_time_zone_says_that_it_counts_in_utc(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    for name in ("1.json", "2.json"):
        harness.run_import(instance, "anna", [harness.drop("anna", name, export(10, salt=name))])
    ensure_user(conn, "ben", "Asia/Kathmandu")
    harness.run_import(instance, "ben", [harness.drop("ben", "1.json", export(10))])
    assert conn.execute("SELECT notes FROM import_jobs ORDER BY id").fetchall() == [([IN_UTC],), ([],), ([],)]
    assert (harness.uploads / "anna/imported/1.json.notes.txt").read_text() == f"{IN_UTC}\n"
    assert [name for name in below(harness.uploads) if "notes" in name] == ["anna/imported/1.json.notes.txt"]


def of_account(name: str, first: datetime, salt: str = "") -> str:
    rows = json.loads(export(30, first=first, salt=salt))
    return json.dumps([row | {"username": name} for row in rows])


def test_files_of_two_accounts_are_noted_and_nothing_tells_which(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    files = [
        harness.drop("anna", "1.json", of_account("made_up_anna", LATER)),
        harness.drop("anna", "2.json", export(20, first=LATER + timedelta(days=160))),
        harness.drop("anna", "3.json", of_account("made_up_anna", LATER + timedelta(days=40))),
    ]
    assert harness.run_import(instance, "anna", files).success
    files = [
        harness.drop("anna", "1.json", of_account("made_up_anna", LATER)),
        harness.drop("anna", "4.json", of_account("made_up_ben", LATER + timedelta(days=80))),
        harness.drop("anna", "5.json", of_account("made_up_ben", LATER + timedelta(days=120))),
    ]
    result = harness.run_import(instance, "anna", files)
    assert checks(result)["uploads_readable"][0]
    line = (
        "4.json: these files tell of two accounts (it names another one than the files before it); a user should have "
        "the plays of one listener: `myi undo-import JOB` takes an import back, then import each one's files under a "
        "name of their own"
    )
    notes: dict[str, list[str]] = dict(conn.execute("SELECT file_name, notes FROM import_jobs").fetchall())
    assert notes == {"1.json": [IN_UTC], "2.json": [], "3.json": [], "4.json": [line], "5.json": []}
    assert (harness.uploads / "anna/imported/4.json.notes.txt").read_text() == f"{line}\n"
    dump = repr(
        [conn.execute(f"SELECT t::text FROM {table} AS t".encode()).fetchall() for table in ("users", "import_jobs")]
    )
    assert "made_up" not in dump + repr(result.all_events)


def test_notes_of_a_file_are_kept_with_its_job_and_lie_beside_it(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    rows = [*json.loads(export(10)), {"ts": "soon", "ms_played": 1, "spotify_track_uri": None}]
    packed = as_zip({"a.json": json.dumps(rows).encode(), "in.zip": as_zip({"b.json": export(10).encode()})})
    ensure_user(conn, "anna", "Europe/Berlin")
    result = harness.run_import(instance, "anna", [harness.drop("anna", "h.zip", packed)])
    [(notes,)] = conn.execute("SELECT notes FROM import_jobs").fetchall()
    assert notes == [
        "h.zip: also read the ZIP in it: in.zip",
        'a.json: row 11: ts is "soon" (expected a time such as 2023-01-30T19:46:52Z)',
    ]
    text = (harness.uploads / "anna/imported/h.zip.notes.txt").read_text()
    assert text.splitlines() == notes
    [summary] = [one for one in metadata(result, "imported_plays").values() if "files_landed" in one]
    assert "also read the ZIP in it" in summary["notes"]


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_without_history_in_a_dropped_folder_are_passed_over_in_one_line(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    folder = harness.drop("anna", "my_data/Playlist1.json", '{"playlists": []}').parent
    harness.drop("anna", "my_data/UserAddress.json", "List(Map(street -> 1 Made Up Way, city -> Nowhere))")
    harness.drop("anna", "my_data/ReadMe.pdf", "%PDF-1.7")
    for number in range(180):
        harness.drop("anna", f"my_data/Technical Log/log_{number:03}.json", '[{"timestamp_utc": "x"}]')
    harness.drop("anna", "my_data/Streaming_History_Audio_2023.json", export(10))
    result = harness.run_import(instance, "anna", [folder])
    assert checks(result)["uploads_readable"][0]
    line = (
        "my_data: passed over 183 files that hold no listening history: Playlist1.json, ReadMe.pdf, UserAddress.json, "
        "Technical Log/log_000.json, Technical Log/log_001.json and 178 more"
    )
    assert conn.execute("SELECT notes FROM import_jobs").fetchall() == [([IN_UTC, line],)]
    anna = harness.uploads / "anna"
    assert [path.name for path in anna.iterdir()] == ["imported"]
    assert len([name for name in below(anna / "imported/my_data") if not name.endswith(".notes.txt")]) == 184
    assert (anna / "imported/my_data.notes.txt").read_text() == f"{line}\n"
    [summary] = [one for one in metadata(result, "imported_plays").values() if "files_landed" in one]
    assert (summary["files_landed"], summary["files_passed_over"]) == (1, 183)


def test_a_folder_without_any_history_fails_as_a_whole(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    folder = harness.drop("anna", "my_data/Playlist1.json", '{"playlists": []}').parent
    harness.drop("anna", "my_data/Userdata.json", "{}")
    result = harness.run_import(instance, "anna", [folder])
    anna = harness.uploads / "anna"
    assert below(anna) == ["failed/my_data.error.txt", "failed/my_data/Playlist1.json", "failed/my_data/Userdata.json"]
    line = (anna / "failed/my_data.error.txt").read_text()
    assert line.startswith(
        "my_data: holds no listening history, but other files (Playlist1.json, Userdata.json); request"
    )
    assert checks(result)["uploads_readable"] == (False, line.strip())
    assert count(conn, "SELECT count(*) FROM import_jobs") == 0


def test_what_is_left_of_a_folder_whose_run_died_is_no_folder_without_history(
    harness: Harness, instance: DagsterInstance
) -> None:
    harness.drop("anna", "imported/my_data/Streaming_History_Audio_2023.json", export(10))
    folder = harness.drop("anna", "my_data/Playlist1.json", '{"playlists": []}').parent
    assert checks(harness.run_import(instance, "anna", [folder]))["uploads_readable"][0]
    assert "imported/my_data/Playlist1.json" in below(harness.uploads / "anna")


def test_a_broken_history_in_a_dropped_folder_fails_and_the_rest_is_imported(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    folder = harness.drop("anna", "my_data/endsong_0.json", export(10)).parent
    harness.drop("anna", "my_data/endsong_1.json", bytes(100))
    harness.drop("anna", "my_data/renamed.json", export(20)[:-60])
    harness.drop("anna", "my_data/Userdata.json", "{}")
    passed, description = checks(harness.run_import(instance, "anna", [folder]))["uploads_readable"]
    assert not passed
    assert "endsong_1.json: is filled with zero bytes" in str(description)
    assert "renamed.json: is cut off" in str(description)
    assert below(harness.uploads / "anna") == [
        "failed/my_data/endsong_1.json",
        "failed/my_data/endsong_1.json.error.txt",
        "failed/my_data/renamed.json",
        "failed/my_data/renamed.json.error.txt",
        "imported/my_data.notes.txt",
        "imported/my_data/Userdata.json",
        "imported/my_data/endsong_0.json",
        "imported/my_data/endsong_0.json.notes.txt",
    ]
    assert count(conn, "SELECT count(*) FROM imported_plays") == 10


def test_whatever_is_dropped_gets_an_answer(harness: Harness, instance: DagsterInstance, conn: Connection) -> None:
    kinds: dict[str, tuple[str | bytes, str]] = {
        "address.json": ("List(Map(street -> x))", "is one of the other files of Spotify's account data, not"),
        "data.7z": (b"7z\xbc\xaf\x27\x1c....", "is a 7-Zip archive; unpack it and import what is in it"),
        "data.rar": (b"Rar!\x1a\x07\x01....", "is a RAR archive; unpack it and import what is in it"),
        "data.tar.gz": (gzip.compress(b"x"), "is a tar archive; unpack it and import what is in it"),
        "data.z01": (b"PK\x03\x04....", "is one part of a split ZIP; put its parts together (`zip -s 0 data.zip --out"),
        "huge.zip": (as_zip({"h.json": b" " * 1_000_000}), "h.json: unpacks to more than 200 times its size"),
        "lastfm.xml": ('<?xml version="1.0"?><lfm status="ok"/>', "is an export of Last.fm as XML; it is not read"),
        "no suffix": ("hello", "is a text file, not a listening history; request"),
        "photo.jpg": (b"\xff\xd8\xff\xe0 JFIF", "is an image, not a listening history; request"),
    }  # fmt: skip
    files = [harness.drop("anna", name, content) for name, (content, _) in kinds.items()]
    good = [
        harness.drop("anna", "h.json.gz", gzip.compress(export(60).encode())),
        harness.drop("anna", "h.txt", export(5)),
        harness.drop("anna", "listens.jsonl", json.dumps(listen()) + "\n"),
        harness.drop("anna", "maloja_export_1.json", json.dumps({"scrobbles": [malojan(AT + 600)]})),
    ]
    result = harness.run_import(instance, "anna", files + good)
    assert result.success, why(result)
    anna = harness.uploads / "anna"
    assert below(anna / "imported") == [
        *("h.json.gz", "h.json.gz.notes.txt", "h.txt", "listens.jsonl", "maloja_export_1.json")
    ]
    for name, (content, reason) in kinds.items():
        text = (anna / "failed" / f"{name}.error.txt").read_text()
        assert text.startswith(f"{name}: {reason}"), text
        assert text.count("\n") == 1
        assert (anna / "failed" / name).read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert sorted(path.name for path in anna.iterdir()) == ["failed", "imported"]
    assert count(conn, "SELECT count(*) FROM listening_events") == 56


@pytest.mark.few(1)
@pytest.mark.parametrize("rows", [60, 25_000], ids=["after its last rows", "between its rows"])
def test_a_file_replaced_while_it_is_read_is_noticed_and_the_new_one_waits(
    harness: Harness, instance: DagsterInstance, conn: Connection, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    path = harness.drop("anna", "history.json", export(rows, apart=timedelta(minutes=1)))

    def replace(batch: Batch, total_bytes: int) -> None:
        harness.drop("anna", ".new", export(10)).rename(path)

    with monkeypatch.context() as patch:
        patch.setattr(imported_plays, "_progress_log", lambda context, name: replace)
        result = harness.run_import(instance, "anna", [path])
    assert result.success, why(result)
    assert path.read_text() == export(10)
    if rows > 60:
        line = "history.json: changed while it was being read; import it again when it is complete"
        assert checks(result)["uploads_readable"] == (False, line)
        assert conn.execute("SELECT status::text, error_message FROM import_jobs").fetchall() == [("FAILED", line)]
        assert count(conn, "SELECT count(*) FROM imported_plays") == 0
    assert checks(harness.run_import(instance, "anna", [path]))["uploads_readable"][0]
    assert (harness.uploads / "anna/imported/history.json").read_text() == export(10)


def test_a_file_that_has_gone_is_no_failure(harness: Harness, instance: DagsterInstance, conn: Connection) -> None:
    gone = harness.uploads / "anna" / "gone.zip"
    result = harness.run_import(instance, "anna", [gone, harness.drop("anna", "history.json", export(10))])
    assert result.success, why(result)
    assert count(conn, "SELECT count(*) FROM listening_events") == 9


def test_materializations_say_what_was_done(harness: Harness, instance: DagsterInstance) -> None:
    result = harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    landed = metadata(result, "imported_plays")
    newest = landed[max(landed)]
    assert {
        name: newest[name] for name in ("user", "total_rows", "landed_rows", "known_rows", "rejected", "months")
    } == {
        "user": "anna",
        "total_rows": 60,
        "landed_rows": 60,
        "known_rows": 0,
        "rejected": {"too_short": 6},
        "months": 3,
    }
    assert {"seconds", "rows_per_second"} <= newest.keys()
    months = {month.isoformat() for month in MONTHS}
    events = metadata(result, "listening_events")
    assert sum(events[month]["dagster/partition_row_count"] for month in months) == 54
    assert sum(events[month]["added"] for month in months) == 54
    assert all(events[month]["partition_bytes"] > 0 for month in months)
    summary = events[max(events)]
    assert summary["dagster/row_count"] == 54
    assert summary["dagster/size_bytes"] >= sum(events[month]["partition_bytes"] for month in months)
    assert (summary["run_added"], summary["run_unchanged"], summary["run_months"]) == (54, 0, 3)
    assert summary["plays_per_month"].startswith("![Plays per month: 3 bars, the highest ")
    for table in (
        "user_track_months",
        "user_track_stats",
        "user_artist_stats",
        "user_album_stats",
        "user_year_top_tracks",
        "users",
    ):
        reported = metadata(result, "stats", table)
        assert reported[max(reported)]["rows_written"] > 0
        assert reported[max(reported)]["dagster/row_count"] > 0
        assert reported[max(reported)]["dagster/size_bytes"] > 0
    assert "Track" in metadata(result, "stats", "user_track_stats")[""]["top_tracks"]
    assert metadata(result, "catalog", "artists")[""]["dagster/row_count"] == 3


def test_charts_and_summaries_are_stored_once_not_for_every_month(harness: Harness, instance: DagsterInstance) -> None:
    result = harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    reported = metadata(result, "listening_events")
    assert len(reported) > len(MONTHS)
    assert [month for month, one in reported.items() if "plays_per_month" in one] == [max(reported)]
    assert "plays_per_hour" in metadata(result, "stats", "user_hour_stats")[""]


def test_importing_again_writes_nothing(harness: Harness, instance: DagsterInstance, conn: Connection) -> None:
    harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    before = contents(conn, without=["users"])
    same = harness.run_import(instance, "anna", [harness.drop("anna", "copy.json", export(60))])
    packed_otherwise = harness.run_import(
        instance, "anna", [harness.drop("anna", "other.json", export(60).replace("\n", " "))]
    )
    assert same.success
    assert packed_otherwise.success
    assert contents(conn, without=["users"]) == before
    assert metadata(packed_otherwise, "imported_plays")[key_of_last(packed_otherwise)]["known_rows"] == 60


def key_of_last(result: dg.ExecuteInProcessResult) -> str:
    return max(metadata(result, "imported_plays"))


@pytest.mark.thorough
def test_a_run_of_one_user_leaves_the_others_alone(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    harness.run_import(instance, "ben", [harness.drop("ben", "history.json", export(60))])
    conn.execute(
        "INSERT INTO invalidated_user_months (user_id, month, stage)"
        " SELECT id, %s, unnest(enum_range(NULL::derivation_stage)) FROM users",
        [MONTHS[0]],
    )
    result = harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    assert metadata(result, "listening_events")[key_of_last(result)]["run_user_months"] == 3
    assert (
        count(conn, "SELECT count(*) FROM invalidated_user_months JOIN users ON users.id = user_id WHERE name = 'ben'")
        == 2
    )


def test_events_that_move_to_a_neighbouring_month_have_their_statistics_in_the_same_run(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    first = harness.drop("anna", "history.json", export(1, first=datetime.fromisoformat("2023-12-01T00:00:01+00:00")))
    harness.run_import(instance, "anna", [first])
    conn.execute("UPDATE invalidated_user_months SET month = month")
    conn.execute("INSERT INTO invalidated_user_months SELECT id, '2019-01-01', 'STATS' FROM users")
    harness.run_import(instance, "anna", [harness.drop("anna", "more.json", export(3))])
    assert count(conn, "SELECT count(*) FROM invalidated_user_months") == 0


@pytest.mark.parametrize(
    ("user", "timezone", "line"),
    [
        ("../anna", None, "user name '../anna': use 1 to 64 characters"),
        ("anna", "Europe/Berln", "time zone 'Europe/Berln' is not known; use an IANA name such as Europe/Berlin"),
    ],
)
def test_a_mistake_in_the_config_is_one_clear_line(
    harness: Harness, instance: DagsterInstance, user: str, timezone: str | None, line: str
) -> None:
    file = str(harness.uploads / "anna" / "x.json")
    config = {"ops": {"imported_plays": {"config": {"user": user, "files": [file], "timezone": timezone}}}}
    if timezone is None:
        del config["ops"]["imported_plays"]["config"]["timezone"]
    result = harness.run("import_history", instance, months=MONTHS, config=config)
    assert not result.success
    [failure] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert str(failure.user_failure_data.description).startswith(line)


def test_a_server_out_of_reach_is_one_clear_line(tmp_path: Path, instance: DagsterInstance) -> None:
    harness = Harness(f"postgresql://nobody@/nothing?host={tmp_path}", tmp_path)
    result = harness.run("import_history", instance, months=MONTHS)
    assert not result.success
    messages = [str(event.event_specific_data) for event in result.all_events if "FAIL" in event.event_type_value]
    assert "the warehouse cannot be reached" in messages[0]
    assert "myi services start" in messages[0]


# Materializing again, and backfills


def test_materializing_months_again_changes_nothing(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    harness.run_import(instance, "ben", [harness.drop("ben", "history.json", export(20, salt="!"))])
    before = contents(conn)
    result = harness.materialize(instance, MONTHS, selection=IMPORT_SELECTION)
    assert result.success, why(result)
    assert contents(conn) == before
    summary = metadata(result, "listening_events")[MONTHS[-1].isoformat()]
    assert (summary["run_user_months"], summary["run_unchanged"], summary["run_added"]) == (5, 54 + 18, 0)


def test_a_month_is_derived_again_from_landing(harness: Harness, instance: DagsterInstance, conn: Connection) -> None:
    harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    before = contents(conn, without=["listening_events"])
    conn.execute("DELETE FROM listening_events WHERE played_at >= '2023-12-01' AND played_at < '2023-12-10'")
    conn.execute("UPDATE listening_events SET ms_played = 7 WHERE played_at < '2023-12-01'")
    result = harness.materialize(instance, MONTHS, selection=["listening_events", "users"])
    assert result.success, why(result)
    assert count(conn, "SELECT count(*) FROM listening_events") == 54
    assert count(conn, "SELECT count(*) FROM listening_events WHERE ms_played = 7") == 0
    assert contents(conn, without=["listening_events"]) == before


def test_any_table_can_be_materialized_by_itself(harness: Harness, instance: DagsterInstance, conn: Connection) -> None:
    harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    before = contents(conn)
    for table in ("user_hour_stats", "tracks"):
        result = harness.materialize(instance, MONTHS, selection=[table])
        assert result.success, why(result)
        assert {key.to_user_string() for key in materialized(result)} == {table}
    assert contents(conn) == before


@pytest.mark.thorough
def test_the_whole_tables_of_a_backfill_derive_no_month_again(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    """Dagster runs them after the months, as a run of their own."""
    harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])

    def user_months(tags: dict[str, str]) -> int:
        result = dg.materialize(
            [one for one in harness.defs().assets or [] if isinstance(one, dg.AssetsDefinition)],
            instance=instance,
            resources=harness.resources,
            selection=["users"],
            tags=tags,
            run_config=QUIET,
        )
        return int(metadata(result, "stats", "users")[""]["run_user_months"])

    assert user_months({"dagster/backfill": "some"}) == 0
    invalidate(conn, [UserMonth(1, MONTHS[0])], Stage.STATS)
    assert user_months({"dagster/backfill": "some"}) == 1
    assert user_months({}) == len(MONTHS)


def test_statistics_that_could_not_be_recomputed_are_not_reported_as_done(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    conn.execute("ALTER TABLE users ADD CHECK (total_play_count < 60)")
    result = harness.run_import(instance, "anna", [harness.drop("anna", "more.json", export(20, first=LATER))])
    assert not result.success
    assert "statistics of 1 of 1 users could not be recomputed" in why(result)
    assert not {key.to_user_string() for key in materialized(result)} & {"users", "user_track_months"}


def materialized(result: dg.ExecuteInProcessResult) -> set[dg.AssetKey]:
    return {event.asset_key for event in result.all_events if event.is_step_materialization and event.asset_key}


def test_a_backfill_commits_user_month_by_user_month_and_its_retry_does_the_rest(
    harness: Harness, instance: DagsterInstance, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    before = contents(conn)
    marked: list[list[date]] = []

    def breaks_off_once(session: Session, chosen: Sequence[UserMonth], **options: Any) -> Iterator[object]:
        marked.append([month for (month,) in conn.execute("SELECT month FROM invalidated_user_months ORDER BY month")])
        if len(marked) == 1:
            yield from derive_user_months(session, list(chosen)[:1], **options)
            raise dg.RetryRequested(max_retries=1)
        yield from derive_user_months(session, chosen, **options)

    monkeypatch.setattr("myi_pipelines.orchestration.assets.listening_events.derive_user_months", breaks_off_once)
    result = harness.materialize(instance, MONTHS, selection=["listening_events"])
    assert result.success, why(result)
    assert marked == [MONTHS, MONTHS[1:]]
    assert metadata(result, "listening_events")[MONTHS[-1].isoformat()]["run_user_months"] == 2
    assert contents(conn) == before


def test_months_without_anything_can_be_materialized(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    result = harness.materialize(instance, [date(2009, 1, 1), date(2010, 1, 1)], selection=IMPORT_SELECTION)
    assert result.success, why(result)
    assert set(metadata(result, "listening_events")) >= {"2009-01-01", "2010-01-01"}


# Checks


def test_tampered_statistics_fail_the_check_of_the_run_and_the_one_over_all_users(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    conn.execute("UPDATE user_time_bucket_stats SET play_count = play_count + 1 WHERE bucket_date = '2024-01-01'")
    overall = harness.run("check_warehouse", instance, months=MONTHS)
    passed, description = checks(overall)["everyones_stats_agree"]
    assert not passed
    assert description is not None
    assert description.startswith("anna: user_time_bucket_stats")
    again = harness.materialize(instance, MONTHS[:1], selection=["users"])
    assert again.success, why(again)
    assert not checks(again)["stats_agree_with_events"][0]
    assert harness.materialize(instance, MONTHS, selection=["users"]).success
    assert checks(harness.run("check_warehouse", instance, months=MONTHS))["everyones_stats_agree"][0]


def test_checks_on_demand_pass_on_a_healthy_warehouse(harness: Harness, instance: DagsterInstance) -> None:
    harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    result = harness.run("check_warehouse", instance, months=MONTHS)
    assert {name: passed for name, (passed, _) in checks(result).items()} == dict.fromkeys(
        [
            *("everyones_stats_agree", "user_months_are_fresh", "partitions_are_present", "partitions_are_set_up"),
            *("polling_is_fresh", "metadata_covers_plays", "quota_is_left"),
        ],
        True,
    )


def test_missing_partitions_and_overdue_user_months_are_warned_of(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    conn.execute("INSERT INTO users (name) VALUES ('anna')")
    conn.execute(
        "INSERT INTO invalidated_user_months SELECT id, '2020-02-01', 'EVENTS', now() - interval '1 hour' FROM users"
    )
    result = harness.run("check_warehouse", instance, months=MONTHS)
    found = checks(result)
    assert found["user_months_are_fresh"][0] is False
    assert "2020-02" in str(found["user_months_are_fresh"][1])
    assert found["partitions_are_present"][0] is False
    severities = {one.check_name: one.severity for one in result.get_asset_check_evaluations()}
    assert severities["user_months_are_fresh"] == severities["partitions_are_present"] == dg.AssetCheckSeverity.WARN


# Interrupts


def test_a_lost_connection_is_tried_again(
    harness: Harness, instance: DagsterInstance, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[bool] = []

    def loses_the_server_once(connection: Connection) -> object:
        if not lost:
            lost.append(True)
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return sync_catalog(connection)

    monkeypatch.setattr("myi_pipelines.orchestration.assets.catalog.sync_catalog", loses_the_server_once)
    monkeypatch.setattr(warehouse, "SECONDS_BETWEEN_RETRIES", 0)
    assert harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))]).success
    assert count(conn, "SELECT count(*) FROM listening_events") == 54


def test_a_run_reads_no_file_outside_of_the_uploads_folder(
    harness: Harness, instance: DagsterInstance, conn: Connection, tmp_path: Path
) -> None:
    inside = harness.drop("anna", "history.json", export(3))
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(export(3))
    for path in (
        elsewhere,
        Path("/dev/zero"),
        harness.uploads,
        harness.uploads / "anna" / ".." / ".." / "elsewhere.json",
    ):
        result = harness.run_import(instance, "anna", [inside, path])
        assert not result.success
        assert "lies outside of the uploads folder" in why(result)
    assert inside.exists()
    assert count(conn, "SELECT count(*) FROM import_jobs") == 0

    link = harness.uploads / "anna" / "link.json"
    link.symlink_to(elsewhere)
    assert harness.run_import(instance, "anna", [link]).success, "the owner of the folder put it there"


@pytest.mark.parametrize(
    ("resource", "config"),
    [
        ("uploads_folder", {"folder": "/"}),
        ("uploads_folder", {"takes_any_file": True}),
        ("warehouse", {"url": "postgresql://elsewhere/myi"}),
        ("archive", {"url": "/tmp"}),
    ],
)
def test_a_runs_config_changes_no_resource(
    harness: Harness, instance: DagsterInstance, conn: Connection, resource: str, config: dict[str, Any]
) -> None:
    config = {**import_config("anna", ["/etc/hostname"]), "resources": {resource: {"config": config}}}
    result = harness.run(import_history.name, instance, months=MONTHS, config=config)
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_job_failure]
    assert "a run's config cannot change resources" in str(failure.job_failure_data.error)
    assert count(conn, "SELECT count(*) FROM users") == 0
