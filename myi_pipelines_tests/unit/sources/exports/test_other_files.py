"""Files without history are called what they are. Errors about them say whether they may lie beside histories."""

import json
import struct
from pathlib import Path

import pytest

from myi_pipelines.sources.exports import DamagedZip, ExportError, NotReadHere, SplitZip, open_upload
from myi_pipelines_tests.support.export_rows import as_json, as_zip, extended

HISTORY = as_json([extended()] * 50)
LISTEN = {"listened_at": 1714557600, "track_metadata": {"track_name": "Alder", "artist_name": "Quill Harbor"}}
DAILY = (
    "Country,Track Identifier,Media type,Date Played,Hours,Play Duration Milliseconds,End Reason Type,Source Type,"
    "Play Count,Skip Count,Ignore For Recommendations,Track Reference,Track Description"
)
HEADER = "Apple Id Number,Event Type,Play Duration Milliseconds"


def refusal(folder: Path, content: bytes | str, name: str = "file") -> ExportError:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ExportError) as refused:
        open_upload(path)
    assert "\n" not in str(refused.value)
    return refused.value


@pytest.mark.parametrize(
    ("service", "content"),
    [
        (
            "Last.fm as XML",
            '<?xml version="1.0"?>\n<lfm status="ok"><recenttracks user="anna"><track/></recenttracks></lfm>',
        ),
        ("an audio player (.scrobbler.log)", "#AUDIOSCROBBLER/1.1\n#TZ/UTC\n"),
        ("YouTube", json.dumps([{"header": "YouTube Music", "titleUrl": "https://music.youtube.com/watch?v=1"}])),
        ("Apple Music", f"{HEADER}\n1,PLAY_END,200000\n"),
        ("Apple Music", f"{DAILY}\nUS,1,AUDIO,20240505,8,200000,NATURAL_END_OF_TRACK,ALBUM,1,0,,2,A - B\n"),
        ("Apple Music", "Track Name,Last Played Date,Is User Initiated\nA - B,1714867200000,true\n"),
    ],
)
def test_exports_that_are_not_read_are_named_and_never_passed_over(tmp_path: Path, service: str, content: str) -> None:
    error = refusal(tmp_path, content)
    assert str(error).startswith(f"file: is an export of {service}; it is not read; what is read: Spotify, MYI, Last.f")
    assert type(error) is NotReadHere
    assert not error.is_no_history


@pytest.mark.parametrize("header", ["endTime,artistName,trackName,msPlayed", "ts;platform;ms_played;conn_country"])
def test_a_table_made_of_a_history_is_called_that(tmp_path: Path, header: str) -> None:
    error = refusal(tmp_path, f"{header}\n2024-05-05,a,b,200000\n")
    assert str(error).startswith(
        "file: is a table that was made of a Spotify history; import the JSON files that Spotify"
    )
    assert not error.is_no_history


def test_a_history_filled_up_with_zero_bytes_was_not_copied_whole(tmp_path: Path) -> None:
    (tmp_path / "history.json").write_bytes(HISTORY + bytes(5_000))
    with (
        pytest.raises(ExportError, match="zero bytes after its rows, as if not copied whole"),
        open_upload(tmp_path / "history.json") as upload,
    ):
        list(upload.batches())


def test_an_export_that_is_not_read_is_named_beside_a_history(tmp_path: Path) -> None:
    (tmp_path / "both.zip").write_bytes(as_zip({"h.json": HISTORY, ".scrobbler.log": b"#AUDIOSCROBBLER/1.1\n"}))
    with open_upload(tmp_path / "both.zip") as upload:
        [note] = upload.notes
    assert note.startswith("not read: both.zip: .scrobbler.log: is an export of an audio player")


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("a RAR archive", b"Rar!\x1a\x07\x01\x00"),
        ("a RAR archive", b"Rar!\x1a\x07\x00"),
        ("a 7-Zip archive", b"7z\xbc\xaf\x27\x1c\x00"),
        ("a file packed with xz", b"\xfd7zXZ\x00"),
        ("a file packed with bzip2", b"BZh91AY"),
        ("a file packed with Zstandard", b"\x28\xb5\x2f\xfd"),
        ("a tar archive", bytes(257) + b"ustar\x0000"),
    ],
)
def test_archives_that_are_not_unpacked_are_never_passed_over(tmp_path: Path, what: str, content: bytes) -> None:
    error = refusal(tmp_path, content)
    assert str(error) == f"file: is {what}; unpack it and import what is in it"
    assert not error.is_no_history


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("a PDF document", b"%PDF-1.4\n"),
        ("an image", b"\x89PNG\r\n\x1a\n"),
        ("an XML file", b"<?xml version='1.0'?>"),
        ("a text file", "Grüße\r\n"),
        ("one of the other files of Spotify's account data", "List(Map(street -> 1 Made Up Way))"),
        ("an SQLite database", b"SQLite format 3\x00"),
    ],
)
@pytest.mark.parametrize("name", ["file", "UserAddress.json"])
def test_files_without_history_are_called_what_they_are(tmp_path: Path, what: str, content: bytes, name: str) -> None:
    error = refusal(tmp_path, content, name)
    assert str(error).startswith(f"{name}: is {what}, not a listening history; request")
    assert error.is_no_history


