"""Spotify's own top lists as assets: one step that replaces both tables of a user together."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster import AssetExecutionContext
from pydantic import Field

from myi_pipelines.orchestration.assets.metadata import markdown_table, table_size
from myi_pipelines.orchestration.assets.polled_plays import chosen_users
from myi_pipelines.orchestration.assets.quota_usage import calls_spent, not_asked, spending
from myi_pipelines.orchestration.assets.specs import SNAPSHOTS, data_version, table_spec
from myi_pipelines.orchestration.resources.spotify_app import Spotify
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.settings import names_app
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.top_list_history import listed_users, show_top_lists

if TYPE_CHECKING:
    from myi_pipelines.ingest.spotify.top_lists_fetch import Refreshed

LINES_SHOWN = 5

_ABOUT = (
    "Spotify's own ranking over four weeks, six months and about a year. All of a user's lists are replaced at "
    "once; what was on them on which day is kept in `{history}`."
)

FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(days=4), fail_window=timedelta(days=7))
"""Lists of users who do not listen are refreshed every three days."""

SNAPSHOT_SPECS = [
    table_spec(
        "spotify_top_tracks",
        group=SNAPSHOTS,
        deps=["tracks"],
        freshness=FRESH if names_app() else None,
        about=_ABOUT.format(history="spotify_top_track_history"),
    ),
    table_spec(
        "spotify_top_artists",
        group=SNAPSHOTS,
        deps=["artists"],
        freshness=FRESH if names_app() else None,
        about=_ABOUT.format(history="spotify_top_artist_history"),
    ),
]


class TopListConfig(dg.Config):
    """Whose lists a run refreshes."""

    users: list[str] = Field(default_factory=list, description="These users', due or not. Empty: those that are due.")


@dg.multi_asset(name="top_lists", specs=SNAPSHOT_SPECS, can_subset=True)
def top_lists(
    context: AssetExecutionContext, config: TopListConfig, warehouse: Warehouse, spotify: Spotify
) -> Iterator[dg.MaterializeResult[None]]:
    from myi_pipelines.ingest.spotify.access_tokens import SpotifyAccess
    from myi_pipelines.ingest.spotify.top_lists_fetch import Refreshed, refresh_due, refresh_now

    began = time.monotonic()
    now = datetime.now(UTC)
    done: Sequence[Refreshed] = []
    with warehouse.connection() as conn:
        chosen = chosen_users(conn, config.users)
        with spotify.access(required=chosen is not None) as access:
            if isinstance(access, str):
                calls = not_asked(context, access)
            else:
                spotify_access = SpotifyAccess(access.client, access.tokens)
                with spending(access.client.gate) as spent:
                    if chosen is None:
                        done = refresh_due(conn, spotify_access, now=now)
                    else:
                        done = refresh_now(conn, spotify_access, chosen, now=now)
                calls = calls_spent(spent)
        for user_id in set(listed_users(conn)) - {one.user_id for one in done if one.error is None}:
            show_top_lists(conn, user_id)  # the catalog may know more, or other keys, than when they were listed
        for one in done:
            context.log.info(f"{one.user}: {one.error or f'{one.tracks} tracks and {one.artists} artists listed'}")
        said = {
            "run_users": len(done),
            "run_failed_users": sum(one.error is not None for one in done),
            "run_seconds": round(time.monotonic() - began, 2),
            **calls,
        }
        if problems := [one for one in done if one.error is not None]:
            said["problems"] = markdown_table(("user", "error"), [(one.user, one.error) for one in problems])
        tables = [spec.key.to_user_string() for spec in SNAPSHOT_SPECS if spec.key in context.selected_asset_keys]
        metadata = {table: said | _picture(conn, table, done) for table in tables}
    for table in tables:
        yield dg.MaterializeResult(data_version=data_version(SNAPSHOTS), asset_key=table, metadata=metadata[table])


def _picture(conn: Connection, table: str, done: "Sequence[Refreshed]") -> dict[str, Any]:
    picture: dict[str, Any] = {**table_size(conn, table)}
    users = [one.user_id for one in done if one.error is None]
    list_top = reporting.spotify_top_tracks if table == "spotify_top_tracks" else reporting.spotify_top_artists
    lines = [(one.user, one.rank, one.name) for one in list_top(conn, users, each=LINES_SHOWN)]
    if lines:
        picture["four_weeks"] = markdown_table(("user", "rank", "name"), lines)
    return picture
