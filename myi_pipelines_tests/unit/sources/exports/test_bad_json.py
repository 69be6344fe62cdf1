"""A file that cannot be read is refused in one clear line: which file, which row or byte, and what to do."""

import os
import socket
import time
from pathlib import Path

import pytest

from myi_pipelines.sources.exports import (
    EmptyFile,
    ExportError,
    NotAnArray,
    NotAnExport,
    NotAZip,
    NotJson,
    TruncatedJson,
    UnreadableFile,
    WrongEncoding,
    open_upload,
)
from myi_pipelines_tests.support.export_rows import as_json, extended, read

AGAIN = "unpack or download a fresh copy of the file and import that"
ASK_SPOTIFY = 'request "Extended streaming history" at spotify.com/account/privacy and import what Spotify sends'
ONE_ROW = '[{"ts": "2023-01-30T19:46:52Z", "ms_played": 1'
UTF_16 = "f: is in UTF-16, but Spotify sends UTF-8; import the unchanged file"


@pytest.mark.parametrize(
    ("kind", "content", "line"),
    [
        (EmptyFile, b"", f"f: is empty; {AGAIN}"),
        (EmptyFile, b" \n" * 50_000, f"f: is empty; {AGAIN}"),
        (EmptyFile, b"\xef\xbb\xbf", f"f: is empty; {AGAIN}"),
        (NotJson, b"\n \x01", f"f: byte 3: not JSON (it starts with the byte 0x01); {AGAIN}"),
        (NotJson, b"\xa0\xd8\xff\xe0", f"f: byte 1: not JSON (it starts with the byte 0xa0); {AGAIN}"),
        (NotJson, b'"ts": 1', f'f: byte 1: not JSON (it starts with """); {AGAIN}'),
        (
            NotAnArray,
            b'{"name": 1, "ms_played": 2}',
            "f: is one JSON object, but a history is an array of rows; import the files that Spotify sent",
        ),
        (NotAnExport, b"[]", f"f: holds no listening history; {ASK_SPOTIFY}"),
        (NotAnExport, b'[{"name": "a playlist"}, 5]', f"f: holds no listening history; {ASK_SPOTIFY}"),
        (TruncatedJson, b"[", f"f: is cut off in front of row 1 (byte 1 is the last); {AGAIN}"),
        (TruncatedJson, ONE_ROW.encode(), f"f: is cut off in row 1 (byte 46 is the last); {AGAIN}"),
        (TruncatedJson, f"{ONE_ROW}}}".encode(), f"f: is cut off after row 1 (byte 47 is the last); {AGAIN}"),
        (TruncatedJson, f"{ONE_ROW}}},\n".encode(), f"f: is cut off in front of row 2 (byte 49 is the last); {AGAIN}"),
        (
            NotJson,
            f"{ONE_ROW}}} {{}}]".encode(),
            f"f: row 1 (byte 49): not valid JSON (expecting a comma or ] after the row); {AGAIN}",
        ),
        (NotJson, f"{ONE_ROW}}},]".encode(), f"f: row 2 (byte 49): not valid JSON (expecting value); {AGAIN}"),
        (
            NotJson,
            f"{ONE_ROW}}}, {{'ts': 1}}]".encode(),
            f"f: row 2 (byte 51): not valid JSON (expecting property name enclosed in double quotes); {AGAIN}",
        ),
        (
            NotJson,
            f"{ONE_ROW}}}]\n[]".encode(),
            "f: byte 50: more text after the ] that closes the array; "
            "keep one array a file, or import an unchanged copy",
        ),
        (
            NotJson,
            f'{ONE_ROW}}}, {{"x": "{"y" * 5_000_000}"}}]'.encode(),
            f"f: row 2 (byte 49): not valid JSON (no end of the row within 4,194,304 bytes); {AGAIN}",
        ),
        (
            NotJson,
            f'{ONE_ROW}}}, {{"x": {"[" * 100_000}'.encode(),
            f"f: row 2 (byte 50): not valid JSON (nested too deeply); {AGAIN}",
        ),
        (WrongEncoding, f"{ONE_ROW}}}]".encode("utf-16"), UTF_16),
        (WrongEncoding, f"{ONE_ROW}}}]".encode("utf-16-le"), UTF_16),
        (WrongEncoding, f"{ONE_ROW}}}]".encode("utf-16-be"), UTF_16),
        (WrongEncoding, f"{ONE_ROW}}}]".encode("utf-32"), UTF_16.replace("16", "32")),
    ],
)
def test_a_bad_json_file_is_refused_in_one_line(
    tmp_path: Path, kind: type[ExportError], content: bytes, line: str
) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(content)
    with pytest.raises(ExportError) as refused:
        read(path)
    assert str(refused.value) == line.replace("f:", "history.json:", 1)
    assert type(refused.value) is kind


