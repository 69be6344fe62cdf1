"""A warehouse whose months leave for an archive and come back when they are needed, as the assets do it.

What the archive's tests do again and again; no expectations here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from psycopg import sql

from myi_pipelines.operations import archiving
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.warehouse import archive, partitions
from myi_pipelines.warehouse.session import RestoreArchived
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ALL = date(2026, 1, 1)
LANDED = ("imported_plays", "polled_plays", "listening_events")
DERIVED = (
    "user_track_months", "user_hour_months", "user_track_stats", "user_song_sums", "user_artist_stats",
    "user_album_stats", "user_month_edges", "user_year_top_tracks", "user_time_bucket_stats",
    "user_weekday_hour_stats", "user_hour_stats", "user_month_contexts", "user_context_stats", "users",
    "invalidated_user_months",
)  # fmt: skip


class ArchivingWarehouse(Warehouse):
    """Does its work with an archive at hand."""

    store: Store

    @property
    def restoring(self) -> RestoreArchived:
        return archiving.restoring_from(self.store)

    def archive(self, *, only: Iterable[date] | None = None) -> list[archiving.MonthOutcome]:
        """Archive what may leave; of some months only those, the others being held."""
        if only is not None:
            present = partitions.existing_months(self.conn, partitions.LISTENING_EVENTS)
            archive.hold_months(self.conn, sorted(present - set(only)), datetime(2100, 1, 1, tzinfo=UTC))
        left = list(archiving.archive_months(self.conn, self.store, before=ALL, now=NOW))
        self.conn.execute("TRUNCATE retention_holds")
        return left

    def restore_archived(self, user_ids: Sequence[int] | None = None) -> int:
        """Restore the archived user-months of some users, or all."""
        months = [part.month for part in archive.archived_parts(self.conn)]
        slices = archive.archived_user_months(self.conn, months)
        chosen = [one for one in slices if user_ids is None or one.user_id in user_ids]
        return archiving.restore_archived(self.store, self.conn, chosen)

    def everything(self, *tables: str) -> dict[str, list[str]]:
        """Every row of some tables as text, or of all, ids and times of creation too."""
        return {table: self._text(table) for table in tables or (*LANDED, *DERIVED)}

    def archived_months(self) -> list[date]:
        """Months that are in the archive, each once."""
        return sorted({part.month for part in archive.archived_parts(self.conn)})

    def months_of(self, user_ids: Sequence[int]) -> list[date]:
        """Months in which listeners have events that statistics count."""
        rows = self.conn.execute(
            "SELECT DISTINCT month FROM user_track_months WHERE user_id = ANY (%s) ORDER BY month", [list(user_ids)]
        )
        return [month for (month,) in rows]

    def _text(self, table: str) -> list[str]:
        query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(table))
        return [row for (row,) in self.conn.execute(query)]


@contextmanager
def open_archiving_warehouse(url: str, archive_folder: Path | str) -> Iterator[ArchivingWarehouse]:
    with open_warehouse(url) as opened:
        warehouse = ArchivingWarehouse(*opened)
        warehouse.store = Store(str(archive_folder))
        yield warehouse
