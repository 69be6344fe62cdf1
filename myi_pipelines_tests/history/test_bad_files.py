"""A file that is no readable export: one clear line that says which, where, and what to do; nothing is read halfway."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from myi_pipelines.history import HistoryError, Limits, find_uploads, open_upload

ROW = {
    "ts": "2023-01-30T19:46:52Z",
    "ms_played": 60_000,
    "spotify_track_uri": "spotify:track:" + "a" * 22,
    "master_metadata_track_name": "Song",
    "master_metadata_album_artist_name": "Artist",
    "master_metadata_album_album_name": "Album",
}
HISTORY = json.dumps([{**ROW, "ms_played": 1_000 * number} for number in range(10, 60)], indent=2).encode()
AGAIN = "unpack or download a fresh copy of the file and import that"
REQUEST = 'request "Extended streaming history" at spotify.com/account/privacy and import what Spotify sends'


def packed(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def encrypted(archive: bytes) -> bytes:
    """The flags say so; the content need not be, since it is never read."""
    changed = bytearray(archive)
    changed[changed.find(b"PK\x03\x04") + 6] |= 1
    changed[changed.find(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


def corrupted(archive: bytes) -> bytes:
    """One bit of the packed content is another."""
    changed = bytearray(archive)
    changed[len(changed) // 3] ^= 0x10
    return bytes(changed)


ARCHIVE = packed({"Spotify Extended Streaming History/Streaming_History_Audio_2023.json": HISTORY})

BAD_FILES = {
    "words.json": (b"hello world", f'words.json: byte 1: not JSON (it starts with "h"); {AGAIN}'),
    "words.zip": (b"hello", "words.zip: is not a ZIP, though its name says so; download or copy it again"),
    "cut.json": (HISTORY[:700], f"cut.json: is cut off in row 3 (byte 700 is the last); {AGAIN}"),
    "cut.zip": (
        ARCHIVE[:-40],
        "cut.zip: the ZIP is cut off (the table of contents at its end is missing); download or copy it again",
    ),
    "secret.zip": (
        encrypted(ARCHIVE),
        "secret.zip: is encrypted; unpack it with its password and import the JSON files",
    ),
    "other.zip": (
        packed({"Playlist1.json": b'{"playlists": []}'}),
        f"other.zip: holds no listening history; {REQUEST}",
    ),
    "object.json": (
        b'{"a": 1}',
        "object.json: is one JSON object, but a history is an array of rows; import the files that Spotify sent",
    ),
    "nothing.json": (b"", f"nothing.json: is empty; {AGAIN}"),
    "no-rows.json": (b"[]", f"no-rows.json: holds no listening history; {REQUEST}"),
    "wide.json": (
        HISTORY.decode().encode("utf-16"),
        "wide.json: is in UTF-16, but Spotify sends UTF-8; import the unchanged file",
    ),
    "wide-unmarked.json": (
        HISTORY.decode().encode("utf-16-le"),
        "wide-unmarked.json: is in UTF-16, but Spotify sends UTF-8; import the unchanged file",
    ),
    "bomb.zip": (
        packed({"endsong_0.json": b"[" + b" " * 3_000_000 + b"]"}),
        "bomb.zip: endsong_0.json: unpacks to more than 200 times its size, as ZIP bombs do; if you trust the file, "
        "raise MYI_ZIP_MAX_RATIO and import it again",
    ),
    "many.zip": (
        packed({f"{number}.json": b"[]" for number in range(2_001)}),
        "many.zip: holds more than 2,000 files; if you trust the file, raise MYI_ZIP_MAX_MEMBERS and import it again",
    ),
    "nested.zip": (
        packed({"inner.zip": ARCHIVE}),
        "nested.zip: holds no listening history but another ZIP (inner.zip), which is not read; unpack it and import "
        "what is in it",
    ),
    "more.json": (
        HISTORY + b"x",
        f"more.json: byte {len(HISTORY) + 1:,}: more text after the ] that closes the array; keep one array a file, or "
        "import an unchanged copy",
    ),
}


def read(path: Path, limits: Limits | None = None) -> int:
    with open_upload(path, limits or Limits()) as upload:
        return sum(len(batch.plays) for batch in upload.batches())


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, name: str) -> None:
    content, line = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(HistoryError) as raised:
        read(tmp_path / name)
    assert str(raised.value) == line


def test_a_damaged_zip_is_an_error_and_never_fewer_rows(tmp_path: Path) -> None:
    path = tmp_path / "damaged.zip"
    path.write_bytes(corrupted(ARCHIVE))
    with pytest.raises(HistoryError, match=r"^damaged\.zip: ") as raised:
        read(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("end", range(1, len(HISTORY) - 1, 97))
def test_a_json_file_cut_anywhere_is_an_error(tmp_path: Path, end: int) -> None:
    path = tmp_path / "cut.json"
    path.write_bytes(HISTORY[:end])
    with pytest.raises(HistoryError):
        read(path)


@pytest.mark.parametrize("end", range(0, len(ARCHIVE) - 1, 37))
def test_a_zip_cut_anywhere_is_an_error(tmp_path: Path, end: int) -> None:
    path = tmp_path / "cut.zip"
    path.write_bytes(ARCHIVE[:end])
    with pytest.raises(HistoryError):
        read(path)


def test_the_total_size_is_limited_while_reading(tmp_path: Path) -> None:
    path = tmp_path / "big.zip"
    path.write_bytes(ARCHIVE)
    assert read(path) == 50
    with pytest.raises(HistoryError, match="MYI_ZIP_MAX_BYTES"):
        read(path, Limits(max_bytes=1_000))


def test_names_that_lead_out_of_the_folder_write_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "evil.zip").write_bytes(packed({"../../endsong_0.json": HISTORY}))
    assert read(folder / "evil.zip") == 50
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "evil.zip"]


def test_a_file_that_is_missing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"gone\.zip"):
        read(tmp_path / "gone.zip")


def test_a_file_replaced_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(HISTORY)
    other = tmp_path / "other.json"
    other.write_bytes(HISTORY)
    with open_upload(path) as upload:
        batches = upload.batches(batch_rows=10)
        next(batches)
        other.replace(path)
        with pytest.raises(HistoryError, match="changed while it was being read"):
            list(batches)


def test_folders_are_walked_for_their_zips_and_jsons(tmp_path: Path) -> None:
    folder = tmp_path / "MyData"
    folder.mkdir()
    for name in ("endsong_1.json", "endsong_0.json", "ReadMe.pdf"):
        (folder / name).write_bytes(b"[]")
    (tmp_path / "my_spotify_data.zip").write_bytes(ARCHIVE)
    assert [path.name for path in find_uploads([tmp_path])] == [
        "endsong_0.json", "endsong_1.json", "my_spotify_data.zip"
    ]  # fmt: skip
