"""Whatever was landed, in whatever order and with whatever interruptions: the warehouse says what the reference says.

Examples are the same on every run; MYI_HYPOTHESIS_EXAMPLES=2000 searches among as many new ones a test.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count, pairwise
from typing import NamedTuple, TypeAlias

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from myi_pipelines.serving import dashboards
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import invariants, plain_months, stats, users
from myi_pipelines.warehouse.user_months import Stage, UserMonth
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.reference import MIN_PLAY_MS, Conformed, Correction, Landing, Polled, Tables, Totals
from myi_pipelines_tests.support.strategies import (
    ACCOUNT,
    CONTEXT,
    YEARS,
    ZONES,
    Listener,
    households,
    narrow_scenes,
    renamed_id,
    spotify_id,
)
from myi_pipelines_tests.support.warehouse_harness import Warehouse, assert_ids_are_kept, open_warehouse

THOROUGH = os.environ.get("MYI_HYPOTHESIS_EXAMPLES")


def bounded(examples: int) -> settings:
    """Every example makes users, tracks and artists of its own, so that the database need not be emptied."""
    return settings(
        max_examples=max(int(THOROUGH or 0), examples),
        deadline=None,
        database=None,
        derandomize=THOROUGH is None,
        print_blob=True,
        phases=[Phase.explicit, Phase.generate, Phase.target, Phase.shrink],
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@pytest.fixture
def warehouse(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    monkeypatch.setattr(stats, "USERS_AT_LEAST", 1)
    monkeypatch.setattr(stats, "MONTHS_AT_MOST", 1_000)
    monkeypatch.setattr(plain_months, "BATCHES_A_SESSION", 1)
    with open_warehouse(database_url) as opened:
        yield opened


OVERLAPPING = """
    SELECT user_id, track_id, played_at, ms_played, before
    FROM (SELECT *, lag(played_at) OVER (PARTITION BY user_id, track_id, ms_played ORDER BY played_at) AS before
          FROM listening_events AS event
          WHERE user_id = ANY (%s) AND context_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM imported_plays AS undated
                            JOIN export_track_links AS link ON link.export_track_id = undated.export_track_id
                            WHERE undated.user_id = event.user_id AND link.track_id = event.track_id
                              AND undated.elapsed_s = -1 AND event.played_at >= undated.played_at
                              AND event.played_at < undated.played_at + interval '1 second')) AS dated
    WHERE 2 * (played_at - before) < ms_played * interval '1 millisecond'
