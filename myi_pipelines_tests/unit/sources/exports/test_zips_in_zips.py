"""A ZIP in a ZIP is read one level down, within the same limits. Whatever is not read is named."""

import os
import tempfile
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest

from myi_pipelines.sources.exports import (
    DamagedZip,
    EncryptedZip,
    ExportError,
    Limits,
    NestedZip,
    NoRoomForCopy,
    TruncatedJson,
    ZipTooBig,
    open_upload,
)
from myi_pipelines_tests.support.export_rows import DEFAULT_LIMITS, as_json, as_zip, extended, read
from myi_pipelines_tests.unit.sources.exports.test_zip_members import encrypted

BOTH = pytest.mark.parametrize("method", [ZIP_STORED, ZIP_DEFLATED])


def history(year: int, rows: int = 3) -> bytes:
    return as_json([extended(ts=f"{year}-06-01T10:00:{number:02}Z", ms_played=number) for number in range(rows)])


def write(folder: Path, content: bytes) -> Path:
    path = folder / "z.zip"
    path.write_bytes(content)
    return path


def refusal(folder: Path, content: bytes, kind: type[ExportError], limits: Limits = DEFAULT_LIMITS) -> str:
    with pytest.raises(ExportError) as refused:
        read(write(folder, content), limits)
    assert type(refused.value) is kind, refused.value
    return str(refused.value)


@BOTH
def test_a_zip_in_the_zip_is_read_beside_a_history(tmp_path: Path, method: int) -> None:
    inner = as_zip({"MyData/endsong_0.json": history(2020), "MyData/ReadMe.pdf": b"%PDF-1.7"})
    path = write(tmp_path, as_zip({"h.json": history(2023), "old/my_data.zip": inner, "new.txt": b"x"}, method))
    with open_upload(path) as upload:
        assert upload.members == ("h.json", "my_data.zip/endsong_0.json")
        assert upload.total_bytes == len(history(2020)) + len(history(2023))
        assert upload.month_range() == (date(2020, 5, 1), date(2023, 6, 1))
        assert upload.notes == ("z.zip: also read the ZIP in it: my_data.zip",)
        for _ in range(2):  # rows can be read again
            batches = list(upload.batches(2))
            assert [play.played_at.year for batch in batches for play in batch.plays] == [2023] * 3 + [2020] * 3
            assert batches[-1].bytes_read == upload.total_bytes
        pairs = list(zip(upload.batches(2), upload.batches(2), strict=True))
        assert all(first == second for first, second in pairs)


@BOTH
def test_a_zip_of_nothing_but_zips_is_read(tmp_path: Path, method: int) -> None:
    zips = {f"{year}.zip": as_zip({f"endsong_{year}.json": history(year)}) for year in range(2015, 2025)}
    path = write(tmp_path, as_zip(zips, method))
    found = read(path)
    assert sorted({play.played_at.year for play in found.plays}) == list(range(2015, 2025))
    names = "2015.zip, 2016.zip, 2017.zip, 2018.zip, 2019.zip and 5 more"
    assert found.notes == [f"z.zip: also read the ZIPs in it: {names}"]


def test_a_zip_in_a_zip_that_has_bytes_before_it_is_read(tmp_path: Path) -> None:
    content = b"#!/bin/sh\n" + as_zip({"in.zip": as_zip({"h.json": history(2020)})}, ZIP_STORED)
    assert len(read(write(tmp_path, content)).plays) == 3


@BOTH
def test_a_zip_two_levels_down_is_named(tmp_path: Path, method: int) -> None:
    deep = as_zip({"deep.zip": as_zip({"h.json": history(2020)}, method)}, method)
    found = read(write(tmp_path, as_zip({"h.json": history(2023), "in.zip": deep}, method)))
    assert len(found.plays) == 3
    assert found.notes == ["z.zip: not read, for it is in a ZIP in the ZIP: in.zip/deep.zip; unpack it and import that"]
    assert refusal(tmp_path, as_zip({"in.zip": deep}, method), NestedZip) == (
        "z.zip: holds no listening history, but a ZIP in a ZIP in it (in.zip/deep.zip), which is not read; "
        "unpack the ZIP and import what is in it"
    )


def test_a_zip_without_history_in_the_zip_is_passed_over(tmp_path: Path) -> None:
    found = read(write(tmp_path, as_zip({"h.json": history(2023), "photos.zip": as_zip({"a.jpg": b"\xff\xd8\xff"})})))
    assert found.notes == ["z.zip: passed over 1 file that holds no listening history: photos.zip"]


