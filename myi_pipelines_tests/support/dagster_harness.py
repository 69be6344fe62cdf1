"""The real definitions on a test's own database and uploads folder, and what tests do with them again and again.

No expectations here.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
from dagster import DagsterInstance, ExecuteInProcessResult
from psycopg import sql

from myi_pipelines.definitions import build_defs
from myi_pipelines.ingest.uploads.landing_files import month_range
from myi_pipelines.orchestration.jobs import import_config, import_history
from myi_pipelines.orchestration.partitions import range_tags
from myi_pipelines.orchestration.resources.archive_store import Archive
from myi_pipelines.orchestration.resources.spotify_app import Spotify
from myi_pipelines.orchestration.resources.uploads_folder import UploadsFolder
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.sources.exports import Limits
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.partitions import months_between

FIRST = datetime(2023, 11, 20, 12, 0, tzinfo=UTC)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
TABLES = (
    "imported_plays", "listening_events", "tracks", "songs", "artists", "albums", "track_artists", "user_track_months",
    "user_track_stats", "user_song_stats", "user_artist_stats", "user_album_stats", "user_year_top_tracks",
    "user_time_bucket_stats", "user_weekday_hour_stats", "user_hour_stats", "user_month_contexts", "user_context_stats",
    "users", "invalidated_user_months",
)  # fmt: skip
IMPORT_SELECTION = ["imported_plays", "listening_events", "users"]


class Harness(NamedTuple):
    """A warehouse and an uploads folder with the definitions on top of them."""

    url: str
    uploads: Path
    takes_any_file: bool = False
    """As for `myi import`, whose files may lie anywhere."""

    @property
    def resources(self) -> dict[str, object]:
        return {
            "warehouse": Warehouse(url=self.url),
            "uploads_folder": UploadsFolder(
                folder=str(self.uploads), settle_seconds=0, takes_any_file=self.takes_any_file
            ),
            "spotify": Spotify(),
            "archive": Archive(url=str(self.uploads.with_name("archive"))),
        }

    def defs(self) -> dg.Definitions:
        return build_defs(self.resources)

    def drop(self, user: str, name: str, content: str | bytes) -> Path:
        """Put a file into a listener's uploads folder."""
        path = self.uploads / user / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run_import(
        self, instance: DagsterInstance, user: str, files: Sequence[Path], *, months: Iterable[date] = ()
    ) -> ExecuteInProcessResult:
        """What the sensor asks for, run here."""
        held = [month for path in files for month in month_range(path, Limits()) or ()]
        return self.run(
            import_history.name, instance, months=[*held, *months] or [FIRST.date()],
            config=import_config(user, [str(path) for path in files]),
        )  # fmt: skip

    def run(
        self, job: str, instance: DagsterInstance, *, months: Sequence[date], config: Mapping[str, Any] | None = None
    ) -> ExecuteInProcessResult:
        """A job over the range of some months."""
        return (
            self.defs()
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                run_config={**(config or {}), **QUIET},
                tags=range_tags(months),
                raise_on_error=False,
            )
        )

    def materialize(
        self, instance: DagsterInstance, months: Sequence[date], *, selection: Sequence[str]
    ) -> ExecuteInProcessResult:
        """What the UI does with some assets and a range of months."""
        assets = [one for one in self.defs().assets or [] if isinstance(one, dg.AssetsDefinition)]
        return dg.materialize(
            assets,
            instance=instance,
            resources=self.resources,
            selection=selection,
            tags=range_tags(months),
            run_config=QUIET,
            raise_on_error=False,
        )


def export(plays: int = 60, *, first: datetime = FIRST, apart: timedelta = timedelta(hours=20), salt: str = "") -> str:
    """An extended history: plays evenly apart, of a few tracks by fewer artists, every tenth too short to count."""
    rows = []
    for number in range(plays):
        track = number % 7
        rows.append(
            {
                "ts": (first + number * apart).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "ms_played": 3_000 if number % 10 == 9 else 20_000 + 1_000 * number,
                "master_metadata_track_name": f"Track {track}{salt}",
                "master_metadata_album_artist_name": f"Artist {track % 3}",
                "master_metadata_album_album_name": f"Album {track % 4}",
                "spotify_track_uri": f"spotify:track:{track:022d}",
                "platform": "ios",
                "offline": False,
            }
        )
    return json.dumps(rows, indent=2)


def months_of_export(plays: int = 60, *, first: datetime = FIRST, apart: timedelta = timedelta(hours=20)) -> list[date]:
    """The months into which the plays of ``export`` with the same arguments fall."""
    return months_between(first.date().replace(day=1), (first + (plays - 1) * apart).date())


def contents(conn: Connection, *, without: Iterable[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that an import writes, surrogate keys and times of writing included."""
    return {
        table: sorted(conn.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table))).fetchall())
        for table in TABLES
        if table not in without
    }


def why(result: ExecuteInProcessResult) -> str:
    """What a failed run says of its failure."""
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    return "\n".join((error.cause or error).to_string() for error in errors if error) or "no step failed"


def count(conn: Connection, query: str) -> int:
    """The one number that a query yields."""
    row = conn.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def settle() -> None:
    """Let the clock move on, so that a file written now has settled for a sensor that does not wait."""
    time.sleep(0.02)


def metadata(result: ExecuteInProcessResult, node: str, asset: str | None = None) -> dict[str, dict[str, Any]]:
    """What a run's materializations of an asset say, by partition key."""
    return {
        event.partition or "": {name: value.value for name, value in event.metadata.items()}
        for event in result.asset_materializations_for_node(node)
        if event.asset_key.to_user_string() == (asset or node)
    }


def checks(result: ExecuteInProcessResult) -> dict[str, tuple[bool, str | None]]:
    """Outcome and description of a run's checks, by name."""
    return {one.check_name: (one.passed, one.description) for one in result.get_asset_check_evaluations()}
