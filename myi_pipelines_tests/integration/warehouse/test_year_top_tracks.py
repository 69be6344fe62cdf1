"""The most played tracks of years and months are those of their events at the user's local clock, after every change.

Events are written directly, with more tracks than are kept, so that every change happens at the end of the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myi_pipelines.serving import dashboards
from myi_pipelines.warehouse import users
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.partitions import ensure_months, month_of
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.stats import Refreshed, refresh_stats
from myi_pipelines.warehouse.user_months import Stage, UserMonth, invalidate
from myi_pipelines_tests.properties.test_listening_properties import bounded

pytestmark = pytest.mark.slow

KEPT = 50
TRACKS = 56
ZONES = ("UTC", "Pacific/Apia", "Pacific/Kiritimati", "America/St_Johns", "Asia/Kathmandu", "Asia/Dhaka")
"""On both sides of UTC, up to 14 hours; Dhaka's clocks were set back at midnight of New Year 2010."""
SET_BACK = datetime(2009, 11, 1, 2, 31, tzinfo=UTC)
"""In St. John's, from one minute past midnight: November began twice."""
NEW_YEARS = [datetime(year, 1, 1, tzinfo=UTC) for year in (2010, 2011, 2012)]
MIDSUMMERS = [datetime(year, 6, 21, tzinfo=UTC) for year in (2010, 2011)]
MONTHS = [
    date(2009, 10, 1),
    date(2009, 11, 1),
    date(2009, 12, 1),
    date(2010, 1, 1),
    date(2010, 12, 1),
    date(2011, 1, 1),
]

Row: TypeAlias = tuple[int, int, int, int]
"""Year, track, plays and milliseconds."""


class Ada:
    """A user of whom only the event log knows."""

    numbers = count(1)

    def __init__(self, conn: Connection, timezone: str) -> None:
        self.conn = conn
        self.name = f"ada-{next(self.numbers)}"
        self.id = users.ensure_user(conn, self.name, timezone)
        self.timezone = timezone
        conn.execute(
            "INSERT INTO tracks (spotify_id, name) SELECT 'track ' || n, 'Song ' || n FROM generate_series(1, %s) AS n"
            " ON CONFLICT DO NOTHING",
            [TRACKS],
        )
        rows = conn.execute("SELECT id FROM tracks WHERE starts_with(spotify_id, 'track ') ORDER BY id")
        self.tracks = [track_id for (track_id,) in rows]

    def plays(self, numbers: Sequence[int], played_at: datetime, ms: int = 60_000) -> None:
        """Every track once, or once more, at that time."""
        ensure_months(self.conn, [month_of(played_at)])
        self.conn.execute(
            "INSERT INTO listening_events (user_id, track_id, played_at, ms_played, source, is_estimated, is_skip)"
            " SELECT %s, track_id, %s, %s, 'IMPORT', false, false FROM unnest(%s::bigint[]) AS track_id"
            " ON CONFLICT DO NOTHING",
            [self.id, played_at, ms, [self.tracks[number] for number in numbers]],
        )
        invalidate(self.conn, [UserMonth(self.id, month_of(played_at))], Stage.STATS)

    def forgets(self, numbers: Sequence[int], since: datetime, until: datetime) -> None:
        gone = self.conn.execute(
            "DELETE FROM listening_events WHERE user_id = %s AND track_id = ANY (%s) AND played_at >= %s"
            " AND played_at < %s RETURNING played_at",
            [self.id, [self.tracks[number] for number in numbers], since, until],
        )
        invalidate(self.conn, sorted({UserMonth(self.id, month_of(played_at)) for (played_at,) in gone}), Stage.STATS)

    def moves(self, timezone: str) -> None:
        users.set_timezone(self.conn, self.name, timezone)
        self.timezone = timezone

    def refresh(self, months: Sequence[date] = ()) -> Refreshed:
        return refresh_stats(Session(self.conn), self.id, months)

    @property
    def kept(self) -> list[Row]:
        return self.conn.execute(
            "SELECT year, track_id, play_count, total_ms FROM user_year_top_tracks WHERE user_id = %s"
            " ORDER BY year, play_count DESC, total_ms DESC, track_id",
            [self.id],
        ).fetchall()

    def assert_kept_is_what_the_events_say(self) -> None:
        """From the events alone, slow and obvious."""
        zone = ZoneInfo(self.timezone)
        years: dict[int, dict[int, tuple[int, int]]] = {}
        months: dict[date, dict[int, tuple[int, int]]] = {}
        for track_id, played_at, ms in self.conn.execute(
            "SELECT track_id, played_at, ms_played FROM listening_events WHERE user_id = %s", [self.id]
        ):
            day = played_at.astimezone(zone).date()
            for counts in (years.setdefault(day.year, {}), months.setdefault(day.replace(day=1), {})):
                plays, total_ms = counts.get(track_id, (0, 0))
                counts[track_id] = plays + 1, total_ms + ms
        assert self.kept == [(year, *row) for year, counts in sorted(years.items()) for row in top(counts)]
        for month in MONTHS:
            found = dashboards.top_tracks_of_month(self.conn, self.id, month)
            expected = [
                (f"Song {self.tracks.index(track_id) + 1}", *rest) for track_id, *rest in top(months.get(month, {}))
            ]
            assert [(one.name, one.play_count, one.total_ms) for one in found] == expected, month


