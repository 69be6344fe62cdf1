"""``myi hide``, ``unhide`` and ``corrections``, as a person at a terminal meets them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from myi_pipelines.operations import correcting
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse.session import Session
from myi_pipelines_tests.support.cli_fixtures import Myi
from myi_pipelines_tests.support.strategies import CONTEXT, spotify_id
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

pytestmark = pytest.mark.slow

NOON = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
SINGLE = Track(spotify_id("a"), "Song", "Artist", "Single")
ALBUM = Track(spotify_id("b"), "Song", "Artist", "Album")
OTHER = Track(spotify_id("c"), "Other", "Somebody", "Album")


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    """Anna played one song on two releases, and another one."""
    with open_warehouse(database_url) as opened:
        anna = opened.user("anna", "Europe/Berlin")
        moments = [NOON + timedelta(minutes=5 * number) for number in range(4)]
        tracks = [SINGLE, ALBUM, OTHER, SINGLE]
        opened.land(anna, [Play(track, CONTEXT, at, at, 200_000) for track, at in zip(tracks, moments, strict=True)])
        opened.settle([anna])
        yield opened


def plays(warehouse: Warehouse) -> int:
    [(count,)] = warehouse.conn.execute("SELECT total_play_count FROM users WHERE name = 'anna'").fetchall()
    return int(count)


def test_an_artist_is_hidden_listed_and_shown_again(myi: Myi, warehouse: Warehouse) -> None:
    assert "no correction yet" in myi("corrections").stderr
    hidden = myi("hide", "artist", "ARTIST", "--user", "Anna")
    assert hidden.stdout.startswith("Artist is hidden: 3 plays less; `myi unhide ")
    assert plays(warehouse) == 1
    number = hidden.stdout.rsplit("myi unhide ", 1)[1].split("`")[0]
    assert myi("hide", "artist", "artist", "--user", "anna").stdout == (
        f"Artist is hidden already: correction {number}\n"
    )
    [_, line] = myi("corrections", "--user", "anna").stdout.splitlines()
    assert line.split()[:4] == [number, "anna", "artist", "Artist"]
    assert line.split()[-1] == "3"
    assert myi("unhide", number).stdout == "1 correction taken back: 3 plays more\n"
    assert plays(warehouse) == 4
    gone = myi("unhide", number)
    assert (gone.exit_code, gone.stderr) == (
        1,
        f"myi: no correction has the number {number}; `myi corrections` lists them\n",
    )


def test_ctrl_c_after_the_commit_says_that_the_change_is_kept_and_how_statistics_follow(
    myi: Myi, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(session: Session, user_id: int) -> None:
        """Between two waits: what tidies up fails then, in the interrupt's stead."""
        try:
            session.conn.pgconn.send_query(b"SELECT pg_sleep(5)")
            raise KeyboardInterrupt
        finally:
            session.conn.execute("SELECT 1")

    with monkeypatch.context() as patched:
        patched.setattr(correcting, "derive_user", stopped)
        hidden = myi("hide", "artist", "artist", "--user", "anna")
    line = "myi: interrupted: the change is made and stays; `myi up`, or {}, brings the statistics up to date\n"
    assert (hidden.exit_code, hidden.stderr) == (130, line.format("the same command again"))
    assert plays(warehouse) == 4
    again = myi("hide", "artist", "artist", "--user", "anna")
    assert plays(warehouse) == 1
    with monkeypatch.context() as patched:
        patched.setattr(correcting, "derive_user", stopped)
        shown = myi("unhide", again.stdout.split()[-1])
    assert (shown.exit_code, shown.stderr) == (130, line.format("`myi verify --repair`"))
    assert myi("verify", "--repair").exit_code == 0
    assert plays(warehouse) == 4


