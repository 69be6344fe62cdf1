"""Upkeep as an asset: the partitions of the month tables, made ahead and kept as they should be."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster import AssetExecutionContext

from myi_pipelines.orchestration.assets.empty_months import report_empty_months
from myi_pipelines.orchestration.assets.metadata import markdown_list
from myi_pipelines.orchestration.assets.specs import OPERATIONS, OWNERS, code_version, data_version, kinds_of
from myi_pipelines.orchestration.partitions import last_month
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.partition_maintenance import Partition, maintain, partition_report
from myi_pipelines.warehouse.partitions import MONTH_TABLES, months_between

_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("partition", "string", "name of the month's table"),
        dg.TableColumn("range", "string", "instants, UTC: the first belongs to it, the second does not"),
        dg.TableColumn("rows", "int", "listening events in it"),
        dg.TableColumn("bytes", "int", "without indexes"),
        dg.TableColumn("index_bytes", "int", "its indexes"),
        dg.TableColumn("oldest_play", "string", "UTC; empty where there is none"),
        dg.TableColumn("newest_play", "string", "UTC; empty where there is none"),
        dg.TableColumn("dead_rows", "int", "row versions that vacuum has yet to remove"),
    ]
)


@dg.asset(
    key="listening_events_partitions",
    group_name=OPERATIONS,
    kinds=kinds_of(OPERATIONS),
    code_version=code_version(OPERATIONS),
    owners=OWNERS,
    description=(
        "One row per partition of the event log, and the upkeep of all month tables. Partitions of the current month "
        "and the next three exist in each of them, with the storage settings that they should have, and nothing lies "
        "that a killed rebuild did not remove. It may run at any time and twice at once; nothing that holds a row is "
        "touched. Months without a row, which no run will ever report, are reported here."
    ),
    metadata={"dagster/column_schema": _COLUMNS},
)
def listening_events_partitions(context: AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    began = time.monotonic()
    with warehouse.connection() as conn:
        done = maintain(conn, months_between(datetime.now(UTC).date(), last_month()))
        partitions = partition_report(conn)
        empty = report_empty_months(context.instance, conn)
        sizes = {f"bytes_{table.name}": reporting.table_bytes(conn, table.name) for table in MONTH_TABLES}
    if done is None:
        context.log.info("another run is maintaining the partitions; this one did nothing")
        changes = {}
    else:
        changes = {"run_created": done.created, "run_settings_reset": done.reset, "run_leftovers_dropped": done.dropped}
    return dg.MaterializeResult(
        data_version=data_version(OPERATIONS),
        metadata={
            "dagster/row_count": sum(one.rows for one in partitions),
            "dagster/size_bytes": sum(one.bytes + one.index_bytes for one in partitions),
            "partitions": len(partitions),
            "partition_table": _table(partitions),
            "dead_rows": sum(one.dead_rows for one in partitions),
            **sizes,
            "run_empty_months": empty,
            **{name: len(names) for name, names in changes.items()},
            **{f"{name}_names": markdown_list(names) for name, names in changes.items() if names},
            "run_seconds": round(time.monotonic() - began, 2),
        },
    )


def _table(partitions: Sequence[Partition]) -> dg.TableMetadataValue:
    """Newest first."""
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord(
                {
                    "partition": one.name,
                    "range": one.range.removeprefix("FOR VALUES FROM "),
                    "rows": one.rows,
                    "bytes": one.bytes,
                    "index_bytes": one.index_bytes,
                    "oldest_play": _when(one.oldest),
                    "newest_play": _when(one.newest),
                    "dead_rows": one.dead_rows,
                }
            )
            for one in reversed(partitions)
        ],
        schema=_COLUMNS,
    )


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""
