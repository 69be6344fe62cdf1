"""Two processes read what one reads, and errors of either are reported."""

import gzip
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from struct import unpack_from
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED

import pytest

from myi_pipelines.ingest.uploads import parallel_reading
from myi_pipelines.ingest.uploads.parallel_reading import ReaderDied, read_packed
from myi_pipelines.sources.exports import ChangedWhileRead, ExportError, Limits, NotJson, open_upload
from myi_pipelines.warehouse.binary_copy import PackedBatch
from myi_pipelines_tests.integration.warehouse.test_binary_copy import numbered
from myi_pipelines_tests.support.export_rows import account, as_json, as_zip, extended, no_track

MIN_PLAY_MS: Final = 5_000
EXTRA: Final = {"My Data/Userdata.json": b"{}"}


@pytest.fixture(autouse=True)
def two_processes_read_every_zip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_reading, "TWO_PROCESSES_FROM_BYTES", 0)


def member(number: int, rows: int = 40) -> bytes:
    made: list[dict[str, Any]] = [
        extended(
            ts=f"2020-0{number + 1}-03T10:{row // 60:02}:{row % 60:02}Z",
            ms_played=1_000 * row,
            master_metadata_track_name=f"Song {row % 7}",
            spotify_track_uri=f"spotify:track:{row % 7:022}",
            platform=f"phone {row % 3}",
            offline=row % 5 == 0,
            offline_timestamp=1_577_880_000 + row,
        )
        for row in range(rows)
    ]
    return as_json([*made, no_track(episode_name="Talk"), extended(ts="never")])


def members(count: int = 9) -> dict[str, bytes]:
    made = {f"Streaming_History_Audio_{number}.json": member(number) for number in range(count)}
    return made | {"StreamingHistory_music_0.json": as_json([account(), account(msPlayed=200)])} | EXTRA


def write(folder: Path, content: dict[str, bytes]) -> Path:
    path = folder / "history.zip"
    path.write_bytes(as_zip(content))
    return path


def batches_of(path: Path) -> list[PackedBatch]:
    with open_upload(path) as upload:
        return list(read_packed(upload, Limits(), MIN_PLAY_MS))


def unpacked(batches: Iterable[PackedBatch]) -> Counter[tuple[object, ...]]:
    """Plays as (names, context, stopped_at, played_at, milliseconds, month), times as the server counts them."""
    batches = list(batches)
    tracks = dict(one for batch in batches for one in numbered(batch.tracks))
    contexts = dict(one for batch in batches for one in numbered(batch.contexts))
    plays: Counter[tuple[object, ...]] = Counter()
    for batch in batches:
        at = 0
        while at < len(batch.copied):
            [fields] = unpack_from("!h", batch.copied, at)
            at += 2
            values: list[int | None] = []
            for _ in range(fields):
                [size] = unpack_from("!i", batch.copied, at)
                at += 4
                values.append(int.from_bytes(batch.copied[at : at + size], signed=True) if size >= 0 else None)
                at += max(size, 0)
            track_no, context_no, *others = values
            assert track_no is not None
            plays[tracks[track_no], None if context_no is None else contexts[context_no], *others] += 1
    assert plays.total() == sum(batch.plays for batch in batches)
    return plays


def test_two_processes_read_what_one_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, members())
    by_two = batches_of(path)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    by_one = batches_of(path)
    assert unpacked(by_two) == unpacked(by_one)
    assert sum(unpacked(by_one).values()) == 9 * 41 + 2
    for field in ("rows", "plays", "cleaned"):
        assert sum(getattr(batch, field) for batch in by_two) == sum(getattr(batch, field) for batch in by_one)
    for batches in (by_one, by_two):
        assert sum((Counter(batch.rejected) for batch in batches), Counter()) == Counter(
            bad_timestamp=9, too_short=9 * 5 + 1
        )
        assert set[date]().union(*(batch.months for batch in batches)) >= {date(2020, 1, 1), date(2020, 9, 1)}
        read = [batch.bytes_read for batch in batches]
        assert read == sorted(read)
        assert read[-1] == sum(len(content) for name, content in members().items() if name not in EXTRA)
        notes = [note for batch in batches for note in batch.notes]
        assert sum("no listening history" in note for note in notes) == 1


