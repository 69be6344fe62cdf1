"""Asset checks over the whole warehouse, to be run on demand. What a run checks of its own work is in ``assets/``.

Each check reads its part of the warehouse and shows what ``operations.monitoring.health`` says of it: thresholds and
texts are there.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from myi_pipelines.operations.monitoring import health
from myi_pipelines.operations.monitoring.health_snapshot import read_locked, read_partitions
from myi_pipelines.orchestration.assets.metadata import markdown_list, markdown_table
from myi_pipelines.orchestration.assets.stats import agreement
from myi_pipelines.orchestration.resources.spotify_app import Spotify
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse import invariants, partition_maintenance, polls, reporting, spotify_accounts


def check_result(result: health.CheckResult, metadata: Mapping[str, Any]) -> dg.AssetCheckResult:
    """What ``health`` says, for Dagster: a warning as a check that warns, something broken as one that fails."""
    is_broken = result.level == health.Level.BROKEN
    return dg.AssetCheckResult(
        passed=result.level == health.Level.OK,
        severity=dg.AssetCheckSeverity.ERROR if is_broken else dg.AssetCheckSeverity.WARN,
        description=result.text,
        metadata=metadata,
    )


@dg.asset_check(
    asset="users",
    description="Of every user, all sums of plays and milliseconds in the statistics equal those of the events.",
)
def everyones_stats_agree(warehouse: Warehouse) -> dg.AssetCheckResult:
    with warehouse.connection() as conn:
        return agreement(invariants.check(conn), reporting.row_count(conn, "users"))


@dg.asset_check(
    asset="listening_events",
    description="No user-month has waited for long: events and statistics are up to date with what has landed.",
)
def user_months_are_fresh(warehouse: Warehouse) -> dg.AssetCheckResult:
    with warehouse.connection() as conn:
        invalidated = reporting.invalidated_range(conn)
    result = health.evaluate_user_months(invalidated, datetime.now(UTC))
    return check_result(result, {"invalidated_user_months": invalidated.user_months})


@dg.asset_check(
    asset="listening_events_partitions",
    description="Every month table has the partitions of the current month and of those that are made ahead.",
)
def partitions_are_present(warehouse: Warehouse) -> dg.AssetCheckResult:
    with warehouse.connection() as conn:
        partitions = read_partitions(conn, datetime.now(UTC))
    metadata = {"missing_partitions": markdown_list(partitions.missing)} if partitions.missing else {}
    return check_result(health.evaluate_partitions(partitions), metadata)


@dg.asset_check(
    asset="listening_events_partitions",
    description="Every partition has the storage settings with which partitions are made.",
)
def partitions_are_set_up(warehouse: Warehouse) -> dg.AssetCheckResult:
    with warehouse.connection() as conn:
        differing = [str(drift) for drift in partition_maintenance.drifts(conn)]
    metadata = {"drifted_partitions": markdown_list(differing)} if differing else {}
    return check_result(health.evaluate_partition_settings(differing), metadata)


@dg.asset_check(
    asset="polled_plays",
    description="Every linked user was polled when due; the key opens their tokens, and Spotify accepts the account.",
)
def polling_is_fresh(warehouse: Warehouse) -> dg.AssetCheckResult:
    now = datetime.now(UTC)
    with warehouse.connection() as conn:
        accounts, states = spotify_accounts.list_accounts(conn), polls.poll_states(conn)
        locked = read_locked(conn, load_settings(), accounts)
    return check_result(
        health.evaluate_sync(accounts, locked, states, now),
        {
            "linked_accounts": len(accounts),
            "overdue": sum(health.is_overdue(state, now) for state in states),
            "locked": len(locked),
            "need_login": sum(not one.is_valid for one in accounts),
        },
    )


@dg.asset_check(
    asset="spotify_objects",
    description="Spotify's metadata is known of most of what was played; the rest is fetched as the quota allows.",
)
def metadata_covers_plays(warehouse: Warehouse) -> dg.AssetCheckResult:
    with warehouse.connection() as conn:
        coverage = reporting.metadata_coverage(conn)
        is_linked = bool(spotify_accounts.linked_users(conn))
    plays = next(one for one in coverage if one.kind == "plays")
    return check_result(
        health.evaluate_metadata(plays, is_linked=is_linked),
        {
            "share_of_plays": plays.share,
            "coverage": markdown_table(
                ("", "known", "with metadata"), [(one.kind, one.known, one.with_metadata) for one in coverage]
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
    calls = sum(one.calls_last_day for one in usage)
    return check_result(health.evaluate_spotify_calls(usage), {"calls_in_24_hours": calls})


CHECKS = [
    everyones_stats_agree,
    user_months_are_fresh,
    partitions_are_present,
    partitions_are_set_up,
    polling_is_fresh,
    metadata_covers_plays,
    quota_is_left,
]
