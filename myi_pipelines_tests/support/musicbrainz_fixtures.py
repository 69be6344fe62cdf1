"""A warehouse that imported plays of the simulated music, and the simulated MusicBrainz to ask for its genres."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from myi_pipelines.ingest.musicbrainz.genre_fetch import FetchedGenres, fetch_genres
from myi_pipelines.simulator import LoggedRequest, Simulator
from myi_pipelines.simulator.open_music import OpenMusic, build_open_music
from myi_pipelines.simulator.payloads import Shapes
from myi_pipelines.simulator.world import Artist, Track, World
from myi_pipelines.sources.exports import Play
from myi_pipelines.sources.exports import Track as ExportTrack
from myi_pipelines.sources.musicbrainz.client import MusicBrainzClient
from myi_pipelines.sources.musicbrainz.pace import Pace
from myi_pipelines.warehouse.spotify_payloads import SpotifyObject, land_objects
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

APPLICATION = "MYI-tests/1 ( tests@example.org )"
CALLS_PER_SECOND = 100
NOON = datetime.fromisoformat("2025-05-05T12:00:00Z")


@dataclass
class GenreHarness:
    """What a test of genres needs, all of it real."""

    simulator: Simulator
    warehouse: Warehouse
    redis_url: str
    user_id: int = 0
    moment: datetime = NOON
    played: int = 0
    is_settled: bool = True
    shapes: Shapes = field(init=False)

    def __post_init__(self) -> None:
        self.user_id = self.warehouse.user("ada", "UTC")
        self.shapes = Shapes(self.world, self.simulator.url, is_extended=False)

    @property
    def world(self) -> World:
        return self.simulator.spotify.world

    @property
    def open_music(self) -> OpenMusic:
        return build_open_music(self.world)

    def artist(self, name: str) -> Artist:
        return next(one for one in self.world.artists.values() if one.name == name)

    def tracks_of(self, artist: Artist, count: int) -> list[Track]:
        """Songs of an artist, of which no two have the same name."""
        return _tracks_by_artist(self.world)[artist.id][:count]

    def known_artists(self, count: int) -> list[Artist]:
        """Artists whom MusicBrainz knows, with genres and some songs by ISRC and by name."""
        found = _known_artists(self.world)
        assert len(found) >= count
        return found[:count]

    def play(self, tracks: Sequence[Track], times: int = 1) -> None:
        """Import plays, as an export names them: with the track's id, but nothing of its artist's."""
        plays = []
        for track in tracks:
            album = self.world.albums[track.album_id]
            named = ExportTrack(track.id, track.name, self.world.artists[track.artist_ids[0]].name, album.name)
            for _ in range(times):
                self.played += 1
                ended = NOON + timedelta(minutes=4 * self.played)
                plays.append(Play(named, CONTEXT, ended, ended, 200_000))
        self.warehouse.land(self.user_id, plays)
        self.is_settled = False

    def tell(self, tracks: Sequence[Track]) -> None:
        """Land what Spotify says of tracks: their ISRC, their length, and the ids of their artists."""
        land_objects(self.warehouse.conn, [SpotifyObject("track", one.id, self.shapes.track(one)) for one in tracks])
        self.is_settled = False

    def settle(self) -> None:
        if not self.is_settled:
            self.warehouse.settle([self.user_id])
        self.warehouse.sync()
        self.is_settled = True

    def fetch(self, limit: int = 1_000) -> FetchedGenres:
        self.settle()
        with self.client() as client:
            return fetch_genres(self.warehouse.conn, client, limit=limit, now=lambda: self.moment)

    @contextmanager
    def client(self, url: str | None = None) -> Iterator[MusicBrainzClient]:
        with (
            closing(Pace(self.redis_url, CALLS_PER_SECOND)) as pace,
            closing(MusicBrainzClient(pace, APPLICATION, url or self.simulator.url, timeout_seconds=5)) as client,
        ):
            yield client

    def requests(self) -> list[LoggedRequest]:
        return self.simulator.control.requests("/ws/2")

    def genres(self) -> dict[str, list[str]]:
        """By name, of the artists that the catalog knows."""
        self.settle()
        return dict(self.warehouse.conn.execute("SELECT name, genres FROM artists").fetchall())

    def release_dates(self) -> dict[str, str | None]:
        """By name, of the albums that the catalog knows."""
        self.settle()
        return dict(self.warehouse.conn.execute("SELECT name, release_date FROM albums").fetchall())

    def lengths(self) -> dict[str, int | None]:
        """By name, of the tracks that the catalog knows."""
        self.settle()
        return dict(self.warehouse.conn.execute("SELECT name, duration_ms FROM tracks").fetchall())

    def voted(self, artist: Artist) -> list[str]:
        """The five genres with most votes that MusicBrainz has of an artist."""
        [genres] = [one.genres for one in self.open_music.artists.values() if one.name == artist.name]
        return [name for name, _ in sorted(genres.items(), key=lambda one: (-one[1], one[0]))][:5]


@contextmanager
def open_genre_harness(simulator: Simulator, database_url: str, redis_url: str) -> Iterator[GenreHarness]:
    with open_warehouse(database_url) as warehouse:
        yield GenreHarness(simulator, warehouse, redis_url)


@cache
def _tracks_by_artist(world: World) -> dict[str, list[Track]]:
    """By the id of an artist without others, the songs, of which no two have the same name."""
    found: defaultdict[str, dict[str, Track]] = defaultdict(dict)
    for track in world.tracks.values():
        if len(track.artist_ids) == 1:
            found[track.artist_ids[0]][track.name] = track
    return {artist_id: list(found[artist_id].values()) for artist_id in world.artists}


@cache
def _known_artists(world: World) -> list[Artist]:
    open_music = build_open_music(world)
    genres = {one.name: one.genres for one in open_music.artists.values()}
    names = Counter(one.name for one in world.artists.values())
    by_isrc = {one.isrc for one in open_music.recordings}
    return [
        artist
        for artist in world.artists.values()
        if genres.get(artist.name)
        and names[artist.name] == 1
        and len(tracks := _tracks_by_artist(world)[artist.id][:3]) == 3
        and any(track.isrc in by_isrc for track in tracks)
    ]
