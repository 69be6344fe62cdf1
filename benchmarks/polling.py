"""What polling costs: calls, and the database's time of a poll on top of a long history. Prints nothing."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from benchmarks import pipeline
from benchmarks.linked_accounts import CALLS_PER_DAY, TICK, Linked, linked
from myi_pipelines.simulator import Setup, Simulator
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import connect, fetch_scalar
from myi_pipelines.warehouse.user_months import Stage, invalidated_user_months

CLOCK_STARTS = datetime(2025, 10, 31, 14, tzinfo=UTC)
"""Soon after the end of the history that ``exports`` writes, so that the month has plays already."""
DAY = timedelta(days=1)
USERS = 4
PAGE = 50
TICKS_A_DAY = DAY // TICK
BETWEEN_POLLS = 4 * TICK
NEW_TRACKS = 2
"""Tracks never played before, among the new plays of a poll."""

_BUSY = "SELECT active_time FROM pg_stat_database WHERE datname = %s"
_CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"


class Poll(NamedTuple):
    """Medians of one poll, including all derived tables."""

    new_plays: int
    asking_ms: float
    """The database's time to find due users, read tokens and land plays."""
    deriving_ms: float
    """The database's time for catalog, events and statistics."""

    @property
    def database_ms(self) -> float:
        return self.asking_ms + self.deriving_ms


class Followed(NamedTuple):
    """The result of polling one user for some time."""

    plays: int
    """Plays of 30 s or more: Spotify does not show shorter ones."""
    lost: int
    doubled: int
    polls: int
    calls: int
    """All calls, including those for a new access token."""
    with_plays: int
    """Polls that found new plays."""


def polls(
    database_url: str, redis_url: str, folder: Path, *, names: Mapping[str, str], new_plays: Sequence[int], times: int
) -> list[Poll]:
    """What a poll of a full page costs, by the number of new plays on it, for users who have a history.

    ``names`` maps the users' names in the simulator to those in the warehouse. The medians are of ``times`` polls,
    after one that is not measured.
    """
    setup = Setup(users=USERS, start=CLOCK_STARTS, listening_since=CLOCK_STARTS + 1_000 * DAY)
    with (
        Simulator(setup) as simulator,
        linked(simulator, database_url, redis_url, folder, names) as spotify,
        busy_milliseconds(database_url) as busy,
    ):
        page = _Page(spotify, next(iter(names)))
        page.play(PAGE, new_tracks=PAGE)
        _one_poll(spotify, PAGE, busy)
        costs = []
        for number in new_plays:
            measured = []
            for _ in range(times + 1):
                page.play(number, new_tracks=min(NEW_TRACKS, number))
                measured.append(_one_poll(spotify, number, busy))
            costs.append(Poll(*(statistics.median(values) for values in zip(*measured[1:], strict=True))))
        return costs


def followed(
    database_url: str, redis_url: str, folder: Path, *, names: Mapping[str, str], ticks: int
) -> dict[str, Followed]:
    """Poll for ``ticks`` ticks of the schedule and derive everything once a day; by the user's name in the simulator.

    The events are compared with what was really played, also with plays that Spotify never showed.
    """
    starts = CLOCK_STARTS + DAY
    with (
        Simulator(Setup(users=USERS, start=starts, listening_since=starts)) as simulator,
        linked(simulator, database_url, redis_url, folder, names, calls=CALLS_PER_DAY) as spotify,
    ):
        with_plays: Counter[str] = Counter()
        for number in range(ticks):
            spotify.advance(TICK)
            with_plays.update(one.user for one in spotify.poll_due() if one.added)
            if number % TICKS_A_DAY == 0:
                _derive(spotify)
        requests = spotify.control.requests()
        calls = Counter(one.user for one in requests)
        polled = Counter(one.user for one in requests if one.group == "recently_played")
        ends = spotify.now
        spotify.advance(BETWEEN_POLLS)
        spotify.poll_now()
        _derive(spotify)
        return {
            user: Followed(*_kept(spotify, user, starts, ends), polled[user], calls[user], with_plays[name])
            for user, name in names.items()
        }


def _derive(spotify: Linked) -> None:
    """Do what a run does after its polls: update the catalog, and derive the invalidated user-months."""
    with connect(spotify.database_url) as conn, connect(spotify.database_url) as second_conn:
        sync_catalog(conn)
        invalidated = invalidated_user_months(conn, Stage.EVENTS)
        for user_id in {user_id for user_id, _ in invalidated}:
            pipeline.derive(conn, second_conn, user_id)


def _kept(spotify: Linked, user: str, since: datetime, until: datetime) -> tuple[int, int, int]:
    """How many plays of a user Spotify shows, how many of them the events lack, and how many they have twice."""
    played = Counter(
        (play.played_at, play.track_id) for play in spotify.control.plays(user, since, until) if play.counts
    )
    with connect(spotify.database_url) as conn:
        events = conn.execute(
            "SELECT played_at, spotify_id FROM listening_events JOIN tracks ON tracks.id = track_id"
            " WHERE user_id = %s AND played_at > %s AND played_at <= %s",
            [spotify.users[user].user_id, since, until],
        )
        stored = Counter((played_at, spotify_id) for played_at, spotify_id in events)
    return played.total(), (played - stored).total(), (stored - played).total()


def _one_poll(spotify: Linked, new_plays: int, busy: Callable[[], float]) -> Poll:
    before = busy()
    found = sum(one.added for one in spotify.poll_due())
    between = busy()
    _derive(spotify)
    after = busy()
    if found != new_plays:
        raise RuntimeError(f"a poll found {found} new plays instead of {new_plays}")
    return Poll(new_plays, between - before, after - between)


@contextmanager
def busy_milliseconds(database_url: str) -> Iterator[Callable[[], float]]:
    """A function that returns how long the sessions of a database have executed statements, once all are closed."""
    name = conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(make_conninfo(database_url, dbname="postgres"), autocommit=True) as conn:

        def value(query: str) -> float:
            return float(fetch_scalar(conn, query.encode(), [name]))

        def busy() -> float:
            while value(_CONNECTED):
                time.sleep(0.001)
            return value(_BUSY)

        yield busy


class _Page:
    """Adds plays of a user at a steady pace."""

    def __init__(self, spotify: Linked, user: str) -> None:
        self._spotify = spotify
        self._user = user
        self._tracks = [track.id for track in spotify.control.catalog().tracks]
        self._known = 0

    def play(self, count: int, *, new_tracks: int) -> None:
        """Move the clock to the next poll. Until then ``count`` tracks are played, ``new_tracks`` of them new."""
        began = self._spotify.now
        self._spotify.advance(BETWEEN_POLLS)
        first = self._known + new_tracks - count
        self._known += new_tracks
        for number in range(count):
            ended = began + (number + 1) * BETWEEN_POLLS / (count + 1)
            self._spotify.control.add_play(self._user, self._tracks[first + number], ended)
