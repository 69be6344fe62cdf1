"""ZIPs: which members are read, which notes the others get, and which ZIPs are refused. Nothing is unpacked to disk."""

import struct
import tracemalloc
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_LZMA, ZIP_STORED, ZipFile, ZipInfo

import pytest

from myi_pipelines.sources.exports import (
    DamagedZip,
    EmptyFile,
    EncryptedZip,
    ExportError,
    Limits,
    NotAnExport,
    NotJson,
    TruncatedJson,
    UnsupportedZip,
    WrongEncoding,
    ZipTooBig,
    open_upload,
)
from myi_pipelines.sources.exports.zip_members import Declared, UnpackBudget, open_zip
from myi_pipelines_tests.support.export_rows import DEFAULT_LIMITS, account, as_json, as_zip, extended, read

HISTORY = as_json([extended(ms_played=number) for number in range(3)])
ACCOUNT = as_json([account()] * 2)
AGAIN = "unpack or download a fresh copy of the file and import that"
COPY = "download or copy it again"
TRUST = "if you trust the file, raise {} and import it again"
HUGE = HISTORY[:-1] + b" " * 2_000_000 + b"]"


def write(folder: Path, content: bytes) -> Path:
    path = folder / "z.zip"
    path.write_bytes(content)
    return path


def refusal(folder: Path, content: bytes, kind: type[ExportError], limits: Limits = DEFAULT_LIMITS) -> str:
    with pytest.raises(ExportError) as refused:
        read(write(folder, content), limits)
    assert type(refused.value) is kind
    return str(refused.value)


def encrypted(content: bytes) -> bytes:
    """A ZIP whose first file is marked as encrypted."""
    flags = bytearray(content)
    flags[6] |= 1
    flags[flags.index(b"PK\x01\x02") + 8] |= 1
    return bytes(flags)


def with_sizes(content: bytes, unpacked: int) -> bytes:
    """A ZIP of one file with a wrong declared size."""
    lie = bytearray(content)
    struct.pack_into("<L", lie, 22, unpacked)
    struct.pack_into("<L", lie, lie.index(b"PK\x01\x02") + 24, unpacked)
    return bytes(lie)


def test_the_zip_that_spotify_sends_is_read(tmp_path: Path) -> None:
    folder = "Spotify Extended Streaming History"
    path = write(
        tmp_path,
        as_zip(
            {
                f"{folder}/": b"",
                f"{folder}/ReadMeFirst_ExtendedStreamingHistory.pdf": b"%PDF-1.7 \xff\xfe",
                f"{folder}/Streaming_History_Audio_2023_0.json": HISTORY,
                f"{folder}/Streaming_History_Video_2023.json": HISTORY,
            }
        ),
    )
    with open_upload(path) as upload:
        assert upload.format == "extended"
        assert upload.members == ("Streaming_History_Audio_2023_0.json", "Streaming_History_Video_2023.json")
        assert upload.total_bytes == 2 * len(HISTORY)
        batches = list(upload.batches(batch_rows=4))
    assert [batch.rows for batch in batches] == [4, 2]
    assert batches[-1].bytes_read == upload.total_bytes
    assert [play.ms_played for batch in batches for play in batch.plays] == [0, 1, 2] * 2


def test_unrelated_files_are_skipped_and_unrelated_json_is_named(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        as_zip(
            {
                "Spotify Account Data/Playlist1.json": b'{"playlists": []}',
                "Spotify Account Data/StreamingHistory_music_0.json": ACCOUNT,
                "Spotify Account Data/Inferences.json": b'["a", "b"]',
                "Spotify Account Data/notes.txt": b"hello",
                "Spotify Account Data/Broken.json": b"{",
                "__MACOSX/StreamingHistory_music_0.json": b"\0\5\x16\7",
                "Spotify Account Data/._StreamingHistory_music_0.json": b"\0\5\x16\7",
            }
        ),
    )
    found = read(path)
    assert len(found.plays) == 2
    assert found.notes == [
        "z.zip: passed over 3 files that hold no listening history: Playlist1.json, Inferences.json, Broken.json"
    ]


def test_both_formats_in_one_zip_are_read(tmp_path: Path) -> None:
    with open_upload(write(tmp_path, as_zip({"a.json": HISTORY, "b.json": ACCOUNT}))) as upload:
        assert upload.format == "mixed"
        assert sum(batch.rows for batch in upload.batches()) == 5


