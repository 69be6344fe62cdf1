"""What real exports and polls do to one play, from files and showings to events, in every order of arrival."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, permutations
from pathlib import Path
from typing import Any, cast

import pytest

from myi_pipelines.ingest.uploads.parallel_reading import read_packed
from myi_pipelines.sources.exports import Limits, open_upload
from myi_pipelines.warehouse import invariants, landing
from myi_pipelines.warehouse.import_jobs import UploadedFile
from myi_pipelines.warehouse.import_outcomes import outcomes_of_jobs
from myi_pipelines_tests.support.export_rows import account, as_json, extended
from myi_pipelines_tests.support.reference import Polled
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

pytestmark = pytest.mark.slow

MIN_PLAY_MS = 5_000
Source = Sequence[dict[str, Any]] | Sequence[Polled]


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    with open_warehouse(database_url) as opened:
        yield opened


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2024-05-05T{text}").replace(tzinfo=UTC)


def row(ended: str, ms: int = 200_000, letter: str = "a", **changes: Any) -> dict[str, Any]:
    names = {"master_metadata_track_name": f"Song {letter}", "spotify_track_uri": f"spotify:track:{letter * 22}"}
    return extended(ts=f"{at(ended):%FT%TZ}", ms_played=ms, **names | changes)


def minute(ended: str, ms: int = 200_000, name: str = "Song a", artist: str = "Band") -> dict[str, Any]:
    return account(endTime=f"2024-05-05 {ended}", msPlayed=ms, trackName=name, artistName=artist)


def polled(moment: str, letter: str = "a", ms: int = 200_000) -> Polled:
    return Polled(letter * 22, at(moment), ms)


class Home:
    """A listener for each order of arrival."""

    numbers = count(1)

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse = warehouse
        self.folder = folder
        self.user_id = warehouse.user(f"listener {next(self.numbers)}", "UTC")

    def take(self, source: Source) -> int | None:
        """Land a file or some showings, and derive everything; return the import job of a file."""
        job_id = None
        if isinstance(source[0], Polled):
            self.warehouse.poll(self.user_id, cast(Sequence[Polled], source))
        else:
            path = self.folder / "history.json"
            path.write_bytes(as_json(list(source)))
            with open_upload(path) as upload:
                file = UploadedFile(self.user_id, upload.name, upload.sha256, upload.total_bytes)
                packed = read_packed(upload, Limits(), MIN_PLAY_MS)
                job_id = landing.land_upload(self.warehouse.session(), file, packed).job_id
        self.warehouse.settle([self.user_id])
        assert invariants.check(self.warehouse.conn, [self.user_id]) == []
        return job_id

    def events(self) -> list[tuple[str, int]]:
        return self.warehouse.conn.execute(
            "SELECT to_char(played_at AT TIME ZONE 'UTC', 'HH24:MI:SS.MS'), ms_played FROM listening_events"
            " WHERE user_id = %s ORDER BY played_at, ms_played",
            [self.user_id],
        ).fetchall()

    def outcomes(self, job_id: int | None) -> dict[str, int]:
        found = outcomes_of_jobs(self.warehouse.conn, self.user_id, [job_id or 0], MIN_PLAY_MS)
        return dict(found.get(job_id or 0, {}))


def in_any_order(warehouse: Warehouse, folder: Path, *sources: Source) -> list[tuple[str, int]]:
    """The events, which must be the same in whatever order the sources come."""
    found = []
    for order in permutations(sources):
        home = Home(warehouse, folder)
        for source in order:
            home.take(source)
        found.append(home.events())
    assert all(events == found[0] for events in found), found
    return found[0]


def test_a_stream_exported_twice_is_one_play_and_a_repeat_is_two(warehouse: Warehouse, tmp_path: Path) -> None:
    long_mix = [row("09:10:11", 5_400_321), row("09:11:20", 5_400_321)]
    same_start = [row("12:00:00", letter="b"), row("12:00:02", letter="b")]
    for one in same_start:
        one["offline_timestamp"] = int(at("11:56:40").timestamp() * 1_000)
    repeat = [row("15:00:00", letter="c"), row("15:03:18", letter="c")]
    assert in_any_order(warehouse, tmp_path, [*long_mix, *same_start, *repeat]) == [
        ("09:10:11.000", 5_400_321),
        ("12:00:00.000", 200_000),
        ("15:00:00.000", 200_000),
        ("15:03:18.000", 200_000),
    ]


def test_a_stream_exported_twice_at_a_months_end_is_one_play(warehouse: Warehouse, tmp_path: Path) -> None:
    first = [row("12:00:00") | {"ts": "2024-05-31T23:59:58Z"}]
    second = [row("12:00:00") | {"ts": "2024-06-01T00:00:03Z"}]
    assert in_any_order(warehouse, tmp_path, first, second) == [("23:59:58.000", 200_000)]


def offline(uploaded: str, started: str | None = None, **changes: Any) -> dict[str, Any]:
    start = {} if started is None else {"offline_timestamp": int(datetime.fromisoformat(f"{started}Z").timestamp())}
    return row("12:00:00") | {"ts": f"{uploaded}Z", "offline": True} | start | changes


EPISODE: dict[str, Any] = {
    "spotify_track_uri": None,
    "spotify_episode_uri": f"spotify:episode:{'e' * 22}",
    "episode_name": "Episode",
}


def test_an_offline_play_counts_once_where_an_older_download_does_not_tell_its_start(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    uploads = {"2024-05-05T18:00:00": "2024-05-05T14:00:00", "2024-06-01T09:00:00": "2024-05-28T21:00:00"}
    older = [offline(uploaded, offline_timestamp=0) for uploaded in uploads]
    newer = [offline(uploaded, started) for uploaded, started in uploads.items()]
    another = offline("2024-05-05T18:00:00", ms_played=150_000)
    plays = [("14:03:20.000", 200_000), ("18:00:00.000", 150_000), ("21:03:20.000", 200_000)]
    assert in_any_order(warehouse, tmp_path, [*older, another], newer) == plays
    assert in_any_order(warehouse, tmp_path, older, newer, [polled("18:00:04")]) == [plays[0], plays[2]]

    told = [[one | EPISODE for one in file] for file in (older, newer)]
    for order in permutations(told):
        home = Home(warehouse, tmp_path)
        for file in order:
            home.take(file)
        found = warehouse.conn.execute(
            "SELECT to_char(played_at AT TIME ZONE 'UTC', 'DD HH24:MI:SS') FROM episode_events WHERE user_id = %s"
            " ORDER BY played_at",
            [home.user_id],
        )
        assert found.fetchall() == [("05 14:03:20",), ("28 21:03:20",)]


def test_account_data_without_lengths_gives_way_to_any_row_of_its_second(warehouse: Warehouse, tmp_path: Path) -> None:
    moments = ["12:00:00", "12:10:00", "12:20:00", "12:30:00", "12:40:00"]
    old = [
        {"artistName": "Band, Other Band", "trackName": "Song a", "time": f"2024-05-05 {moment}"} for moment in moments
    ]
    new = [
        row("12:00:00", 3_000),
        row("12:10:00", 12_000),
        row("12:20:00", 900_500, **EPISODE),
        row("12:30:00", 200_000, spotify_track_uri=None, master_metadata_track_name=None),
    ]
    told = [("12:10:00.000", 12_000), ("12:40:00.000", 210_000)]
    assert in_any_order(warehouse, tmp_path, old, new) == told


def test_account_data_that_names_no_track_is_an_unidentified_play(warehouse: Warehouse, tmp_path: Path) -> None:
    nothing = account(endTime="2024-05-05 12:00", msPlayed=200_000, trackName="", artistName=None)
    no_name = account(endTime="2024-05-05 13:00", msPlayed=200_000, trackName=None, artistName="Band")
    home = Home(warehouse, tmp_path)
    home.take([nothing, no_name])
    home.take([no_name, nothing])
    found = warehouse.conn.execute(
        "SELECT to_char(played_at AT TIME ZONE 'UTC', 'HH24:MI'), kind::text FROM episode_events WHERE user_id = %s"
        " ORDER BY played_at",
        [home.user_id],
    )
    assert found.fetchall() == [("12:00", "UNIDENTIFIED"), ("13:00", "UNIDENTIFIED")]


def test_a_minute_of_account_data_may_hold_several_plays(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = [
        minute("15:31", 201_000),
        minute("15:31", 207_500),
        minute("15:31", 201_000),
        minute("15:31", 99_000, "Other"),
    ]
    assert in_any_order(warehouse, tmp_path, rows) == [
        ("15:31:00.000", 99_000),
        ("15:31:00.000", 207_500),
        ("15:31:00.001", 201_000),
    ]


def test_offline_plays_of_one_upload_are_different_plays(warehouse: Warehouse, tmp_path: Path) -> None:
    batch = [row("18:00:00", ms, offline=True, offline_timestamp=None) for ms in (181_000, 180_500, 90_000, 181_000)]
    assert in_any_order(warehouse, tmp_path, batch, batch[:2]) == [
        ("18:00:00.000", 181_000),
        ("18:00:00.001", 180_500),
        ("18:00:00.002", 90_000),
    ]


def test_account_data_meets_an_extended_history_of_later_names(warehouse: Warehouse, tmp_path: Path) -> None:
    before = [
        minute("10:03", 180_123, artist="Old Name"),
        minute("10:07", 200_456, "Song b (feat. Guest)"),
        minute("10:15"),
    ]
    after = [row("10:03:12", 180_123), row("10:07:30", 200_456, "b"), row("10:15:02")]
    assert in_any_order(warehouse, tmp_path, before, after) == [
        ("10:03:12.000", 180_123),
        ("10:07:30.000", 200_456),
        ("10:15:02.000", 200_000),
    ]


def test_a_paused_play_polled_at_its_start_is_one_play(warehouse: Warehouse, tmp_path: Path) -> None:
    paused = row("12:08:46", 286_500, offline_timestamp=int(at("12:00:00").timestamp()))
    other = row("13:04:28", 268_605, "b")
    showings = [polled("12:00:00", ms=286_500), polled("13:00:00", "b", 268_605)]
    assert len(in_any_order(warehouse, tmp_path, [paused, other], showings)) == 2


def test_a_play_paused_offline_is_one_play(warehouse: Warehouse, tmp_path: Path) -> None:
    began = int(at("12:00:00").timestamp())
    rows = [row("12:05:42", 222_621, offline=True, offline_timestamp=began), row("13:03:58", 238_411, "b")]
    showings = [polled("12:05:42", ms=222_621), polled("13:03:58", "b", 238_411)]
    assert in_any_order(warehouse, tmp_path, rows, showings) == [("12:03:42.621", 222_621), ("13:03:58.000", 238_411)]


def test_a_play_polled_under_another_id_is_one_play(warehouse: Warehouse, tmp_path: Path) -> None:
    showings = [polled("12:00:00.400", "z"), polled("12:10:01", "b")]
    rows = [row("12:00:00"), row("12:10:00", letter="b")]
    assert len(in_any_order(warehouse, tmp_path, rows, showings)) == 2


def test_polls_account_data_and_extended_history_tell_the_same_plays(warehouse: Warehouse, tmp_path: Path) -> None:
    letters = "abcdef"
    ends = [at("12:42:50") + number * timedelta(minutes=7) for number in range(6)]
    lengths = [260_543, 195_863, 233_231, 296_617, 263_984, 212_741]
    rows = [row(f"{end:%T}", ms, one) for end, ms, one in zip(ends, lengths, letters, strict=True)]
    minutes = [minute(f"{end:%H:%M}", ms, f"Song {one}") for end, ms, one in zip(ends, lengths, letters, strict=True)]
    showings = [
        Polled(one * 22, end - timedelta(milliseconds=ms) if number % 2 == 0 else end, ms)
        for number, (end, ms, one) in enumerate(zip(ends, lengths, letters, strict=True))
    ]
    names = [row("01:00:00", 1_000, one) for one in letters]  # which ids the names mean
    exact = [(f"{end:%T}.000", ms) for end, ms in zip(ends, lengths, strict=True)]
    home = Home(warehouse, tmp_path)
    for source in (names, showings, minutes):
        home.take(source)
    assert home.events() == exact
    assert in_any_order(warehouse, tmp_path, rows, minutes, showings) == exact


@pytest.mark.parametrize("seconds", [-4, 4])
def test_clocks_that_differ_double_no_loop_polled_by_its_starts(
    warehouse: Warehouse, tmp_path: Path, seconds: int
) -> None:
    began = at("20:00:00")
    ends = [began + (number + 1) * timedelta(seconds=200) for number in range(5)]
    rows = [row(f"{end:%T}") for end in ends]
    shift = timedelta(seconds=seconds)
    showings = [Polled("a" * 22, end - timedelta(seconds=200) + shift, 200_000) for end in ends]
    assert len(in_any_order(warehouse, tmp_path, rows, showings)) == 5


def test_an_event_keeps_its_id_through_all_better_sources(warehouse: Warehouse, tmp_path: Path) -> None:
    home = Home(warehouse, tmp_path)
    ids = []
    for source in (
        [row("01:00:00", 1_000)],
        [polled("12:00:10")],
        [minute("12:03")],
        [row("12:03:20")],
    ):
        home.take(source)
        ids += home.warehouse.conn.execute(
            "SELECT id, created_at FROM listening_events WHERE user_id = %s", [home.user_id]
        ).fetchall()
    assert home.events() == [("12:03:20.000", 200_000)]
    assert len(ids) == 3
    assert len(set(ids)) == 1


def test_the_outcomes_of_an_import_add_up(warehouse: Warehouse, tmp_path: Path) -> None:
    home = Home(warehouse, tmp_path)
    home.take([polled("12:00:00.500")])
    rows = [row("12:00:00"), row("13:00:00"), row("13:00:05"), row("14:00:00", 3_000)]
    exact = home.take(rows)
    by_minute = home.take([minute("13:00"), minute("15:00")])
    assert home.outcomes(exact) == {"added": 1, "known_less_exactly": 1, "same_play": 1, "too_short": 1}
    assert home.outcomes(by_minute) == {"added": 1, "replaced": 1}


def test_plays_that_account_data_told_are_known_and_not_added(warehouse: Warehouse, tmp_path: Path) -> None:
    """Of the same song, also under another id; renamed, by the length; offline, by the upload. The last one is new."""
    home = Home(warehouse, tmp_path)
    home.take([row("01:00:00", 1_000), row("01:00:00", 1_000, "b")])
    minutes = [minute("12:03"), minute("12:10"), minute("12:20", 123_456, "Old Name"), minute("12:30", name="Song b")]
    by_minute = home.take(minutes)
    assert home.outcomes(by_minute) == {"added": 4}
    uploaded = row("12:30:59", letter="b", offline=True, offline_timestamp=int(at("11:00:00").timestamp()))
    exact = home.take([row("12:03:20"), row("12:10:59"), row("12:20:30", 123_456, "c"), uploaded, row("12:40:00")])
    assert home.outcomes(exact) == {"added": 1, "known_less_exactly": 4}
    assert home.outcomes(by_minute) == {"replaced": 4}
    assert len(home.events()) == 5


def test_what_one_import_tells_both_exactly_and_by_the_minute_is_new(warehouse: Warehouse, tmp_path: Path) -> None:
    home = Home(warehouse, tmp_path)
    jobs = [home.take([minute("12:03")]) or 0, home.take([row("12:03:20")]) or 0]
    assert home.outcomes(jobs[1]) == {"known_less_exactly": 1}
    together = outcomes_of_jobs(warehouse.conn, home.user_id, jobs, MIN_PLAY_MS)
    assert together == {jobs[0]: {"replaced": 1}, jobs[1]: {"added": 1}}


def test_a_later_download_completes_what_landed_and_adds_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    """Whichever download comes first: what tells more of how a play was heard counts."""
    older = row("12:03:20", skipped=None)
    newer = row("12:03:20", skipped=False, offline_timestamp=int(at("12:00:00").timestamp()))
    found: list[Sequence[tuple[Any, ...]]] = []
    for order in permutations(([older], [newer])):
        home = Home(warehouse, tmp_path)
        for source in order:
            home.take(source)
        found.append(
            home.warehouse.conn.execute(
                "SELECT p.elapsed_s, c.skipped, e.context_id = p.context_id FROM imported_plays AS p"
                " JOIN play_contexts AS c ON c.id = p.context_id JOIN listening_events AS e USING (user_id, played_at)"
                " WHERE user_id = %s",
                [home.user_id],
            ).fetchall()
        )
    assert found == [[(200, False, True)]] * 2
