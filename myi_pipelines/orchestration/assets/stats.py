"""The statistics as assets: one step, one transaction for each user, each table an asset of its own in the lineage.

The tables always agree with one another, so a run that selects one of them recomputes them all.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg
from dagster import AssetExecutionContext

from myi_pipelines.orchestration.assets.charts import bar_chart
from myi_pipelines.orchestration.assets.metadata import (
    Metadata,
    markdown_list,
    markdown_table,
    reason_of,
    report_months,
    table_size,
)
from myi_pipelines.orchestration.assets.specs import STATS, data_version, table_spec
from myi_pipelines.orchestration.assets.user_month_selection import UserMonthConfig, user_months_of_run
from myi_pipelines.orchestration.partitions import SINGLE_RUN, months_of
from myi_pipelines.orchestration.resources.archive_store import Archive
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.warehouse import invariants, reporting
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.session import Failure
from myi_pipelines.warehouse.stats import TRACK_MONTHS, refresh_user_months
from myi_pipelines.warehouse.user_months import Stage

AGREE = "stats_agree_with_events"
USERS_SHOWN = 3
PROBLEMS_SHOWN = 20
LINES_SHOWN = 6
"""Longer tables the UI hides behind a link."""

STORED_IN = {"user_song_stats": "user_song_sums"}
"""Where the rows of a view are, as far as they are not in another asset's table."""

_MONTHS = (
    "`user_track_months` keeps what each month contributed, so a user-month that changes is subtracted and added again."
)

# In the order in which they derive from one another.
STATS_SPECS = [
    table_spec(
        "user_track_months",
        group=STATS,
        deps=["listening_events"],
        about="By month like the events, but in one table. The all-time tables are sums over it, reports and pages read"
        " any months from it.",
    ),
    table_spec("user_track_stats", group=STATS, deps=["user_track_months"], about=_MONTHS),
    table_spec(
        "user_song_stats",
        group=STATS,
        kind="view",
        deps=["user_track_stats", "songs", "tracks"],
        about="A view: of most songs a user plays one track, whose row in `user_track_stats` says it all. The sums of"
        " the others are in `user_song_sums`. They also change where the catalog joins tracks or parts them, with it.",
    ),
    table_spec(
        "user_artist_stats",
        group=STATS,
        deps=["user_track_stats", "track_artists"],
        about="A play counts for every artist who is credited on the track.",
    ),
    table_spec(
        "user_album_stats",
        group=STATS,
        deps=["user_track_stats", "tracks"],
        about="The album 0 has the tracks whose album is unknown. When a track turns out to be on another album, the"
        " statistics change in the transaction in which the catalog does.",
    ),
    table_spec(
        "user_year_top_tracks",
        group=STATS,
        deps=["user_track_months", "listening_events", "songs"],
        about="Years of the user's own time zone, summed from their months. The events say which plays around New Year"
        " belong to another year in that time zone than in UTC.",
    ),
    table_spec(
        "user_time_bucket_stats",
        group=STATS,
        deps=["listening_events"],
        about="Days, ISO weeks and months of the user's own time zone, each recomputed from all of its events.",
    ),
    table_spec(
        "user_weekday_hour_stats",
        group=STATS,
        deps=["listening_events"],
        about="When in the week a user listens. What each month contributed is in `user_hour_months`, which the view"
        " `user_weekday_hour_months` shows by weekday and hour.",
    ),
    table_spec(
        "user_hour_stats",
        group=STATS,
        deps=["listening_events"],
        about="When in the day a user listens.",
    ),
    table_spec(
        "user_month_contexts",
        group=STATS,
        deps=["listening_events"],
        about="How a user listens, month by month: the view `user_context_months` shows platform, country, reasons,"
        " shuffle, offline, incognito, skips and share of the track.",
    ),
    table_spec(
        "user_context_stats",
        group=STATS,
        deps=["user_month_contexts"],
        about="How a user listens, of all time. In each dimension the values sum to all plays.",
    ),
    table_spec(
        "users",
        group=STATS,
        deps=["user_track_months"],
        about="The totals are derived; name, time zone and Spotify account are not and survive any rebuild.",
    ),
]


