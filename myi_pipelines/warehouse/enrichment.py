"""Which metadata is missing or due, the most played first, and what became of asking for it. Asks nobody itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from myi_pipelines.warehouse.database import Connection, statement
from myi_pipelines.warehouse.metadata import ObjectType, SpotifyObject, land_objects

REFRESH_AFTER = {"track": timedelta(days=180), "album": timedelta(days=180), "artist": timedelta(days=60)}
"""When metadata that was fetched is due again; what is gone as well, for it may come back."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
"""After a failure, and after many in a row."""


class Wanted(NamedTuple):
    """A catalog entity whose metadata is missing or due."""

    object_type: ObjectType
    entity_id: int
    spotify_id: str
    album_id: int | None = None
    album_spotify_id: str | None = None
    on_album: int = 1
    """How many missing tracks one call for the album may tell of; the album's id may be unknown still."""

    @property
    def album(self) -> Wanted | None:
        """The album to ask for instead, where that may save calls."""
        if self.on_album < 2 or self.album_id is None or self.album_spotify_id is None:
            return None
        return Wanted("album", self.album_id, self.album_spotify_id)


def wanted(conn: Connection, now: datetime, limit: int) -> list[Wanted]:
    """The tracks and artists to ask for: what is missing before what is due again, the most played first."""
    rows = conn.execute(statement("metadata/wanted"), {"now": now, "limit": limit})
    return [Wanted(*row) for row in rows]


def land_answers(conn: Connection, answered: Sequence[Wanted], objects: Sequence[SpotifyObject], now: datetime) -> None:
    """Land what Spotify said and log that these entities are up to date, in one transaction."""
    columns = {
        "now": now,
        "entity_type": [one.object_type for one in answered],
        "entity_id": [one.entity_id for one in answered],
        "next_refresh_at": [now + REFRESH_AFTER[one.object_type] for one in answered],
    }
    with conn.transaction():
        land_objects(conn, objects)
        conn.execute(statement("metadata/log_success"), columns)


def record_failure(conn: Connection, failed: Wanted, error: str, now: datetime) -> timedelta:
    """Log why an entity could not be fetched; return the pause until it is due again, which grows."""
    values = {
        "entity_type": failed.object_type,
        "entity_id": failed.entity_id,
        "error": error,
        "now": now,
        "pause": FIRST_PAUSE,
        "longest": LONGEST_PAUSE,
    }
    row = conn.execute(statement("metadata/log_failure"), values).fetchone()
    assert row is not None
    pause: timedelta = row[0]
    return pause