"""
"""A play cannot overlap itself: events of one track and length that do, by more than half, and whose end is told."""


class Home:
    """The listeners of one example, who share the database with earlier examples but no name and no id, and what of
    their history has arrived."""

    tags = count(1)

    def __init__(self, warehouse: Warehouse, household: Sequence[Listener]) -> None:
        self.tag = tag = f"{next(self.tags)}"
        self.warehouse = warehouse
        self.listeners = [listener.renamed(tag) for listener in household]
        self.names = [f"listener-{tag}-{index}" for index in range(len(household))]
        self.ids = [warehouse.user(name, one.timezone) for name, one in zip(self.names, household, strict=True)]
        self.arrived = [Landing(one.timezone, [], []) for one in household]
        self.relinked: dict[str, str] = {}
        self.jobs: dict[int, tuple[int, Sequence[Play]]] = {}
        """Import jobs: whose, and what they tell."""
        self.latest_job = 0
        self.corrections: list[list[Correction]] = [[] for _ in household]
        """What each listener corrected and did not take back."""

    def land(self, index: int, file: int) -> None:
        plays = self.listeners[index].files[file]
        landed = self.warehouse.land(self.ids[index], plays)
        self.jobs[landed.job_id] = index, plays
        self.latest_job = landed.job_id
        self.arrived[index] = self.arrived[index]._replace(plays=[*self.arrived[index].plays, *plays])

    def poll(self, index: int, first: int, last: int) -> None:
        rows = self.listeners[index].polled[first:last]
        self.warehouse.poll(self.ids[index], rows)
        self.arrived[index] = self.arrived[index]._replace(polled=[*self.arrived[index].polled, *rows])

    def set_timezone(self, index: int, timezone: str) -> None:
        users.set_timezone(self.warehouse.conn, self.names[index], timezone)
        self.arrived[index] = self.arrived[index]._replace(timezone=timezone)

    def land_all(self) -> None:
        for index, listener in enumerate(self.listeners):
            for file in range(len(listener.files)):
                self.land(index, file)

    def poll_all(self) -> None:
        for index, listener in enumerate(self.listeners):
            self.poll(index, 0, len(listener.polled))

    def relink(self, old: str, new: str) -> None:
        """Spotify gave a track another id."""
        old, new = renamed_id(old, self.tag), renamed_id(new, self.tag)
        self.warehouse.conn.execute(
            "WITH track AS (INSERT INTO tracks (spotify_id) VALUES (%s) RETURNING id)"
            " INSERT INTO track_aliases (spotify_id, track_id) SELECT %s, id FROM track",
            [new, old],
        )
        self.relinked[old] = new

    def settle(self) -> None:
        self.warehouse.settle(self.ids)
        self.check_invariants()

    def check_invariants(self) -> None:
        assert [str(violation) for violation in invariants.check(self.warehouse.conn, self.ids)] == []

    def assert_as_the_reference_says(self, min_play_ms: int = MIN_PLAY_MS) -> None:
        arrived = [one.relinked(self.relinked) for one in self.arrived]
        expected = reference.derive(
            {str(index): one for index, one in enumerate(arrived)},
            min_play_ms,
            corrections={str(index): one for index, one in enumerate(self.corrections)},
        )
        for index, user_id in enumerate(self.ids):
            found = self.warehouse.tables(user_id)
            for table in Tables._fields:
                assert getattr(found, table) == getattr(expected[f"{index}"], table), f"{table} of listener {index}"
        catalog = reference.catalog_of(play for landing in arrived for play in (*landing.plays, *landing.undone))
        shown = self.warehouse.shown_names()
        assert {track: shown[track] for track in catalog.tracks} == {
            track: catalog.shown(track) for track in catalog.tracks
        }

        assert self.warehouse.conn.execute(OVERLAPPING, [self.ids]).fetchall() == []

    def conformed(self, index: int) -> Conformed:
        catalog = reference.catalog_of(play for landing in self.arrived for play in landing.plays)
        return reference.conform(self.arrived[index], catalog)


# ── Steps in any order ───────────────────────────────────────────────────────────────────────────────────────────────


class Land(NamedTuple):
    listener: int
    file: int


class Poll(NamedTuple):
    listener: int
    first: int
    last: int


class Sync(NamedTuple):
    """Take landed names into the catalog."""


class Conform(NamedTuple):
    """Conform some invalidated user-months in some order, or any."""

    listener: int
    only_invalidated: bool
    dice: int


class Refresh(NamedTuple):
    """Refresh the stats of some months in some order."""

    listener: int
    only_invalidated: bool
    dice: int


class RefreshTogether(NamedTuple):
    """Refresh the stats of some user-months of all users, each month's together."""

    only_invalidated: bool
    dice: int


class SetTimezone(NamedTuple):
    listener: int
    timezone: str


Arrival: TypeAlias = Land | Poll
Step: TypeAlias = Arrival | Sync | Conform | Refresh | RefreshTogether | SetTimezone


@st.composite
def arrivals(draw: st.DrawFn, household: Sequence[Listener]) -> list[Arrival]:
    """Every upload, and the polled rows in up to three parts, in any order."""
    found: list[Arrival] = []
    for index, listener in enumerate(household):
        found += [Land(index, file) for file in range(len(listener.files))]
        end = len(listener.polled)
        cuts = sorted({0, end, *draw(st.lists(st.integers(0, end), max_size=2))})
        found += [Poll(index, first, last) for first, last in pairwise(cuts)]
    return draw(st.permutations(found))


