"""The soak's runs through Dagster: the real job, on the simulated clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo

import dagster as dg
import pytest
from dagster import DagsterInstance

from myi_pipelines.definitions import build_defs
from myi_pipelines.orchestration.jobs import poll_config, poll_plays
from myi_pipelines.orchestration.partitions import range_tags
from myi_pipelines.orchestration.resources.spotify_app import Access, Spotify
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines_tests.support.dagster_harness import QUIET, why
from myi_pipelines_tests.support.soak.stage import Stage


def polling_run(stage: Stage, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the schedule asks for, run here."""
    with monkeypatch.context() as patch:
        patch.setattr("myi_pipelines.orchestration.assets.polled_plays.datetime", clock_of(stage))
        result = (
            build_defs({"warehouse": Warehouse(url=stage.hands.setup.database_url), "spotify": spotify_of(stage)})
            .resolve_job_def(poll_plays.name)
            .execute_in_process(
                instance=instance,
                run_config={**poll_config(tick=stage.now), **QUIET},
                tags=range_tags([(stage.now - timedelta(days=31)).date(), stage.now.date()]),
                raise_on_error=False,
            )
        )
    assert result.success, why(result)


def clock_of(stage: Stage) -> type[datetime]:
    """``datetime`` where the stage's clock is the machine's."""

    class OnStage(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return stage.now.astimezone(tz)

    return OnStage


def spotify_of(stage: Stage) -> Spotify:
    """The resource, with the stage's client and clock in place of the settings'."""

    class OnStage(Spotify):
        @contextmanager
        def access_or_reason(self) -> Iterator[Access | str]:
            hands = stage.hands
            yield Access(hands.client, hands.tokens, hands.setup.redis_url, hands.quota)

    return OnStage()


def said(instance: DagsterInstance) -> bytes:
    """Everything that Dagster keeps of all runs: events and their metadata, configurations, tags, log lines."""
    lines = []
    for record in instance.get_run_records():
        lines.append(dg.serialize_value(record.dagster_run))
        lines += [dg.serialize_value(entry) for entry in instance.all_logs(record.dagster_run.run_id)]
    return "\n".join(lines).encode()