def test_an_ambiguous_name_lists_what_it_may_mean_and_changes_nothing(myi: Myi, warehouse: Warehouse) -> None:
    asked = myi("hide", "track", "song", "--user", "anna")
    assert asked.exit_code == 2
    first, *candidates = asked.stderr.splitlines()
    assert first.startswith("myi: several tracks have this name")
    assert [line.split("  ") for line in candidates] == [
        [SINGLE.spotify_id, "Song – Artist", "2"],
        [ALBUM.spotify_id, "Song – Artist", "1"],
    ]
    assert plays(warehouse) == 4
    chosen = myi("hide", "track", f"https://open.spotify.com/track/{ALBUM.spotify_id}?si=1", "--user", "anna")
    assert chosen.stdout.startswith("Song – Artist is hidden: 1 play less")
    assert plays(warehouse) == 3


def test_an_album_is_hidden(myi: Myi, warehouse: Warehouse) -> None:
    assert myi("hide", "album", "album", "--user", "anna").exit_code == 2
    assert myi("hide", "album", "album", "--artist", "artist", "--user", "anna").exit_code == 0
    assert plays(warehouse) == 3


def test_a_play_is_hidden_by_the_listener_s_clock(myi: Myi, warehouse: Warehouse) -> None:
    at = NOON + timedelta(seconds=20)
    [(anna,)] = warehouse.conn.execute("SELECT id FROM users WHERE name = 'anna'").fetchall()
    warehouse.land(anna, [Play(OTHER, CONTEXT, at, at, 9_000)])
    warehouse.settle([anna])
    asked = myi("hide", "play", "--at", "2024-05-01 14:00", "--user", "anna")
    assert asked.exit_code == 2
    assert [line.split("  ")[1:] for line in asked.stderr.splitlines()[1:]] == [
        ["Song – Artist", "200 s"],
        ["Other – Somebody", "9 s"],
    ]
    assert myi("hide", "play", "song", "--at", "2024-05-01 14:00", "--user", "anna").exit_code == 0
    [_, line] = myi("corrections").stdout.splitlines()
    assert "play Song – Artist at 2024-05-01 14:00:00" in line
    assert plays(warehouse) == 4
    missed = myi("hide", "play", "--at", "2024-05-02 14:00", "--user", "anna")
    assert (missed.exit_code, missed.stderr) == (1, "myi: no play ended at 2024-05-02 14:00\n")


