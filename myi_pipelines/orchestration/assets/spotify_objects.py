"""Metadata from Spotify's API as an asset: what is missing is fetched, the most played first, as the quota allows."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
from dagster import AssetExecutionContext
from pydantic import Field

from myi_pipelines.orchestration.assets.metadata import Metadata, markdown_table, table_size
from myi_pipelines.orchestration.assets.quota_usage import calls_spent, not_asked, spending
from myi_pipelines.orchestration.assets.specs import LANDING, data_version, table_spec
from myi_pipelines.orchestration.names import CALLS_A_RUN, METADATA_POOL
from myi_pipelines.orchestration.resources.spotify_app import Spotify
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.database.connections import Connection

if TYPE_CHECKING:
    from myi_pipelines.ingest.spotify.metadata_fetch import Enriched

SPOTIFY_OBJECTS_SPEC = table_spec(
    "spotify_objects",
    group=LANDING,
    deps=["polled_plays"],
    about=(
        "Payloads of tracks, albums and artists, kept so that a rebuild spends no quota. What comes with polls and "
        "top lists are free; a materialization fetches the rest, the most played first, and stops where a limit does."
    ),
)


class MetadataConfig(dg.Config):
    """How much a run may spend."""

    limit: int = Field(default=CALLS_A_RUN, ge=0, description="Calls at most.")
    group_limit: int | None = Field(default=None, ge=1, description="Calls at most to one endpoint group.")


@dg.multi_asset(name="spotify_objects", specs=[SPOTIFY_OBJECTS_SPEC], pool=METADATA_POOL)
def spotify_objects(
    context: AssetExecutionContext, config: MetadataConfig, warehouse: Warehouse, spotify: Spotify
) -> Iterator[dg.MaterializeResult[None]]:
    from myi_pipelines.ingest.spotify.access_tokens import SpotifyAccess
    from myi_pipelines.ingest.spotify.metadata_fetch import enrich

    began = time.monotonic()
    with warehouse.connection() as conn, spotify.access(required=False) as access:
        if isinstance(access, str):
            done = not_asked(context, access)
        else:
            with spending(access.client.gate) as spent:
                spotify_access = SpotifyAccess(access.client, access.tokens)
                enriched = enrich(
                    conn, spotify_access, access.redis_url, limit=config.limit, group_limit=config.group_limit
                )
            context.log.info(
                f"{enriched.tracks:,} tracks, {enriched.albums:,} albums and {enriched.artists:,} artists fetched, "
                f"{enriched.resolved:,} names found, in {enriched.total_calls:,} calls; "
                f"{enriched.stopped or 'nothing is left to fetch now'}"
            )
            done = {**_summary(enriched, time.monotonic() - began), **calls_spent(spent)}
        metadata = {**table_size(conn, "spotify_objects"), **done, "coverage": _coverage(conn)}
    yield dg.MaterializeResult(data_version=data_version(LANDING), metadata=metadata)


def _summary(enriched: "Enriched", seconds: float) -> Metadata:
    return {
        "run_tracks": enriched.tracks,
        "run_albums": enriched.albums,
        "run_artists": enriched.artists,
        "run_resolved": enriched.resolved,
        "run_gone": enriched.gone,
        "run_failed": enriched.failed,
        "run_seconds": round(seconds, 2),
        **({"stopped": enriched.stopped} if enriched.stopped else {}),
    }


def _coverage(conn: Connection) -> dg.MarkdownMetadataValue:
    coverage = reporting.metadata_coverage(conn)
    return markdown_table(
        ("", "known", "with metadata"),
        [(one.kind, one.known, f"{one.with_metadata:,} ({one.share:.0%})") for one in coverage],
    )
