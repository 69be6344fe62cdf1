"""The jobs: which assets run together, and how. The steps are SQL-bound and short, so they share the run's process."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from myi_pipelines.ingest.uploads.waiting_files import protect_moved
from myi_pipelines.orchestration import names
from myi_pipelines.orchestration.assets.archived_months import archived_months
from myi_pipelines.orchestration.assets.catalog import catalog
from myi_pipelines.orchestration.assets.cover_images import cover_images
from myi_pipelines.orchestration.assets.imported_plays import imported_plays
from myi_pipelines.orchestration.assets.listening_events import listening_events
from myi_pipelines.orchestration.assets.listening_events_partitions import listening_events_partitions
from myi_pipelines.orchestration.assets.musicbrainz_objects import musicbrainz_objects
from myi_pipelines.orchestration.assets.polled_plays import polled_plays
from myi_pipelines.orchestration.assets.spotify_objects import spotify_objects
from myi_pipelines.orchestration.assets.stats import stats
from myi_pipelines.orchestration.assets.top_lists import top_lists
from myi_pipelines.orchestration.checks import CHECKS
from myi_pipelines.orchestration.instance.dagster_internals import UnresolvedAssetJobDefinition
from myi_pipelines.orchestration.instance.run_history import remove_old_runs
from myi_pipelines.orchestration.names import FILES_TAG as FILES_TAG
from myi_pipelines.orchestration.names import USER_TAG as USER_TAG
from myi_pipelines.orchestration.names import archive_config as archive_config
from myi_pipelines.orchestration.names import genre_config as genre_config
from myi_pipelines.orchestration.names import heal_config as heal_config
from myi_pipelines.orchestration.names import import_config as import_config
from myi_pipelines.orchestration.names import import_tags as import_tags
from myi_pipelines.orchestration.names import metadata_config as metadata_config
from myi_pipelines.orchestration.names import poll_config as poll_config
from myi_pipelines.orchestration.names import top_list_config as top_list_config
from myi_pipelines.orchestration.resources.uploads_folder import UploadsFolder
from myi_pipelines.text import printable

POLLS_AT_MOST = {"dagster/max_runtime": str(15 * 60)}
CALLS_AT_MOST = {"dagster/max_runtime": str(30 * 60)}
"""Seconds after which a run is ended: it goes on in the next one, and must not keep it from beginning."""

_ON_DEMAND = dg.AssetSelection.checks(*CHECKS)

import_history = dg.define_asset_job(
    names.IMPORT_HISTORY,
    selection=dg.AssetSelection.assets(imported_plays, catalog, listening_events, stats) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Exports in, statistics out: lands files, then brings catalog, events and statistics up to date.",
)

heal_user_months = dg.define_asset_job(
    names.HEAL_USER_MONTHS,
    selection=dg.AssetSelection.assets(catalog, listening_events, stats) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Derives again what is invalidated: by a run that died, or by a change of time zone.",
)

poll_plays = dg.define_asset_job(
    names.POLL_PLAYS,
    selection=dg.AssetSelection.assets(polled_plays, catalog, listening_events, stats) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    tags=POLLS_AT_MOST,
    description="Asks Spotify for the recent plays of the users who are due, and derives what they change.",
)

refresh_top_lists = dg.define_asset_job(
    names.REFRESH_TOP_LISTS,
    selection=dg.AssetSelection.assets(top_lists) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    tags=CALLS_AT_MOST,
    description="Asks Spotify for the top lists of the users whose lists are due.",
)

refresh_metadata = dg.define_asset_job(
    names.REFRESH_METADATA,
    selection=dg.AssetSelection.assets(spotify_objects, catalog, cover_images, listening_events, stats) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    tags=CALLS_AT_MOST,
    description="Fetches metadata and covers that are missing, the most played first; derives what that changes.",
)

refresh_genres = dg.define_asset_job(
    names.REFRESH_GENRES,
    selection=dg.AssetSelection.assets(musicbrainz_objects, catalog) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    tags=CALLS_AT_MOST,
    description="Asks MusicBrainz for artists of whom Spotify tells no genres, the most played first: genres, dates,"
    " lengths.",
)

archive_history = dg.define_asset_job(
    names.ARCHIVE_HISTORY,
    selection=dg.AssetSelection.assets(archived_months) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Archives the months past the retention; each is verified before it is dropped.",
)

maintain_partitions = dg.define_asset_job(
    names.MAINTAIN_PARTITIONS,
    selection=dg.AssetSelection.assets(listening_events_partitions) - _ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Makes the partitions of the months ahead and repairs settings that have drifted.",
)

check_warehouse = dg.define_asset_job(
    names.CHECK_WAREHOUSE,
    selection=_ON_DEMAND,
    executor_def=dg.in_process_executor,
    description="Runs the checks over the whole warehouse.",
)


@dg.op(description="Removes runs past their time, with their events and logs.")
def remove_runs(context: dg.OpExecutionContext) -> None:
    removed = remove_old_runs(context.instance, datetime.now(UTC))
    context.log.info(f"{removed.runs:,} runs removed; {removed.kept:,} old ones stay, being the latest of some month")


@dg.op(description="Lets only the owner read what was imported or failed, also what was not moved there by MYI.")
def protect_uploads(context: dg.OpExecutionContext, uploads_folder: UploadsFolder) -> None:
    protected = protect_moved(uploads_folder.path)
    context.log.info(f"{protected.closed:,} files and folders closed, which others could read")
    if protected.problems:
        first = printable(protected.problems[0])
        context.log.warning(f"{len(protected.problems):,} could not be closed to others, the first of them {first}")


@dg.job(
    name=names.PRUNE_RUNS,
    executor_def=dg.in_process_executor,
    description="Removes old runs from Dagster's own tables, so that polling every few minutes does not fill them, and "
    "lets only the owner read what was imported.",
)
def prune_runs() -> None:
    remove_runs()
    protect_uploads()


JOBS: Sequence[dg.JobDefinition | UnresolvedAssetJobDefinition] = [
    import_history,
    poll_plays,
    refresh_top_lists,
    refresh_metadata,
    refresh_genres,
    heal_user_months,
    archive_history,
    maintain_partitions,
    prune_runs,
    check_warehouse,
]
