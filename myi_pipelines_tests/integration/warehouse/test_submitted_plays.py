"""Plays that programs and other services tell, beside those that polls and exports tell: each counts once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, permutations
from typing import NamedTuple
from uuid import UUID

import pytest

from myi_pipelines.sources.exports import Context, Play, Track, submitted_play
from myi_pipelines.warehouse import corrections, events, import_jobs, invariants, partitions, submissions
from myi_pipelines.warehouse.import_outcomes import outcomes_of_jobs
from myi_pipelines.warehouse.musicbrainz import land_artist, land_search
from myi_pipelines.warehouse.spotify_payloads import SpotifyObject, land_objects
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines_tests.support.reference import Polled
from myi_pipelines_tests.support.shared_servers import SessionServers, database_name
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

pytestmark = pytest.mark.slow

MIN_PLAY_MS = 5_000
HEARD = Context("ios", "NZ", "trackdone", "trackdone", False, False, False, False)


@pytest.fixture(scope="module")
def warehouse(session_servers: SessionServers, worker_id: str) -> Iterator[Warehouse]:
    name = database_name(__name__, worker_id)
    with session_servers.database(name) as url, open_warehouse(url) as opened:
        yield opened


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2024-05-05T{text}").replace(tzinfo=UTC)


def listen(
    began: str,
    length_s: int | None = 200,
    *,
    letter: str = "a",
    heard_ms: int | None = None,
    title: str | None = None,
    artist: str = "Band",
) -> Play:
    return submitted_play(Track(None, title or f"Song {letter}", artist, "Record"), at(began), length_s, heard_ms)


def exported(ended: str, ms: int = 200_000, letter: str = "a") -> Play:
    return Play(Track(letter * 22, f"Song {letter}", "Band", "Record"), HEARD, at(ended), at(ended), ms)


def minute(ended: str, ms: int = 200_000, letter: str = "a") -> Play:
    return Play(Track(None, f"Song {letter}", "Band", None), None, at(f"{ended}:00"), at(f"{ended}:00"), ms)


def polled(moment: str, letter: str = "a", ms: int = 200_000) -> Polled:
    return Polled(letter * 22, at(moment), ms)


class Event(NamedTuple):
    ended: str
    ms_played: int
    source: str
    is_estimated: bool


Source = Sequence[Play] | Sequence[Polled]


class Home:
    """A listener for each order of arrival."""

    numbers = count(1)

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.name = f"listener {next(self.numbers)}"
        self.user_id = warehouse.user(self.name, "UTC")

    def take(self, source: Source) -> int:
        """Land a file or some showings, and derive everything; return the import job of a file."""
        job_id = 0
        if isinstance(source[0], Polled):
            self.warehouse.poll(self.user_id, [row for row in source if isinstance(row, Polled)])
        else:
            job_id = self.warehouse.land(self.user_id, [play for play in source if isinstance(play, Play)]).job_id
        self.settle()
        return job_id

    def submit(self, *plays: Play, client: str = "Scrobbler") -> int:
        added = submissions.land_submitted_plays(
            self.warehouse.conn, self.user_id, client, plays, min_play_ms=MIN_PLAY_MS
        )
        self.settle()
        return added

    def settle(self) -> None:
        self.warehouse.settle([self.user_id])
        assert invariants.check(self.warehouse.conn, [self.user_id]) == []

    def jobs(self) -> list[import_jobs.ImportJob]:
        return import_jobs.list_jobs(self.warehouse.conn, user=self.name)

    def events(self) -> list[Event]:
        rows = self.warehouse.conn.execute(
            "SELECT to_char(played_at AT TIME ZONE 'UTC', 'HH24:MI:SS'), ms_played, source::text, is_estimated"
            " FROM listening_events WHERE user_id = %s ORDER BY played_at, ms_played",
            [self.user_id],
        )
        return [Event(*row) for row in rows]

    def ids(self) -> list[int]:
        rows = self.warehouse.conn.execute("SELECT id FROM listening_events WHERE user_id = %s", [self.user_id])
        return [event_id for (event_id,) in rows]


def in_any_order(warehouse: Warehouse, *sources: Source) -> list[Event]:
    """The events, which must be the same in whatever order the sources come; of many, each comes first and last."""
    found = []
    rotated = [(*sources[place:], *sources[:place]) for place in range(len(sources))]
    for order in permutations(sources) if len(sources) < 3 else rotated:
        home = Home(warehouse)
        for source in order:
            home.take(source)
        found.append(home.events())
    assert all(events == found[0] for events in found), found
    return found[0]


def test_a_submission_that_nothing_else_tells_counts_from_its_start(warehouse: Warehouse) -> None:
    told = [listen("12:00:00"), listen("13:00:00", None, letter="b"), listen("14:00:00", 200, heard_ms=90_500)]
    assert in_any_order(warehouse, told) == [
        Event("12:03:20", 200_000, "SUBMISSION", True),
        Event("13:03:30", 210_000, "SUBMISSION", True),
        Event("14:01:30", 90_500, "SUBMISSION", False),
    ]


def test_a_play_lasts_until_the_next_one_begins(warehouse: Warehouse) -> None:
    told = [listen("12:00:00"), listen("12:01:00", letter="b"), listen("12:01:10", letter="c")]
    assert in_any_order(warehouse, told) == [
        Event("12:01:00", 60_000, "SUBMISSION", True),
        Event("12:01:30", 30_000, "SUBMISSION", True),
        Event("12:04:30", 200_000, "SUBMISSION", True),
    ]


@pytest.mark.parametrize(
    "play",
    [
        listen("12:00:02"),
        listen("12:00:02", None),
        listen("11:59:50", 180),
        listen("12:00:02", title="song a (feat. Guest)"),
        listen("12:00:02", title="Sóng A as the shop spells it"),
    ],
    ids=["told with its length", "without", "paused", "spelt otherwise", "under another name"],
)
def test_a_submission_and_a_row_of_an_export_are_one_play(warehouse: Warehouse, play: Play) -> None:
    assert in_any_order(warehouse, [play], [exported("12:03:20")]) == [Event("12:03:20", 200_000, "IMPORT", False)]


LAST_MINUTES = datetime(2012, 2, 29, 23, 58, tzinfo=UTC)


def heard_from(began: datetime, length_s: int | None, letter: str) -> Play:
    return submitted_play(Track(letter * 22, f"Song {letter}", "Band", "Record"), began, length_s, None)


def test_a_play_ends_in_a_month_that_has_no_other(warehouse: Warehouse) -> None:
    home = Home(warehouse)
    job_id = home.take([heard_from(LAST_MINUTES, None, "u")])
    assert [event.ended for event in home.events()] == ["00:01:30"]
    for length_ms, ended in ((100_000, "23:59:40"), (200_000, "00:01:20")):
        payload = {"id": "u" * 22, "name": "Song u", "duration_ms": length_ms}
        land_objects(warehouse.conn, [SpotifyObject("track", "u" * 22, payload)])
        home.settle()
        assert [event.ended for event in home.events()] == [ended]
    corrections.undo_import(warehouse.conn, job_id)
    home.settle()
    assert home.events() == []


def test_a_month_in_which_nothing_ends_gets_no_partition(warehouse: Warehouse) -> None:
    home = Home(warehouse)
    warehouse.land(home.user_id, [heard_from(datetime(2011, 5, 31, 20, 0, tzinfo=UTC), 200, "t")])
    warehouse.sync()
    invalidated = warehouse.stale(home.user_id, Stage.EVENTS)
    assert [one.month.month for one in invalidated] == [5, 6]
    conformed = [one for _, one in events.conform_user_months(warehouse.session(), invalidated)]
    assert sum(one.added for one in conformed) == 1
    assert [event.ended for event in home.events()] == ["20:03:20"]
    attached = partitions.existing_months(warehouse.conn, partitions.LISTENING_EVENTS)
    assert [month.month for month in attached if month.year == 2011] == [5]


def test_a_play_ends_in_the_month_before_because_another_begins(warehouse: Warehouse) -> None:
    told = [heard_from(LAST_MINUTES, 200, "v"), heard_from(LAST_MINUTES + timedelta(minutes=1), 200, "w")]
    for order in (told, told[::-1]):
        home = Home(warehouse)
        for play in order:
            home.take([play])
        assert [event.ended for event in home.events()] == ["23:59:00", "00:02:20"]


def test_a_skipped_play_is_known_by_its_start(warehouse: Warehouse) -> None:
    told = [listen("12:00:00"), listen("12:00:40", letter="b")]
    export = [exported("12:00:40", 40_000), exported("12:04:00", 200_000, "b")]
    assert [event.ms_played for event in in_any_order(warehouse, told, export)] == [40_000, 200_000]


def test_submissions_polls_account_data_and_the_export_tell_one_play(warehouse: Warehouse) -> None:
    sources = ([listen("12:00:01")], [polled("12:03:21.500")], [minute("12:03")], [exported("12:03:20")])
    assert in_any_order(warehouse, *sources) == [Event("12:03:20", 200_000, "IMPORT", False)]


@pytest.mark.parametrize("length_s", [200, None])
def test_a_submission_of_an_artist_spelt_otherwise_and_account_data_are_one_play(
    warehouse: Warehouse, length_s: int | None
) -> None:
    told = [listen("12:00:01", length_s, artist="The Band"), listen("14:00:01", length_s, letter="b")]
    account = [minute("12:03"), minute("14:03", letter="c")]
    assert [(event.ended[:5], event.source) for event in in_any_order(warehouse, told, account)] == [
        ("12:03", "IMPORT"),
        ("14:03", "IMPORT"),
        ("14:03", "SUBMISSION"),
    ]


def test_account_data_without_lengths_names_all_artists_of_a_play(warehouse: Warehouse) -> None:
    old = Play(Track(None, "Song a", "Band, Guest", None), None, at("12:03:20"), at("12:03:20"), None)
    assert in_any_order(warehouse, [old], [minute("12:03", 190_000)]) == [Event("12:03:20", 190_000, "IMPORT", False)]


@pytest.mark.parametrize("moment", ["12:03:21", "12:00:04", "12:08:00"], ids=["its end", "its start", "after a pause"])
def test_a_submission_and_a_poll_are_one_play(warehouse: Warehouse, moment: str) -> None:
    [event] = in_any_order(warehouse, [listen("12:00:00", None)], [polled(moment)])
    assert (event.ended, event.source) == (moment, "API")


def test_two_services_that_tell_one_play_and_a_repeat(warehouse: Warehouse) -> None:
    one = [listen("12:00:00", None), listen("12:03:20", None)]
    other = [listen("12:00:03", 200, heard_ms=199_000), listen("12:03:24", 200, title="SONG A - Remastered")]
    assert [event.ms_played for event in in_any_order(warehouse, one, other)] == [199_000, 200_000]


def test_services_that_spell_the_artist_otherwise_tell_one_play(warehouse: Warehouse) -> None:
    sources = [listen("12:00:00")], [listen("12:00:03", artist="The Band")]
    live = [listen("12:00:05", title="Song A (Live)")]
    assert [event.ended for event in in_any_order(warehouse, *sources, live)] == ["12:00:30", "12:03:25"]
    assert in_any_order(warehouse, *sources, [exported("12:03:20")]) == [Event("12:03:20", 200_000, "IMPORT", False)]


def test_an_event_keeps_its_id_when_better_sources_come(warehouse: Warehouse) -> None:
    home = Home(warehouse)
    ids = []
    sources: list[Source] = [[listen("12:00:00")], [polled("12:03:21")], [minute("12:03")], [exported("12:03:20")]]
    for source in sources:
        home.take(source)
        ids += home.ids()
    assert len(ids) == 4
    assert len(set(ids)) == 1


def test_a_program_that_tries_again_doubles_nothing(warehouse: Warehouse) -> None:
    home = Home(warehouse)
    plays = [listen("12:00:00"), listen("12:10:00", letter="b")]
    assert [home.submit(*plays), home.submit(*plays), home.submit(plays[1], listen("12:20:00"))] == [2, 0, 1]
    assert len(home.events()) == 3
    [job] = home.jobs()
    assert (job.file_name, job.total_rows, job.added_rows) == ("plays submitted by Scrobbler", 6, 3)
    assert outcomes_of_jobs(warehouse.conn, home.user_id, [job.id], MIN_PLAY_MS) == {job.id: {"added": 3}}


def test_a_program_renames_no_track_of_others(warehouse: Warehouse) -> None:
    anna, mallory = Home(warehouse), Home(warehouse)
    anna.take([exported("12:03:20", letter="m")])
    later = at("18:00:00")
    for track in (Track("m" * 22, "Poison", "Band", None), Track("m" * 22, "Song m", "Evil", None)):
        mallory.submit(submitted_play(track, later, 200))
    land_objects(warehouse.conn, [SpotifyObject("track", "m" * 22, {"id": "m" * 22, "duration_ms": 200_000})])
    mallory.submit(submitted_play(Track("m" * 22, "Unnamed by Spotify", "Band", None), at("21:00:00"), 200))
    mallory.submit(submitted_play(Track("m" * 22, "song M (feat. Guest)", "Band", None), at("20:00:00"), 200))
    assert [event.ended for event in mallory.events()] == ["18:03:20", "18:03:20", "20:03:20", "21:03:20"]
    names = warehouse.conn.execute(
        "SELECT DISTINCT named.name, named.artist FROM named_songs AS named JOIN tracks ON song_id = named.id"
        " JOIN listening_events AS e ON e.track_id = tracks.id WHERE e.user_id = %s",
        [anna.user_id],
    )
    assert names.fetchall() == [("Song m", "Band")]
    latest = warehouse.conn.execute("SELECT name FROM tracks WHERE spotify_id = %s", ["m" * 22]).fetchall()
    assert latest == [("song M (feat. Guest)",)], "the same song"


def test_what_a_program_submitted_is_undone_and_it_may_go_on(warehouse: Warehouse) -> None:
    home = Home(warehouse)
    home.submit(listen("12:00:00"), listen("12:10:00"))
    home.submit(listen("12:10:00"), listen("12:40:00"), client="Player")
    first = min(job.id for job in home.jobs())
    corrections.undo_import(warehouse.conn, first)
    home.settle()
    assert [event.ended for event in home.events()] == ["12:13:20", "12:43:20"]
    home.submit(listen("12:20:00"))
    assert [event.ended for event in home.events()] == ["12:13:20", "12:23:20", "12:43:20"]
    assert len(home.jobs()) == 3


def test_the_view_shows_what_was_told_and_by_whom(warehouse: Warehouse) -> None:
    home = Home(warehouse)
    home.submit(listen("12:00:00"), listen("13:00:00", None, letter="b"))
    home.take([exported("14:00:00")])
    rows = warehouse.conn.execute(
        "SELECT listened_at, played_at, track_name, submitted_by FROM submitted_plays WHERE user_id = %s"
        " ORDER BY listened_at",
        [home.user_id],
    ).fetchall()
    by = "plays submitted by Scrobbler"
    assert rows == [
        (at("12:00:00"), at("12:03:20"), "Song a", by),
        (at("13:00:00"), at("13:00:00"), "Song b", by),
    ]


def test_an_estimate_follows_the_length_of_the_track(warehouse: Warehouse) -> None:
    home = Home(warehouse)
    track = Track("z" * 22, "Long Song", "Band", "Record")
    home.take([submitted_play(track, at("12:00:00"), None)])
    assert [event.ms_played for event in home.events()] == [210_000]
    payload = {"id": "z" * 22, "name": "Long Song", "duration_ms": 600_000}
    land_objects(warehouse.conn, [SpotifyObject("track", "z" * 22, payload)])
    warehouse.sync()
    home.settle()
    assert [(event.ended, event.ms_played) for event in home.events()] == [("12:10:00", 600_000)]


def test_an_estimate_follows_the_length_that_musicbrainz_tells_until_spotify_tells_it(warehouse: Warehouse) -> None:
    home = Home(warehouse)
    track = Track("y" * 22, "Longer Song", "Bandage", "Record")
    home.take([submitted_play(track, at("12:00:00"), None), submitted_play(track, at("14:00:00"), None)])
    home.take([submitted_play(Track(None, "Other", "Bandage", None), at("14:05:00"), 60)])
    [(key,)] = warehouse.conn.execute("SELECT name_key('Bandage')::text").fetchall()
    recordings = [{"title": "Longer Song", "length_ms": 400_000}, {"title": "Longer Song (live)", "length_ms": 999_000}]
    land_search(warehouse.conn, key, UUID(int=1), at("00:00:00"))
    land_artist(warehouse.conn, UUID(int=1), {"genres": [], "recordings": recordings}, at("00:00:00"))
    home.settle()
    assert [(event.ended, event.ms_played) for event in home.events()] == [
        ("12:06:40", 400_000),
        ("14:05:00", 300_000),  # no longer than until the next one
        ("14:06:00", 60_000),
    ]
    payload = {"id": "y" * 22, "name": "Longer Song", "duration_ms": 600_000}
    land_objects(warehouse.conn, [SpotifyObject("track", "y" * 22, payload)])
    home.settle()
    assert [event.ms_played for event in home.events()] == [600_000, 300_000, 60_000]


def test_plays_of_before_spotify_count(warehouse: Warehouse) -> None:
    home = Home(warehouse)
    home.submit(listen("12:00:00")._replace(
        stopped_at=at("12:00:00") - timedelta(days=7_000), played_at=at("12:03:20") - timedelta(days=7_000)
    ))  # fmt: skip
    assert [event.source for event in home.events()] == ["SUBMISSION"]