@pytest.mark.parametrize(
    "content", [b"", b"{", b"{}", b"[1, 2]", b"[", b'{"a": 1}\n{"a": 2}', b"\x01\x02", "[]".encode("utf-16"), bytes(99)]
)
def test_any_file_that_nothing_shows_to_be_a_history_may_be_passed_over(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path, content, "Inferences.json").is_no_history
    assert refusal(tmp_path, as_zip({"a.json": content}), "z.zip").is_no_history


@pytest.mark.parametrize("name", ["endsong_0.json", "Streaming_History_Audio_2023.json", "StreamingHistory0.json.json"])
@pytest.mark.parametrize("content", [b"", bytes(99), b"\x01\x02", b"<html>", b"[{"])
def test_a_file_that_is_named_like_a_history_may_not_be_passed_over(tmp_path: Path, content: bytes, name: str) -> None:
    assert not refusal(tmp_path, content, name).is_no_history
    assert not refusal(tmp_path, as_zip({name: content, "h.json": HISTORY}), "z.zip").is_no_history


@pytest.mark.parametrize(
    "content",
    [
        HISTORY[:-100],
        HISTORY[5:],
        HISTORY.decode().encode("utf-16"),
        json.dumps({"scrobbles": [LISTEN]}).encode()[:-30],
        json.dumps(LISTEN).encode()[:-30],
        json.dumps(LISTEN).encode("utf-16"),
    ],
    ids=["cut off", "damaged at its start", "another encoding", "listens cut off", "a line cut off", "UTF-16"],
)
def test_a_broken_history_may_not_be_passed_over_whatever_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "renamed.json"
    path.write_bytes(content)
    with pytest.raises(ExportError) as refused, open_upload(path) as upload:
        list(upload.batches())
    assert not refused.value.is_no_history


def split(content: bytes, at: int, *, parts: tuple[int, int] = (0, 0)) -> tuple[bytes, bytes]:
    """A ZIP in two parts; the numbers of the last one are in the record at its end."""
    end = bytearray(content)
    struct.pack_into("<2H", end, len(end) - 22 + 4, *parts)
    return content[:at], bytes(end[at:])


@pytest.mark.parametrize("parts", [(0, 0), (1, 0), (1, 1)])
@pytest.mark.parametrize("first", ["data.z01", "data.zip.001", "data.Z07"])
def test_the_parts_of_a_split_zip_are_called_that(tmp_path: Path, parts: tuple[int, int], first: str) -> None:
    content = as_zip({"endsong_0.json": as_json([extended(platform=str(number)) for number in range(500)])})
    start, end = split(content, 700, parts=parts)
    together = "cat data.zip.* > whole.zip" if first == "data.zip.001" else "zip -s 0 data.zip --out whole.zip"
    assert str(refusal(tmp_path, start, first)) == (
        f"{first}: is one part of a split ZIP; "
        f"put its parts together (`{together}`, or with 7-Zip) and import the whole"
    )
    error = refusal(tmp_path, end, "data.zip")
    assert type(error) is SplitZip
    assert not error.is_no_history
    assert str(error).startswith(
        "data.zip: is one part of a split ZIP, the last one; put its parts together (`zip -s 0"
    )


def test_the_first_part_of_a_split_zip_is_known_by_its_mark(tmp_path: Path) -> None:
    line = str(refusal(tmp_path, b"PK\x07\x08" + as_zip({"h.json": HISTORY})[:100], "renamed.zip"))
    assert line.startswith("renamed.zip: is one part of a split ZIP; put its parts together")


def test_a_zip_that_was_split_into_one_part_is_read(tmp_path: Path) -> None:
    (tmp_path / "h.zip").write_bytes(b"PK\x07\x08" + as_zip({"h.json": HISTORY}))
    with open_upload(tmp_path / "h.zip") as upload:
        assert sum(batch.rows for batch in upload.batches()) == 50


def test_a_zip_that_lacks_bytes_in_its_middle_is_damaged_and_not_split(tmp_path: Path) -> None:
    content = as_zip({"a.json": HISTORY, "b.json": HISTORY})
    error = refusal(tmp_path, content[:100] + content[200:], "h.zip")
    assert type(error) is DamagedZip