def top(counts: Mapping[int, tuple[int, int]]) -> list[tuple[int, int, int]]:
    rows = [(track_id, plays, total_ms) for track_id, (plays, total_ms) in counts.items()]
    return sorted(rows, key=lambda row: (-row[1], -row[2], row[0]))[:KEPT]


# ── Whatever happens ─────────────────────────────────────────────────────────────────────────────────────────────────


class Play(NamedTuple):
    """Some tracks, the first or the last ones, are played."""

    tracks: range
    played_at: datetime
    ms: int


class Forget(NamedTuple):
    """Some tracks' plays of days around an instant are gone."""

    tracks: range
    around: datetime
    days: int


class Move(NamedTuple):
    timezone: str


Step: TypeAlias = Play | Forget | Move

hours_off = st.sampled_from((0, 1, 3.5, 5, 5.75, 6, 10, 11, 13, 14, 23, 400))
near_new_year = st.builds(
    lambda new_year, hours, sign, seconds: new_year + timedelta(hours=sign * hours, seconds=seconds),
    st.sampled_from(NEW_YEARS), hours_off, st.sampled_from((-1, 1)), st.integers(-1, 1),
)  # fmt: skip
some_tracks = st.sampled_from((range(TRACKS), range(3), range(47, 53), range(50, TRACKS), range(49, 50), range(1)))
near_setting_back = st.builds(
    lambda minutes: SET_BACK + timedelta(minutes=minutes), st.sampled_from((-2, -1, 0, 1, 58, 59, 60))
)
steps = st.one_of(
    st.builds(Play, some_tracks, near_new_year, st.sampled_from((59_000, 60_000, 61_000))),
    st.builds(Play, some_tracks, near_setting_back, st.sampled_from((60_000, 61_000))),
    st.builds(Play, some_tracks, st.sampled_from(MIDSUMMERS), st.sampled_from((60_000, 61_000))),
    st.builds(Forget, some_tracks, st.sampled_from(NEW_YEARS + MIDSUMMERS), st.sampled_from((1, 40, 250))),
    st.builds(Move, st.sampled_from(ZONES)),
)


@bounded(12)
@given(zone=st.sampled_from(ZONES), drawn=st.lists(st.lists(steps, min_size=1, max_size=3), min_size=1, max_size=6))
def test_what_is_kept_of_a_year_is_what_its_events_say(conn: Connection, zone: str, drawn: list[list[Step]]) -> None:
    ada = Ada(conn, zone)
    for new_year in NEW_YEARS[:2]:
        ada.plays(range(TRACKS), new_year + timedelta(days=171))
        ada.plays(range(3, 48), new_year + timedelta(days=170))
    ada.refresh()
    ada.assert_kept_is_what_the_events_say()
    for together in drawn:
        for step in together:
            match step:
                case Play(tracks, played_at, ms):
                    ada.plays(tracks, played_at, ms)
                case Forget(tracks, around, days):
                    ada.forgets(tracks, around - timedelta(days=days), around + timedelta(days=days))
                case Move(timezone):
                    ada.moves(timezone)
        ada.refresh()
        ada.assert_kept_is_what_the_events_say()
    rows = conn.execute("SELECT DISTINCT month FROM user_track_months WHERE user_id = %s", [ada.id])
    assert not any(ada.refresh([month for (month,) in rows])[1:])


# ── One thing after another ──────────────────────────────────────────────────────────────────────────────────────────


