"""What is hidden counts nowhere, comes back whole, and reaches no more user-months than it has plays in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from myi_pipelines.operations import correcting, verify
from myi_pipelines.sources.exports import Kind as TrackKind
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import corrections, invariants, user_months, users
from myi_pipelines.warehouse.correction_targets import (
    NoSuchTarget,
    Span,
    WrongAddress,
    find_plays,
    find_show,
    find_targets,
    span_between,
    span_of_moment,
    spotify_id_in,
)
from myi_pipelines.warehouse.corrections import Kind, UnknownCorrection
from myi_pipelines.warehouse.spotify_payloads import SpotifyObject, land_objects
from myi_pipelines.warehouse.user_months import Stage, UserMonth
from myi_pipelines_tests.support import killable_import, reference
from myi_pipelines_tests.support.archive_fixtures import ArchivingWarehouse, open_archiving_warehouse
from myi_pipelines_tests.support.reference import Correction, Polled, Tables
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT, renamed_id, spotify_id

pytestmark = pytest.mark.slow

NOON = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
SONG = Track(spotify_id("a"), "Song", "Artist", "Album")
OTHER = Track(spotify_id("b"), "Other", "Somebody", "Album")


@pytest.fixture
def warehouse(database_url: str, tmp_path: Path) -> Iterator[ArchivingWarehouse]:
    with open_archiving_warehouse(database_url, tmp_path / "archive") as opened:
        yield opened


def play(track: Track, ended: datetime, seconds: int = 200) -> Play:
    context = ACCOUNT if track.spotify_id is None else CONTEXT
    return Play(track, context, ended, ended, seconds * 1000)


def events(warehouse: ArchivingWarehouse, user_id: int) -> list[tuple[datetime, int]]:
    return sorted((event.played_at, event.ms_played) for event in warehouse.tables(user_id).events.values())


def assert_hidden(warehouse: ArchivingWarehouse, user_id: int, before: Tables, made: Correction) -> None:
    """Of the events before, those that a correction hides are gone from all tables."""
    catalog = reference.catalog_of(killable_import.landing("hidden").plays)
    shown = [event for event in before.events.values() if not reference.hides(made, event, (), catalog)]
    expected = reference.aggregate(reference.Conformed(shown, {}, set()), catalog, ZoneInfo(killable_import.TIMEZONE))
    found = warehouse.tables(user_id)
    for table in Tables._fields:
        assert getattr(found, table) == getattr(expected, table), table
    assert invariants.check(warehouse.conn, [user_id]) == []


def hide(warehouse: ArchivingWarehouse, user_id: int, kind: Kind, what: dict[str, Any]) -> correcting.Outcome:
    return correcting.hide(warehouse.session(), user_id, kind, what)


# ── Hiding and showing again ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (Kind.HIDE_TRACK, {"spotify_id": renamed_id(f"{3:022}", "hidden")}),
        (Kind.HIDE_ARTIST, {"artist": "HIDDEN artist 3"}),
        (Kind.HIDE_ALBUM, {"album": "ALBUM 3", "artist": "hidden Artist 3"}),
        (Kind.HIDE_PERIOD, {"from": "2011-07-15T00:00:00+00:00", "until": "2011-09-01T12:00:00+00:00"}),
    ],
)
def test_hidden_plays_leave_all_statistics_and_come_back(
    warehouse: ArchivingWarehouse, kind: Kind, what: dict[str, Any]
) -> None:
    user_id = killable_import.prepare(warehouse, "hidden")
    killable_import.import_upload(warehouse, "hidden")
    before = warehouse.tables(user_id)
    outcome = hide(warehouse, user_id, kind, what)
    assert outcome.derived.more_plays < 0
    assert_hidden(warehouse, user_id, before, Correction(kind, what))
    assert verify.verify(warehouse.session()).differences == []
    assert not hide(warehouse, user_id, kind, what).corrected.is_new
    [listed] = corrections.list_corrections(warehouse.conn, user_id)
    assert listed.id == outcome.corrected.id
    if kind is not Kind.HIDE_PERIOD:
        assert listed.play_count == -outcome.derived.more_plays
    [shown] = correcting.take_back(warehouse.session(), [outcome.corrected.id])
    assert shown.derived.more_plays == -outcome.derived.more_plays
    assert warehouse.tables(user_id) == before
    assert corrections.list_corrections(warehouse.conn) == []


def test_a_correction_reaches_exactly_the_user_months_of_which_it_hides_plays(warehouse: ArchivingWarehouse) -> None:
    anna, bob = warehouse.user("anna", "UTC"), warehouse.user("bob", "UTC")
    months = [date(2024, number, 1) for number in range(1, 7)]
    moments = [datetime(2024, number, 10, 12, tzinfo=UTC) for number in range(1, 7)]
    for user_id in (anna, bob):
        tracks = [SONG, OTHER] * 3
        warehouse.land(user_id, [play(track, at) for track, at in zip(tracks, moments, strict=True)])
    warehouse.settle([anna, bob])

    def reached() -> list[UserMonth]:
        found = user_months.invalidated_user_months(warehouse.conn, Stage.EVENTS)
        warehouse.settle([anna, bob])
        return found

    by_track = corrections.correct(warehouse.conn, anna, Kind.HIDE_TRACK, {"spotify_id": SONG.spotify_id})
    assert reached() == [(anna, month) for month in months[::2]]
    by_artist = corrections.correct(warehouse.conn, anna, Kind.HIDE_ARTIST, {"artist": "Artist"})
    assert reached() == []  # all of these plays are hidden already
    corrections.take_back(warehouse.conn, [by_track.id])
    assert reached() == []
    corrections.take_back(warehouse.conn, [by_artist.id])
    assert reached() == [(anna, month) for month in months[::2]]
    what = {"from": "2024-02-10T12:00:00+00:00", "until": "2024-03-10T12:00:00+00:00"}
    by_time = corrections.correct(warehouse.conn, anna, Kind.HIDE_PERIOD, what)
    assert reached() == [(anna, months[1]), (anna, months[2])]
    assert len(events(warehouse, anna)) == 5  # the end does not belong to the period
    corrections.take_back(warehouse.conn, [by_time.id])
    assert reached() == [(anna, months[1]), (anna, months[2])]
    assert len(events(warehouse, anna)) == len(events(warehouse, bob)) == 6


def test_what_lands_later_is_hidden_too(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    hide(warehouse, user_id, Kind.HIDE_ARTIST, {"artist": "ARTIST"})
    warehouse.land(user_id, [play(SONG, NOON), play(OTHER, NOON + timedelta(hours=1))])
    warehouse.poll(user_id, [Polled(spotify_id("a"), NOON + timedelta(hours=2), 200_000)])
    warehouse.settle([user_id])
    assert events(warehouse, user_id) == [(NOON + timedelta(hours=1), 200_000)]


def test_hiding_a_track_does_not_bring_back_a_polled_twin(warehouse: ArchivingWarehouse) -> None:
    """The same play, polled under another id: it is one play before it is hidden."""
    user_id = warehouse.user("anna", "UTC")
    twin = SONG._replace(spotify_id=spotify_id("c"))
    warehouse.land(user_id, [play(SONG, NOON), play(twin, NOON - timedelta(days=40))])
    warehouse.poll(user_id, [Polled(spotify_id("c"), NOON + timedelta(seconds=2), 200_000)])
    warehouse.settle([user_id])
    assert len(events(warehouse, user_id)) == 2
    hide(warehouse, user_id, Kind.HIDE_TRACK, {"spotify_id": SONG.spotify_id})
    assert events(warehouse, user_id) == [(NOON - timedelta(days=40), 200_000)]


@pytest.mark.parametrize("first", ["polled", "account data", "extended"])
def test_a_hidden_play_stays_hidden_when_a_better_source_tells_it(warehouse: ArchivingWarehouse, first: str) -> None:
    user_id = warehouse.user("anna", "UTC")
    ended = NOON + timedelta(seconds=37)
    told = [play(SONG, ended), play(SONG, ended + timedelta(seconds=200))]
    named = play(SONG, NOON - timedelta(days=20))
    warehouse.land(user_id, [named])  # so that the polled track has names
    sources: dict[str, Callable[[], object]] = {
        "polled": lambda: warehouse.poll(
            user_id, [Polled(spotify_id("a"), one.played_at + timedelta(seconds=3), 180_000) for one in told]
        ),
        "account data": lambda: warehouse.land(
            user_id, [play(Track(None, "Song", "Artist", None), reference.minute(one.played_at)) for one in told]
        ),
        "extended": lambda: warehouse.land(user_id, told),
    }
    sources.pop(first)()
    warehouse.settle([user_id])
    plays = find_plays(warehouse.conn, user_id, Span(NOON - timedelta(minutes=1), NOON + timedelta(minutes=9)))
    assert len(plays) == 2
    hide(warehouse, user_id, Kind.HIDE_PLAY, plays[0].what)
    assert len(events(warehouse, user_id)) == 2
    for land in sources.values():
        land()
        warehouse.settle([user_id])
        assert len(events(warehouse, user_id)) == 2
    assert events(warehouse, user_id)[1:] == [(ended + timedelta(seconds=200), 200_000)]


def test_of_a_song_on_repeat_only_the_hidden_play_is_hidden(warehouse: ArchivingWarehouse) -> None:
    """If the end that a poll showed had been a start, that play had ended where the hidden one did."""
    user_id = warehouse.user("anna", "UTC")
    again = NOON + timedelta(seconds=200)
    warehouse.land(user_id, [play(SONG, NOON), play(SONG, again)])
    warehouse.poll(user_id, [Polled(spotify_id("a"), NOON, 200_000)])
    warehouse.settle([user_id])
    [second] = find_plays(warehouse.conn, user_id, Span(again, again + timedelta(seconds=1)))
    hide(warehouse, user_id, Kind.HIDE_PLAY, second.what)
    assert events(warehouse, user_id) == [(NOON, 200_000)]


def test_a_hidden_poll_stays_hidden_when_an_export_puts_it_elsewhere_and_no_other_play(
    warehouse: ArchivingWarehouse,
) -> None:
    """Nor does it come back when the month is derived once more, with every play where it is."""
    user_id = warehouse.user("anna", "UTC")
    warehouse.poll(user_id, [Polled(spotify_id("a"), NOON + timedelta(seconds=3), 180_000)])
    warehouse.settle([user_id])
    [shown] = find_plays(warehouse.conn, user_id, Span(NOON, NOON + timedelta(minutes=1)))
    hide(warehouse, user_id, Kind.HIDE_PLAY, shown.what)
    assert events(warehouse, user_id) == []
    warehouse.land(user_id, [play(SONG, NOON)])
    warehouse.settle([user_id])
    assert events(warehouse, user_id) == []
    later = NOON + timedelta(hours=1)
    warehouse.land(user_id, [play(OTHER, later)])
    warehouse.settle([user_id])
    assert events(warehouse, user_id) == [(later, 200_000)]


def test_new_credits_and_albums_are_hidden_when_metadata_tells_of_them(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    warehouse.land(user_id, [play(SONG, NOON), play(OTHER, NOON + timedelta(days=40))])
    warehouse.settle([user_id])
    artists = [{"id": spotify_id("q"), "name": "Artist"}, {"id": spotify_id("p"), "name": "Guest"}]
    hidden = hide(warehouse, user_id, Kind.HIDE_ARTIST, {"spotify_id": spotify_id("p")})
    assert hidden.derived.more_plays == 0
    payload = {"id": SONG.spotify_id, "name": "Song", "artists": artists}
    land_objects(warehouse.conn, [SpotifyObject("track", spotify_id("a"), payload)])
    warehouse.sync()
    assert [month for _, month in warehouse.stale(user_id, Stage.EVENTS)] == [date(2024, 5, 1)]
    warehouse.settle([user_id])
    assert events(warehouse, user_id) == [(NOON + timedelta(days=40), 200_000)]
    land_objects(warehouse.conn, [SpotifyObject("track", spotify_id("a"), {**payload, "artists": artists[:1]})])
    warehouse.settle([user_id])
    assert len(events(warehouse, user_id)) == 2


def test_a_song_is_hidden_with_all_of_its_tracks_also_those_that_join_it_later(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    deluxe = SONG._replace(spotify_id=spotify_id("c"), album="Album (Deluxe)")
    live = SONG._replace(spotify_id=spotify_id("d"), name="Song - Live")
    days = [NOON + timedelta(days=40 * number) for number in range(3)]
    warehouse.land(user_id, [play(track, at) for track, at in zip((SONG, deluxe, live), days, strict=True)])
    warehouse.settle([user_id])
    [song, other] = find_targets(warehouse.conn, user_id, Kind.HIDE_SONG, "song", "artist") + find_targets(
        warehouse.conn, user_id, Kind.HIDE_SONG, spotify_id("d")
    )
    assert (song.what, song.play_count, other.play_count) == ({"spotify_id": SONG.spotify_id}, 2, 1)
    hide(warehouse, user_id, Kind.HIDE_SONG, song.what)
    assert [at for at, _ in events(warehouse, user_id)] == days[2:]
    tracks = [
        find_targets(warehouse.conn, user_id, Kind.HIDE_TRACK, one)[0] for one in (spotify_id("a"), spotify_id("d"))
    ]
    joined = correcting.join_songs(warehouse.session(), user_id, [track.what for track in tracks])
    assert events(warehouse, user_id) == []
    correcting.take_back(warehouse.session(), [joined.corrected.id])
    assert [at for at, _ in events(warehouse, user_id)] == days[2:]
    correcting.split_song(warehouse.session(), user_id, tracks[0].what)
    assert [at for at, _ in events(warehouse, user_id)] == days[1:]


def test_a_show_is_hidden_under_all_of_its_names(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    episode = Track(spotify_id("x"), "Episode", "Show", None, TrackKind.EPISODE)
    renamed = episode._replace(artist="The Show")
    another = Track(spotify_id("y"), "Another", "The Show", None, TrackKind.EPISODE)
    others = [
        play(track, NOON + timedelta(days=40 * number)) for number, track in enumerate((episode, renamed, another))
    ]
    elsewhere = play(Track(spotify_id("z"), "Episode", "Else", None, TrackKind.EPISODE), NOON + timedelta(hours=1))
    warehouse.land(user_id, [play(SONG, NOON), *others, elsewhere])
    warehouse.settle([user_id])

    def shows() -> list[str]:
        rows = warehouse.conn.execute("SELECT show FROM user_show_stats ORDER BY show").fetchall()
        return [show for (show,) in rows]

    assert shows() == ["Else", "The Show"]
    show = find_show(warehouse.conn, user_id, "the show")
    assert (show.shows, show.play_count) == (["Show", "The Show"], 3)
    outcome = hide(warehouse, user_id, Kind.HIDE_SHOW, show.what)
    assert outcome.derived.more_plays == -3
    assert shows() == ["Else"]
    assert len(events(warehouse, user_id)) == 1
    assert verify.verify(warehouse.session()).differences == []
    correcting.take_back(warehouse.session(), [outcome.corrected.id])
    assert shows() == ["Else", "The Show"]
    with pytest.raises(NoSuchTarget, match="no show or audiobook named 'Nothing'"):
        find_show(warehouse.conn, user_id, "Nothing")


def test_private_sessions_are_left_out_by_a_setting(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    private = play(OTHER, NOON + timedelta(days=40))._replace(context=CONTEXT._replace(incognito=True))
    episode = private._replace(track=Track(spotify_id("x"), "Episode", "Show", None, TrackKind.EPISODE))
    warehouse.land(user_id, [play(SONG, NOON), private, episode])
    warehouse.settle([user_id])
    assert users.set_hide_incognito(warehouse.conn, "anna", hide=True) == 1
    assert users.set_hide_incognito(warehouse.conn, "anna", hide=True) == 0
    warehouse.settle([user_id])
    assert [at for at, _ in events(warehouse, user_id)] == [NOON]
    assert warehouse.conn.execute("SELECT count(*) FROM episode_events").fetchone() == (0,)
    assert verify.verify(warehouse.session()).differences == []
    warehouse.archive()
    assert users.set_hide_incognito(warehouse.conn, "anna", hide=False) > 0
    warehouse.settle([user_id])
    warehouse.restore_archived()
    assert len(events(warehouse, user_id)) == 2
    assert warehouse.conn.execute("SELECT count(*) FROM episode_events").fetchone() == (1,)


def test_archived_plays_are_hidden_and_shown_again(warehouse: ArchivingWarehouse) -> None:
    user_id = killable_import.prepare(warehouse, "hidden")
    killable_import.import_upload(warehouse, "hidden")
    before, what = warehouse.tables(user_id), {"artist": "hidden Artist 3"}
    assert any(one.rows for one in warehouse.archive())
    outcome = hide(warehouse, user_id, Kind.HIDE_ARTIST, what)
    warehouse.archive()
    correcting.take_back(warehouse.session(), [outcome.corrected.id])
    warehouse.restore_archived()
    warehouse.settle([user_id])
    assert warehouse.tables(user_id) == before
    outcome = hide(warehouse, user_id, Kind.HIDE_ARTIST, what)
    warehouse.restore_archived()
    assert_hidden(warehouse, user_id, before, Correction("HIDE_ARTIST", what))


def test_hidden_plays_that_differ_are_found_and_repaired(warehouse: ArchivingWarehouse) -> None:
    user_id = killable_import.prepare(warehouse, "hidden")
    hide(warehouse, user_id, Kind.HIDE_ARTIST, {"artist": "hidden Artist 3"})
    right = warehouse.everything("hidden_track_months")
    warehouse.conn.execute("UPDATE hidden_track_months SET play_count = play_count + 1 WHERE month = '2011-08-01'")
    warehouse.conn.execute("DELETE FROM hidden_track_months WHERE month = '2011-09-01'")
    found = verify.verify(warehouse.session())
    assert {one.table for one in found.differences} == {"hidden_track_months"}
    assert verify.repair(warehouse.session()).differences == []
    assert warehouse.everything("hidden_track_months") == right


def test_of_numbers_of_which_one_is_unknown_none_is_taken_back(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    made = corrections.correct(warehouse.conn, user_id, Kind.HIDE_ARTIST, {"artist": "Artist"})
    with pytest.raises(UnknownCorrection, match=f"number {made.id + 7};"):
        corrections.take_back(warehouse.conn, [made.id, made.id + 7])
    assert len(corrections.list_corrections(warehouse.conn)) == 1


# ── What is meant ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4uLU6hMCjMI75M1A2tKUQC", "4uLU6hMCjMI75M1A2tKUQC"),
        (" spotify:track:4uLU6hMCjMI75M1A2tKUQC ", "4uLU6hMCjMI75M1A2tKUQC"),
        ("https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC?si=0a1b", "4uLU6hMCjMI75M1A2tKUQC"),
        ("https://open.spotify.com/intl-de/track/4uLU6hMCjMI75M1A2tKUQC", "4uLU6hMCjMI75M1A2tKUQC"),
        ("Never Gonna Give You Up", None),
        ("spotify:track:short", None),
    ],
)
def test_addresses_and_ids_are_told_from_names(text: str, found: str | None) -> None:
    assert spotify_id_in(text, Kind.HIDE_TRACK) == found


def test_the_address_of_something_else_is_refused() -> None:
    with pytest.raises(WrongAddress, match="is the address of an album, not of a track"):
        spotify_id_in("https://open.spotify.com/album/4uLU6hMCjMI75M1A2tKUQC", Kind.HIDE_TRACK)


def test_names_find_what_the_user_played_in_any_spelling_hidden_or_not(warehouse: ArchivingWarehouse) -> None:
    anna, bob = warehouse.user("anna", "UTC"), warehouse.user("bob", "UTC")
    single, account = SONG._replace(spotify_id=spotify_id("c")), Track(None, "SONG", "artist", None)
    warehouse.land(anna, [play(SONG, NOON), play(SONG, NOON + timedelta(hours=1)), play(single, NOON)])
    warehouse.land(anna, [play(account, NOON + timedelta(days=1))])
    warehouse.land(bob, [play(OTHER, NOON)])
    warehouse.settle([anna, bob])
    found = find_targets(warehouse.conn, anna, Kind.HIDE_TRACK, "song", "ARTIST")
    assert [(one.what, one.play_count) for one in found] == [
        ({"spotify_id": SONG.spotify_id}, 2),
        ({"spotify_id": single.spotify_id}, 1),
        ({"track": "SONG", "artist": "artist"}, 1),
    ]
    [artist] = find_targets(warehouse.conn, anna, Kind.HIDE_ARTIST, "artist")
    assert (artist.what, artist.play_count) == ({"artist": artist.name}, 4)
    [album] = find_targets(warehouse.conn, anna, Kind.HIDE_ALBUM, "album")
    assert (album.what, str(album)) == ({"album": "Album", "artist": artist.name}, f"Album – {artist.name}")
    hide(warehouse, anna, Kind.HIDE_ARTIST, artist.what)
    assert find_targets(warehouse.conn, anna, Kind.HIDE_TRACK, "song") == found
    for text, kind in (("Other", Kind.HIDE_TRACK), ("Somebody", Kind.HIDE_ARTIST)):
        with pytest.raises(NoSuchTarget, match="was played"):
            find_targets(warehouse.conn, anna, kind, text)
    [unknown] = find_targets(warehouse.conn, anna, Kind.HIDE_TRACK, spotify_id("z"))
    assert (unknown.what, unknown.play_count) == ({"spotify_id": spotify_id("z")}, 0)


ENDS = (
    ("0001-01-01", None),
    (None, "9999-12-31"),
    ("0001-01-01T00:00:00+14:00", None),
    (None, "9999-12-31T23:59:59-12:00"),
)
"""Times that lie in no year of Python's, in UTC or a moment later."""


def test_times_are_the_listener_s_and_days_are_whole(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "Europe/Berlin")

    def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)

    conn = warehouse.conn
    assert span_between(conn, user_id, "2024-12-24", "2024-12-26") == Span(utc(2024, 12, 23, 23), utc(2024, 12, 26, 23))
    assert span_between(conn, user_id, "2024-07-01 10:00", "2024-07-01T12:30:15") == Span(
        utc(2024, 7, 1, 8), utc(2024, 7, 1, 10, 30, 15)
    )
    assert span_between(conn, user_id, None, "2024-01-31") == Span(None, utc(2024, 1, 31, 23))
    assert span_between(conn, user_id, "2024-01-31T00:00:00Z", None) == Span(utc(2024, 1, 31), None)
    assert span_of_moment(conn, user_id, "2024-07-01 10:00") == Span(utc(2024, 7, 1, 8), utc(2024, 7, 1, 8, 1))
    for first, last in (("yesterday", None), ("2024-02-30", None), ("2024-02-02", "2024-02-01"), *ENDS):
        with pytest.raises(WrongAddress):
            span_between(conn, user_id, first, last)
