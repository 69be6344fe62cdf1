"""What is said to be wrong: on a real warehouse, a real Redis and Dagster's real tables."""

import json
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster._daemon.types import DaemonHeartbeat
from prometheus_client.parser import text_string_to_metric_families

from myi_pipelines.operations.monitoring.health import DAEMON_PARTS, CheckResult, Level, evaluate, worst
from myi_pipelines.operations.monitoring.health_snapshot import Disk, months_to_have, read_health_snapshot
from myi_pipelines.operations.monitoring.prometheus import CannotListen, exposition, serving
from myi_pipelines.runtime.database_urls import sqlalchemy_url
from myi_pipelines.runtime.token_keys import TokenKeys
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.metadata_backlog import MetadataRun, record_run
from myi_pipelines.warehouse.partitions import LISTENING_EVENTS, PREMADE_MONTHS, ensure_months
from myi_pipelines.warehouse.users import ensure_user
from myi_pipelines_tests.migrations import version_0_1

JOB = """
INSERT INTO import_jobs (user_id, file_name, sha256, status, error_message, started_at, completed_at)
VALUES (%s, 'two.zip', %s, %s::job_status, %s, now(), now())
"""
LINK = """
INSERT INTO spotify_auth (user_id, refresh_token_encrypted, authorized_at)
VALUES (%s, %s, now())
"""
POLLED = """
INSERT INTO poll_states (user_id, last_polled_at, next_poll_at, last_success_at)
VALUES (%(user)s, now() - interval '6 minutes', now() - %(overdue)s, now() - interval '6 minutes')
ON CONFLICT (user_id) DO UPDATE SET next_poll_at = excluded.next_poll_at
"""


@pytest.fixture
def settings(database_url: str, dagster_database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path, database_url=database_url, dagster_database_url=dagster_database_url, redis_url=redis_url
    )


@pytest.fixture
def instance(dagster_database_url: str, tmp_path: Path) -> Iterator[DagsterInstance]:
    """A Dagster instance on Postgres, whose daemon has just been heard of."""
    storage = {"postgres_url": sqlalchemy_url(dagster_database_url)}
    (tmp_path / "dagster.yaml").write_text(
        json.dumps({"storage": {"postgres": storage}, "telemetry": {"enabled": False}})
    )
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path))) as persistent:
        beat(persistent)
        yield persistent


@dg.op
def fails() -> None:
    raise dg.Failure("it fails")


@dg.job
def breaking() -> None:
    fails()


def beat(instance: DagsterInstance, *, ago: float = 0, parts: tuple[str, ...] = DAEMON_PARTS) -> None:
    for part in parts:
        instance.run_storage.add_daemon_heartbeat(DaemonHeartbeat(time.time() - ago, part, "it", []))


def results(settings: Settings) -> dict[str, CheckResult]:
    return {result.name: result for result in evaluate(read_health_snapshot(settings))}


def levels(settings: Settings) -> dict[str, Level]:
    return {name: result.level for name, result in results(settings).items()}


def link(settings: Settings, conn: psycopg.Connection, name: str) -> int:
    """A listener whose account is linked; their id."""
    user_id = ensure_user(conn, name)
    token = TokenKeys.of_settings(settings).cipher().encrypt("a refresh token", user_id=user_id)
    conn.execute(LINK, [user_id, token])
    return user_id


def make_ahead(conn: psycopg.Connection) -> None:
    ensure_months(conn, months_to_have(datetime.now(UTC)))


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for group in text_string_to_metric_families(text)
        for sample in group.samples
    }


def test_all_is_well(settings: Settings, instance: DagsterInstance, conn: psycopg.Connection) -> None:
    make_ahead(conn)
    found = results(settings)
    assert worst(list(found.values())) == Level.OK, found
    assert list(found) == [
        *("PostgreSQL", "Redis", "pages", "daemon", "runs", "sync", "user-months", "imports", "partitions"),
        *("database", "Spotify", "disk"),
    ]
    assert found["partitions"].text == f"{PREMADE_MONTHS} months ahead (at least {PREMADE_MONTHS})"


@pytest.mark.parametrize(("ago", "level"), [(60, Level.OK), (200, Level.WARNING), (400, Level.BROKEN)])
def test_one_part_of_the_daemon_that_falls_silent_shows(
    settings: Settings, instance: DagsterInstance, ago: float, level: Level
) -> None:
    beat(instance, ago=ago, parts=("SENSOR",))
    found = results(settings)["daemon"]
    assert found.level == level
    assert level == Level.OK or "the sensor daemon has been silent for" in found.text


