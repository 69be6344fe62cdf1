"""What has come from Spotify so far, read from the warehouse for the demo's screen and summary. Draws nothing."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from psycopg.rows import class_row

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import next_month, starts_at
from myi_pipelines.warehouse.reporting import Coverage, metadata_coverage


class UserArrivals(NamedTuple):
    """What has come from Spotify for one user."""

    name: str
    display_name: str | None
    polled_plays: int
    first_track: str | None
    """Number one of the last four weeks."""
    first_track_artist: str | None
    first_artist: str | None


class Arrivals(NamedTuple):
    """What has come from Spotify for the linked users, and the metadata before and now."""

    users: tuple[UserArrivals, ...]
    before: Sequence[Coverage]
    now: Sequence[Coverage]

    @property
    def polled_plays(self) -> int:
        return sum(user.polled_plays for user in self.users)

    @property
    def polled_users(self) -> int:
        """How many users have polled plays."""
        return sum(user.polled_plays > 0 for user in self.users)

    @property
    def listed_users(self) -> int:
        """How many users have top lists."""
        return sum(user.first_track is not None for user in self.users)

    @property
    def play_coverage(self) -> tuple[Coverage, Coverage]:
        """The plays whose track has metadata, before and now."""
        before, now = (next(one for one in coverage if one.kind == "plays") for coverage in (self.before, self.now))
        return before, now


def load_arrivals(conn: Connection, users: Sequence[str], last_day: date, before: Sequence[Coverage]) -> Arrivals:
    """What has come for some users since the sample's last day; ``before`` is the metadata before the first request."""
    return Arrivals(load_user_arrivals(conn, users, last_day), before, metadata_coverage(conn))


def load_user_arrivals(conn: Connection, users: Sequence[str], last_day: date) -> tuple[UserArrivals, ...]:
    """What has come for each of some users since the sample's last day, the last one of a month."""
    values = {"names": list(users), "since": starts_at(next_month(last_day.replace(day=1)))}
    with conn.cursor(row_factory=class_row(UserArrivals)) as cursor:
        return tuple(cursor.execute(statement("report/from_spotify"), values))
