"""The names of jobs and tags, and what a run of each job is given. Imports no Dagster, which takes a second, so that a
program that only asks for runs can use it. ``jobs`` defines the jobs themselves, ``partitions`` Dagster's months.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from myi_pipelines.warehouse.partitions import FIRST_MONTH, PREMADE_MONTHS

LANDING = "landing"
CATALOG = "catalog"
EVENTS = "events"
STATS = "stats"
SNAPSHOTS = "snapshots"
OPERATIONS = "operations"
GROUPS = (LANDING, CATALOG, EVENTS, STATS, SNAPSHOTS, OPERATIONS)
"""Of assets."""

IMPORT_HISTORY = "import_history"
POLL_PLAYS = "poll_plays"
REFRESH_TOP_LISTS = "refresh_top_lists"
REFRESH_METADATA = "refresh_metadata"
REFRESH_GENRES = "refresh_genres"
HEAL_USER_MONTHS = "heal_user_months"
ARCHIVE_HISTORY = "archive_history"
MAINTAIN_PARTITIONS = "maintain_partitions"
PRUNE_RUNS = "prune_runs"
CHECK_WAREHOUSE = "check_warehouse"

METADATA_POOL = "metadata"
MUSICBRAINZ_POOL = "musicbrainz"
ARCHIVE_POOL = "archive"
POOLS = (METADATA_POOL, MUSICBRAINZ_POOL, ARCHIVE_POOL)
"""Of each, one run at a time is at work."""

USER_TAG = "myi/user"
"""Of a run that imports files: the user whose files they are."""
FILES_TAG = "myi/files"
IMPORT_JOBS_TAG = "myi/import_jobs"
"""Of a run that has landed files: the import jobs, separated by commas."""
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

CALLS_A_RUN = 100
"""Calls that a scheduled run of ``refresh_metadata`` makes at most."""
METADATA_RUNS_A_DAY = 144
GENRE_CALLS_A_RUN = 300
"""Calls to MusicBrainz that a scheduled run of ``refresh_genres`` makes at most: five minutes."""
LOOKING_BACK = timedelta(days=31)
FILES_SHOWN = 3

_ONLY_INVALIDATED = {"config": {"only_invalidated": True}}


def import_config(user: str, files: list[str], timezone: str | None = None) -> Mapping[str, Any]:
    """Run config of ``import_history`` for a user's files: only the user-months that they invalidate are derived."""
    derived = {"config": {"only_invalidated": True, "user": user}}
    landing: dict[str, Any] = {"user": user, "files": files}
    if timezone is not None:
        landing["timezone"] = timezone
    return {"ops": {"imported_plays": {"config": landing}, "listening_events": derived, "stats": derived}}


def heal_config() -> Mapping[str, Any]:
    """Run config of ``heal_user_months``: the invalidated user-months of all users."""
    return {"ops": {"listening_events": _ONLY_INVALIDATED, "stats": _ONLY_INVALIDATED}}


def poll_config(users: Sequence[str] = (), *, tick: datetime | None = None) -> Mapping[str, Any]:
    """Run config of ``poll_plays``: the users who are due at a tick, or the users named, now."""
    polled = {"config": {"users": list(users), "tick": tick.isoformat() if tick else ""}}
    return {"ops": {"polled_plays": polled, "listening_events": _ONLY_INVALIDATED, "stats": _ONLY_INVALIDATED}}


def top_list_config(users: Sequence[str] = ()) -> Mapping[str, Any]:
    """Run config of ``refresh_top_lists``: the users who are due, or the users named, now."""
    return {"ops": {"top_lists": {"config": {"users": list(users)}}}}


def metadata_config(limit: int, group_limit: int | None = None) -> Mapping[str, Any]:
    """Run config of ``refresh_metadata``: the most calls that it makes, in all and to one endpoint group."""
    fetched = {"config": {"limit": limit, "group_limit": group_limit}}
    return {"ops": {"spotify_objects": fetched, "listening_events": _ONLY_INVALIDATED, "stats": _ONLY_INVALIDATED}}


def genre_config(limit: int) -> Mapping[str, Any]:
    """Run config of ``refresh_genres``: the most calls that it makes."""
    return {"ops": {"musicbrainz_objects": {"config": {"limit": limit}}}}


def archive_config(keep_months: int | None = None) -> Mapping[str, Any]:
    """Run config of ``archive_history``: how many whole months stay; by default what the settings say."""
    return {"ops": {"archived_months": {"config": {} if keep_months is None else {"keep_months": keep_months}}}}


def import_tags(user: str, files: list[str]) -> Mapping[str, str]:
    """Run tags that name the user whose files a run lands, and the files."""
    more = len(files) - FILES_SHOWN
    shown = files[:FILES_SHOWN] + ([f"{more} more"] if more > 0 else [])
    return {USER_TAG: user, FILES_TAG: ", ".join(shown)}


def range_tags(months: Iterable[date]) -> Mapping[str, str]:
    """Run tags for the whole range from the first to the last of some months, inside the months that exist.

    A run with these tags materializes unpartitioned and single-run partitioned assets together.
    """
    inside = sorted(min(max(month, FIRST_MONTH), last_month()) for month in months)
    return {RANGE_START: key_of(inside[0]), RANGE_END: key_of(inside[-1])}


def recent_months(now: datetime) -> Mapping[str, str]:
    """Run tags for this month and the one before: polls bring plays of these, except the first poll of a user."""
    return range_tags([(now - LOOKING_BACK).date(), now.date()])


def lineage_url(ui: str) -> str:
    """Where Dagster's UI shows the assets and how they derive from one another, all groups open."""
    return f"{ui}/asset-groups?expanded={','.join(f'global@global:{group}' for group in GROUPS)}"


def key_of(month: date) -> str:
    """The partition key of a month: ``2025-12-01``."""
    return month.replace(day=1).isoformat()


def last_month() -> date:
    """The newest month that has a partition key."""
    today = datetime.now(UTC).date()
    years, month = divmod(today.month - 1 + PREMADE_MONTHS, 12)
    return date(today.year + years, month + 1, 1)