def test_dagster_that_never_ran_is_broken(settings: Settings, empty_database_url: str) -> None:
    found = results(settings.model_copy(update={"dagster_database_url": empty_database_url}))
    assert found["daemon"] == CheckResult("daemon", Level.BROKEN, "Dagster: has not run yet; start it with `myi up`")


def test_a_job_whose_last_run_failed_shows(settings: Settings, instance: DagsterInstance) -> None:
    breaking.execute_in_process(instance=instance, raise_on_error=False)
    found = results(settings)["runs"]
    assert found.level == Level.WARNING
    assert found.text == "the last run failed of breaking (1 failed); 0 under way; in 24 hours 0 succeeded, 1 failed"


def test_user_months_that_wait_for_long_show_with_their_age(settings: Settings, conn: psycopg.Connection) -> None:
    anna = ensure_user(conn, "anna")
    mark = (
        "INSERT INTO invalidated_user_months VALUES (%s, '2024-05-01', 'STATS', now() - %s)"
        " ON CONFLICT (user_id, month, stage)"
    )
    for ago, level in [(5, Level.OK), (40, Level.WARNING), (60 * 25, Level.BROKEN)]:
        update = " DO UPDATE SET marked_at = excluded.marked_at"
        conn.execute(mark.encode() + update.encode(), [anna, timedelta(minutes=ago)])
        assert levels(settings)["user-months"] == level
    assert results(settings)["user-months"].text == (
        "1 user-month to derive again (2024-05 to 2024-05), for 25 h at most; is the sensor invalidated_user_months on?"
    )


def test_a_failed_import_shows_until_the_file_is_imported(settings: Settings, conn: psycopg.Connection) -> None:
    anna = ensure_user(conn, "anna")
    conn.execute(JOB, [anna, "2" * 64, "FAILED", "is truncated"])
    assert levels(settings)["imports"] == Level.WARNING
    conn.execute(JOB, [anna, "2" * 64, "COMPLETED", None])
    assert levels(settings)["imports"] == Level.OK


def test_overdue_polls_and_accounts_that_need_a_login_show(settings: Settings, conn: psycopg.Connection) -> None:
    anna = link(settings, conn, "anna")
    conn.execute(POLLED, {"user": anna, "overdue": timedelta(minutes=1)})
    assert results(settings)["sync"] == CheckResult("sync", Level.OK, "1 account, last 6 min ago")
    conn.execute(POLLED, {"user": anna, "overdue": timedelta(hours=3)})
    assert "anna should have been polled 3 h ago" in results(settings)["sync"].text
    conn.execute(POLLED, {"user": anna, "overdue": timedelta(minutes=-50)})
    conn.execute("UPDATE poll_states SET consecutive_failures = 1, last_error = 'not on the list', is_refused = true")
    refused = results(settings)["sync"]
    assert (refused.level, refused.text.split(" (")[0]) == (Level.WARNING, "anna is not polled: not on the list")
    conn.execute("UPDATE spotify_auth SET is_valid = false, last_failure_reason = 'Refresh token revoked'")
    assert results(settings)["sync"].text.startswith("anna needs `myi login --user anna`: Refresh token revoked")


def test_an_account_whose_tokens_the_key_does_not_open_shows_before_it_is_polled(
    settings: Settings, conn: psycopg.Connection
) -> None:
    anna = link(settings, conn, "anna")
    conn.execute(POLLED, {"user": anna, "overdue": timedelta(minutes=-5)})
    assert levels(settings)["sync"] == Level.OK
    key = settings.key_file.read_bytes()
    settings.key_file.unlink()
    lost = f"anna is locked: the encryption key is missing: restore {settings.key_file}, or run `myi login` (1 account,"
    assert results(settings)["sync"].text.startswith(lost)
    assert levels(settings)["sync"] == Level.WARNING
    assert not settings.key_file.exists()
    for wrong, reason in ((key[:-8] + b"AAAAAA=\n", "was encrypted with another key"), (b"no key", "expected base64")):
        settings.key_file.write_bytes(wrong)
        found = results(settings)["sync"]
        assert (found.level, reason in found.text) == (Level.WARNING, True), found.text
    settings.key_file.write_bytes(key)
    assert levels(settings)["sync"] == Level.OK


def test_what_stopped_the_metadata_shows_with_its_progress(settings: Settings, conn: psycopg.Connection) -> None:
    assert "metadata" not in results(settings), "no account is linked"
    link(settings, conn, "anna")
    assert results(settings)["metadata"] == CheckResult("metadata", Level.OK, "not fetched yet")
    now = datetime.now(UTC)
    record_run(conn, MetadataRun(now, 100, 98, 0, "100 calls were made", is_broken=False))
    assert results(settings)["metadata"] == CheckResult(
        "metadata",
        Level.OK,
        "known of 100% of 0 plays; 98 objects in 100 calls 0 s ago; stopped: 100 calls were made",
    )
    record_run(conn, MetadataRun(now, 5, 0, 5, "5 calls in a row failed, the last one: 500", is_broken=True))
    found = results(settings)["metadata"]
    assert (found.level, "5 failed; stopped: 5 calls in a row failed" in found.text) == (Level.WARNING, True)


