"""The reference is trusted because these examples were worked out by hand. No database, no generated data."""

from datetime import UTC, date, datetime, timedelta

from myi_pipelines.sources.exports import UNDATED, Context, Play, Track
from myi_pipelines_tests.support.reference import (
    BucketStats,
    Correction,
    Event,
    EventKey,
    Landing,
    Polled,
    Song,
    Tables,
    Totals,
    TrackKey,
    TrackStats,
    catalog_of,
    conform,
    derive,
    key,
)

A, B, C = "a" * 22, "b" * 22, "c" * 22
SONG, TWIN = Track(A, "Song", "Artist", "Album"), Track(B, "Song", "Artist", "Other Album")
ACCOUNT_SONG = Track(None, "SONG", "artist", None)
SONG_NAMES = ("song", "artist")
CONTEXT = Context(None, None, None, None, None, None, None, None)
OFFLINE = CONTEXT._replace(offline=True)


def at(text: str) -> datetime:
    """'12:00:01' on an uneventful day, or a whole instant."""
    return datetime.fromisoformat(text if "T" in text else f"2020-05-05T{text}").replace(tzinfo=UTC)


def play(ended: str, ms: int = 180_000, track: Track = SONG, told: str | None = None) -> Play:
    return Play(track, CONTEXT, at(told or ended), at(ended), ms)


def account(ended: str, ms: int | None = 180_000, track: Track = ACCOUNT_SONG) -> Play:
    return Play(track, None, at(ended), at(ended), ms)


def offline(uploaded: str, ms: int, track: Track = SONG) -> Play:
    return Play(track, OFFLINE, at(uploaded), at(uploaded), ms, UNDATED)


