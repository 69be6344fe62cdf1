"""What is healthy and what is not: the one place of all thresholds, levels and texts.

``evaluate`` takes a whole ``HealthSnapshot`` and gives one result for each thing that is checked; the other functions
take one part. ``myi status``, the metrics, Dagster's asset checks and, through these, the messages about failures show
the results and decide nothing. Reads no server: that is ``health_snapshot``'s part.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from myi_pipelines.operations.monitoring.health_snapshot import (
    DaemonPart,
    DagsterHealth,
    Disk,
    HealthSnapshot,
    PartitionHealth,
    Summary,
    WarehouseHealth,
)
from myi_pipelines.operations.monitoring.probes import Probe
from myi_pipelines.text import age, counted, minute_utc, size
from myi_pipelines.warehouse.metadata_backlog import MetadataRun
from myi_pipelines.warehouse.partitions import PREMADE_MONTHS
from myi_pipelines.warehouse.polls import PollState
from myi_pipelines.warehouse.reporting import Coverage, InvalidatedRange
from myi_pipelines.warehouse.spotify_accounts import Account, expiry_warning

if TYPE_CHECKING:
    from myi_pipelines.sources.spotify.rate_limits import EndpointUsage

DAEMON_PARTS = ("BACKFILL", "MONITORING", "QUEUED_RUN_COORDINATOR", "SCHEDULER", "SENSOR")
DAEMON_LATE = timedelta(minutes=2)
"""Each part reports every 30 seconds that it is alive; a slow tick may take a minute."""
DAEMON_GONE = timedelta(minutes=5)

POLL_LATE = timedelta(minutes=15)
FAILURES_IN_A_ROW = 3

USER_MONTHS_LATE = timedelta(minutes=15)
USER_MONTHS_STUCK = timedelta(hours=24)

METADATA_COVERAGE = 0.8
"""The share of plays whose track's metadata should be known."""

DISK_LOW = 2 * 1024**3
DISK_FULL = 512 * 1024**2


class Level(IntEnum):
    """How bad it is; the number is the exit code that monitoring plugins use."""

    OK = 0
    WARNING = 1
    BROKEN = 2


class CheckResult(NamedTuple):
    """What was found of one thing that is checked."""

    name: str
    level: Level
    text: str


def worst(results: Sequence[CheckResult]) -> Level:
    """The level of the whole."""
    return max((result.level for result in results), default=Level.OK)


def evaluate(snapshot: HealthSnapshot) -> list[CheckResult]:
    """A result for everything that could be read, in the order in which these things depend on one another."""
    return [
        evaluate_server("PostgreSQL", snapshot.postgres, without=Level.BROKEN),
        evaluate_server("Redis", snapshot.redis, without=Level.WARNING),
        *([evaluate_web(snapshot.web)] if snapshot.web else []),
        evaluate_daemon(snapshot.dagster, snapshot.at),
        *([evaluate_runs(snapshot.dagster)] if isinstance(snapshot.dagster, DagsterHealth) else []),
        *_evaluate_warehouse(snapshot),
        *([evaluate_spotify_calls(snapshot.spotify)] if snapshot.spotify else []),
        evaluate_disk(snapshot.disk),
    ]


def _evaluate_warehouse(snapshot: HealthSnapshot) -> Iterator[CheckResult]:
    warehouse = snapshot.warehouse
    if not isinstance(warehouse, WarehouseHealth):
        yield CheckResult("warehouse", Level.BROKEN, warehouse)
        return
    yield evaluate_sync(warehouse.accounts, warehouse.locked, warehouse.polls, snapshot.at)
    if any(account.is_valid for account in warehouse.accounts):
        yield evaluate_metadata_run(warehouse.metadata, snapshot.at)
    yield evaluate_user_months(warehouse.invalidated, snapshot.at)
    yield evaluate_imports(warehouse)
    yield evaluate_partitions(warehouse.partitions)
    if warehouse.shared_names:
        yield evaluate_shared_names(warehouse.shared_names)
    yield evaluate_database(warehouse.summary)


