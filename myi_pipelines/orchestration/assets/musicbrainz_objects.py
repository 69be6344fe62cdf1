"""Genres from MusicBrainz as an asset: of artists of whom Spotify tells none, the most played first."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
from dagster import AssetExecutionContext
from pydantic import Field

from myi_pipelines.orchestration.assets.metadata import Metadata, markdown_table, table_size
from myi_pipelines.orchestration.assets.specs import LANDING, data_version, table_spec
from myi_pipelines.orchestration.names import GENRE_CALLS_A_RUN, MUSICBRAINZ_POOL
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.musicbrainz import genre_coverage

if TYPE_CHECKING:
    from myi_pipelines.ingest.musicbrainz.genre_fetch import FetchedGenres

MUSICBRAINZ_OBJECTS_SPEC = table_spec(
    "musicbrainz_objects",
    group=LANDING,
    deps=["imported_plays", "spotify_objects"],
    about=(
        "Kept so that a rebuild asks nothing. A materialization looks for artists of whom Spotify tells no genres, the "
        "most played first, by ISRC and by names; `musicbrainz_searches` has whom it found. Dates of albums and "
        "lengths of recordings come with them where Spotify tells not all. Off until "
        "`MYI_MUSICBRAINZ_CONTACT` is set; one call a second."
    ),
)


class GenresConfig(dg.Config):
    """How much a run may ask."""

    limit: int = Field(
        default=GENRE_CALLS_A_RUN, ge=1, description="Calls at most; an artist that was begun is finished."
    )


@dg.multi_asset(name="musicbrainz_objects", specs=[MUSICBRAINZ_OBJECTS_SPEC], pool=MUSICBRAINZ_POOL)
def musicbrainz_objects(
    context: AssetExecutionContext, config: GenresConfig, warehouse: Warehouse
) -> Iterator[dg.MaterializeResult[None]]:
    from myi_pipelines.ingest.musicbrainz.genre_fetch import ContactMissing, fetch_genres, musicbrainz_client

    began = time.monotonic()
    with warehouse.connection() as conn:
        try:
            with musicbrainz_client(load_settings()) as client:
                fetched = fetch_genres(conn, client, limit=config.limit)
            context.log.info(
                f"genres of {fetched.found:,} artists fetched, {fetched.not_found:,} artists not found, in "
                f"{fetched.calls:,} calls; {fetched.stopped or 'nobody is left to ask for now'}"
            )
            done = _summary(fetched, time.monotonic() - began)
        except ContactMissing as error:
            context.log.info(str(error))
            done = {"not_asked": str(error)}
        metadata = {**table_size(conn, "musicbrainz_objects"), **done, "genres_of_played": _coverage(conn)}
    yield dg.MaterializeResult(data_version=data_version(LANDING), metadata=metadata)


def _summary(fetched: "FetchedGenres", seconds: float) -> Metadata:
    return {
        "run_calls": fetched.calls,
        "run_found": fetched.found,
        "run_not_found": fetched.not_found,
        "run_failed": fetched.failed,
        "run_seconds": round(seconds, 2),
        **({"stopped": fetched.stopped} if fetched.stopped else {}),
    }


def _coverage(conn: Connection) -> dg.MarkdownMetadataValue:
    rows = [(one.source, one.artists, one.plays) for one in genre_coverage(conn)]
    return markdown_table(("genres", "artists", "plays"), rows)
