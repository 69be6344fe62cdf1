"""Which metadata is missing or due, the most played first, and the result of each request for it. Makes no calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.spotify_payloads import (
    NameKeys,
    ObjectType,
    Payload,
    SpotifyObject,
    land_objects,
    land_search,
)

REFRESH_AFTER = {"track": timedelta(days=180), "album": timedelta(days=180), "artist": timedelta(days=60)}
"""When fetched metadata is due again. Objects that are gone are due again too, because they may return."""

SEARCH_AFTER = timedelta(days=90)
"""When to search again for names without a matching track."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=10), timedelta(hours=6)
"""The pause after a failure, and after many consecutive failures. The first is as long as the time from run to run, so
that what failed in one run does not fail again in the next."""


GONE_AFTER, NOT_FOUND_PAUSE = 3, timedelta(days=3)
"""How often in a row Spotify must not know an object until it is gone, and the time between. 404s happen at random."""


class Wanted(NamedTuple):
    """A catalog entity whose metadata is missing or due."""

    object_type: ObjectType
    entity_id: int
    spotify_id: str
    album_id: int | None = None
    album_spotify_id: str | None = None
    on_album: int = 1
    """How many missing tracks one call for the album may return. The album's id may still be unknown."""
    has_failed: bool = False
    """Whether the last request for it failed. It may be what fails a request for several objects."""

    @property
    def album(self) -> Wanted | None:
        """The album to request instead, if that may save calls."""
        if self.on_album < 2 or self.album_id is None or self.album_spotify_id is None:
            return None
        return Wanted("album", self.album_id, self.album_spotify_id)


class MetadataRun(NamedTuple):
    """How a run for metadata ended."""

    ended_at: datetime
    calls: int
    fetched: int
    """Tracks, albums and artists, and names of account data whose ids were found."""
    failed: int
    stopped: str | None
    """Why it ended early. None when it fetched everything that it could."""
    is_broken: bool
    """Whether refusals or failures in a row ended it, not a limit of calls."""
    plays: int = 0
    plays_with_metadata: int = 0
    """Those of the plays of all users whose track's metadata was known when it ended."""


class Unresolved(NamedTuple):
    """A provisional track: account data names it, and its id has not been searched for."""

    entity_id: int
    name: str
    artist: str
    track_key: UUID
    artist_key: UUID

    @property
    def keys(self) -> NameKeys:
        return self.track_key, self.artist_key


def wanted(conn: Connection, now: datetime, limit: int, *, artists_last: bool = False) -> list[Wanted]:
    """The tracks and artists to request: missing ones before those that are due again, the most played first.

    ``artists_last`` puts all tracks first, for apps to which an artist's payload gives no genres.
    """
    values = {"now": now, "limit": limit, "artists_last": artists_last}
    rows = conn.execute(statement("metadata_backlog/wanted"), values)
    return [Wanted(*row) for row in rows]


def land_answers(conn: Connection, answered: Sequence[Wanted], objects: Sequence[SpotifyObject], now: datetime) -> None:
    """Land Spotify's replies and log that these entities are up to date, in one transaction."""
    columns = {
        "now": now,
        "entity_type": [one.object_type for one in answered],
        "entity_id": [one.entity_id for one in answered],
        "next_refresh_at": [now + REFRESH_AFTER[one.object_type] for one in answered],
    }
    with conn.transaction():
        land_objects(conn, objects)
        conn.execute(statement("metadata_backlog/log_success"), columns)


def unresolved(conn: Connection, now: datetime, limit: int) -> list[Unresolved]:
    """The names of account data to search for, the most played first."""
    values = {"now": now, "since": now - SEARCH_AFTER, "limit": limit}
    return [Unresolved(*row) for row in conn.execute(statement("metadata_backlog/unresolved"), values)]


def land_found(conn: Connection, searched: Unresolved, found: Sequence[Payload], now: datetime) -> bool:
    """Land the track that a search found, if the result is unambiguous. Returns whether it is.

    A result is unambiguous if the name of the track and the name of one of its artists equal the searched names, and if
    all found tracks with these names are the same recording.
    """
    candidates = [
        (payload, artist["name"], _isrc(payload))
        for payload in found
        if isinstance(payload.get("id"), str) and isinstance(payload.get("name"), str)
        for artist in payload.get("artists") or ()
        if isinstance(artist, dict) and isinstance(artist.get("name"), str)
    ]
    values = {
        "track_key": searched.track_key,
        "artist_key": searched.artist_key,
        "spotify_id": [payload["id"] for payload, _, _ in candidates],
        "name": [payload["name"] for payload, _, _ in candidates],
        "artist": [artist for _, artist, _ in candidates],
        "isrc": [isrc for _, _, isrc in candidates],
    }
    matching = conn.execute(statement("metadata_backlog/matching_tracks"), values).fetchall()
    recordings = {isrc or spotify_id for spotify_id, isrc in matching}
    if len(recordings) != 1:
        land_search(conn, searched.keys, None, now)
        return False
    spotify_id = matching[0][0]
    payload = next(payload for payload, _, _ in candidates if payload["id"] == spotify_id)
    return land_search(conn, searched.keys, SpotifyObject("track", spotify_id, payload), now)


def _isrc(payload: Payload) -> str | None:
    ids = payload.get("external_ids")
    isrc = ids.get("isrc") if isinstance(ids, dict) else None
    return isrc if isinstance(isrc, str) else None


def record_failure(conn: Connection, failed: Wanted | Unresolved, error: str, now: datetime) -> timedelta:
    """Log why an entity could not be fetched. Returns the pause until it is due again. It grows with each failure."""
    values = {
        "entity_type": failed.object_type if isinstance(failed, Wanted) else "track",
        "entity_id": failed.entity_id,
        "error": error,
        "now": now,
        "pause": FIRST_PAUSE,
        "longest": LONGEST_PAUSE,
    }
    pause: timedelta = fetch_scalar(conn, statement("metadata_backlog/log_failure"), values)
    return pause


def record_not_found(conn: Connection, missing: Wanted, now: datetime) -> bool:
    """Log that Spotify does not know an entity. Returns whether it is gone now: after several such replies, days apart.

    A gone entity keeps what was known of it, and is due again like one that was fetched.
    """
    values = {
        "entity_type": missing.object_type,
        "entity_id": missing.entity_id,
        "error": "Spotify has no such object",
        "now": now,
        "pause": NOT_FOUND_PAUSE,
        "needed": GONE_AFTER,
        "refresh_after": REFRESH_AFTER[missing.object_type],
    }
    with conn.transaction():
        is_gone = bool(fetch_scalar(conn, statement("metadata_backlog/log_not_found"), values))
        if is_gone:
            land_objects(conn, [SpotifyObject(missing.object_type, missing.spotify_id, None)])
    return is_gone


def answered_before(conn: Connection, object_type: ObjectType) -> str | None:
    """The id of the object of this type that Spotify answered last. None before the first."""
    row = conn.execute(statement("metadata_backlog/answered_before"), {"object_type": object_type}).fetchone()
    return row[0] if row else None


def record_run(conn: Connection, run: MetadataRun) -> None:
    """Keep how the latest run ended, and count the plays whose metadata is known."""
    conn.execute(statement("metadata_backlog/record_run"), run._asdict())


def latest_run(conn: Connection) -> MetadataRun | None:
    """How the latest run ended. None before the first."""
    with conn.cursor(row_factory=class_row(MetadataRun)) as cursor:
        return cursor.execute(statement("metadata_backlog/latest_run")).fetchone()