# Servers and Dagster


def evaluate_server(name: str, probe: Probe, *, without: Level) -> CheckResult:
    """Whether a server answers; ``without`` is the level when it does not."""
    if probe.running:
        return CheckResult(name, Level.OK, probe.version)
    return CheckResult(name, without, f"no answer: {probe.problem.rstrip('.')}; see `myi doctor`")


def evaluate_web(probe: Probe) -> CheckResult:
    """Whether the pages answer. Where nothing listens, they may be served by another machine or container."""
    if probe.running:
        return CheckResult("pages", Level.OK, probe.version)
    if not probe.problem:
        return CheckResult("pages", Level.OK, "not served here")
    return CheckResult("pages", Level.WARNING, f"{probe.problem}; see logs/web.log in MYI_HOME")


def evaluate_daemon(dagster: DagsterHealth | str, now: datetime) -> CheckResult:
    """Whether all parts of Dagster's daemon are alive."""
    name = "daemon"
    if isinstance(dagster, str):
        return CheckResult(name, Level.BROKEN, f"Dagster: {dagster}")
    parts = {part.name: part for part in dagster.daemons if part.name in DAEMON_PARTS}
    if not parts:
        return CheckResult(name, Level.BROKEN, "Dagster's daemon has never run; start it with `myi up`")
    oldest = min(parts.values(), key=lambda part: part.heard_at)
    silent = now - oldest.heard_at
    silence = f"{_daemon_name(oldest.name)} has been silent for {age(silent)}"
    if silent > DAEMON_GONE:
        return CheckResult(name, Level.BROKEN, f"{silence}; is `myi up`, or the daemon, running?")
    if missing := [part for part in DAEMON_PARTS if part not in parts]:
        return CheckResult(name, Level.WARNING, f"not heard of yet: {', '.join(map(_daemon_name, missing))}")
    if silent > DAEMON_LATE:
        return CheckResult(name, Level.WARNING, silence)
    if failing := _failing(parts.values()):
        return CheckResult(name, Level.WARNING, f"reports errors: {failing}; see Deployment in Dagster's UI")
    return CheckResult(name, Level.OK, f"{len(DAEMON_PARTS)} parts, heard of {age(silent)} ago at the latest")


def _failing(parts: Iterable[DaemonPart]) -> str:
    return ", ".join(_daemon_name(part.name) for part in parts if part.has_errors)


def _daemon_name(part: str) -> str:
    return f"the {part.lower().replace('_', ' ')} daemon"


def evaluate_runs(dagster: DagsterHealth) -> CheckResult:
    """Whether the last run of each job succeeded."""
    name = "runs"
    failed, succeeded = sum(one.failed for one in dagster.runs), sum(one.succeeded for one in dagster.runs)
    under_way = sum(one.queued + one.running for one in dagster.runs)
    counts = f"{under_way:,} under way; in 24 hours {succeeded:,} succeeded, {failed:,} failed"
    if failing := [one for one in dagster.runs if one.failed_last and one.failed]:
        jobs = ", ".join(f"{one.job} ({one.failed:,} failed)" for one in failing)
        return CheckResult(name, Level.WARNING, f"the last run failed of {jobs}; {counts}")
    return CheckResult(name, Level.OK, counts)


# The warehouse


