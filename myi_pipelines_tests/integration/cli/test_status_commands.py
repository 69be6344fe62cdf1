"""``myi status``, ``metrics`` and ``notify``, as shells and monitoring see them."""

import json
from datetime import UTC, datetime

import psycopg
import pytest

from myi_pipelines.operations.monitoring.health_snapshot import months_to_have
from myi_pipelines.warehouse.partitions import ensure_months
from myi_pipelines_tests.support.cli_fixtures import Myi
from myi_pipelines_tests.support.http_receiver import receiving

HEARTBEATS = """
CREATE SCHEMA dagster;
CREATE TABLE dagster.daemon_heartbeats (daemon_type text, timestamp timestamp, body text);
CREATE TABLE dagster.runs (pipeline_name text, status text, end_time float);
INSERT INTO dagster.daemon_heartbeats
SELECT part, now() AT TIME ZONE 'UTC', '{}'
FROM unnest(ARRAY['BACKFILL', 'MONITORING', 'QUEUED_RUN_COORDINATOR', 'SCHEDULER', 'SENSOR']) AS part;
"""


def test_the_exit_code_says_whether_all_is_well_or_warns_or_is_broken(myi: Myi, conn: psycopg.Connection) -> None:
    assert myi("status").exit_code == 2
    conn.execute(HEARTBEATS)
    result = myi("status")
    assert result.exit_code == 1, result.stdout
    assert "partitions" in next(line for line in result.stdout.splitlines() if line.startswith("!"))
    assert myi("status", "--strict").exit_code == 2
    ensure_months(conn, months_to_have(datetime.now(UTC)))
    result = myi("status", "--strict")
    assert (result.exit_code, {line[0] for line in result.stdout.splitlines()}) == (0, {"✓"})


def test_json_is_for_programs(myi: Myi, conn: psycopg.Connection) -> None:
    result = myi("status", "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["level"]) == (2, "broken")
    assert {"name": "user-months", "level": "ok", "text": "every user-month is up to date"} in answer["results"]


def test_wrong_settings_are_a_result(myi: Myi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYI_PORT", "none")
    result = myi("status")
    assert result.exit_code == 2
    assert result.stdout.startswith('✗ settings    MYI_PORT="none"')


def test_metrics_are_printed_as_prometheus_reads_them(myi: Myi, conn: psycopg.Connection) -> None:
    result = myi("metrics")
    assert result.exit_code == 0
    assert "# TYPE myi_plays_total counter" in result.stdout
    assert 'myi_server_up{server="postgresql"} 1.0' in result.stdout


def test_notify_is_the_test_of_the_services(myi: Myi, monkeypatch: pytest.MonkeyPatch) -> None:
    result = myi("notify", "hello")
    assert (result.exit_code, result.stderr.startswith("myi: MYI_NOTIFY_URLS is empty")) == (1, True)
    with receiving() as receiver:
        monkeypatch.setenv("MYI_NOTIFY_URLS", receiver.url())
        result = myi("notify", "hello")
        assert (result.exit_code, result.stdout, receiver.texts) == (0, "sent to json\n", ["hello"])
    result = myi("notify", "hello")
    assert result.exit_code == 1
    assert "accepted the message (json)" in result.stderr
    assert "secret" not in result.output
