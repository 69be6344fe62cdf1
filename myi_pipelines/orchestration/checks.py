"""Asset checks over the whole warehouse, to be run on demand. What a run checks of its own work is in ``assets/``."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from myi_pipelines.orchestration.assets.metadata import markdown_list, markdown_table
from myi_pipelines.orchestration.assets.stats import agreement
from myi_pipelines.orchestration.partitions import last_month
from myi_pipelines.orchestration.resources.spotify_app import Spotify
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.warehouse import invariants, partition_maintenance, polls, reporting, spotify_accounts
from myi_pipelines.warehouse.partitions import months_between

MINUTES_UNTIL_OVERDUE = 15
FAILURES_IN_A_ROW = 3
COVERED = 0.8
"""Share of the plays of which metadata should be known."""


@dg.asset_check(
    asset="users",
    description="Of every listener, all sums of plays and milliseconds in the statistics equal those of the events.",
)
def everyones_stats_agree(warehouse: Warehouse) -> dg.AssetCheckResult:
    with warehouse.connection() as conn:
        return agreement(invariants.check(conn), reporting.row_count(conn, "users"))


@dg.asset_check(
    asset="listening_events",
    description="No slice has been stale for long: events and statistics are up to date with what has landed.",
)
def slices_are_fresh(warehouse: Warehouse) -> dg.AssetCheckResult:
    with warehouse.connection() as conn:
        overdue = reporting.invalidated_range(conn, older_than_seconds=60 * MINUTES_UNTIL_OVERDUE)
    return dg.AssetCheckResult(
        passed=overdue.user_months == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{overdue.user_months:,} slices from {overdue.first:%Y-%m} to {overdue.last:%Y-%m} have been stale for "
            f"more than {MINUTES_UNTIL_OVERDUE} minutes; is the sensor invalidated_user_months on?"
            if overdue.first and overdue.last
            else "Every slice is up to date."
        ),
        metadata={"overdue_slices": overdue.user_months},
    )


@dg.asset_check(
    asset="listening_events_partitions",
    description="Every month table has the partitions of the current month and of those that are made ahead.",
)
def partitions_are_present(warehouse: Warehouse) -> dg.AssetCheckResult:
    months = months_between(datetime.now(UTC).date(), last_month())
    with warehouse.connection() as conn:
        missing = reporting.missing_partitions(conn, months)
    return dg.AssetCheckResult(
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{len(missing)} partitions are missing; they are made by the next run, or when plays for them arrive"
            if missing
            else "No partition is missing."
        ),
        metadata={"missing_partitions": markdown_list(missing)} if missing else {},
    )


@dg.asset_check(
    asset="listening_events_partitions",
    description="Every partition has the storage settings with which partitions are made.",
)
def partitions_are_set_up(warehouse: Warehouse) -> dg.AssetCheckResult:
    with warehouse.connection() as conn:
        drifted = [str(drift) for drift in partition_maintenance.drifts(conn)]
    return dg.AssetCheckResult(
        passed=not drifted,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{len(drifted)} partitions have other settings; materialize listening_events_partitions to set them again"
            if drifted
            else "Every partition is set up as it should be."
        ),
        metadata={"drifted_partitions": markdown_list(drifted)} if drifted else {},
    )


@dg.asset_check(
    asset="polled_plays",
    description="Every linked listener was polled when they were due, and Spotify still accepts their account.",
)
def polling_is_fresh(warehouse: Warehouse) -> dg.AssetCheckResult:
    now = datetime.now(UTC)
    overdue_since = now - timedelta(minutes=MINUTES_UNTIL_OVERDUE)
    with warehouse.connection() as conn:
        linked = spotify_accounts.list_accounts(conn)
        late = [
            f"{state.name}: due since {state.next_poll_at:%Y-%m-%d %H:%M} UTC ({state.last_error or 'never polled'})"
            for state in polls.poll_states(conn)
            if state.next_poll_at is not None and state.next_poll_at < overdue_since
        ]
        failing = [
            f"{state.name}: {state.consecutive_failures} polls failed in a row: {state.last_error}"
            for state in polls.poll_states(conn)
            if state.consecutive_failures >= FAILURES_IN_A_ROW
        ]
    ended = [f"{one.name}: {one.last_failure_reason}; run `myi login`" for one in linked if not one.is_valid]
    ending = [warning for one in linked if (warning := spotify_accounts.expiry_warning(one, now))]
    problems = [*ended, *late, *failing, *ending]
    return dg.AssetCheckResult(
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(problems) or f"{len(linked)} accounts are linked, and nobody is overdue.",
        metadata={"linked_accounts": len(linked), "overdue": len(late), "need_login": len(ended)},
    )


@dg.asset_check(
    asset="spotify_objects",
    description="Spotify's metadata is known of most of what was played; the rest is fetched as the quota allows.",
)
def metadata_covers_plays(warehouse: Warehouse) -> dg.AssetCheckResult:
    with warehouse.connection() as conn:
        told = reporting.metadata_coverage(conn)
        is_linked = bool(spotify_accounts.linked_users(conn))
    plays = next(one for one in told if one.kind == "plays")
    return dg.AssetCheckResult(
        passed=not is_linked or plays.share >= COVERED,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Of {plays.share:.0%} of {plays.known:,} plays the track's metadata is known.",
        metadata={
            "share_of_plays": plays.share,
            "coverage": markdown_table(
                ("", "known", "with metadata"), [(one.kind, one.known, one.with_metadata) for one in told]
            ),
        },
    )


@dg.asset_check(
    asset="polled_plays",
    description="Polling has calls left in its 24-hour quota, and Spotify blocks nothing.",
)
def quota_is_left(spotify: Spotify) -> dg.AssetCheckResult:
    with spotify.access_or_reason() as access:
        if isinstance(access, str):
            return dg.AssetCheckResult(passed=True, description=access)
        usage = access.client.gate.usage()
    blocked = [f"{one.group.value} until {one.blocked_until:%Y-%m-%d %H:%M} UTC" for one in usage if one.blocked_until]
    spent = [one.group.value for one in usage if one.calls_last_day >= one.budget]
    problems = [f"blocked: {', '.join(blocked)}"] * bool(blocked) + [f"used up: {', '.join(spent)}"] * bool(spent)
    return dg.AssetCheckResult(
        passed=bool(usage) and not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(problems) or ("Nothing is blocked." if usage else "Redis does not answer."),
        metadata={"calls_in_24_hours": sum(one.calls_last_day for one in usage)},
    )


CHECKS = [
    everyones_stats_agree,
    slices_are_fresh,
    partitions_are_present,
    partitions_are_set_up,
    polling_is_fresh,
    metadata_covers_plays,
    quota_is_left,
]