def evaluate_sync(
    accounts: Sequence[Account], locked: Mapping[int, str], polls: Sequence[PollState], now: datetime
) -> CheckResult:
    """Whether every linked account is polled when it is due, and accepted by Spotify for a while yet. ``locked`` says
    by user id why the encryption key does not open an account's tokens."""
    name = "sync"
    if not accounts:
        return CheckResult(name, Level.OK, "no Spotify account is linked")
    problems = [
        *(_login_needed(one) for one in accounts if not one.is_valid),
        *(f"{one.name} is locked: {locked[one.user_id]}" for one in accounts if one.is_valid and one.user_id in locked),
        *(problem for state in polls if state.user_id not in locked and (problem := _poll_problem(state, now))),
        *(warning for one in accounts if (warning := expiry_warning(one, now))),
    ]
    last = last_sync(accounts)
    summary = f"{counted(len(accounts), 'account')}, {f'last {age(now - last)} ago' if last else 'never yet'}"
    if problems:
        return CheckResult(name, Level.WARNING, f"{'; '.join(problems)} ({summary})")
    return CheckResult(name, Level.OK, summary)


def last_sync(accounts: Sequence[Account]) -> datetime | None:
    """When the latest successful poll of any account was."""
    return max((one.last_synced_at for one in accounts if one.last_synced_at), default=None)


def is_overdue(state: PollState, now: datetime) -> bool:
    """Whether a user should have been polled a while ago."""
    return state.next_poll_at is not None and now - state.next_poll_at > POLL_LATE


def _login_needed(account: Account) -> str:
    reason = account.last_failure_reason or "Spotify refused the account"
    return f"{account.name} needs `myi login --user {account.name}`: {reason}"


def _poll_problem(state: PollState, now: datetime) -> str | None:
    if state.next_poll_at is not None and is_overdue(state, now):
        reason = f" ({state.last_error})" if state.last_error else ""
        return f"{state.name} should have been polled {age(now - state.next_poll_at)} ago{reason}"
    if state.is_refused:
        return f"{state.name} is not polled: {state.last_error}"
    if state.consecutive_failures >= FAILURES_IN_A_ROW:
        return f"{state.name}: {state.consecutive_failures} polls failed in a row: {state.last_error}"
    return None


def evaluate_user_months(invalidated: InvalidatedRange, now: datetime) -> CheckResult:
    """Whether invalidated user-months are derived again soon."""
    name = "user-months"
    if not invalidated.user_months or invalidated.since is None:
        return CheckResult(name, Level.OK, "every user-month is up to date")
    waiting = now - invalidated.since
    which = f"{invalidated.first:%Y-%m} to {invalidated.last:%Y-%m}"
    waits = f"{counted(invalidated.user_months, 'user-month')} to derive again ({which}), for {age(waiting)} at most"
    if waiting <= USER_MONTHS_LATE:
        return CheckResult(name, Level.OK, waits)
    level = Level.BROKEN if waiting > USER_MONTHS_STUCK else Level.WARNING
    return CheckResult(name, level, f"{waits}; is the sensor invalidated_user_months on?")


def evaluate_imports(warehouse: WarehouseHealth) -> CheckResult:
    """Whether files failed recently and were not imported since."""
    name, failed = "imports", warehouse.summary.failed_imports
    if failed:
        return CheckResult(name, Level.WARNING, f"{counted(failed, 'file')} failed in 24 hours; `myi jobs` says why")
    done, running = warehouse.import_jobs.get("COMPLETED", 0), warehouse.import_jobs.get("PROCESSING", 0)
    return CheckResult(name, Level.OK, f"{done:,} files imported, {running:,} under way, none failed in 24 hours")


def evaluate_partitions(partitions: PartitionHealth) -> CheckResult:
    """Whether the partitions of the current month and of those that are made ahead exist."""
    name, missing = "partitions", partitions.missing
    if missing:
        first = f"{len(missing):,} missing, {missing[0]} first"
        return CheckResult(name, Level.WARNING, f"{first}; the next run makes them: is the schedule partitions on?")
    return CheckResult(name, Level.OK, f"{partitions.months_ahead} months ahead (at least {PREMADE_MONTHS})")


