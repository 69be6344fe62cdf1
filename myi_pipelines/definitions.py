"""The one Definitions object: open this first. It only puts together what the modules that it imports from make."""

import warnings
from collections.abc import Mapping

import dagster as dg

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
from myi_pipelines.orchestration.jobs import JOBS
from myi_pipelines.orchestration.resources.archive_store import Archive
from myi_pipelines.orchestration.resources.spotify_app import Spotify
from myi_pipelines.orchestration.resources.uploads_folder import UploadsFolder
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.orchestration.schedules import SCHEDULES
from myi_pipelines.orchestration.sensors import SENSORS


def build_defs(resources: Mapping[str, object] | None = None) -> dg.Definitions:
    """The whole project, with other resources than the settings' where some are given by name."""
    assets = [
        imported_plays,
        polled_plays,
        spotify_objects,
        musicbrainz_objects,
        catalog,
        cover_images,
        listening_events,
        stats,
        top_lists,
        archived_months,
        listening_events_partitions,
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets_with_sources = dg.with_source_code_references(assets)
    return dg.Definitions(
        assets=assets_with_sources,
        asset_checks=CHECKS,
        jobs=JOBS,
        sensors=SENSORS,
        schedules=SCHEDULES,
        executor=dg.in_process_executor,  # for what the UI materializes: a process a step would cost seconds each
        resources={
            "warehouse": Warehouse(),
            "uploads_folder": UploadsFolder(),
            "spotify": Spotify(),
            "archive": Archive(),
            **(resources or {}),
        },
    )


defs = build_defs()
