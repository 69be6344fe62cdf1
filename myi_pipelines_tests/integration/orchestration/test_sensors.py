"""The sensors, ticked as the daemon ticks them: on a real instance, each request launched and run."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus, build_sensor_context
from dagster._core.storage.tags import RUN_KEY_TAG

from myi_pipelines.orchestration import sensors
from myi_pipelines.orchestration.names import USER_TAG
from myi_pipelines.orchestration.partitions import RANGE_END, RANGE_START
from myi_pipelines.orchestration.resources.uploads_folder import UploadsFolder
from myi_pipelines.orchestration.sensors import first_upkeep_sensor, invalidated_user_months_sensor, uploads_sensor
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.users import ensure_user
from myi_pipelines_tests.support.dagster_harness import (
    QUIET,
    Harness,
    checks,
    contents,
    count,
    export,
    metadata,
    months_of_export,
    settle,
    why,
)

pytestmark = pytest.mark.slow

Tick = dg.SensorResult | dg.SkipReason


@pytest.fixture
def harness(database_url: str, tmp_path: Path) -> Harness:
    return Harness(database_url, tmp_path / "uploads")


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


class Daemon:
    """Ticks a sensor and runs what it requests, once for each run key, as Dagster's daemon does."""

    def __init__(self, harness: Harness, instance: DagsterInstance) -> None:
        self.harness = harness
        self.instance = instance
        self.cursor: str | None = None

    def tick(self, sensor: dg.SensorDefinition, **resources: object) -> Tick:
        settle()
        with build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            definitions=self.harness.defs(),
            resources={**self.harness.resources, **resources},
        ) as context:
            result = sensor(context)
            self.cursor = context.cursor
        assert isinstance(result, dg.SensorResult | dg.SkipReason)
        return result

    def uploads(self) -> list[dg.RunRequest]:
        return requests(self.tick(uploads_sensor))

    def launch(self, request: dg.RunRequest, job: str = "import_history") -> dg.ExecuteInProcessResult | None:
        assert request.run_key is not None
        if self.instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: request.run_key})):
            return None
        return (
            self.harness.defs()
            .resolve_job_def(job)
            .execute_in_process(
                instance=self.instance,
                run_config={**request.run_config, **QUIET},
                tags={**request.tags, RUN_KEY_TAG: request.run_key},
                raise_on_error=False,
            )
        )


@pytest.fixture
def daemon(harness: Harness, instance: DagsterInstance) -> Daemon:
    return Daemon(harness, instance)


def requests(tick: Tick) -> list[dg.RunRequest]:
    assert isinstance(tick, dg.SensorResult), tick
    return list(tick.run_requests or [])


def reason(tick: Tick) -> str:
    assert isinstance(tick, dg.SkipReason), tick
    assert tick.skip_message is not None
    return tick.skip_message


def fake_run(
    instance: DagsterInstance, harness: Harness, request: dg.RunRequest, status: DagsterRunStatus
) -> dg.DagsterRun:
    """A run of the requested kind that is in some state."""
    return instance.create_run_for_job(
        harness.defs().resolve_job_def("import_history"),
        run_config=request.run_config,
        tags={**request.tags, RUN_KEY_TAG: request.run_key or ""},
        status=status,
    )


# Uploads


def test_an_empty_folder_is_skipped_with_a_hint(daemon: Daemon, harness: Harness) -> None:
    assert reason(daemon.tick(uploads_sensor)) == f"Nothing waits. Put exports into {harness.uploads}/<user>/."