@pytest.mark.parametrize("method", [ZIP_STORED, ZIP_DEFLATED])
def test_two_processes_read_the_zips_in_the_zip(tmp_path: Path, method: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {f"{number}.zip": as_zip({f"endsong_{number}.json": member(number)}) for number in range(6)}
    content["h.json.gz"] = gzip.compress(member(7))
    path = tmp_path / "history.zip"
    path.write_bytes(as_zip(content, method))
    batches = batches_of(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: 1)
        assert unpacked(batches) == unpacked(batches_of(path))
    assert sum(batch.rows for batch in batches) == 7 * 42
    assert batches[-1].bytes_read == sum(len(member(number)) for number in (0, 1, 2, 3, 4, 5, 7))
    notes = [note for batch in batches for note in batch.notes if note.startswith("history.zip: ")]
    assert notes == [
        "history.zip: also read the ZIPs in it: 0.zip, 1.zip, 2.zip, 3.zip, 4.zip and 1 more",
        "history.zip: 2 more rows: with an impossible time",
    ]


def test_the_second_process_takes_a_part(tmp_path: Path) -> None:
    with open_upload(write(tmp_path, members())) as upload:
        reader = read_packed(upload, Limits(), MIN_PLAY_MS)
        original = upload.batches
        upload.batches = lambda **chosen: iter(())  # type: ignore[method-assign]
        there = list(reader)
        upload.batches = original  # type: ignore[method-assign]
    assert sum(batch.plays for batch in there) == 9 * 41 + 2
    assert all(number >= 1 << 30 for batch in there for number, _ in numbered(batch.tracks))


@pytest.mark.parametrize("bad", range(0, 9, 2))
def test_a_bad_member_is_reported_by_either_process(tmp_path: Path, bad: int) -> None:
    content = members()
    name = f"Streaming_History_Audio_{bad}.json"
    content[name] = content[name][:-40] + b'"broken"]'
    with pytest.raises(NotJson, match=f"history.zip: {name}: row "):
        batches_of(write(tmp_path, content))


def test_a_file_that_was_replaced_before_the_second_process_opened_it_is_not_mixed_with_it(tmp_path: Path) -> None:
    path = write(tmp_path, members())
    with open_upload(path) as upload:
        path.unlink()
        write(tmp_path, members(8))
        with pytest.raises(ChangedWhileRead):
            list(read_packed(upload, Limits(), MIN_PLAY_MS))


def test_the_second_process_reads_no_other_bytes(tmp_path: Path) -> None:
    with open_upload(write(tmp_path, members())) as upload:
        upload.sha256 = "0" * 64  # as if the file had been another one when it was opened here
        with pytest.raises(ChangedWhileRead):
            list(read_packed(upload, Limits(), MIN_PLAY_MS))


def test_limits_hold_for_both_processes(tmp_path: Path) -> None:
    with (
        open_upload(write(tmp_path, members())) as upload,
        pytest.raises(ExportError, match="holds more than 3 files"),
    ):
        list(read_packed(upload, Limits(max_members=3), MIN_PLAY_MS))


def test_a_process_that_dies_does_not_look_like_the_end_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ReaderDied, match="exit code 1"):
        batches_of(write(tmp_path, members()))


def test_closing_the_rows_kills_the_second_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    endless = tmp_path / "endless"
    endless.write_text("#!/bin/sh\nexec sleep 30\n")
    endless.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(endless))
    monkeypatch.setattr(subprocess, "Popen", Noted)
    with open_upload(write(tmp_path, members())) as upload:
        reader = read_packed(upload, Limits(), MIN_PLAY_MS)
        next(reader)
        reader.close()
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_small_files_are_read_by_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    path = tmp_path / "one.json"
    path.write_bytes(member(1))
    assert sum(batch.plays for batch in batches_of(path)) == 41
    monkeypatch.setattr(parallel_reading, "TWO_PROCESSES_FROM_BYTES", 1 << 40)
    assert sum(batch.plays for batch in batches_of(write(tmp_path, members()))) == 9 * 41 + 2
