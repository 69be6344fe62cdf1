"""Months without a row are reported once, before runs report the others: so Dagster misses no month of a table, and a
backfill finds everything that is upstream of it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import dagster as dg
from dagster import DagsterInstance

from myi_pipelines.orchestration.assets.metadata import BYTES, ROWS, ROWS_OF_MONTH
from myi_pipelines.orchestration.assets.specs import EVENTS, LANDING, STATS, data_version
from myi_pipelines.orchestration.instance.dagster_internals import DATA_VERSION_TAG, runless_event
from myi_pipelines.orchestration.partitions import MONTHS, key_of, month_of_key
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.partitions import IMPORTED_PLAYS, LISTENING_EVENTS, MONTH_TABLES, POLLED_PLAYS
from myi_pipelines.warehouse.reporting import MonthTableSize
from myi_pipelines.warehouse.stats import TRACK_MONTHS

GROUP_OF = {
    IMPORTED_PLAYS.name: LANDING,
    POLLED_PLAYS.name: LANDING,
    LISTENING_EVENTS.name: EVENTS,
    TRACK_MONTHS: STATS,
}


def report_empty_months(instance: DagsterInstance, conn: Connection, *, importing: Collection[date] = ()) -> int:
    """Report the months of every table by month that have no rows and were never materialized; return how many.

    They are stored as one batch a table. A month with rows is left to the run that derives it. So are the months that a
    run is ``importing``, in the tables that an import fills: if it fails, they must not look as if it had not. An
    instance that ends with its process is shown to nobody, and nothing is reported to it.
    """
    if instance.is_ephemeral:
        return 0
    return sum(_report(instance, conn, name, () if name == POLLED_PLAYS.name else importing) for name in GROUP_OF)


def _report(instance: DagsterInstance, conn: Connection, table: str, without: Collection[date]) -> int:
    asset = dg.AssetKey(table)
    missing = [month for month in map(month_of_key, _missing(instance, asset)) if month not in without]
    if not missing:
        return 0
    size = _size(conn, table, missing)
    # Polled plays may have landed without a run, as those of the demo do.
    rows = {month: one.rows for month, one in size.months.items() if one.rows == 0 or table == POLLED_PLAYS.name}
    of_table = {ROWS: size.rows, BYTES: size.bytes}  # The newest may be the latest that Dagster shows for a while.
    events = [
        runless_event(_as_it_is(asset, month, {ROWS_OF_MONTH: count} | (of_table if month == max(rows) else {})))
        for month, count in rows.items()
    ]
    if events:
        instance.event_log_storage.store_event_batch(events)
    return len(events)


def _size(conn: Connection, table: str, months: Sequence[date]) -> MonthTableSize:
    for partitioned in MONTH_TABLES:
        if partitioned.name == table:
            return reporting.month_table_size(conn, partitioned, months)
    return reporting.track_months_size(conn, months)


def _missing(instance: DagsterInstance, asset: dg.AssetKey) -> list[str]:
    known = instance.get_materialized_partitions(asset)
    return [key for key in MONTHS.get_partition_keys() if key not in known]


def _as_it_is(asset: dg.AssetKey, month: date, metadata: Mapping[str, int]) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset,
        description="No run has made this month; it is as it is." if metadata[ROWS_OF_MONTH] else "Nothing was played.",
        partition=key_of(month),
        metadata=metadata,
        tags={DATA_VERSION_TAG: data_version(GROUP_OF[asset.to_user_string()]).value},
    )
