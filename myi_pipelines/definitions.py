"""The one Definitions object: open this first. It only puts together what the modules that it imports from make."""

from collections.abc import Mapping

import dagster as dg

from myi_pipelines.assets.archive import archived_months
from myi_pipelines.assets.catalog import catalog
from myi_pipelines.assets.events import listening_events
from myi_pipelines.assets.landing import imported_plays
from myi_pipelines.assets.metadata import spotify_objects
from myi_pipelines.assets.operations import listening_events_partitions
from myi_pipelines.assets.polling import polled_plays
from myi_pipelines.assets.snapshots import top_lists
from myi_pipelines.assets.stats import stats
from myi_pipelines.checks import CHECKS
from myi_pipelines.jobs import JOBS
from myi_pipelines.resources.archive import Archive
from myi_pipelines.resources.spotify import Spotify
from myi_pipelines.resources.uploads import UploadsFolder
from myi_pipelines.resources.warehouse import Warehouse
from myi_pipelines.schedules import SCHEDULES
from myi_pipelines.sensors import SENSORS


def build_defs(resources: Mapping[str, object] | None = None) -> dg.Definitions:
    """The whole project, with other resources than the settings' where some are given by name."""
    return dg.Definitions(
        assets=[
            imported_plays,
            polled_plays,
            spotify_objects,
            catalog,
            listening_events,
            stats,
            top_lists,
            archived_months,
            listening_events_partitions,
        ],
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
