"""A ``HealthSnapshot``, and what ``health`` says of it, as Prometheus metrics; users' names only when asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from myi_pipelines.errors import BusyError
from myi_pipelines.operations.monitoring.health import evaluate, last_sync, worst
from myi_pipelines.operations.monitoring.health_snapshot import (
    DagsterHealth,
    HealthSnapshot,
    WarehouseHealth,
    plays_by_source,
    read_health_snapshot,
    read_users,
)
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.reporting import InvalidatedRange

SECONDS_BETWEEN_COUNTS = 900
"""Counting the plays by source reads every one of them, so not every scrape does it."""


class CannotListen(BusyError):
    """The endpoint cannot be opened; the message says where and why."""


class MyiCollector(Collector):
    """Reads everything again at each scrape, one scrape at a time."""

    def __init__(self, settings: Settings, *, with_users: bool = False) -> None:
        self._settings = settings
        self._with_users = with_users
        self._lock = threading.Lock()
        self._sources: dict[str, int] | None = None
        self._counted_at: float | None = None

    def collect(self) -> Iterator[Metric]:
        """Every metric; those without a known value are left out."""
        with self._lock:
            snapshot = read_health_snapshot(self._settings)
            yield from _of_servers(snapshot)
            if isinstance(snapshot.warehouse, WarehouseHealth):
                yield from self._of_plays()
                yield from _of_warehouse(snapshot.warehouse, snapshot.at)
                if self._with_users:
                    yield from self._of_users()
            if isinstance(snapshot.dagster, DagsterHealth):
                yield from _of_dagster(snapshot.dagster)
            yield from _of_spotify(snapshot)

    def _of_plays(self) -> Iterator[Metric]:
        now = time.monotonic()
        if self._counted_at is None or now - self._counted_at > SECONDS_BETWEEN_COUNTS:
            self._sources, self._counted_at = plays_by_source(self._settings), now
        if self._sources is not None:
            group = CounterMetricFamily(
                "myi_plays", "Listening events by source, counted every 15 minutes.", labels=["source"]
            )
            for source, plays in self._sources.items():
                group.add_metric([source], plays)
            yield group

    def _of_users(self) -> Iterator[Metric]:
        plays = GaugeMetricFamily("myi_user_plays", "Listening events of a user.", labels=["user"])
        polled = GaugeMetricFamily(
            "myi_user_last_poll_timestamp_seconds", "When a poll of a user last worked.", labels=["user"]
        )
        for one in read_users(self._settings):
            plays.add_metric([one.name], one.plays)
            if one.last_success_at:
                polled.add_metric([one.name], one.last_success_at.timestamp())
        yield from (plays, polled)


def exposition(settings: Settings, *, with_users: bool = False) -> str:
    """Everything, once, as Prometheus' text format."""
    return generate_latest(_registry(settings, with_users)).decode()


@contextmanager
def serving(settings: Settings, host: str, port: int, *, with_users: bool = False) -> Iterator[int]:
    """An HTTP endpoint for as long as the block runs; the port, which the system chooses for 0. Raises CannotListen."""
    try:
        server, thread = start_http_server(port, addr=host, registry=_registry(settings, with_users))
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CannotListen(f"{host}:{port}: {reason}; choose another port for --serve") from None
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _registry(settings: Settings, with_users: bool) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(MyiCollector(settings, with_users=with_users))
    return registry


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, value=value)


def _instant(name: str, documentation: str, instant: datetime | None) -> Iterator[GaugeMetricFamily]:
    """Nothing where there was none yet: 0 would mean 1970."""
    if instant is not None:
        yield _gauge(name, documentation, instant.timestamp())


def _of_servers(snapshot: HealthSnapshot) -> Iterator[Metric]:
    results = evaluate(snapshot)
    yield _gauge("myi_health_status", "The whole: 0 well, 1 warnings, 2 broken.", worst(results))
    each = GaugeMetricFamily("myi_health_check_status", "0 well, 1 warning, 2 broken.", labels=["check"])
    for result in results:
        each.add_metric([result.name.lower()], result.level)
    yield each
    up = GaugeMetricFamily("myi_server_up", "Whether a server answers.", labels=["server"])
    up.add_metric(["postgresql"], snapshot.postgres.running)
    up.add_metric(["redis"], snapshot.redis.running)
    yield up
    yield _gauge("myi_disk_free_bytes", "Free on the disk of MYI_HOME.", snapshot.disk.free_bytes)
    yield _gauge("myi_disk_size_bytes", "Size of the disk of MYI_HOME.", snapshot.disk.total_bytes)


