"""The numbers that describe how a deployment is, read from outside: PostgreSQL, Redis, Dagster's own tables, the disk.

``health`` evaluates them. Starts nothing, writes nothing, and imports no Dagster, which would take seconds.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from psycopg.rows import class_row

from myi_pipelines.operations.monitoring.probes import CONNECT_SECONDS, Probe, probe_postgres, probe_redis, probe_web
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.text import one_line
from myi_pipelines.warehouse import metadata_backlog, polls, reporting, spotify_accounts, users
from myi_pipelines.warehouse.database.connections import Connection, fetch_row
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.metadata_backlog import MetadataRun
from myi_pipelines.warehouse.partitions import MONTH_TABLES, PREMADE_MONTHS, existing_months, months_between, next_month
from myi_pipelines.warehouse.polls import PollState
from myi_pipelines.warehouse.reporting import InvalidatedRange
from myi_pipelines.warehouse.spotify_accounts import Account

if TYPE_CHECKING:
    from myi_pipelines.sources.spotify.rate_limits import EndpointUsage

RECENT = timedelta(hours=24)
QUERY_SECONDS = 10


class Disk(NamedTuple):
    """The disk that holds MYI_HOME."""

    free_bytes: int
    total_bytes: int


class Summary(NamedTuple):
    """The result of one query over the whole warehouse."""

    users: int
    plays: int
    last_ingested_at: datetime | None
    failed_imports: int
    """Of the last 24 hours, except for files that were imported since."""
    database_bytes: int


class UserNumbers(NamedTuple):
    """The numbers of one user, for metrics with names."""

    name: str
    plays: int
    last_success_at: datetime | None


class PartitionHealth(NamedTuple):
    """Which partitions of the month tables exist."""

    missing: list[str]
    """Of the current month and those that are made ahead."""
    months_ahead: int
    """Months after the current one, without a gap, for which every table has a partition."""


class WarehouseHealth(NamedTuple):
    """How the warehouse is."""

    summary: Summary
    invalidated: InvalidatedRange
    accounts: list[Account]
    locked: dict[int, str]
    """Why the encryption key does not open the tokens of an account, by user id."""
    polls: list[PollState]
    metadata: MetadataRun | None
    """The latest run for metadata; None before the first."""
    partitions: PartitionHealth
    import_jobs: dict[str, int]
    """By status."""
    shared_names: list[tuple[str, str]]
    """Users with the same name but for Unicode form, white space or letter case, each with the oldest of them."""


class DaemonPart(NamedTuple):
    """A part of Dagster's daemon."""

    name: str
    heard_at: datetime
    has_errors: bool


class JobRuns(NamedTuple):
    """A job's runs: those under way, and those that ended within 24 hours."""

    job: str
    queued: int
    running: int
    succeeded: int
    failed: int
    failed_last: bool


class DagsterHealth(NamedTuple):
    """How Dagster is."""

    daemons: list[DaemonPart]
    runs: list[JobRuns]


class HealthSnapshot(NamedTuple):
    """Everything that was read at one moment. What could not be read is the reason, in one line."""

    at: datetime
    postgres: Probe
    redis: Probe
    warehouse: WarehouseHealth | str
    dagster: DagsterHealth | str
    spotify: list[EndpointUsage]
    """Calls by group of endpoints; empty while Redis does not answer."""
    disk: Disk
    web: Probe | None = None
    """The web server; None where it was not asked."""


def read_health_snapshot(settings: Settings) -> HealthSnapshot:
    """Read everything once. What does not answer within seconds becomes the reason in its place, and raises nothing."""
    now = datetime.now(UTC)
    urls = servers_of(settings)
    postgres, redis = probe_postgres(urls.database_url), probe_redis(urls.redis_url)
    return HealthSnapshot(
        at=now,
        postgres=postgres,
        redis=redis,
        warehouse=_read_warehouse(settings, urls.database_url, now)
        if postgres.running
        else "PostgreSQL does not answer",
        dagster=_read_dagster(urls.dagster_url, now),
        spotify=_read_calls(settings, urls.redis_url) if redis.running else [],
        disk=read_disk(settings.home),
        web=probe_web(settings.web_url),
    )


def plays_by_source(settings: Settings) -> dict[str, int] | None:
    """Listening events by source, counted one by one; None where that takes too long."""
    try:
        with _reading(servers_of(settings).database_url) as conn:
            return dict(conn.execute(statement("health_snapshot/sources")).fetchall())
    except psycopg.Error:
        return None


