"""The health of a deployment: evaluates a ``HealthSnapshot`` and gives one result for each thing that is checked.
Printing them is ``cli``'s business."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from myi_pipelines.operations.monitoring.health_snapshot import (
    DaemonPart,
    DagsterHealth,
    Disk,
    HealthSnapshot,
    WarehouseHealth,
)
from myi_pipelines.sources.spotify.rate_limits import EndpointUsage
from myi_pipelines.warehouse.partitions import PREMADE_MONTHS
from myi_pipelines.warehouse.spotify_accounts import expiry_warning

DAEMON_PARTS = ("BACKFILL", "MONITORING", "QUEUED_RUN_COORDINATOR", "SCHEDULER", "SENSOR")
DAEMON_LATE = timedelta(minutes=2)
"""Each part says every 30 seconds that it lives; a slow tick may take a minute."""
DAEMON_GONE = timedelta(minutes=5)

POLL_LATE = timedelta(minutes=15)
FAILURES_IN_A_ROW = 3

STALE_LATE = timedelta(minutes=15)
STALE_FOR_LONG = timedelta(hours=24)

LITTLE_BYTES = 2 * 1024**3
TOO_FEW_BYTES = 512 * 1024**2


class Level(IntEnum):
    """How bad it is; the number is the exit code that monitoring plugins use."""

    OK = 0
    WARNING = 1
    BROKEN = 2


class CheckResult(NamedTuple):
    """One thing that was looked at."""

    name: str
    level: Level
    text: str


def worst(results: Sequence[CheckResult]) -> Level:
    """The level of the whole."""
    return max((result.level for result in results), default=Level.OK)


def evaluate(snapshot: HealthSnapshot) -> list[CheckResult]:
    """A finding for everything that could be looked at, in the order in which they depend on one another."""
    return [
        _server(
            "PostgreSQL",
            snapshot.postgres.running,
            snapshot.postgres.version or snapshot.postgres.problem,
            Level.BROKEN,
        ),
        _server("Redis", snapshot.redis.running, snapshot.redis.version or snapshot.redis.problem, Level.WARNING),
        _daemon(snapshot.dagster, snapshot.at),
        *([_runs(snapshot.dagster)] if isinstance(snapshot.dagster, DagsterHealth) else []),
        *_of_warehouse(snapshot),
        *([_spotify(snapshot.spotify)] if snapshot.spotify else []),
        _disk(snapshot.disk),
    ]


def _server(name: str, is_running: bool, found: str, without: Level) -> CheckResult:
    if is_running:
        return CheckResult(name, Level.OK, found)
    return CheckResult(name, without, f"no answer: {found.rstrip('.')}; see `myi doctor`")


def _daemon(dagster: DagsterHealth | str, now: datetime) -> CheckResult:
    name = "daemon"
    if isinstance(dagster, str):
        return CheckResult(name, Level.BROKEN, f"Dagster: {dagster}")
    heard = {part.name: part for part in dagster.daemons}
    missing = [part for part in DAEMON_PARTS if part not in heard]
    if len(missing) == len(DAEMON_PARTS):
        return CheckResult(name, Level.BROKEN, "Dagster's daemon has never run; start it with `myi up`")
    oldest = min((heard[part] for part in DAEMON_PARTS if part in heard), key=lambda part: part.heard_at)
    silent = now - oldest.heard_at
    if silent > DAEMON_GONE:
        return CheckResult(
            name,
            Level.BROKEN,
            f"{_part(oldest)} has been silent for {age(silent)}; is `myi up`, or the daemon, running?",
        )
    if missing:
        return CheckResult(name, Level.WARNING, f"not heard of yet: {', '.join(map(_human, missing))}")
    if silent > DAEMON_LATE:
        return CheckResult(name, Level.WARNING, f"{_part(oldest)} has been silent for {age(silent)}")
    if failing := [_part(part) for part in heard.values() if part.has_errors and part.name in DAEMON_PARTS]:
        return CheckResult(name, Level.WARNING, f"reports errors: {', '.join(failing)}; see Deployment in Dagster's UI")
    return CheckResult(name, Level.OK, f"{len(DAEMON_PARTS)} parts, heard of {age(silent)} ago at the latest")


def _part(part: DaemonPart) -> str:
    return _human(part.name)


def _human(name: str) -> str:
    return f"the {name.lower().replace('_', ' ')} daemon"


def _runs(dagster: DagsterHealth) -> CheckResult:
    name = "runs"
    failed, succeeded = sum(one.failed for one in dagster.runs), sum(one.succeeded for one in dagster.runs)
    under_way = sum(one.queued + one.running for one in dagster.runs)
    counts = f"{under_way:,} under way; in 24 hours {succeeded:,} succeeded, {failed:,} failed"
    if still := [one for one in dagster.runs if one.failed_last and one.failed]:
        jobs = ", ".join(f"{one.job} ({one.failed:,} failed)" for one in still)
        return CheckResult(name, Level.WARNING, f"the last run failed of {jobs}; {counts}")
    return CheckResult(name, Level.OK, counts)


def _of_warehouse(snapshot: HealthSnapshot) -> Iterator[CheckResult]:
    warehouse = snapshot.warehouse
    if isinstance(warehouse, str):
        yield CheckResult("warehouse", Level.BROKEN, warehouse)
        return
    yield _sync(warehouse, snapshot.at)
    yield _slices(warehouse, snapshot.at)
    yield _imports(warehouse)
    yield _partitions(warehouse)
    summary = warehouse.summary
    people = "1 listener" if summary.listeners == 1 else f"{summary.listeners:,} listeners"
    yield CheckResult("database", Level.OK, f"{size(summary.database_bytes)}, {summary.plays:,} plays of {people}")


def _sync(warehouse: WarehouseHealth, now: datetime) -> CheckResult:
    name = "sync"
    if not warehouse.accounts:
        return CheckResult(name, Level.OK, "no Spotify account is linked")
    problems = [
        f"{one.name} needs `myi login --user {one.name}`: {one.last_failure_reason or 'Spotify refused the account'}"
        for one in warehouse.accounts
        if not one.is_valid
    ]
    for state in warehouse.polls:
        if state.next_poll_at is not None and now - state.next_poll_at > POLL_LATE:
            problems.append(f"{state.name} should have been polled {age(now - state.next_poll_at)} ago")
        elif state.consecutive_failures >= FAILURES_IN_A_ROW:
            problems.append(f"{state.name}: {state.consecutive_failures} polls failed in a row: {state.last_error}")
    problems += [warning for one in warehouse.accounts if (warning := expiry_warning(one, now))]
    last = last_sync(warehouse)
    synced = f"last {age(now - last)} ago" if last else "never yet"
    linked = len(warehouse.accounts)
    accounts = "1 account" if linked == 1 else f"{linked:,} accounts"
    if problems:
        return CheckResult(name, Level.WARNING, f"{'; '.join(problems)} ({accounts}, {synced})")
    return CheckResult(name, Level.OK, f"{accounts}, {synced}")


def last_sync(warehouse: WarehouseHealth) -> datetime | None:
    """When a poll last worked, of anybody."""
    return max((one.last_synced_at for one in warehouse.accounts if one.last_synced_at), default=None)


def _slices(warehouse: WarehouseHealth, now: datetime) -> CheckResult:
    name, stale = "slices", warehouse.stale
    if not stale.user_months or stale.since is None:
        return CheckResult(name, Level.OK, "every slice is up to date")
    waiting = now - stale.since
    slices = "1 slice is" if stale.user_months == 1 else f"{stale.user_months:,} slices are"
    text = f"{slices} stale ({stale.first:%Y-%m} to {stale.last:%Y-%m}), for {age(waiting)} at most"
    if waiting > STALE_LATE:
        return CheckResult(
            name,
            Level.BROKEN if waiting > STALE_FOR_LONG else Level.WARNING,
            f"{text}; is the sensor invalidated_user_months on?",
        )
    return CheckResult(name, Level.OK, text)


def _imports(warehouse: WarehouseHealth) -> CheckResult:
    name, failed = "imports", warehouse.summary.failed_imports
    if failed:
        files = "1 file" if failed == 1 else f"{failed:,} files"
        return CheckResult(name, Level.WARNING, f"{files} failed in 24 hours; `myi jobs` says why")
    done, running = warehouse.import_jobs.get("COMPLETED", 0), warehouse.import_jobs.get("PROCESSING", 0)
    return CheckResult(name, Level.OK, f"{done:,} files imported, {running:,} under way, none failed in 24 hours")


def _partitions(warehouse: WarehouseHealth) -> CheckResult:
    name, missing = "partitions", warehouse.missing_partitions
    if missing:
        return CheckResult(
            name, Level.WARNING, f"{len(missing)} missing, {missing[0]} first; is the schedule partitions on?"
        )
    return CheckResult(name, Level.OK, f"{warehouse.months_ahead} months ahead (at least {PREMADE_MONTHS})")


def _spotify(usage: Sequence[EndpointUsage]) -> CheckResult:
    name = "Spotify"
    blocked = [f"{one.group} until {one.blocked_until:%H:%M} UTC" for one in usage if one.blocked_until]
    spent = [one.group.value for one in usage if one.calls_last_day >= one.budget]
    if blocked or spent:
        said = [f"blocked: {', '.join(blocked)}"] * bool(blocked) + [f"used up: {', '.join(spent)}"] * bool(spent)
        return CheckResult(name, Level.WARNING, f"{'; '.join(said)}; see `myi quota`")
    return CheckResult(name, Level.OK, f"{sum(one.calls_last_day for one in usage):,} calls in 24 hours")


def _disk(disk: Disk) -> CheckResult:
    free = f"{size(disk.free_bytes)} free of {size(disk.total_bytes)}"
    if disk.free_bytes < TOO_FEW_BYTES:
        return CheckResult("disk", Level.BROKEN, f"{free}: make room now, or nothing can be written")
    if disk.free_bytes < LITTLE_BYTES:
        return CheckResult("disk", Level.WARNING, f"{free}: make room, or move MYI_HOME")
    return CheckResult("disk", Level.OK, free)


def age(length: timedelta) -> str:
    """A length of time for people: 42 s, 7 min, 5 h, 3 d."""
    seconds = max(0, int(length.total_seconds()))
    for unit, in_seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * in_seconds:
            return f"{seconds // in_seconds} {unit}"
    return f"{seconds} s"


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1024**3:,.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:,.0f} MiB"
