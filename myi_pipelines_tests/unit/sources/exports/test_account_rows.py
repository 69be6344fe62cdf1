"""Each kind of row in the account data, and what it becomes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from myi_pipelines.sources.exports import NOTHING, Kind, Play, Track
from myi_pipelines_tests.support.export_rows import account, play_of, read_rows

MINUTE = datetime(2024, 12, 22, 0, 7, tzinfo=UTC)


def test_a_track_row_becomes_a_play_with_names_and_a_minute(tmp_path: Path) -> None:
    assert play_of(tmp_path, account()) == Play(Track(None, "Song", "Band", None), None, MINUTE, MINUTE, 214_000)


def test_seconds_are_cut_off_so_that_equal_minutes_are_equal(tmp_path: Path) -> None:
    assert play_of(tmp_path, account(endTime="2024-12-22T00:07:59Z")).played_at == MINUTE


def test_rows_of_before_december_2018_have_a_second_and_no_length(tmp_path: Path) -> None:
    old = {"artistName": "Band, Other Band", "trackName": "Song", "time": "2018-04-01 21:00:05"}
    ended = datetime(2018, 4, 1, 21, 0, 5, tzinfo=UTC)
    assert play_of(tmp_path, old) == Play(Track(None, "Song", "Band, Other Band", None), None, ended, ended, None)


def test_a_row_without_an_artist_is_unidentified_under_the_name_that_it_has(tmp_path: Path) -> None:
    track = Track(None, "Song", None, None, Kind.UNIDENTIFIED)
    assert play_of(tmp_path, account(artistName=None)).track == track


def other(**names: str | None) -> dict[str, Any]:
    """A row that names no track."""
    return account(artistName=..., trackName=..., **names)


@pytest.mark.parametrize(
    ("row", "track"),
    [
        (other(podcastName="P", episodeName="E"), Track(None, "E", "P", None, Kind.EPISODE)),
        (other(podcastName="P"), Track(None, None, "P", None, Kind.EPISODE)),
        (other(audiobookName="B", authorName="W"), Track(None, None, "W", "B", Kind.CHAPTER)),
        (other(audiobookName="B", authorName="W", chapterName="C"), Track(None, "C", "W", "B", Kind.CHAPTER)),
    ],
)
def test_podcasts_and_audiobooks_are_plays_with_the_names_that_they_have(
    tmp_path: Path, row: dict[str, Any], track: Track
) -> None:
    assert play_of(tmp_path, row) == Play(track, None, MINUTE, MINUTE, 214_000)


@pytest.mark.parametrize(
    "row",
    [
        account(artistName="Unknown Artist", trackName="Unknown Track"),
        other(audiobookName="Unknown Book", authorName="Unknown Author"),
        other(audiobookName="Unknown Book", authorName="Unknown Author", chapterName="Unknown Chapter"),
        account(trackName=None, artistName=None),
        account(trackName="", artistName="\0 "),
        account(trackName=..., artistName=...),
        other(podcastName="", episodeName=""),
        other(podcastName=None, episodeName=None),
        other(audiobookName="", authorName="", chapterName=""),
    ],
)
def test_a_row_of_placeholders_or_without_a_name_is_unidentified(tmp_path: Path, row: dict[str, Any]) -> None:
    assert play_of(tmp_path, row).track == NOTHING


@pytest.mark.parametrize(("missing", "names"), [("trackName", (None, "Band")), ("artistName", ("Song", None))])
def test_a_track_without_its_name_or_artist_is_unidentified(
    tmp_path: Path, missing: str, names: tuple[str | None, str | None]
) -> None:
    for value in (None, "", "\0 "):
        assert play_of(tmp_path, account(**{missing: value})).track == Track(None, *names, None, Kind.UNIDENTIFIED)


@pytest.mark.parametrize("changes", [{"artistName": "Unknown Artist"}, {"trackName": "Unknown Track"}])
def test_half_a_placeholder_is_a_name(tmp_path: Path, changes: dict[str, str]) -> None:
    assert play_of(tmp_path, account(**changes)).track.kind is Kind.TRACK


@pytest.mark.parametrize(
    ("reason", "row", "detail"),
    [
        ("malformed", account(trackName=["x"]), "trackName is a list (expected a text)"),
        ("malformed", account(artistName={}), "artistName is an object (expected a text)"),
        ("malformed", account(msPlayed=-1), "msPlayed is -1 (expected 0 to 86,400,000)"),
        ("malformed", account(msPlayed=...), "msPlayed is missing or null (expected a whole number)"),
        (
            "bad_timestamp",
            account(endTime="22/12/2024"),
            'endTime is "22/12/2024" (expected a time such as 2023-01-30T19:46:52Z)',
        ),
        (
            "bad_timestamp",
            account(endTime=None),
            "endTime is missing or null (expected a time such as 2023-01-30T19:46:52Z)",
        ),
        (
            "bad_timestamp",
            account(endTime="1999-12-31 23:59"),
            'endTime is "1999-12-31 23:59" (expected 2008-10-01 to tomorrow)',
        ),
        ("malformed", 7, "is not an object with keys"),
    ],
)
def test_a_bad_row_is_rejected_with_its_number_and_the_rest_is_read(
    tmp_path: Path, reason: str, row: object, detail: str
) -> None:
    read = read_rows(tmp_path, account(), row, account())
    assert (len(read.plays), dict(read.rejected)) == (2, {reason: 1})
    assert read.notes == [f"history.json: row 2: {detail}"]