def test_a_period_is_hidden_by_the_listener_s_clock(myi: Myi, warehouse: Warehouse) -> None:
    result = myi("hide", "period", "--from", "2024-05-01 14:05", "--until", "2024-05-01 14:10", "--user", "anna")
    assert "1 play less" in result.stdout
    [_, line] = myi("corrections").stdout.splitlines()
    assert "period from 2024-05-01 14:05:00 until 2024-05-01 14:10:00" in line
    assert "4 plays less" not in myi("hide", "period", "--from", "2024-05-02", "--user", "anna").stdout
    assert plays(warehouse) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("artist", "--user", "anna"), "hiding an artist needs its name, and no time"),
        (("track", "song", "--at", "2024-05-01", "--user", "anna"), "hiding a track needs its name, and no time"),
        (("play", "song", "--user", "anna"), "a play needs --at"),
        (("period", "--user", "anna"), "a period needs --from, --until or both"),
        (("period", "--from", "soon", "--user", "anna"), "'soon' is no time: use for example 2024-05-01"),
        (("artist", "Nobody", "--user", "anna"), "no artist named 'Nobody' was played"),
        (("artist", "Artist", "--user", "carl"), "no user is named 'carl'"),
    ],
)
def test_what_cannot_be_hidden_is_said_in_one_line(
    myi: Myi, warehouse: Warehouse, arguments: tuple[str, ...], said: str
) -> None:
    result = myi("hide", *arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert plays(warehouse) == 4


def songs(warehouse: Warehouse) -> list[tuple[str, int, int]]:
    """Name, recordings and plays of each song."""
    return warehouse.conn.execute(
        "SELECT top.name, top.recordings, top.play_count::integer FROM users, top_songs(users.id) AS top"
        " WHERE users.name = 'anna' ORDER BY 1, 3"
    ).fetchall()


def test_songs_are_joined_split_listed_and_taken_back(myi: Myi, warehouse: Warehouse) -> None:
    assert songs(warehouse) == [("Other", 1, 1), ("Song", 2, 3)]
    joined = myi("join-songs", "song", "Other", "--user", "anna").stdout
    assert joined.startswith("Song – Artist and Other – Somebody are one song now, for all listeners; `myi unhide ")
    assert songs(warehouse) == [("Song", 3, 4)]
    assert myi("join-songs", "song", "Other", "--user", "anna").stdout.endswith(" are one song already: correction 1\n")
    album = f"https://open.spotify.com/track/{ALBUM.spotify_id}"
    split = myi("split-song", album, "--user", "anna").stdout
    assert split.startswith("Song – Artist is a song of its own now, for all listeners; `myi unhide ")
    assert songs(warehouse) == [("Song", 1, 1), ("Song", 2, 3)]
    lines = [" ".join(line.split()) for line in myi("corrections").stdout.splitlines()[1:]]
    assert "anna one song: Song – Artist + Other – Somebody" in lines[0]
    assert "anna a song of its own: Song – Artist" in lines[1]
    for line in lines:
        assert myi("unhide", line.split()[0]).exit_code == 0
    assert songs(warehouse) == [("Other", 1, 1), ("Song", 2, 3)]
    assert warehouse.conn.execute("SELECT count(*) FROM songs").fetchone() == (2,)


def test_one_track_cannot_be_joined_and_an_unknown_name_is_said(myi: Myi, warehouse: Warehouse) -> None:
    assert plays(warehouse) == 4
    assert "give two or more" in myi("join-songs", "song", "--user", "anna").stderr
    twice = myi("join-songs", "Other", f"spotify:track:{OTHER.spotify_id}", "--user", "anna")
    assert (twice.exit_code, twice.stderr) == (1, "myi: these all mean one track, Other – Somebody: give two or more\n")
    assert "no correction yet" in myi("corrections").stderr
    assert "no track named 'nothing'" in myi("join-songs", "song", "nothing", "--user", "anna").stderr


def test_an_import_is_undone_and_taken_back(myi: Myi, warehouse: Warehouse) -> None:
    [(job,)] = warehouse.conn.execute("SELECT id FROM import_jobs").fetchall()
    undone = myi("undo-import", str(job))
    assert undone.stdout.startswith(f"import {job} is undone: 4 plays less; `myi unhide ")
    assert "undone" in myi("jobs").stdout
    assert f"import {job} undone: history.json" in myi("corrections").stdout
    assert plays(warehouse) == 0
    assert myi("undo-import", str(job)).stdout.startswith(f"import {job} is undone already")
    number = undone.stdout.rsplit("myi unhide ", 1)[1].split("`")[0]
    assert myi("unhide", number).stdout == "1 correction taken back: 4 plays more\n"
    unknown = myi("undo-import", "99")
    assert (unknown.exit_code, unknown.stderr) == (1, "myi: there is no import job 99; `myi jobs` lists them\n")


def test_a_song_is_hidden_with_its_recordings(myi: Myi, warehouse: Warehouse) -> None:
    assert "3 plays less" in myi("hide", "song", "Song", "--user", "anna").stdout
    assert plays(warehouse) == 1


def test_private_sessions_are_a_setting(myi: Myi, warehouse: Warehouse) -> None:
    at = NOON + timedelta(days=3)
    [(anna,)] = warehouse.conn.execute("SELECT id FROM users WHERE name = 'anna'").fetchall()
    warehouse.land(anna, [Play(OTHER, CONTEXT._replace(incognito=True), at, at, 9_000)])
    warehouse.settle([anna])
    assert "private sessions  counted" in myi("settings", "anna").stdout
    changed = myi("settings", "anna", "--hide-incognito")
    assert "private sessions  hidden" in changed.stdout
    assert "deriving 1 month again" in changed.stderr
    assert plays(warehouse) == 4
