"""What has come from Spotify, read from the warehouse for the demo's screen and report. Asks nobody, draws nothing."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopg.rows import class_row

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.reporting import Coverage, metadata_coverage


class FromSpotify(NamedTuple):
    """What Spotify told of one listener."""

    name: str
    display_name: str | None
    polled_plays: int
    first_track: str | None
    """Number one of the last four weeks."""
    first_track_artist: str | None
    first_artist: str | None


class Arrivals(NamedTuple):
    """What Spotify told of linked listeners, and how much metadata there was before and is now."""

    listeners: tuple[FromSpotify, ...]
    before: Sequence[Coverage]
    now: Sequence[Coverage]

    @property
    def polled_plays(self) -> int:
        return sum(one.polled_plays for one in self.listeners)

    @property
    def polled(self) -> int:
        """Listeners with polled plays."""
        return sum(one.polled_plays > 0 for one in self.listeners)

    @property
    def plays_told(self) -> tuple[Coverage, Coverage]:
        """The plays whose track's metadata is known, before and now."""
        before, now = (next(one for one in told if one.kind == "plays") for told in (self.before, self.now))
        return before, now

    @property
    def listed(self) -> int:
        """Listeners with top lists."""
        return sum(one.first_track is not None for one in self.listeners)


def load_arrivals(conn: Connection, listeners: Sequence[str], before: Sequence[Coverage]) -> Arrivals:
    """What has come by now."""
    return Arrivals(load_from_spotify(conn, listeners), before, metadata_coverage(conn))


def load_from_spotify(conn: Connection, listeners: Sequence[str]) -> tuple[FromSpotify, ...]:
    """What Spotify has told of some listeners by now."""
    with conn.cursor(row_factory=class_row(FromSpotify)) as cursor:
        return tuple(cursor.execute(statement("report/from_spotify"), {"names": list(listeners)}))