def test_of_tracks_played_as_much_the_first_known_are_kept_until_another_is_played_more(conn: Connection) -> None:
    ada = Ada(conn, "UTC")
    ada.plays(range(TRACKS), MIDSUMMERS[0])
    assert ada.refresh().user_year_top_tracks == KEPT
    assert [track_id for _, track_id, _, _ in ada.kept] == ada.tracks[:KEPT]

    ada.plays([TRACKS - 1], MIDSUMMERS[0] + timedelta(days=1))

    assert ada.refresh().user_year_top_tracks == 2, "one enters, one leaves"
    assert [track_id for _, track_id, _, _ in ada.kept] == [ada.tracks[TRACKS - 1], *ada.tracks[: KEPT - 1]]
    [first, *_] = dashboards.top_tracks_of_year(conn, ada.id, 2010)
    assert (first.name, first.play_count, first.total_ms) == (f"Song {TRACKS}", 2, 120_000)
    assert len(dashboards.top_tracks_of_year(conn, ada.id, 2010, each=7)) == 7

    ada.forgets([TRACKS - 1], MIDSUMMERS[0], MIDSUMMERS[1])

    assert ada.refresh().user_year_top_tracks == 2
    assert [track_id for _, track_id, _, _ in ada.kept] == ada.tracks[:KEPT]


def test_rows_that_stay_are_not_written(conn: Connection) -> None:
    ada = Ada(conn, "Asia/Tokyo")
    ada.plays(range(TRACKS), MIDSUMMERS[0])
    ada.plays(range(TRACKS), NEW_YEARS[1] - timedelta(hours=1))
    ada.refresh()
    tops = "SELECT ctid, xmin, xmax, year, track_id FROM user_year_top_tracks WHERE user_id = %s"
    edges = "SELECT ctid, xmin, xmax, month, track_id FROM user_month_edges WHERE user_id = %s ORDER BY month, track_id"
    before = {row[3:]: row for row in conn.execute(tops, [ada.id])}
    edges_before = conn.execute(edges, [ada.id]).fetchall()
    assert len(before) == 2 * KEPT
    assert len(edges_before) == TRACKS

    ada.plays([0], NEW_YEARS[1] - timedelta(days=9))

    assert ada.refresh().user_year_top_tracks == 1
    after = {row[3:]: row for row in conn.execute(tops, [ada.id])}
    assert {key for key, row in after.items() if before[key] != row} == {(2010, ada.tracks[0])}
    assert conn.execute(edges, [ada.id]).fetchall() == edges_before


@pytest.mark.parametrize(
    ("zone", "hours", "year"),
    [("Asia/Tokyo", -1, 2011), ("UTC", -1, 2010), ("UTC", 0, 2011), ("America/New_York", 1, 2010)],
)
def test_a_play_near_new_year_counts_in_the_local_year_and_its_rows_go_with_it(
    conn: Connection, zone: str, hours: int, year: int
) -> None:
    ada = Ada(conn, zone)
    ada.plays([0], NEW_YEARS[1] + timedelta(hours=hours))
    ada.refresh()
    assert ada.kept == [(year, ada.tracks[0], 1, 60_000)]
    ada.forgets([0], NEW_YEARS[0], NEW_YEARS[2])
    assert ada.refresh().user_year_top_tracks == 1
    assert ada.kept == []
    assert conn.execute("SELECT FROM user_month_edges WHERE user_id = %s", [ada.id]).rowcount == 0


@pytest.mark.parametrize(("zone", "hours"), [("Pacific/Kiritimati", -13.9), ("Pacific/Pago_Pago", 10.9)])
def test_the_edge_of_a_year_stays_when_the_month_on_its_other_side_changes(
    conn: Connection, zone: str, hours: float
) -> None:
    ada = Ada(conn, zone)
    ada.plays([0], NEW_YEARS[1] + timedelta(hours=hours))
    ada.refresh()
    ada.plays([0, 1], NEW_YEARS[1] + timedelta(days=9 if hours < 0 else -9))
    ada.refresh()
    ada.assert_kept_is_what_the_events_say()


def test_nothing_remains_of_a_deleted_user(conn: Connection) -> None:
    ada = Ada(conn, "Asia/Tokyo")
    ada.plays([0], NEW_YEARS[1] - timedelta(hours=1))
    ada.refresh()
    conn.execute("DELETE FROM users WHERE id = %s", [ada.id])
    for table in ("user_year_top_tracks", "user_month_edges"):
        assert conn.execute(f"SELECT FROM {table} WHERE user_id = %s".encode(), [ada.id]).rowcount == 0
