"""Every statement of Grafana's dashboards answers, as the login that Grafana has, and says what the warehouse says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from myi_pipelines.runtime.reader import reader_url
from myi_pipelines.serving.sql_console import read_only_query
from myi_pipelines.settings import PROJECT, load_settings
from myi_pipelines.warehouse.database.connections import Connection, connect, fetch_scalar
from myi_pipelines_tests.support.sampled_listeners import ZONES

GRAFANA = PROJECT / "deploy" / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboards" / "listening.json").read_text())
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}
VARIABLES = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
[SOURCE] = yaml.safe_load((GRAFANA / "provisioning/datasources/myi.yaml").read_text())["datasources"]


@pytest.fixture(scope="module")
def reader(sampled_url: str) -> Iterator[Connection]:
    with connect(sampled_url) as owner:
        url = reader_url(load_settings(database_url=sampled_url), owner)
    with connect(url) as conn:
        yield conn


def expanded(sql: str, values: Mapping[str, str], first: str, last: str) -> str:
    """A statement as Grafana sends it: macros and variables are text."""
    sql = re.sub(r"\$__timeFilter\(([\w.]+)\)", rf"\1 BETWEEN '{first}' AND '{last}'", sql)
    sql = sql.replace("$__timeFrom()", f"'{first}'").replace("$__timeTo()", f"'{last}'")
    sql = re.sub(r"\$(\w+)", lambda found: values[found[1]], sql)
    assert "$" not in sql
    return sql


def asked(
    reader: Connection, title: str, user_id: int, step: str = "DAY", first: str = "2006-01-01T00:00:00Z"
) -> list[dict[str, Any]]:
    """What a panel shows of a listener."""
    [target] = PANELS[title]["targets"]
    sql = expanded(target["rawSql"], {"user": str(user_id), "step": step}, first, "2030-01-01T00:00:00Z")
    columns, rows = read_only_query(reader, sql, timeout_seconds=10)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def test_listeners_can_be_chosen(reader: Connection) -> None:
    columns, rows = read_only_query(reader, VARIABLES["user"]["query"], timeout_seconds=10)
    assert columns == ["__text", "__value"]
    assert [name for name, _ in rows] == sorted(ZONES)
    assert [one["value"] for one in VARIABLES["step"]["options"]] == ["DAY", "WEEK", "MONTH"]


@pytest.mark.parametrize("title", PANELS)
def test_a_panel_shows_every_listener_s_plays(reader: Connection, title: str) -> None:
    [target] = PANELS[title]["targets"]
    user_ids = [user_id for (user_id,) in reader.execute("SELECT id FROM users")]
    assert len(user_ids) == len(ZONES)
    for user_id in user_ids:
        for step in ("DAY", "WEEK", "MONTH"):
            rows = asked(reader, title, user_id, step)
            assert rows
            if target["format"] == "time_series":
                assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
                assert all(row["time"].tzinfo for row in rows)
    asked(reader, title, user_id, first="2029-01-01T00:00:00Z")  # an empty time is no error


def test_panels_count_what_the_warehouse_counts(reader: Connection) -> None:
    users = reader.execute("SELECT id, total_play_count, total_listening_ms FROM users").fetchall()
    assert len(users) == len(ZONES)
    for user_id, plays, total_ms in users:
        [total] = asked(reader, "In this time", user_id)
        assert total["plays"] == plays
        assert float(total["hours"]) == pytest.approx(total_ms / 3_600_000, abs=0.05)
        for step in ("DAY", "WEEK", "MONTH"):
            hours = sum(row["hours"] for row in asked(reader, "Hours listened", user_id, step))
            assert float(hours) == pytest.approx(total_ms / 3_600_000)
        assert sum(row["plays"] for row in asked(reader, "Platforms", user_id)) == plays
        assert sum(row["plays"] for row in asked(reader, "Hours of the day, all time", user_id)) == plays
        best = asked(reader, "Top songs", user_id)[0]
        ever = reader.execute("SELECT name, play_count FROM top_songs(%s, 1)", [user_id]).fetchone()
        assert best["plays"] == (ever and ever[1])
        assert len(asked(reader, "Latest plays", user_id)) == 50


def test_grafana_reads_as_the_reader_by_the_password_of_a_file(reader: Connection) -> None:
    assert SOURCE["user"] == fetch_scalar(reader, "SELECT current_user")
    assert SOURCE["secureJsonData"] == {"password": "$__file{/run/secrets/reader_password}"}
    used = {json.dumps(one["datasource"]) for panel in PANELS.values() for one in (panel, *panel["targets"])}
    assert used == {json.dumps({"type": SOURCE["type"], "uid": SOURCE["uid"]})}
    [provider] = yaml.safe_load((GRAFANA / "provisioning/dashboards/myi.yaml").read_text())["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