def test_rows_are_numbered_in_errors_wherever_they_are(tmp_path: Path) -> None:
    text = as_json([extended()] * 5_000)
    cut = text[: text.rindex(b'"ts"')]
    path = tmp_path / "history.json"
    path.write_bytes(cut)
    with pytest.raises(TruncatedJson) as refused:
        read(path)
    assert str(refused.value) == f"history.json: is cut off in row 5,000 (byte {len(cut):,} is the last); {AGAIN}"


def test_a_file_named_zip_that_is_not_a_zip_is_refused_as_such(tmp_path: Path) -> None:
    path = tmp_path / "my_spotify_data.zip"
    for content, but in ((b"%PDF-1.7", ", but a PDF document"), (b"\x01\x02", "")):
        path.write_bytes(content)
        with pytest.raises(NotAZip) as refused:
            read(path)
        line = f"my_spotify_data.zip: is not a ZIP, though its name says so{but}; download or copy it again"
        assert str(refused.value) == line


def test_a_missing_file_a_folder_and_a_socket_are_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    with pytest.raises(UnreadableFile) as refused:
        open_upload(missing)
    line = f"{missing}: cannot be read (no such file or directory); check its name and who may read it"
    assert str(refused.value) == line
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        for path in (tmp_path, tmp_path / "s"):
            with pytest.raises(UnreadableFile) as refused:
                open_upload(path)
            assert str(refused.value) == f"{path}: is not a file; name a ZIP or JSON file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(as_json([extended()]))
    path.chmod(0)
    with pytest.raises(UnreadableFile) as refused:
        open_upload(path)
    line = f"{path}: cannot be read (permission denied); check its name and who may read it"
    assert str(refused.value) == line


def test_an_error_is_one_printable_line_for_any_file_name(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a\nb\x1b[31m\xff.json")
    path.write_bytes(b"\x01")
    with pytest.raises(NotJson) as refused:
        read(path)
    line = f"a\ufffdb\ufffd[31m\ufffd.json: byte 1: not JSON (it starts with the byte 0x01); {AGAIN}"
    assert str(refused.value) == line
    with pytest.raises(UnreadableFile) as unreadable:
        open_upload(tmp_path / "a\nb.json")
    assert "\n" not in str(unreadable.value)


STRAY = ",".join(["7"] * 2_000_000)


@pytest.mark.parametrize(
    "content",
    [
        f"[{STRAY}]",
        f'["{"x" * 1_500_000}",{STRAY}]',
        "[{" + ",".join(f'"key {number}": {number}' for number in range(300_000)) + "}]",
        f'[{ONE_ROW[1:]}, "spotify_track_uri": null}},{STRAY}]',
    ],
    ids=["numbers", "a long first row", "a row of many keys", "numbers after a row of a history"],
)
def test_a_huge_file_of_something_else_is_given_up_soon(tmp_path: Path, content: str) -> None:
    path = tmp_path / "huge.json"
    path.write_text(content)
    began = time.process_time()
    with (
        pytest.raises(ExportError, match=r"no listening history|no rows of a|no end of the row"),
        open_upload(path) as upload,
    ):
        for _ in upload.batches():
            pass
    assert time.process_time() - began < 30, "seconds of this process: what reads it all over and over takes longer"
