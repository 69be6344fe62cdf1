"""Pictures of albums and artists as an asset: fetched from Spotify's image hosts, which cost no quota."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster import AssetExecutionContext

from myi_pipelines.orchestration.assets.metadata import table_size
from myi_pipelines.orchestration.assets.specs import LANDING, data_version, table_spec
from myi_pipelines.orchestration.names import METADATA_POOL
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse.cover_images import kept_images

COVER_IMAGES_SPEC = table_spec(
    "cover_images",
    group=LANDING,
    deps=["albums", "artists"],
    about=(
        "Kept so that pages ask no other host. The most played come first; `MYI_COVER_IMAGES` says how many are kept."
    ),
)


@dg.multi_asset(name="cover_images", specs=[COVER_IMAGES_SPEC], pool=METADATA_POOL)
def cover_images(context: AssetExecutionContext, warehouse: Warehouse) -> Iterator[dg.MaterializeResult[None]]:
    from myi_pipelines.ingest.spotify.cover_fetch import fetch_covers

    began = time.monotonic()
    with warehouse.connection() as conn:
        done = fetch_covers(conn, load_settings())
        context.log.info(
            f"{done.fetched:,} pictures fetched, {done.failed:,} not to be had, {done.removed:,} removed"
            + (f"; {done.stopped}" if done.stopped else "")
        )
        metadata: dict[str, Any] = {
            **table_size(conn, "cover_images"),
            "images": kept_images(conn),
            "run_fetched": done.fetched,
            "run_failed": done.failed,
            "run_removed": done.removed,
            "run_seconds": round(time.monotonic() - began, 2),
        }
        if done.stopped:
            metadata["stopped"] = done.stopped
    yield dg.MaterializeResult(data_version=data_version(LANDING), metadata=metadata)