def read_users(settings: Settings) -> list[UserNumbers]:
    """Every user by name; none where the warehouse does not answer."""
    try:
        with (
            _reading(servers_of(settings).database_url) as conn,
            conn.cursor(row_factory=class_row(UserNumbers)) as cursor,
        ):
            return cursor.execute(statement("health_snapshot/users")).fetchall()
    except psycopg.Error:
        return []


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    """A connection that cannot change anything, and gives up soon."""
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="myi status") as conn:
        conn.execute(
            f"SET default_transaction_read_only = on; SET statement_timeout = '{QUERY_SECONDS}s'; SET jit = off"
        )
        conn.execute("SET TIME ZONE 'UTC'")
        yield conn


def _read_warehouse(settings: Settings, url: str, now: datetime) -> WarehouseHealth | str:
    try:
        with _reading(url) as conn:
            accounts = spotify_accounts.list_accounts(conn)
            summary = fetch_row(conn, statement("health_snapshot/warehouse"), {"since": now - RECENT})
            return WarehouseHealth(
                summary=Summary(*summary),
                invalidated=reporting.invalidated_range(conn),
                accounts=accounts,
                locked=read_locked(conn, settings, accounts),
                polls=polls.poll_states(conn),
                metadata=metadata_backlog.latest_run(conn),
                partitions=read_partitions(conn, now),
                import_jobs=dict(conn.execute(statement("health_snapshot/import_jobs")).fetchall()),
                shared_names=users.shared_names(conn),
            )
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction):
        return "the warehouse's tables are not there or of an older version; run `myi migrate`"
    except psycopg.Error as error:
        return _line(error)


def read_locked(conn: Connection, settings: Settings, accounts: Sequence[Account]) -> dict[int, str]:
    """Why the encryption key of these settings does not open an account's tokens, by user id. Makes no key."""
    from myi_pipelines.runtime.token_keys import TokenKeys, undecryptable_tokens
    from myi_pipelines.sources.spotify.token_cipher import KeyNotUsable

    if not accounts:
        return {}
    try:
        return undecryptable_tokens(conn, TokenKeys.of_settings(settings))
    except (KeyNotUsable, OSError) as error:
        return {account.user_id: str(error) for account in accounts}


def read_partitions(conn: Connection, now: datetime) -> PartitionHealth:
    """Which partitions of the month tables exist, of the current month and later."""
    months = months_to_have(now)
    return PartitionHealth(reporting.missing_partitions(conn, months), _months_ahead(conn, months[0]))


def months_to_have(now: datetime) -> list[date]:
    """The current month and those that are made ahead of it."""
    months = [now.date().replace(day=1)]
    for _ in range(PREMADE_MONTHS):
        months.append(next_month(months[-1]))
    return months_between(months[0], months[-1])


def _months_ahead(conn: Connection, current: date) -> int:
    everywhere = set.intersection(*(existing_months(conn, table) for table in MONTH_TABLES))
    ahead, month = 0, next_month(current)
    while month in everywhere:
        ahead, month = ahead + 1, next_month(month)
    return ahead


def _read_dagster(url: str, now: datetime) -> DagsterHealth | str:
    try:
        with _reading(url) as conn:
            with conn.cursor(row_factory=class_row(DaemonPart)) as cursor:
                daemons = cursor.execute(statement("health_snapshot/daemons")).fetchall()
            with conn.cursor(row_factory=class_row(JobRuns)) as cursor:
                runs = cursor.execute(
                    statement("health_snapshot/runs"), {"since": (now - RECENT).timestamp()}
                ).fetchall()
        return DagsterHealth(daemons, runs)
    except psycopg.errors.UndefinedTable:
        return "has not run yet; start it with `myi up`"
    except psycopg.Error as error:
        return _line(error)


def _read_calls(settings: Settings, redis_url: str) -> list[EndpointUsage]:
    from myi_pipelines.sources.spotify.rate_limits import Gate

    with closing(Gate(redis_url, settings.calls_per_minute, settings.calls_per_day)) as gate:
        return gate.usage()


def read_disk(home: Path) -> Disk:
    """The disk of MYI_HOME, or of the folder in which it will be made."""
    usage = shutil.disk_usage(next(folder for folder in (home, *home.parents) if folder.is_dir()))
    return Disk(usage.free, usage.total)


def _line(error: psycopg.Error) -> str:
    return one_line(str(error)) or type(error).__name__
