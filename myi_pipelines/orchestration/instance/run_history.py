"""How long Dagster remembers runs: what old ones said is removed, so that polling every few minutes does not fill the
disk. The ticks' own retention is in ``dagster.yaml``; plays and statistics are not touched."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import dagster as dg
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus

from myi_pipelines.orchestration.names import (
    CHECK_WAREHOUSE,
    HEAL_USER_MONTHS,
    MAINTAIN_PARTITIONS,
    POLL_PLAYS,
    PRUNE_RUNS,
    REFRESH_GENRES,
    REFRESH_METADATA,
    REFRESH_TOP_LISTS,
)

ROUTINE = (
    *(POLL_PLAYS, REFRESH_METADATA, REFRESH_GENRES, REFRESH_TOP_LISTS, HEAL_USER_MONTHS),
    *(MAINTAIN_PARTITIONS, PRUNE_RUNS, CHECK_WAREHOUSE),
)
"""Jobs that run again and again by themselves, and matter only while something may be wrong with them."""

DAYS_OF_ROUTINE = 3
DAYS = 90
RUNS_AT_ONCE = 2_000
"""So that the first time, after a year, takes minutes and not hours: the next day goes on."""

_ENDED_WELL = [DagsterRunStatus.SUCCESS]
_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


class Removed(NamedTuple):
    """What was removed, and what was old enough but is still needed."""

    runs: int
    kept: int


def remove_old_runs(instance: DagsterInstance, now: datetime) -> Removed:
    """Remove old runs with their events and logs: routine that went well after 3 days, everything else after 90.

    A run that holds the latest materialization of a table or month stays, however old: it is what the UI shows of it.
    Safe at any time and twice; a run under way is never touched.
    """
    from myi_pipelines.orchestration.instance.storages import BatchingEventLog  # loads SQLAlchemy

    needed = _needed(instance)
    removed = kept = 0
    for run_id in _old(instance, now):
        if run_id in needed:
            kept += 1
            continue
        instance.delete_run(run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        removed += 1
        if removed == RUNS_AT_ONCE:
            break
    if isinstance(instance.event_log_storage, BatchingEventLog):
        instance.event_log_storage.remove_checks_of_removed_runs()
    return Removed(removed, kept)


def _old(instance: DagsterInstance, now: datetime) -> Iterator[str]:
    """Runs past their time, the oldest first."""
    routine = now - timedelta(days=DAYS_OF_ROUTINE)
    for job in ROUTINE:
        yield from _ids(instance, dg.RunsFilter(job_name=job, statuses=_ENDED_WELL, created_before=routine))
    yield from _ids(instance, dg.RunsFilter(statuses=_ENDED, created_before=now - timedelta(days=DAYS)))


def _ids(instance: DagsterInstance, runs: dg.RunsFilter) -> list[str]:
    return [record.dagster_run.run_id for record in instance.get_run_records(runs, ascending=True)]


def _needed(instance: DagsterInstance) -> set[str]:
    """The runs that hold the latest materialization of a table, or of a month of it."""
    needed: set[str] = set()
    for asset in instance.all_asset_keys():
        latest = instance.event_log_storage.get_latest_storage_id_by_partition(
            asset, DagsterEventType.ASSET_MATERIALIZATION
        )
        needed.update(_runs_of(instance, asset, latest.values()))
        newest = instance.get_latest_materialization_event(asset)
        if newest is not None:
            needed.add(newest.run_id)
    return needed


def _runs_of(instance: DagsterInstance, asset: dg.AssetKey, storage_ids: Iterable[int]) -> Iterator[str]:
    ids = list(storage_ids)
    if not ids:
        return
    wanted = dg.AssetRecordsFilter(asset_key=asset, storage_ids=ids)
    for record in instance.fetch_materializations(wanted, limit=len(ids)).records:
        yield record.event_log_entry.run_id
