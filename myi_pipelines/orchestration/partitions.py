"""Dagster's months and Postgres' months are the same months: the partitions definition and the way from key to date.

Partition names, bounds and creation belong to ``warehouse/partitions.py``.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import dagster as dg
from dagster import AssetExecutionContext

from myi_pipelines.warehouse.partitions import FIRST_MONTH, PREMADE_MONTHS

MONTHS = dg.MonthlyPartitionsDefinition(
    start_date=FIRST_MONTH.isoformat(),
    timezone="UTC",
    end_offset=1 + PREMADE_MONTHS,  # 0 would exclude the current month
)

# One run for any number of months: it commits month by month, and starting a run costs seconds.
SINGLE_RUN = dg.BackfillPolicy.single_run()

LOOKING_BACK = timedelta(days=31)

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def key_of(month: date) -> str:
    """The partition key of a month: ``2025-12-01``."""
    return month.replace(day=1).isoformat()


def month_of_key(key: str) -> date:
    """The month of a partition key."""
    return date.fromisoformat(key)


def months_of(context: AssetExecutionContext) -> list[date]:
    """The months that a run of a partitioned asset is for, oldest first."""
    return [month_of_key(key) for key in context.partition_keys]


def last_month() -> date:
    """The newest month that has a partition key."""
    key = MONTHS.get_last_partition_key()
    assert key is not None
    return month_of_key(key)


def recent_months(now: datetime) -> Mapping[str, str]:
    """Run tags for the months that polls reach, except a user's first poll: this month and the one before."""
    return range_tags([(now - LOOKING_BACK).date(), now.date()])


def range_tags(months: Iterable[date]) -> Mapping[str, str]:
    """Run tags for the whole range from the first to the last of some months, inside the months that exist.

    A run with these tags materializes unpartitioned and single-run partitioned assets together.
    """
    inside = sorted(min(max(month, FIRST_MONTH), last_month()) for month in months)
    return {RANGE_START: key_of(inside[0]), RANGE_END: key_of(inside[-1])}