def test_of_many_unrelated_files_the_first_five_are_named(tmp_path: Path) -> None:
    found = read(write(tmp_path, as_zip({"h.json": HISTORY} | {f"{number}.json": b"{}" for number in range(9)})))
    names = "0.json, 1.json, 2.json, 3.json, 4.json and 4 more"
    assert found.notes == [f"z.zip: passed over 9 files that hold no listening history: {names}"]


def test_names_that_lead_out_of_the_folder_are_only_labels(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        as_zip([("../../evil.json", HISTORY), ("/etc/passwd.json", HISTORY), ("..\\..\\b.json", HISTORY)]),
    )
    with open_upload(path) as upload:
        assert upload.members == ("evil.json", "passwd.json", "..\\..\\b.json")
        assert sum(batch.rows for batch in upload.batches()) == 9
    assert list(tmp_path.iterdir()) == [path]


def test_files_of_the_same_name_are_distinguished_by_their_folders(tmp_path: Path) -> None:
    with open_upload(write(tmp_path, as_zip({"a/h.json": HISTORY, "b/h.json": HISTORY}))) as upload:
        assert upload.members == ("a/h.json", "b/h.json")


def test_names_with_line_breaks_and_escapes_are_made_printable(tmp_path: Path) -> None:
    with open_upload(write(tmp_path, as_zip({"a\n\x1b[31m\u202e.json": HISTORY}))) as upload:
        assert upload.members == ("a\ufffd\ufffd[31m\ufffd.json",)


def test_a_zip_without_history_is_refused(tmp_path: Path) -> None:
    ask = 'request "Extended streaming history" at spotify.com/account/privacy and import what Spotify sends'
    for content in (as_zip({}), as_zip({"a.json": b"{}", "b.txt": b""})):
        assert refusal(tmp_path, content, NotAnExport) == f"z.zip: holds no listening history; {ask}"


@pytest.mark.parametrize(
    ("kind", "content", "line"),
    [
        (EmptyFile, b"", f"is empty; {AGAIN}"),
        (NotJson, b"\xff\xd8", f"byte 1: not JSON (it starts with the byte 0xff); {AGAIN}"),
        (TruncatedJson, b"[{", f"is cut off in row 1 (byte 2 is the last); {AGAIN}"),
        (TruncatedJson, HISTORY[:-2], f"is cut off after row 3 (byte {len(HISTORY) - 2:,} is the last); {AGAIN}"),
        (
            WrongEncoding,
            HISTORY.decode().encode("utf-16"),
            "is in UTF-16, but Spotify sends UTF-8; import the unchanged file",
        ),
    ],
)
def test_a_broken_history_beside_a_good_one_is_refused_by_name(
    tmp_path: Path, kind: type[ExportError], content: bytes, line: str
) -> None:
    packed = as_zip({"MyData/endsong_0.json": HISTORY, "MyData/endsong_1.json": content})
    assert refusal(tmp_path, packed, kind) == f"z.zip: endsong_1.json: {line}"


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    line = "z.zip: is encrypted; unpack it with its password and import the JSON files"
    assert refusal(tmp_path, encrypted(as_zip({"h.json": HISTORY})), EncryptedZip) == line


@pytest.mark.parametrize(("method", "number"), [(ZIP_BZIP2, 12), (ZIP_LZMA, 14)])
def test_a_compression_without_a_size_limit_is_refused(tmp_path: Path, method: int, number: int) -> None:
    line = (
        f"z.zip: h.json: is compressed with method {number}, which is not read; "
        "unpack it yourself and import the JSON files"
    )
    assert refusal(tmp_path, as_zip({"h.json": HISTORY}, method), UnsupportedZip) == line


def test_a_file_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    content = as_zip({"h.json": HISTORY}, ZIP_STORED).replace(b'"Song"', b'"Sing"', 1)
    line = f"z.zip: h.json: the ZIP is damaged here (Bad CRC-32 for file 'h.json'); {COPY}"
    assert refusal(tmp_path, content, DamagedZip) == line


def test_a_zip_with_bytes_before_it_is_read(tmp_path: Path) -> None:
    assert len(read(write(tmp_path, b"#!/bin/sh\n" + as_zip({"h.json": HISTORY}))).plays) == 3


def test_a_cut_off_zip_is_not_mistaken_for_the_zip_inside_it(tmp_path: Path) -> None:
    nested = as_zip({"h.json": HISTORY})
    content = as_zip([("h.json", HISTORY), ("in.zip", nested)], ZIP_STORED)
    cut = content[: content.index(nested) + len(nested)]
    line = f"z.zip: the ZIP is cut off (the table of contents at its end is missing); {COPY}"
    assert refusal(tmp_path, cut, DamagedZip) == line


