"""Every question of pages and the API is answered as the plays say: at odd zones, in any range, by either measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import count, pairwise, product
from math import exp, isclose
from typing import Any, NamedTuple
from unittest.mock import patch
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from myi_pipelines.serving.queries import activity as activities
from myi_pipelines.serving.queries import discoveries, history, items, listeners, milestones, music, periods, tops
from myi_pipelines.serving.queries.activity import Step
from myi_pipelines.serving.queries.scope import Days, Filters, Listener, Measure, Scope
from myi_pipelines.serving.queries.tops import Kind
from myi_pipelines.sources.exports import Context, Play, Track
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines_tests.properties.test_listening_properties import bounded
from myi_pipelines_tests.properties.test_listening_properties import warehouse as warehouse
from myi_pipelines_tests.support import slow_answers as slow
from myi_pipelines_tests.support.slow_answers import Heard
from myi_pipelines_tests.support.warehouse_harness import Warehouse

HALF_AN_HOUR = timedelta(minutes=30)
ZONES = ("Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "UTC")
"""Off by a quarter of an hour; changes its clock a minute after midnight; skipped 2011-12-30."""
FIRST, LAST = date(2011, 10, 1), date(2012, 4, 30)
TRACKS = tuple(
    (f"{title} {artist}", title, f"Artist {artist}", album)
    for artist, album in ((1, "One"), (2, "Two"), (3, None))
    for title in ("Song", "Song - Remastered", "Other")
)
CONTEXTS = tuple(
    Context(platform, country, "trackdone", end, shuffle, False, False, False)
    for platform, country, end, shuffle in (
        ("ios", "DE", "trackdone", True),
        ("Windows 10", "FR", "fwdbtn", False),
        ("web_player", "DE", "endplay", None),
    )
)
tags = count(1)


class Played(NamedTuple):
    at: datetime
    track: int
    ms: int
    context: int


class Case(NamedTuple):
    """A listener's plays, and the ranges that are asked for."""

    zone: str
    week_starts_on: int
    plays: list[Played]
    ranges: list[Days]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Plays near the beginnings of local and UTC months, days and changes of the clock; some close together."""
    zone = draw(st.sampled_from(ZONES))
    months = [date(2011 + (9 + number) // 12, (9 + number) % 12 + 1, 1) for number in range(8)]
    odd = [date(2011, 11, 6), date(2011, 12, 29), date(2011, 12, 31), date(2012, 3, 11), date(2012, 4, 1)]
    anchors = [
        datetime.combine(day, time(), tz).astimezone(UTC) for day in (*months, *odd) for tz in (ZoneInfo(zone), UTC)
    ]
    near = st.one_of(st.integers(-120, 120), st.integers(-26 * 3600, 26 * 3600), st.integers(0, 20 * 86_400))
    instants = st.builds(lambda anchor, seconds: anchor + timedelta(seconds=seconds), st.sampled_from(anchors), near)
    play = st.builds(
        Played, instants, st.integers(0, len(TRACKS) - 1), st.sampled_from((6_000, 29_999, 30_000, 200_000)),
        st.integers(0, 2),
    )  # fmt: skip
    plays = draw(st.lists(play, min_size=30, max_size=70))
    days = st.one_of(
        st.sampled_from([*months, *odd, *(day - timedelta(days=1) for day in months)]),
        st.dates(FIRST, LAST),
    )
    ranges = draw(st.lists(st.tuples(days, days), min_size=3, max_size=3))
    named = [Days(date(2011, 12, 1), date(2011, 12, 31)), Days(FIRST, LAST), Days(date(2011, 1, 1), date(2011, 12, 31))]
    return Case(zone, draw(st.integers(0, 6)), plays, [*named, *(Days(min(two), max(two)) for two in ranges)])


class Asked:
    """A listener in a warehouse, and every event."""

    def __init__(self, warehouse: Warehouse, case: Case) -> None:
        self.conn, tag = warehouse.conn, f"{next(tags)}"
        user_id = warehouse.user(f"asked-{tag}", case.zone)
        plays = [self._play(one, tag) for one in case.plays]
        warehouse.land(user_id, plays)
        warehouse.settle([user_id])
        self.conn.execute("UPDATE artists SET genres = ARRAY['all', name] WHERE name LIKE %s", [f"{tag} Artist%"])
        self.conn.execute("UPDATE albums SET release_date = '1999-05' WHERE name = %s", [f"{tag} One"])
        self.conn.execute(
            "UPDATE user_settings SET week_starts_on = %s WHERE user_id = %s", [case.week_starts_on, user_id]
        )
        self.listener: Listener = listeners.load_listener(self.conn, user_id)
        self.events = slow.events_of(self.conn, user_id, ZoneInfo(case.zone))

    def _play(self, one: Played, tag: str) -> Play:
        spotify_id, title, artist, album = TRACKS[one.track]
        key = f"{tag}{spotify_id}".replace(" ", "").replace("-", "").rjust(22, "0")[:22]
        track = Track(key, f"{tag} {title}", f"{tag} {artist}", album and f"{tag} {album}")
        return Play(track, CONTEXTS[one.context], one.at, one.at, one.ms)

    def scopes(self, ranges: list[Days]) -> Iterator[tuple[Scope, list[Heard]]]:
        for days in ranges:
            for measure in Measure:
                yield Scope(self.listener, days, measure), slow.between(self.events, *days)


@bounded(4)
@given(case=cases())
def test_answers_are_what_the_plays_say(warehouse: Warehouse, case: Case) -> None:
    asked = Asked(warehouse, case)
    check_listener(asked)
    for scope, events in asked.scopes(case.ranges):
        check_tops(asked, scope, events)
        check_amounts(asked, scope, events)
        check_plays(asked, scope, events)
        check_facts(asked, scope, events)
    for scope, events in asked.scopes(case.ranges[-2:]):
        check_filters(asked, scope, events)
    check_items(asked)


def check_listener(asked: Asked) -> None:
    days = [one.day for one in asked.events]
    assert (asked.listener.first_day, asked.listener.last_day) == (min(days), max(days))
    assert listeners.freshness(asked.conn, asked.listener).user_months == 0


def check_tops(asked: Asked, scope: Scope, events: list[Heard]) -> None:
    conn, by_time = asked.conn, scope.measure is Measure.TIME
    lists = tops.tops(conn, scope, Kind, each=1_000)
    for kind in Kind:
        expected = slow.ranked(events, kind.value, by_time=by_time)
        assert [(row.item.id, row.play_count, row.total_ms) for row in lists[kind].rows] == expected, (kind, scope)
        assert (lists[kind].items, lists[kind].next, lists[kind].archived) == (len(expected), None, ())
        places = {item: rank for rank, (item, *_) in enumerate(expected, 1)}
        found = tops.ranks(conn, scope, {kind: [row.item.id for row in lists[kind].rows][::2]})[kind]
        assert {item: one.rank for item, one in found.items()} == {row[0]: places[row[0]] for row in expected[::2]}
    paged, after = [], None
    while True:
        page = tops.tops(conn, scope, [Kind.SONG], each=2, after=after)[Kind.SONG]
        paged += page.rows
        after = page.next
        if after is None:
            break
    assert [(row.rank, row.item.id) for row in paged] == [(row.rank, row.item.id) for row in lists[Kind.SONG].rows]
    genres = {one.genre: (one.play_count, one.total_ms) for one in tops.top_genres(conn, scope)[0]}
    assert genres == slow.grouped(events, lambda one: one.genres)
    different = activities.distinct(conn, scope)[:4]
    assert different == tuple(
        len(slow.ranked(events, kind, by_time=False)) for kind in ("song", "track", "artist", "album")
    )


def check_amounts(asked: Asked, scope: Scope, events: list[Heard]) -> None:
    conn, starts_on = asked.conn, scope.listener.week_starts_on
    assert activities.totals(conn, scope) == (*slow.summed(events), len({one.day for one in events}), ())
    firsts: dict[Step, Any] = {
        Step.DAY: lambda one: [one.day],
        Step.WEEK: lambda one: [max(scope.days.first, slow.week_of(one.day, starts_on))],
        Step.MONTH: lambda one: [max(scope.days.first, one.day.replace(day=1))],
        Step.YEAR: lambda one: [max(scope.days.first, one.day.replace(month=1, day=1))],
    }
    for step, first in firsts.items():
        buckets = activities.activity(conn, scope, step).buckets
        found = {one.first: (one.play_count, one.total_ms) for one in buckets if one.play_count}
        assert found == slow.grouped(events, first)
        assert [buckets[0].first, buckets[-1].last] == [*scope.days]
        assert all(one.last + timedelta(days=1) == two.first for one, two in pairwise(buckets))
    cells = activities.clock(conn, scope).cells
    hours = slow.grouped(events, lambda one: [(one.local.weekday(), one.local.hour)])
    assert {(one.weekday, one.hour): (one.play_count, one.total_ms) for one in cells} == hours
    ways, _ = activities.ways(conn, scope)
    values: dict[str, Callable[[Heard], str]] = {
        "PLATFORM": lambda one: one.platform,
        "COUNTRY": lambda one: one.country,
        "SKIP": lambda one: str(one.is_skip).lower(),
    }
    for dimension, value in values.items():
        expected = slow.grouped(events, partial(_alone, value))
        assert {one.value: one[2:] for one in ways if one.dimension == dimension} == expected


def _alone(value: Callable[[Heard], str], one: Heard) -> list[str]:
    return [value(one)]


def check_plays(asked: Asked, scope: Scope, events: list[Heard]) -> None:
    conn, found, before = asked.conn, [], None
    while True:
        page = history.history(conn, scope, before=before, each=7)
        found += page.plays
        before = page.next
        if before is None:
            break
    latest = sorted(events, key=lambda one: (-one.played_at.timestamp(), one.track))
    assert [(one.played_at, one.track.id, one.ms_played) for one in found] == [one[:3] for one in latest]
    if found:
        hour, weekday = found[0].played_at.astimezone(scope.listener.timezone).hour, events[0].local.weekday()
        of_hour = history.history(conn, scope, at=history.LocalTime((hour,)), each=1_000).plays
        assert [(one.played_at, one.track.id) for one in of_hour] == [
            one[:2] for one in latest if one.local.hour == hour
        ]
        of_day = history.history(conn, scope, at=history.LocalTime(None, weekday), each=1_000).plays
        assert len(of_day) == sum(one.local.weekday() == weekday for one in events)
        at = history.LocalTime((hour,), weekday)
        at_both = [one for one in events if (one.local.hour, one.local.weekday()) == (hour, weekday)]
        assert history.total_of_history(conn, scope, at=at)[:2] == slow.summed(at_both)
        own = [one for one in at_both if one.track == found[0].track.id]
        assert history.total_of_history(conn, scope, tracks=[found[0].track.id], at=at)[:2] == slow.summed(own)
    days = history.by_day(scope.listener, found, gap=HALF_AN_HOUR)
    assert [play for day in days for session in day.sessions for play in session.plays] == found
    assert [day.day for day in days] == sorted({one.day for one in events}, reverse=True) or is_odd(scope, events)
    silences = [two.played_at - timedelta(milliseconds=two.ms) - one.played_at for one, two in pairwise(events)]
    # As long as one of the silences, which ends a session then.
    gap = max((one for one in silences[::2] if one > timedelta(0)), default=HALF_AN_HOUR)
    ours = history.sessions(conn, scope, gap=gap)
    runs = slow.sessions(slow.between(events, *ours.days), gap)
    assert ours.number == len(runs)
    if runs:
        lengths = [run[-1].played_at - run[0].played_at + timedelta(milliseconds=run[0].ms) for run in runs]
        assert ours.longest[0].ended_at - ours.longest[0].started_at >= max(lengths)


def is_odd(scope: Scope, events: list[Heard]) -> bool:
    """Where the clock goes back over midnight, a local day comes twice."""
    days = [one.day for one in events]
    return days != sorted(days)


def check_facts(asked: Asked, scope: Scope, events: list[Heard]) -> None:
    conn, ever = asked.conn, asked.events
    streaks = milestones.streaks(conn, scope, scope.days.last, each=100)
    assert [one.days for one in streaks.longest] == sorted(slow.streaks(events), reverse=True)
    by_week: dict[date, list[Heard]] = {}
    for one in events:
        by_week.setdefault(slow.week_of(one.day, scope.listener.week_starts_on), []).append(one)
    weeks = {week: slow.ranked(plays, "song", by_time=False)[0] for week, plays in by_week.items()}
    ones, _ = milestones.weeks_at_number_one(conn, scope)
    assert {one.week: (one.song.id, one.play_count, one.total_ms) for one in ones} == weeks
    with patch.object(milestones, "WEEKS_OF_DAYS", 30):
        latest = {one.week: one.play_count for one in milestones.weeks_at_number_one(conn, scope)[0]}
    last = min(scope.days.last, scope.listener.last_day or scope.days.last)
    begins = slow.week_of(last - timedelta(days=29), scope.listener.week_starts_on)
    assert latest == {week: found[1] for week, found in weeks.items() if week >= begins}, "whole weeks"
    released = {one.year: (one.play_count, one.total_ms) for one in music.releases(conn, scope).years}
    assert released == slow.grouped(events, lambda one: [one.released])
    spread = music.diversity(conn, scope)
    assert spread.play_count == sum(len(one.artists) for one in events)
    if events:
        assert isclose(spread.effective_artists, exp(slow.entropy(events)), rel_tol=1e-9)
    places, spreads = music.artists_by_year(conn, scope.listener, measure=scope.measure, each=1)
    assert places == {
        artist: items.years_of(conn, scope.listener, Kind.ARTIST, artist, months=(), measure=scope.measure)
        for artist in places
    }
    assert set(spreads) == {one.day.year for one in ever}
    by_year = music.genres_by_year(conn, scope.listener, measure=scope.measure)
    for year in spreads:
        plays = [one for one in ever if one.day.year == year]
        expected = slow.ranked(plays, "genre", by_time=scope.measure is Measure.TIME)
        assert [(one.genre, *one[2:4]) for one in by_year.get(year, [])] == expected
    for year, of_year in spreads.items():
        plays = [one for one in ever if one.day.year == year]
        assert of_year.artists == len({artist for one in plays for artist in one.artists})
        assert isclose(of_year.effective_artists, exp(slow.entropy(plays)), rel_tol=1e-9)
    first_songs, first_artists = slow.first_plays(ever, "song"), slow.first_plays(ever, "artist")
    months = {one.month: one for one in discoveries.discoveries(conn, scope)}
    for month in {one.day.replace(day=1) for one in ever} | set(months):
        songs, artists = (
            [two for two in firsts.values() if two[0].day.replace(day=1) == month and two[0] in events]
            for firsts in (first_songs, first_artists)
        )
        found = months.get(month)
        assert (found.songs if found else 0) == len(songs)
        assert (found.artists if found else 0) == len(artists)
        stayed = [two for two in songs if two[1].played_at - two[0].played_at >= discoveries.STAYS]
        assert (found.songs_that_stayed if found else 0) == len(stayed)
    new = {one.id for one in discoveries.discovered(conn, scope, Kind.SONG, each=100)}
    assert new == {song for song, (first, _) in first_songs.items() if first in events}


def check_filters(asked: Asked, scope: Scope, events: list[Heard]) -> None:
    conn, some = asked.conn, asked.events[0]
    artist, album = some.artists[0], some.album
    cases: list[tuple[Filters, Callable[[Heard], bool]]] = [
        (Filters(artist_id=artist), lambda one: artist in one.artists),
        (Filters(genre="all", album_id=album), lambda one: album in (None, one.album)),
        (Filters(skipped=True, artist_id=artist), lambda one: one.is_skip and artist in one.artists),
        (Filters(platform=some.platform, skipped=False), lambda one: one.platform == some.platform and not one.is_skip),
    ]
    for filters, keep in cases:
        narrow, kept = scope._replace(filters=filters), [one for one in events if keep(one)]
        assert activities.totals(conn, narrow)[:2] == slow.summed(kept)
        rows = tops.tops(conn, narrow, [Kind.SONG], each=100)[Kind.SONG].rows
        expected = slow.ranked(kept, "song", by_time=scope.measure is Measure.TIME)
        assert [(row.item.id, row.play_count, row.total_ms) for row in rows] == expected
        days = activities.activity(conn, narrow, Step.DAY).buckets
        assert {one.first: one[2:] for one in days if one.play_count} == slow.grouped(kept, lambda one: [one.day])
        cells = activities.clock(conn, narrow).cells
        assert sum(one.play_count for one in cells) == len(kept)
        page = history.history(conn, narrow, each=1_000)
        assert sorted((one.played_at, one.track.id) for one in page.plays) == [one[:2] for one in kept]
        whole = history.total_of_history(conn, narrow, tracks=[some.track])
        assert whole[:2] == slow.summed([one for one in kept if one.track == some.track])
        runs = milestones.streaks(conn, narrow, scope.days.last, each=100).longest
        assert [one.days for one in runs] == sorted(slow.streaks(kept), reverse=True)
        ours = history.sessions(conn, narrow)
        assert ours.number == len(slow.sessions(slow.between(kept, *ours.days), HALF_AN_HOUR))
        ways, _ = activities.ways(conn, narrow)
        countries = slow.grouped(kept, lambda one: [one.country])
        assert {one.value: one[2:] for one in ways if one.dimension == "COUNTRY"} == countries
        assert sum(one.play_count for one in ways if one.dimension == "SHARE_HEARD") == len(kept)
        weeks = {slow.week_of(one.day, scope.listener.week_starts_on) for one in kept}
        assert {one.week for one in milestones.weeks_at_number_one(conn, narrow)[0]} == weeks
    check_filtered_discoveries(asked, scope, artist, album)


def check_filtered_discoveries(asked: Asked, scope: Scope, artist: int, album: int | None) -> None:
    """A song is met when any of its recordings is, and is of an artist or album when any of them is."""
    cases: list[tuple[Filters, Callable[[Heard], bool]]] = [
        (Filters(artist_id=artist), lambda one: artist in one.artists),
        (Filters(album_id=album), lambda one: album in (None, one.album)),
    ]
    for filters, keep in cases:
        narrow, own = scope._replace(filters=filters), [one for one in asked.events if keep(one)]
        for kind, items_of in ((Kind.SONG, lambda one: [one.song]), (Kind.ARTIST, lambda one: one.artists)):
            firsts, wanted = slow.first_plays(asked.events, kind.value), {item for one in own for item in items_of(one)}
            met = {item for item in wanted if scope.days.first <= firsts[item][0].day <= scope.days.last}
            assert {one.id for one in discoveries.discovered(asked.conn, narrow, kind, each=100)} == met
            counted = [getattr(one, f"{kind.value}s") for one in discoveries.discoveries(asked.conn, narrow)]
            assert sum(counted) == len(met)
        crazes = discoveries.obsessions(asked.conn, narrow, at_least=1, each=1_000)
        assert {one.track.id for one in crazes} <= {one.track for one in own}


def check_whole_years(conn: Connection, listener: Listener, kind: Kind, item: int, years: set[int]) -> None:
    """An item's place in a whole year is that of the year's list, whichever of the two says it."""
    for year in years:
        for last, measure in product((date(year, 12, 31), date(year, 12, 30)), Measure):
            scope = Scope(listener, Days(date(year, 1, 1), last), measure)
            page = items.item_page(conn, scope, kind, item, with_years=True)
            assert page is not None
            assert page.in_range == tops.ranks(conn, scope, {kind: [item]})[kind].get(item)
            assert page.years == items.years_of(conn, listener, kind, item, months=page.life, measure=measure)


def check_years(
    conn: Connection, listener: Listener, kind: Kind, every: Sequence[int], events: Sequence[Heard]
) -> None:
    """The places of each item are those that it has in the lists of the years."""
    lives = {item: activities.life(conn, listener, items.tracks_of(conn, listener, kind, item)) for item in every}
    for measure in Measure:
        places: dict[int, list[items.YearRank]] = {item: [] for item in every}
        for year in sorted({one.day.year for one in events}):
            heard = (one for one in events if one.day.year == year)
            for rank, (item, *counts) in enumerate(slow.ranked(heard, kind.value, by_time=measure is Measure.TIME), 1):
                places[item].append(items.YearRank(year, rank, *counts))
        for item, months in lives.items():
            assert items.years_of(conn, listener, kind, item, months=months, measure=measure) == places[item]


def check_one_hit_wonders(asked: Asked) -> None:
    songs: dict[int, list[int]] = {}
    for one in asked.events:
        for artist in one.artists:
            songs.setdefault(artist, []).append(one.song)
    for at_least in (1, 2, 3):
        found = discoveries.one_hit_wonders(asked.conn, asked.listener, at_least=at_least, each=1_000)
        assert {one.artist.id: (one.song.id, one.artist.play_count) for one in found} == {
            artist: (of_artist[0], len(of_artist))
            for artist, of_artist in songs.items()
            if len(of_artist) >= at_least and len(set(of_artist)) == 1
        }


def check_items(asked: Asked) -> None:
    conn, listener, events = asked.conn, asked.listener, asked.events
    ever = periods.ever(listener)
    for kind in Kind:
        item = slow.ranked(events, kind.value, by_time=False)[0][0]
        own = [one for one in events if item in slow.KINDS[kind.value](one)]
        page = items.item_page(conn, ever, kind, item)
        assert page is not None
        assert page.rank_ever == page.in_range == (1, *slow.summed(own))
        assert (page.item.first_played_at, page.item.last_played_at) == (own[0].played_at, own[-1].played_at)
        months = {one.first: (one.play_count, one.total_ms) for one in page.life if one.play_count}
        assert months == slow.grouped(own, lambda one: [one.day.replace(day=1)])
        days = slow.grouped(own, lambda one: [one.day])
        most = min(days.items(), key=lambda one: (-one[1][0], -one[1][1], one[0]))
        assert items.day_of_most(conn, listener, page.tracks) == (most[0], *most[1])
        latest = [one.played_at for one in reversed(own)][:3]
        for scope in (ever, Scope(listener, Days(own[0].day, own[0].day))):
            heard = items.item_heard(conn, scope, page.tracks, latest=3, months=page.life)
            assert (heard.most, heard.latest) == ((most[0], *most[1]), latest)
            assert heard.clock == items.item_clock(conn, scope, page.tracks)
        every = [key for key, *_ in slow.ranked(events, kind.value, by_time=False)]
        check_years(conn, listener, kind, every, events)
        check_whole_years(conn, listener, kind, every[-1], {one.day.year for one in events})
    found = discoveries.obsessions(conn, ever, at_least=2, each=1_000)
    by_month = slow.grouped(events, lambda one: [(one.track, one.day.replace(day=1))])
    assert {(one.track.id, one.month): one[2:] for one in found} == {
        key: counts for key, counts in by_month.items() if counts[0] >= 2
    }
    check_one_hit_wonders(asked)
    reached = milestones.milestones(conn, listener, range(1, len(events) + 3))
    if not is_odd(ever, events):
        assert [(one.played_at, one.track and one.track.id) for one in reached] == [one[:2] for one in events]
