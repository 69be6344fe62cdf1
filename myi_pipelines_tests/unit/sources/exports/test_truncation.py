"""A text that ends early is an error, wherever the cut is. It is never read as a history with fewer rows."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED

import msgspec
import pytest

from myi_pipelines.sources.exports import ExportError, NotJson, TruncatedJson
from myi_pipelines.sources.exports.json_stream import row_chunks
from myi_pipelines_tests.support.export_rows import as_zip, extended, read

ROWS = [
    {"a": '},{"a":[', "b": [{"c": {}}, {}]},
    {"a": '\\"]}', "n": -1.5e3, "t": True},
    [{"a": "}"}, "\ud800\0"],
    {"ö夜🎵": {"x": [{}]}, "y": None},
    {},
    "text",
    12,
]


def count_rows(text: bytes, chunk_bytes: int) -> int:
    pieces: Iterator[bytes] = iter([text[at : at + chunk_bytes] for at in range(0, len(text), chunk_bytes)])
    decode = msgspec.json.Decoder(list[dict[str, object]]).decode
    chunks = row_chunks(lambda _: next(pieces, b""), decode, "f", chunk_bytes=chunk_bytes)
    return sum(len(chunk.rows) + len(chunk.untyped) for chunk in chunks)


@pytest.mark.parametrize("chunk_bytes", [1, 7, 64, 10_000])
@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS).encode(),
        json.dumps(ROWS, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        b"\xef\xbb\xbf" + json.dumps(ROWS[:2], separators=(",", ":")).encode() + b" \n",
    ],
)
def test_json_cut_anywhere_is_an_error(text: bytes, chunk_bytes: int) -> None:
    assert count_rows(text, chunk_bytes) in (len(ROWS), 2)
    whole = len(text.rstrip())
    for end in range(whole):
        with pytest.raises(NotJson) as refused:
            count_rows(text[:end], chunk_bytes)
        if end > len(b"\xef\xbb\xbf[") and not text[:end].rstrip().endswith(b"]"):
            assert type(refused.value) is TruncatedJson, text[:end]
    for end in range(whole, len(text)):
        assert count_rows(text[:end], chunk_bytes) == 2


@pytest.mark.parametrize("method", [ZIP_STORED, ZIP_DEFLATED])
def test_a_zip_cut_anywhere_is_an_error(tmp_path: Path, method: int) -> None:
    text = json.dumps([extended(platform=str(number)) for number in range(3)]).encode()
    path = tmp_path / "history.zip"
    content = as_zip({"endsong_0.json": text, "ReadMe.pdf": b"%PDF", "endsong_1.json": text}, method)
    path.write_bytes(content)
    assert read(path).rows == 6
    for end in range(0, len(content), 1 if method == ZIP_DEFLATED else 5):
        path.write_bytes(content[:end])
        with pytest.raises(ExportError) as refused:
            read(path)
        assert "\n" not in str(refused.value)


def test_a_byte_changed_anywhere_in_a_zip_is_an_error_or_changes_no_row(tmp_path: Path) -> None:
    text = json.dumps([extended(platform=str(number)) for number in range(5)]).encode()
    content = as_zip({"endsong_0.json": text})
    path = tmp_path / "history.zip"
    path.write_bytes(content)
    good = read(path).plays
    for at in range(0, len(content), 2):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :])
        with suppress(ExportError):
            assert read(path).plays == good