@st.composite
def programs(draw: st.DrawFn, household: Sequence[Listener]) -> list[Step]:
    """All that the household has arrives, with any upkeep in between."""
    who, dice = st.integers(0, len(household) - 1), st.integers(0, 9)
    upkeep = st.one_of(
        st.just(Sync()),
        st.builds(Conform, who, st.booleans(), dice),
        st.builds(Refresh, who, st.booleans(), dice),
        st.builds(RefreshTogether, st.booleans(), dice),
        st.builds(SetTimezone, who, st.sampled_from(ZONES)),
    )
    steps: list[Step] = []
    for arrival in draw(arrivals(household)):
        steps += [arrival, *draw(st.lists(upkeep, max_size=4))]
    return steps


def take_and_check(home: Home, order: Sequence[Arrival]) -> None:
    """Each arrival in turn, brought to rest: the events are the reference's, and those that stay keep their id."""
    for arrival in order:
        before = [home.warehouse.identities(user_id) for user_id in home.ids]
        take(home, arrival)
        home.settle()
        home.assert_as_the_reference_says()
        for index, user_id in enumerate(home.ids):
            assert_ids_are_kept(before[index], home.warehouse.identities(user_id), home.conformed(index).upgrades)


def take(home: Home, step: Step) -> None:
    warehouse = home.warehouse
    match step:
        case Land(listener, file):
            home.land(listener, file)
        case Poll(listener, first, last):
            home.poll(listener, first, last)
        case Sync():
            warehouse.sync()
        case Conform(listener, only_invalidated, dice):
            user_id = home.ids[listener]
            chosen = warehouse.stale(user_id, Stage.EVENTS) if only_invalidated else warehouse.user_months_of(user_id)
            warehouse.conform(some(chosen, dice))
        case Refresh(listener, only_invalidated, dice):
            user_id = home.ids[listener]
            chosen = warehouse.stale(user_id, Stage.STATS) if only_invalidated else warehouse.user_months_of(user_id)
            warehouse.refresh(user_id, [one.month for one in some(chosen, dice)])
        case RefreshTogether(only_invalidated, dice):
            look = partial(warehouse.stale, stage=Stage.STATS) if only_invalidated else warehouse.user_months_of
            chosen = [one for user_id in home.ids for one in look(user_id)]
            warehouse.refresh_together(some(chosen, dice), recount=not only_invalidated)
        case SetTimezone(listener, timezone):
            home.set_timezone(listener, timezone)


def some(chosen: Sequence[UserMonth], dice: int) -> list[UserMonth]:
    """All of them for a zero, otherwise a few in any order."""
    if dice == 0 or not chosen:
        return list(chosen)
    chance = random.Random(dice)
    return chance.sample(chosen, chance.randint(1, len(chosen)))


# ── Properties ───────────────────────────────────────────────────────────────────────────────────────────────────────

households_and_programs = households().flatmap(lambda household: st.tuples(st.just(household), programs(household)))
households_and_arrivals = households().flatmap(lambda household: st.tuples(st.just(household), arrivals(household)))
month_ends_and_arrivals = households(narrow_scenes()).flatmap(
    lambda household: st.tuples(st.just(household), arrivals(household))
)


@bounded(8)
@given(drawn=households_and_programs)
def test_the_warehouse_says_what_the_reference_says(
    warehouse: Warehouse, drawn: tuple[tuple[Listener, ...], list[Step]]
) -> None:
    household, steps = drawn
    home = Home(warehouse, household)
    for step in steps:
        take(home, step)
        home.check_invariants()
    home.settle()
    home.assert_as_the_reference_says()


@pytest.mark.long
@bounded(7)
@given(drawn=households_and_arrivals | month_ends_and_arrivals)
def test_every_arrival_leaves_right_events_that_keep_their_ids(
    warehouse: Warehouse, drawn: tuple[tuple[Listener, ...], list[Arrival]]
) -> None:
    household, order = drawn
    take_and_check(Home(warehouse, household), order)


