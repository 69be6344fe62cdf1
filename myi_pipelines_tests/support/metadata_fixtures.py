"""A warehouse that imported a history of the simulated Spotify's tracks, a linked account, and workers that enrich it.

`python -m ….support.metadata_fixtures LIMIT` is one worker in another process: it reads the settings
from its environment, waits for a line on standard input and prints how many calls it made.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import redis

from myi_pipelines.ingest.spotify.access_tokens import AccessTokens, SpotifyAccess
from myi_pipelines.ingest.spotify.login import LoginServices, begin_login, finish_login
from myi_pipelines.ingest.spotify.metadata_fetch import Enriched, enrich
from myi_pipelines.runtime.token_keys import TokenKeys
from myi_pipelines.settings import PROJECT, load_settings
from myi_pipelines.simulator import LoggedRequest, Simulator
from myi_pipelines.simulator.control import CatalogInfo, Control, TrackInfo
from myi_pipelines.simulator.world import World
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.oauth import App
from myi_pipelines.sources.spotify.rate_limits import Gate
from myi_pipelines.warehouse import invariants
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

CLIENT_ID = "client-of-the-harness"
_catalogs: dict[World, CatalogInfo] = {}


def _catalog_of(world: World, control: Control) -> CatalogInfo:
    """The music of a world, which many tests ask for: asked of its simulator once."""
    if world not in _catalogs:
        _catalogs[world] = replace(control.catalog(), relinked={}, gone={})
    return _catalogs[world]


@dataclass
class MetadataHarness:
    """What a test of enrichment needs, all of it real."""

    simulator: Simulator
    warehouse: Warehouse
    access: SpotifyAccess
    database_url: str
    redis_url: str
    folder: Path
    user_id: int = 0
    ahead: timedelta = field(default_factory=timedelta)
    """How far the harness's clock is ahead of the simulator's."""

    @property
    def catalog(self) -> CatalogInfo:
        """All music that there is, whatever was relinked or taken down since."""
        return _catalog_of(self.simulator.spotify.world, self.simulator.control)

    @property
    def tracks(self) -> list[TrackInfo]:
        return self.catalog.tracks

    def now(self) -> datetime:
        return self.simulator.spotify.clock.now() + self.ahead

    def login(self) -> None:
        app = App(CLIENT_ID, "http://127.0.0.1:3001/auth/callback", accounts_url=self.simulator.url)
        attempt = begin_login(app)
        answer = self.simulator.control.approve(attempt.url, "ada")
        keys = TokenKeys("", self.folder / "encryption.key")
        services = LoginServices(app, self.access.client, keys, now=self.simulator.control.now)
        linked = finish_login(self.warehouse.conn, services, attempt, answer)
        self.user_id = linked.user_id
        self.simulator.control.clear_requests()

    def import_plays(self, counts: Sequence[tuple[TrackInfo, int]], *, by_name: bool = False) -> None:
        """Import that many plays of each track; ``by_name`` as in account data, without an id."""
        artists = {one.id: one.name for one in self.catalog.artists}
        albums = {one.id: one for one in self.catalog.albums}
        ended, plays = datetime.fromisoformat("2025-05-05T12:00:00Z"), []
        for track, count in counts:
            album = albums[track.album_id]
            names = Track(None if by_name else track.id, track.name, artists[album.artist_ids[0]], album.name)
            for _ in range(count):
                ended += timedelta(minutes=4)
                context = ACCOUNT if by_name else CONTEXT
                plays.append(Play(names, context, ended, ended, 200_000))
        random.Random(1).shuffle(plays)
        self.warehouse.land(self.user_id, plays, batch_rows=1_000)
        self.warehouse.settle([self.user_id])

    def enrich(self, limit: int = 10_000) -> Enriched:
        return enrich(self.warehouse.conn, self.access, self.redis_url, limit=limit, now=self.now)

    def settle(self) -> None:
        self.warehouse.settle([self.user_id])
        self.warehouse.sync()
        assert [str(violation) for violation in invariants.check(self.warehouse.conn)] == []

    def requests(self) -> list[LoggedRequest]:
        """The requests for tracks, artists, albums and searches since the log was cleared."""
        paths = ("/v1/tracks", "/v1/artists", "/v1/albums", "/v1/search")
        return [one for one in self.simulator.control.requests() if one.path.startswith(paths)]

    def request_counts(self) -> Counter[str]:
        """How often each entity was requested, alone or in a batch that Spotify did not refuse."""
        asked: Counter[str] = Counter()
        for one in self.requests():
            if one.status == 403:
                continue
            ids = parse_qs(one.query).get("ids")
            kind, _, spotify_id = one.path.removeprefix("/v1/").strip("/").partition("/")
            asked.update(f"{kind}/{each}" for each in (ids[0].split(",") if ids else [spotify_id]))
        return asked

    def value(self, query: str, *parameters: object) -> object:
        """The one value that a query finds."""
        [[value]] = self.warehouse.conn.execute(query.encode(), parameters).fetchall()
        return value

    def totals(self) -> object:
        return self.value("SELECT (total_play_count, total_listening_ms)::text FROM users WHERE id = %s", self.user_id)

    def seconds_claimed(self, kind: str, spotify_id: str) -> int:
        with redis.Redis.from_url(self.redis_url) as store:
            return int(store.ttl(f"myi:enrich:{kind}:{spotify_id}"))

    def environment(self) -> dict[str, str]:
        """The settings for another process."""
        return {
            "MYI_HOME": str(self.folder),
            "MYI_DATABASE_URL": self.database_url,
            "MYI_REDIS_URL": self.redis_url,
            "MYI_SPOTIFY_CLIENT_ID": CLIENT_ID,
            "MYI_SPOTIFY_ACCOUNTS_URL": self.simulator.url,
            "MYI_SPOTIFY_API_URL": self.simulator.url,
        }

    @contextmanager
    def worker(self, limit: int) -> Iterator[subprocess.Popen[str]]:
        """A worker in another process, ready to start. Killed at the end of the block."""
        command = [sys.executable, "-m", "myi_pipelines_tests.support.metadata_fixtures", str(limit)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment(), cwd=PROJECT
        ) as started:
            try:
                assert started.stdout is not None
                assert started.stdout.readline() == "ready\n"
                yield started
            finally:
                started.kill()


@contextmanager
def open_metadata_harness(
    simulator: Simulator, database_url: str, redis_url: str, folder: Path
) -> Iterator[MetadataHarness]:
    """A harness with one linked account and nothing imported."""
    keys = TokenKeys("", folder / "encryption.key")
    app = App(CLIENT_ID, "http://127.0.0.1:3001/auth/callback", accounts_url=simulator.url)
    with (
        closing(Gate(redis_url, 100_000, 100_000)) as gate,
        closing(SpotifyClient(gate, simulator.url, timeout_seconds=5)) as client,
        open_warehouse(database_url) as warehouse,
    ):
        tokens = AccessTokens(database_url, app, keys, now=simulator.control.now)
        harness = MetadataHarness(simulator, warehouse, SpotifyAccess(client, tokens), database_url, redis_url, folder)
        harness.login()
        yield harness


def main(limit: str) -> None:
    settings = load_settings()
    tokens = AccessTokens.of_settings(settings)
    with (
        closing(Gate(settings.redis_url, 100_000, 100_000)) as gate,
        closing(SpotifyClient(gate, settings.spotify_api_url)) as client,
        connect(settings.database_url) as conn,
    ):
        print("ready", flush=True)
        sys.stdin.readline()
        enriched = enrich(conn, SpotifyAccess(client, tokens), settings.redis_url, limit=int(limit))
        print(enriched.total_calls, enriched.stopped or "done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
