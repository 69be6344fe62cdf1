"""Exports of other services are read: each form of each service, what it tells, and what is wrong with a row."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from myi_pipelines.sources.exports import ExportError, Kind, Limits, Track, TruncatedJson, open_upload
from myi_pipelines_tests.support.export_rows import ID, Read, as_zip, read
from myi_pipelines_tests.support.service_rows import (
    AT,
    BEGAN,
    PLAYING,
    as_lines,
    koito,
    listen,
    listenbrainz_zip,
    malojan,
    scrobble,
    your_spotify,
)

ALDER = Track(None, "Alder", "Quill Harbor", "Low Tide")
GHAN = "uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n"
GHAN_ROW = f'"{AT}","01 May 2024, 10:00","Quill Harbor","","Low Tide","","Alder",""\n'


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "export"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read_text(folder: Path, content: bytes | str) -> Read:
    return read(written(folder, content))


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"track": [PLAYING, scrobble()], "@attr": {"page": "1"}}, {"track": [scrobble(AT + 300)]}]),
        json.dumps([[PLAYING, scrobble()], [scrobble(AT + 300)]], indent=1),
        json.dumps([{"recenttracks": {"@attr": {"page": "1"}, "track": [PLAYING, scrobble(), scrobble(AT + 300)]}}]),
        json.dumps({"recenttracks": {"track": [PLAYING, scrobble(), scrobble(AT + 300)], "@attr": {"page": "1"}}}),
        json.dumps([PLAYING, scrobble(), scrobble(AT + 300)], sort_keys=True),
        as_lines([PLAYING, scrobble(), scrobble(AT + 300)]),
        GHAN + "," * 7 + "\n" + GHAN_ROW + GHAN_ROW.replace(str(AT), str(AT + 300)),
        f"\ufeffArtist;Album;AlbumId;Track;Date#anna\r\nQ;L;;T;\r\nQuill Harbor;Low Tide;;Alder;{AT}000\r\n"
        f'"Quill Harbor";"Low Tide";"";"Alder";"{AT + 300}000"\r\n',
        "Quill Harbor,Low Tide,Birch,\nQuill Harbor,Low Tide,Alder,01 May 2024 10:00\n"
        'Quill Harbor,Low Tide,Alder,"01 May 2024, 10:05"',
        "Date,Artist,Album,Track\n,Q,L,T\n2024-05-01 10:00:00,Quill Harbor,Low Tide,Alder\n"
        "2024-05-01T12:05:00+02:00,Quill Harbor,Low Tide,Alder\n",
        "\tT\tQ\tL\t\t\t\n" + "".join(f"{at}\tAlder\tQuill Harbor\tLow Tide\t\t\t\n" for at in (AT, AT + 300)),
    ],
    ids=[
        "pages", "lists", "answers", "one answer", "a list", "lines", "ghan.nl", "lastfmstats.com",
        "benjaminbenben.com", "with a header", "lastexport.py",
    ],
)  # fmt: skip
def test_every_form_of_last_fm_tells_the_same_plays(tmp_path: Path, content: bytes | str) -> None:
    found = read_text(tmp_path, content)
    assert [(play.track, play.played_at, play.ms_played, play.elapsed_s) for play in found.plays] == [
        (ALDER, BEGAN, None, 0),
        (ALDER, BEGAN + timedelta(seconds=300), None, 0),
    ]
    assert found.rejected == {"playing_now": 1}
    assert found.notes == []
    with open_upload(tmp_path / "export") as upload:
        assert upload.format == "last_fm"


def test_last_fm_without_albums_is_read_where_a_day_and_a_time_stand_apart(tmp_path: Path) -> None:
    [play] = read_text(tmp_path, "2024-05-01,10:00:00,Quill Harbor,Alder\n").plays
    assert (play.track, play.played_at) == (ALDER._replace(album=None), BEGAN)


def test_a_list_of_loved_tracks_is_no_history(tmp_path: Path) -> None:
    table = GHAN.replace("album,album_mbid,", "") + f'"{AT}","01 May 2024, 10:00","Quill Harbor","","Alder",""\n'
    for content in (table, json.dumps([{"track": [scrobble(album=...)]}]), json.dumps([scrobble(album=...)])):
        with pytest.raises(ExportError) as refused:
            open_upload(written(tmp_path, content))
        assert refused.value.is_no_history


def test_a_play_of_1970_is_rejected_with_a_reason_that_says_so(tmp_path: Path) -> None:
    odd = [scrobble(0, date={"uts": "0", "#text": "01 Jan 1970, 00:00"}), scrobble(86_399), scrobble(900_000_000)]
    found = read_text(tmp_path, json.dumps([*odd, scrobble()]))
    assert found.rejected == {"bad_timestamp": 3}
    assert found.notes == [
        "export: row 1: its time is 1970-01-01 00:00, which services write where they do not know it",
        "export: row 2: its time is 1970-01-01 23:59, which services write where they do not know it",
        "export: row 3: its time is 1998-07-09 16:00 (expected 2002-10-01 to tomorrow)",
    ]
    assert len(found.plays) == 1


def test_a_table_in_latin_1_is_read_and_a_note_says_how_its_letters_come_back(tmp_path: Path) -> None:
    found = read_text(tmp_path, (GHAN + GHAN_ROW.replace("Quill", "Quíll") * 2).encode("latin-1"))
    assert [play.track.artist for play in found.plays] == ["Qu\ufffdll Harbor"] * 2
    first, *others = found.notes
    assert first.startswith("export: is not in UTF-8, perhaps in Latin-1, and its letters beyond ASCII were lost: conv")
    assert [note.split(": ")[1] for note in others] == ["row 1", "row 2"]


def test_plays_before_spotify_opened_are_read(tmp_path: Path) -> None:
    [play] = read_text(tmp_path, "Quill Harbor,Low Tide,Alder,03 Feb 2005 18:03\n").plays
    assert play.played_at == datetime(2005, 2, 3, 18, 3, tzinfo=UTC)


def test_a_bad_line_of_a_table_stops_no_other(tmp_path: Path) -> None:
    bad = [
        '"1714557600","01 May',
        "no table at all",
        GHAN_ROW.replace("Quill Harbor", "").strip(),
        f'"soon{GHAN_ROW[11:-1]}',
    ]
    found = read_text(tmp_path, GHAN + GHAN_ROW + "\n".join(bad) + "\n" + GHAN_ROW * 2)
    assert len(found.plays) == 3
    assert dict(found.rejected) == {"malformed": 3, "bad_timestamp": 1}
    assert found.notes == [
        "export: row 2: has 2 columns (expected 8)",
        "export: row 3: has 1 columns (expected 8)",
        "export: row 4: the name of the artist is missing",
        'export: row 5: date is "soon" (expected a time such as 2023-01-30T19:46:52Z)',
    ]


LINK = {"spotify_id": f"https://open.spotify.com/track/{ID}"}


@pytest.mark.parametrize(
    ("info", "tells"),
    [
        ({}, (None, None, 0)),
        ({"duration_ms": 215_400}, (None, None, 215)),
        ({"duration": "215"}, (None, None, 215)),
        ({"duration_ms": 0, "duration": None}, (None, None, 0)),
        ({"duration_ms": 215_400, "duration_played": 100}, (None, 100_000, 100)),
        ({"duration_ms": 215_400, "ms_played": 100_900}, (None, 100_900, 100)),
        ({"duration_ms": "long", "duration_played": -5, "ms_played": 10**12}, (None, None, 0)),
        (LINK, (ID, None, 0)),
        ({"origin_url": f"https://open.spotify.com/intl-de/track/{ID}?si=1"}, (ID, None, 0)),
        ({"origin_url": "https://www.youtube.com/watch?v=JKFBiaoFHoY", "spotify_id": "x"}, (None, None, 0)),
    ],
)
def test_listenbrainz_tells_lengths_and_links(tmp_path: Path, info: dict[str, Any], tells: tuple[object, ...]) -> None:
    [play] = read_text(tmp_path, as_lines([listen(info=info)])).plays
    assert (play.track.spotify_id, play.ms_played, play.elapsed_s) == tells
    assert play.played_at - timedelta(seconds=play.elapsed_s or 0) == play.stopped_at == BEGAN


@pytest.mark.parametrize(
    ("info", "tells"),
    [
        ([], (None, 0)),
        ("none", (None, 0)),
        ({"artist_names": "Quill Harbor"}, (None, 0)),
        ({"origin_url": 5, "spotify_id": ["x"], "submission_client": {}, "duration_ms": 215_400}, (None, 215)),
        ({"duration_ms": [1], "duration": True, **LINK}, (ID, 0)),
    ],
)
def test_odd_values_beyond_names_do_not_cost_the_play(tmp_path: Path, info: Any, tells: tuple[object, ...]) -> None:
    row = listen() | {"track_metadata": listen()["track_metadata"] | {"additional_info": info}}
    for content in (as_lines([row]), json.dumps([row])):
        found = read_text(tmp_path, content)
        assert [(play.track.name, play.track.spotify_id, play.elapsed_s) for play in found.plays] == [("Alder", *tells)]
        assert not found.rejected


def test_every_form_of_listenbrainz_is_read(tmp_path: Path) -> None:
    rows = [listen(), listen(AT + 300.75), listen(str(AT + 600))]
    answer = {"payload": {"count": 3, "user_id": "anna", "listens": rows, "latest_listen_ts": 1}}
    for content in (listenbrainz_zip(rows), as_lines(rows), json.dumps(rows, indent=1), json.dumps(answer)):
        found = read_text(tmp_path, content)
        assert [play.played_at.timestamp() - AT for play in found.plays] == [0, 300, 600]
        assert {play.track for play in found.plays} == {ALDER}
        assert not found.rejected


def test_what_lies_beside_listens_in_the_zip_of_listenbrainz_is_passed_over_in_a_line(tmp_path: Path) -> None:
    found = read_text(tmp_path, listenbrainz_zip([listen(), listen()]))
    assert found.notes == ["export: passed over 2 files that hold no listening history: user.json, feedback.jsonl"]


def test_the_first_of_several_artists_is_the_tracks(tmp_path: Path) -> None:
    row = listen(artist_name="Quill Harbor feat. Mire", info={"artist_names": ["Quill Harbor", "Mire"]})
    assert read_text(tmp_path, as_lines([row])).plays[0].track == ALDER


def test_what_listenbrainz_polls_from_spotify_is_dated_by_its_end(tmp_path: Path) -> None:
    info = {"submission_client": "listenbrainz", "music_service": "spotify.com", "duration_ms": 215_000, **LINK}
    [play] = read_text(tmp_path, as_lines([listen(AT + 0.25, info)])).plays
    assert (play.played_at, play.elapsed_s) == (BEGAN + timedelta(milliseconds=250), 215)


@pytest.mark.parametrize("line", [b"{bad", b"", b"[]", b"7", b'"\\ud800', b"{" * 10_000, b'{"listened_at": 1}'])
def test_a_bad_line_stops_no_other(tmp_path: Path, line: bytes) -> None:
    found = read_text(tmp_path, as_lines([listen()]) + line + b"\n" + as_lines([listen(), listen()]))
    assert len(found.plays) == 3
    assert found.rejected.total() == bool(line)


def test_lines_that_were_cut_off_are_refused(tmp_path: Path) -> None:
    content = as_lines([listen()] * 3)
    assert len(read_text(tmp_path, content[:-1]).plays) == 3
    for size in (2, 20, 100):
        with pytest.raises(TruncatedJson, match="cut off in its last line"):
            read_text(tmp_path, content[:-size])


def test_maloja_tells_how_long_a_track_was_heard_or_lasts(tmp_path: Path) -> None:
    rows = [malojan(), malojan(AT + 300, duration=100), malojan(AT + 600, length=None)]
    for content in (
        json.dumps({"maloja": {"export_time": AT}, "scrobbles": rows}, indent=3),
        json.dumps({"status": "ok", "list": rows, "pagination": {"page": 0}}),
        json.dumps(rows),
    ):
        plays = read_text(tmp_path, content).plays
        assert [(play.ms_played, play.elapsed_s) for play in plays] == [(None, 215), (100_000, 100), (None, 0)]
        assert [play.stopped_at.timestamp() - AT for play in plays] == [0, 300, 600]
        assert {play.track for play in plays} == {ALDER}


def test_scrobbles_of_maloja_before_version_3_are_read(tmp_path: Path) -> None:
    row = {"time": AT, "artists": ["Quill Harbor"], "title": "Alder", "album": "Low Tide", "duration": 100}
    [play] = read_text(tmp_path, json.dumps([row])).plays
    assert (play.track, play.ms_played) == (ALDER, 100_000)


def test_koito_shows_primary_names(tmp_path: Path) -> None:
    rows = [koito(), koito("2024-05-01T10:05:00.5Z", duration=0), koito("soon")]
    export = {"version": "1", "exported_at": "2024-06-01T00:00:00Z", "user": "anna", "listens": rows}
    found = read_text(tmp_path, json.dumps(export, indent=2))
    assert [(play.track, play.stopped_at, play.elapsed_s) for play in found.plays] == [
        (ALDER, BEGAN, 215),
        (ALDER, BEGAN + timedelta(seconds=300), 0),
    ]
    assert found.rejected == {"bad_timestamp": 1}


def test_your_spotify_tells_ids_and_ends(tmp_path: Path) -> None:
    ends = BEGAN + timedelta(seconds=215, milliseconds=123)
    names = {"name": "Alder", "full_album": {"id": "a", "name": "Low Tide"}}
    artists = [{"id": "x", "name": "Mire"}, {"id": "0000000000000000000001", "name": "Quill Harbor"}]
    forms: list[tuple[bytes | str, Track | None]] = [
        (as_lines([your_spotify()]), None),
        (json.dumps([your_spotify()]), None),
        (json.dumps([your_spotify({"$numberLong": f"{AT + 215}123"}, durationMs={"$numberInt": "215000"})]), None),
        (
            json.dumps([your_spotify(played_at="2024-05-01T10:03:35.123Z", track=names | {"full_artists": artists})]),
            ALDER,
        ),
    ]
    for content, named in forms:
        [play] = read_text(tmp_path, content).plays
        assert (play.played_at, play.elapsed_s, play.ms_played) == (ends, 215, None)
        assert play.track == (named or Track(None, None, None, None))._replace(spotify_id=ID)
        assert play.track.kind is Kind.TRACK


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (your_spotify("0001-01-01T00:00:00Z"), "bad_timestamp"),
        (your_spotify("9999-12-31T23:59:59Z"), "future"),
        (koito("0001-01-01T00:00:00Z"), "bad_timestamp"),
        (koito("9999-12-31T23:59:59Z"), "future"),
    ],
)
def test_a_time_at_an_end_of_the_calendar_stops_no_other_row(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    """A play's length leads beyond the last date there is, or before the first."""
    good = your_spotify() if "played_at" in row else koito()
    found = read_text(tmp_path, json.dumps([good, row]) if "played_at" in row else json.dumps({"listens": [good, row]}))
    assert len(found.plays) == 1
    assert found.rejected == {reason: 1}


