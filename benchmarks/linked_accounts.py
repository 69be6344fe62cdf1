"""Accounts of a simulated Spotify that are linked to a warehouse. Benchmarks move their common clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from myi_pipelines.ingest.spotify import polling
from myi_pipelines.ingest.spotify.access_tokens import AccessTokens, SpotifyAccess
from myi_pipelines.ingest.spotify.login import LoginServices, begin_login, finish_login
from myi_pipelines.ingest.spotify.polling import Polled
from myi_pipelines.runtime.token_keys import TokenKeys
from myi_pipelines.simulator import Control, Simulator
from myi_pipelines.sources.spotify import oauth
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.rate_limits import Gate
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.poll_pacing import Quota
from myi_pipelines.warehouse.spotify_accounts import LinkedUser

TICK = timedelta(minutes=5)
UNLIMITED = 1_000_000
CALLS_PER_DAY = 600
"""Of each group of endpoints: what Development Mode is reported to allow, and the setting's default."""

QUOTA = Quota(CALLS_PER_DAY, TICK)


@dataclass
class Linked:
    """Everything that one process needs to ask Spotify."""

    control: Control
    database_url: str
    redis_url: str
    access: SpotifyAccess
    users: dict[str, LinkedUser]
    """By the user's name in the simulator."""
    now: datetime

    def advance(self, step: timedelta) -> None:
        """Move the clock of the simulated Spotify and of the warehouse."""
        self.now = self.control.advance(step)

    def poll_due(self) -> list[Polled]:
        """Poll as at one tick of the schedule."""
        connections = partial(connect, self.database_url)
        return polling.poll_due(connections, self.access, now=self.now, quota=QUOTA)

    def poll_now(self) -> list[Polled]:
        """Poll all users, due or not."""
        connections, users = partial(connect, self.database_url), list(self.users.values())
        return polling.poll_now(connections, self.access, users, now=self.now, quota=QUOTA)


@contextmanager
def linked(
    simulator: Simulator,
    database_url: str,
    redis_url: str,
    folder: Path,
    users: Mapping[str, str],
    *,
    calls: int = UNLIMITED,
) -> Iterator[Linked]:
    """Log in users of the simulator, and clear its log of the calls for it.

    ``users`` maps their names in the simulator to those in the warehouse. ``calls`` are allowed a minute and, of each
    endpoint group, a day.
    """
    control = simulator.control
    app = oauth.App("benchmark", "http://127.0.0.1:3001/auth/callback", accounts_url=simulator.url)
    keys = TokenKeys("", folder / "encryption.key")
    here: list[Linked] = []

    def now() -> datetime:
        return here[0].now

    with (
        closing(Gate(redis_url, calls, calls, now=now)) as gate,
        closing(SpotifyClient(gate, simulator.url)) as client,
    ):
        tokens = AccessTokens(database_url, app, keys, now=now)
        here.append(Linked(control, database_url, redis_url, SpotifyAccess(client, tokens), {}, control.now()))
        with connect(database_url) as conn:
            for simulated, name in users.items():
                attempt = begin_login(app)
                answer = control.approve(attempt.url, simulated)
                user = finish_login(conn, LoginServices(app, client, keys, now), attempt, answer, name=name)
                here[0].users[simulated] = LinkedUser(user.user_id, user.name)
        control.clear_requests()
        yield here[0]