def test_a_name_that_another_listener_brings_reaches_everyones_polls(warehouse: Warehouse) -> None:
    ended = datetime(2021, 5, 5, 12, 0, tzinfo=UTC)
    songs = [Track(spotify_id("a"), name, "Artist", None) for name in ("Song - Live", "Song", "Song - Live")]
    one, another, yet_another = (
        (Play(song, CONTEXT, later, later, 60_000),)
        for song, later in zip(songs, (ended - timedelta(days=days) for days in (90, 60, 30)), strict=True)
    )
    told = (Play(Track(None, "Song", "Artist", None), ACCOUNT, ended, ended, 50_000),)
    polled = (Polled(spotify_id("a"), ended + timedelta(seconds=30), 60_000),)
    home = Home(warehouse, [Listener("UTC", (one, told), polled), Listener("UTC", (another, yet_another), ())])
    sources = []
    for arrival in (Land(0, 0), Land(0, 1), Poll(0, 0, 1), Land(1, 0), Land(1, 1)):
        take(home, arrival)
        home.settle()
        home.assert_as_the_reference_says()
        sources.append([event.source for event in home.conformed(0).events if event.played_at == polled[0].played_at])
    assert sources == [[], [], ["API"], ["IMPORT"], ["IMPORT"]]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_names_played_at_once_the_greatest_are_shown_and_none_is_the_least(
    warehouse: Warehouse, order: tuple[int, int]
) -> None:
    """As when an older and a newer export of the same plays name a track differently."""
    ended = datetime(2021, 5, 5, 12, 0, tzinfo=UTC)
    names = [
        ("Song", "Artist", "Album"),
        ("Song", "Artist", None),
        ("song", "ARTIST", "ALBUM"),
        ("song", None, "Zebra"),
    ]
    plays = [Play(Track(spotify_id("a"), *three), CONTEXT, ended, ended, 60_000) for three in names]
    files = (tuple(plays[:2]), tuple(plays[2:]))
    home = Home(warehouse, [Listener("UTC", tuple(files[index] for index in order), ())])
    for file in range(2):
        home.land(0, file)
        home.settle()
        home.assert_as_the_reference_says()


def test_of_two_polls_at_once_the_longer_or_the_lower_id_counts(warehouse: Warehouse) -> None:
    ended = datetime(2021, 5, 5, 12, 0, tzinfo=UTC)
    named = tuple(Play(Track(spotify_id(one), "Song", "Artist", None), CONTEXT, ended, ended, 0) for one in "ba")
    told = (Play(Track(None, "Song", "Artist", None), ACCOUNT, ended, ended, 50_000),)
    polled = tuple(
        Polled(spotify_id(one), ended + timedelta(seconds=30), ms) for one, ms in (("b", 90_000), ("a", 60_000))
    )
    apart = Home(warehouse, [Listener("UTC", (named, told), polled)])
    relinked = Home(warehouse, [Listener("UTC", (named,), polled)])
    relinked.relink(spotify_id("b"), spotify_id("a"))
    for home in (apart, relinked):
        home.poll_all()
        home.land_all()
        home.settle()
        home.assert_as_the_reference_says()


@bounded(6)
@given(drawn=month_ends_and_arrivals)
def test_ids_that_were_relinked_are_one_track(
    warehouse: Warehouse, drawn: tuple[tuple[Listener, ...], list[Arrival]]
) -> None:
    household, order = drawn
    home = Home(warehouse, household)
    home.relink(spotify_id("b"), spotify_id("a"))
    for arrival in order:
        take(home, arrival)
    home.settle()
    home.assert_as_the_reference_says()


@bounded(6)
@given(household=households())
def test_doing_anything_again_changes_no_row(warehouse: Warehouse, household: tuple[Listener, ...]) -> None:
    home = Home(warehouse, household)
    home.land_all()
    home.poll_all()
    home.settle()
    before = {user_id: warehouse.rows(user_id) for user_id in home.ids}

    for user_id, listener in zip(home.ids, home.listeners, strict=True):
        if listener.files:
            assert warehouse.land(user_id, listener.files[0]).known
            repacked = [play for file in reversed(listener.files) for play in reversed(file)]
            landed = warehouse.land(user_id, repacked, batch_rows=3, salt="repacked")
            assert (landed.known, landed.added_rows, landed.months) == (False, 0, [])
        assert warehouse.poll(user_id, listener.polled) == 0
        warehouse.sync()
        chosen = random.Random(0).sample(found := warehouse.user_months_of(user_id), len(found))
        counts = warehouse.conform(chosen)
        assert counts.total() == counts["unchanged"]
        warehouse.refresh(user_id, [one.month for one in chosen])
    home.settle()

    assert {user_id: warehouse.rows(user_id) for user_id in home.ids} == before


