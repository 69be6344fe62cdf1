"""Asset checks over the whole warehouse, to be run on demand. What a run checks of its own work is in ``assets/``."""

from datetime import UTC, datetime

import dagster as dg

from myi_pipelines import inventory
from myi_pipelines.assets.reporting import markdown_list
from myi_pipelines.assets.stats import agreement
from myi_pipelines.partitions import last_month
from myi_pipelines.resources.warehouse import Warehouse
from myi_pipelines.warehouse import invariants
from myi_pipelines.warehouse.partitions import months_between

MINUTES_UNTIL_OVERDUE = 15


@dg.asset_check(
    asset="users",
    description="Of every listener, all sums of plays and milliseconds in the statistics equal those of the events.",
)
def everyones_stats_agree(warehouse: Warehouse) -> dg.AssetCheckResult:
    with warehouse.connection() as conn:
        return agreement(invariants.check(conn), inventory.row_count(conn, "users"))


@dg.asset_check(
    asset="listening_events",
    description="No slice has been stale for long: events and statistics are up to date with what has landed.",
)
def slices_are_fresh(warehouse: Warehouse) -> dg.AssetCheckResult:
    with warehouse.connection() as conn:
        overdue = inventory.stale_range(conn, older_than_seconds=60 * MINUTES_UNTIL_OVERDUE)
    return dg.AssetCheckResult(
        passed=overdue.slices == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{overdue.slices:,} slices from {overdue.first:%Y-%m} to {overdue.last:%Y-%m} have been stale for more "
            f"than {MINUTES_UNTIL_OVERDUE} minutes; is the sensor stale_slices on?"
            if overdue.first and overdue.last
            else "Every slice is up to date."
        ),
        metadata={"overdue_slices": overdue.slices},
    )


@dg.asset_check(
    asset="listening_events",
    description="Every month table has the partitions of the current month and of those that are made ahead.",
)
def partitions_are_present(warehouse: Warehouse) -> dg.AssetCheckResult:
    months = months_between(datetime.now(UTC).date(), last_month())
    with warehouse.connection() as conn:
        missing = inventory.missing_partitions(conn, months)
    return dg.AssetCheckResult(
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{len(missing)} partitions are missing; they are made by the next run, or when plays for them arrive"
            if missing
            else "No partition is missing."
        ),
        metadata={"missing_partitions": markdown_list(missing)} if missing else {},
    )


CHECKS = [everyones_stats_agree, slices_are_fresh, partitions_are_present]
