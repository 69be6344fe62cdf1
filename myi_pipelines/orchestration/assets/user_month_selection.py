"""Which user-months a run derives: the invalidated ones, or all of its months. Shared by events and statistics."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
from dagster import AssetExecutionContext
from pydantic import Field

from myi_pipelines.orchestration.partitions import names_months
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.user_months import Stage, UserMonth, all_user_months, invalidate, invalidated_user_months
from myi_pipelines.warehouse.users import UnknownUser, user_named

BACKFILL_TAG = "dagster/backfill"


class UserMonthConfig(dg.Config):
    """What of its months a run derives again."""

    only_invalidated: bool = Field(
        default=False,
        description="Only invalidated user-months, of any month. Otherwise every user-month of the run's months.",
    )
    user: str | None = Field(default=None, description="Only this user's; all users' when empty.")


def user_months_of_run(
    context: AssetExecutionContext, conn: Connection, config: UserMonthConfig, stage: Stage, months: Sequence[date]
) -> list[UserMonth]:
    """The user-months that a run derives at a stage: by default all of its months.

    The part of a backfill that is over whole tables only derives what is left: its other part has derived the months.
    A run over all user-months of its months invalidates them before it begins. So a run that is cut short leaves the
    rest invalidated: a retry does only the rest, and without a retry the sensor for invalidated user-months does it.
    Raises ``dagster.Failure`` when the configured user is unknown.
    """
    user_id = _user_id(conn, config)
    if config.only_invalidated or (BACKFILL_TAG in context.run.tags and not names_months(context)):
        return invalidated_user_months(conn, stage, user_id=user_id)
    # Events that move to a neighbouring month invalidate its statistics too: they are always done in the same run.
    invalidated = invalidated_user_months(
        conn, stage, months=months if stage is Stage.EVENTS else None, user_id=user_id
    )
    if invalidated and _is_retry(context):
        return invalidated
    user_months = [one for one in all_user_months(conn, months) if user_id in (None, one.user_id)]
    with conn.transaction():
        invalidate(conn, user_months, stage)
    return user_months


def _user_id(conn: Connection, config: UserMonthConfig) -> int | None:
    if not config.user:
        return None
    try:
        return user_named(conn, config.user)
    except UnknownUser as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def _is_retry(context: AssetExecutionContext) -> bool:
    return context.run.parent_run_id is not None or context.retry_number > 0
