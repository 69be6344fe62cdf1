"""The catalog as assets: tracks, songs, artists, albums and who is credited on what.

One transaction writes all of them, whichever of them a run selects.
"""

import time
from collections.abc import Iterator

import dagster as dg
from dagster import AssetExecutionContext

from myi_pipelines.orchestration.assets.metadata import table_size
from myi_pipelines.orchestration.assets.specs import CATALOG, data_version, table_spec
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.warehouse.catalog import sync_catalog

_PROVISIONAL = "Exports name them without an id, so they are provisional until Spotify's metadata arrives."

CATALOG_SPECS = [
    table_spec(
        "artists",
        group=CATALOG,
        deps=["imported_plays", "spotify_objects", "musicbrainz_objects"],
        about=f"Known by their normalized name. {_PROVISIONAL} Where Spotify tells no genres, they are MusicBrainz'.",
    ),
    table_spec(
        "albums",
        group=CATALOG,
        deps=["imported_plays", "spotify_objects", "musicbrainz_objects"],
        about=f"Known by their normalized name and artist. {_PROVISIONAL} Where Spotify tells no date, it is that of"
        " the first release, as MusicBrainz knows it.",
    ),
    table_spec(
        "tracks",
        group=CATALOG,
        deps=["imported_plays", "polled_plays", "spotify_objects", "musicbrainz_objects"],
        about="A track shows the names under which it was last played, whatever the order of imports. Where Spotify"
        " tells no length, it is that of MusicBrainz' recordings of the title.",
    ),
    table_spec(
        "songs",
        group=CATALOG,
        deps=["imported_plays", "polled_plays", "spotify_objects"],
        about="Tracks of equal title and first artist, or of equal ISRC; guests, remasters and such are left out of the"
        " title. Live takes, remixes and other versions stay apart. `tracks.song_id` says which tracks are of a song.",
    ),
    table_spec(
        "track_artists",
        group=CATALOG,
        deps=["imported_plays", "polled_plays", "spotify_objects"],
        about="Exports name only the album's artist; Spotify's metadata names all artists.",
    ),
]


@dg.multi_asset(name="catalog", specs=CATALOG_SPECS, can_subset=True)
def catalog(context: AssetExecutionContext, warehouse: Warehouse) -> Iterator[dg.MaterializeResult[None]]:
    began = time.monotonic()
    with warehouse.connection() as conn:
        written = sync_catalog(conn)._asdict()
        seconds = round(time.monotonic() - began, 2)
        metadata = {
            table: {
                **table_size(conn, table),
                "rows_written": written[table],
                "seconds": seconds,
            }
            for table in written
        }
    for spec in CATALOG_SPECS:
        if spec.key in context.selected_asset_keys:
            yield dg.MaterializeResult(
                data_version=data_version(CATALOG), asset_key=spec.key, metadata=metadata[spec.key.to_user_string()]
            )
