"""Reporting queries: rows and bytes of tables and months, top lists, plays over time.

They only read. Dagster's metadata and checks are made of them, but this module imports no Dagster.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from psycopg import sql

from myi_pipelines.warehouse.database.connections import Connection, fetch_row, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import MONTH_TABLES, MonthTable, next_month, partition_name, starts_at
from myi_pipelines.warehouse.stats import TRACK_MONTHS


class MonthSize(NamedTuple):
    """One month of a table, or several."""

    rows: int
    bytes: int | None
    """None: it shares a table with other months."""


class MonthTableSize(NamedTuple):
    """A table by month: some of its months, and all others together."""

    months: Mapping[date, MonthSize]
    others: MonthSize

    @property
    def rows(self) -> int:
        """Rows of all months."""
        return self.others.rows + sum(one.rows for one in self.months.values())

    @property
    def bytes(self) -> int:
        """Bytes of all months, with indexes."""
        return sum(one.bytes or 0 for one in (self.others, *self.months.values()))


class TopTrack(NamedTuple):
    """One line of a user's top tracks."""

    user: str
    track: str
    artists: str
    play_count: int
    hours: float


class TopSong(NamedTuple):
    """One line of a user's top songs."""

    user: str
    song: str
    artist: str
    recordings: int
    play_count: int
    hours: float


class TopArtist(NamedTuple):
    """One line of a user's top artists."""

    user: str
    artist: str
    play_count: int
    hours: float


class TopAlbum(NamedTuple):
    """One line of a user's top albums."""

    user: str
    album: str
    artist: str
    play_count: int
    hours: float


class ListedTop(NamedTuple):
    """One line of Spotify's own list over four weeks."""

    user: str
    rank: int
    name: str


class Coverage(NamedTuple):
    """How many plays, tracks, albums or artists have metadata from Spotify."""

    kind: str
    known: int
    with_metadata: int

    @property
    def share(self) -> float:
        """From 0 to 1; it is 1 if none is known."""
        return self.with_metadata / self.known if self.known else 1.0


class Totals(NamedTuple):
    """A user's all-time totals."""

    user: str
    timezone: str
    play_count: int
    hours: float


class InvalidatedRange(NamedTuple):
    """How many user-months are invalidated, and from which month to which."""

    user_months: int
    first: date | None
    last: date | None
    since: datetime | None
    """When the oldest of them was invalidated."""


class ImportProgress(NamedTuple):
    """The state of an import at one moment. The fields of the file are None between files."""

    file_name: str | None
    processed_rows: int | None
    processed_bytes: int | None
    total_bytes: int | None
    invalidated_events: int
    """Months of the user whose events have to be derived."""
    invalidated_stats: int
    """Months of the user whose statistics have to be recomputed."""


def month_table_size(conn: Connection, table: MonthTable, months: Sequence[date]) -> MonthTableSize:
    """How large a table is: the rows of some months are counted, those of the others are what the planner knows.

    A month without a partition has no rows.
    """
    first, end = min(months), next_month(max(months))
    rows = conn.execute(
        statement("reporting/month_sizes").format(table=sql.Identifier(table.name)),
        {
            "table": table.name,
            "partitions": [partition_name(table.name, month) for month in months],
            "first": starts_at(first),
            "end": starts_at(end),
        },
    )
    sizes = {name: MonthSize(count, size) for name, count, size in rows}
    names = {month: partition_name(table.name, month) for month in months}
    others = fetch_row(
        conn, statement("reporting/other_months_size"), {"table": table.name, "partitions": list(names.values())}
    )
    nothing = MonthSize(0, 0)
    return MonthTableSize({month: sizes.get(name, nothing) for month, name in names.items()}, MonthSize(*others))


def track_months_size(conn: Connection, months: Sequence[date]) -> MonthTableSize:
    """How large ``user_track_months`` is, which has no partitions: as ``month_table_size``."""
    found: dict[date, int] = dict(
        conn.execute(statement("reporting/track_months_size"), {"months": list(months)}).fetchall()
    )
    expected = int(fetch_scalar(conn, statement("reporting/expected_rows"), {"table": TRACK_MONTHS}))
    sizes = {month: MonthSize(found.get(month, 0), None) for month in months}
    others = MonthSize(max(0, expected - sum(found.values())), table_bytes(conn, TRACK_MONTHS))
    return MonthTableSize(sizes, others)