def test_a_file_with_the_plays_of_several_users_of_your_spotify_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="export: holds the plays of several users of your_spotify"):
        read_text(tmp_path, as_lines([your_spotify(), your_spotify(owner={"$oid": "another"})]))


@pytest.mark.parametrize(
    ("row", "reason", "line"),
    [
        (listen(None), "bad_timestamp", "listened_at is missing or null (expected a number of seconds since 1970)"),
        (listen("soon"), "bad_timestamp", 'listened_at is "soon" (expected a number of seconds since 1970)'),
        (listen(4 * 10**9), "future", None),
        (listen(10**30), "bad_timestamp", None),
        (listen(-5), "bad_timestamp", "its time is 1969-12-31 23:59, which services write where they do not know it"),
        (listen(True), "malformed", None),
        (listen(track_name=None), "malformed", "the name of the track is missing"),
        (listen(artist_name="\x00 "), "malformed", "the name of the artist is missing"),
        (listen(track_name=7), "malformed", "is not a row of its format: Expected `str | null`, got `int` - at "
                                            "`$.track_metadata.track_name`"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_play_is_counted_with_its_reason(
    tmp_path: Path, row: dict[str, Any], reason: str, line: str | None
) -> None:
    found = read_text(tmp_path, as_lines([listen(), row, listen()]))
    assert len(found.plays) == 2
    assert found.rejected == {reason: 1}
    assert line is None or found.notes == [f"export: row 2: {line}"]


def test_texts_that_cannot_be_kept_are_cleaned(tmp_path: Path) -> None:
    not_utf8 = b'{"listened_at": 1714557600, "track_metadata": {"track_name": "Caf\xe9", "artist_name": "B"}}\n'
    found = read_text(tmp_path, as_lines([listen(track_name=" Al\x00der ")]) + not_utf8)
    assert [play.track.name for play in found.plays] == ["Alder", "Caf\N{REPLACEMENT CHARACTER}"]
    assert found.cleaned == 2


def test_a_zip_with_a_cut_member_is_refused_whatever_the_service(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"export: 5\.jsonl: is cut off"):
        read_text(
            tmp_path, as_zip({"listens/2024/5.jsonl": as_lines([listen()])[:-20], "t.csv": (GHAN + GHAN_ROW).encode()})
        )


def test_limits_hold_for_tables_too(tmp_path: Path) -> None:
    path = written(tmp_path, as_zip({"t.csv": (GHAN + GHAN_ROW * 50_000).encode()}))
    with (
        pytest.raises(ExportError, match="unpacks to more than 3 times its size"),
        open_upload(path, Limits(max_ratio=3)),
    ):
        pass


@pytest.mark.few(2)
@pytest.mark.parametrize("pieces", ["pages", "lists", "listens", "scrobbles", "listens of Koito", "table"])
def test_rows_across_the_borders_of_pieces_are_read_once_and_in_order(tmp_path: Path, pieces: str) -> None:
    """A piece of a file that is read at once has 256 KiB."""
    count = 2_000
    at = range(AT, AT + count)
    contents: dict[str, Any] = {
        "pages": json.dumps(
            [{"track": [scrobble(uts) for uts in at[page : page + 200]]} for page in range(0, count, 200)]
        ),
        "lists": json.dumps([[scrobble(uts) for uts in at[page : page + 1000]] for page in range(0, count, 1000)]),
        "listens": as_lines([listen(uts) for uts in at]),
        "scrobbles": json.dumps({"maloja": {}, "scrobbles": [malojan(uts, length=None) for uts in at]}, indent=3),
        "listens of Koito": json.dumps(
            {"listens": [koito(datetime.fromtimestamp(uts, UTC).isoformat(), duration=0) for uts in at]}, indent=2
        ),
        "table": GHAN + "".join(GHAN_ROW.replace(str(AT), str(uts)) for uts in at),
    }
    found = read_text(tmp_path, contents[pieces])
    assert [play.played_at.timestamp() for play in found.plays] == list(at)
    with open_upload(tmp_path / "export") as upload:
        assert upload.month_range() == (datetime(2024, 5, 1).date(),) * 2  # noqa: DTZ001
