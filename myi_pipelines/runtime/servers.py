"""The servers that the settings name, the user's own or the embedded ones: their URLs, starting them, stopping them.
How an embedded server works is in ``embedded``, what a database holds in ``warehouse``."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from myi_pipelines.runtime import embedded
from myi_pipelines.runtime.database_urls import with_schema
from myi_pipelines.settings import Settings

DAGSTER_SCHEMA = "dagster"
POSTGRES = "PostgreSQL"
REDIS = "Redis"
ALL = (POSTGRES, REDIS)


class Servers(NamedTuple):
    """Where everything is, as libpq and Redis URLs."""

    database_url: str
    dagster_url: str
    redis_url: str


def servers_of(settings: Settings) -> Servers:
    """The servers' URLs, whether they run or not."""
    cluster = embedded.postgres_of(settings.home)
    database_url = settings.database_url or cluster.url(embedded.WAREHOUSE_DATABASE)
    return Servers(
        database_url=database_url,
        dagster_url=settings.dagster_database_url
        or (
            cluster.url(embedded.DAGSTER_DATABASE)
            if database_url == cluster.url(embedded.WAREHOUSE_DATABASE)
            else with_schema(database_url, DAGSTER_SCHEMA)
        ),
        redis_url=settings.redis_url or embedded.redis_of(settings.home).url(),
    )


def embedded_servers(settings: Settings) -> dict[str, embedded.Cluster | embedded.RedisServer]:
    """The servers that MYI runs itself under these settings, by name; also when the settings spell out their URLs."""
    urls = servers_of(settings)
    cluster = embedded.postgres_of(settings.home)
    redis_server = embedded.redis_of(settings.home)
    found: dict[str, embedded.Cluster | embedded.RedisServer] = {}
    if urls.database_url == cluster.url(embedded.WAREHOUSE_DATABASE):
        found[POSTGRES] = cluster
    if urls.redis_url == redis_server.url():
        found[REDIS] = redis_server
    return found


def start_servers(
    settings: Settings, names: Collection[str] = ALL, on_start: Callable[[str], None] = lambda name: None
) -> list[str]:
    """Start the embedded servers among ``names`` that do not run, and return their names. ``on_start`` is called
    with each name before."""
    started = []
    for name, server in _chosen(settings, names):
        if server.pid() is None:
            on_start(name)
        if server.start():
            started.append(name)
    return started


def stop_servers(settings: Settings, names: Collection[str] = ALL) -> list[str]:
    """Stop the embedded servers among ``names``; the names of those that were running."""
    return [name for name, server in reversed(_chosen(settings, names)) if server.stop()]


def _chosen(settings: Settings, names: Collection[str]) -> list[tuple[str, embedded.Cluster | embedded.RedisServer]]:
    return [(name, server) for name, server in embedded_servers(settings).items() if name in names]
