"""Dagster's storages on Postgres, made fit for runs over many months. Nothing of the warehouse is in here.

dagster-postgres opens a connection for every question and every event: 170 in the run of a small import, a fifth of its
time. And a run over 144 months announces and reports three tables a month, 900 events, every announcement stored by
itself.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Self

from dagster import DagsterEventType, Field, StringSource
from dagster_postgres import PostgresEventLogStorage, PostgresRunStorage, PostgresScheduleStorage
from dagster_postgres.utils import create_pg_engine

from myi_pipelines.orchestration.instance.dagster_internals import (
    ConfigurableClassData,
    EventLogEntry,
    asset_check_table,
    event_log_table,
    run_table,
    without_partitions,
)
from myi_pipelines.runtime.database_urls import sqlalchemy_url
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import load_settings

EVENTS_PER_BATCH = "500"
PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED


class _Connected:
    """A storage of dagster-postgres where MYI's settings say that Dagster's tables are, unless ``postgres_url`` does.

    It keeps a connection while it is open, and opens more for threads that need them at the same time. One that the
    server has lost is replaced when it is next needed."""

    def __init__(self, *, postgres_url: str, **rest: Any) -> None:
        super().__init__(postgres_url=postgres_url, **rest)  # type: ignore[call-arg]
        self._engine = create_pg_engine(
            postgres_url, isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=-1, pool_pre_ping=True
        )

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"postgres_url": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Raises SettingsError."""
        url = config_value.get("postgres_url") or sqlalchemy_url(servers_of(load_settings()).dagster_url)
        return cls(postgres_url=url, inst_data=inst_data)

    def dispose(self) -> None:
        super().dispose()  # type: ignore[misc]
        self._engine.dispose()

    def _init_db(self) -> None:
        """Make the tables in one transaction. Dagster commits each by itself, and takes a storage with some of them for
        whole: a process that was killed between two left one in which no run could ever begin."""
        engine = self._engine
        self._engine = engine.execution_options(isolation_level="READ COMMITTED")
        try:
            super()._init_db()  # type: ignore[misc]
        finally:
            self._engine = engine


class ConnectedRunStorage(_Connected, PostgresRunStorage):
    """PostgresRunStorage over one connection. ``dagster.yaml`` names it under ``run_storage``.

    A webserver opens it before it makes what it serves, so nobody serves runs of this storage without our guard: not
    ``dagster dev`` either, which knows no other command.
    """

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        if "dagster_webserver.cli" in sys.modules:  # This process is a webserver.
            from myi_pipelines.orchestration.instance import webserver

            webserver.guard_dagster()
        return super().from_config_value(inst_data, config_value)


class ConnectedScheduleStorage(_Connected, PostgresScheduleStorage):
    """PostgresScheduleStorage over one connection. ``dagster.yaml`` names it under ``schedule_storage``.

    Dagster disposes of an instance without its schedule storage, whose connection goes when that is collected.
    """


class BatchingEventLog(_Connected, PostgresEventLogStorage):
    """PostgresEventLogStorage over one connection that writes the announced materializations of a run in batches.

    ``dagster.yaml`` names it under ``event_log_storage``. Opening it turns on Dagster's own batching of events, in
    every process that uses the instance, unless DAGSTER_EVENT_BATCH_SIZE says otherwise.
    """

    def __init__(self, *, postgres_url: str, **rest: Any) -> None:
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENTS_PER_BATCH)
        super().__init__(postgres_url=postgres_url, **rest)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        planned = [event for event in events if event.dagster_event_type == PLANNED]
        if not planned:
            super().store_event_batch(events)
            return
        for event in events:
            if event.dagster_event_type != PLANNED:
                self.store_event(event)
        with self.index_transaction() as conn:
            inserted = conn.execute(
                self.prepare_insert_event_batch(planned).returning(event_log_table().c.id)
            ).scalars()
            latest = {
                event.get_dagster_event().asset_key: (event, int(id_))
                for event, id_ in zip(planned, inserted, strict=True)
            }
            for event, id_ in latest.values():
                self._store_asset_event(conn, event, id_)

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        """Announce a check once, not once for each month of the run: its results find the one row all the same."""
        super()._store_asset_check_evaluation_planned(without_partitions(event), event_id)

    def delete_events_for_run(self, conn: Any, run_id: str) -> None:
        """Dagster's own leaves the run's checks."""
        super().delete_events_for_run(conn, run_id)
        checks = asset_check_table()
        conn.execute(checks.delete().where(checks.c.run_id == run_id))

    def remove_checks_of_removed_runs(self) -> int:
        """Remove the checks that Dagster left when their runs were removed; return how many. Needs the runs' table."""
        checks, runs = asset_check_table(), run_table()
        is_kept = runs.select().where(runs.c.run_id == checks.c.run_id).exists()
        with self.index_transaction() as conn:
            return int(conn.execute(checks.delete().where(checks.c.run_id != "", ~is_kept)).rowcount)
