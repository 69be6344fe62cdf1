"""The schedules: polling every few minutes, metadata as the quota allows, top lists at night. A tick with nothing to do
is skipped and says why."""

import math
from datetime import UTC, datetime, time

import dagster as dg
from dagster import ScheduleEvaluationContext

from myi_pipelines.orchestration.instance.active_runs import under_way
from myi_pipelines.orchestration.instance.dagster_internals import UnresolvedAssetJobDefinition
from myi_pipelines.orchestration.jobs import (
    archive_config,
    archive_history,
    check_warehouse,
    genre_config,
    maintain_partitions,
    metadata_config,
    poll_config,
    poll_plays,
    prune_runs,
    refresh_genres,
    refresh_metadata,
    refresh_top_lists,
    top_list_config,
)
from myi_pipelines.orchestration.names import CALLS_A_RUN, GENRE_CALLS_A_RUN, METADATA_RUNS_A_DAY
from myi_pipelines.orchestration.partitions import recent_months
from myi_pipelines.orchestration.resources.archive_store import Archive
from myi_pipelines.orchestration.resources.spotify_app import Spotify
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.settings import SettingsError, load_settings, tick_minutes
from myi_pipelines.warehouse import top_list_history
from myi_pipelines.warehouse.archive import archivable_months, first_kept_month, orphaned_folders
from myi_pipelines.warehouse.spotify_accounts import linked_users


@dg.schedule(
    name="polling",
    job=poll_plays,
    cron_schedule=f"*/{tick_minutes()} * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Polls the users who are due, so that each play is seen while it is among the 50 that Spotify shows.",
)
def polling_schedule(
    context: ScheduleEvaluationContext, warehouse: Warehouse, spotify: Spotify
) -> dg.RunRequest | dg.SkipReason:
    from myi_pipelines.ingest.spotify.polling import reason_to_skip

    if busy := _busy(context, poll_plays.name):
        return busy
    now = context.scheduled_execution_time
    with spotify.access_or_reason() as access:
        if isinstance(access, str):
            return dg.SkipReason(access)
        with warehouse.connection() as conn:
            reason = reason_to_skip(conn, access.client.gate, now)
    return dg.SkipReason(reason) if reason else dg.RunRequest(run_config=poll_config(tick=now), tags=recent_months(now))


@dg.schedule(
    name="metadata",
    job=refresh_metadata,
    cron_schedule="7-57/10 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Fetches metadata that is missing, with the quota that polling does not need.",
)
def metadata_schedule(
    context: ScheduleEvaluationContext, warehouse: Warehouse, spotify: Spotify
) -> dg.RunRequest | dg.SkipReason:
    from myi_pipelines.ingest.spotify.metadata_fetch import reason_to_skip

    if busy := _busy(context, refresh_metadata.name):
        return busy
    now = datetime.now(UTC)
    with spotify.access_or_reason() as access:
        if isinstance(access, str):
            return dg.SkipReason(access)
        with warehouse.connection() as conn:
            reason = reason_to_skip(conn, access.client.gate, now)
        group_limit = math.ceil(access.quota.calls_per_day / METADATA_RUNS_A_DAY)
    if reason:
        return dg.SkipReason(reason)
    return dg.RunRequest(run_config=metadata_config(CALLS_A_RUN, group_limit), tags=recent_months(now))


@dg.schedule(
    name="genres",
    job=refresh_genres,
    cron_schedule="2-52/10 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Asks MusicBrainz for genres that Spotify does not tell, once a contact is set, a call a second.",
)
def genres_schedule(context: ScheduleEvaluationContext, warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
    from myi_pipelines.ingest.musicbrainz.genre_fetch import reason_to_skip

    if busy := _busy(context, refresh_genres.name):
        return busy
    try:
        settings = load_settings()
    except SettingsError as error:
        return dg.SkipReason(str(error))
    with warehouse.connection() as conn:
        reason = reason_to_skip(conn, settings, datetime.now(UTC))
    return dg.SkipReason(reason) if reason else dg.RunRequest(run_config=genre_config(GENRE_CALLS_A_RUN))


@dg.schedule(
    name="top_lists",
    job=refresh_top_lists,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Refreshes the top lists of active users every day, of others every three days.",
)
def top_lists_schedule(warehouse: Warehouse, spotify: Spotify) -> dg.RunRequest | dg.SkipReason:
    from myi_pipelines.sources.spotify.rate_limits import EndpointGroup, Priority

    with spotify.access_or_reason() as access:
        if isinstance(access, str):
            return dg.SkipReason(access)
        refusal = access.client.gate.refusal(EndpointGroup.TOP, Priority.TOP_LISTS)
    if refusal is not None:
        return dg.SkipReason(str(refusal))
    with warehouse.connection() as conn:
        if not linked_users(conn):
            return dg.SkipReason("no Spotify account is linked; run `myi login`")
        if not top_list_history.due_users(conn, datetime.now(UTC)):
            return dg.SkipReason("no user's top lists are due")
    return dg.RunRequest(run_config=top_list_config())


@dg.schedule(
    name="retention",
    job=archive_history,
    cron_schedule="30 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Moves months past MYI_RETENTION_MONTHS into the archive, every night.",
)
def retention_schedule(
    context: ScheduleEvaluationContext, warehouse: Warehouse, archive: Archive
) -> dg.RunRequest | dg.SkipReason:
    if not archive.retention_months:
        return dg.SkipReason("MYI_RETENTION_MONTHS is 0: everything stays")
    if busy := _busy(context, archive_history.name):
        return busy
    now = datetime.now(UTC)
    with warehouse.connection() as conn:
        before = first_kept_month(now, archive.retention_months)
        has_work = archivable_months(conn, before, now) or orphaned_folders(conn, now)
    return dg.RunRequest(run_config=archive_config()) if has_work else dg.SkipReason("no month is due to be archived")


def _busy(context: ScheduleEvaluationContext, job: str) -> dg.SkipReason | None:
    """Why not to start another run of a job: one is under way."""
    for record in under_way(context.instance):
        if record.dagster_run.job_name == job:
            return dg.SkipReason(f"run {record.dagster_run.run_id} is under way")
    return None


def _nightly(
    name: str, job: UnresolvedAssetJobDefinition | dg.JobDefinition, at: time, about: str
) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=f"{at.minute} {at.hour} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=about,
    )


SCHEDULES = [
    polling_schedule,
    metadata_schedule,
    genres_schedule,
    top_lists_schedule,
    retention_schedule,
    _nightly(
        "partitions",
        maintain_partitions,
        time(4, 10),
        "Makes the partitions of the months ahead every night, and keeps them as they should be.",
    ),
    _nightly("prune_runs", prune_runs, time(4, 50), "Removes old runs from Dagster's own tables every night."),
    _nightly("checks", check_warehouse, time(5, 10), "Runs the checks over the whole warehouse every night."),
]
