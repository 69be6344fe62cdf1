"""The embedded PostgreSQL and Redis, for users who have no servers of their own. This package is the only place that
knows where those servers come from and how they live; everything else sees two URLs."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from myi_pipelines.runtime.embedded.postgres import Cluster
from myi_pipelines.runtime.embedded.redis import RedisServer

WAREHOUSE_DATABASE = "myi"
DAGSTER_DATABASE = "dagster"

__all__ = [
    "DAGSTER_DATABASE",
    "WAREHOUSE_DATABASE",
    "Cluster",
    "RedisServer",
    "Throwaway",
    "discard",
    "postgres_of",
    "redis_of",
    "throwaway",
    "throwaway_servers",
]


def postgres_of(home: Path) -> Cluster:
    """The PostgreSQL cluster of a MYI_HOME, with the databases that MYI needs."""
    return Cluster(home.resolve() / "postgres", databases=(WAREHOUSE_DATABASE, DAGSTER_DATABASE))


def redis_of(home: Path) -> RedisServer:
    """The Redis server of a MYI_HOME."""
    return RedisServer(home.resolve() / "redis")


class Throwaway(NamedTuple):
    """Fast servers whose data need not outlive them."""

    postgres: Cluster
    redis: RedisServer


def throwaway_servers(folder: Path) -> Throwaway:
    """Throw-away servers in ``folder``, not started: for tests, whose processes share them."""
    folder = folder.resolve()
    return Throwaway(Cluster(folder / "postgres", throwaway=True), RedisServer(folder / "redis", throwaway=True))


def discard(folder: Path) -> None:
    """Stop the throw-away servers in ``folder`` and remove it."""
    servers = throwaway_servers(folder)
    for server in (servers.postgres, servers.redis):
        server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def throwaway(folder: Path) -> Iterator[Throwaway]:
    """Throw-away servers in ``folder`` for as long as the block runs."""
    with ExitStack() as stack:
        servers = throwaway_servers(folder)
        stack.callback(discard, folder)
        servers.postgres.start()
        servers.redis.start()
        yield servers