@BOTH
@pytest.mark.parametrize(
    ("kind", "change", "what"),
    [
        (DamagedZip, lambda inner: inner[:-30], "the ZIP is cut off (the table of contents at its end is missing)"),
        (EncryptedZip, encrypted, "is encrypted; unpack it with its password"),
    ],
    ids=["damaged", "encrypted"],
)
def test_a_zip_in_the_zip_that_cannot_be_read_is_said(
    tmp_path: Path, kind: type[ExportError], change: Any, what: str, method: int
) -> None:
    inner = change(as_zip({"e.json": history(2020)}))
    found = read(write(tmp_path, as_zip({"h.json": history(2023), "in.zip": inner}, method)))
    assert len(found.plays) == 3
    [note] = found.notes
    assert note.startswith(f"not read: z.zip: in.zip: {what}")
    assert refusal(tmp_path, as_zip({"in.zip": inner}, method), kind).startswith(f"z.zip: in.zip: {what}")


def test_a_broken_history_in_a_zip_in_the_zip_is_refused_by_name(tmp_path: Path) -> None:
    inner = as_zip({"endsong_0.json": history(2020), "endsong_1.json": history(2021)[:-20]})
    line = refusal(tmp_path, as_zip({"h.json": history(2023), "in.zip": inner}), TruncatedJson)
    assert line.startswith("z.zip: in.zip: endsong_1.json: is cut off in row 3")


@BOTH
def test_limits_count_what_is_in_the_zips_together(tmp_path: Path, method: int) -> None:
    inner = as_zip({f"{number}.json": history(2010 + number) for number in range(5)})
    content = as_zip({"a.zip": inner, "b.zip": inner}, method)
    unpacked = 2 * sum(len(history(2010 + number)) for number in range(5))
    assert len(read(write(tmp_path, content), Limits(max_members=12)).plays) == 30
    for limits, what in (
        (Limits(max_members=11), "holds more than 11 files"),
        (Limits(max_bytes=unpacked), f"unpacks to more than {unpacked:,} bytes"),
        (Limits(max_ratio=(unpacked - 1) / len(content)), "times its size, as ZIP bombs do"),
    ):
        assert what in refusal(tmp_path, content, ZipTooBig, limits)


@BOTH
def test_a_bomb_in_the_zip_is_refused(tmp_path: Path, method: int) -> None:
    bomb = as_zip({"bomb.json": b"[" + b" " * 3_000_000})
    line = refusal(tmp_path, as_zip({"h.json": history(2023, 900), "in.zip": bomb}, method), ZipTooBig)
    assert line.startswith("z.zip: in.zip: bomb.json: unpacks to more than 200 times its size")


def test_a_bomb_of_two_harmless_ratios_is_refused(tmp_path: Path) -> None:
    """Each ZIP unpacks to less than 200 times its size, but both together to more."""
    inner = BytesIO()
    with ZipFile(inner, "w", ZIP_DEFLATED) as archive:
        archive.writestr("h.json", history(2020) + b" " * 400_000)
        for number in range(30):  # the same bytes again, which the outer ZIP packs well
            archive.writestr(f"{number}.json", b" " * 400_000)
    content = as_zip({"in.zip": inner.getvalue()})
    ratio = 31 * 400_000 / len(content)
    assert ratio > 800
    line = refusal(tmp_path, content, ZipTooBig, Limits(max_ratio=700))
    assert "unpacks to more than 700 times its size" in line


def test_copies_leave_no_file_behind_and_go_away_with_the_upload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    path = write(tmp_path, as_zip({f"{n}.zip": as_zip({"h.json": history(2020 + n)}) for n in range(5)}))
    open_before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with open_upload(path) as upload:
        assert list(temporary.iterdir()) == []
        assert len(os.listdir("/proc/self/fd")) == open_before + 2  # noqa: PTH208 - the upload and one for all copies
        assert sum(batch.rows for batch in upload.batches()) == 15
    assert len(os.listdir("/proc/self/fd")) == open_before  # noqa: PTH208


def test_a_stored_zip_is_read_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    inner = as_zip({"h.json": history(2020)})
    assert len(read(write(tmp_path, as_zip({"in.zip": inner}, ZIP_STORED))).plays) == 3
    line = refusal(tmp_path, as_zip({"in.zip": inner}, ZIP_DEFLATED), NoRoomForCopy)
    assert line.startswith("z.zip: in.zip: a temporary copy of it cannot be written to ")
    assert line.endswith("make room there, or unpack what it is in and import it")
