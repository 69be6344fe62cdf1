"""The jobs: which assets run together, and how. The steps are SQL-bound and short, so they share the run's process."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from myi_pipelines.orchestration.assets.archived_months import archived_months
from myi_pipelines.orchestration.assets.catalog import catalog
from myi_pipelines.orchestration.assets.imported_plays import imported_plays
from myi_pipelines.orchestration.assets.listening_events import listening_events
from myi_pipelines.orchestration.assets.listening_events_partitions import listening_events_partitions
from myi_pipelines.orchestration.assets.polled_plays import polled_plays
from myi_pipelines.orchestration.assets.spotify_objects import spotify_objects
from myi_pipelines.orchestration.assets.stats import stats
from myi_pipelines.orchestration.assets.top_lists import top_lists
from myi_pipelines.orchestration.checks import CHECKS
from myi_pipelines.orchestration.instance.dagster_internals import UnresolvedAssetJobDefinition
from myi_pipelines.orchestration.instance.run_history import remove_old_runs

USER_TAG = "myi/user"
FILES_TAG = "myi/files"

_ON_DEMAND = dg.AssetSelection.checks(*CHECKS)
_INVALIDATED = {"config": {"only_invalidated": True}}

import_history = dg.define_asset_job(
    "import_history",
    selection=dg.AssetSelection.assets(imported_plays, catalog, listening_events, stats) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Exports in, statistics out: lands files, then brings catalog, events and statistics up to date.",
)

heal_user_months = dg.define_asset_job(
    "heal_user_months",
    selection=dg.AssetSelection.assets(catalog, listening_events, stats) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Derives again what is invalidated: by a run that died, or by a change of time zone.",
)

poll_plays = dg.define_asset_job(
    "poll_plays",
    selection=dg.AssetSelection.assets(polled_plays, catalog, listening_events, stats) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Asks Spotify for the recent plays of the users who are due, and derives what they change.",
)

refresh_top_lists = dg.define_asset_job(
    "refresh_top_lists",
    selection=dg.AssetSelection.assets(top_lists) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Asks Spotify for the top lists of the users whose lists are due.",
)

refresh_metadata = dg.define_asset_job(
    "refresh_metadata",
    selection=dg.AssetSelection.assets(spotify_objects, catalog, listening_events, stats) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Fetches metadata that is missing, the most played first, and derives what it changes.",
)

archive_history = dg.define_asset_job(
    "archive_history",
    selection=dg.AssetSelection.assets(archived_months) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Archives the months past the retention; each is verified before it is dropped.",
)

maintain_partitions = dg.define_asset_job(
    "maintain_partitions",
    selection=dg.AssetSelection.assets(listening_events_partitions) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Makes the partitions of the months ahead and repairs settings that have drifted.",
)

check_warehouse = dg.define_asset_job(
    "check_warehouse",
    selection=_ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Runs the checks over the whole warehouse.",
)


@dg.op(description="Removes runs past their time, with their events and logs.")
def remove_runs(context: dg.OpExecutionContext) -> None:
    removed = remove_old_runs(context.instance, datetime.now(UTC))
    context.log.info(f"{removed.runs:,} runs removed; {removed.kept:,} old ones stay, being the latest of some month")


@dg.job(
    executor_def=dg.in_process_executor,
    description="Removes old runs from Dagster's own tables, so that polling every few minutes does not fill them.",
)
def prune_runs() -> None:
    remove_runs()


JOBS: Sequence[dg.JobDefinition | UnresolvedAssetJobDefinition] = [
    import_history,
    poll_plays,
    refresh_top_lists,
    refresh_metadata,
    heal_user_months,
    archive_history,
    maintain_partitions,
    prune_runs,
    check_warehouse,
]


def import_config(user: str, files: list[str], timezone: str | None = None) -> Mapping[str, Any]:
    """Run config of ``import_history`` for some files of a user: only what they invalidate is derived again."""
    user_months = {"config": {"only_invalidated": True, "user": user}}
    landing: dict[str, Any] = {"user": user, "files": files}
    if timezone is not None:
        landing["timezone"] = timezone
    return {"ops": {"imported_plays": {"config": landing}, "listening_events": user_months, "stats": user_months}}


def heal_config() -> Mapping[str, Any]:
    """Run config of ``heal_user_months``: all invalidated user-months."""
    return {"ops": {"listening_events": _INVALIDATED, "stats": _INVALIDATED}}


def poll_config(users: Sequence[str] = (), *, tick: datetime | None = None) -> Mapping[str, Any]:
    """Run config of ``poll_plays``: the users due at a tick, or some users now, and what that invalidates."""
    polled = {"config": {"users": list(users), "tick": tick.isoformat() if tick else ""}}
    return {"ops": {"polled_plays": polled, "listening_events": _INVALIDATED, "stats": _INVALIDATED}}


def top_list_config(users: Sequence[str] = ()) -> Mapping[str, Any]:
    """Run config of ``refresh_top_lists``: the users who are due, or some users now."""
    return {"ops": {"top_lists": {"config": {"users": list(users)}}}}


def metadata_config(limit: int) -> Mapping[str, Any]:
    """Run config of ``refresh_metadata``: calls at most, and what they invalidate."""
    fetched = {"config": {"limit": limit}}
    return {"ops": {"spotify_objects": fetched, "listening_events": _INVALIDATED, "stats": _INVALIDATED}}


def archive_config(keep_months: int | None = None) -> Mapping[str, Any]:
    """Run config of ``archive_history``: how many whole months stay; None: what the settings say."""
    return {"ops": {"archived_months": {"config": {} if keep_months is None else {"keep_months": keep_months}}}}


def import_tags(user: str, files: list[str]) -> Mapping[str, str]:
    """Run tags that name the user and the files of a run."""
    shown = files[:3] + ([f"{len(files) - 3} more"] if len(files) > 3 else [])
    return {USER_TAG: user, FILES_TAG: ", ".join(shown)}
