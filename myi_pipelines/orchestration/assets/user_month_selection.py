"""Which slices a run derives again: the stale ones, or all of its months. Shared by events and statistics."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
from dagster import AssetExecutionContext
from pydantic import Field

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.user_months import Stage, UserMonth, all_user_months, invalidate, invalidated_user_months
from myi_pipelines.warehouse.users import UnknownUser, user_named


class UserMonthConfig(dg.Config):
    """What of its months a run derives again."""

    only_invalidated: bool = Field(
        default=False,
        description="Only slices that are marked stale, of any month. Otherwise every slice of the run's months.",
    )
    user: str | None = Field(default=None, description="Only this listener's slices; everyone's when empty.")


def user_months_of_run(
    context: AssetExecutionContext, conn: Connection, config: UserMonthConfig, stage: Stage, months: Sequence[date]
) -> list[UserMonth]:
    """The slices that a run has to derive again at a stage.

    A run over all slices of its months marks them stale before it begins. So one that is cut short leaves its rest
    marked: a retry of the run does the rest only, and otherwise the sensor for stale slices does it.
    Raises ``dagster.Failure`` when the configured user is unknown.
    """
    user_id = _user_id(conn, config)
    if config.only_invalidated:
        return invalidated_user_months(conn, stage, user_id=user_id)
    # Events that move to a neighbouring month make its statistics stale too: those are never left for later.
    stale = invalidated_user_months(conn, stage, months=months if stage is Stage.EVENTS else None, user_id=user_id)
    if stale and _is_retry(context):
        return stale
    slices = [one for one in all_user_months(conn, months) if user_id in (None, one.user_id)]
    with conn.transaction():
        invalidate(conn, slices, stage)
    return slices


def _user_id(conn: Connection, config: UserMonthConfig) -> int | None:
    if not config.user:
        return None
    try:
        return user_named(conn, config.user)
    except UnknownUser as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def _is_retry(context: AssetExecutionContext) -> bool:
    return context.run.parent_run_id is not None or context.retry_number > 0
