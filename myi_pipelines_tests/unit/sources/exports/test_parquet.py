"""The history that MYI exports as Parquet is read, and every other Parquet file is one clear line."""

import gzip
import random
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from myi_pipelines.sources.exports import (
    UNDATED,
    Context,
    DamagedParquet,
    ExportError,
    Kind,
    Limits,
    NotOurParquet,
    Play,
    Track,
    open_upload,
    submitted_play,
)
from myi_pipelines.sources.exports.myi_history import INSTANTS
from myi_pipelines_tests.support.export_rows import ID, as_zip, read
from myi_pipelines_tests.support.service_rows import as_lines

AT = datetime(2024, 5, 1, 10, 0, 0, 123_456, tzinfo=UTC)
MINUTE = AT.replace(second=0, microsecond=0)
SONG = Track(ID, "Song", "Band", "Record")
CONTEXT = Context("ios", "DE", "trackdone", None, False, None, False, True)
INSTANT = pa.timestamp("us", tz="UTC")
PLAYS = (
    Play(SONG, CONTEXT, AT, AT, 214_001),
    Play(SONG, CONTEXT._replace(offline=True), AT + timedelta(days=3), AT, 214_001, 214),
    Play(SONG, CONTEXT._replace(offline=True), AT, AT, 214_001, UNDATED),
    Play(SONG, Context(*[None] * 8), AT, AT, 0, 300),
    Play(Track(ID, "Episode", "Show", None, Kind.EPISODE), CONTEXT, AT, AT, 1),
    Play(Track(None, None, "Author", "Book", Kind.CHAPTER), CONTEXT, AT, AT, 1),
    Play(Track(None, None, None, None, Kind.UNIDENTIFIED), CONTEXT, AT, AT, 1),
    Play(Track(None, "Song", "Band", None), None, MINUTE, MINUTE, 5),
    Play(Track(None, "Song", "Band", None), None, AT, AT, None),
    submitted_play(Track(None, "'=Song", "Band", None), AT.replace(microsecond=0), 200),
    submitted_play(SONG, datetime(2003, 1, 1, tzinfo=UTC), 200, 150_900),
    submitted_play(SONG, AT.replace(microsecond=0), None),
    Play(SONG, None, AT, AT, 180_017, UNDATED),
)  # fmt: skip
"""One of each kind."""


def row_of(play: Play) -> dict[str, Any]:
    told_by = "extended" if play.context else "account"
    if not play.context and play.elapsed_s is not None:
        told_by = "polled" if play.elapsed_s == UNDATED else "submitted"
    track = dict(zip(("spotify_id", "track_name", "artist_name", "album_name", "kind"), play.track, strict=True))
    heard = dict(play.context._asdict() if play.context else dict.fromkeys(Context._fields))
    times = {"played_at": play.played_at, "stopped_at": play.stopped_at}
    lengths = {"ms_played": play.ms_played, "elapsed_s": play.elapsed_s}
    return {"told_by": told_by, **times, **lengths, **track, "kind": str(play.track.kind), **heard}


SCHEMA = pa.schema(
    {name: pa.string() for name in row_of(PLAYS[0])}
    | {"played_at": INSTANT, "stopped_at": INSTANT, "ms_played": pa.int32(), "elapsed_s": pa.int32()}
    | {name: pa.bool_() for name in ("shuffle", "skipped", "offline", "incognito")}
)


def parquet(table: pa.Table, **options: Any) -> bytes:
    pq.write_table(table, stream := BytesIO(), **{"compression": "zstd", "write_page_checksum": True, **options})
    return stream.getvalue()


def history(rows: Any = PLAYS, changes: Mapping[str, Any] | None = None) -> bytes:
    """A file as `myi export` writes it; ``changes`` are other columns."""
    table = pa.Table.from_pylist([row_of(play) for play in rows], schema=SCHEMA)
    for name, values in (changes or {}).items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return parquet(table)