def evaluate_partition_settings(differing: Sequence[str]) -> CheckResult:
    """Whether partitions have the storage settings with which they are made; ``differing`` are those that have not."""
    name = "partition settings"
    if differing:
        partitions = f"{counted(len(differing), 'partition')} with other settings"
        return CheckResult(
            name, Level.WARNING, f"{partitions}; materialize listening_events_partitions to set them again"
        )
    return CheckResult(name, Level.OK, "every partition has the settings with which partitions are made")


def evaluate_metadata(plays: Coverage, *, is_linked: bool) -> CheckResult:
    """Whether Spotify's metadata is known of most plays, where an account is linked through which it can be asked."""
    is_low = is_linked and plays.share < METADATA_COVERAGE
    text = f"the track's metadata is known of {plays.share:.0%} of {plays.known:,} plays"
    return CheckResult("metadata", Level.WARNING if is_low else Level.OK, text)


def evaluate_metadata_run(run: MetadataRun | None, now: datetime) -> CheckResult:
    """How far the metadata is, and what stopped the latest run for it."""
    name = "metadata"
    if run is None:
        return CheckResult(name, Level.OK, "not fetched yet")
    share = run.plays_with_metadata / run.plays if run.plays else 1.0
    done = f"{counted(run.fetched, 'object')} in {counted(run.calls, 'call')} {age(now - run.ended_at)} ago"
    failed = f", {run.failed:,} failed" if run.failed else ""
    progress = f"known of {share:.0%} of {run.plays:,} plays; {done}{failed}"
    stopped = f"; stopped: {run.stopped}" if run.stopped else ""
    return CheckResult(name, Level.WARNING if run.is_broken else Level.OK, f"{progress}{stopped}")


def evaluate_shared_names(shared_names: Sequence[tuple[str, str]]) -> CheckResult:
    """Whether two users have one name in different spellings, as version 0.1 allowed."""
    if not shared_names:
        return CheckResult("names", Level.OK, "every listener has a name of their own")
    pairs = ", ".join(f"{name!r} and {same_as!r}" for name, same_as in shared_names)
    name, same_as = shared_names[0]
    merge = shlex.join(["myi", "merge-users", name, same_as])
    return CheckResult("names", Level.WARNING, f"one name in two spellings: {pairs}; `{merge}` makes one listener")


def evaluate_database(summary: Summary) -> CheckResult:
    """How much the warehouse holds; never a problem."""
    users = counted(summary.users, "listener")
    return CheckResult("database", Level.OK, f"{size(summary.database_bytes)}, {summary.plays:,} plays of {users}")


# What is outside


def evaluate_spotify_calls(usage: Sequence[EndpointUsage]) -> CheckResult:
    """Whether calls are left in the 24-hour quotas, and Spotify blocks none. No usage: Redis does not answer."""
    name = "Spotify"
    if not usage:
        return CheckResult(name, Level.WARNING, "Redis does not answer")
    blocked = [f"{one.group} until {minute_utc(one.blocked_until)}" for one in usage if one.blocked_until]
    used_up = [str(one.group) for one in usage if one.calls_last_day >= one.budget]
    if blocked or used_up:
        problems = [
            f"{what}: {', '.join(groups)}" for what, groups in (("blocked", blocked), ("used up", used_up)) if groups
        ]
        return CheckResult(name, Level.WARNING, f"{'; '.join(problems)}; see `myi quota`")
    return CheckResult(name, Level.OK, f"{sum(one.calls_last_day for one in usage):,} calls in 24 hours")


def evaluate_disk(disk: Disk) -> CheckResult:
    """Whether the disk of MYI_HOME has room."""
    name, free = "disk", f"{size(disk.free_bytes)} free of {size(disk.total_bytes)}"
    if disk.free_bytes < DISK_FULL:
        return CheckResult(name, Level.BROKEN, f"{free}: make room now, or nothing can be written")
    if disk.free_bytes < DISK_LOW:
        return CheckResult(name, Level.WARNING, f"{free}: make room, or move MYI_HOME")
    return CheckResult(name, Level.OK, free)
