"""An upload as a whole: its identity, its batches, what it never reveals, and that a change of the file is an error."""

import doctest
import hashlib
import importlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from myi_pipelines.sources.exports import ChangedWhileRead, ExportError, Limits, open_upload
from myi_pipelines.sources.exports.export_files import MAX_UNREADABLE_ROWS
from myi_pipelines_tests.support.export_rows import account, as_json, as_zip, extended, read, read_rows

MANY = as_json([extended(ms_played=number) for number in range(5_000)])
PERSONAL = ("203.0.113.77", "198.51.100.9", "jane.doe", "Mozilla")


def write(folder: Path, content: bytes, name: str = "history.json") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_an_upload_has_its_hash_and_size(tmp_path: Path) -> None:
    packed = as_zip({"h.json": MANY, "other.json": b"{}"})
    with open_upload(write(tmp_path, packed, "e.zip")) as upload:
        assert upload.sha256 == hashlib.sha256(packed).hexdigest()
        assert upload.total_bytes == len(MANY)


@pytest.mark.parametrize("batch_rows", [1, 7, 1_000, 4_999, 5_000, 5_001])
def test_batches_have_the_requested_number_of_rows(tmp_path: Path, batch_rows: int) -> None:
    with open_upload(write(tmp_path, MANY)) as upload:
        batches = list(upload.batches(batch_rows))
    sizes = [batch.rows for batch in batches]
    assert sizes == [batch_rows] * (5_000 // batch_rows) + [5_000 % batch_rows] * (5_000 % batch_rows > 0)
    assert [play.ms_played for batch in batches for play in batch.plays] == list(range(5_000))
    progress = [batch.bytes_read for batch in batches]
    assert progress == sorted(progress)
    assert progress[-1] == upload.total_bytes


def test_rejected_rows_count_towards_a_batch(tmp_path: Path) -> None:
    path = write(tmp_path, as_json([extended(ms_played="x"), extended()] * 10))
    with open_upload(path) as upload:
        assert [(batch.rows, len(batch.plays), batch.rejected.total()) for batch in upload.batches(8)] == [
            (8, 4, 4), (8, 4, 4), (4, 2, 2),
        ]  # fmt: skip


BAD = b'{"ts":"x","ms_played":1}'


def many(*parts: tuple[bytes, int]) -> bytes:
    """A history of rows, each so many times."""
    return b"[" + b",".join(row for row, times in parts for _ in range(times)) + b"]"


def test_a_file_of_rows_that_cannot_be_read_is_given_up_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, many((BAD, MAX_UNREADABLE_ROWS * 4)))
    with open_upload(path) as upload:
        rows: list[int] = []
        with pytest.raises(
            ExportError, match=r"^history.json: 5\d,\d{3} of the rows up to here cannot be read"
        ) as error:
            rows.extend(batch.rows for batch in upload.batches())
    assert "\n" not in str(error.value)
    assert sum(rows) <= MAX_UNREADABLE_ROWS


def test_bad_rows_of_several_files_count_together_and_one_play_does_not_excuse_them(tmp_path: Path) -> None:
    play = as_json(extended(), indent=None)
    half = many((BAD, MAX_UNREADABLE_ROWS // 2 + 100))
    path = write(tmp_path, as_zip({"a.json": many((play, 1)), "b.json": half, "c.json": half}), "e.zip")
    with (
        open_upload(path, Limits(max_ratio=10_000)) as upload,
        pytest.raises(ExportError, match="and 1 can; import the files as they were sent"),
    ):
        list(upload.batches())


@pytest.mark.parametrize("first", [True, False])
def test_a_history_with_many_bad_rows_before_or_after_its_plays_is_read(tmp_path: Path, first: bool) -> None:
    bad, play = (BAD, MAX_UNREADABLE_ROWS), (as_json(extended(), indent=None), 100)
    with open_upload(write(tmp_path, many(bad, play) if first else many(play, bad))) as upload:
        batches = list(upload.batches())
    assert sum(len(batch.plays) for batch in batches) == 100
    assert sum(batch.rejected.total() for batch in batches) == MAX_UNREADABLE_ROWS


def test_a_history_of_the_future_is_read_because_the_clock_may_be_wrong(tmp_path: Path) -> None:
    future = as_json(extended(ts="2099-01-01T00:00:00Z"), indent=None)
    with open_upload(write(tmp_path, many((future, MAX_UNREADABLE_ROWS + 5_000)))) as upload:
        assert sum(batch.rejected["future"] for batch in upload.batches()) == MAX_UNREADABLE_ROWS + 5_000


def test_rows_can_be_read_again_and_in_parallel(tmp_path: Path) -> None:
    for path in (write(tmp_path, MANY), write(tmp_path, as_zip({"h.json": MANY}), "h.zip")):
        with open_upload(path) as upload:
            pairs = list(zip(upload.batches(999), upload.batches(999), strict=True))
            assert all(first == second for first, second in pairs)
            assert sum(first.rows for first, _ in pairs) == 5_000
            upload.month_range()
            assert sum(batch.rows for batch in upload.batches()) == 5_000


def test_nothing_personal_is_in_plays_or_notes_or_errors(tmp_path: Path) -> None:
    address, other, user, agent = PERSONAL
    person = {"ip_addr": address, "ip_addr_decrypted": other, "username": user, "user_agent_decrypted": agent}
    rows = [
        extended(**person),
        extended(**person, ms_played="x"),
        extended(**person, ts=None),
        extended(**person, master_metadata_track_name="\0"),
        extended(**person, spotify_track_uri=f"spotify:user:{user}:playlist:1"),
        extended(**person, spotify_track_uri=None, master_metadata_track_name=None),
        account(**person),
        [person],
    ]
    found = read_rows(tmp_path, *rows)
    assert len(found.notes) >= 5
    assert not any(personal in repr(found) for personal in PERSONAL)
    text = as_json(rows)
    for end in (text.index(user.encode()) + 4, text.index(agent.encode()) + 7):
        with pytest.raises(ExportError) as refused:
            read(write(tmp_path, text[:end]))
        assert not any(personal in str(refused.value) for personal in PERSONAL)


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b" ")


def overwrite(path: Path) -> None:
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.write(content[::-1])
    os.utime(path, ns=(1, 1))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("change", [replace, append, overwrite, cut, Path.unlink])
@pytest.mark.parametrize("name", ["history.json", "history.zip"])
def test_a_change_of_the_file_during_reading_is_an_error(
    tmp_path: Path, change: Callable[[Path], None], name: str
) -> None:
    path = write(tmp_path, as_zip({"h.json": MANY}) if name.endswith("zip") else MANY, name)
    with open_upload(path) as upload:
        batches = upload.batches(1_000)
        next(batches)
        change(path)
        with pytest.raises(ChangedWhileRead) as refused:
            list(batches)
    line = f"{name}: changed while it was being read; import it again when it is complete"
    assert str(refused.value) == line


def test_a_change_of_the_file_before_the_last_batch_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, as_json([extended()]))
    with open_upload(path) as upload:
        replace(path)
        with pytest.raises(ChangedWhileRead):
            next(upload.batches())


@pytest.mark.parametrize("module", ["cleaning", "extended_history", "batches", "history_search", "other_files"])
def test_examples_in_the_docs_are_true(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"myi_pipelines.sources.exports.{module}"))
    assert found.attempted > 0
    assert found.failed == 0
