"""What metadata costs: every call to Spotify until all tracks of an imported history have metadata. Prints nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs

from benchmarks import pipeline
from benchmarks.linked_accounts import UNLIMITED, linked
from myi_pipelines.ingest.spotify.metadata_fetch import enrich
from myi_pipelines.simulator import LoggedRequest, Mode, Setup, Simulator
from myi_pipelines.simulator.control import CatalogInfo
from myi_pipelines.simulator.sample import write_sample
from myi_pipelines.warehouse.database.connections import Connection, connect, fetch_scalar

HISTORY_ENDS = date(2025, 12, 31)
CLOCK_STARTS = datetime(2026, 3, 2, 12, tzinfo=UTC)
MOST_PLAYS = 0.8


class Spent(NamedTuple):
    """The calls of one history."""

    tracks: int
    """Distinct tracks, as the export names them."""
    albums: int
    artists: int
    """Distinct artists credited on the tracks."""
    calls: Counter[str]
    """By the kind of object: tracks, albums, artists."""
    calls_for_most_plays: int
    """Until the tracks of 80 % of the plays had metadata."""
    naive_for_most_plays: int
    """The same with one call a track, the most played first."""
    plays_without_metadata: int
    """Plays of tracks without metadata at the end."""

    @property
    def calls_for_tracks(self) -> int:
        """Calls for albums count too: they return the tracks."""
        return self.calls["tracks"] + self.calls["albums"]

    @property
    def tracks_an_album(self) -> float:
        return self.tracks / self.albums


def spent(database_url: str, redis_url: str, folder: Path, *, plays: int, mode: Mode) -> Spent:
    """Import a sample history of ``plays`` plays without metadata, and fetch all metadata."""
    [sample] = write_sample(folder / "sample", users=1, plays=plays, end=HISTORY_ENDS)
    for file in sample.files:
        pipeline.import_file(database_url, file, user=sample.name)
    with connect(database_url) as conn:
        plays_of: dict[str, int] = dict(
            conn.execute(
                "SELECT spotify_id, play_count FROM user_track_stats JOIN tracks ON tracks.id = track_id"
            ).fetchall()
        )
    with (
        Simulator(Setup(users=1, mode=mode, start=CLOCK_STARTS)) as simulator,
        linked(simulator, database_url, redis_url, folder, {sample.name: sample.name}) as spotify,
        connect(database_url) as conn,
    ):
        now = spotify.now
        enrich(conn, spotify.access, redis_url, limit=UNLIMITED, now=lambda: now)
        catalog = simulator.control.catalog()
        requests = simulator.control.requests("/v1/")
        with connect(database_url) as second_conn:
            pipeline.derive(conn, second_conn, spotify.users[sample.name].user_id)
        plays_without = _plays_without_metadata(conn)
    return _spent(plays_of, catalog, requests, plays_without)


def _plays_without_metadata(conn: Connection) -> int:
    """Plays of tracks whose length is still unknown: no export contains it."""
    return int(
        fetch_scalar(
            conn,
            "SELECT coalesce(sum(play_count), 0)::int FROM user_track_stats JOIN tracks ON tracks.id = track_id"
            " WHERE duration_ms IS NULL",
        )
    )


def _spent(
    plays_of: dict[str, int], catalog: CatalogInfo, requests: Sequence[LoggedRequest], plays_without_metadata: int
) -> Spent:
    tracks = {track.id: track for track in catalog.tracks}
    played = [tracks[catalog.relinked.get(spotify_id, spotify_id)] for spotify_id in plays_of]
    most = MOST_PLAYS * sum(plays_of.values())
    return Spent(
        tracks=len(plays_of),
        albums=len({track.album_id for track in played}),
        artists=len({artist_id for track in played for artist_id in track.artist_ids}),
        calls=Counter(one.group for one in requests),
        calls_for_most_plays=_steps_until(most, _plays_by_call(plays_of, catalog, requests)),
        naive_for_most_plays=_steps_until(most, iter(sorted(plays_of.values(), reverse=True))),
        plays_without_metadata=plays_without_metadata,
    )


def _plays_by_call(plays_of: dict[str, int], catalog: CatalogInfo, requests: Sequence[LoggedRequest]) -> Iterator[int]:
    """For each call, in order, the plays of the tracks that got their metadata from it."""
    on_album = {album.id: album.track_ids for album in catalog.albums}
    missing = dict(plays_of)
    for one in requests:
        asked = parse_qs(one.query).get("ids", [one.path.rstrip("/").rpartition("/")[2]])[0].split(",")
        if one.status != 200:
            asked = []
        ids = [track_id for each in asked for track_id in on_album.get(each, [each])]
        yield sum(missing.pop(track_id, 0) for track_id in ids)


def _steps_until(wanted: float, steps: Iterator[int]) -> int:
    """How many steps it takes to reach a sum. Raises ValueError when all of them do not."""
    added = 0
    for number, step in enumerate(steps, start=1):
        added += step
        if added >= wanted:
            return number
    raise ValueError(f"only {added:,} of {wanted:,.0f} plays have metadata")