def test_files_become_one_run_a_listener(daemon: Daemon, harness: Harness, conn: Connection) -> None:
    anna = [
        harness.drop("anna", "1.json", export(60)),
        harness.drop("anna", "folder/deep/2.json", export(10, salt="!")).parents[1],
    ]
    ben = [harness.drop("ben", "b.json", export(5))]
    first, second = daemon.uploads()
    assert first.run_config["ops"]["imported_plays"]["config"] == {
        "user": "anna",
        "files": [str(path) for path in anna],
    }
    assert first.run_config["ops"]["stats"]["config"] == {"only_invalidated": True, "user": "anna"}
    assert first.tags["myi/user"] == "anna"
    assert first.tags["myi/files"] == "1.json, folder"
    assert second.run_config["ops"]["imported_plays"]["config"]["files"] == [str(path) for path in ben]
    months = months_of_export()
    assert date.fromisoformat(first.tags[RANGE_START]) <= months[0]
    assert date.fromisoformat(first.tags[RANGE_END]) >= months[-1]
    for request in (first, second):
        result = daemon.launch(request)
        assert result is not None
        assert result.success, why(result)
    assert count(conn, "SELECT count(*) FROM users") == 2
    assert count(conn, "SELECT count(*) FROM invalidated_user_months") == 0
    assert isinstance(daemon.tick(uploads_sensor), dg.SkipReason)


def test_a_double_tick_is_harmless(daemon: Daemon, harness: Harness) -> None:
    harness.drop("anna", "1.json", export(60))
    [once], [twice] = daemon.uploads(), daemon.uploads()
    assert once.run_key == twice.run_key
    assert daemon.launch(once) is not None
    assert daemon.launch(twice) is None


def test_a_file_that_may_still_be_written_to_is_left_alone(daemon: Daemon, harness: Harness) -> None:
    harness.drop("anna", "1.json", export(60))
    patient = UploadsFolder(folder=str(harness.uploads), settle_seconds=30)
    assert reason(daemon.tick(uploads_sensor, uploads_folder=patient)) == (
        "1.json only just changed and may still be written to."
    )


def test_a_download_that_has_not_ended_is_left_alone(daemon: Daemon, harness: Harness) -> None:
    harness.drop("anna", "1.zip.crdownload", "x")
    assert reason(daemon.tick(uploads_sensor)) == (
        "1.zip.crdownload is left alone: by its name, it is still being downloaded."
    )


def test_files_that_belong_to_nobody_are_named(daemon: Daemon, harness: Harness) -> None:
    harness.drop("", "lost.zip", "x")
    assert reason(daemon.tick(uploads_sensor)) == (
        f"lost.zip lies in {harness.uploads} itself: move it into a folder with the user's name, "
        f"{harness.uploads}/<user>/."
    )
    assert (harness.uploads / "lost.zip.error.txt").exists()


def test_a_folder_that_is_no_name_is_said(daemon: Daemon, harness: Harness) -> None:
    harness.drop("a\\b", "1.json", export(5))
    assert "use 1 to 64 characters" in reason(daemon.tick(uploads_sensor))
    assert reason(daemon.tick(uploads_sensor)).endswith("Rename the folder.")


def test_one_odd_folder_holds_up_no_other(daemon: Daemon, harness: Harness) -> None:
    harness.drop("anna", "history.json", export(5))
    harness.drop("ben", "history.json", export(5))
    for name in ("a\x85b", os.fsdecode(b"caf\xe9"), "x" * 65):
        harness.drop(name, "history.json", export(5))
    harness.drop("ben", os.fsdecode(b"caf\xe9.json"), export(5))
    (harness.uploads / "anna" / "nowhere").symlink_to("x" * 300)
    assert sorted(request.tags[USER_TAG] for request in daemon.uploads()) == ["anna", "ben"]
    for user in ("anna", "ben"):
        shutil.rmtree(harness.uploads / user)
    said = reason(daemon.tick(uploads_sensor))
    assert said.count("Rename the folder.") == 3
    said.encode()  # Else Dagster could not store it.