def has_only_older_account_data(conn: Connection, user_id: int) -> bool:
    """Whether podcasts of a user look like music: all that landed is account data, some of before 2024."""
    return bool(fetch_scalar(conn, statement("reporting/has_only_older_account_data"), {"user_id": user_id}))


def row_count(conn: Connection, table: str) -> int:
    """The exact number of rows of a table."""
    return int(fetch_scalar(conn, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))))


def table_bytes(conn: Connection, table: str) -> int:
    """Bytes of a table on disk with its indexes; of a partitioned table, those of all its partitions."""
    return int(fetch_scalar(conn, statement("reporting/table_bytes"), {"table": table}))


def plays_by_hour(conn: Connection, user_ids: Sequence[int]) -> list[int]:
    """All-time listening events of some users by hour of their local day: 24 numbers."""
    counts = [0] * 24
    for hour, count in conn.execute(
        "SELECT hour, sum(play_count) FROM user_hour_stats WHERE user_id = ANY (%s) GROUP BY hour", [list(user_ids)]
    ):
        counts[hour] = int(count)
    return counts


def top_tracks(conn: Connection, user_ids: Sequence[int], *, each: int) -> list[TopTrack]:
    """The most played tracks of each of some users."""
    rows = conn.execute(statement("reporting/top_tracks"), {"user_ids": list(user_ids), "each": each})
    return [TopTrack(*row) for row in rows]


def top_songs(conn: Connection, user_ids: Sequence[int], *, each: int) -> list[TopSong]:
    """The most played songs of each of some users."""
    rows = conn.execute(statement("reporting/top_songs"), {"user_ids": list(user_ids), "each": each})
    return [TopSong(*row) for row in rows]


def top_artists(conn: Connection, user_ids: Sequence[int], *, each: int) -> list[TopArtist]:
    """The most played artists of each of some users."""
    rows = conn.execute(statement("reporting/top_artists"), {"user_ids": list(user_ids), "each": each})
    return [TopArtist(*row) for row in rows]


def top_albums(conn: Connection, user_ids: Sequence[int], *, each: int) -> list[TopAlbum]:
    """The most played albums of each of some users."""
    rows = conn.execute(statement("reporting/top_albums"), {"user_ids": list(user_ids), "each": each})
    return [TopAlbum(*row) for row in rows]


def spotify_top_tracks(conn: Connection, user_ids: Sequence[int], *, each: int) -> list[ListedTop]:
    """The first ranks of Spotify's own top tracks of some users, over four weeks."""
    rows = conn.execute(statement("reporting/spotify_top_tracks"), {"user_ids": list(user_ids), "each": each})
    return [ListedTop(*row) for row in rows]


def spotify_top_artists(conn: Connection, user_ids: Sequence[int], *, each: int) -> list[ListedTop]:
    """The first ranks of Spotify's own top artists of some users, over four weeks."""
    rows = conn.execute(statement("reporting/spotify_top_artists"), {"user_ids": list(user_ids), "each": each})
    return [ListedTop(*row) for row in rows]


def metadata_coverage(conn: Connection) -> list[Coverage]:
    """The numbers of plays, tracks, albums and artists, and how many of them have metadata from Spotify."""
    return [Coverage(*row) for row in conn.execute(statement("reporting/metadata_coverage"))]


def totals(conn: Connection, user_ids: Sequence[int]) -> list[Totals]:
    """The all-time totals of some users."""
    return [Totals(*row) for row in conn.execute(statement("reporting/totals"), [list(user_ids)])]


def import_progress(conn: Connection, user_id: int) -> ImportProgress:
    """The progress of the import that runs for a user."""
    return ImportProgress(*fetch_row(conn, statement("reporting/import_progress"), {"user_id": user_id}))


def invalidated_range(
    conn: Connection, *, user_id: int | None = None, older_than_seconds: float = 0
) -> InvalidatedRange:
    """The user-months that have been invalidated for some time, of one user or of all."""
    parameters = {"user_id": user_id, "older_than_seconds": older_than_seconds}
    return InvalidatedRange(*fetch_row(conn, statement("reporting/invalidated_range"), parameters))


def missing_partitions(conn: Connection, months: Sequence[date]) -> list[str]:
    """Names of the partitions that the month tables lack in some months."""
    wanted = [partition_name(table.name, month) for table in MONTH_TABLES for month in months]
    return [name for (name,) in conn.execute(statement("reporting/missing_partitions"), [wanted])]
