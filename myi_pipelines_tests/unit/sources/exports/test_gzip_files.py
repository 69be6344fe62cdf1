"""A history that is packed with gzip is read, within the limits."""

import gzip
import zlib
from datetime import date
from pathlib import Path

import pytest

from myi_pipelines.sources.exports import (
    DamagedGzip,
    ExportError,
    Limits,
    NotAnExport,
    NotReadHere,
    TruncatedJson,
    ZipTooBig,
    open_upload,
)
from myi_pipelines_tests.support.export_rows import DEFAULT_LIMITS, account, as_json, as_zip, extended, read

HISTORY = as_json([extended(ms_played=number) for number in range(5_000)])
AGAIN = "download or copy it again"


def write(folder: Path, content: bytes, name: str = "h.json.gz") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def refusal(path: Path, kind: type[ExportError], limits: Limits = DEFAULT_LIMITS) -> str:
    with pytest.raises(ExportError) as refused:
        read(path, limits)
    assert type(refused.value) is kind, refused.value
    return str(refused.value)


@pytest.mark.parametrize("name", ["Streaming_History_Audio_2024_0.json.gz", "h.gz", "renamed.json"])
@pytest.mark.parametrize("row", [extended(), account()])
def test_a_packed_history_is_read_under_any_name(tmp_path: Path, name: str, row: dict[str, object]) -> None:
    path = write(tmp_path, gzip.compress(as_json([row] * 3)), name)
    with open_upload(path) as upload:
        assert upload.members == (name,)
        assert upload.total_bytes == len(as_json([row] * 3))
        assert upload.month_range() is not None
        for _ in range(2):
            [batch] = upload.batches()
            assert (len(batch.plays), batch.bytes_read) == (3, upload.total_bytes)


def test_a_packed_history_in_a_zip_and_in_a_zip_in_it_is_read(tmp_path: Path) -> None:
    packed = gzip.compress(HISTORY)
    path = write(tmp_path, as_zip({"a.json.gz": packed, "in.zip": as_zip({"b.json.gz": packed})}), "z.zip")
    with open_upload(path, Limits(max_ratio=10_000)) as upload:
        assert upload.members == ("a.json.gz", "in.zip/b.json.gz")
        assert upload.total_bytes == 2 * len(HISTORY)
        assert sum(len(batch.plays) for batch in upload.batches()) == 10_000


@pytest.mark.parametrize("pieces", [1, 2, 700])
@pytest.mark.parametrize("end", [b"", bytes(5_000)])
def test_files_appended_to_each_other_are_one(tmp_path: Path, pieces: int, end: bytes) -> None:
    size = -(-len(HISTORY) // pieces)
    packed = b"".join(gzip.compress(HISTORY[at : at + size]) for at in range(0, len(HISTORY), size))
    assert len(read(write(tmp_path, packed + end)).plays) == 5_000


def test_bytes_that_unpack_to_far_more_than_is_read_at_once_are_all_read(tmp_path: Path) -> None:
    spaced = HISTORY[:-1] + b" " * 3_000_000 + b"]"
    assert len(read(write(tmp_path, gzip.compress(spaced)), Limits(max_ratio=10_000)).plays) == 5_000


@pytest.mark.parametrize("end", [5, 12, 1_000, -9, -1])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, end: int) -> None:
    path = write(tmp_path, gzip.compress(HISTORY)[:end])
    assert refusal(path, DamagedGzip) == f"h.json.gz: the gzip file is cut off; {AGAIN}"


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(HISTORY))
    packed[-6] ^= 0xFF
    assert "the gzip file is damaged (Error -3 while decompressing data: incorrect data check)" in refusal(
        write(tmp_path, bytes(packed)), DamagedGzip
    )
    assert "the gzip file is damaged" in refusal(write(tmp_path, gzip.compress(HISTORY) + b"more"), DamagedGzip)


def test_a_broken_history_that_is_packed_is_refused_by_row(tmp_path: Path) -> None:
    line = refusal(write(tmp_path, gzip.compress(HISTORY[:-200])), TruncatedJson)
    assert line.startswith("h.json.gz: is cut off in row 5,000")


@pytest.mark.parametrize(
    ("limits", "what"),
    [(DEFAULT_LIMITS, "200 times its size"), (Limits(max_bytes=1_000_000, max_ratio=1e9), "1,000,000 bytes")],
)
def test_a_bomb_is_refused_and_takes_no_memory(tmp_path: Path, limits: Limits, what: str) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = packer.compress(HISTORY[:10_000])
    bomb = start + b"".join(packer.compress(b" " * 1_000_000) for _ in range(300)) + packer.flush()
    path = write(tmp_path, bomb)
    assert f"h.json.gz: unpacks to more than {what}" in refusal(path, ZipTooBig, limits)


def test_what_is_packed_and_no_history_is_named(tmp_path: Path) -> None:
    for content, kind, line in (
        (b"%PDF-1.7", NotAnExport, "x.gz: is a PDF document, not a listening history; request"),
        (b"[]", NotAnExport, "x.gz: holds no listening history; request"),
        (as_zip({"h.json": HISTORY}), NotReadHere, "x.gz: is a ZIP packed once more with gzip; unpack it and import"),
        (bytes(257) + b"ustar", NotReadHere, "x.gz: is a tar archive; unpack it and import what is in it"),
        (b"<lfm status='ok'>", NotReadHere, "x.gz: is an export of Last.fm as XML; it is not read; what is read: "),
    ):
        assert refusal(write(tmp_path, gzip.compress(content), "x.gz"), kind).startswith(line)


def test_months_are_found(tmp_path: Path) -> None:
    with open_upload(write(tmp_path, gzip.compress(HISTORY))) as upload:
        assert upload.month_range() == (date(2022, 12, 1), date(2023, 1, 1))