def _of_warehouse(warehouse: WarehouseHealth, now: datetime) -> Iterator[Metric]:
    summary = warehouse.summary
    yield _gauge("myi_listeners", "Listeners.", summary.users)
    yield _gauge("myi_listening_events", "Listening events, by the users' totals.", summary.plays)
    yield _gauge("myi_database_size_bytes", "Size of the warehouse's database.", summary.database_bytes)
    yield from _instant("myi_last_landing_timestamp_seconds", "When plays last landed.", summary.last_ingested_at)
    yield from _of_user_months(warehouse.invalidated, now)
    yield from _of_accounts(warehouse)
    yield from _of_imports(warehouse)
    partitions = warehouse.partitions
    yield _gauge("myi_partition_months_ahead", "Months after this one whose partitions exist.", partitions.months_ahead)
    yield _gauge("myi_missing_partitions", "Partitions missing of this month and those ahead.", len(partitions.missing))


def _of_user_months(invalidated: InvalidatedRange, now: datetime) -> Iterator[Metric]:
    yield _gauge("myi_invalidated_user_months", "User-months to derive again.", invalidated.user_months)
    oldest = (now - invalidated.since).total_seconds() if invalidated.since else 0
    yield _gauge(
        "myi_invalidated_user_months_oldest_age_seconds", "For how long the oldest has waited.", max(0, oldest)
    )


def _of_accounts(warehouse: WarehouseHealth) -> Iterator[Metric]:
    accounts = warehouse.accounts
    yield _gauge("myi_linked_accounts", "Linked Spotify accounts.", len(accounts))
    invalid = sum(not one.is_valid for one in accounts)
    yield _gauge("myi_accounts_needing_login", "Linked accounts that Spotify no longer accepts.", invalid)
    ends = min((one.authorization_ends_at for one in accounts if one.is_valid), default=None)
    yield from _instant("myi_next_authorization_end_timestamp_seconds", "When the next authorization ends.", ends)
    last = last_sync(accounts)
    yield from _instant("myi_last_poll_timestamp_seconds", "When a poll last worked, of any user.", last)
    due = min((one.next_poll_at for one in warehouse.polls if one.next_poll_at), default=None)
    yield from _instant(
        "myi_next_poll_timestamp_seconds", "When the next poll is due, or the longest overdue was.", due
    )


def _of_imports(warehouse: WarehouseHealth) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("myi_import_jobs", "Imported files by status.", labels=["status"])
    for status, count in warehouse.import_jobs.items():
        jobs.add_metric([status.lower()], count)
    yield jobs
    yield _gauge(
        "myi_failed_imports_24h",
        "Files that failed within 24 hours and still have to be imported.",
        warehouse.summary.failed_imports,
    )


def _of_dagster(dagster: DagsterHealth) -> Iterator[Metric]:
    heard = GaugeMetricFamily(
        "myi_daemon_heartbeat_timestamp_seconds",
        "When a part of Dagster's daemon was last heard of.",
        labels=["daemon"],
    )
    for part in dagster.daemons:
        heard.add_metric([part.name.lower()], part.heard_at.timestamp())
    yield heard
    runs = GaugeMetricFamily("myi_runs", "Runs under way.", labels=["job", "status"])
    ended = GaugeMetricFamily("myi_runs_24h", "Runs that ended within 24 hours.", labels=["job", "status"])
    for one in dagster.runs:
        runs.add_metric([one.job, "queued"], one.queued)
        runs.add_metric([one.job, "running"], one.running)
        ended.add_metric([one.job, "success"], one.succeeded)
        ended.add_metric([one.job, "failure"], one.failed)
    yield from (runs, ended)


def _of_spotify(snapshot: HealthSnapshot) -> Iterator[Metric]:
    calls = GaugeMetricFamily("myi_spotify_calls_24h", "Calls to Spotify within 24 hours.", labels=["group"])
    budget = GaugeMetricFamily("myi_spotify_calls_24h_limit", "Calls that may be made in 24 hours.", labels=["group"])
    blocked = GaugeMetricFamily("myi_spotify_blocked", "Whether Spotify refuses calls.", labels=["group"])
    for one in snapshot.spotify:
        calls.add_metric([one.group.value], one.calls_last_day)
        budget.add_metric([one.group.value], one.budget)
        blocked.add_metric([one.group.value], one.blocked_until is not None)
    yield from (calls, budget, blocked)
