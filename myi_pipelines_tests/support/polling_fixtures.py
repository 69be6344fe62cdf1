"""A simulated Spotify, a warehouse and a Redis for the test, with one clock that the test moves."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from myi_pipelines.ingest.spotify import polling, top_lists_fetch
from myi_pipelines.ingest.spotify.access_tokens import AccessTokens, SpotifyAccess
from myi_pipelines.ingest.spotify.login import LoginServices, begin_login, finish_login
from myi_pipelines.ingest.spotify.polling import Polled
from myi_pipelines.ingest.spotify.top_lists_fetch import Refreshed
from myi_pipelines.runtime.token_keys import TokenKeys
from myi_pipelines.simulator import Control, TruePlay
from myi_pipelines.sources.spotify import oauth
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.rate_limits import Gate
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.poll_pacing import Quota
from myi_pipelines.warehouse.spotify_accounts import LinkedUser

RECENTLY_PLAYED = "/v1/me/player/recently-played"
TICK = timedelta(minutes=5)


@dataclass
class Harness:
    """What one process uses: its own client, gate and tokens."""

    control: Control
    database_url: str
    redis_url: str
    conn: Connection
    client: SpotifyClient
    gate: Gate
    app: oauth.App
    keys: TokenKeys
    tokens: AccessTokens
    clock: list[datetime]
    quota: Quota = field(default=Quota(600, TICK))

    @property
    def access(self) -> SpotifyAccess:
        return SpotifyAccess(self.client, self.tokens)

    @property
    def now(self) -> datetime:
        return self.clock[0]

    def advance(self, step: timedelta) -> datetime:
        """Move the simulated Spotify's clock and ours."""
        self.clock[0] = self.control.advance(step)
        return self.now

    def link(self, *names: str) -> list[LinkedUser]:
        """Log listeners in, as a browser would, and clear the log of these calls."""
        users = []
        for name in names:
            attempt = begin_login(self.app)
            redirected = self.control.approve(attempt.url, name)
            services = LoginServices(self.app, self.client, self.keys, now=lambda: self.now)
            linked = finish_login(self.conn, services, attempt, redirected, name=name)
            users.append(LinkedUser(linked.user_id, linked.name))
        self.control.clear_requests()
        return users

    def poll(self) -> list[Polled]:
        """One tick."""
        connections = partial(connect, self.database_url)
        return polling.poll_due(connections, self.access, now=self.now, quota=self.quota)

    def poll_now(self, users: Sequence[LinkedUser]) -> list[Polled]:
        connections = partial(connect, self.database_url)
        return polling.poll_now(connections, self.access, users, now=self.now, quota=self.quota)

    def refresh_due(self) -> list[Refreshed]:
        return top_lists_fetch.refresh_due(self.conn, self.access, now=self.now)

    def refresh_now(self, users: Sequence[LinkedUser]) -> list[Refreshed]:
        return top_lists_fetch.refresh_now(self.conn, self.access, users, now=self.now)

    def calls(self, path_prefix: str = "/v1/") -> int:
        """The calls that Spotify received since this method was last called."""
        calls = len(self.control.requests(path_prefix))
        self.control.clear_requests()
        return calls

    def calls_at_last(self, expected: int) -> int:
        """The same, after waiting for calls that Spotify logs only after the client has given them up."""
        deadline = time.monotonic() + 10
        while len(self.control.requests("/")) < expected and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.calls("/")

    def stored(self, user: LinkedUser) -> list[tuple[datetime, str]]:
        """The polled plays of a user, oldest first."""
        return self.conn.execute(
            "SELECT played_at, spotify_id FROM polled_plays WHERE user_id = %s ORDER BY 1, 2", [user.user_id]
        ).fetchall()


def keys_of(plays: Sequence[TruePlay]) -> list[tuple[datetime, str]]:
    """True plays in the form of ``Harness.stored``."""
    return sorted((play.played_at, play.track_id) for play in plays if play.track_id is not None)


@contextmanager
def open_harness(control: Control, database_url: str, redis_url: str, folder: Path) -> Iterator[Harness]:
    """What a process opens, with the simulated clock in place of its own."""
    clock = [control.now()]
    app = oauth.App("client", "http://127.0.0.1:3001/auth/callback", accounts_url=control.url, timeout_seconds=3)
    keys = TokenKeys("", folder / "encryption.key")
    with (
        connect(database_url) as conn,
        closing(Gate(redis_url, now=lambda: clock[0])) as gate,
        closing(SpotifyClient(gate, control.url, timeout_seconds=3)) as client,
    ):
        tokens = AccessTokens(database_url, app, keys, now=lambda: clock[0])
        yield Harness(control, database_url, redis_url, conn, client, gate, app, keys, tokens, clock)
