"""What the soak's processes do: poll, derive, enrich, refresh top lists, at a time that they are told.

`python -m ….support.soak.worker SETUP TIME`, with a ``Setup`` as JSON, is one of them: it reads an order a
line and answers each with a line. It logs everything that anybody logs, to standard error.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import Connection as AnyConnection
from psycopg_pool import ConnectionPool

from myi_pipelines.ingest.spotify.access_tokens import AccessTokens, SpotifyAccess
from myi_pipelines.ingest.spotify.metadata_fetch import enrich
from myi_pipelines.ingest.spotify.polling import poll_due
from myi_pipelines.ingest.spotify.top_lists_fetch import refresh_due
from myi_pipelines.runtime.token_keys import TokenKeys
from myi_pipelines.sources.spotify import circuit_breaker, oauth
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.rate_limits import Gate
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection, connect, prepare
from myi_pipelines.warehouse.events import conform_user_months
from myi_pipelines.warehouse.poll_pacing import Quota
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.stats import refresh_stats
from myi_pipelines.warehouse.user_months import Stage, invalidated_user_months

APPLICATION = "myi soak"
CLIENT_ID = "client-of-the-soak"
TICK = timedelta(minutes=30)
CALLS_A_DAY = 56
CALLS_A_MINUTE = 60
CALLS_A_RUN = 40
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Setup:
    """Where everything is."""

    simulator_url: str
    database_url: str
    redis_url: str
    key_file: str


@dataclass
class Hands:
    """What one process works with. Everybody goes by the simulated clock."""

    setup: Setup
    clock: list[datetime]
    conn: Connection
    pool: ConnectionPool[Connection]
    client: SpotifyClient
    app: oauth.App
    keys: TokenKeys
    tokens: AccessTokens

    @property
    def now(self) -> datetime:
        return self.clock[0]

    @property
    def quota(self) -> Quota:
        return Quota(CALLS_A_DAY, TICK)

    def do(self, tasks: Sequence[str]) -> dict[str, Any]:
        """Several tasks, one after the other, as the jobs do; what came of each."""
        return {task: getattr(self, task)() for task in tasks}

    @property
    def access(self) -> SpotifyAccess:
        return SpotifyAccess(self.client, self.tokens)

    def poll(self) -> list[tuple[str, str | None]]:
        """Whom this process polled, and why there is no page."""
        polls = poll_due(self.pool.connection, self.access, now=self.now, quota=self.quota)
        return [(poll.user, poll.error) for poll in polls]

    def derive(self) -> int:
        """Whatever is stale."""
        sync_catalog(self.conn)
        slices = invalidated_user_months(self.conn, Stage.EVENTS)
        for _ in conform_user_months(Session(self.conn), slices):
            pass
        for user_id in sorted({one.user_id for one in invalidated_user_months(self.conn, Stage.STATS)}):
            refresh_stats(Session(self.conn), user_id)
        return len(slices)

    def top_lists(self) -> list[tuple[str, str | None]]:
        return [(one.user, one.error) for one in refresh_due(self.conn, self.access, now=self.now)]

    def enrich(self) -> tuple[int, str | None]:
        """Calls that were made, and why there were no more."""
        done = enrich(self.conn, self.access, self.setup.redis_url, limit=CALLS_A_RUN, now=lambda: self.now)
        return done.total_calls, done.stopped


@contextmanager
def open_hands(setup: Setup, now: datetime) -> Iterator[Hands]:
    """A process's own client, gate, tokens and connection. Redis that is away is asked again soon: hours pass in
    seconds here."""
    clock = [now]
    app = oauth.App(
        CLIENT_ID,
        "http://127.0.0.1:3001/auth/callback",
        accounts_url=setup.simulator_url,
        timeout_seconds=TIMEOUT_SECONDS,
    )
    keys = TokenKeys("", Path(setup.key_file))
    with (
        connect(setup.database_url, application_name=APPLICATION) as conn,
        ConnectionPool(
            setup.database_url,
            connection_class=AnyConnection[tuple[Any, ...]],
            kwargs={"autocommit": True, "application_name": APPLICATION},
            configure=prepare,
            min_size=1,
            max_size=4,
            open=True,
        ) as pool,
        closing(
            Gate(
                setup.redis_url,
                CALLS_A_MINUTE,
                CALLS_A_DAY,
                circuit=circuit_breaker.CircuitRules(),
                redis_pause_seconds=0.1,
                now=lambda: clock[0],
            )
        ) as gate,
        closing(SpotifyClient(gate, setup.simulator_url, timeout_seconds=TIMEOUT_SECONDS)) as client,
    ):
        tokens = AccessTokens(setup.database_url, app, keys, now=lambda: clock[0])
        yield Hands(setup, clock, conn, pool, client, app, keys, tokens)


def order(now: datetime, tasks: Sequence[str]) -> str:
    """The line that tells a worker what to do."""
    return json.dumps({"now": now.isoformat(), "tasks": list(tasks)})


def described(setup: Setup) -> str:
    """The argument that tells a worker where everything is."""
    return json.dumps(asdict(setup))


def main(setup: str, now: str) -> None:
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    with open_hands(Setup(**json.loads(setup)), datetime.fromisoformat(now)) as hands:
        print("ready", flush=True)
        for line in sys.stdin:
            told = json.loads(line)
            hands.clock[0] = datetime.fromisoformat(told["now"])
            print(json.dumps(hands.do(told["tasks"])), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
