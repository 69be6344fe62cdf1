"""Dagster's months and Postgres' months are the same months: the partitions definition and the way from key to date.

Partition names, bounds and creation belong to ``warehouse/partitions.py``.
"""

from datetime import date

import dagster as dg
from dagster import AssetExecutionContext

from myi_pipelines.orchestration.names import RANGE_END as RANGE_END
from myi_pipelines.orchestration.names import RANGE_START as RANGE_START
from myi_pipelines.orchestration.names import key_of as key_of
from myi_pipelines.orchestration.names import last_month as last_month
from myi_pipelines.orchestration.names import range_tags as range_tags
from myi_pipelines.orchestration.names import recent_months as recent_months
from myi_pipelines.warehouse.partitions import FIRST_MONTH, PREMADE_MONTHS, months_between

PARTITION = "dagster/partition"

MONTHS = dg.MonthlyPartitionsDefinition(
    start_date=FIRST_MONTH.isoformat(),
    timezone="UTC",
    end_offset=1 + PREMADE_MONTHS,  # 0 would exclude the current month
)

# One run for any number of months: it commits month by month, and starting a run costs seconds.
SINGLE_RUN = dg.BackfillPolicy.single_run()


def month_of_key(key: str) -> date:
    """The month of a partition key."""
    return date.fromisoformat(key)


def months_of(context: AssetExecutionContext) -> list[date]:
    """The months that a run is for, oldest first; all there are when it names none, being over whole tables only."""
    tags = context.run.tags
    alone = tags.get(PARTITION)
    first, last = tags.get(RANGE_START, alone), tags.get(RANGE_END, alone)
    return months_between(month_of_key(first) if first else FIRST_MONTH, month_of_key(last) if last else last_month())


def require_months(context: AssetExecutionContext) -> None:
    """Raises dagster.Failure for a run over partitioned tables that names no month, before it does anything."""
    specs = context.assets_def.specs_by_key
    by_month = sorted(key.to_user_string() for key in context.selected_asset_keys if specs[key].partitions_def)
    if by_month and not names_months(context):
        raise dg.Failure(
            f"{' and '.join(by_month)}: this run names no month; choose partitions, as Dagster's UI asks, or give the "
            f'run the tag {PARTITION}, for example "2025-12-01"',
            allow_retries=False,
        )


def names_months(context: AssetExecutionContext) -> bool:
    """Whether a run names the months that it is for."""
    return not {PARTITION, RANGE_START}.isdisjoint(context.run.tags)
