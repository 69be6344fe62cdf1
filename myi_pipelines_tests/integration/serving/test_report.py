"""The listening report: its numbers, and that it can be read in any terminal."""

import doctest
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from types import ModuleType

import psycopg
import pytest
from psycopg.types.json import Jsonb
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

import myi_pipelines.cli.report_command  # noqa: F401 - registers the command
from myi_pipelines.cli.app import app
from myi_pipelines.serving.dashboards import Recording, Top
from myi_pipelines.serving.report import Report, bars, load_report, render_report, report_data
from myi_pipelines.serving.report.bars import bar, columns, spark
from myi_pipelines.serving.report.not_music import NotMusic, Show, YearOfKind
from myi_pipelines.serving.report.report_data import (
    Day,
    Imports,
    ListedSong,
    Streak,
    Streamed,
    UserReport,
    months_of,
    streaks,
    years_of,
)
from myi_pipelines.sources.exports import Context, Play, Track
from myi_pipelines.warehouse.partitions import ensure_months
from myi_pipelines.warehouse.users import UnknownUser, ensure_user
from myi_pipelines_tests.support.warehouse_harness import Warehouse

Connection = psycopg.Connection[tuple[object, ...]]


def shown(report: Report, width: int = 80, *, colours: bool = False) -> str:
    console = Console(
        file=StringIO(), width=width, force_terminal=colours, color_system="truecolor" if colours else None
    )
    render_report(report, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def a_listener(name: str = "ada", **changes: object) -> UserReport:
    """A report made by hand: 60 days of 2023 and 2024, and one song for each rank."""
    days = [Day(date(2023, 12, 2) + timedelta(days=n), n % 7 + 1, 60_000 * (n % 7 + 1)) for n in range(60)]
    values: dict[str, object] = {
        "name": name,
        "timezone": "America/St_Johns",
        "play_count": sum(day.play_count for day in days),
        "total_ms": sum(day.total_ms for day in days),
        "tracks": 1_234,
        "artists": 99,
        "days": tuple(days),
        "hours": tuple(range(24)),
        "top_songs": tuple(ListedSong(f"Song {n}", f"Artist {n}", 100 - n) for n in range(10)),
        "top_tracks": (),
        "top_artists": tuple(Top(f"Artist {n}", None, 100 - n, 1) for n in range(10)),
        "periods": years_of(days),
        "first_play": None,
        "years": (2023, 2024),
        "imports": Imports(2, 5_000, 17, {"podcast": 12, "too_short": 345, "malformed": 0}),
        "invalidated_user_months": 0,
    }
    return UserReport(**(values | changes))  # type: ignore[arg-type]


# Numbers


def insert_stats(conn: Connection, name: str = "ada", timezone: str = "Europe/Budapest") -> int:
    """Two tracks of two artists, heard on three days; statistics only, and one event to begin with."""
    user_id = ensure_user(conn, name, timezone)
    conn.execute("UPDATE users SET total_play_count = 9, total_listening_ms = 5400000 WHERE id = %s", [user_id])
    track_ids = []
    for title, artist, plays in (("Köd", "Ködös Erdő", 6), ("Reel", "Eider & Wren", 3)):
        [(song_id,)] = conn.execute("INSERT INTO songs (name, artist) VALUES (%s, %s) RETURNING id", [title, artist])
        [(track_id,)] = conn.execute(
            "INSERT INTO tracks (name, name_key, artist_key, song_id) VALUES (%s, name_key(%s), name_key(%s), %s)"
            " RETURNING id",
            [title, title, artist, song_id],
        )
        [(artist_id,)] = conn.execute("INSERT INTO artists (name) VALUES (%s) RETURNING id", [artist])
        conn.execute("INSERT INTO track_artists (track_id, artist_id) VALUES (%s, %s)", [track_id, artist_id])
        conn.execute(
            "INSERT INTO user_track_stats VALUES (%s, %s, %s, %s, now(), now())", [user_id, track_id, plays, plays]
        )
        conn.execute(
            "INSERT INTO user_artist_stats VALUES (%s, %s, %s, %s, now(), now())", [user_id, artist_id, plays, plays]
        )
        track_ids.append(track_id)
    for day, plays in ((date(2022, 12, 31), 2), (date(2023, 1, 1), 3), (date(2023, 1, 9), 4)):
        conn.execute(
            "INSERT INTO user_time_bucket_stats VALUES (%s, 'DAY', %s, %s, %s, 1)", [user_id, day, plays, plays]
        )
    conn.execute("INSERT INTO user_hour_stats VALUES (%s, 7, 4, 1), (%s, 23, 5, 1)", [user_id, user_id])
    ensure_months(conn, [date(2022, 12, 1)])
    conn.execute(
        "INSERT INTO listening_events (user_id, track_id, played_at, ms_played, source, is_estimated, is_skip)"
        " VALUES (%s, %s, '2022-12-31T22:30Z', 200000, 'IMPORT', false, false)",
        [user_id, track_ids[0]],
    )
    return user_id


def insert_short_plays(conn: Connection, user_id: int) -> None:
    """A track heard for one second and for twenty, both in two files but landed once, and a short episode."""
    for kind, name, lengths in (("TRACK", "Köd", (1_000, 20_000)), ("EPISODE", "Pilot", (1_000,))):
        [(names_id,)] = conn.execute(
            "INSERT INTO export_tracks (kind, track_name, artist_name, last_played_at) VALUES (%s, %s, 'x', now())"
            " RETURNING id",
            [kind, name],
        )
        for ms_played in lengths:
            conn.execute(
                "INSERT INTO imported_plays (user_id, played_at, export_track_id, ms_played)"
                " VALUES (%s, '2022-12-05T12:00Z', %s, %s)",
                [user_id, names_id, ms_played],
            )


def test_all_time_numbers_come_from_the_stats_tables(conn: Connection) -> None:
    user_id = insert_stats(conn)
    for sha256, rejected, status in (
        ("a", {"malformed": 3, "too_short": 1}, "COMPLETED"),
        ("b", {"malformed": 4, "too_short": 1}, "COMPLETED"),
        ("c", {"malformed": 100}, "FAILED"),
    ):
        conn.execute(
            "INSERT INTO import_jobs (user_id, file_name, sha256, status, error_message, completed_at, total_rows,"
            " duplicate_rows, rejected) VALUES (%s, 'x.zip', %s, %s, %s, now(), 10, 2, %s)",
            [user_id, sha256 * 64, status, "no" if status == "FAILED" else None, Jsonb(rejected)],
        )
    insert_short_plays(conn, user_id)
    [one] = load_report(conn, "ada").users
    assert (one.play_count, one.total_ms, one.tracks, one.artists) == (9, 5_400_000, 2, 2)
    [by_recording] = load_report(conn, "ada", by_recording=True).users
    for tops in (one.top_songs, by_recording.top_tracks):
        assert [(top.name, top.artist, top.play_count) for top in tops] == [
            ("Köd", "Ködös Erdő", 6),
            ("Reel", "Eider & Wren", 3),
        ]
    assert (one.top_tracks, by_recording.top_songs) == ((), ())
    assert [(top.name, top.artist, top.play_count) for top in one.top_artists] == [
        ("Ködös Erdő", None, 6),
        ("Eider & Wren", None, 3),
    ]
    assert [(period.label, period.cells, period.play_count) for period in one.periods] == [
        ("2022", (0,) * 11 + (2,), 2),
        ("2023", (7,) + (0,) * 11, 7),
    ]
    assert {hour: plays for hour, plays in enumerate(one.hours) if plays} == {7: 4, 23: 5}
    assert one.weekdays == (4, 0, 0, 0, 0, 2, 3)
    assert one.longest_streak == Streak(date(2022, 12, 31), date(2023, 1, 1))
    assert one.first_play is not None
    assert one.first_play.played_at == datetime(2022, 12, 31, 23, 30)  # noqa: DTZ001 - local time
    assert one.first_play.name == "Köd"
    assert one.imports == Imports(2, 20, 4, {"malformed": 4, "too_short": 2})
    [with_longer_minimum] = load_report(conn, "ada", min_play_ms=30_000).users
    assert with_longer_minimum.imports.rejected["too_short"] == 3


def test_a_listener_without_any_row_is_left_out_of_everyones_report(conn: Connection) -> None:
    insert_stats(conn)
    ensure_user(conn, "nobody-yet")
    assert [one.name for one in load_report(conn).users] == ["ada"]


@pytest.mark.parametrize("timezone", ["Pacific/Apia", "America/St_Johns", "Asia/Kathmandu", "UTC"])
def test_a_year_is_the_listeners_own_year(warehouse: Warehouse, timezone: str) -> None:
    def play(title: str, ended: datetime) -> Play:
        context = Context("android", "WS", "trackdone", "trackdone", False, False, False, False)
        return Play(Track(f"{title:0>22}", title, f"by {title}", "album"), context, ended, ended, 61_000)

    ends = [datetime(2022, 12, 30, tzinfo=UTC) + timedelta(hours=2 * n, minutes=37) for n in range(36)]
    plays = [play("abc"[n % 3], end) for n, end in enumerate(ends)]
    user_id = warehouse.user("ada", timezone)
    warehouse.land(user_id, plays)
    warehouse.settle([user_id])
    zone = load_report(warehouse.conn, "ada").users[0].timezone
    [offsets] = [
        [local for (local,) in warehouse.conn.execute(
            "SELECT played_at AT TIME ZONE %s FROM listening_events ORDER BY played_at", [zone])]
    ]  # fmt: skip
    local = dict(zip(ends, offsets, strict=True))
    for year in (2022, 2023):
        mine = [one for one in plays if local[one.played_at].year == year]
        [one] = load_report(warehouse.conn, "ada", year).users
        assert one.play_count == len(mine) == sum(one.hours) == sum(one.weekdays)
        assert one.play_count == sum(period.play_count for period in one.periods)
        assert one.total_ms == 61_000 * len(mine)
        assert (one.tracks, one.artists) == (3, 3)
        heard = Counter(play.track.name for play in mine)
        assert {top.name: top.play_count for top in one.top_songs} == heard
        assert {top.name: top.play_count for top in one.top_artists} == {f"by {name}": n for name, n in heard.items()}
        assert Counter(local[play.played_at].hour for play in mine) == Counter(dict(enumerate(one.hours)))
        assert one.first_play is not None
        assert one.first_play.played_at == local[mine[0].played_at]
        assert one.years == (2022, 2023)


def test_reading_a_report_leaves_the_connection_as_it_was(conn: Connection) -> None:
    insert_stats(conn)
    load_report(conn)
    assert conn.isolation_level is None
    assert conn.autocommit
    assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_streaks_and_periods() -> None:
    days = [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1), date(2024, 3, 3)]
    assert [(streak.first, streak.days) for streak in streaks(days)] == [(days[0], 3), (days[3], 1)]
    assert streaks([]) == []
    months = months_of([Day(day, 2, 10) for day in days], 2024)
    assert [len(month.cells) for month in months] == [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert months[1].cells[-2:] == (2, 2)
    assert (months[2].label, months[2].play_count, months[2].total_ms) == ("Mar", 4, 20)
    assert [year.label for year in years_of([Day(date(2019, 5, 1), 1, 1), Day(date(2021, 5, 1), 1, 1)])] == [
        "2019",
        "2020",
        "2021",
    ]


# Drawing


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("year", [None, 2023])
def test_a_report_fits_the_terminal_and_shows_everything(width: int, year: int | None) -> None:
    one = a_listener(periods=months_of(a_listener().days, 2023) if year else years_of(a_listener().days))
    text = shown(Report((one,), year), width)
    lines = text.splitlines()
    assert max(map(cell_len, lines)) <= min(width, 120)
    assert all(line == line.rstrip() for line in lines)
    for word in ("ada", "America/St_Johns", "1,234", "Song 9", "Artist 9", "Hour of the day", "Fri", "best streak"):
        assert word in text
    assert ("Month by month" if year else "Year by year") in text
    assert ("345 too short, 12 podcasts" in text) == (year is None)
    assert "malformed" not in text


@pytest.mark.parametrize(("width", "abreast"), [(60, 1), (80, 2), (120, 3)])
def test_years_as_spotify_counts_stand_side_by_side_where_there_is_room(width: int, abreast: int) -> None:
    years = tuple(Streamed(year, year * 7, year * 60_000_000) for year in range(2012, 2025))
    lines = shown(Report((a_listener(streamed=years),)), width).splitlines()
    assert max(map(cell_len, lines)) <= width
    first = lines.index("  As Spotify counts") + 1
    block = lines[first : lines.index("", first)]
    assert len(block) == -(-len(years) // abreast)
    assert block[0].split()[:5] == ["2012", "14,084", "streams", "2,012,000", "min"]
    assert sum(line.count(" min") for line in block) == len(years)


def test_a_year_as_spotify_counts_is_one_line() -> None:
    one = a_listener(streamed=(Streamed(2023, 1_234, 3_599_999),))
    assert "  as Spotify counts  1,234 streams, 59 minutes\n" in shown(Report((one,), 2023))
    assert "Spotify counts" not in shown(Report((a_listener(),), 2023))
    only_podcasts = a_listener(play_count=0, streamed=(Streamed(2023, 1, 60_000),))
    assert "as Spotify counts  1 stream, 1 minute\n" in shown(Report((only_podcasts,), 2023))


def test_without_colours_there_is_no_escape_sequence_and_with_them_the_same_text() -> None:
    report = Report((a_listener(),))
    plain, coloured = shown(report), shown(report, colours=True)
    assert "\x1b" not in plain
    assert "\x1b[" in coloured
    console = Console(file=StringIO(), width=80, record=True, color_system="truecolor", force_terminal=True)
    render_report(report, console)
    assert console.export_text(clear=False) == plain
    assert "<svg" in console.export_svg()


@pytest.mark.parametrize(
    "name",
    [
        "夜行バスの真夜中の花火の手紙のレモンの海のプールの歌の灯りのメロディーの猫" * 3,
        "मेरो घर " * 30,
        "👩‍👩‍👧 family " * 12,
        "x" * 10_000,
    ],
)
@pytest.mark.parametrize("width", [80, 120])
def test_long_and_wide_names_are_cut_where_the_line_ends(name: str, width: int) -> None:
    songs = (ListedSong(name, name, 3), ListedSong("after", "it", 2))
    one = a_listener(top_songs=songs, top_artists=(Top(name, None, 3, 1),))
    lines = shown(Report((one,)), width).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert sum("…" in line for line in lines) == (1 if width == 120 else 2)
    assert len(lines) < 60


def test_names_cannot_play_tricks_on_the_terminal() -> None:
    text = shown(Report((a_listener(top_songs=(ListedSong("a\x1b[2Jb\nc\u202ed", "e\rf", 1),)),)))
    assert not any(sign in text for sign in ("\x1b", "\r", "\u202e"))
    assert "a\ufffd[2Jb\ufffdc\ufffdd  e\ufffdf" in text


def test_markup_in_names_is_text() -> None:
    assert "[bold]x[/bold] :smile:" in shown(
        Report((a_listener(top_songs=(ListedSong("[bold]x[/bold] :smile:", None, 1),)),))
    )


@pytest.mark.parametrize("width", [80, 120])
def test_the_recordings_of_a_song_are_listed_below_it(width: int) -> None:
    recordings = tuple(Recording(n, f"Song {'x' * n}", "a", f"Album {n}" if n else None, 9 - n, 1) for n in range(6))
    text = shown(Report((a_listener(top_songs=(ListedSong("Song", "Artist", 39, recordings),)),)), width)
    assert "Top songs" in text
    below = text[text.index("39") :].splitlines()[1:6]
    assert [line.split("Artist")[0].split("━")[0].split()[:3] for line in below[:4]] == [
        ["9", "·", "Song"], ["8", "·", "Song"], ["7", "·", "Song"], ["6", "·", "Song"]
    ]  # fmt: skip
    assert "Album 1" in below[1]
    assert "and 2 more" in below[4]


def test_everyone_comes_first_and_then_each() -> None:
    text = shown(Report((a_listener("ada"), a_listener("bela"))))
    everyone, ada, bela = (text.index(f"━━ {title} ━") for title in ("Everyone", "ada", "bela"))
    assert everyone < ada < bela
    assert "2023–2024" in text[:ada]
    assert "Everyone" not in shown(Report((a_listener(),)))


def test_an_empty_warehouse_says_what_to_do(conn: Connection) -> None:
    text = shown(load_report(conn))
    assert "no listening history yet" in text
    assert "myi import my_spotify_data.zip --user NAME" in text


def test_a_listener_whose_files_held_nothing_that_counts(conn: Connection) -> None:
    ensure_user(conn, "ada")
    assert "nothing that was imported counts" in shown(load_report(conn, "ada"))


def test_a_year_without_plays_names_the_years_that_have_some(conn: Connection) -> None:
    insert_stats(conn)
    assert "in 2015; the history goes from 2022 to 2023" in shown(load_report(conn, "ada", 2015))


def test_unfinished_months_are_said(conn: Connection) -> None:
    user_id = insert_stats(conn)
    conn.execute("INSERT INTO invalidated_user_months VALUES (%s, '2023-01-01', 'STATS')", [user_id])
    assert "1 month is still to be computed" in shown(load_report(conn, "ada"))


@pytest.mark.parametrize("module", [bars, report_data])
def test_examples_in_docstrings_hold(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def test_charts() -> None:
    assert [bar(n, 4, 4) for n in (0, 1, 4)] == ["", "━", "━━━━"]
    assert spark([0, 1, 100], 100) == "·▁█"
    assert columns([], 2, 1) == [[], []]
    assert columns([0, 0], 1, 2) == [["  ", "  "]]


# The command


def test_the_command_prints_a_report(conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    insert_stats(conn)
    monkeypatch.setenv("MYI_DATABASE_URL", database_url)
    result = CliRunner().invoke(app, ["report", "--user", "ada"])
    assert result.exit_code == 0, result.output
    assert "Ködös Erdő" in result.stdout
    assert conn.execute("SELECT last_active_at IS NOT NULL FROM users WHERE name = 'ada'").fetchone() == (True,)
    assert max(map(cell_len, result.stdout.splitlines())) <= 80


def test_an_unknown_user_is_one_line_with_the_known_names(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert_stats(conn)
    ensure_user(conn, "bela")
    with pytest.raises(UnknownUser):
        load_report(conn, "adda")
    monkeypatch.setenv("MYI_DATABASE_URL", database_url)
    result = CliRunner().invoke(app, ["report", "--user", "adda"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "myi: no user is named 'adda'; known users: ada, bela\n"


# What is not music

SPOKEN = NotMusic(
    (Show("Zugluft", "EPISODE", 120, 90 * 3_600_000), Show("Der Fluss", "CHAPTER", 1, 40 * 60_000)),
    (
        YearOfKind(2023, "EPISODE", 20, 10 * 3_600_000),
        YearOfKind(2024, "EPISODE", 100, 80 * 3_600_000),
        YearOfKind(2024, "CHAPTER", 1, 40 * 60_000),
        YearOfKind(2024, "UNIDENTIFIED", 412, 17 * 3_600_000),
        YearOfKind(2024, "VIDEO", 3, 60_000),
    ),
)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_podcasts_and_audiobooks_have_a_section_of_their_own(width: int) -> None:
    text = shown(Report((a_listener(not_music=SPOKEN),)), width)
    assert max(map(len, text.splitlines())) <= width
    for said in ("Podcasts and audiobooks", "90 h", "Zugluft  120 plays", "40 min", "audiobook, 1 play"):
        assert said in text
    facts = " ".join(text.split())
    assert "121 plays, 91 h, 96% of all listening (2023 " in facts
    assert "412 plays, 17 h: Spotify does not say of what" in facts
    assert "3 without a track, 1 min" in facts


def test_without_podcasts_there_is_no_such_section() -> None:
    assert "Podcasts" not in shown(Report((a_listener(),)))


def test_a_listener_of_podcasts_only_has_a_report(conn: Connection) -> None:
    user_id = ensure_user(conn, "ada", "America/New_York")
    conn.execute(
        "INSERT INTO export_tracks (kind, track_name, artist_name, last_played_at)"
        " VALUES ('EPISODE', 'One', 'Zugluft', now()), ('EPISODE', 'Two', 'zugluft', now())"
    )
    conn.execute(
        "INSERT INTO episode_events (user_id, played_at, export_track_id, ms_played, kind)"
        " SELECT %s, played_at, id, 1800000, kind FROM export_tracks, unnest(ARRAY["
        " '2023-01-01T03:00Z', '2024-05-05T12:00Z']::timestamptz[]) AS played_at",
        [user_id],
    )
    [one] = load_report(conn).users
    assert [(show.name, show.play_count, show.total_ms) for show in one.not_music.shows] == [("zugluft", 4, 7_200_000)]
    assert one.not_music.spoken_ms() == {2022: 3_600_000, 2024: 3_600_000}
    [of_year] = load_report(conn, year=2024).users
    assert of_year.not_music.plays("EPISODE") == (2, 3_600_000)
    assert "Podcasts and audiobooks" in shown(Report((one,)))