@pytest.mark.parametrize(
    ("limits", "content", "line"),
    [
        (
            DEFAULT_LIMITS,
            as_zip({"h.json": HUGE}),
            f"h.json: unpacks to more than 200 times its size, as ZIP bombs do; {TRUST.format('MYI_ZIP_MAX_RATIO')}",
        ),
        (
            Limits(max_bytes=1_000_000, max_ratio=1e9),
            as_zip({"h.json": HUGE}),
            f"h.json: unpacks to more than 1,000,000 bytes; {TRUST.format('MYI_ZIP_MAX_BYTES')}",
        ),
        (
            Limits(max_bytes=3_000_000, max_ratio=1e9),
            as_zip({"h.json": HUGE, "i.json": HUGE}),
            f"unpacks to more than 3,000,000 bytes; {TRUST.format('MYI_ZIP_MAX_BYTES')}",
        ),
        (
            DEFAULT_LIMITS,
            as_zip({f"{number}.json": b"" for number in range(2_001)}),
            f"holds more than 2,000 files; {TRUST.format('MYI_ZIP_MAX_MEMBERS')}",
        ),
        (
            Limits(max_members=1),
            as_zip({"a.json": HISTORY, "b.json": HISTORY}),
            f"holds more than 1 files; {TRUST.format('MYI_ZIP_MAX_MEMBERS')}",
        ),
    ],
)
def test_a_zip_over_the_limits_is_refused(tmp_path: Path, limits: Limits, content: bytes, line: str) -> None:
    assert refusal(tmp_path, content, ZipTooBig, limits) == f"z.zip: {line}"


def test_limits_can_be_raised_for_a_trusted_zip(tmp_path: Path) -> None:
    assert len(read(write(tmp_path, as_zip({"h.json": HUGE})), Limits(max_ratio=10_000)).plays) == 3


def test_a_zip_with_a_too_small_declared_size_yields_only_that_size(tmp_path: Path) -> None:
    line = refusal(tmp_path, with_sizes(as_zip({"h.json": HUGE}), 5_000), DamagedZip)
    assert line == f"z.zip: h.json: the ZIP is damaged here (Bad CRC-32 for file 'h.json'); {COPY}"


@pytest.mark.parametrize(
    ("limits", "line"),
    [
        (Limits(max_bytes=1_000), f"unpacks to more than 1,000 bytes; {TRUST.format('MYI_ZIP_MAX_BYTES')}"),
        (
            Limits(max_ratio=2),
            f"unpacks to more than 2 times its size, as ZIP bombs do; {TRUST.format('MYI_ZIP_MAX_RATIO')}",
        ),
    ],
)
def test_limits_also_apply_during_unpacking(tmp_path: Path, limits: Limits, line: str) -> None:
    path = write(tmp_path, as_zip({"h.json": HISTORY}))
    with path.open("rb") as file:
        [member] = open_zip(file, "z.zip", path.stat().st_size, Declared("z.zip", 1_000, DEFAULT_LIMITS))
        with member.open(UnpackBudget("z.zip", 500, limits)) as stream, pytest.raises(ZipTooBig) as refused:
            list(iter(lambda: stream.read(100), b""))
    assert str(refused.value) == f"z.zip: {line}"


def test_a_zip_bomb_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    packed = BytesIO()
    with ZipFile(packed, "w") as archive, archive.open(ZipInfo("h.json"), "w") as file:
        file.write(HISTORY[:-1])
    info = ZipInfo("bomb.json")
    info.compress_type = 8
    with ZipFile(packed, "a") as archive, archive.open(info, "w") as file:
        for _ in range(64):
            file.write(b" " * 1_000_000)
    path = write(tmp_path, packed.getvalue())
    tracemalloc.start()
    try:
        with pytest.raises(ZipTooBig):
            open_upload(path)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_table_of_contents_with_an_enormous_declared_size_is_not_read(tmp_path: Path) -> None:
    content = bytearray(as_zip({"h.json": HISTORY}))
    struct.pack_into("<L", content, len(content) - 22 + 12, 0x7FFFFFFF)
    line = f"z.zip: holds more than 2,000 files; {TRUST.format('MYI_ZIP_MAX_MEMBERS')}"
    assert refusal(tmp_path, bytes(content), ZipTooBig) == line