@bounded(6)
@given(household=households(), zones=st.permutations(("Pacific/Apia", "America/New_York", "America/St_Johns")))
def test_a_new_time_zone_moves_every_play_to_its_new_day(
    warehouse: Warehouse, household: tuple[Listener, ...], zones: list[str]
) -> None:
    home = Home(warehouse, household)
    home.land_all()
    home.settle()
    home.poll_all()
    for zone in zones:
        for index in range(len(home.ids)):
            home.set_timezone(index, zone)
        home.check_invariants()
        home.settle()
        home.assert_as_the_reference_says()


@bounded(6)
@given(household=households(at_most=1), min_play_ms=st.sampled_from((1, 6_000, 30_000)))
def test_another_minimum_length_is_followed_when_months_are_conformed_again(
    warehouse: Warehouse, household: tuple[Listener, ...], min_play_ms: int
) -> None:
    home = Home(warehouse, household)
    home.land_all()
    home.poll_all()
    home.settle()
    [user_id] = home.ids
    warehouse.conform(warehouse.user_months_of(user_id), min_play_ms)
    warehouse.refresh(user_id, [one.month for one in warehouse.stale(user_id, Stage.STATS)])
    home.check_invariants()
    home.assert_as_the_reference_says(min_play_ms)


@bounded(8)
@given(household=households(at_most=1), until=st.dates(date(2010, 1, 1), date(2021, 12, 31)))
def test_what_was_streamed_most_as_spotify_counts_is_what_the_reference_says(
    warehouse: Warehouse, household: tuple[Listener, ...], until: date
) -> None:
    home = Home(warehouse, household)
    home.land_all()
    home.poll_all()
    home.settle()
    [user_id] = home.ids
    catalog = reference.catalog_of(home.arrived[0].plays, polled=[row.spotify_id for row in home.arrived[0].polled])
    tracks, songs = warehouse.track_keys(), warehouse.songs()
    for year in YEARS:
        last = min(until, date(year, 12, 31))
        expected = reference.streamed_tracks(home.conformed(0), date(year, 1, 1), last)
        streamed = warehouse.conn.execute(
            "SELECT * FROM tracks_as_spotify_counts(%s, %s, %s)", [user_id, date(year, 1, 1), last]
        )
        assert {tracks[track_id]: Totals(*counts) for track_id, *counts in streamed} == expected
        months = dashboards.as_spotify_counts(warehouse.conn, user_id, year=year)
        assert [
            one for one in dashboards.as_spotify_counts(warehouse.conn, user_id) if one.month.year == year
        ] == months
        of_songs: Counter[reference.Song] = Counter()
        for track, counts in expected.items():
            of_songs[catalog.song(track)] += counts.play_count
        listed = dashboards.top_songs_as_spotify_counts(warehouse.conn, user_id, year, until=until)
        assert {songs[song.song_id]: song.play_count for song in listed} == of_songs
        assert [song.play_count for song in listed] == sorted(of_songs.values(), reverse=True)
        top = dashboards.top_tracks_as_spotify_counts(warehouse.conn, user_id, year, until=until)
        assert [(one.play_count, one.total_ms) for one in top] == sorted(expected.values(), reverse=True)
        artists = Counter(
            {
                artist: sum(counts.play_count for track, counts in expected.items() if artist in catalog.credits(track))
                for track in expected
                for artist in catalog.credits(track)
            }
        )
        found = dashboards.top_artists_as_spotify_counts(warehouse.conn, user_id, year, until=until)
        assert [one.play_count for one in found] == sorted(artists.values(), reverse=True)
