"""What the warehouse holds, counted for people: rows and bytes of tables and months, top lists, plays over time.

Reads only; Dagster's metadata and checks are made of it. It knows no Dagster.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from psycopg import sql
from psycopg.rows import class_row

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import MONTH_TABLES, MonthTable, next_month, partition_name, starts_at


class MonthSize(NamedTuple):
    """One month's partition of a table."""

    rows: int
    bytes: int


class TopTrack(NamedTuple):
    """One line of a listener's top tracks."""

    user: str
    track: str
    artists: str
    play_count: int
    hours: float


class TopArtist(NamedTuple):
    """One line of a listener's top artists."""

    user: str
    artist: str
    play_count: int
    hours: float


class ListedTop(NamedTuple):
    """One line of Spotify's own list over four weeks."""

    user: str
    rank: int
    name: str


class Coverage(NamedTuple):
    """How much of something Spotify's metadata is known of."""

    kind: str
    known: int
    told: int

    @property
    def share(self) -> float:
        """From 0 to 1; 1 of nothing."""
        return self.told / self.known if self.known else 1.0


class Totals(NamedTuple):
    """A listener's all-time totals."""

    user: str
    timezone: str
    play_count: int
    hours: float


class InvalidatedRange(NamedTuple):
    """The months between which slices wait to be derived again."""

    slices: int
    first: date | None
    last: date | None
    since: datetime | None
    """When the one that has waited longest was marked."""


class ImportProgress(NamedTuple):
    """A moment of an import; the file's fields are None between files."""

    file_name: str | None
    processed_rows: int | None
    processed_bytes: int | None
    total_bytes: int | None
    stale_events: int
    stale_stats: int


def month_sizes(conn: Connection, table: MonthTable, months: Sequence[date]) -> dict[date, MonthSize]:
    """Rows and bytes of the partitions of some months; a month without a partition is left out."""
    first, end = min(months), next_month(max(months))
    rows = conn.execute(
        statement("reporting/month_sizes").format(
            table=sql.Identifier(table.name), column=sql.Identifier("played_at" if table.is_timed else "month")
        ),
        {
            "table": table.name,
            "partitions": [partition_name(table.name, month) for month in months],
            "first": starts_at(first) if table.is_timed else first,
            "end": starts_at(end) if table.is_timed else end,
        },
    )
    sizes = {name: MonthSize(count, size) for name, count, size in rows}
    named = ((month, partition_name(table.name, month)) for month in months)
    return {month: sizes[name] for month, name in named if name in sizes}


def row_count(conn: Connection, table: str) -> int:
    """The exact number of rows of a table."""
    row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])


def table_bytes(conn: Connection, table: str) -> int:
    """Bytes of a table on disk with its indexes; of a partitioned table, those of all its partitions."""
    row = conn.execute(statement("reporting/table_bytes"), {"table": table}).fetchone()
    assert row is not None
    return int(row[0])


def plays_by_hour(conn: Connection, user_ids: Sequence[int]) -> list[int]:
    """All-time listening events of some listeners by hour of their local day: 24 numbers."""
    counts = [0] * 24
    for hour, count in conn.execute(
        "SELECT hour, sum(play_count) FROM user_hour_stats WHERE user_id = ANY (%s) GROUP BY hour", [list(user_ids)]
    ):
        counts[hour] = int(count)
    return counts


def top_tracks(conn: Connection, user_ids: Sequence[int], *, each: int) -> list[TopTrack]:
    """The most played tracks of each of some listeners."""
    with conn.cursor(row_factory=class_row(TopTrack)) as cursor:
        return cursor.execute(statement("reporting/top_tracks"), {"user_ids": list(user_ids), "each": each}).fetchall()


def top_artists(conn: Connection, user_ids: Sequence[int], *, each: int) -> list[TopArtist]:
    """The most played artists of each of some listeners."""
    with conn.cursor(row_factory=class_row(TopArtist)) as cursor:
        return cursor.execute(statement("reporting/top_artists"), {"user_ids": list(user_ids), "each": each}).fetchall()


def spotify_top_tracks(conn: Connection, user_ids: Sequence[int], *, each: int) -> list[ListedTop]:
    """The first ranks of Spotify's own top tracks of some listeners, over four weeks."""
    with conn.cursor(row_factory=class_row(ListedTop)) as cursor:
        return cursor.execute(
            statement("reporting/spotify_top_tracks"), {"user_ids": list(user_ids), "each": each}
        ).fetchall()


def spotify_top_artists(conn: Connection, user_ids: Sequence[int], *, each: int) -> list[ListedTop]:
    """The first ranks of Spotify's own top artists of some listeners, over four weeks."""
    with conn.cursor(row_factory=class_row(ListedTop)) as cursor:
        return cursor.execute(
            statement("reporting/spotify_top_artists"), {"user_ids": list(user_ids), "each": each}
        ).fetchall()


def metadata_coverage(conn: Connection) -> list[Coverage]:
    """Plays, tracks, albums and artists, and how many of them Spotify's metadata is known of."""
    with conn.cursor(row_factory=class_row(Coverage)) as cursor:
        return cursor.execute(statement("reporting/metadata_coverage")).fetchall()


def totals(conn: Connection, user_ids: Sequence[int]) -> list[Totals]:
    """The all-time totals of some listeners."""
    with conn.cursor(row_factory=class_row(Totals)) as cursor:
        return cursor.execute(statement("reporting/totals"), [list(user_ids)]).fetchall()


def import_progress(conn: Connection, user_id: int) -> ImportProgress:
    """How far the import that is under way for a listener has come."""
    with conn.cursor(row_factory=class_row(ImportProgress)) as cursor:
        progress = cursor.execute(statement("reporting/import_progress"), {"user_id": user_id}).fetchone()
    assert progress is not None
    return progress


def invalidated_range(
    conn: Connection, *, user_id: int | None = None, older_than_seconds: float = 0
) -> InvalidatedRange:
    """The slices that have been stale for some time, of one listener or of all."""
    row = conn.execute(
        statement("reporting/invalidated_range"), {"user_id": user_id, "older_than_seconds": older_than_seconds}
    ).fetchone()
    assert row is not None
    return InvalidatedRange(*row)


def missing_partitions(conn: Connection, months: Sequence[date]) -> list[str]:
    """Names of the partitions that the month tables lack in some months."""
    wanted = [partition_name(table.name, month) for table in MONTH_TABLES for month in months]
    return [name for (name,) in conn.execute(statement("reporting/missing_partitions"), [wanted])]
