"""A bad row never stops an import: it is cleaned or rejected, counted by reason, and named in a note."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from myi_pipelines.sources.exports import NOT_COUNTED
from myi_pipelines_tests.support.export_rows import ID, as_json, extended, no_track, read, read_rows

A_TIME = "expected a time such as 2023-01-30T19:46:52Z"
IN_RANGE = "expected 2008-10-01 to tomorrow"
CLEANED = "a text that cannot be kept as it is was cleaned"
TOO_LATE = "2101-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("reason", "row", "detail"),
    [
        ("malformed", extended(ms_played="abc"), 'ms_played is "abc" (expected a whole number)'),
        ("malformed", extended(ms_played=True), "ms_played is true (expected a whole number)"),
        ("malformed", extended(ms_played=1.5), "ms_played is 1.5 (expected a whole number)"),
        ("malformed", extended(ms_played=float("nan")), "ms_played is NaN (expected a whole number)"),
        ("malformed", extended(ms_played=None), "ms_played is missing or null (expected a whole number)"),
        ("malformed", extended(ms_played=...), "ms_played is missing or null (expected a whole number)"),
        ("malformed", extended(ms_played=[1]), "ms_played is a list (expected a whole number)"),
        ("malformed", extended(ms_played=-1), "ms_played is -1 (expected 0 to 86,400,000)"),
        ("malformed", extended(ms_played=86_400_001), "ms_played is 86400001 (expected 0 to 86,400,000)"),
        ("malformed", extended(ms_played=2**63), f"ms_played is {2**63} (expected 0 to 86,400,000)"),
        ("malformed", extended(ms_played=10**99), f"ms_played is 1{'0' * 59}… (expected 0 to 86,400,000)"),
        ("malformed", extended(ms_played=float("inf")), "ms_played is Infinity (expected a whole number)"),
        ("bad_timestamp", extended(ts=None), f"ts is missing or null ({A_TIME})"),
        ("bad_timestamp", extended(ts=...), f"ts is missing or null ({A_TIME})"),
        ("bad_timestamp", extended(ts=""), f'ts is "" ({A_TIME})'),
        ("bad_timestamp", extended(ts="yesterday"), f'ts is "yesterday" ({A_TIME})'),
        ("bad_timestamp", extended(ts="2023-02-30T00:00:00Z"), f'ts is "2023-02-30T00:00:00Z" ({A_TIME})'),
        ("bad_timestamp", extended(ts="2023-01-30T24:00:00Z"), f'ts is "2023-01-30T24:00:00Z" ({A_TIME})'),
        ("bad_timestamp", extended(ts="2023-W05-1T19:46"), f'ts is "2023-W05-1T19:46" ({A_TIME})'),
        ("bad_timestamp", extended(ts=1_675_108_012), f"ts is 1675108012 ({A_TIME})"),
        ("bad_timestamp", extended(ts={"a": 1}), f"ts is an object ({A_TIME})"),
        ("bad_timestamp", extended(ts="1970-01-01T00:00:00Z"), f"ts is 1970-01-01 00:00:00+00:00 ({IN_RANGE})"),
        ("bad_timestamp", extended(ts="0001-01-01T00:00:00+14:00"), f"ts is 0001-01-01 00:00:00+14:00 ({IN_RANGE})"),
        ("future", extended(ts="9999-12-31T23:59:59-14:00"), f"ts is 9999-12-31 23:59:59-14:00 ({IN_RANGE})"),
        ("future", extended(ts=TOO_LATE), f"ts is {datetime.fromisoformat(TOO_LATE)} ({IN_RANGE})"),
        (
            "malformed",
            extended(spotify_track_uri="spotify:track:short"),
            'spotify_track_uri is "spotify:track:short" (expected spotify:track: and 22 letters and digits)',
        ),
        (
            "malformed",
            extended(spotify_track_uri=f"spotify:track:{ID}\n"),
            f'spotify_track_uri is "spotify:track:{ID}\\n" (expected spotify:track: and 22 letters and digits)',
        ),
        (
            "malformed",
            extended(spotify_track_uri="spotify:user:somebody:playlist:1"),
            "spotify_track_uri is something else (expected spotify:track: and 22 letters and digits)",
        ),
        (
            "malformed",
            extended(spotify_track_uri=5),
            "spotify_track_uri is something else (expected spotify:track: and 22 letters and digits)",
        ),
        (
            "malformed",
            extended(master_metadata_track_name=5),
            "master_metadata_track_name is 5 (expected a text)",
        ),
        (
            "malformed",
            extended(master_metadata_album_artist_name=["a"]),
            "master_metadata_album_artist_name is a list (expected a text)",
        ),
        ("malformed", no_track(episode_name=5), "episode_name is 5 (expected a text)"),
        ("malformed", no_track(audiobook_title=["a"]), "audiobook_title is a list (expected a text)"),
        ("malformed", "text", "is not an object with keys"),
        ("malformed", None, "is not an object with keys"),
        ("malformed", [[{}]], "is not an object with keys"),
        ("malformed", 12.5, "is not an object with keys"),
    ],
)
def test_a_bad_row_is_rejected_with_its_number_and_the_rest_is_read(
    tmp_path: Path, reason: str, row: object, detail: str
) -> None:
    found = read_rows(tmp_path, extended(), row, extended())
    assert (len(found.plays), dict(found.rejected), found.cleaned) == (2, {reason: 1}, 0)
    assert found.notes == [f"history.json: row 2: {detail}"]
    assert reason in NOT_COUNTED, "in words"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("So\0ng", "Song"),
        ("\ud83dSong\udc00", "\ufffdSong\ufffd"),
        (" Song\n", "Song"),
        ("Song\x1b[31m\x9b", "Song[31m"),
        ("x" * 10_000, "x" * 1_000),
        ("\0\x01", None),
        ("  ", None),
    ],
)
def test_names_that_no_database_can_hold_are_cleaned_and_the_play_is_kept(
    tmp_path: Path, given: str, kept: str | None
) -> None:
    found = read_rows(tmp_path, extended(), extended(master_metadata_track_name=given))
    assert [play.track.name for play in found.plays] == ["Song", kept]
    assert (found.cleaned, found.rejected.total()) == (1, 0)
    assert found.notes == [f"history.json: row 2: {CLEANED}"]


@pytest.mark.parametrize(
    "name", ['},{"a":[', "\\", '\\"', '"', "]", "\\u0041", "a\u2028b", "夜\u3000海", "🎵", "e\u0301", "x" * 1_000]
)
def test_unusual_names_stay_unchanged_when_they_can_be_stored(tmp_path: Path, name: str) -> None:
    found = read_rows(tmp_path, extended(master_metadata_track_name=name))
    assert ([play.track.name for play in found.plays], found.cleaned) == ([name], 0)


@pytest.mark.parametrize("raw", [b"\x00", b"\x01", b"\xff", b"\xed\xa0\x80", b"\xf0\x9f"])
def test_bytes_that_json_forbids_in_a_text_are_cleaned(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(as_json([extended()] * 2).replace(b'"Song"', b'"So' + raw + b'ng"', 1))
    found = read(path)
    assert [(play.track.name or "").replace("\ufffd", "") for play in found.plays] == ["Song", "Song"]
    assert (found.cleaned, found.notes) == (1, [f"history.json: row 1: {CLEANED}"])


@pytest.mark.parametrize("key", ["platform", "reason_end", "shuffle", "skipped", "incognito_mode", "offline"])
@pytest.mark.parametrize("value", [7, ["x"], {"a": 1}])
def test_a_context_value_of_a_wrong_type_costs_no_play(tmp_path: Path, key: str, value: object) -> None:
    found = read_rows(tmp_path, extended(**{key: value}))
    field = {"incognito_mode": "incognito"}.get(key, key)
    assert [getattr(play.context, field) for play in found.plays] == [None]
    assert found.notes == [f"history.json: row 1: {CLEANED}"]


def test_a_whole_number_may_be_written_with_a_point(tmp_path: Path) -> None:
    [play] = read_rows(tmp_path, extended(ms_played=1_000.0)).plays
    assert (play.ms_played, type(play.ms_played)) == (1_000, int)


@pytest.mark.parametrize("key", ["ms_played", "ts", "offline_timestamp", "something_new"])
def test_a_number_with_more_digits_than_python_parses_is_a_bad_value(tmp_path: Path, key: str) -> None:
    """A C parser that once read the first rows crashed the process."""
    path = tmp_path / "history.json"
    path.write_bytes(as_json([extended(offline=True, **{key: "BIG"}), extended()]).replace(b'"BIG"', b"9" * 5_000))
    found = read(path)
    assert found.rows == 2
    assert len(found.plays) == (1 if key in ("ms_played", "ts") else 2)


def test_a_time_some_hours_ahead_is_accepted(tmp_path: Path) -> None:
    in_hours = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=20)
    [play] = read_rows(tmp_path, extended(ts=in_hours.isoformat())).plays
    assert play.played_at == in_hours


def test_a_value_is_shown_short_and_in_ascii(tmp_path: Path) -> None:
    found = read_rows(tmp_path, extended(ms_played="ö\n" + "x" * 500))
    [note] = found.notes
    assert note == f'history.json: row 1: ms_played is "\\u00f6\\n{"x" * 51}… (expected a whole number)'


def test_notes_name_the_first_five_bad_rows_of_a_kind_in_the_whole_upload_and_count_the_others(tmp_path: Path) -> None:
    rows: list[object] = [extended() for _ in range(30_000)]
    for number in (3, 1_500, 1_501, 9_999, 20_001, 25_000, 29_999):
        rows[number - 1] = extended(ms_played="abc")
    rows[28_000 - 1] = extended(ts=None)
    found = read_rows(tmp_path, *rows)
    assert dict(found.rejected) == {"malformed": 7, "bad_timestamp": 1}
    assert [note.split(": ")[1] for note in found.notes] == [
        "row 3", "row 1,500", "row 1,501", "row 9,999", "row 20,001", "row 28,000", "2 more rows",
    ]  # fmt: skip
    assert found.notes[-1] == "history.json: 2 more rows: malformed"


@pytest.mark.parametrize("indent", [None, 1])
def test_a_bad_row_anywhere_among_good_ones_is_found_with_its_number(tmp_path: Path, indent: int | None) -> None:
    random = Random(7)
    path = tmp_path / "history.json"
    for bad in (1, 2, *random.sample(range(3, 2_000), 6), 2_000):
        rows: list[Any] = [extended(ms_played=number) for number in range(1, 2_001)]
        rows[bad - 1] = random.choice([extended(ts="}"), extended(ts=["},{"]), extended(ts={"a": {"b": []}})])
        path.write_text(json.dumps(rows, indent=indent))
        found = read(path)
        assert [note.split(": ")[1] for note in found.notes] == [f"row {bad:,}"]
        assert [play.ms_played for play in found.plays] == [n for n in range(1, 2_001) if n != bad]