def written(folder: Path, content: bytes, name: str = "export") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def line(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(ExportError) as caught, open_upload(path, limits or Limits()) as upload:
        for _ in upload.batches():
            pass
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 600
    return text


def test_every_kind_of_play_is_read_as_it_landed(tmp_path: Path) -> None:
    found = read(written(tmp_path, history()))
    assert found.plays == list(PLAYS)
    assert not found.rejected
    assert found.cleaned == 0


def test_a_history_without_a_play_is_one_too(tmp_path: Path) -> None:
    assert read(written(tmp_path, history(()))).plays == []


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_it_is_found_in_a_zip_beside_what_else_an_export_holds(tmp_path: Path, method: int) -> None:
    part = parquet(pa.table({"track": ["Song"]}).replace_schema_metadata({"myi.table": "plays"}))
    other = parquet(pa.table({"a": [1]}))
    files = {"plays.parquet": part, "history.parquet": history(), "other.parquet": other}
    with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    found = read(tmp_path / "x.zip")
    assert found.plays == list(PLAYS)
    assert found.notes == ["x.zip: passed over 1 file that holds no listening history: other.parquet"]
    inner = as_zip([("in.zip", (tmp_path / "x.zip").read_bytes())])
    assert read(written(tmp_path, inner, "outer.zip")).plays == list(PLAYS)


def test_it_may_be_packed_with_gzip(tmp_path: Path) -> None:
    assert read(written(tmp_path, gzip.compress(history()))).plays == list(PLAYS)


def test_another_program_may_have_written_it_again(tmp_path: Path) -> None:
    """Without MYI's marks, with columns in another order, one more, and larger numbers."""
    table = pa.Table.from_pylist([row_of(play) for play in PLAYS], schema=SCHEMA)
    table = table.select(sorted(table.column_names)).append_column("more", pa.array([1] * len(PLAYS)))
    table = table.set_column(
        table.schema.get_field_index("ms_played"), "ms_played", table["ms_played"].cast(pa.int64())
    )
    assert read(written(tmp_path, parquet(table, compression="snappy", write_page_checksum=False))).plays == list(PLAYS)


def test_another_parquet_file_is_named_as_what_it_is(tmp_path: Path) -> None:
    other = parquet(pa.table({"played_at": [1], "track": ["Song"]}))
    assert line(written(tmp_path, other)) == (
        "export: is a Parquet file, but no history that MYI wrote; what is read of that kind is history.parquet, "
        "which `myi export` writes"
    )
    part = parquet(pa.table({"played_at": [1]}).replace_schema_metadata({"myi.table": "tables/listening_events"}))
    assert line(written(tmp_path, part)) == (
        "export: is a part of an export of MYI (tables/listening_events) that is not read; import history.parquet, "
        "which lies beside it, or the whole export"
    )
    for content in (other, part):
        with pytest.raises(NotOurParquet) as caught:
            open_upload(written(tmp_path, content))
        assert caught.value.is_no_history


@pytest.mark.parametrize(
    ("changes", "reason", "note"),
    [
        ({"told_by": "rumour"}, "malformed", "told_by is \"rumour\" (expected extended, account, submitted, polled)"),
        ({"played_at": None}, "bad_timestamp", "played_at is missing or null (expected a time)"),
        ({"played_at": 2**62}, "bad_timestamp", f"played_at is {2**62} (expected a time)"),
        ({"played_at": 0}, "bad_timestamp",
         "played_at is 1970-01-01 00:00:00+00:00 (expected 2008-10-01 to tomorrow)"),
        ({"played_at": 4_102_444_800_000_000}, "future",
         "played_at is 2100-01-01 00:00:00+00:00 (expected 2008-10-01 to tomorrow)"),
        ({"stopped_at": 1_600_000_000_000_000}, "malformed", "stopped_at lies more than 31 days from played_at"),
        ({"ms_played": None}, "malformed", "ms_played is missing or null (expected a whole number)"),
        ({"ms_played": -1}, "malformed", "ms_played is -1 (expected 0 to 86,400,000)"),
        ({"elapsed_s": -2}, "malformed", "elapsed_s is -2, which is not possible with its times"),
        ({"kind": "SONG"}, "malformed",
         "kind is \"SONG\" (expected TRACK, EPISODE, CHAPTER, VIDEO, UNIDENTIFIED)"),
        ({"spotify_id": "x"}, "malformed", "spotify_id is \"x\" (expected 22 letters and digits)"),
        ({"spotify_id": None, "track_name": "\0"}, "malformed", "the name of the track is missing"),
        ({"told_by": "submitted"}, "malformed",
         "elapsed_s is missing or null, which is not possible with its times"),
        ({"told_by": "polled", "elapsed_s": -1, "ms_played": 0}, "malformed",
         "ms_played is 0, but of a polled play the length of the track"),
        ({"told_by": "polled", "elapsed_s": -1, "kind": "EPISODE"}, "malformed",
         "kind is EPISODE, but told_by is polled"),
        ({"told_by": "polled", "elapsed_s": -1, "spotify_id": None}, "malformed",
         "spotify_id is missing, but told_by is polled"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_play_is_counted_by_its_reason(
    tmp_path: Path, changes: dict[str, Any], reason: str, note: str
) -> None:
    """As lines, which the rows of a Parquet file become."""
    at = {name: (AT - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for name in INSTANTS}
    found = read(written(tmp_path, as_lines([{**row_of(PLAYS[0]), **at, **changes}, {**row_of(PLAYS[0]), **at}])))
    assert found.plays == [PLAYS[0]]
    assert found.rejected == {reason: 1}
    assert found.notes == [f"export: row 1: {note}"]


def test_names_are_cleaned(tmp_path: Path) -> None:
    names = pa.array(["Song\0", "Song", "  "] + ["Song"] * (len(PLAYS) - 3))
    found = read(written(tmp_path, history(changes={"track_name": names})))
    assert found.cleaned == 2
    assert found.plays[0].track == SONG


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        ("track_name", pa.array([["a"]] * 13), "the values of track_name are list<element: string>"),
        ("ms_played", pa.array([0.5] * 13), "the values of ms_played are double"),
        ("track_name", pa.array(["x" * 20_000] * 13), "a text in track_name has 20,000 bytes"),
    ],
)
def test_columns_of_other_types_are_one_line(tmp_path: Path, column: str, values: pa.Array, why: str) -> None:
    text = line(written(tmp_path, history(changes={column: values})))
    assert text.startswith("export: the Parquet file is damaged (")
    assert why in text
    assert text.endswith("; export, download or copy it again")


def test_a_bomb_is_refused_within_the_limits(tmp_path: Path) -> None:
    rows = 1_000_000
    columns = {
        "told_by": pa.array(["extended"] * rows),
        "played_at": pa.array([0] * rows, INSTANT),
        "ms_played": pa.array([0] * rows, pa.int32()),
        "elapsed_s": pa.array([0] * rows, pa.int32()),
        "kind": pa.array(["TRACK"] * rows),
    }
    path = written(tmp_path, parquet(pa.table(columns)))
    assert line(path).startswith("export: unpacks to more than 200 times its size, as ZIP bombs do; if you trust the")
    assert "MYI_ZIP_MAX_BYTES" in line(path, Limits(max_bytes=100_000))


def test_a_text_that_repeats_costs_no_memory(tmp_path: Path) -> None:
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), ["x" * 50_000_000])
    rows = [PLAYS[0]] * 100_000
    table = pa.Table.from_pylist([row_of(play) for play in rows[:1]], schema=SCHEMA)
    table = pa.concat_tables([table] * 100_000).combine_chunks()
    table = table.set_column(table.schema.get_field_index("track_name"), "track_name", long)
    path = written(tmp_path, parquet(table, write_statistics=False))
    assert "a text in track_name has 50,000,000 bytes" in line(path)


def test_damaged_files_are_one_line_each(tmp_path: Path) -> None:
    """Nothing is read that the file does not say: MYI writes checksums."""
    whole, chance = history(), random.Random(1)
    seen: set[type[ExportError]] = set()
    lines: list[str] = []
    for number in range(15):
        damaged = bytearray(whole)
        match number % 5:
            case 0:
                damaged = damaged[: chance.randrange(4, len(whole))]
            case 1:
                damaged[chance.randrange(4, len(whole))] ^= 1 << chance.randrange(8)
            case 2:
                del damaged[(at := chance.randrange(4, len(whole) - 9)) : at + 4]
            case 3:  # in the footer
                damaged[len(whole) - 9 - chance.randrange(1_500)] ^= 1 << chance.randrange(8)
            case _:
                damaged[-8:-4] = chance.randbytes(4)
        path = written(tmp_path, bytes(damaged))
        try:
            plays = read(path).plays
        except ExportError as error:
            seen.add(type(error))
            lines.append(str(error))
        else:
            assert plays == list(PLAYS)
    assert all(line.isprintable() and len(line) < 600 for line in lines)
    assert DamagedParquet in seen
    assert seen <= {DamagedParquet, NotOurParquet}


def test_what_ends_the_reading_process_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myi_pipelines.sources.exports.parquet_reader.__name__", "myi_pipelines.no_such_module")
    assert line(written(tmp_path, history())) == (
        "export: the Parquet file is damaged (reading it is not possible); export, download or copy it again"
    )


def test_what_reads_other_files_does_not_load_pyarrow() -> None:
    code = "import sys, myi_pipelines.sources.exports as e; assert 'pyarrow' not in sys.modules; e.open_upload"
    subprocess.run([sys.executable, "-c", code], check=True)