@dg.multi_asset(
    name="stats",
    specs=STATS_SPECS,
    check_specs=[
        dg.AssetCheckSpec(
            AGREE,
            asset="users",
            description="For the latest run's users, all sums of plays and milliseconds equal those of the events.",
        )
    ],
    can_subset=True,
    backfill_policy=SINGLE_RUN,
)
def stats(
    context: AssetExecutionContext, config: UserMonthConfig, warehouse: Warehouse, archive: Archive
) -> Iterator[dg.MaterializeResult[None]]:
    began = time.monotonic()
    problems: list[str] = []

    def note_failure(failure: Failure) -> None:
        problems.append(f"user {failure.user_id}: {reason_of(failure.error)}")
        context.log.error(f"{problems[-1]}; their statistics stay as they were, the others go on")

    with warehouse.session(restore_archived=archive.restore_archived, on_failure=note_failure) as session:
        conn = session.conn
        chosen = user_months_of_run(context, conn, config, Stage.STATS, months_of(context))
        users = sorted({one.user_id for one in chosen})
        rows_written: Counter[str] = Counter()
        months: Counter[date] = Counter()
        for refreshed in refresh_user_months(session, chosen, recount=not config.only_invalidated):
            months.update(one.month for one in refreshed.user_months)
            rows_written.update({table: rows for table, rows in refreshed._asdict().items() if table != "user_months"})
            context.log.info(
                f"{len(refreshed.user_months):,} user-months recomputed together, {months.total():,} in all"
            )
        _require_all(problems, users)  # Before any table is reported: Dagster shows what was reported as done.
        tables = [spec.key.to_user_string() for spec in STATS_SPECS if spec.key in context.selected_asset_keys]
        done: Metadata = {
            "run_user_months": months.total(),
            "run_users": len(users),
            "run_seconds": round(time.monotonic() - began, 2),
        }
        metadata = {table: {"rows_written": rows_written[table], **done} for table in tables}
        for table in tables:
            metadata[table] |= _picture(conn, table, users[:USERS_SHOWN])
            if table != TRACK_MONTHS:
                metadata[table] |= table_size(conn, table, stored_in=STORED_IN.get(table))
        if summary := metadata.pop(TRACK_MONTHS, None):
            size = reporting.track_months_size(conn, months_of(context))
            by_month = {month: {"user_months_recomputed": months[month]} for month in size.months}
            report_months(context, TRACK_MONTHS, size, by_month=by_month, summary=summary)
        checks = {"users": [agreement(invariants.check(conn, users), len(users), check_name=AGREE)]}
    for table in tables:
        yield dg.MaterializeResult(
            data_version=data_version(STATS),
            asset_key=table,
            metadata=metadata.get(table),
            check_results=checks.get(table, []),
        )


def _require_all(problems: Sequence[str], users: Sequence[int]) -> None:
    if problems:
        raise dg.Failure(
            f"statistics of {len(problems):,} of {len(users):,} users could not be recomputed and stay invalidated: "
            + "; ".join(problems[:PROBLEMS_SHOWN]),
            allow_retries=False,
        )


def _picture(conn: Connection, table: str, users: Sequence[int]) -> Metadata:
    """What shows a table best, for a few users whose numbers have just changed."""
    if not users:
        return {}
    each = LINES_SHOWN // len(users)
    match table:
        case "user_track_stats":
            tracks = reporting.top_tracks(conn, users, each=each)
            return {"top_tracks": markdown_table(("User", "Track", "Artists", "Plays", "Hours"), tracks)}
        case "user_song_stats":
            songs = reporting.top_songs(conn, users, each=each)
            return {"top_songs": markdown_table(("User", "Song", "Artist", "Recordings", "Plays", "Hours"), songs)}
        case "user_artist_stats":
            artists = reporting.top_artists(conn, users, each=each)
            return {"top_artists": markdown_table(("User", "Artist", "Plays", "Hours"), artists)}
        case "user_album_stats":
            albums = reporting.top_albums(conn, users, each=each)
            return {"top_albums": markdown_table(("User", "Album", "Artist", "Plays", "Hours"), albums)}
        case "user_hour_stats":
            plays = reporting.plays_by_hour(conn, users)
            return {
                "plays_per_hour": bar_chart("Plays per hour of the day", [f"{hour:02d}" for hour in range(24)], plays)
            }
        case "users":
            totals = reporting.totals(conn, users)
            return {"totals": markdown_table(("User", "Time zone", "Plays", "Hours"), totals)}
    return {}


def agreement(
    violations: Sequence[invariants.Violation], users: int, *, check_name: str | None = None
) -> dg.AssetCheckResult:
    """Whether all sums agree, for the users of a run or for all users."""
    metadata: dict[str, Any] = {"users": users, "violations": len(violations)}
    if violations:
        metadata["sums_that_disagree"] = markdown_list(str(violation) for violation in violations[:20])
    return dg.AssetCheckResult(
        check_name=check_name,
        passed=not violations,
        description=str(violations[0]) if violations else "All sums agree.",
        metadata=metadata,
    )