def test_new_files_wait_for_the_run_under_way(daemon: Daemon, harness: Harness, instance: DagsterInstance) -> None:
    harness.drop("anna", "1.json", export(60))
    [request] = daemon.uploads()
    fake_run(instance, harness, request, DagsterRunStatus.STARTED)
    harness.drop("anna", "2.json", export(60))
    harness.drop("ben", "b.json", export(60))
    [other] = daemon.uploads()
    assert other.tags["myi/user"] == "ben"


def test_folders_in_several_spellings_of_a_name_are_one_listener_s_and_have_their_turns(
    daemon: Daemon, harness: Harness, conn: Connection
) -> None:
    for number, folder in enumerate(("ZOË", "Zoë", "Zoe\u0308", "zoë ")):
        harness.drop(folder, f"{number}.json", export(30, salt=str(number)))
    for _ in range(4):
        [request] = daemon.uploads()
        assert request.tags["myi/user"] == "ZOË"
        result = daemon.launch(request)
        assert result is not None
        assert result.success, why(result)
    assert reason(daemon.tick(uploads_sensor)).startswith("Nothing waits.")
    assert conn.execute("SELECT name FROM users").fetchall() == [("ZOË",)]
    assert count(conn, "SELECT count(*) FROM import_jobs WHERE status = 'COMPLETED'") == 4


@pytest.mark.few(1)
@pytest.mark.parametrize("status", [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED])
def test_files_whose_run_died_are_taken_up_again_a_few_times(
    daemon: Daemon,
    harness: Harness,
    instance: DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    status: DagsterRunStatus,
) -> None:
    harness.drop("anna", "1.json", export(60))
    keys = []
    for _ in range(sensors.RUNS_A_FILE_SET):
        with monkeypatch.context() as patch:
            patch.setattr(sensors, "SECONDS_BEFORE_RUN", (0, 0, 0, 0))
            [request] = daemon.uploads()
        keys.append(request.run_key)
        fake_run(instance, harness, request, status)
        if len(keys) < sensors.RUNS_A_FILE_SET:
            assert "are tried again in" in reason(daemon.tick(uploads_sensor))
    assert len(set(keys)) == sensors.RUNS_A_FILE_SET
    assert "1.json still lie there after 4 runs" in reason(daemon.tick(uploads_sensor))
    harness.drop("anna", "1.json", export(61))
    assert len(daemon.uploads()) == 1


def test_a_bad_file_is_moved_and_not_tried_again(daemon: Daemon, harness: Harness) -> None:
    harness.drop("anna", "bad.zip", "no zip")
    [request] = daemon.uploads()
    result = daemon.launch(request)
    assert result is not None
    assert result.success
    assert not checks(result)["uploads_readable"][0]
    assert (harness.uploads / "anna/failed/bad.zip.error.txt").exists()
    assert isinstance(daemon.tick(uploads_sensor), dg.SkipReason)


