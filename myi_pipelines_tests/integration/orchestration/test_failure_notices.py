"""Runs and checks that fail become messages: the sensor ticked as the daemon ticks it, a real receiver at the end."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance, build_sensor_context

from myi_pipelines.definitions import defs
from myi_pipelines.orchestration.failure_notices import OFF, AlertState, failure_notices, is_configured
from myi_pipelines_tests.support.dagster_harness import QUIET
from myi_pipelines_tests.support.http_receiver import Receiver, receiving

pytestmark = pytest.mark.slow


@dg.op
def breaks() -> None:
    raise dg.Failure("the warehouse at postgresql://myi:hunter2@db/myi cannot be reached")


@dg.job
def breaking() -> None:
    breaks()


@dg.job
def also_breaking() -> None:
    breaks()


@dg.asset
def plays() -> None:
    pass


@dg.asset_check(asset=plays)
def plays_are_recent() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="anna is late")


class Daemon:
    """Ticks the sensor; ``later`` lets time pass for it."""

    def __init__(self, instance: DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None

    def tick(self) -> str:
        context = build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = failure_notices(context)
        if isinstance(result, dg.SkipReason):
            return result.skip_message or ""
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        assert result.skip_reason is not None
        return result.skip_reason.skip_message or ""

    def later(self, time: timedelta) -> None:
        assert self.cursor is not None
        state = AlertState.parse(self.cursor)
        for subject in state.subjects.values():
            subject.last_sent_at -= time.total_seconds()
        self.cursor = state.serialized()

    def fail(self, job: dg.JobDefinition = breaking) -> str:
        return job.execute_in_process(instance=self.instance, raise_on_error=False, run_config=QUIET).run_id


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as one:
        monkeypatch.setenv("MYI_NOTIFY_URLS", one.url())
        yield one


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with DagsterInstance.ephemeral() as instance:
        yield Daemon(instance)


def test_a_failed_run_is_reported_with_its_reason_and_without_passwords(daemon: Daemon, receiver: Receiver) -> None:
    daemon.tick()
    run = daemon.fail()
    assert daemon.tick() == "Sent: 'breaking failed' to json."
    assert receiver.titles == ["MYI: breaking failed"]
    assert receiver.texts == [
        f"breaks: the warehouse at postgresql://…@db/myi cannot be reached\nhttp://127.0.0.1:3000/runs/{run}"
    ]
    assert daemon.tick() == "Nothing failed."


def test_a_job_that_fails_repeatedly_is_reported_once_an_hour_with_a_count(daemon: Daemon, receiver: Receiver) -> None:
    daemon.tick()
    daemon.fail()
    daemon.tick()
    for _ in range(3):
        daemon.fail()
    daemon.fail(also_breaking)
    assert daemon.tick() == "Held back: 3 of 'breaking failed'. Sent: 'also_breaking failed' to json."
    assert receiver.titles == ["MYI: breaking failed", "MYI: also_breaking failed"]
    daemon.later(timedelta(minutes=59))
    daemon.tick()
    assert len(receiver.messages) == 2
    daemon.later(timedelta(minutes=1))
    daemon.tick()
    assert receiver.titles[2:] == ["MYI: breaking failed"]
    assert "And 2 more since the last message" in receiver.texts[2]
    daemon.later(timedelta(hours=1))
    assert daemon.tick() == "Nothing failed."
    assert len(receiver.messages) == 3


def test_a_message_that_no_service_accepted_is_sent_at_a_later_tick(daemon: Daemon, receiver: Receiver) -> None:
    daemon.tick()
    daemon.fail()
    receiver.status = 500
    said = daemon.tick()
    assert "tried again at the next tick" in said
    assert "secret-token" not in said
    receiver.status = 200
    daemon.fail()
    daemon.tick()
    assert receiver.titles == ["MYI: breaking failed"]
    assert "And 1 more" in receiver.texts[0]


def test_what_failed_before_messages_were_turned_on_is_not_reported(daemon: Daemon, receiver: Receiver) -> None:
    daemon.fail()
    assert daemon.tick() == "Watching from now on."
    assert daemon.tick() == "Nothing failed."
    assert receiver.messages == []


def test_a_run_that_dagster_starts_again_is_not_reported(daemon: Daemon, receiver: Receiver) -> None:
    daemon.tick()
    run = daemon.fail()
    daemon.instance.add_run_tags(run, {"dagster/will_retry": "true"})
    assert daemon.tick() == "Nothing failed."
    assert receiver.messages == []


def test_a_check_that_warns_is_reported_once_a_day(daemon: Daemon, receiver: Receiver) -> None:
    daemon.tick()
    for _ in range(2):
        dg.materialize([plays, plays_are_recent], instance=daemon.instance, run_config=QUIET)
        daemon.tick()
    assert receiver.titles == ["MYI: plays: plays_are_recent warns"]
    assert receiver.texts[0].startswith("anna is late\nhttp://127.0.0.1:3000/runs/")
    daemon.later(timedelta(hours=23))
    daemon.tick()
    assert len(receiver.messages) == 1
    daemon.later(timedelta(hours=1))
    daemon.tick()
    assert len(receiver.messages) == 2


def test_without_urls_the_sensor_is_off_and_says_why(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert daemon.tick() == OFF
    assert not is_configured()
    assert "MYI_NOTIFY_URLS" in (defs.resolve_sensor_def("failure_notices").description or "")
    monkeypatch.setenv("MYI_NOTIFY_URLS", "json://127.0.0.1:9/token")
    assert is_configured()