def test_listeners_from_before_who_share_a_name_show_with_what_to_do(
    settings: Settings, conn: psycopg.Connection
) -> None:
    assert "names" not in results(settings)
    conn.execute("INSERT INTO users (name, shares_name) VALUES ('ZOË', false), ('zoë ', true)")
    assert results(settings)["names"] == CheckResult(
        "names",
        Level.WARNING,
        "one name in two spellings: 'zoë ' and 'ZOË'; `myi merge-users 'zoë ' 'ZOË'` makes one listener",
    )


def test_a_missing_month_ahead_shows(settings: Settings, conn: psycopg.Connection) -> None:
    make_ahead(conn)
    last = LISTENING_EVENTS.partition(months_to_have(datetime.now(UTC))[-1])
    conn.execute(psycopg.sql.SQL("DROP TABLE {}").format(last))
    found = results(settings)["partitions"]
    assert (found.level, found.text.startswith("1 missing, listening_events_y")) == (Level.WARNING, True)


def test_a_disk_that_fills_up_shows(settings: Settings) -> None:
    snapshot = read_health_snapshot(settings)
    gigabyte = 1024**3
    for free, level in [(gigabyte // 4, Level.BROKEN), (gigabyte, Level.WARNING), (9 * gigabyte, Level.OK)]:
        evaluated = evaluate(snapshot._replace(disk=Disk(free, 10 * gigabyte)))
        assert next(one.level for one in evaluated if one.name == "disk") == level


def test_servers_that_do_not_answer_are_results_and_not_errors(settings: Settings) -> None:
    away = settings.model_copy(
        update={"database_url": "postgresql://127.0.0.1:9/myi", "redis_url": "redis://127.0.0.1:9/0"}
    )
    found = levels(away)
    assert (found["PostgreSQL"], found["Redis"], found["warehouse"]) == (Level.BROKEN, Level.WARNING, Level.BROKEN)
    assert not {"Spotify", "runs"} & set(results(away.model_copy(update={"dagster_database_url": away.database_url})))
    assert samples(exposition(away))["myi_server_up", "postgresql"] == 0


@pytest.mark.parametrize("is_old", [False, True])
def test_a_database_without_current_tables_needs_a_migration(
    settings: Settings, empty_database_url: str, is_old: bool
) -> None:
    if is_old:
        version_0_1.make_schema(empty_database_url)
    empty = settings.model_copy(update={"database_url": empty_database_url})
    expected = "the warehouse's tables are not there or of an older version; run `myi migrate`"
    assert results(empty)["warehouse"].text == expected


def test_metrics_have_the_numbers_and_no_users_name(
    settings: Settings, instance: DagsterInstance, conn: psycopg.Connection
) -> None:
    make_ahead(conn)
    anna = link(settings, conn, "anna")
    conn.execute("UPDATE users SET total_play_count = 7")
    conn.execute(POLLED, {"user": anna, "overdue": timedelta(minutes=1)})
    conn.execute(
        "INSERT INTO invalidated_user_months VALUES (%s, '2024-05-01', 'STATS', now() - interval '1 hour')", [anna]
    )
    text = exposition(settings)
    shown = samples(text)
    assert "anna" not in text
    assert shown["myi_listening_events",] == 7
    assert shown["myi_plays_total", "IMPORT"] == 0
    assert shown["myi_invalidated_user_months",] == 1
    assert shown["myi_invalidated_user_months_oldest_age_seconds",] == pytest.approx(3600, abs=60)
    assert shown["myi_last_poll_timestamp_seconds",] == pytest.approx(time.time() - 360, abs=60)
    assert shown["myi_spotify_calls_24h", "recently-played"] == 0
    assert shown["myi_partition_months_ahead",] == PREMADE_MONTHS
    assert shown["myi_daemon_heartbeat_timestamp_seconds", "sensor"] == pytest.approx(time.time(), abs=60)
    assert shown["myi_health_status",] == Level.WARNING
    assert samples(exposition(settings, with_users=True))["myi_user_plays", "anna"] == 7


def test_metrics_are_served_over_http(settings: Settings) -> None:
    with serving(settings, "127.0.0.1", 0) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
            assert response.headers["Content-Type"].startswith("text/plain")
            assert samples(response.read().decode())["myi_server_up", "redis"] == 1
        with pytest.raises(CannotListen, match="choose another port"), serving(settings, "127.0.0.1", port):
            pass
