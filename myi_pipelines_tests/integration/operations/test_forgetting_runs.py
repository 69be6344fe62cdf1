"""Which runs name a user: found in what real runs say, whatever the user's name is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dagster import DagsterInstance

from myi_pipelines.orchestration.instance.user_runs import ESCAPED, USER, UserRuns, _said, names_user
from myi_pipelines.orchestration.jobs import (
    check_warehouse,
    heal_config,
    heal_user_months,
    poll_config,
    poll_plays,
    refresh_top_lists,
    top_list_config,
)
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines_tests.support import account_fixtures
from myi_pipelines_tests.support.dagster_harness import Harness, export, why

pytestmark = [pytest.mark.slow, pytest.mark.long]

NOW = datetime.now(UTC).date()


@pytest.fixture
def settings(project_instance: DagsterInstance) -> Settings:
    """Those of the instance."""
    return load_settings()


@pytest.fixture
def harness(settings: Settings, tmp_path: Path) -> Harness:
    return Harness(settings.database_url, tmp_path / "uploads")


@pytest.fixture
def accounts(settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[account_fixtures.Harness]:
    """A simulated Spotify, which the settings name."""
    with account_fixtures.open_harness(settings.database_url, redis_url, settings.home) as opened:
        for name, value in account_fixtures.environment(opened, redis_url).items():
            monkeypatch.setenv(name, value)
        yield opened


def events_of(settings: Settings) -> list[tuple[str, str]]:
    """The runs of Dagster's storage with their bodies and with each of their events."""
    assert settings.dagster_database_url
    with psycopg.connect(settings.dagster_database_url) as conn:
        return conn.execute(
            "SELECT run_id, run_body FROM runs UNION ALL SELECT run_id, event FROM event_logs WHERE run_id <> ''"
        ).fetchall()


def texts_with(name: str, events: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, str, str]]:
    """What steps and checks say, with the run, step and label, as far as the name stands in it."""
    for run_id, text in events:
        event: dict[str, Any] = json.loads(text)
        if event["__class__"] == "EventLogEntry":
            yield from ((run_id, *said) for said in _said(event) if name in ESCAPED.sub(r"\1", said[2]))


def test_runs_of_others_in_whose_history_a_name_is_a_word_stay(
    harness: Harness, settings: Settings, project_instance: DagsterInstance, accounts: account_fixtures.Harness
) -> None:
    """Units, words of charts, numbers, titles and artists stand in everybody's runs."""
    words = ["UTC", "data", "image", "base64", "Lumen", "Velvet Hour", "history.json", "stats", "user", "NAME", "54"]
    content = export(60).replace("Track 0", "Velvet Hour").replace("Artist 0", "Lumen")
    of_bob = [
        harness.run_import(project_instance, "bob", [harness.drop("bob", name, text) for name, text in files.items()])
        for files in ({"history.json": content, "data": "{}"}, {"image/base64.json": export(10, salt="!")})
    ]
    accounts.login("ada", name="bob")
    accounts.control.fault("forbidden", user="ada")
    of_bob += [
        *(harness.run(poll_plays.name, project_instance, months=[NOW], config=poll_config()) for _ in range(2)),
        harness.run(refresh_top_lists.name, project_instance, months=[NOW], config=top_list_config()),
        harness.run(check_warehouse.name, project_instance, months=[NOW]),
    ]
    assert [result.success for result in of_bob] == [True] * len(of_bob), [why(result) for result in of_bob]
    assert not harness.run(poll_plays.name, project_instance, months=[NOW], config=poll_config(["nobody"])).success
    said = "\n".join(text for _, text in events_of(settings))
    assert [word for word in words if word not in said] == []

    runs = UserRuns(settings)
    named = {word: runs.naming(word) for word in (*words, *map(str, range(60)), "2023-11", "user 1", "plays")}
    assert {word: found for word, found in named.items() if found} == {}

    for word in ("UTC", "Lumen", "54"):
        own = harness.run_import(project_instance, word, [harness.drop(word, "mine.json", export(4, salt=word))])
        assert runs.naming(word) == [own.run_id], word
    of_lumen = runs.naming("Lumen")
    runs.remove_naming("Lumen")
    assert [project_instance.has_run(run_id) for run_id in of_lumen] == [False]
    assert all(project_instance.has_run(result.run_id) for result in of_bob)


@pytest.mark.parametrize("name", ["Quizzle", pytest.param("Zo|ë *Q* 'x'", marks=pytest.mark.thorough)])
def test_every_run_that_names_a_user_is_found_by_what_it_says(
    harness: Harness,
    settings: Settings,
    project_instance: DagsterInstance,
    accounts: account_fixtures.Harness,
    conn: Connection,
    name: str,
) -> None:
    """As far as it can be seen at a name that is no word: imports, polls, top lists and checks, good and bad."""
    control = accounts.control

    def poll(*users: str) -> None:
        conn.execute("UPDATE poll_states SET last_polled_at = now() - interval '1 day', next_poll_at = now()")
        harness.run(poll_plays.name, project_instance, months=[NOW], config=poll_config(users))

    def top_lists() -> None:
        conn.execute("UPDATE users SET top_stats_refreshed_at = NULL")
        harness.run(refresh_top_lists.name, project_instance, months=[NOW], config=top_list_config())

    def check() -> None:
        harness.run(check_warehouse.name, project_instance, months=[NOW])

    for file in ("history.json", "broken.json"):
        text = export(20) if file == "history.json" else "{}"
        assert harness.run_import(project_instance, name, [harness.drop(name, file, text)]).success
    outside = harness.uploads / name / "gone.json"
    harness._replace(uploads=harness.uploads / "elsewhere").run_import(project_instance, "bob", [outside])
    accounts.login("ada", name=name)
    accounts.login(accounts.other_listener(accounts.login("ada", name=name).user_id), name="bob")
    top_lists()
    poll()
    poll("nobody")
    for kind in ("forbidden", "server_error"):
        control.fault(kind, times=None, path_prefix="/v1/me")
        for _ in range(3):
            poll()
        top_lists()
        check()
        control.clear_faults()
    conn.execute("UPDATE poll_states SET next_poll_at = now() - interval '1 hour'")
    conn.execute("UPDATE users SET total_play_count = total_play_count + 1")
    harness.run(heal_user_months.name, project_instance, months=[NOW], config=heal_config())
    check()
    conn.execute("UPDATE spotify_auth SET authorized_at = now() - interval '5 months 20 days'")
    check()
    conn.execute("UPDATE spotify_auth SET is_valid = false")
    check()

    events = events_of(settings)
    said = list(texts_with(name, events))
    assert len({step for _, step, _, _ in said}) >= 6, said
    assert [
        (step, label, text)
        for _, step, label, text in said
        if not (text == name if label == USER else names_user(text, name, "uploads", step=step))
    ] == []
    as_json = json.dumps(name)[1:-1]
    assert set(UserRuns(settings).naming(name)) == {
        run_id for run_id, text in events if name in text or as_json in text
    }