def started(began: str, ended: str, ms: int = 180_000) -> Play:
    return play(ended, ms)._replace(elapsed_s=(at(ended) - at(began)) // timedelta(seconds=1))


def polled(moment: str, spotify_id: str = A, ms: int | None = 200_000) -> Polled:
    return Polled(spotify_id, at(moment), ms)


def imported(ended: str, ms: int = 180_000, track: TrackKey = A) -> Event:
    return Event(track, at(ended), ms, "IMPORT", context=CONTEXT)


def told_by_minute(ended: str, ms: int = 180_000, track: TrackKey = SONG_NAMES) -> Event:
    """An event of which account data tells the length."""
    return Event(track, at(ended), ms, "IMPORT")


def api(ended: str, ms: int = 200_000, track: TrackKey = A) -> Event:
    return Event(track, at(ended), ms, "API", is_estimated=True)


def once(ms: int, ended: str) -> TrackStats:
    return TrackStats(1, ms, at(ended), at(ended))


def events(*rows: Play | Polled) -> list[Event]:
    return sorted(conformed(*rows).values(), key=lambda event: (event.played_at, str(event.track)))


def conformed(*rows: Play | Polled) -> dict[EventKey, Event]:
    return tables("UTC", *rows).events


def upgrades(*rows: Play | Polled) -> dict[str, str]:
    """Which polled row gave way to which export row, by the time of day."""
    landing = Landing("UTC", plays(rows), polls(rows))
    pairs = conform(landing, catalog_of(landing.plays)).upgrades
    return {f"{row:%T.%f}"[:-3]: f"{export:%T}" for (_, row), (_, export) in pairs.items()}


def tables(zone: str, *rows: Play | Polled) -> Tables:
    return derive({"anna": Landing(zone, plays(rows), polls(rows))})["anna"]


def plays(rows: tuple[Play | Polled, ...]) -> list[Play]:
    return [row for row in rows if isinstance(row, Play)]


def polls(rows: tuple[Play | Polled, ...]) -> list[Polled]:
    return [row for row in rows if isinstance(row, Polled)]


# ── Identity within one source ───────────────────────────────────────────────────────────────────────────────────────


def test_a_name_key_forgives_case_width_and_whitespace() -> None:
    assert key(" Ａ \t Dance ") == key("a dance") == "a dance"
    assert key("É") == key("e\N{COMBINING ACUTE ACCENT}") == "é"


def test_plays_under_five_seconds_are_no_events() -> None:
    assert events(play("12:00:00", ms=4_999), play("13:00:00", ms=5_000)) == [imported("13:00:00", ms=5_000)]


def test_skips_are_events() -> None:
    short, long = events(play("12:00:00", ms=29_999), play("13:00:00", ms=30_000))
    assert (short.is_skip, long.is_skip) == (True, False)


def test_of_one_track_at_one_instant_the_longest_wins() -> None:
    assert events(play("12:00:00", ms=60_000), play("12:00:00", ms=90_000), play("12:00:00", ms=70_000)) == [
        imported("12:00:00", ms=90_000)
    ]


def test_two_tracks_at_one_instant_are_two_plays() -> None:
    assert events(play("12:00:00"), play("12:00:00", track=TWIN)) == [
        imported("12:00:00"),
        imported("12:00:00", track=B),
    ]


def test_there_is_no_other_time_window_within_one_source() -> None:
    assert len(events(play("12:00:00", ms=6_000), play("12:00:03", ms=6_000), play("12:00:06", ms=6_000))) == 3
    assert len(events(account("12:00:00"), account("12:01:00"))) == 2


def test_a_play_cannot_overlap_itself_by_more_than_half() -> None:
    assert events(play("12:00:00"), play("12:01:29")) == [imported("12:00:00")]
    assert len(events(play("12:00:00"), play("12:01:30"))) == 2
    assert len(events(play("12:00:00"), play("12:01:29", ms=180_001))) == 2
    assert len(events(play("12:00:00"), play("12:01:29", track=TWIN))) == 2


def test_each_row_is_compared_with_the_last_that_stayed() -> None:
    rows = [play("12:00:00"), play("12:01:00"), play("12:01:30"), play("12:02:59"), play("12:03:00")]
    assert events(*rows) == [imported("12:00:00"), imported("12:01:30"), imported("12:03:00")]


def test_rows_that_began_in_one_second_are_one_stream() -> None:
    began = "12:00:00"
    assert events(started(began, "12:03:00"), started(began, "12:08:00")) == [imported("12:03:00")]
    assert len(events(started(began, "12:03:00"), started("12:00:01", "12:08:00"))) == 2


def test_of_one_upload_every_length_is_a_play() -> None:
    batch = [offline("18:00:00", ms) for ms in (90_000, 181_000, 180_500, 181_000)]
    assert [(event.played_at, event.ms_played) for event in events(*batch)] == [
        (at("18:00:00"), 181_000),
        (at("18:00:00.001"), 180_500),
        (at("18:00:00.002"), 90_000),
    ]
    assert len(events(offline("18:00:00", 180_000), offline("18:00:10", 180_000))) == 2


def test_of_one_minute_of_account_data_every_length_is_a_play() -> None:
    assert events(account("12:00:00", ms=20_000), account("12:00:00", ms=25_000), account("12:00:00", ms=20_000)) == [
        told_by_minute("12:00:00", ms=25_000),
        told_by_minute("12:00:00.001", ms=20_000),
    ]


# ── Extended over account data ───────────────────────────────────────────────────────────────────────────────────────


def test_an_extended_row_beats_the_account_row_of_its_minute() -> None:
    assert events(play("12:00:59"), account("12:00:00")) == [imported("12:00:59")]
    assert events(play("12:01:00"), account("12:00:00")) == [told_by_minute("12:00:00"), imported("12:01:00")]


def test_an_offline_row_beats_the_account_row_of_the_minute_it_was_told_in() -> None:
    later = play("12:00:59", told="18:30:05")
    assert events(later, account("18:30:00")) == events(later, account("12:00:00")) == [imported("12:00:59")]


def test_a_minute_with_two_plays_loses_none() -> None:
    rows = play("12:00:59", ms=90_000), account("12:00:00", ms=80_000), account("12:00:00", ms=90_000)
    assert events(*rows) == [told_by_minute("12:00:00", ms=80_000), imported("12:00:59", ms=90_000)]
    assert events(*rows, play("12:00:20", ms=70_000)) == [
        imported("12:00:20", ms=70_000),
        imported("12:00:59", ms=90_000),
    ]


def test_other_names_need_exactly_the_same_length() -> None:
    renamed = ACCOUNT_SONG._replace(artist="Someone")
    assert events(play("12:00:59"), account("12:00:00", track=renamed)) == [imported("12:00:59")]
    assert len(events(play("12:00:59"), account("12:00:00", ms=180_001, track=renamed))) == 2
    assert len(events(play("12:00:59"), account("12:01:00", track=renamed))) == 2


def test_an_extended_row_that_does_not_count_beats_nothing() -> None:
    assert events(play("12:00:59", ms=4_999), account("12:00:00", ms=5_000)) == [told_by_minute("12:00:00", ms=5_000)]


def test_a_stream_that_was_exported_twice_beats_two_account_rows() -> None:
    twice = play("12:00:59"), play("12:01:01")
    assert events(*twice, account("12:00:00"), account("12:01:00")) == [imported("12:00:59")]


# ── Exports over polls ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_polled_play_alone_is_an_estimated_event() -> None:
    assert events(polled("12:00:00.250")) == [api("12:00:00.250")]


def test_a_polled_play_of_unknown_length_waits() -> None:
    assert events(polled("12:00:00.250", ms=None)) == []


def test_a_polled_play_is_no_longer_than_the_time_since_the_one_before() -> None:
    assert events(polled("12:00:00", B), polled("12:02:00"), polled("12:02:20", B)) == [
        api("12:00:00", track=B),
        api("12:02:00", ms=120_000),
        api("12:02:20", ms=30_000, track=B),
    ]


def test_the_same_page_shown_again_is_the_same_plays() -> None:
    assert events(polled("12:00:00.000"), polled("12:00:14.999"), polled("12:04:00")) == [
        api("12:00:00"),
        api("12:04:00"),
    ]
    assert len(events(polled("12:00:00.000"), polled("12:00:15.000"))) == 2


def test_an_export_row_beats_the_poll_of_its_end_up_to_fifteen_seconds_away() -> None:
    for moment in ("12:00:15.000", "11:59:45.000"):
        assert events(play("12:00:00"), polled(moment)) == [imported("12:00:00")]
    assert events(play("12:00:00"), polled("12:00:15.001")) == [imported("12:00:00"), api("12:00:15.001")]


def test_an_export_row_beats_the_poll_of_its_start() -> None:
    first = play("11:50:00", track=TWIN._replace(name="Other"))
    assert events(first, play("12:03:00"), polled("12:00:14.900"))[1:] == [imported("12:03:00")]
    assert events(first, started("12:00:00", "12:08:00"), polled("12:00:14.900"))[1:] == [imported("12:08:00")]


def test_an_export_row_beats_a_poll_since_the_row_before() -> None:
    other = play("12:00:00", track=TWIN._replace(name="Other"))
    assert events(other, play("12:30:00"), polled("12:10:00")) == [
        imported("12:00:00", track=B),
        imported("12:30:00"),
    ]
    assert len(events(other, play("12:30:00"), polled("11:59:44"))) == 3


def test_an_export_row_beats_the_poll_of_its_upload() -> None:
    assert events(play("12:00:00", told="18:30:05"), polled("18:30:00")) == [imported("12:00:00")]


def test_another_track_is_another_play_unless_it_is_the_same_song() -> None:
    other = TWIN._replace(name="Other")
    assert len(events(play("12:00:00"), play("11:00:00", track=other), polled("12:00:00.000", B))) == 3
    assert len(events(play("12:00:00"), play("11:00:00", track=TWIN), polled("12:00:00.000", B))) == 2


def test_a_poll_without_names_is_the_row_that_ended_then() -> None:
    assert events(play("12:00:00"), polled("12:00:02.000", B)) == [imported("12:00:00")]
    assert len(events(play("12:00:00", ms=29_999), polled("12:00:02.000", B))) == 2


def test_as_many_as_possible_then_nearest() -> None:
    one, two = play("12:00:00", ms=12_000), play("12:00:20", ms=12_000)
    assert upgrades(one, two, polled("12:00:12.000")) == {"12:00:12.000": "12:00:20"}
    assert upgrades(one, two, polled("12:00:08.000"), polled("12:00:30.000")) == {
        "12:00:08.000": "12:00:00",
        "12:00:30.000": "12:00:20",
    }
    both = upgrades(play("12:00:01"), polled("11:59:51.000"), polled("12:00:11.000"))
    assert both == {"11:59:51.000": "12:00:01", "12:00:11.000": "12:00:11"}


def test_a_loop_of_one_track_polled_by_its_ends_or_its_starts() -> None:
    loop = [play("12:03:00"), play("12:06:00"), play("12:09:00")]
    right = [imported("12:03:00"), imported("12:06:00"), imported("12:09:00")]
    ends = [polled("12:03:00.400"), polled("12:06:00.900"), polled("12:08:59.700")]
    assert events(*loop, *ends) == right
    assert upgrades(*loop, *ends) == {
        "12:03:00.400": "12:03:00",
        "12:06:00.900": "12:06:00",
        "12:08:59.700": "12:09:00",
    }
    starts = [polled("12:00:00.400"), polled("12:03:00.400"), polled("12:06:00.400")]
    assert events(*loop, *starts) == right
    assert upgrades(*loop, *starts) == {
        "12:00:00.400": "12:03:00",
        "12:03:00.400": "12:06:00",
        "12:06:00.400": "12:09:00",
    }


def test_account_data_tells_the_length_of_a_play_polled_in_its_minute() -> None:
    names = play("2020-01-01T00:00:00", ms=0)  # tells that this id is this song
    for moment in ("12:00:00.000", "12:00:59.999", "12:01:15.000", "11:59:45.000"):
        assert events(names, account("12:00:00"), polled(moment)) == [told_by_minute(moment, track=A)]
    assert events(names, account("12:00:00"), polled("12:01:15.001")) == [
        told_by_minute("12:00:00"),
        api("12:01:15.001"),
    ]


def test_account_data_tells_the_end_of_a_play_polled_at_its_start() -> None:
    names = play("2020-01-01T00:00:00", ms=0)
    assert events(names, account("12:03:00"), polled("12:00:20")) == [told_by_minute("12:03:20", track=A)]


def test_account_data_meets_polls_by_any_names_that_the_track_was_played_under() -> None:
    names = play("2020-01-01T00:00:00", ms=0)
    renamed = play("2020-02-01T00:00:00", ms=0, track=SONG._replace(name="Song - Live"))
    remastered = play("2020-02-01T00:00:00", ms=0, track=SONG._replace(name="Song (2011 Remaster)"))
    rows = (account("12:00:00"), polled("12:00:30"))
    apart = [told_by_minute("12:00:00"), api("12:00:30")]
    assert events(*rows) == apart
    assert events(names, *rows) == [told_by_minute("12:00:30", track=A)]
    assert events(renamed, *rows) == apart
    assert events(remastered, *rows) == events(names, renamed, *rows) == [told_by_minute("12:00:30", track=A)]


def test_the_oldest_account_data_is_estimated_until_another_source_tells_it() -> None:
    oldest = account("12:00:30", ms=None)
    assert events(oldest) == [Event(SONG_NAMES, at("12:00:30"), 210_000, "IMPORT", is_estimated=True)]
    assert events(oldest, play("12:00:32")) == [imported("12:00:32")]
    assert events(oldest, account("12:00:00")) == [told_by_minute("12:00:30")]


# ── Catalog ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_names_that_were_played_last_win() -> None:
    new = Track(A, "Song - Remastered", "ARTIST", "Album")
    catalog = catalog_of([play("12:00:00"), play("13:00:00", track=new), account("14:00:00")])
    assert catalog.tracks == {A: new, SONG_NAMES: ACCOUNT_SONG}
    assert catalog.artists == {"artist": "artist"}
    assert catalog.albums == {("album", "artist"): "Album"}


def test_of_names_played_at_the_same_time_the_greatest_wins() -> None:
    upper, lower = SONG._replace(artist="ARTIST"), SONG._replace(name="song", artist="Artist")
    catalog = catalog_of([play("12:00:00", track=lower), play("12:00:00", track=upper)])
    assert catalog.tracks == {A: lower}  # "song" > "Song"
    assert catalog.artists == {"artist": "Artist"}  # "Artist" > "ARTIST"


def test_a_correction_beats_the_names_and_joins_link() -> None:
    other = Track(C, "Else", "Nobody", "Album")
    plays = [play("12:00:00"), play("13:00:00", track=TWIN), play("14:00:00", track=other)]
    split = Correction("SPLIT_SONG", {"spotify_id": B})
    joined = Correction("JOIN_SONGS", {"tracks": [{"spotify_id": B}, {"spotify_id": C}]})

    def songs(*corrections: Correction) -> set[Song]:
        return set(catalog_of(plays, corrections=corrections).songs.values())

    assert songs() == {frozenset({A, B}), frozenset({C})}
    assert songs(split) == {frozenset({A}), frozenset({B}), frozenset({C})}
    assert songs(joined) == {frozenset({A, B, C})}
    assert songs(split, joined) == {frozenset({A}), frozenset({B, C})}


# ── Stats ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_stats_of_a_small_history() -> None:
    stats = tables(
        "UTC",
        play("2021-01-31T23:30:00", ms=100_000),
        play("2021-02-01T00:00:00", ms=20_000),
        play("2021-02-01T00:10:00", ms=50_000, track=TWIN._replace(artist="ARTIST")),
        account("2021-02-01T23:00:00", ms=10_000),
        polled("2021-02-02T00:00:00.500", "c" * 22, ms=1_000_000),
    )
    january, february = date(2021, 1, 1), date(2021, 2, 1)
    assert stats.totals == Totals(5, 1_180_000)
    assert stats.track_months == {
        (january, A): once(100_000, "2021-01-31T23:30:00"),
        (february, A): once(20_000, "2021-02-01T00:00:00"),
        (february, B): once(50_000, "2021-02-01T00:10:00"),
        (february, SONG_NAMES): once(10_000, "2021-02-01T23:00:00"),
        (february, "c" * 22): once(1_000_000, "2021-02-02T00:00:00.500"),
    }
    assert stats.track_stats == {
        A: TrackStats(2, 120_000, at("2021-01-31T23:30:00"), at("2021-02-01T00:00:00")),
        B: once(50_000, "2021-02-01T00:10:00"),
        SONG_NAMES: once(10_000, "2021-02-01T23:00:00"),
        "c" * 22: once(1_000_000, "2021-02-02T00:00:00.500"),
    }
    assert stats.artist_stats == {
        "artist": TrackStats(4, 180_000, at("2021-01-31T23:30:00"), at("2021-02-01T23:00:00"))
    }
    assert stats.album_stats == {
        ("album", "artist"): TrackStats(2, 120_000, at("2021-01-31T23:30:00"), at("2021-02-01T00:00:00")),
        ("other album", "artist"): once(50_000, "2021-02-01T00:10:00"),
        None: TrackStats(2, 1_010_000, at("2021-02-01T23:00:00"), at("2021-02-02T00:00:00.500")),
    }
    assert stats.hour_stats == {23: Totals(2, 110_000), 0: Totals(3, 1_070_000)}
    assert stats.bucket_stats == {
        ("DAY", date(2021, 1, 31)): BucketStats(1, 100_000, 1),
        ("DAY", date(2021, 2, 1)): BucketStats(3, 80_000, 3),
        ("DAY", date(2021, 2, 2)): BucketStats(1, 1_000_000, 1),
        ("WEEK", date(2021, 1, 25)): BucketStats(1, 100_000, 1),
        ("WEEK", date(2021, 2, 1)): BucketStats(4, 1_080_000, 4),
        ("MONTH", january): BucketStats(1, 100_000, 1),
        ("MONTH", february): BucketStats(4, 1_080_000, 4),
    }


def test_a_week_and_a_month_count_a_track_once_however_often_it_was_played() -> None:
    stats = tables("UTC", play("2021-01-01T12:00:00"), play("2020-12-31T12:00:00"), play("2020-12-28T12:00:00"))
    assert stats.bucket_stats["WEEK", date(2020, 12, 28)] == BucketStats(3, 540_000, 1)  # 2020-W53 reaches into 2021
    assert stats.bucket_stats["MONTH", date(2020, 12, 1)] == BucketStats(2, 360_000, 1)
    assert stats.bucket_stats["MONTH", date(2021, 1, 1)] == BucketStats(1, 180_000, 1)


def test_apia_has_no_thirtieth_of_december_2011() -> None:
    # At 2011-12-30 10:00 UTC Samoa went from UTC-10 to UTC+14: Thursday the 29th was followed by Saturday the 31st.
    stats = tables(
        "Pacific/Apia",
        play("2011-12-30T09:59:59", ms=10_000),
        play("2011-12-30T10:00:00", ms=20_000),
        play("2011-12-31T10:00:00", ms=40_000),
    )
    assert stats.bucket_stats == {
        ("DAY", date(2011, 12, 29)): BucketStats(1, 10_000, 1),
        ("DAY", date(2011, 12, 31)): BucketStats(1, 20_000, 1),
        ("DAY", date(2012, 1, 1)): BucketStats(1, 40_000, 1),
        ("WEEK", date(2011, 12, 26)): BucketStats(3, 70_000, 1),
        ("MONTH", date(2011, 12, 1)): BucketStats(2, 30_000, 1),
        ("MONTH", date(2012, 1, 1)): BucketStats(1, 40_000, 1),
    }
    assert stats.hour_stats == {23: Totals(1, 10_000), 0: Totals(2, 60_000)}
    [(month, played)] = stats.track_months.items()  # in UTC all of it is December
    assert month == (date(2011, 12, 1), A)
    assert played == TrackStats(3, 70_000, at("2011-12-30T09:59:59"), at("2011-12-31T10:00:00"))


def test_st_johns_falls_back_into_yesterday() -> None:
    # At 2010-11-07 00:01 local time (02:31 UTC) clocks went back to 23:01 of the 6th, from UTC-2:30 to UTC-3:30.
    stats = tables(
        "America/St_Johns",
        play("2010-11-07T02:30:59", ms=10_000),
        play("2010-11-07T02:31:00", ms=20_000),
        play("2010-11-07T03:30:00", ms=40_000),
    )
    assert stats.bucket_stats == {
        ("DAY", date(2010, 11, 6)): BucketStats(1, 20_000, 1),
        ("DAY", date(2010, 11, 7)): BucketStats(2, 50_000, 1),
        ("WEEK", date(2010, 11, 1)): BucketStats(3, 70_000, 1),
        ("MONTH", date(2010, 11, 1)): BucketStats(3, 70_000, 1),
    }
    assert stats.hour_stats == {0: Totals(2, 50_000), 23: Totals(1, 20_000)}


def test_kathmandu_begins_its_month_at_a_quarter_past_six_in_the_evening() -> None:
    stats = tables("Asia/Kathmandu", play("2021-02-28T18:14:59"), play("2021-02-28T18:15:00", ms=180_001))
    assert stats.bucket_stats["MONTH", date(2021, 2, 1)] == BucketStats(1, 180_000, 1)
    assert stats.bucket_stats["MONTH", date(2021, 3, 1)] == BucketStats(1, 180_001, 1)
    assert stats.hour_stats == {23: Totals(1, 180_000), 0: Totals(1, 180_001)}
