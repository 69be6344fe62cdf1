"""Dagster's event log on Postgres, made fit for runs over many months. Nothing of the warehouse is in here.

A run over 144 months announces and reports 8 assets a month: 2,300 events. dagster-postgres stores every one of the
announcements by itself, over two connections each, which costs more than importing the history does.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from dagster import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.utils import pg_url_from_config

EVENTS_PER_BATCH = "500"
PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED


class BatchingEventLog(PostgresEventLogStorage):
    """PostgresEventLogStorage that writes the announced materializations of a run in batches.

    ``dagster.yaml`` names it under ``event_log_storage``. Opening it turns on Dagster's own batching of events, in
    every process that uses the instance, unless DAGSTER_EVENT_BATCH_SIZE says otherwise.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchingEventLog":
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENTS_PER_BATCH)
        return cls(
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
        )

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
                self.prepare_insert_event_batch(planned).returning(SqlEventLogStorageTable.c.id)
            ).scalars()
            latest = {
                event.get_dagster_event().asset_key: (event, int(id_))
                for event, id_ in zip(planned, inserted, strict=True)
            }
            for event, id_ in latest.values():
                self._store_asset_event(conn, event, id_)