def test_files_that_take_long_to_look_at_count_as_holding_any_month(
    daemon: Daemon, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.drop("anna", "1.json", export(60))
    monkeypatch.setattr(sensors, "SECONDS_FOR_RANGES", -1)
    [request] = daemon.uploads()
    assert request.tags[RANGE_START] == "2002-10-01"
    assert date.fromisoformat(request.tags[RANGE_END]) > datetime.now(UTC).date()


def test_many_files_are_imported_over_several_runs(
    daemon: Daemon, harness: Harness, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "FILES_A_RUN", 2)
    for number in range(3):
        harness.drop("anna", f"{number}.json", export(5, salt=str(number)))
    [request] = daemon.uploads()
    assert len(request.run_config["ops"]["imported_plays"]["config"]["files"]) == 2
    daemon.launch(request)
    [rest] = daemon.uploads()
    daemon.launch(rest)
    assert count(conn, "SELECT count(*) FROM import_jobs WHERE status = 'COMPLETED'") == 3


def test_a_folder_is_not_divided_between_runs(
    daemon: Daemon, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "FILES_A_RUN", 2)
    for number in range(5):
        harness.drop("anna", f"a/{number}.json", export(5, salt=str(number)))
    harness.drop("anna", "b/1.json", export(5))
    [request] = daemon.uploads()
    assert request.run_config["ops"]["imported_plays"]["config"]["files"] == [str(harness.uploads / "anna/a")]


# Invalidated user-months


def invalidate_months(conn: Connection, *, seconds_ago: int = 120) -> None:
    conn.execute(
        "INSERT INTO invalidated_user_months (user_id, month, stage, marked_at)"
        " SELECT id, month, 'EVENTS', now() - make_interval(secs => %s)"
        " FROM users, unnest(%s::date[]) AS month",
        [seconds_ago, months_of_export()],
    )


def test_nothing_invalidated_is_skipped(daemon: Daemon) -> None:
    assert "No user-month has been invalidated" in str(reason(daemon.tick(invalidated_user_months_sensor)))


def test_invalidated_user_months_are_healed_by_one_run(
    daemon: Daemon, harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    harness.run_import(instance, "anna", [harness.drop("anna", "1.json", export(60))])
    before = contents(conn)
    conn.execute("DELETE FROM listening_events WHERE played_at < '2023-12-01'")
    invalidate_months(conn, seconds_ago=10)
    assert isinstance(daemon.tick(invalidated_user_months_sensor), dg.SkipReason)
    conn.execute("UPDATE invalidated_user_months SET marked_at = now() - interval '2 minutes'")
    [request] = requests(daemon.tick(invalidated_user_months_sensor))
    [again] = requests(daemon.tick(invalidated_user_months_sensor))
    assert request.run_key == again.run_key
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("2023-11-01", "2024-01-01")
    result = daemon.launch(request, "heal_user_months")
    assert result is not None
    assert result.success, why(result)
    assert daemon.launch(again, "heal_user_months") is None
    assert count(conn, "SELECT count(*) FROM listening_events") == 54
    assert contents(conn, without=["listening_events"]) == {
        table: rows for table, rows in before.items() if table != "listening_events"
    }


def test_healing_goes_on_after_old_runs_are_removed(
    daemon: Daemon, instance: DagsterInstance, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "SECONDS_AFTER_FAILED_HEALING", 0)  # the months look older than the run before
    ensure_user(conn, "anna")
    healed = []
    for _ in range(4):
        invalidate_months(conn)
        [request] = requests(daemon.tick(invalidated_user_months_sensor))
        result = daemon.launch(request, "heal_user_months")
        assert result is not None, "a run of the same key is there"
        assert result.success, why(result)
        healed.append(result.run_id)
        if len(healed) == 3:
            instance.delete_run(healed[0])


def test_healing_waits_for_runs_under_way(
    daemon: Daemon, harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    ensure_user(conn, "anna")
    invalidate_months(conn)
    fake_run(instance, harness, dg.RunRequest(run_key="x"), DagsterRunStatus.STARTING)
    assert "1 runs are under way" in reason(daemon.tick(invalidated_user_months_sensor))


def test_healing_that_failed_is_not_tried_again_at_once(
    daemon: Daemon, harness: Harness, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_user(conn, "anna")
    invalidate_months(conn)

    def fails(*arguments: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("myi_pipelines.orchestration.assets.catalog.sync_catalog", fails)
    [request] = requests(daemon.tick(invalidated_user_months_sensor))
    result = daemon.launch(request, "heal_user_months")
    assert result is not None
    assert not result.success
    assert f"run {result.run_id} failed to heal them, another tries in" in reason(
        daemon.tick(invalidated_user_months_sensor)
    )
    monkeypatch.setattr(sensors, "SECONDS_AFTER_FAILED_HEALING", 0)
    [next_request] = requests(daemon.tick(invalidated_user_months_sensor))
    assert next_request.run_key != request.run_key


def test_a_user_month_that_cannot_be_derived_holds_up_no_other_and_is_not_tried_again_at_once(
    daemon: Daemon, harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    harness.run_import(instance, "anna", [harness.drop("anna", "1.json", export(60))])
    conn.execute("DELETE FROM listening_events")
    conn.execute("ALTER TABLE listening_events ADD CHECK (played_at NOT BETWEEN '2023-12-01' AND '2024-01-01')")
    invalidate_months(conn)
    [request] = requests(daemon.tick(invalidated_user_months_sensor))
    result = daemon.launch(request, "heal_user_months")
    assert result is not None
    assert result.success, why(result)
    passed, description = checks(result)["every_user_month_derived"]
    assert not passed
    assert description is not None
    assert description.startswith("2023-12 of user ")
    hints = {
        month: one["not_derived"] for month, one in metadata(result, "listening_events").items() if "not_derived" in one
    }
    assert [*hints] == ["2023-12-01"]
    assert "2023-12 of user " in hints["2023-12-01"]
    assert count(conn, "SELECT count(DISTINCT date_trunc('month', played_at)) FROM listening_events") == 2
    assert conn.execute("SELECT month::text, stage::text FROM invalidated_user_months").fetchall() == [
        ("2023-12-01", "EVENTS")
    ]
    assert "failed to heal them, another tries in" in reason(daemon.tick(invalidated_user_months_sensor))


def test_upkeep_and_checks_run_once_there_is_something_to_check(
    daemon: Daemon, harness: Harness, instance: DagsterInstance
) -> None:
    assert "before the first import" in reason(daemon.tick(first_upkeep_sensor))
    assert harness.run_import(instance, "anna", [harness.drop("anna", "1.json", export(10))]).success
    asked = requests(daemon.tick(first_upkeep_sensor))
    assert [request.job_name for request in asked] == ["maintain_partitions", "archive_history", "check_warehouse"]
    for request in asked:
        assert harness.run(str(request.job_name), instance, months=months_of_export()).success
    assert "every night" in reason(daemon.tick(first_upkeep_sensor))


def test_a_run_whose_process_was_killed_is_ended_and_its_work_taken_up(
    daemon: Daemon, harness: Harness, instance: DagsterInstance, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.drop("anna", "1.json", export(60))
    [request] = daemon.uploads()
    run = fake_run(instance, harness, request, DagsterRunStatus.STARTED)
    daemon.tick(invalidated_user_months_sensor)
    assert instance.get_run_by_id(run.run_id).status == DagsterRunStatus.STARTED  # type: ignore[union-attr]
    only_made = fake_run(instance, harness, request, DagsterRunStatus.NOT_STARTED)
    monkeypatch.setattr("myi_pipelines.orchestration.instance.active_runs.SECONDS_UNTIL_SILENT", 0)
    settle()
    conn.execute("SELECT set_config('application_name', %s, false)", [f"myi run {run.run_id}"])
    daemon.tick(invalidated_user_months_sensor)
    assert instance.get_run_by_id(run.run_id).status == DagsterRunStatus.STARTED  # type: ignore[union-attr]
    conn.execute("SET application_name = 'another program'")
    daemon.tick(invalidated_user_months_sensor)
    assert instance.get_run_by_id(run.run_id).status == DagsterRunStatus.FAILURE  # type: ignore[union-attr]
    assert instance.get_run_by_id(only_made.run_id).status == DagsterRunStatus.NOT_STARTED  # type: ignore[union-attr]
    monkeypatch.setattr("myi_pipelines.orchestration.instance.active_runs.SECONDS_TO_BEGIN", 0)
    daemon.tick(invalidated_user_months_sensor)
    assert instance.get_run_by_id(only_made.run_id).status == DagsterRunStatus.CANCELED  # type: ignore[union-attr]
    monkeypatch.setattr(sensors, "SECONDS_BEFORE_RUN", (0, 0, 0, 0))
    [retry] = daemon.uploads()
    result = daemon.launch(retry)
    assert result is not None
    assert result.success
